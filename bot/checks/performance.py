"""How good the answers are where labels have come, against the hold-out set or the month before; where they fell."""

import math
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Literal

from pydantic import Field

from bot.catalog.values import format_duration
from bot.charts import Chart, bars, then_and_now
from bot.checks.contract import NO_DATA, TOO_FEW, CheckResult
from bot.checks.labelled import Kind, Task, losses_of
from bot.checks.labelled_pair import MONTH, NO_LABELS, Pair, changes_of, matters, read_pair, segments_of, task_and_pair
from bot.checks.measure_words import POINTS, change_in_words, drop_in_words, loss_in_words, name_of, shown
from bot.checks.registry import Params, Question
from bot.checks.windows import longer, unit_of
from bot.core.errors import BotError
from bot.statistics.attribution import SegmentEffect, attribute
from bot.statistics.faults.hypothesis import SURE
from bot.statistics.performance import (
    LOWER_IS_BETTER,
    Measure,
    PerformanceChange,
    compare_performance,
    rows_to_see_drop,
)
from bot.statistics.ranking import ndcg
from bot.statistics.shortfall import Shortfall
from bot.statistics.wording import percent

HALF = 0.5
WIDER = (timedelta(days=1), timedelta(days=7), MONTH)
LEADING = (Measure.ACCURACY, Measure.MAE, Measure.AUC)
MEASURES_SHOWN, SEGMENTS_SHOWN = 5, 3


class PerformanceParams(Params):
    """measure: the one that decides; default: all. against: `holdout`, or `before`, the 30 days before the window.

    value: the class that counts as positive. drop: the fall not to miss, as a share of the usual value.
    query: for rankings, the column that says which rows were ordered together, judged by NDCG over the first k.
    """

    measure: Measure | None = None
    against: Literal["holdout", "before"] | None = None
    value: str | None = None
    drop: float = Field(0.05, gt=0, lt=1)
    query: str | None = None
    k: int = Field(10, ge=1, le=10_000)


def run(question: Question) -> CheckResult:
    """Answer for the window asked for; where none was, for the shortest that has labels enough."""
    answer = None
    for window in _windows(question):
        params = question.params.model_copy(update={"window": window})
        answer = _answer(replace(question, params=params), widened=answer is not None)
        if answer.verdict not in {NO_DATA, TOO_FEW, NO_LABELS}:
            break
    assert answer is not None
    return answer


def _windows(question: Question) -> Iterator[timedelta]:
    usual = question.params.window or question.rows.data.window
    yield usual
    if question.params.window is None:
        yield from (one for one in WIDER if one > usual)


def _answer(question: Question, *, widened: bool) -> CheckResult:
    params = question.params
    assert isinstance(params, PerformanceParams)
    against = params.against or ("holdout" if question.rows.data.holdout else "before")
    pair = read_pair(question, against, extra=[params.query] if params.query else [])
    if isinstance(pair, CheckResult):
        return pair
    task, pair = task_and_pair(question, params.value, pair)
    changes = ranking_of(pair, params.query, params.k) if params.query else changes_of(task, pair)
    if params.measure:
        changes = _only(params.measure, changes)
    measured = {measure: one for measure, one in changes.items() if isinstance(one, PerformanceChange)}
    if not measured:
        short = next(one for one in changes.values() if isinstance(one, Shortfall))
        return pair.sides.answer(TOO_FEW, f"{short.sentence} {_longer(pair)}", data={"labelled": pair.now.share})
    fallen = {measure: one for measure, one in measured.items() if matters(one)}
    lead = _lead(measured, fallen)
    need = rows_to_see_drop(lead.reference, params.drop * abs(lead.reference.value), alpha=SURE)
    if not fallen and not _holds(lead, params.drop, need):
        return _too_few(pair, lead, params.drop, need)
    return _say(question, task, pair, measured, lead, widened=widened)


def ranking_of(pair: Pair, query: str, k: int) -> dict[Measure, PerformanceChange | Shortfall]:
    """NDCG of both sides: labels are grades, ordered by the score, or by the answer where there is none."""
    found = []
    for side in (pair.then, pair.now):
        if query not in side.frame.columns:
            raise BotError(f"The hold-out set has no column `{query}`; ask with against=before, or add it there.")
        order_by = side.score if side.score is not None else side.answers
        assert order_by is not None
        found.append(ndcg(side.frame.columns[query], side.labels, order_by, k=k))
    return compare_performance(*found)


def _only(
    measure: Measure, changes: dict[Measure, PerformanceChange | Shortfall]
) -> dict[Measure, PerformanceChange | Shortfall]:
    if measure not in changes:
        raise BotError(f"These answers have no {name_of(measure)}; there is measure={', '.join(changes)}.")
    return {measure: changes[measure]}


def _lead(measured: dict[Measure, PerformanceChange], fallen: dict[Measure, PerformanceChange]) -> PerformanceChange:
    """The measure that says it in the plainest words, of those that fell."""
    among = fallen or measured
    return next((among[measure] for measure in LEADING if measure in among), next(iter(among.values())))


def _holds(lead: PerformanceChange, drop: float, need: int | None) -> bool:
    """There are rows enough to have seen the drop, or the interval leaves no room for it."""
    return (need is not None and lead.current.rows >= need) or lead.interval.upper < drop * abs(lead.reference.value)


def _too_few(pair: Pair, lead: PerformanceChange, drop: float, need: int | None) -> CheckResult:
    fall = drop_in_words(lead.reference, drop * abs(lead.reference.value))
    what = "labelled queries" if lead.measure == Measure.NDCG else "labelled rows"
    if need is None:
        have = f"{lead.reference.rows:,} {what} of {pair.sides.reference}"
        sentence = f"{have} are too few to see {fall}, however many rows there are now."
    else:
        sentence = f"{lead.current.rows:,} {what}; {need:,} needed to see {fall}. {_longer(pair)}"
    now = f"So far {shown(lead.measure, lead.current.value)}, usually {shown(lead.measure, lead.reference.value)}."
    data: dict[str, object] = {"have": lead.current.rows, "need": need, "labelled": pair.now.share}
    return pair.sides.answer(TOO_FEW, f"{sentence} {now}", data=data)


def _longer(pair: Pair) -> str:
    return longer(pair.sides.end - pair.sides.start)


def _say(
    question: Question,
    task: Task,
    pair: Pair,
    measured: dict[Measure, PerformanceChange],
    lead: PerformanceChange,
    *,
    widened: bool,
) -> CheckResult:
    fallen = {measure for measure, one in measured.items() if matters(one)}
    unit = unit_of(question, question.rows.data.prediction or "")
    worst = [] if lead.measure == Measure.NDCG else worst_segments(task, pair, segments_of(question))
    finding = change_in_words(task, lead, unit)
    where = ""
    if fallen and worst:
        one = worst[0]
        then, now = (loss_in_words(task, loss, unit) for loss in (one.mean, one.current_mean))
        where = f"; worst where {one.segment}: {now}, usually {then.removesuffix(' right').removeprefix('off by ')}"
    sentence = f"{finding}{where}; {pair.labelled}"
    chart = _chart(task, pair, lead, worst if fallen else [], f"{finding}{where}")
    notes = []
    if pair.now.share < HALF:
        early = (
            f"only {percent(pair.now.share)} of the window is labelled, and what comes early is seldom like the rest"
        )
        notes.append(early)
    if widened:
        length = format_duration(pair.sides.end - pair.sides.start)
        notes.append(f"the window is {length}: it takes that long until labels are enough")
    return pair.sides.answer(
        "fell" if fallen else "holds",
        _capital(sentence) + ".",
        columns=("what", "usually", "now", "rows", "finding"),
        rows=[*_measure_rows(measured, lead), *_segment_rows(task, worst, unit)],
        data={
            "labelled": pair.now.share,
            "measures": {
                str(measure): {
                    "usually": one.reference.value,
                    "now": one.current.value,
                    "interval": [one.current.interval.lower, one.current.interval.upper],
                    "fell": measure in fallen,
                }
                for measure, one in measured.items()
            },
            "segment": str(worst[0].segment) if fallen and worst else None,
            "affected": worst[0].share if fallen and worst else None,
        },
        png=chart.png,
        alt=chart.alt,
        notes=notes,
    )


def _capital(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def worst_segments(task: Task, pair: Pair, segments: list[str]) -> list[SegmentEffect]:
    """Segments that got worse further than the rest did, beyond chance corrected for all searched."""
    names = [name for name in segments if name in pair.then.frame.columns]
    found = attribute(
        {name: pair.then.frame.columns[name] for name in names},
        losses_of(task, pair.then),
        {name: pair.now.frame.columns[name] for name in names},
        losses_of(task, pair.now),
    )
    if isinstance(found, Shortfall):
        return []
    return [one for one in found.segments if one.p_value < SURE and one.current_mean > one.mean and one.lift > 0]


def _measure_rows(measured: dict[Measure, PerformanceChange], lead: PerformanceChange) -> list[tuple[str, ...]]:
    ordered = sorted(measured.values(), key=lambda one: (one is not lead, not matters(one)))
    return [
        (
            name_of(one.measure),
            shown(one.measure, one.reference.value),
            f"{shown(one.measure, one.current.value)} ± {shown(one.measure, _half(one))}",
            f"{one.current.rows:,}",
            ("rose" if one.measure in LOWER_IS_BETTER else "fell") if matters(one) else "holds",
        )
        for one in ordered[:MEASURES_SHOWN]
    ]


def _half(one: PerformanceChange) -> float:
    half = (one.current.interval.upper - one.current.interval.lower) / 2
    return half if math.isfinite(half) else 0.0


def _segment_rows(task: Task, worst: list[SegmentEffect], unit: str) -> list[tuple[str, ...]]:
    return [
        (
            str(one.segment),
            loss_in_words(task, one.mean, unit),
            loss_in_words(task, one.current_mean, unit),
            f"{one.current_rows:,}",
            f"{percent(one.share)} of rows",
        )
        for one in worst[:SEGMENTS_SHOWN]
    ]


def _chart(task: Task, pair: Pair, lead: PerformanceChange, worst: list[SegmentEffect], title: str) -> Chart:
    usual = "hold-out" if pair.sides.reference == "the hold-out set" else "usually"
    title = _capital(title).replace("`", "")
    label = {Measure.ACCURACY: "right answers", Measure.MAE: "mean error"}.get(lead.measure, name_of(lead.measure))
    ends = [(one.interval.lower, one.interval.upper) for one in (lead.reference, lead.current)]
    sides = [lead.reference.value, lead.current.value]
    if worst and lead.measure in {Measure.ACCURACY, Measure.MAE}:
        worst = worst[:SEGMENTS_SHOWN]
        means = [(one.mean, one.current_mean) for one in worst]
        means = means if task.kind is Kind.NUMBERS else [(1 - then, 1 - now) for then, now in means]
        return then_and_now(
            ["all rows", *(str(one.segment) for one in worst)],
            [sides[0], *(then for then, _ in means)],
            [sides[1], *(now for _, now in means)],
            title=title,
            intervals=[ends[1]],
            highlight=[str(one.segment) for one in worst],
            shares=lead.measure in POINTS,
            label=label,
            reference_label=usual,
        )
    return bars(
        [usual, "now"],
        sides,
        title=title,
        intervals=ends,
        highlight=["now"] if worst or matters(lead) else None,
        percent=lead.measure in POINTS,
        label=label,
    )
