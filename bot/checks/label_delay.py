"""Whether labels come as they usually do: how many came in the window, how many should have, and who never gets one."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from bot.charts import Chart, series
from bot.checks.contract import NO_DATA, TOO_FEW, CheckResult
from bot.checks.labelled import arrivals, labels_of, present, since, texts
from bot.checks.registry import Params, Question
from bot.checks.windows import longer, span, window_of
from bot.core.errors import BotError
from bot.data import LABEL
from bot.statistics.columns import Column, Floats
from bot.statistics.maturity import HALF, USUALLY, Maturity, maturity, maturity_now
from bot.statistics.shortfall import Shortfall
from bot.statistics.wording import agree, count_of, number, percent

ON_TIME, LATE, NONE, UNKNOWN = "on time", "late", "no labels", "can't tell"
WEEK = timedelta(days=7)
HISTORY, LEAST_HISTORY = 8, timedelta(days=60)
COHORTS = 7
LEAST_EXPECTED = 20
MISSING_PART = 0.2
BEYOND_CHANCE = 4.0
LEAST_CLASS = 30
SELDOM = 0.5
_UNITS = ((86400.0, "day"), (3600.0, "hour"), (60.0, "minute"))


class LabelDelayParams(Params):
    """window: labels that came in it are compared with those due; default a week. History is eight times
    as long, and at least sixty days."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """Rows of the window and the history before it. age: seconds since the prediction at the window's end. took: until
    its label came, NaN for none by then (None: nobody knows when labels came). has: whether it has a label."""

    at: Column
    age: Floats
    took: Floats | None
    has: NDArray[np.bool_]
    answers: Column | None
    length: float

    @property
    def current(self) -> NDArray[np.bool_]:
        return np.asarray(self.age <= self.length, dtype=np.bool_)


def run(question: Question) -> CheckResult:
    start, end, notes = window_of(question, max(WEEK, question.rows.data.window))
    waiting = _read(question, start, end)
    now = int(waiting.current.sum())

    def answer(verdict: str, sentence: str, **more: object) -> CheckResult:
        return CheckResult(
            verdict,
            sentence,
            window_start=start,
            window_end=end,
            rows_read=now,
            reference="the windows before",
            **{"notes": notes, **more},  # type: ignore[arg-type]
        )

    if now == 0:
        return answer(NO_DATA, f"{question.model.name} has no rows {span(start, end)}. {longer(end - start)}")
    if not waiting.has.any():
        rows = f"{count_of(waiting.age.size, 'row')} since {_day(history_from(start, end))}"
        sentence = f"Not one label has come for {rows}: look at the job that writes the labels, and at their key."
        return answer(NONE, sentence, data={"labelled": 0.0})
    never = never_labelled(waiting)
    notes = (*notes, *never)
    if waiting.took is None:
        return _untimed(waiting, answer, notes)
    usual = _usual(waiting)
    if isinstance(usual, Shortfall) or usual.labelled < LEAST_EXPECTED:
        have = f"Before {_day(start, clock=True)} too few labels had come to say how long they usually take"
        return answer(UNKNOWN, f"{have}; {_share(waiting)} of the rows since then have one.", notes=notes)
    came, due = _came_and_due(waiting, usual)
    if due < LEAST_EXPECTED:
        sentence = (
            f"Only {count_of(due, 'label')} {agree(due, 'was', 'were')} due {span(start, end)}, too few to judge by."
        )
        return answer(TOO_FEW, f"{sentence} {longer(end - start)}", notes=notes)
    late = came < (1 - MISSING_PART) * due and (came - due) / math.sqrt(due) < -BEYOND_CHANCE
    cohorts = _cohorts(waiting, usual, start, end)
    sentence = _sentence(waiting, usual, came, due, end, late=late)
    chart = _chart(cohorts, sentence.split("; ")[0])
    return answer(
        LATE if late else ON_TIME,
        f"{sentence}.",
        columns=("predicted", "rows", "have a label", "usually by then"),
        rows=tuple((one.name, f"{one.rows:,}", percent(one.has), percent(one.usual)) for one in cohorts),
        data={
            "came": came,
            "due": round(due),
            "labelled": float(waiting.has[waiting.current].mean()),
            "usual": float(usual.shares_by(waiting.age[waiting.current]).mean()),
            "half_seconds": usual.age_of(HALF),
            "usually_seconds": usual.age_of(USUALLY),
            "ever": usual.ever,
        },
        png=chart.png,
        alt=chart.alt,
        notes=notes if usual.settled else (*notes, "labels were still coming at the oldest age seen"),
    )


def _read(question: Question, start: datetime, end: datetime) -> Waiting:
    labels, data = labels_of(question), question.rows.data
    since_when = history_from(start, end)
    there = question.rows.columns("predictions")
    if labels.key not in there:
        raise BotError(f"The predictions have no column `{labels.key}`, the key of `data.labels` in muster.yaml.")
    wanted = [labels.key, data.time, *([data.prediction] if data.prediction else [])]
    frame = question.rows.labelled(since_when, end, list(dict.fromkeys(wanted)))
    age = since(end, frame.columns[data.time])
    has, took = present(frame.columns[LABEL]), None
    if labels.time:
        took = age - since(end, arrivals(question, frame.columns[labels.key]))
        took = np.where(took <= age, took, np.nan)
        has = np.isfinite(took)
    answers = texts(frame.columns[data.prediction]) if data.prediction else None
    return Waiting(frame.columns[data.time], age, took, has, answers, (end - start).total_seconds())


def history_from(start: datetime, end: datetime) -> datetime:
    return start - max(HISTORY * (end - start), LEAST_HISTORY)


def _usual(waiting: Waiting) -> Maturity | Shortfall:
    """The curve as it was known when the window began, so that what goes wrong in the window can't be in it."""
    assert waiting.took is not None
    before = ~waiting.current
    age = waiting.age[before] - waiting.length
    took = waiting.took[before]
    return maturity(age, np.where(took <= age, took, np.nan))


def _came_and_due(waiting: Waiting, usual: Maturity) -> tuple[int, float]:
    """Labels that came in the window, and how many should have: of each row that had none when it began, its chance."""
    assert waiting.took is not None
    then = np.maximum(0.0, waiting.age - waiting.length)
    open_then = ~(waiting.took <= waiting.age - waiting.length)
    before = np.where(waiting.current, 0.0, usual.shares_by(then))
    chance = (usual.shares_by(waiting.age) - before) / np.maximum(1 - before, 1e-9)
    return int((open_then & waiting.has).sum()), float(chance[open_then].sum())


def never_labelled(waiting: Waiting) -> list[str]:
    """Answers whose rows have no label though others as old do: what a measure can't speak of."""
    if waiting.answers is None:
        return []
    old = ~waiting.current
    overall = float(waiting.has[old].mean()) if old.any() else 0.0
    notes = []
    for name in sorted({one for one in waiting.answers.tolist() if one is not None})[:20]:
        rows = old & (waiting.answers == name)
        count = int(rows.sum())
        if count < LEAST_CLASS or overall * count < LEAST_EXPECTED:
            continue
        share = float(waiting.has[rows].mean())
        if share == 0:
            notes.append(
                f"rows answered `{name}` never get a label (0 of {count:,}); no measure says how right those are"
            )
        elif share < SELDOM * overall:
            seldom = f"rows answered `{name}` seldom get a label ({percent(share)}, all rows {percent(overall)})"
            notes.append(f"{seldom}; measures speak of the others")
    return notes


def _untimed(waiting: Waiting, answer: Callable[..., CheckResult], notes: tuple[str, ...]) -> CheckResult:
    curve = maturity_now(waiting.age, waiting.has.astype(np.float64))
    found = ""
    if not isinstance(curve, Shortfall) and (half := curve.age_of(HALF)) is not None:
        found = f"; half of the labels that come seem to be there after {length(half)}"
    sentence = f"{_share(waiting)} of the rows have a label{found}."
    advice = "When they came is not known: add `time:` under `data.labels` in muster.yaml to see whether they are late."
    return answer(UNKNOWN, f"{sentence} {advice}", notes=notes)


def _share(waiting: Waiting) -> str:
    return percent(float(waiting.has[waiting.current].mean()))


def _sentence(waiting: Waiting, usual: Maturity, came: int, due: float, end: datetime, *, late: bool) -> str:
    half, most = usual.age_of(HALF) or 0.0, usual.age_of(USUALLY) or 0.0
    expected = percent(float(usual.shares_by(waiting.age[waiting.current]).mean()))
    last = length(waiting.length).removeprefix("1 ")
    arrived = f"{count_of(came, 'label')} came in the last {last}, {number(round(due))} {agree(due, 'was', 'were')} due"
    if late:
        assert waiting.took is not None
        newest = float(np.nanmin(waiting.age - waiting.took))
        if newest > 3 * (waiting.length / max(1.0, due)) and newest > 0.1 * waiting.length:
            arrived += f", the newest {_day(end - timedelta(seconds=newest), clock=True)}"
    habit = f"they usually take {_at_most(most)} (half {_at_most(half)})"
    return f"{arrived}; {habit}; {_share(waiting)} of the window's rows have one, usually {expected} by now"


@dataclass(frozen=True, slots=True)
class Cohort:
    name: str
    start: datetime
    rows: int
    has: float
    usual: float


def _cohorts(waiting: Waiting, usual: Maturity, start: datetime, end: datetime) -> list[Cohort]:
    step = (end - start) / COHORTS
    found = []
    for place in range(COHORTS):
        first = start + place * step
        oldest, youngest = _seconds_to(end, first), _seconds_to(end, first + step)
        rows = (waiting.age <= oldest) & (waiting.age > youngest)
        if rows.any():
            share, due = float(waiting.has[rows].mean()), float(usual.shares_by(waiting.age[rows]).mean())
            found.append(Cohort(_day(first, clock=step < timedelta(days=1)), first, int(rows.sum()), share, due))
    return found


def _seconds_to(end: datetime, first: datetime) -> float:
    return (end - first).total_seconds()


def _chart(cohorts: list[Cohort], title: str) -> Chart:
    reach = [3 * math.sqrt(one.usual * (1 - one.usual) / one.rows) + 0.02 for one in cohorts]
    return series(
        [one.start for one in cohorts],
        [one.has for one in cohorts],
        title=title,
        label="rows with a label",
        lower=[max(0.0, one.usual - width) for one, width in zip(cohorts, reach, strict=True)],
        upper=[min(1.0, one.usual + width) for one, width in zip(cohorts, reach, strict=True)],
        percent=True,
    )


def length(seconds: float) -> str:
    """A duration as a person says it: `9 days`, `40 minutes`, `under a minute`."""
    for size, name in _UNITS:
        if seconds >= 0.95 * size:
            count = seconds / size
            shown = f"{count:.0f}" if count >= 3 else f"{count:.1f}".removesuffix(".0")  # noqa: PLR2004
            return f"{shown} {name}{'' if shown == '1' else 's'}"
    return "under a minute"


def _at_most(seconds: float) -> str:
    said = length(seconds)
    return said if said.startswith("under") else f"up to {said}"


def _day(moment: datetime, *, clock: bool = False) -> str:
    day = f"{moment.day} {moment:%b}"
    return f"{day} {moment:%H:%M} UTC" if clock else day
