"""The two sides of a comparison: the reference and the window, with the columns both have."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bot.data import Frame, ModelRows
from bot.monitoring.finding import Finding, State
from bot.monitoring.terms import LeftOut
from bot.monitoring.watched import Watched
from bot.monitoring.windows import Window
from bot.statistics.columns import Column, as_numbers, count_categories, is_numeric

POINTS = 200
MOST_CATEGORIES = 12
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Sides:
    one: Watched
    source: ModelRows
    window: Window
    then: Frame
    now: Frame
    reference: str


def read_sides(
    one: Watched, rows: ModelRows, window: Window, left_out: LeftOut, features: Sequence[str]
) -> Sides | Finding:
    """Read the window and what it is compared with: the configured reference, else the baseline windows before it."""
    data = one.data
    columns = list(dict.fromkeys([data.time, *features, *data.segments]))
    now = rows.window("predictions", window.start, window.end, columns)
    if now.rows == 0:
        return no_rows(one)
    if now.rows < one.monitor.min_rows:
        return Finding(State.TOO_FEW, f"Only {now.rows:,} rows; {one.monitor.min_rows:,} needed.", rows=now.rows)
    if data.reference:
        wanted = [name for name in columns if name != data.time]
        return Sides(one, rows, window, rows.window("reference", None, None, wanted), now, "reference")
    count = one.monitor.baseline
    before = rows.window("predictions", window.start - count * window.length, window.start, columns)
    kept = _ordinary(before.columns[data.time], window, count, left_out)
    then = Frame({name: column[kept] for name, column in before.columns.items()}, int(kept.sum()))
    return Sides(one, rows, window, then, now, f"up to {count} windows before")


def no_rows(one: Watched) -> Finding:
    return Finding(State.NO_DATA, f"{one.model.name} has no rows in this window.")


def stamps_of(times: Column) -> Column:
    return np.asarray(times).astype("datetime64[us]")


def _ordinary(times: Column, window: Window, count: int, left_out: LeftOut) -> Mask:
    stamps = stamps_of(times)
    kept = np.ones(stamps.size, dtype=np.bool_)
    for back in range(1, count + 1):
        past = Window(window.start - back * window.length, window.end - back * window.length)
        if left_out(past):
            start, end = (np.datetime64(moment.replace(tzinfo=None), "us") for moment in (past.start, past.end))
            kept &= (stamps < start) | (stamps >= end)
    return kept


def null_mask(values: Column) -> Mask:
    """Which rows are null: None, NaN, NaT or masked."""
    plain = np.asarray(values)
    if plain.dtype.kind == "f":
        nulls = np.isnan(plain)
    elif plain.dtype.kind in "mM":
        nulls = np.isnat(plain)
    elif plain.dtype.kind == "O":
        missing = (cell is None or cell != cell for cell in plain.tolist())  # noqa: PLR0124
        nulls = np.fromiter(missing, dtype=np.bool_, count=plain.size)
    else:
        nulls = np.zeros(plain.size, dtype=np.bool_)
    return np.asarray(nulls | np.ma.getmaskarray(np.ma.asarray(values)))


def picture(then: Column, now: Column) -> dict[str, Any]:
    """Enough of both distributions to draw them again later, as JSON."""
    sizes = {"then_rows": int(np.size(then)), "now_rows": int(np.size(now))}
    if is_numeric(then) and is_numeric(now):
        return {"numbers": {"then": _quantiles(then), "now": _quantiles(now)}, **sizes}
    return {"shares": {"then": _shares(then), "now": _shares(now)}, **sizes}


def _quantiles(values: Column) -> list[float]:
    numbers = as_numbers(values)
    finite = numbers[np.isfinite(numbers)]
    if finite.size == 0:
        return []
    at = (np.arange(POINTS) + 0.5) / POINTS
    return [float(f"{value:.6g}") for value in np.quantile(finite, at)]


def _shares(values: Column) -> dict[str, float]:
    counts, _ = count_categories(values)
    total = sum(counts.values()) or 1
    largest = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:MOST_CATEGORIES]
    return {name[:60]: size / total for name, size in largest}
