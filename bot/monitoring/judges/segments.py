"""Judging every segment of a column at once: one finding that lists those that stand out."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from bot.catalog.monitors import MonitorMetric, Reference
from bot.core.errors import BotError
from bot.data import ModelRows, OutcomeColumn
from bot.data.by_segment import SegmentSums, side_by_side
from bot.monitoring.finding import Finding, State, surprise_of
from bot.monitoring.judges import segment_words as words
from bot.monitoring.judges.segment_words import Listed
from bot.monitoring.judges.terms import Terms
from bot.monitoring.references import (
    LEAST_WEEKS,
    MOST_WEEKS,
    SPARE,
    WEEK,
    first_whole,
    least_windows,
    moment_words,
    since_words,
)
from bot.monitoring.watched import Watched
from bot.monitoring.windows import Window
from bot.statistics.columns import Floats, as_numbers, category_text, is_numeric
from bot.statistics.families import COUNTS, MEANS, SHARES, Family
from bot.statistics.pooling import EXPECTED_COUNT, Flags, Pooled, Standing, pool
from bot.statistics.wording import percent

Places = NDArray[np.int64]
LEAST_ROWS = 10
"""Whatever `min_rows` says, a segment of fewer rows is never named."""
MOST_TOGETHER = 10
NAMED_WRONGLY = 0.01
"""The expected part of the segments named that are in order."""
MOST_SHOWN = 8
LOOKED_AT = 2_000
STEADY = 10.0
"""Degrees of freedom a segment's spread of rows is taken to have from the fleet."""
LEAST_SPREAD = 0.01


@dataclass(frozen=True, slots=True)
class Segments:
    """The windows' sums, the judged one last, and which of them may be learnt from. counted_in: while learning."""

    sums: SegmentSums
    learn: Flags
    least: int
    counted_in: str
    compared: str


@dataclass(frozen=True, slots=True)
class Scaled:
    """What the statistics take. back(places, levels): levels of these segments in the column's own unit."""

    family: Family
    totals: Floats
    sizes: Floats
    centre: float
    unit: Floats

    def back(self, places: Places, levels: Floats) -> Floats:
        return np.asarray(self.centre + self.unit[places] * levels)


def every_segment(one: Watched, rows: ModelRows, window: Window, terms: Terms) -> Finding:
    """Each value of `by` against its own past, after what all did together; one finding for all.

    Raises BotError for a column that isn't there or holds no numbers.
    """
    outcome = _outcome(one, rows, window)
    found = _segments(one, rows, window, terms, outcome)
    size = int(found.sums.rows[:, -1].sum()) if found.sums.names else 0
    counts_rows = one.monitor.metric is MonitorMetric.ROW_COUNT
    if size == 0 and not (counts_rows and found.sums.names):
        return Finding(State.NO_DATA, f"{one.model.name} has no rows in this window.")
    if size < one.monitor.min_rows and not counts_rows:
        return Finding(State.TOO_FEW, f"Only {size:,} rows; {one.monitor.min_rows:,} needed.", rows=size)
    seen = int(np.count_nonzero(found.learn))
    if seen < found.least:
        missing = found.least - seen
        since = terms.comparison.since
        anew = f" since {moment_words(since)} ({terms.comparison.why or 'a new baseline'})" if since else ""
        said = f"Learning: {seen} of {found.least} {found.counted_in} seen{anew}, {missing} to go."
        return Finding(State.LEARNING, said, rows=size, data={"missing": missing})
    scaled = _scaled(one, found)
    pooled = pool(
        scaled.family,
        scaled.totals,
        scaled.sizes,
        found.learn,
        least_rows=EXPECTED_COUNT if counts_rows else max(one.monitor.min_rows, LEAST_ROWS),
        most_windows=MOST_TOGETHER,
        only_rises=one.monitor.metric is MonitorMetric.NULL_RATE,
    )
    return _finding(one, found, scaled, pooled, size, terms)


def _finding(one: Watched, found: Segments, scaled: Scaled, pooled: Pooled, size: int, terms: Terms) -> Finding:
    several = len(found.sums.names) > 1
    alone, together = (
        pooled.chance() if several else 1.0,
        pooled.fleet.p_value if pooled.fleet.matters else 1.0,
    )
    # Either may alarm, so each has half of what the monitor may.
    chance = min(1.0, (2 if several else 1) * min(alone, together))
    places = (
        pooled.named(max(terms.alarm_rate, NAMED_WRONGLY)) if 2 * alone <= terms.alarm_rate else np.zeros(0, np.int64)
    )
    moved = together * (2 if several else 1) <= terms.alarm_rate
    listed = _listed(found, scaled, pooled, places)
    sentence = words.stands_out(one, listed, pooled) if listed else words.none_stands_out(one, pooled)
    if moved:
        usual, now = _fleet_levels(scaled, pooled)
        sentence = words.all_moved(one, pooled, usual, now, listed)
    firing = bool(listed) or moved
    affected = _affected(one, found, pooled, places) if listed and not moved else None
    return Finding(
        State.FIRING if firing else State.OK,
        sentence + words.left_out(one, found.sums),
        rows=size,
        value=float(len(listed)),
        upper=0.0,
        surprise=surprise_of(chance),
        feature=one.monitor.feature,
        segment=f"{one.monitor.by}={listed[0].name}" if listed else None,
        affected=affected,
        reference=found.compared.format(int(np.count_nonzero(found.learn))) + since_words(terms.comparison),
        data={
            "label": f"{words.plural(one)} that stand out",
            "by": one.monitor.by,
            "segments": words.table(one, listed[:MOST_SHOWN]),
            "more": max(0, len(listed) - MOST_SHOWN),
            "judged": pooled.count(Standing.JUDGED),
            "too_small": pooled.count(Standing.SMALL),
            "new": pooled.count(Standing.NEW),
            "gone": pooled.count(Standing.GONE),
        },
    )


def _listed(found: Segments, scaled: Scaled, pooled: Pooled, places: Places) -> list[Listed]:
    at = np.asarray(places, dtype=np.int64)
    usual, now = scaled.back(at, pooled.usual[at]), scaled.back(at, pooled.now[at])
    rows = pooled.now[at] * pooled.sizes[at] if scaled.family is COUNTS else pooled.sizes[at]
    return [
        Listed(found.sums.names[place], float(was), float(is_now), round(float(size)), int(width))
        for place, was, is_now, size, width in zip(at.tolist(), usual, now, rows, pooled.windows[at], strict=True)
    ]


def _fleet_levels(scaled: Scaled, pooled: Pooled) -> tuple[float, float]:
    """Of all segments together, in the column's own unit; of counts, the rows of all."""
    if scaled.family is COUNTS:
        present = float(scaled.sizes[:, -1].sum())
        return pooled.fleet.usual * present, pooled.fleet.now * present
    if scaled.family is MEANS:
        sizes = scaled.sizes[:, -1]
        usual = float(np.average(scaled.centre + scaled.unit * pooled.usual, weights=sizes))
        move = pooled.fleet.now - pooled.fleet.usual
        return usual, usual + move * float(np.average(scaled.unit, weights=sizes))
    return pooled.fleet.usual, pooled.fleet.now


def _affected(one: Watched, found: Segments, pooled: Pooled, places: Places) -> str | None:
    """The named segments' part of the window's rows; of the rows usually expected, where rows are what is counted."""
    rows = pooled.usual if one.monitor.metric is MonitorMetric.ROW_COUNT else found.sums.rows[:, -1]
    whole = float(rows.sum())
    return percent(float(rows[places].sum()) / whole) if whole else None


def _outcome(one: Watched, rows: ModelRows, window: Window) -> OutcomeColumn | None:
    metric, feature = one.monitor.metric, one.monitor.feature
    if metric is MonitorMetric.ROW_COUNT:
        return None
    if metric is MonitorMetric.CLASS_SHARE:
        column = feature or one.data.prediction
        if column is None:
            raise BotError(f"Monitor {one.key}: name the column of the model's answer as `prediction:` under `data:`.")
        return OutcomeColumn(column, category_text(one.monitor.value))
    assert feature is not None  # the configuration asks for it
    if metric is MonitorMetric.NULL_RATE:
        compared = one.data.reference is not None and feature in rows.columns("reference")
        return OutcomeColumn(feature, nulls=True, numbers=compared and rows.is_number("reference", feature))
    cells = rows.window("predictions", window.start, window.end, [feature], most=LOOKED_AT).columns[feature]
    if cells.size and not is_numeric(cells) and not all(cell is None for cell in cells.tolist()):
        raise BotError(f"{feature} holds text, not numbers; watch its classes with class_share.")
    numbers = as_numbers(cells)
    known = numbers[np.isfinite(numbers)]
    return OutcomeColumn(feature, centre=float(np.median(known)) if known.size else 0.0)


def _segments(one: Watched, rows: ModelRows, window: Window, terms: Terms, outcome: OutcomeColumn | None) -> Segments:
    """The windows that the judged one is compared with, and it, as the monitor's reference says."""
    step, baseline, since, by = window.length, one.monitor.baseline, terms.comparison.since, one.monitor.by
    assert by is not None  # or it would be judged as a whole

    def learnable(sums: SegmentSums) -> Flags:
        filled = sums.rows.sum(axis=0) > 0
        return np.asarray(
            [
                bool(some)
                and at < window.start
                and not (since and at < since)
                and not terms.leaves_out(Window(at, at + step))
                for at, some in zip(sums.starts, filled, strict=True)
            ],
            dtype=np.bool_,
        )

    if one.monitor.reference is Reference.SAME_WEEKDAY:
        weeks = range(min(2 * min(MOST_WEEKS, baseline), _weeks(window, since)), -1, -1)
        sums = side_by_side(
            [rows.sums_by(by, outcome, window.start - week * WEEK, window.end - week * WEEK, step) for week in weeks]
        )
        most = min(MOST_WEEKS, baseline)
        learn = _newest(learnable(sums), most)
        return Segments(sums, learn, min(LEAST_WEEKS, most), "weeks at this time", "the same hours of {} weeks before")
    if one.monitor.reference is Reference.PINNED:
        if since is None:
            raise BotError(
                f"Monitor {one.key} is pinned and needs an accepted baseline: "
                f"`muster baseline accept {one.key} --since …`; or use `reference: rolling`."
            )
        first = first_whole(since, step)
        last = min(window.start, first + SPARE * baseline * step)
        recent = max(last, window.start - MOST_TOGETHER * step)
        parts = [rows.sums_by(by, outcome, first, last, step)] if first < last else []
        sums = side_by_side([*parts, rows.sums_by(by, outcome, recent, window.end, step)])
        learn = learnable(sums) & (np.asarray(sums.starts) < last)
        learn &= np.cumsum(learn) <= baseline
        return Segments(sums, learn, least_windows(one), "baseline windows", "their own first {} windows")
    for back in (baseline, SPARE * baseline):
        start = window.start - back * step
        sums = rows.sums_by(by, outcome, start, window.end, step)
        learn = learnable(sums)
        filled = int(np.count_nonzero(sums.rows[:, :-1].sum(axis=0) > 0))
        if np.count_nonzero(learn) >= min(baseline, filled) or (since is not None and start <= since):
            break
    learn = _newest(learn, baseline)
    first_needed = max(0, min(int(learn.argmax()), len(sums.starts) - 1 - MOST_TOGETHER))
    kept = sums.between(sums.starts[first_needed], window.end)
    return Segments(kept, learn[first_needed:], least_windows(one), "baseline windows", "their own {} windows before")


def _weeks(window: Window, since: datetime | None) -> int:
    """How many weeks lie between a new baseline and the window; as many as one likes without one."""
    return max(0, (window.start - since) // WEEK) if since is not None else 2 * MOST_WEEKS


def _newest(learn: Flags, most: int) -> Flags:
    """Only the newest so many."""
    behind = np.cumsum(learn[::-1])[::-1]
    return np.asarray(learn & (behind <= most))


def _scaled(one: Watched, found: Segments) -> Scaled:
    sums = found.sums
    same = np.ones(len(sums.names))
    if one.monitor.metric is MonitorMetric.ROW_COUNT:
        seen = np.maximum.accumulate(sums.rows > 0, axis=1)
        return Scaled(COUNTS, sums.rows, seen.astype(np.float64), 0.0, same)
    if one.monitor.metric is MonitorMetric.MEAN:
        unit = _spreads(sums, found.learn)
        return Scaled(MEANS, sums.totals / unit[:, None], sums.rows, sums.centre, unit)
    return Scaled(SHARES, sums.totals, sums.rows, 0.0, same)


def _spreads(sums: SegmentSums, learn: Flags) -> Floats:
    """A standard deviation of each segment's rows within its windows, steadied by the fleet's where there are few."""
    rows, totals, squares = (side[:, learn] for side in (sums.rows, sums.totals, sums.squares))
    within = (squares - np.divide(totals**2, rows, out=np.zeros_like(totals), where=rows > 0)).sum(axis=1)
    freedom = (rows.sum(axis=1) - (rows > 0).sum(axis=1)).clip(0)
    own = np.maximum(within, 0) / np.maximum(freedom, 1)
    known = own[freedom > STEADY]
    usual = float(np.median(known)) if known.size else float(own.mean()) if own.size else 0.0
    least = max(LEAST_SPREAD * np.sqrt(usual), 1e-9 * max(1.0, abs(sums.centre)))
    found: Floats = np.maximum(np.sqrt((STEADY * usual + freedom * own) / (STEADY + freedom)), least)
    return found
