"""How many rows there are, how many it takes to see a change, and what could be seen with these."""

from datetime import datetime, timedelta

from pydantic import Field

from bot.charts import bars
from bot.checks.contract import MOST_ROWS, NO_DATA, CheckResult
from bot.checks.registry import Params, Question
from bot.checks.windows import against_of, features_of, longer, span, window_of
from bot.data import OutcomeColumn
from bot.statistics.drift import rows_to_see_shift, shift_seen_by_rows
from bot.statistics.wording import number

ENOUGH, TOO_FEW = "enough", "too few rows"


class SampleSizeParams(Params):
    """shift: the smallest shift that matters, in standard deviations of a feature."""

    shift: float = Field(0.25, gt=0, le=5)


def run(question: Question) -> CheckResult:
    assert isinstance(question.params, SampleSizeParams)
    rows, data, shift = question.rows, question.rows.data, question.params.shift
    start, end, notes = window_of(question)
    against = against_of(question, start, end)
    have = rows.count("predictions", start, end)
    then = rows.count(against.part, against.start, against.end)
    features = max(1, len(features_of(question)))
    if not have or not then:
        missing = question.model.name if not have else against.words
        return CheckResult(NO_DATA, f"{missing} has no rows {span(start, end)}. {longer(end - start)}")
    need = rows_to_see_shift(shift, reference_rows=then, features=features)
    seen = shift_seen_by_rows(have, reference_rows=then, features=features)
    parts = _parts(question, start, end)
    verdict = ENOUGH if need is not None and have >= need else TOO_FEW
    asked = f"to see a shift of {number(shift)} sigma in one of {features} features"
    if need is None:
        sentence = f"{against.words} has only {then:,} rows: no window, however long, would do {asked}"
    elif verdict == ENOUGH:
        sentence = f"{have:,} rows are enough {asked} ({need:,} needed); they show one of {number(seen)}"
    else:
        wait = (end - start) * (need / have)
        sentence = f"Only {have:,} of {need:,} rows needed {asked}; these show one of {number(seen)} at best"
        sentence += f". Try window={max(1, round(wait / timedelta(hours=1)))}h"
    small = [name for name, size in parts if need is not None and size < need]
    if small and verdict == ENOUGH:
        sentence += f"; {len(small)} of {len(parts)} segments have fewer ({small[-1]})"
    shown = [("all rows", have), *parts][:MOST_ROWS]
    chart = bars(
        [name for name, _ in shown],
        [float(size) for _, size in shown],
        title=sentence,
        highlight=[name for name, size in shown if need is None or size < need] or None,
        label=f"rows; {need:,} needed" if need else "rows",
    )
    table = [
        (name, f"{size:,}", number(shift_seen_by_rows(size, reference_rows=then, features=features)))
        for name, size in shown
    ]
    return CheckResult(
        verdict,
        sentence + ".",
        columns=("segment", "rows", "shift seen (sigma)"),
        rows=tuple(table),
        window_start=start,
        window_end=end,
        rows_read=have,
        reference=against.words,
        notes=(*notes, "seen: four times in five, one false alarm in twenty over all features"),
        data={"have": have, "need": need, "seen": seen, "reference_rows": then, "column": data.prediction},
        png=chart.png,
        alt=chart.alt,
    )


def _parts(question: Question, start: datetime, end: datetime) -> list[tuple[str, int]]:
    """Rows of each configured segment, the smallest last."""
    data = question.rows.data
    if not data.segments:
        return []
    outcome = OutcomeColumn(data.time, nulls=True)
    found = question.rows.groups("predictions", start, end, dict.fromkeys(data.segments), outcome)
    sizes = [(f"{name} = {value}", sums.rows) for name, values in found.of.items() for value, sums in values.items()]
    return sorted(sizes, key=lambda pair: -pair[1])
