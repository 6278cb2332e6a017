"""Categories that are new in every window, such as a build's number: how many are new is compared, not which."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bot.data import Frame
from bot.monitoring.windows import Window
from bot.statistics.columns import Column, is_numeric
from bot.statistics.relations.encoding import codes_of

NEW = "(a value never seen before)"
FEWEST_WINDOWS = 4
LEAST_SHARE = 0.005
HABIT = 0.5
Mask = NDArray[np.bool_]


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
        fresh = _fresh(column, places)
        if fresh is not None:
            new_then[name] = np.where(fresh, NEW, column)
            new_now[name] = np.where(_unseen(column, column_now), NEW, column_now)
    if not new_then:
        return then, now
    return Frame({**then.columns, **new_then}, then.rows), Frame({**now.columns, **new_now}, now.rows)


def _fresh(column: Column, places: NDArray[np.int64]) -> Mask | None:
    """Which rows hold a value that is new in their window, shape (rows,), when that is a habit."""
    codes, texts = codes_of(column)
    windows, at = np.unique(places, return_inverse=True)
    if windows.size < FEWEST_WINDOWS:
        return None
    first, last = np.full(len(texts), windows.size), np.full(len(texts), -1)
    np.minimum.at(first, codes, at)
    np.maximum.at(last, codes, at)
    fresh = (codes > 0) & (first[codes] == at) & ((at > 0) | (last[codes] == 0))
    shares = np.bincount(at, weights=fresh) / np.bincount(at)
    habit = float(np.mean(shares[1:] >= LEAST_SHARE)) >= HABIT
    return fresh if habit else None


def _unseen(column: Column, column_now: Column) -> Mask:
    """Which rows of the second hold a value that no row of the first does."""
    codes, texts = codes_of(np.concatenate([np.asarray(side, dtype=object) for side in (column, column_now)]))
    known = np.zeros(len(texts), dtype=np.bool_)
    known[codes[: column.size]] = True
    now = codes[column.size :]
    return np.asarray((now > 0) & ~known[now])
