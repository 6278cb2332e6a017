"""Whether scores mean what they say: of rows scored 80 %, are 80 % so? Now, and on the hold-out set."""

import math
from dataclasses import replace

import numpy as np

from bot.charts import Chart, reliability
from bot.checks.contract import NO_DATA, TOO_FEW, CheckResult
from bot.checks.labelled import (
    Kind,
    Labelled,
    Task,
    is_positive,
    labels_of,
    losses_of,
    oriented,
    read_holdout,
    read_now,
    task_of,
    turned_note,
)
from bot.checks.labelled_pair import LEAST_LABELLED, MONTH, NO_LABELS
from bot.checks.registry import Params, Question
from bot.checks.windows import Sides, longer, span, window_of
from bot.core.errors import BotError
from bot.statistics.calibration import Bin, Calibration, Line, calibration
from bot.statistics.columns import Floats
from bot.statistics.rates import Interval
from bot.statistics.shortfall import Shortfall
from bot.statistics.wording import percent

CALIBRATED, TOO_SURE, TOO_TIMID, TOO_HIGH, TOO_LOW = (
    "calibrated",
    "overconfident",
    "underconfident",
    "says too much",
    "says too little",
)
UNKNOWN = "can't tell"
LEAST_ERROR = 0.02
LEAST_LEVEL = math.log(4 / 3)
LEAST_SLOPE = (0.75, 4 / 3)
ROOM = 0.05
SIGMAS = 3.29
SEEN = 0.001
MOST_BINS = 8


class CalibrationParams(Params):
    """value: the class that counts as positive; of more than two classes the score is how sure the model is."""

    value: str | None = None


def run(question: Question) -> CheckResult:
    params, data = question.params, question.rows.data
    assert isinstance(params, CalibrationParams)
    if data.score is None:
        raise BotError(f"Name the column of {question.model.name}'s score in muster.yaml: `data.score`.")
    labels_of(question)
    start, end, notes = window_of(question)
    now = read_now(question, start, end, [])
    then = read_holdout(question, []) if data.holdout else read_now(question, start - MONTH, start, [])
    reference = "the hold-out set" if data.holdout else "the 30 days before"
    sides = Sides(now.frame, then.frame, reference, start, end, (*notes, *now.frame.notes))
    if now.frame.rows == 0:
        return sides.answer(NO_DATA, f"{question.model.name} has no rows {span(start, end)}. {longer(end - start)}")
    known = f"{int(now.known.sum()):,} of {now.frame.rows:,} rows {span(start, end)} have labels"
    if now.share < LEAST_LABELLED:
        return sides.answer(NO_LABELS, f"Only {known} yet. {longer(end - start)}", data={"labelled": now.share})
    task = task_of(question, params.value, then, now)
    if task.kind is Kind.NUMBERS:
        raise BotError("Answers that are numbers say no chance; ask `performance` how far they are off.")
    then, now, turned = oriented(task, then, now)
    sides = replace(sides, notes=(*sides.notes, *turned_note(task, turned=turned)))
    found = _measured(task, now)
    if isinstance(found, Shortfall):
        return sides.answer(TOO_FEW, f"{found.sentence} {longer(end - start)}", data={"labelled": now.share})
    return _answer(task, sides, found, _measured(task, then), known)


def _measured(task: Task, side: Labelled) -> Calibration | Shortfall:
    """Calibration of the rows that have a label and a score. Raises BotError where scores are no chances."""
    assert side.score is not None
    truth = losses_of(task, side) == 0 if task.kind is Kind.MANY else is_positive(task, side)
    score: Floats = np.where(side.known, side.score, np.nan)
    finite = score[np.isfinite(score)]
    if finite.size and (finite.min() < 0 or finite.max() > 1):
        ends = f"{finite.min():.3g} to {finite.max():.3g}"
        raise BotError(f"Scores run from {ends}; chances lie between 0 and 1. Store the chance the model gives.")
    return calibration(score, truth)


def verdict_of(found: Calibration) -> str:
    """The kind of error: of the level of all rows, or of how far apart scores are, whichever is surer.

    Off is what is beyond chance (p < .001) and moves scores: by 2 points on average, or the odds of a rare class by a
    third. Calibrated is what leaves no room for more than 5 points, or for such a slope and level.
    """
    slope, level = found.slope, found.level
    tilt, shift = _sigmas(slope, 1.0), _sigmas(level, 0.0)
    moved = found.error >= LEAST_ERROR
    if shift >= SIGMAS and (moved or abs(level.value) >= LEAST_LEVEL) and shift >= tilt:
        return TOO_HIGH if level.value < 0 else TOO_LOW
    if tilt >= SIGMAS and moved:
        return TOO_SURE if slope.value < 1 else TOO_TIMID
    narrow = _within(slope.interval, *LEAST_SLOPE) and _within(level.interval, -LEAST_LEVEL, LEAST_LEVEL)
    return CALIBRATED if found.interval.upper < ROOM or narrow else UNKNOWN


def _sigmas(line: Line, right: float) -> float:
    return abs(line.value - right) / line.error if 0 < line.error < math.inf else 0.0


def _within(interval: Interval, lower: float, upper: float) -> bool:
    return lower <= interval.lower and interval.upper <= upper


def _answer(task: Task, sides: Sides, found: Calibration, usual: Calibration | Shortfall, known: str) -> CheckResult:
    verdict = verdict_of(found)
    before = None if isinstance(usual, Shortfall) else usual
    what = "right" if task.kind is Kind.MANY else f"`{task.positive}`"
    usually = f", usually {_off(before.error)}" if before else ""
    finding = f"{_finding(found, verdict, what)}; scores are {_off(found.error)} on average{usually}"
    chart = _chart(task, sides, found, before, finding.replace("`", ""))
    room = f" They could be off by up to {_points(found.interval.upper)}. {longer(sides.end - sides.start)}"
    return sides.answer(
        verdict,
        f"{finding}. {known[:1].upper()}{known[1:]}.{room if verdict == UNKNOWN else ''}",
        columns=("said", "was", "between", "rows", "usually was"),
        rows=[_row(one, before) for one in _shown(found.bins)],
        data={
            "error": found.error,
            "interval": [found.interval.lower, found.interval.upper],
            "usual_error": before.error if before else None,
            "slope": found.slope.value,
            "level": found.level.value,
            "said": found.said,
            "share": found.share,
        },
        png=chart.png,
        alt=chart.alt,
        notes=("off on average: the gap between said and was, beyond chance, over all rows",),
    )


def _finding(found: Calibration, verdict: str, what: str) -> str:
    if verdict in {TOO_HIGH, TOO_LOW}:
        return f"Scores say {percent(found.said)} are {what} on average, and {percent(found.share)} are"
    if verdict == CALIBRATED:
        return f"Scores mean what they say: {percent(found.said)} {what} said, {percent(found.share)} are"
    if verdict == UNKNOWN:
        return f"Too few rows to say: {percent(found.said)} {what} said, {percent(found.share)} are"
    worst = max(found.bins, key=lambda one: abs(one.said - one.share) * math.sqrt(one.rows))
    return f"Of the {worst.rows:,} rows said to be {what} with {percent(worst.said)}, {percent(worst.share)} are"


def _off(error: float) -> str:
    return f"off by {_points(error)}" if error >= SEEN else "not off beyond chance"


def _points(share: float) -> str:
    points = f"{100 * share:.0f}" if share >= ROOM else f"{100 * share:.1f}"
    return f"{points} points"


def _shown(bins: tuple[Bin, ...]) -> list[Bin]:
    """At most eight bins, from lowest to highest."""
    if len(bins) <= MOST_BINS:
        return list(bins)
    places = np.unique(np.linspace(0, len(bins) - 1, MOST_BINS).round().astype(int))
    return [bins[place] for place in places]


def _row(one: Bin, before: Calibration | None) -> tuple[str, ...]:
    near = min(before.bins, key=lambda other: abs(other.said - one.said)) if before else None
    ends = f"{percent(one.interval.lower)} to {percent(one.interval.upper)}"
    usual = f"{percent(near.share)} at {percent(near.said)}" if near else "–"
    return (percent(one.said), percent(one.share), ends, f"{one.rows:,}", usual)


def _chart(task: Task, sides: Sides, found: Calibration, before: Calibration | None, title: str) -> Chart:
    def points(one: Calibration) -> list[tuple[float, float, float, float, int]]:
        return [(bin_.said, bin_.share, bin_.interval.lower, bin_.interval.upper, bin_.rows) for bin_ in one.bins]

    return reliability(
        points(found),
        points(before) if before else (),
        title=title,
        label="being right" if task.kind is Kind.MANY else str(task.positive),
        reference_label="hold-out" if sides.reference == "the hold-out set" else "before",
    )
