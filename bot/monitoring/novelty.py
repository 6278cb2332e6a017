"""Categories that are new in every window, such as a build's number: how many are new is compared, not which."""

from collections.abc import Sequence

import numpy as np

from bot.data import Frame
from bot.monitoring.windows import Window
from bot.statistics.columns import Column, is_numeric

NEW = "(a value never seen before)"
FEWEST_WINDOWS = 4
LEAST_SHARE = 0.005
HABIT = 0.5


def with_new_categories(
    then: Frame, now: Frame, features: Sequence[str], time: str, window: Window
) -> tuple[Frame, Frame]:
    """Both sides with one name for all new values, in columns where new ones keep coming.

    New ones keep coming when, in half of the reference's windows or more, at least one row in two hundred holds a value
    that no earlier window had. Such a column drifts every day by its names alone, and never by how many are new.
    """
    if not then.rows or then.columns[time].size == 0:
        return then, now
    stamps = np.asarray(then.columns[time]).astype("datetime64[us]")
    start = np.datetime64(window.start.replace(tzinfo=None), "us")
    places = (stamps - start) // np.timedelta64(window.length, "us")
    new_then, new_now = {}, {}
    for name in features:
        column, column_now = then.columns[name], now.columns[name]
        if name == time or is_numeric(column) or is_numeric(column_now):
            continue
        fresh, known = _fresh(column, places)
        if fresh is not None:
            unseen = [not _missing(value) and value not in known for value in column_now.tolist()]
            new_then[name] = np.where(fresh, NEW, column)
            new_now[name] = np.where(np.array(unseen, dtype=np.bool_), NEW, column_now)
    if not new_then:
        return then, now
    return Frame({**then.columns, **new_then}, then.rows), Frame({**now.columns, **new_now}, now.rows)


def _fresh(column: Column, places: Column) -> tuple[Column | None, set[object]]:
    """Which rows hold a value that is new in their window, shape (rows,), when that is a habit; and every value."""
    first: dict[object, int] = {}
    last: dict[object, int] = {}
    values, windows = column.tolist(), places.tolist()
    for value, place in zip(values, windows, strict=True):
        if not _missing(value):
            first[value] = min(place, first.get(value, place))
            last[value] = max(place, last.get(value, place))
    every = sorted(set(windows))
    if len(every) < FEWEST_WINDOWS:
        return None, set()
    begin = every[0]
    fresh = np.fromiter(
        (
            not _missing(value) and first[value] == place and (place != begin or last[value] == begin)
            for value, place in zip(values, windows, strict=True)
        ),
        dtype=np.bool_,
        count=len(values),
    )
    later = [float(fresh[places == place].mean()) for place in every[1:]]
    if np.mean([share >= LEAST_SHARE for share in later]) < HABIT:
        return None, set()
    return fresh, set(first)


def _missing(value: object) -> bool:
    return value is None or value != value  # noqa: PLR0124
