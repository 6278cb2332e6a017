"""How many rows there are, how many it takes to see a change, and what could be seen with these."""

import math
from dataclasses import dataclass
from datetime import datetime, timedelta

from pydantic import Field

from bot.charts import bars
from bot.checks.contract import MOST_ROWS, NO_DATA, CheckResult
from bot.checks.outcome import outcome_of
from bot.checks.registry import Params, Question
from bot.checks.windows import against_of, features_of, longer, nothing_to_compare, span, window_of
from bot.data import OutcomeColumn
from bot.statistics.drift import rows_to_see_shift, shift_seen_by_rows
from bot.statistics.rates import share_seen_by_rows
from bot.statistics.wording import agree, count_of, number, percent

ENOUGH, TOO_FEW = "enough", "too few rows"
LONGEST, DAYS_FROM = timedelta(days=90), 48


class SampleSizeParams(Params):
    """shift: the smallest shift that matters, in standard deviations of a feature."""

    shift: float = Field(0.25, gt=0, le=5)


def run(question: Question) -> CheckResult:
    assert isinstance(question.params, SampleSizeParams)
    rows, shift = question.rows, question.params.shift
    start, end, notes = window_of(question)
    against = against_of(question, start, end)
    have = rows.count("predictions", start, end)
    then = rows.count(against.part, against.start, against.end)
    features = max(1, len(features_of(question)))
    if not have or not then:
        missing = f"{question.model.name} has no rows {span(start, end)}. {longer(end - start)}"
        return CheckResult(
            NO_DATA, nothing_to_compare(against) if have else missing, window_start=start, window_end=end
        )
    need = rows_to_see_shift(shift, reference_rows=then, features=features)
    seen = shift_seen_by_rows(have, reference_rows=then, features=features)
    parts = _parts(question, start, end)
    verdict = ENOUGH if need is not None and have >= need else TOO_FEW
    asked = (
        f"to see a shift of {number(shift)} sigma in {f'one of {features} features' if features > 1 else 'the feature'}"
    )
    if need is None:
        only = f"{against.words[:1].upper()}{against.words[1:]} has only {count_of(then, 'row')}"
        sentence = f"{only}: no window, however long, would do {asked}"
    elif verdict == ENOUGH:
        enough = f"{count_of(have, 'row')} {agree(have, 'is', 'are')} enough {asked} ({need:,} needed)"
        sentence = f"{enough}; {agree(have, 'it shows', 'they show')} one of {_two(seen)}"
    else:
        few = f"Only {have:,} of {count_of(need, 'row')} needed {asked}"
        sentence = f"{few}; {agree(have, 'it shows', 'these show')} one of {_two(seen)} at best"
        wait = math.ceil((end - start) * (need / have) / timedelta(hours=1))
        if wait <= LONGEST / timedelta(hours=1):
            sentence += (
                f"; window={wait}h would bring enough" if wait < DAYS_FROM else f"; window={-(-wait // 24)}d would"
            )
    small = [name for name, size in parts if need is not None and size < need]
    if small and verdict == ENOUGH:
        fewer = f"{len(small)} of {count_of(len(parts), 'segment')} {agree(len(small), 'has', 'have')} fewer"
        sentence += f"; {fewer} ({small[-1]})"
    shown = [("all rows", have), *parts][:MOST_ROWS]
    answer, title = _answers(question, start, end), sentence
    rates = share_seen_by_rows(answer.share, have, reference_rows=then) if answer else None
    if answer and rates is not None:
        sentence += f"; {answer.words}, now {percent(answer.share)}, must move by {_two(100 * rates)} points to be seen"
    chart = bars(
        [name for name, _ in shown],
        [float(size) for _, size in shown],
        title=title,
        highlight=[name for name, size in shown if need is None or size < need] or None,
        label=f"rows; {need:,} needed" if need else "rows",
    )
    table = [
        (
            name,
            f"{size:,}",
            _two(shift_seen_by_rows(size, reference_rows=then, features=features)),
            f"{_two(100 * share_seen_by_rows(answer.share, size, reference_rows=then))} points" if answer else "",
        )
        for name, size in shown
    ]
    return CheckResult(
        verdict,
        sentence + ".",
        columns=("segment", "rows", "shift seen (sigma)", "share seen"),
        rows=tuple(table),
        window_start=start,
        window_end=end,
        rows_read=have,
        reference=against.words,
        notes=(*notes, "seen: four times in five, one false alarm in twenty over all features"),
        data={"have": have, "need": need, "seen": seen, "reference_rows": then, "share_seen": rates},
        png=chart.png,
        alt=chart.alt,
    )


@dataclass(frozen=True, slots=True)
class _Answers:
    words: str
    share: float


def _answers(question: Question, start: datetime, end: datetime) -> _Answers | None:
    """The share of the answer a responder would look at; None where answers are numbers or unknown."""
    data = question.rows.data
    if data.prediction is None or data.prediction not in question.rows.columns("predictions"):
        return None
    outcome = outcome_of(question)
    if outcome.value is None:
        return None
    [(_, hits, rows), *_] = question.rows.class_counts(outcome.column, outcome.value, start, end, end - start)
    return _Answers(outcome.words, hits / rows) if 0 < hits < rows else None


def _two(value: float) -> str:
    """Two digits are all a plan deserves."""
    return number(float(f"{value:.2g}"))


def _parts(question: Question, start: datetime, end: datetime) -> list[tuple[str, int]]:
    """Rows of each configured segment, the smallest last."""
    data = question.rows.data
    if not data.segments:
        return []
    outcome = OutcomeColumn(data.time, nulls=True)
    found = question.rows.groups("predictions", start, end, dict.fromkeys(data.segments), outcome)
    sizes = [(f"{name} = {value}", sums.rows) for name, values in found.of.items() for value, sums in values.items()]
    return sorted(sizes, key=lambda pair: -pair[1])
