"""How sure the model says it is of its answers, now against the reference, from its score or a probability a class."""

import math
from typing import Any

from pydantic import Field

from bot.charts import distributions
from bot.checks.batches import batches_of
from bot.checks.contract import TOO_FEW, CheckResult
from bot.checks.registry import Params, Question
from bot.checks.windows import Sides, read_sides, span
from bot.core.errors import BotError
from bot.data import Frame
from bot.statistics.columns import count_categories, is_numeric
from bot.statistics.confidence import (
    Confidence,
    ConfidenceChange,
    Level,
    NotChances,
    compare_confidence,
    of_certainty,
    of_probabilities,
    of_score,
)
from bot.statistics.predictions import are_classes
from bot.statistics.shortfall import Shortfall
from bot.statistics.wording import number, percent

USUAL, LESS, MORE = "usual", "less sure", "surer"
TWO = 2
LOW_OF_TWO, LOW_OF_MANY = 0.6, 0.5
NOTE = "sure is what the model says; how often it is then right, `calibration` says once there are labels"


class ConfidenceParams(Params):
    """threshold: rows less sure than this are counted; default .6 for two classes, .5 for more."""

    threshold: float | None = Field(None, gt=0, lt=1)


def run(question: Question) -> CheckResult:
    params, data = question.params, question.rows.data
    assert isinstance(params, ConfidenceParams)
    scores = _score_columns(question)
    sides = read_sides(question, [*scores, *([data.prediction] if data.prediction else []), data.time])
    if isinstance(sides, CheckResult):
        return sides
    lost = [name for name in scores if name not in sides.then.columns]
    if lost:
        raise BotError(
            f"The reference has no column `{lost[0]}`, so there is nothing to compare it with. Add it to the "
            "reference, or leave `data.reference` out to compare with the windows before."
        )
    classes = _classes(question, sides)
    then, now = (_confidence(side, scores, classes) for side in (sides.then, sides.now))
    threshold = params.threshold or (LOW_OF_TWO if now.classes == TWO else LOW_OF_MANY)
    found = compare_confidence(then, now, threshold, batches=batches_of(question, sides))
    if isinstance(found, Shortfall):
        return sides.answer(TOO_FEW, f"{' and '.join(scores[:2])}: {found.sentence}")
    return _answer(sides, then, now, found)


def _score_columns(question: Question) -> list[str]:
    data = question.rows.data
    if len(data.probabilities) >= TWO:
        return data.probabilities
    if data.score is None:
        raise BotError(
            f"Name where {question.model.name} says how sure it is, in muster.yaml: `data.score`, or "
            "`data.probabilities: [a column a class]`."
        )
    return [data.score]


def _classes(question: Question, sides: Sides) -> int:
    """How many classes are answered; two where only a score is known."""
    name = question.rows.data.prediction
    if name is None:
        return TWO
    columns = [side.columns[name] for side in (sides.then, sides.now) if name in side.columns]
    if not are_classes(*columns):
        raise BotError("Answers that are numbers say no chance; ask `predictions` how they moved.")
    return max(TWO, len({one for column in columns for one in count_categories(column)[0]}))


def _confidence(side: Frame, scores: list[str], classes: int) -> Confidence:
    columns = [side.columns[name] for name in scores]
    for name, column in zip(scores, columns, strict=True):
        texts = 0 if is_numeric(column) else sum(count_categories(column)[0].values())
        if texts:
            raise BotError(
                f"`{name}` holds text ({texts:,} rows), so it is no probability. Store the chance as a number."
            )
    if len(columns) >= TWO:
        found = of_probabilities(columns)
    else:
        found = of_score(columns[0]) if classes == TWO else of_certainty(columns[0], classes)
    if isinstance(found, NotChances):
        raise BotError(_no_chances(found, scores))
    return found


def _no_chances(found: NotChances, scores: list[str]) -> str:
    ends = f"{number(found.lowest)} to {number(found.highest)}"
    if found.off_sum:
        return (
            f"The {len(scores)} columns of `data.probabilities` sum to {ends} a row, not to 1, so they are no "
            "probabilities. Name every class's column, each with the chance the model gives."
        )
    return (
        f"`{scores[0]}` runs from {ends}; a probability lies between 0 and 1. Store the chance the model gives, or ask "
        "`predictions` whether the scores moved."
    )


def _answer(sides: Sides, then: Confidence, now: Confidence, found: ConfidenceChange) -> CheckResult:
    finding = _finding(found)
    chart = distributions(then.top[then.known], now.top[now.known], title=finding, label="how sure (1: certain)")
    unknown = now.top.size - found.now.rows
    missing = (f"{unknown:,} of {now.top.size:,} rows have no probability",) if unknown else ()
    return sides.answer(
        {None: USUAL, "less": LESS, "more": MORE}[found.direction],
        f"{finding}, {span(sides.start, sides.end)}.",
        columns=("how sure", "usually", "now"),
        rows=_rows(found),
        data=_data(found, now),
        png=chart.png,
        alt=chart.alt,
        notes=(*missing, NOTE),
    )


def _finding(found: ConfidenceChange) -> str:
    under = percent(found.threshold)
    low_now, low_then = percent(found.low.current.value), percent(found.low.reference.value)
    low = f"{low_now} of answers are under {under} (usually {low_then})"
    mean = f"it is {percent(found.now.top)} sure on average (usually {percent(found.then.top)})"
    lead = {None: "The model is as sure as usual", "less": "The model is less sure", "more": "The model is surer"}
    return f"{lead[found.direction]}: {low}; {mean}"


def _rows(found: ConfidenceChange) -> list[tuple[str, ...]]:
    rows = [
        (f"under {percent(found.threshold)}", percent(found.low.reference.value), percent(found.low.current.value)),
        ("on average", percent(found.then.top), percent(found.now.top)),
    ]
    if not math.isnan(found.now.margin):
        rows += [
            ("ahead of the next class by", percent(found.then.margin), percent(found.now.margin)),
            ("entropy (1: no idea)", number(found.then.entropy), number(found.now.entropy)),
        ]
    return [*rows, ("rows", f"{found.then.rows:,}", f"{found.now.rows:,}")]


def _data(found: ConfidenceChange, now: Confidence) -> dict[str, Any]:
    return {
        "threshold": found.threshold,
        "classes": now.classes,
        "low": {"usually": found.low.reference.value, "now": found.low.current.value},
        "usually": _level(found.then),
        "now": _level(found.now),
        "difference": found.difference,
        "interval": [found.interval.lower, found.interval.upper],
    }


def _level(level: Level) -> dict[str, float | None]:
    found = {"top": level.top, "margin": level.margin, "entropy": level.entropy}
    return {name: None if math.isnan(value) else value for name, value in found.items()}
