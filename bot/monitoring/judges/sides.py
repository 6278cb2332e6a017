"""The two sides of a comparison: the reference and the window, with the columns both have."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bot.catalog.monitors import Reference
from bot.core.errors import BotError
from bot.data import Frame, ModelRows
from bot.monitoring.finding import Finding, State
from bot.monitoring.judges.novelty import with_new_categories
from bot.monitoring.judges.terms import LeftOut, Terms
from bot.monitoring.references import MOST_WEEKS, WEEK, first_whole, reference_of, since_words
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


def read_sides(one: Watched, rows: ModelRows, window: Window, terms: Terms, features: Sequence[str]) -> Sides | Finding:
    """Read the window and what the monitor's reference says it is compared with; a Finding where that can't be yet."""
    data = one.data
    columns = list(dict.fromkeys([data.time, *features, *data.segments]))
    now = rows.window("predictions", window.start, window.end, columns)
    if now.rows == 0:
        return no_rows(one)
    if now.rows < one.monitor.min_rows:
        return Finding(State.TOO_FEW, f"Only {now.rows:,} rows; {one.monitor.min_rows:,} needed.", rows=now.rows)
    if reference_of(one) is Reference.PINNED and terms.comparison.since is None:
        if data.reference is None:
            raise BotError(
                f"Monitor {one.key} is pinned and has no reference. Name its rows as `reference:` under `data:`, or "
                f"accept a baseline: `muster baseline accept {one.key} --since …`."
            )
        wanted = [name for name in columns if name != data.time]
        return Sides(one, rows, window, rows.window("reference", None, None, wanted), now, "reference")
    then, words = _earlier(one, rows, window, terms, columns)
    if then.rows < one.monitor.min_rows:
        needed = f"{then.rows:,} of {one.monitor.min_rows:,} rows to compare with seen"
        sentence = f"Learning: {needed}{since_words(terms.comparison)}."
        return Finding(State.LEARNING, sentence, rows=now.rows)
    then, now = with_new_categories(then, now, features, data.time, window)
    return Sides(one, rows, window, then, now, words + since_words(terms.comparison))


def _earlier(one: Watched, rows: ModelRows, window: Window, terms: Terms, columns: list[str]) -> tuple[Frame, str]:
    """Rows of earlier windows, as far as they may be learnt from, and what these windows are."""
    count, length, since = one.monitor.baseline, window.length, terms.comparison.since
    if reference_of(one) is Reference.SAME_WEEKDAY:
        starts = [window.start - weeks * WEEK for weeks in range(min(MOST_WEEKS, count), 0, -1)]
        kept = [start for start in starts if since is None or start >= since]
        kept = [start for start in kept if not terms.leaves_out(Window(start, start + length))]
        frames = [rows.window("predictions", start, start + length, columns) for start in kept]
        joined = {name: np.concatenate([frame.columns[name] for frame in frames]) for name in columns if frames}
        seen = sum(1 for frame in frames if frame.rows)
        return Frame(joined, sum(frame.rows for frame in frames)), f"the same hours of {seen} weeks before"
    start, end, words = window.start - count * length, window.start, f"up to {count} windows before"
    if since is not None and reference_of(one) is Reference.PINNED:
        start = first_whole(since, length)
        end, words = min(end, start + count * length), f"the first {count} windows"
    elif since is not None:
        start = max(start, first_whole(since, length))
    if start >= end:
        return Frame({}, 0), words
    before = rows.window("predictions", start, end, columns)
    kept_rows = _ordinary(before.columns[one.data.time], Window(start, end), length, terms.leaves_out)
    then = {name: column[kept_rows] for name, column in before.columns.items()}
    return Frame(then, int(kept_rows.sum())), words


def no_rows(one: Watched) -> Finding:
    return Finding(State.NO_DATA, f"{one.model.name} has no rows in this window.")


def stamps_of(times: Column) -> Column:
    return np.asarray(times).astype("datetime64[us]")


def _ordinary(times: Column, span: Window, length: timedelta, left_out: LeftOut) -> Mask:
    stamps = stamps_of(times)
    kept = np.ones(stamps.size, dtype=np.bool_)
    for at in range((span.end - span.start) // length):
        past = Window(span.start + at * length, span.start + (at + 1) * length)
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
