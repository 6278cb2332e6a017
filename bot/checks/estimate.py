"""How good the answers probably are before labels come, from the scores alone; and whether labels so far agree."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from bot.charts import Chart, bars
from bot.checks.contract import NO_DATA, TOO_FEW, CheckResult
from bot.checks.labelled import (
    Kind,
    Labelled,
    Task,
    is_positive,
    labels_of,
    losses_of,
    oriented,
    present,
    read_holdout,
    read_now,
    scores_of,
    task_of,
    texts,
    turned_note,
)
from bot.checks.labelled_pair import LEAST_DROP, MONTH
from bot.checks.measure_words import POINTS, name_of, shown
from bot.checks.registry import Params, Question
from bot.checks.windows import Sides, longer, span, window_of
from bot.core.errors import BotError
from bot.statistics.columns import Floats
from bot.statistics.estimate import ASSUMPTION, Bools, Estimate, Estimates, estimate_performance
from bot.statistics.performance import LEAST_ROWS, Measure, Performance
from bot.statistics.shortfall import Shortfall
from bot.statistics.wording import percent

UNKNOWN = "can't tell"
MOST_OUTSIDE = 0.05
SURE = 0.99
MATTERS = 0.05
DECIDING = (Measure.ACCURACY, Measure.AUC)
BLIND = (
    f"This is {ASSUMPTION}: it sees rows that became harder, not a score that came to mean something else; "
    "only labels show that (label_delay says when they come)."
)


class EstimateParams(Params):
    """measure: the one that decides; default accuracy and AUC. value: the class that counts as positive."""

    measure: Literal["accuracy", "precision", "recall", "f1", "auc"] | None = None
    value: str | None = None


@dataclass(frozen=True, slots=True)
class Scored:
    """One side's scores, what was answered with them and what was true, shape (rows,) each."""

    score: Floats
    said: Bools | None
    truth: Bools
    known: Bools

    def labelled(self) -> "Scored":
        rows = self.known
        return Scored(self.score[rows], None if self.said is None else self.said[rows], self.truth[rows], rows[rows])


def run(question: Question) -> CheckResult:
    params, data = question.params, question.rows.data
    assert isinstance(params, EstimateParams)
    if data.score is None:
        raise BotError(
            f"An estimate needs {question.model.name}'s score; name its column in muster.yaml: `data.score`."
        )
    labels_of(question)
    start, end, notes = window_of(question)
    now = read_now(question, start, end, [])
    then = read_holdout(question, []) if data.holdout else read_now(question, start - MONTH, start, [])
    reference = "the hold-out set" if data.holdout else "the 30 days before"
    sides = Sides(now.frame, then.frame, reference, start, end, (*notes, *now.frame.notes))
    if now.frame.rows == 0:
        return sides.answer(NO_DATA, f"{question.model.name} has no rows {span(start, end)}. {longer(end - start)}")
    task = task_of(question, params.value, then, now)
    if task.kind is Kind.NUMBERS:
        raise BotError("Answers that are numbers have no estimate without labels; watch drift and the hold-out set.")
    then, now, turned = oriented(task, then, now)
    past, here = _scored(task, then).labelled(), _scored(task, now)
    found = _estimate(past, here)
    if isinstance(found, Shortfall):
        return sides.answer(TOO_FEW, f"{found.sentence} {longer(end - start)}")
    wanted = (Measure(params.measure),) if params.measure else DECIDING
    deciding = [found.measures[one] for one in wanted if one in found.measures]
    if task.kind is Kind.MANY:
        found = Estimates({Measure.ACCURACY: found.measures[Measure.ACCURACY]}, found.outside)
        deciding = [found.measures[Measure.ACCURACY]]
    if not deciding:
        raise BotError(
            f"These rows allow no estimate of the {name_of(wanted[0])}; there is {', '.join(found.measures)}."
        )
    return _answer(task, sides, found, deciding, _measured(task, now, past, here), turned=turned)


def _scored(task: Task, side: Labelled) -> Scored:
    assert side.score is not None
    if task.kind is Kind.MANY:  # the score is how sure the model is of its answer: right or wrong are the two classes
        return Scored(side.score, np.ones(side.score.size, dtype=np.bool_), losses_of(task, side) == 0, side.known)
    said = None if side.answers is None else np.asarray(texts(side.answers) == task.positive, dtype=np.bool_)
    known = side.known if side.answers is None else side.known & present(side.answers)
    return Scored(side.score, said, is_positive(task, side), known)


def _estimate(past: Scored, here: Scored) -> Estimates | Shortfall:
    return estimate_performance(
        past.score, past.truth, here.score, reference_said=past.said, said=here.said, confidence=SURE
    )


@dataclass(frozen=True, slots=True)
class Measured:
    """What the labels that have come say, and what the estimate says of the same rows."""

    real: dict[Measure, Performance]
    expected: dict[Measure, Estimate]
    rows: int

    @property
    def broken(self) -> Measure | None:
        """The measure whose labels contradict the estimate, beyond its interval and enough to matter."""
        for measure in DECIDING:
            if measure in self.real and measure in self.expected:
                real, one = self.real[measure].value, self.expected[measure]
                if real < one.interval.lower and one.value - real >= LEAST_DROP * one.value:
                    return measure
        return None


def _measured(task: Task, now: Labelled, past: Scored, here: Scored) -> Measured | None:
    if here.known.sum() < LEAST_ROWS:
        return None
    expected = _estimate(past, here.labelled())
    if isinstance(expected, Shortfall):
        return None
    real = {measure: one for measure, one in scores_of(task, now).items() if isinstance(one, Performance)}
    return Measured(real, expected.measures, int(here.known.sum()))


def verdict_of(deciding: list[Estimate], outside: float, measured: Measured | None) -> str:
    if outside > MOST_OUTSIDE or (measured and measured.broken):
        return UNKNOWN
    if any(fell(one) for one in deciding):
        return "fell"
    return "holds" if all(one.drop_interval.upper < MATTERS * one.usual for one in deciding) else UNKNOWN


def fell(one: Estimate) -> bool:
    return one.drop_interval.lower > 0 and one.drop >= LEAST_DROP * one.usual


def _answer(
    task: Task, sides: Sides, found: Estimates, deciding: list[Estimate], measured: Measured | None, *, turned: bool
) -> CheckResult:
    verdict = verdict_of(deciding, found.outside, measured)
    lead = next((one for one in deciding if fell(one)), deciding[0])
    said = _said(task, lead)
    where = f"from the scores of {lead.rows:,} rows {span(sides.start, sides.end)}"
    broken = measured.broken if measured else None
    why = _why(sides, found, lead, verdict, measured)
    title = f"{said}, {ASSUMPTION}"
    if broken and measured:
        lead = measured.expected[broken]
        now = shown(broken, measured.real[broken].value)
        title = f"Labels so far say {now} where {shown(broken, lead.value)} was expected: the estimate does not hold"
    chart = _chart(sides, lead, measured, title, doubted=broken is not None)
    return sides.answer(
        verdict,
        f"{said}, {where}.{why} {BLIND}" if not broken else f"{said}, {where}.{why}",
        columns=("measure", "usually", "now, estimated", "99 % sure within", "labels so far"),
        rows=[_row(one, measured) for one in found.measures.values()],
        data={
            "measures": {
                str(measure): {
                    "usually": one.usual,
                    "estimate": one.value,
                    "interval": [one.interval.lower, one.interval.upper],
                    "measured": measured.real[measure].value if measured and measure in measured.real else None,
                }
                for measure, one in found.measures.items()
            },
            "assumption": ASSUMPTION,
            "outside": found.outside,
        },
        png=chart.png,
        alt=chart.alt,
        notes=(ASSUMPTION, *turned_note(task, turned=turned)),
    )


def _why(sides: Sides, found: Estimates, lead: Estimate, verdict: str, measured: Measured | None) -> str:
    """Say why the estimate can't be taken at its word."""
    broken = measured.broken if measured else None
    if broken and measured:
        real, expected = (shown(broken, one.value) for one in (measured.real[broken], measured.expected[broken]))
        came = f"the {measured.rows:,} labels that came say {real} where {expected} was expected ({name_of(broken)})"
        return f" But {came}: the score means something else now, and an estimate {ASSUMPTION} does not hold."
    if found.outside > MOST_OUTSIDE:
        beyond = f"{percent(found.outside)} of the rows score beyond any that was ever labelled"
        return f" But {beyond}: there it is a guess."
    if verdict == UNKNOWN:
        return f" A fall to {shown(lead.measure, lead.interval.lower)} is as possible as none. {_longer(sides)}"
    return ""


def _longer(sides: Sides) -> str:
    return longer(sides.end - sides.start)


def _said(task: Task, one: Estimate) -> str:
    now, usual = shown(one.measure, one.value), shown(one.measure, one.usual)
    ends = f"{shown(one.measure, one.interval.lower)} to {shown(one.measure, one.interval.upper)}"
    words = {
        Measure.ACCURACY: f"An estimated {now} of the answers are right ({ends})",
        Measure.PRECISION: f"Of the rows called `{task.positive}`, an estimated {now} are ({ends})",
        Measure.RECALL: f"Of the `{task.positive}` rows, an estimated {now} are found ({ends})",
        Measure.AUC: f"A `{task.positive}` row scores above another an estimated {now} of the time ({ends})",
    }
    return f"{words.get(one.measure, f'An estimated {name_of(one.measure)} of {now} ({ends})')}, usually {usual}"


def _row(one: Estimate, measured: Measured | None) -> tuple[str, ...]:
    real = measured.real.get(one.measure) if measured else None
    values = (one.usual, one.value)
    ends = f"{shown(one.measure, one.interval.lower)} to {shown(one.measure, one.interval.upper)}"
    known = f"{shown(one.measure, real.value)} of {real.rows:,}" if real else "–"
    return (name_of(one.measure), *(shown(one.measure, value) for value in values), ends, known)


def _chart(sides: Sides, lead: Estimate, measured: Measured | None, title: str, *, doubted: bool) -> Chart:
    names = ["hold-out" if sides.reference == "the hold-out set" else "usually", "now, estimated"]
    values = [lead.usual, lead.value]
    ends: list[tuple[float, float] | None] = [None, (lead.interval.lower, lead.interval.upper)]
    real = measured.real.get(lead.measure) if measured else None
    if real:
        names.append("now, labels so far")
        values.append(real.value)
        ends.append((real.interval.lower, real.interval.upper))
    return bars(
        names,
        values,
        title=title.replace("`", ""),
        intervals=ends,
        highlight=["now, labels so far" if doubted else "now, estimated"],
        percent=lead.measure in POINTS,
        label={Measure.ACCURACY: "right answers"}.get(lead.measure, name_of(lead.measure)),
    )
