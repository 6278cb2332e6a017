"""How good the answers are where labels have come, against the hold-out set; and whether labels are merely late."""

import numpy as np

from bot.charts import bars
from bot.checks.contract import NO_DATA, TOO_FEW, CheckResult
from bot.checks.outcome import Outcome, outcome_of
from bot.checks.registry import Params, Question
from bot.checks.windows import Sides, longer, span, window_of
from bot.core.errors import BotError
from bot.data import LABEL, Frame
from bot.statistics.columns import as_numbers, category_text, is_numeric
from bot.statistics.fault import SURE
from bot.statistics.performance import (
    Measure,
    PerformanceChange,
    Scores,
    classification,
    compare_performance,
    regression,
)
from bot.statistics.shortfall import Shortfall
from bot.statistics.wording import number, percent

LEAST_LABELLED = 0.05
LEAST_DROP = 0.02
LEADING = (Measure.AUC, Measure.ACCURACY, Measure.MAE)


class HoldoutParams(Params):
    """value: the class that counts as positive; default: the one a monitor watches, else the rarest."""

    value: str | None = None


def run(question: Question) -> CheckResult:
    assert isinstance(question.params, HoldoutParams)
    rows, data = question.rows, question.rows.data
    if data.labels is None or data.holdout is None:
        missing = "labels" if data.labels is None else "holdout"
        raise BotError(
            f"{question.model.name} has no `{missing}:` in muster.yaml. Under `data:` add "
            "`labels: {path: …, key: …, column: …}` and `holdout: …` (labelled rows it never trained on)."
        )
    outcome = outcome_of(question, question.params.value)
    wanted = [name for name in (data.prediction, data.score) if name]
    start, end, notes = window_of(question)
    now = rows.labelled(start, end, wanted)
    then = rows.window("holdout", None, None, [*wanted, data.labels.column])
    sides = Sides(now, then, "the hold-out set", start, end, (*notes, *now.notes))
    if now.rows == 0:
        return sides.answer(NO_DATA, f"{question.model.name} has no rows {span(start, end)}. {longer(end - start)}")
    known = np.asarray([cell is not None and cell == cell for cell in now.columns[LABEL].tolist()])  # noqa: PLR0124
    coverage = float(known.mean())
    if coverage < LEAST_LABELLED:
        sentence = f"{int(known.sum()):,} of {now.rows:,} predictions {span(start, end)} have a label yet"
        hint = f"{sentence}; a fall seen here would be label delay. {longer(end - start)}"
        return sides.answer("no labels", hint, data={"labelled": coverage})
    current = _scores(question, outcome, now, LABEL)
    reference = _scores(question, outcome, then, data.labels.column)
    changes = {
        measure: change
        for measure, change in compare_performance(reference, current).items()
        if isinstance(change, PerformanceChange)
    }
    if not changes:
        short = next(one for one in current.values() if isinstance(one, Shortfall))
        return sides.answer(TOO_FEW, f"{short.sentence} {longer(end - start)}", data={"labelled": coverage})
    return _answer(sides, changes, coverage)


def _answer(sides: Sides, changes: dict[Measure, PerformanceChange], coverage: float) -> CheckResult:
    lead = next((measure for measure in LEADING if measure in changes), next(iter(changes)))
    worse = [change for change in changes.values() if matters(change)]
    chosen = changes[lead] if changes[lead] in worse or not worse else worse[0]
    sentence = f"{chosen.sentence.rstrip('.')}; {percent(coverage)} of the window is labelled"
    points = [("hold-out", chosen.reference), ("now", chosen.current)]
    chart = bars(
        [name for name, _ in points],
        [one.value for _, one in points],
        title=sentence,
        intervals=[(one.interval.lower, one.interval.upper) for _, one in points],
        highlight=["now"] if worse else None,
        label=chosen.measure.replace("_", " "),
    )
    return sides.answer(
        "degraded" if worse else "holds",
        sentence + ".",
        columns=("measure", "hold-out", "now", "drop", "finding"),
        rows=[
            (
                measure.replace("_", " "),
                number(one.reference.value),
                number(one.current.value),
                number(one.drop),
                "worse" if matters(one) else "holds",
            )
            for measure, one in changes.items()
        ],
        data={measure: {"holdout": one.reference.value, "now": one.current.value} for measure, one in changes.items()}
        | {"labelled": coverage},
        png=chart.png,
        alt=chart.alt,
    )


def matters(change: PerformanceChange) -> bool:
    """Tell whether a drop is beyond chance and worth acting on: of many labels every difference is beyond chance."""
    return change.p_value < SURE and change.drop >= LEAST_DROP * abs(change.reference.value)


def _scores(question: Question, outcome: Outcome, frame: Frame, label: str) -> Scores:
    data = question.rows.data
    labels = frame.columns[label]
    answers = frame.columns[data.prediction] if data.prediction else None
    score = as_numbers(frame.columns[data.score]) if data.score else None
    if outcome.value is None and is_numeric(labels) and answers is not None and is_numeric(answers):
        return regression(labels, answers)
    names = np.asarray([None if cell is None else category_text(cell) for cell in labels.tolist()], dtype=object)
    said = None
    if answers is not None:
        said = np.asarray([None if cell is None else category_text(cell) for cell in answers.tolist()], dtype=object)
    return classification(names, said, score, positive=outcome.value or 1)
