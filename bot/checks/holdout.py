"""How good the answers are where labels have come, against the hold-out set; and whether labels are merely late."""

from bot.charts import bars
from bot.checks.contract import TOO_FEW, CheckResult
from bot.checks.labelled import Task
from bot.checks.labelled_pair import Pair, changes_of, matters, read_pair, task_and_pair
from bot.checks.measure_words import POINTS, change_in_words, name_of, shown
from bot.checks.registry import Params, Question
from bot.checks.windows import longer, unit_of
from bot.statistics.performance import Measure, PerformanceChange
from bot.statistics.shortfall import Shortfall

LEADING = (Measure.AUC, Measure.ACCURACY, Measure.MAE)


class HoldoutParams(Params):
    """value: the class that counts as positive; default: the one a monitor watches, else the rarest."""

    value: str | None = None


def run(question: Question) -> CheckResult:
    assert isinstance(question.params, HoldoutParams)
    pair = read_pair(question, "holdout", segmented=False)
    if isinstance(pair, CheckResult):
        return pair
    task, pair = task_and_pair(question, question.params.value, pair)
    compared = changes_of(task, pair)
    changes = {measure: one for measure, one in compared.items() if isinstance(one, PerformanceChange)}
    if not changes:
        short = next(one for one in compared.values() if isinstance(one, Shortfall))
        hint = longer(pair.sides.end - pair.sides.start)
        return pair.sides.answer(TOO_FEW, f"{short.sentence} {hint}", data={"labelled": pair.now.share})
    return _answer(question, task, pair, changes)


def _answer(question: Question, task: Task, pair: Pair, changes: dict[Measure, PerformanceChange]) -> CheckResult:
    worse = [change for change in changes.values() if matters(change)]
    lead = next((measure for measure in LEADING if measure in changes), next(iter(changes)))
    chosen = changes[lead] if changes[lead] in worse or not worse else worse[0]
    finding = change_in_words(task, chosen, unit_of(question, question.rows.data.prediction or ""))
    finding = finding[:1].upper() + finding[1:]
    points = (chosen.reference, chosen.current)
    chart = bars(
        ["hold-out", "now"],
        [one.value for one in points],
        title=finding.replace("`", ""),
        intervals=[(one.interval.lower, one.interval.upper) for one in points],
        highlight=["now"] if worse else None,
        percent=chosen.measure in POINTS,
        label=name_of(chosen.measure),
    )
    return pair.sides.answer(
        "degraded" if worse else "holds",
        f"{finding}; {pair.labelled}.",
        columns=("measure", "hold-out", "now", "drop", "finding"),
        rows=[_row(one) for one in changes.values()],
        data={measure: {"holdout": one.reference.value, "now": one.current.value} for measure, one in changes.items()}
        | {"labelled": pair.now.share},
        png=chart.png,
        alt=chart.alt,
    )


def _row(one: PerformanceChange) -> tuple[str, ...]:
    values = (shown(one.measure, value) for value in (one.reference.value, one.current.value, one.drop))
    return (name_of(one.measure), *values, "worse" if matters(one) else "holds")
