"""Measures of performance as a person says them: what is right, what was caught, how far answers are off."""

from bot.checks.labelled import Kind, Task
from bot.statistics.performance import LOWER_IS_BETTER, Measure, Performance, PerformanceChange
from bot.statistics.wording import number, percent

POINTS = frozenset({Measure.ACCURACY, Measure.PRECISION, Measure.RECALL, Measure.AUC})
_AVERAGES = {"macro": "averaged over the classes", "weighted": "averaged over the rows"}


def name_of(measure: Measure) -> str:
    known = {
        Measure.AUC: "AUC",
        Measure.F1: "F1",
        Measure.BRIER: "Brier score",
        Measure.MAE: "mean error",
        Measure.RMSE: "root mean squared error",
    }
    return known.get(measure, measure.replace("_f1", " F1").replace("_", " ").replace("ndcg", "NDCG"))


def shown(measure: Measure, value: float) -> str:
    """A share as percent, anything else as a number."""
    return percent(value) if measure in POINTS else number(value)


def change_in_words(task: Task, change: PerformanceChange, unit: str = "") -> str:
    """`81 % of the answers are right, usually 92 %`."""
    now, usual = (shown(change.measure, one.value) for one in (change.current, change.reference))
    wanted = f"`{task.positive}`"
    answers = {
        Measure.ACCURACY: f"{now} of the answers are right, usually {usual}",
        Measure.PRECISION: f"of the rows called {wanted}, {now} were; usually {usual}",
        Measure.RECALL: f"of the {wanted} rows, {now} are found; usually {usual}",
        Measure.F1: f"F1 of {wanted} is {now}, usually {usual}",
        Measure.AUC: f"a {wanted} row scores above another {now} of the time, usually {usual} (AUC)",
        Measure.MAE: f"answers are off by {now}{unit} on average, usually {usual}{unit}",
    }
    if change.measure in answers:
        return answers[change.measure]
    lower = ", lower is better" if change.measure in LOWER_IS_BETTER else ""
    head, _, rest = change.measure.partition("_")
    if head in _AVERAGES:
        return f"{name_of(Measure(rest))}, {_AVERAGES[head]}, is {now}, usually {usual}"
    return f"{name_of(change.measure)} is {now}{unit if change.measure == Measure.RMSE else ''}, usually {usual}{lower}"


def drop_in_words(reference: Performance, drop: float) -> str:
    """`a fall from 92 % to 87 %`."""
    worse = reference.value + drop if reference.measure in LOWER_IS_BETTER else reference.value - drop
    verb = "a rise" if reference.measure in LOWER_IS_BETTER else "a fall"
    measure = reference.measure
    return f"{verb} of the {name_of(measure)} from {shown(measure, reference.value)} to {shown(measure, worse)}"


def loss_in_words(task: Task, loss: float, unit: str = "") -> str:
    return f"off by {number(loss)}{unit}" if task.kind is Kind.NUMBERS else f"{percent(1 - loss)} right"
