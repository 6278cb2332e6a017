"""Which segment explains the change: of the answer's share, of the score, or of a feature."""

import math

import numpy as np

from bot.charts import bars
from bot.checks.contract import MOST_ROWS, TOO_FEW, CheckResult
from bot.checks.outcome import outcome_of
from bot.checks.registry import FeatureParams, Question
from bot.checks.windows import features_of, read_sides
from bot.statistics.attribution import Attribution, SegmentEffect, attribute
from bot.statistics.columns import Column, as_numbers, is_numeric
from bot.statistics.shortfall import Shortfall
from bot.statistics.wording import number, percent

LEAST_CHANGE = 0.02
BEYOND_CHANCE = 3.3  # normal quantile of p = .001, two-sided


class SegmentParams(FeatureParams):
    """feature: explain this column's change; without one the answer's. value: which answer's share."""

    value: str | None = None


def run(question: Question) -> CheckResult:
    assert isinstance(question.params, SegmentParams)
    data = question.rows.data
    asked = question.params.feature
    outcome = outcome_of(question, question.params.value) if asked is None else None
    explaining = [name for name in (data.segments or features_of(question)) if name != asked]
    column = asked or (outcome.column if outcome else "")
    sides = read_sides(question, [*explaining, column])
    if isinstance(sides, CheckResult):
        return sides
    then, now = sides.then.columns[column], sides.now.columns[column]
    if outcome is not None:
        then, now, said, share = outcome.of(then), outcome.of(now), outcome.words, outcome.is_share
    else:
        then, now, said, share = _numbers(then), _numbers(now), f"the mean of {column}", False
    found = attribute(
        {name: sides.then.columns[name] for name in explaining if name in sides.then.columns},
        then,
        {name: sides.now.columns[name] for name in explaining},
        now,
    )
    if isinstance(found, Shortfall):
        return sides.answer(TOO_FEW, found.sentence)
    show = percent if share else number
    moved = f"{said} {show(found.reference_mean)} → {show(found.current_mean)}"
    verdict, sentence = _verdict(found, moved, then, now, share=share)
    shown = found.segments[:MOST_ROWS]
    chart = bars(
        [str(one.segment) for one in shown],
        [one.current_mean for one in shown],
        title=sentence,
        highlight=[str(found.culprit.segment)] if found.culprit and verdict == "concentrated" else None,
        percent=share,
        label=said,
    )
    return sides.answer(
        verdict,
        sentence + ".",
        columns=("segment", "rows", "then", "now", "explains"),
        rows=[_row(one, share=share, moved=verdict != "no change") for one in shown],
        data={
            "then": found.reference_mean,
            "now": found.current_mean,
            "segment": str(found.culprit.segment) if found.culprit and verdict == "concentrated" else None,
            "affected": found.culprit.share if found.culprit and verdict == "concentrated" else None,
        },
        png=chart.png,
        alt=chart.alt,
        notes=(f"{found.searched} segments searched; chance corrected for all of them",),
    )


def _verdict(found: Attribution, moved: str, then: Column, now: Column, *, share: bool) -> tuple[str, str]:
    """A change below two points of share, or a tenth of the reference's sigma, or within chance, is none."""
    spread = float(np.nanstd(then)) or 1.0
    error = math.sqrt(sum(float(np.nanvar(side)) / max(1, np.size(side)) for side in (then, now)))
    least = max(LEAST_CHANGE if share else 0.1 * spread, BEYOND_CHANCE * error)
    if abs(found.change) < least:
        return "no change", f"{moved}: no change to explain"
    if found.culprit is None:
        return "spread", f"{moved}: the change is spread over all segments, none explains half of it"
    one = found.culprit
    explains = percent(min(1.0, one.explained))
    return "concentrated", f"{moved}: {one.segment} explains {explains} of it with {percent(one.share)} of the rows"


def _row(one: SegmentEffect, *, share: bool, moved: bool) -> tuple[str, ...]:
    """A segment's part in the change; of no change there are no parts."""
    show = percent if share else number
    part = f"{100 * one.explained:.0f} %" if moved else "–"
    return (str(one.segment), f"{one.current_rows:,}", show(one.mean), show(one.current_mean), part)


def _numbers(values: Column) -> Column:
    if is_numeric(values):
        return as_numbers(values)
    return np.asarray([float(cell is None) for cell in values.tolist()])
