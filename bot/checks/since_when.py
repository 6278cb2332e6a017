"""When a change began: of the answers, or of one feature."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np

from bot.charts import series
from bot.checks.contract import NO_DATA, TOO_FEW, CheckResult
from bot.checks.outcome import outcome_of
from bot.checks.registry import FeatureParams, Question
from bot.checks.windows import LEAST_ROWS, longer, span, unit_of, window_of
from bot.statistics.changepoint import LEAST_BUCKETS, ChangePoint, change_point
from bot.statistics.columns import Column, Floats, as_numbers, is_numeric
from bot.statistics.faults.hypothesis import SURE
from bot.statistics.wording import count_of, number, percent

BACK = 12
BUCKETS = 144
MOST_READ = 400_000
DAY = timedelta(days=1)
DAYS = 5
LEAST_DAYS = 3
LEAST_LOOK = timedelta(minutes=1)
LARGEST = 1e100  # squares of it are still numbers


class SinceParams(FeatureParams):
    """feature: the column; without one the model's answers. value: which answer's share."""

    value: str | None = None


@dataclass(frozen=True, slots=True)
class _Buckets:
    means: Floats
    rows: Floats


@dataclass(frozen=True, slots=True)
class _Seen:
    """What was looked at; `daily`: against the same hours of the days before."""

    said: str
    start: datetime
    end: datetime
    step: timedelta
    rows: int
    notes: tuple[str, ...]
    share: bool
    daily: bool
    unit: str


def run(question: Question) -> CheckResult:
    assert isinstance(question.params, SinceParams)
    asked = question.params.feature
    shown, end, notes = window_of(question)
    start = end - BACK * (end - shown) if question.params.window is None else shown
    if question.rows.count("predictions", start, end) == 0:
        sentence = f"{question.model.name} has no rows {span(start, end)}. {longer(end - start)}"
        return CheckResult(NO_DATA, sentence, window_start=start, window_end=end, rows_read=0)
    start, whole = _within_history(question, start, end), start
    outcome = outcome_of(question, question.params.value) if asked is None else None
    column = asked or (outcome.column if outcome else "")
    step = (end - start) / BUCKETS
    wanted = [question.rows.data.time, column]
    frame = question.rows.window("predictions", start, end, wanted, most=MOST_READ)
    values = outcome.of(frame.columns[column]) if outcome else _numbers(frame.columns[column])
    share = outcome.is_share if outcome else not is_numeric(frame.columns[column])
    said = outcome.words if outcome else f"mean of {column}" if not share else f"share of {column} missing"
    now = _bucketed(frame.columns[question.rows.data.time], values, start, step)
    filled = int((now.rows > 0).sum())
    if filled < LEAST_BUCKETS or now.rows.sum() < LEAST_ROWS:
        held = f"with a value {span(start, end)}, in {filled} of {BUCKETS} stretches of time"
        sentence = (
            f"Only {count_of(now.rows.sum(), 'row')} {held}: {LEAST_ROWS} in {LEAST_BUCKETS} needed to date a change."
        )
        sentence += f" {longer(end - start)}" if start == whole else ""
        return CheckResult(TOO_FEW, sentence, window_start=start, window_end=end, rows_read=frame.rows)
    usual = _usual(question, column, outcome.of if outcome else _numbers, start, end, step)
    offset = now.means - usual if usual is not None else now.means
    offset = np.where(np.isfinite(offset), offset, now.means - np.nanmean(now.means))
    found = change_point(offset, now.rows)
    seen = _Seen(
        said,
        start,
        end,
        step,
        frame.rows,
        (*notes, *frame.notes),
        share=share,
        daily=usual is not None,
        unit=unit_of(question, column),
    )
    return _answer(found, now, seen)


def _within_history(question: Question, start: datetime, end: datetime) -> datetime:
    """Not before the first row there is: empty time would leave the rest in a few buckets."""
    earliest = question.rows.earliest("predictions")
    return start if earliest is None or end - earliest < LEAST_LOOK else max(start, earliest)


def _numbers(values: Column) -> Floats:
    """A number a row; of text, whether it is missing."""
    if is_numeric(values):
        return as_numbers(values)
    return np.asarray([float(cell is None) for cell in values.tolist()])


def _bucketed(times: Column, values: Floats, start: datetime, step: timedelta) -> _Buckets:
    place = (times.astype("datetime64[us]") - np.datetime64(start.replace(tzinfo=None), "us")) // np.timedelta64(step)
    values = np.clip(values, -LARGEST, LARGEST)
    known = np.isfinite(values) & ~np.isnat(times.astype("datetime64[us]"))
    at = np.clip(place[known].astype(np.int64), 0, BUCKETS - 1)
    rows = np.bincount(at, minlength=BUCKETS).astype(np.float64)
    sums = np.bincount(at, weights=values[known], minlength=BUCKETS)
    with np.errstate(invalid="ignore"):
        return _Buckets(np.where(rows > 0, sums / np.maximum(rows, 1), np.nan), rows)


def _usual(
    question: Question, column: str, of: Callable[[Column], Column], start: datetime, end: datetime, step: timedelta
) -> Floats | None:
    """The median of the same buckets on the days before, where three days have rows; None: no such history."""
    rows, time = question.rows, question.rows.data.time
    earliest = rows.earliest("predictions")
    if earliest is None or end - start > DAY or start - LEAST_DAYS * DAY < earliest:
        return None
    found = []
    for day in range(1, DAYS + 1):
        if start - day * DAY < earliest:
            break
        frame = rows.window("predictions", start - day * DAY, end - day * DAY, [time, column], most=MOST_READ // 4)
        if frame.rows:
            found.append(_bucketed(frame.columns[time], of(frame.columns[column]), start - day * DAY, step).means)
    if len(found) < LEAST_DAYS:
        return None
    stacked = np.asarray(found)
    known = np.isfinite(stacked).sum(axis=0) > 0
    usual = np.full(BUCKETS, np.nan)
    usual[known] = np.nanmedian(stacked[:, known], axis=0)
    return usual


def _answer(found: ChangePoint | None, now: _Buckets, seen: _Seen) -> CheckResult:
    start, end, step, said, share = seen.start, seen.end, seen.step, seen.said, seen.share
    moments = [start + (at + 0.5) * step for at in range(BUCKETS)]
    show = percent if share else number
    began = None
    if found is None or found.p_value >= SURE:
        verdict = "no change"
        sentence = f"{said}: no moment {span(start, end)} from which it is different beyond chance"
    else:
        verdict, began = "since", start + found.at * step
        # It may lie inside the bucket before the split or inside the one after it.
        first, last = start + max(0, found.earliest - 1) * step, min(end, start + (found.latest + 1) * step)
        sure = f" (between {_clock(first, end)} and {_clock(last, end)})"
        unit = "" if share else seen.unit
        levels = [_mean(now, slice(0, found.at)), _mean(now, slice(found.at, None))]
        sentence = f"{said}: {show(levels[0])} → {show(levels[1])}{unit} since {_clock(began, end)} UTC{sure}"
    chart = series(
        moments,
        now.means,
        title=sentence,
        label=f"{said},{seen.unit}" if seen.unit and not share else said,
        marks=[(began, "since")] if began else [],
        percent=share,
    )
    return CheckResult(
        verdict,
        sentence + ".",
        window_start=start,
        window_end=end,
        rows_read=seen.rows,
        reference="the same hours of the days before" if seen.daily else None,
        notes=seen.notes,
        data={
            "since": began.isoformat() if began else None,
            "p": found.p_value if found else None,
            "step_seconds": step.total_seconds(),
        },
        png=chart.png,
        alt=chart.alt,
    )


def _mean(now: _Buckets, part: slice) -> float:
    rows, means = now.rows[part], np.nan_to_num(now.means[part])
    return float((rows * means).sum() / max(1.0, float(rows.sum())))


def _clock(moment: datetime, end: datetime) -> str:
    rounded = moment.replace(microsecond=0)
    return f"{rounded:%H:%M}" if end - moment < DAY else f"{rounded.day} {rounded:%b %H:%M}"
