"""Which segment explains the change: of the answer's share, of the score, or of a feature."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bot.charts import bars
from bot.checks.contract import MOST_ROWS, TOO_FEW, CheckResult
from bot.checks.outcome import SEEN, outcome_of
from bot.checks.registry import FeatureParams, Question
from bot.checks.windows import MOST_COMPARED, Sides, features_of, read_sides
from bot.data import OutcomeColumn
from bot.statistics.attribution import Attribution, SegmentEffect, attribute, attribute_groups, narrowest
from bot.statistics.columns import Column, as_numbers, category_text
from bot.statistics.groups import Groups, Sums, edges_of, has_fifths
from bot.statistics.shortfall import Shortfall
from bot.statistics.wording import number, percent

LEAST_CHANGE = 0.02
MOST_PAIRED = 5
BEYOND_CHANCE = 3.3  # normal quantile of p = .001, two-sided


class SegmentParams(FeatureParams):
    """feature: explain this column's change; without one the answer's. value: which answer's share."""

    value: str | None = None


def run(question: Question) -> CheckResult:
    assert isinstance(question.params, SegmentParams)
    data = question.rows.data
    asked = question.params.feature
    sides = read_sides(question, [], most=None)
    if isinstance(sides, CheckResult):
        return sides
    outcome = outcome_of(question, question.params.value) if asked is None else None
    explaining = [name for name in (data.segments or features_of(question)) if name != asked]
    column = asked or (outcome.column if outcome else "")
    for name in [*explaining, column]:
        question.rows.is_number("predictions", name)
    if outcome is not None:
        asked_for, said, share = OutcomeColumn(column, outcome.value), outcome.words, outcome.is_share
    elif question.rows.is_number("predictions", column):
        asked_for, said, share = OutcomeColumn(column), f"the mean of {column}", False
    else:
        asked_for, said, share = OutcomeColumn(column, nulls=True), f"missing {column}", True
    then, now = _sums(question, sides, explaining, asked_for)
    found = attribute_groups(then, now)
    if isinstance(found, Shortfall):
        return sides.answer(TOO_FEW, found.sentence)
    show = percent if share else number
    moved = f"{said} {show(found.reference_mean)} → {show(found.current_mean)}"
    notes = [f"{found.searched} segments searched; chance corrected for all of them"]
    if _moved(found, then.whole, now.whole, share=share):
        found, more = _with_pairs(question, sides, found, asked_for, (then.whole.rows, now.whole.rows))
        notes += more
    verdict, sentence = _verdict(found, moved, then.whole, now.whole, share=share)
    shown = found.segments[:MOST_ROWS]
    chart = bars(
        [_label(one) for one in shown],
        [one.current_mean for one in shown],
        title=sentence,
        highlight=[_label(found.culprit)] if found.culprit and verdict == "concentrated" else None,
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
            "interval": _interval(found.culprit) if found.culprit and verdict == "concentrated" else None,
            "affected": found.culprit.share if found.culprit and verdict == "concentrated" else None,
        },
        png=chart.png,
        alt=chart.alt,
        notes=notes,
    )


def _sums(question: Question, sides: Sides, explaining: Sequence[str], outcome: OutcomeColumn) -> tuple[Groups, Groups]:
    """Both windows, summed where the rows lie; numbers in fifths of the reference."""
    rows, against = question.rows, sides.against
    assert against is not None
    known = set(rows.columns(against.part))
    features = [name for name in explaining if name in known]
    numbers = [name for name in features if rows.is_number(against.part, name)]
    sample = rows.window(against.part, against.start, against.end, numbers, most=SEEN).columns if numbers else {}
    edges = {
        name: edges_of(as_numbers(sample[name])) if name in sample and has_fifths(sample[name]) else None
        for name in features
    }
    return (
        rows.groups(against.part, against.start, against.end, edges, outcome),
        rows.groups("predictions", sides.start, sides.end, edges, outcome),
    )


def _with_pairs(
    question: Question, sides: Sides, found: Attribution, outcome: OutcomeColumn, rows: tuple[int, int]
) -> tuple[Attribution, list[str]]:
    """Look at every two of the features that matter most, on the same random rows of both windows."""
    against = sides.against
    assert against is not None
    single = [one.segment.conditions[0][0] for one in found.segments]
    features = list(dict.fromkeys(single))[:MOST_PAIRED]
    if len(features) < 2:  # noqa: PLR2004
        return found, []
    wanted = [*features, outcome.column]
    then = question.rows.window(against.part, against.start, against.end, wanted, most=MOST_COMPARED).columns
    now = question.rows.window("predictions", sides.start, sides.end, wanted, most=MOST_COMPARED).columns
    sampled = attribute(
        {name: then[name] for name in features},
        _outcomes(outcome, then[outcome.column]),
        {name: now[name] for name in features},
        _outcomes(outcome, now[outcome.column]),
        pairs=True,
    )
    pair = narrowest(sampled) if isinstance(sampled, Attribution) else None
    if pair is None or not isinstance(sampled, Attribution):
        return found, [f"every two of {', '.join(features)} looked at too: no pair explains it better"]
    pair = replace(pair, rows=round(pair.reference_share * rows[0]), current_rows=round(pair.share * rows[1]))
    more = f"every two of {', '.join(features)} looked at too, {sampled.searched} segments in all"
    if max(rows) > MOST_COMPARED:
        more += f", on {MOST_COMPARED:,} rows a side"
    return replace(found, segments=(pair, *found.segments), culprit=pair), [more]


def _outcomes(outcome: OutcomeColumn, values: Column) -> Column:
    if outcome.nulls:
        return np.array([cell is None or cell != cell for cell in values.tolist()], dtype=np.float64)  # noqa: PLR0124
    if outcome.value is None:
        return as_numbers(values)
    cells = values.tolist()
    return np.array([np.nan if cell is None else float(category_text(cell) == outcome.value) for cell in cells])


def _moved(found: Attribution, then: Sums, now: Sums, *, share: bool) -> bool:
    """A change below two points of share, or a tenth of the reference's sigma, or within chance, is none."""
    spreads = [math.sqrt(max(0.0, side.about(side.mean).squares / side.rows)) for side in (then, now)]
    error = math.hypot(*(spread / math.sqrt(side.rows) for spread, side in zip(spreads, (then, now), strict=True)))
    return abs(found.change) >= max(LEAST_CHANGE if share else 0.1 * (spreads[0] or 1.0), BEYOND_CHANCE * error)


def _verdict(found: Attribution, moved: str, then: Sums, now: Sums, *, share: bool) -> tuple[str, str]:
    if not _moved(found, then, now, share=share):
        return "no change", f"{moved}: no change to explain"
    if found.culprit is None:
        return "spread", f"{moved}: the change is spread over all segments, none explains half of it"
    one = found.culprit
    explains = percent(min(1.0, one.explained))
    return "concentrated", f"{moved}: {one.segment} explains {explains} of it with {percent(one.share)} of the rows"


def _label(one: SegmentEffect) -> str:
    """A pair as short as it goes: the names of bars are cut."""
    conditions = one.segment.conditions
    return str(one.segment) if len(conditions) == 1 else ", ".join(f"{name}={value}" for name, value in conditions)


def _interval(one: SegmentEffect) -> list[float]:
    """Of the segment's part in the change beyond its fair one, in the outcome's unit; 95 %."""
    return [one.interval.lower, one.interval.upper]


def _row(one: SegmentEffect, *, share: bool, moved: bool) -> tuple[str, ...]:
    """A segment's part in the change; of no change there are no parts."""
    show = percent if share else number
    part = f"{100 * one.explained:.0f} %" if moved else "–"
    return (str(one.segment), f"{one.current_rows:,}", show(one.mean), show(one.current_mean), part)
