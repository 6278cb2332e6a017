"""Rows outside the range the reference makes plausible; a change of unit is named."""

from dataclasses import dataclass

import numpy as np

from bot.charts import distributions
from bot.checks.contract import MOST_ROWS, TOO_FEW, CheckResult
from bot.checks.registry import FeatureParams, Question
from bot.checks.windows import Sides, features_of, read_sides, unit_of
from bot.core.errors import BotError
from bot.statistics.columns import Column, as_numbers, is_numeric
from bot.statistics.faults.explain import explain_change
from bot.statistics.faults.hypothesis import SURE, FaultHypothesis, FaultKind
from bot.statistics.ranges import RangeFinding, check_range
from bot.statistics.shortfall import Shortfall
from bot.statistics.texts import holds_numbers
from bot.statistics.wording import number, percent

LEAST_CHANGE = 0.02
MOST_UNJUDGED = 3
UNIT_KINDS = frozenset({FaultKind.SCALED, FaultKind.CONVERTED})


@dataclass(frozen=True, slots=True)
class _Looked:
    feature: str
    finding: RangeFinding
    fault: FaultHypothesis | None
    medians: tuple[float, float]

    @property
    def outside(self) -> bool:
        change = self.finding.outside
        return change.difference >= LEAST_CHANGE and change.p_value < SURE

    @property
    def verdict(self) -> str:
        if self.fault is not None and self.fault.kind in UNIT_KINDS:
            return "unit change"
        return "outside" if self.outside else "ok"


def run(question: Question) -> CheckResult:
    assert isinstance(question.params, FeatureParams)
    asked = question.params.feature
    features = [asked] if asked else features_of(question)
    sides = read_sides(question, features)
    if isinstance(sides, CheckResult):
        return sides
    looked, short, unjudged = [], None, []
    for name in features:
        one = _look(name, sides)
        if isinstance(one, _Looked):
            looked.append(one)
            continue
        short = one or short
        if why := f"{name} has too few values" if one else _changed_type(name, sides):
            unjudged.append(why)
    if not looked:
        if short is not None:
            return sides.answer(TOO_FEW, short.sentence)
        raise BotError(f"{asked or 'No feature'} is not a number; `null_rate` and `drift` work on categories.")
    order = {"unit change": 0, "outside": 1, "ok": 2}
    looked.sort(key=lambda one: (order[one.verdict], -one.finding.outside.difference))
    return _answer(question, sides, looked, "".join(f"; {why}" for why in unjudged[:MOST_UNJUDGED]))


def _look(name: str, sides: Sides) -> _Looked | Shortfall | None:
    then, now = sides.then.columns.get(name), sides.now.columns[name]
    if then is None or not (is_numeric(then) and holds_numbers(now)):
        return None
    now = as_numbers(now)
    finding = check_range(then, now)
    if isinstance(finding, Shortfall):
        return finding
    faults = explain_change(then, now)
    return _Looked(name, finding, faults[0] if faults else None, (_median(then), _median(now)))


def _changed_type(name: str, sides: Sides) -> str:
    """Said of numbers that came as something else; a column that never was a number is none of ours."""
    then = sides.then.columns.get(name)
    return f"{name} is no longer a number, ask `schema`" if then is not None and is_numeric(then) else ""


def _answer(question: Question, sides: Sides, looked: list[_Looked], unjudged: str) -> CheckResult:
    worst = looked[0]
    unit = unit_of(question, worst.feature)
    usual, rate = percent(worst.finding.outside.reference.value), percent(worst.finding.outside.current.value)
    limits = f"{number(worst.finding.plausible.lower)} to {number(worst.finding.plausible.upper)}{unit}"
    medians = f"median {number(worst.medians[0])} → {number(worst.medians[1])}{unit}"
    outside = f"{rate} of rows outside {limits} (usually {usual})"
    if worst.verdict == "ok":
        sentence = f"{worst.feature}: {rate} of rows outside {limits} (usually {usual}); {medians}"
        if len(looked) > 1:
            sentence = f"All {len(looked)} numeric features are in their usual range (worst {sentence})"
    else:
        sentence = f"{worst.feature}: {medians}; {outside}"
        sentence += f"; {worst.fault.sentence}" if worst.fault else ""
    sentence += unjudged
    chart = distributions(
        sides.then.columns[worst.feature],
        sides.now.columns[worst.feature],
        title=sentence,
        label=worst.feature,
        unit=unit.strip() or None,
    )
    fault = worst.fault
    return sides.answer(
        worst.verdict,
        sentence + ".",
        columns=("feature", "outside", "usually", "median then", "now", "finding"),
        rows=[_row(one) for one in looked[:MOST_ROWS]],
        data={
            "feature": worst.feature,
            "outside": worst.finding.outside.current.value,
            "usually": worst.finding.outside.reference.value,
            "fault": {"kind": fault.kind, "factor": fault.factor, "share": fault.share, "undo": fault.undo}
            if fault
            else None,
        },
        png=chart.png,
        alt=chart.alt,
    )


def _row(one: _Looked) -> tuple[str, ...]:
    change = one.finding.outside
    return (
        one.feature,
        percent(change.current.value),
        percent(change.reference.value),
        number(one.medians[0]),
        number(one.medians[1]),
        one.fault.undo if one.fault else one.verdict,
    )


def _median(values: Column) -> float:
    numbers = as_numbers(values)
    finite = numbers[np.isfinite(numbers)]
    return float(np.median(finite)) if finite.size else float("nan")
