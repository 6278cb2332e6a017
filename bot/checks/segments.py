"""Which segment explains the change: of the answer's share, of the score, or of a feature."""

import math
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

import numpy as np

from bot.charts import then_and_now
from bot.checks.contract import MOST_ROWS, TOO_FEW, CheckResult
from bot.checks.outcome import SEEN, outcome_of
from bot.checks.registry import FeatureParams, Question
from bot.checks.windows import MOST_COMPARED, Sides, features_of, read_sides, unit_of
from bot.data import OutcomeColumn
from bot.statistics.attribution import Attribution, SegmentEffect, attribute, attribute_groups
from bot.statistics.columns import Column, as_numbers, category_text
from bot.statistics.groups import Groups, Sums, edges_of, has_fifths, names_of
from bot.statistics.pairs import Pair, Rest, narrowest
from bot.statistics.shortfall import Shortfall
from bot.statistics.wording import number, percent

LEAST_CHANGE = 0.02
MOST_PAIRED = 5
BEYOND_CHANCE = 3.3  # normal quantile of p = .001, two-sided
Shown = TypeVar("Shown", SegmentEffect, Rest)
Edges = Mapping[str, Sequence[float] | None]


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
        expected = data.reference is not None and question.rows.is_number("reference", column)
        asked_for, said, share = OutcomeColumn(column, nulls=True, numbers=expected), f"missing {column}", True
    edges = _edges(question, sides, explaining)
    then, now = _sums(question, sides, edges, asked_for)
    found = attribute_groups(then, now)
    if isinstance(found, Shortfall):
        return sides.answer(TOO_FEW, found.sentence)
    show = percent if share else number
    moved = (
        f"{said} {show(found.reference_mean)} → {show(found.current_mean)}{'' if share else unit_of(question, column)}"
    )
    notes, pair = [f"{found.searched} segments searched; chance corrected for all of them"], None
    if changed := _moved(found, then.whole, now.whole, share=share):
        pair, more = _pair(question, sides, found, asked_for, edges)
        pair = pair and _scaled(pair, (then.whole.rows, now.whole.rows))
        notes += [more] if more else []
    named = (pair.effect if pair else found.culprit) if changed else None
    verdict = "no change" if not changed else "concentrated" if named else "spread"
    sentence = _sentence(moved, changed, named, show)
    shown = _shown(found, pair)
    chart = then_and_now(
        [_short(label) for label, _ in shown],
        [one.mean if one.rows else math.nan for _, one in shown],
        [one.current_mean if one.current_rows else math.nan for _, one in shown],
        title=sentence,
        highlight=[_short(shown[0][0])] if named else (),
        shares=share,
        label=f"{said}{unit_of(question, column) if not share else ''}; what explains most first",
    )
    return sides.answer(
        verdict,
        sentence + ".",
        columns=("segment", "rows", "then", "now", "explains"),
        rows=[_row(label, one, found.change if changed else None, show) for label, one in shown],
        data={
            "then": found.reference_mean,
            "now": found.current_mean,
            "segment": str(named.segment) if named else None,
            "conditions": dict(named.segment.conditions) if named else None,
            "segment_then": named.mean if named else None,
            "segment_now": named.current_mean if named else None,
            "explains": named.explained if named else None,
            "interval": [named.interval.lower, named.interval.upper] if named else None,
            "affected": named.share if named else None,
        },
        png=chart.png,
        alt=chart.alt,
        notes=notes,
    )


def _edges(question: Question, sides: Sides, explaining: Sequence[str]) -> Edges:
    """Numbers are taken in fifths of the reference."""
    rows, against = question.rows, sides.against
    assert against is not None
    known = set(rows.columns(against.part))
    features = [name for name in explaining if name in known]
    numbers = [name for name in features if rows.is_number(against.part, name)]
    sample = rows.window(against.part, against.start, against.end, numbers, most=SEEN).columns if numbers else {}
    return {
        name: edges_of(as_numbers(sample[name])) if name in sample and has_fifths(sample[name]) else None
        for name in features
    }


def _sums(question: Question, sides: Sides, edges: Edges, outcome: OutcomeColumn) -> tuple[Groups, Groups]:
    """Both windows, summed where the rows lie: by a database at once, files are read by every core as it is."""
    rows, against = question.rows, sides.against
    assert against is not None
    with ThreadPoolExecutor(2 if rows.data.database else 1) as pool:
        then = pool.submit(rows.groups, against.part, against.start, against.end, edges, outcome)
        now = pool.submit(rows.groups, "predictions", sides.start, sides.end, edges, outcome)
        return then.result(), now.result()


def _pair(
    question: Question, sides: Sides, found: Attribution, outcome: OutcomeColumn, edges: Edges
) -> tuple[Pair | None, str]:
    """Look at every two of the features that matter most, on the same random rows of both windows."""
    against = sides.against
    assert against is not None
    features = list(dict.fromkeys(one.segment.conditions[0][0] for one in found.segments))[:MOST_PAIRED]
    if len(features) < 2:  # noqa: PLR2004
        return None, ""
    wanted = list(dict.fromkeys([*features, outcome.column]))
    then = question.rows.window(against.part, against.start, against.end, wanted, most=MOST_COMPARED)
    now = question.rows.window("predictions", sides.start, sides.end, wanted, most=MOST_COMPARED)
    sampled = attribute(
        {name: _cut(then.columns[name], edges[name]) for name in features},
        _outcomes(outcome, then.columns[outcome.column]),
        {name: _cut(now.columns[name], edges[name]) for name in features},
        _outcomes(outcome, now.columns[outcome.column]),
        pairs=True,
    )
    if isinstance(sampled, Shortfall):
        return None, ""
    of_two = sum(len(one.segment.conditions) > 1 for one in sampled.segments)
    pair = narrowest(sampled, searched=found.searched + of_two)
    said = f"{of_two} pairs of {', '.join(features)} searched too"
    if max(then.rows, now.rows) == MOST_COMPARED:
        said += f", on {MOST_COMPARED:,} rows a side"
    if pair is None:
        return None, f"{said}: none explains it clearly better"
    return pair, f"{said}; the rest of either condition did not change with it"


def _scaled(pair: Pair, rows: tuple[int, int]) -> Pair:
    """As many rows as the whole windows have, where a sample was looked at."""
    one, two = (_of(rest, rows) for rest in pair.rests)
    return Pair(_of(pair.effect, rows), (one, two))


def _of(one: Shown, rows: tuple[int, int]) -> Shown:
    return replace(one, rows=round(one.reference_share * rows[0]), current_rows=round(one.share * rows[1]))


def _cut(values: Column, edges: Sequence[float] | None) -> Column:
    """Numbers by the part between edges they lie in, as the engine takes them."""
    if edges is None:
        return values
    numbers = as_numbers(values)
    names = np.array(names_of(edges), dtype=object)
    parts: Column = names[np.where(np.isnan(numbers), len(names) - 1, np.searchsorted(edges, numbers, side="right"))]
    return parts


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


def _sentence(moved: str, changed: bool, named: SegmentEffect | None, show: Callable[[float], str]) -> str:  # noqa: FBT001
    if not changed:
        return f"{moved}: no change to explain"
    if named is None:
        return f"{moved}: the change is spread over all segments, none explains half of it"
    there = (
        f"{show(named.mean)} → {show(named.current_mean)} there"
        if abs(named.rate) >= abs(named.mix) and named.rows
        else f"{percent(named.reference_share)} before"
    )
    explains, rows = percent(min(1.0, named.explained)), percent(named.share)
    return f"{moved}: {named.segment} explains {explains} of it with {rows} of the rows ({there})"


def _shown(found: Attribution, pair: Pair | None) -> list[tuple[str, SegmentEffect | Rest]]:
    """The pair, what is left of its halves without it, and the single segments; of the first eight."""
    first: list[tuple[str, SegmentEffect | Rest]] = []
    if pair is not None:
        first = [(str(pair.effect.segment), pair.effect)]
        first += [(f"{one.feature} = {one.value}, other {one.other}", one) for one in pair.rests]
    return [*first, *((str(one.segment), one) for one in found.segments)][:MOST_ROWS]


def _short(label: str) -> str:
    """The names of bars are cut."""
    return label.replace(" = ", "=").replace(" and ", ", ")


def _row(label: str, one: SegmentEffect | Rest, change: float | None, show: Callable[[float], str]) -> tuple[str, ...]:
    """A segment's part in the change, with its interval of 95 %; of no change there are no parts."""
    reach = (one.interval.upper - one.interval.lower) / 2
    part = f"{round(100 * one.explained)} ± {round(100 * reach / abs(change))} %" if change else "–"
    return (label, f"{one.current_rows:,}", show(one.mean), show(one.current_mean), part)
