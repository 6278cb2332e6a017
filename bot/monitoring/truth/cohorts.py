"""Windows of predictions as cohorts: how many of their labels are in, and what each measured at equal age."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

import numpy as np

from bot.checks.label_delay import Waiting, length, never_labelled
from bot.checks.labelled import Kind, Labelled, Task, oriented, scores_of, task_of, texts
from bot.checks.registry import Params, Question
from bot.core.errors import BotError
from bot.data import ModelRows
from bot.monitoring.finding import Finding, State
from bot.monitoring.judges.shares import SPARE
from bot.monitoring.judges.terms import LeftOut, Terms
from bot.monitoring.truth.labels import (
    LEAST_DUE,
    MARKS,
    Answers,
    Micros,
    later_classes,
    micros,
    moment,
    read_answers,
    taken,
)
from bot.monitoring.watched import Watched
from bot.monitoring.windows import Window
from bot.statistics.columns import category_text
from bot.statistics.maturity import HALF, Maturity
from bot.statistics.performance import Measure, Performance, Scores
from bot.statistics.ranking import ndcg
from bot.statistics.shortfall import Shortfall
from bot.statistics.wording import percent

LEAST_COHORT = 30
DAY = timedelta(days=1)
TOP = 10
LONG_SILENCE = 2.0
"""Labels that come in batches are not missing before two batches are."""
CLEARLY = 0.01
"""A mark is passed by so much before a window is judged anew: the curve of labels itself moves from day to day."""


@dataclass(frozen=True, slots=True)
class Cohort:
    window: Window
    performance: Performance


@dataclass(frozen=True)
class Cohorts:
    """A window and those before it, each as it looked when it was as old as this one is now."""

    one: Watched
    rows: ModelRows
    window: Window
    now: datetime
    answers: Answers
    leaves_out: LeftOut

    @cached_property
    def curve(self) -> Maturity | Shortfall:
        return self.answers.curve(self.window.start)

    @property
    def ever(self) -> float:
        return 0.0 if isinstance(self.curve, Shortfall) else self.curve.ever

    @property
    def size(self) -> int:
        place = self.answers.within(self.window)
        return int(place.stop - place.start)

    @cached_property
    def labels(self) -> int:
        return int(self.answers.has()[self.answers.within(self.window)].sum())

    @property
    def part(self) -> float:
        """Of the labels that ever come for such a window, how many are in; 0..1."""
        return part_in(self.answers, self.window, self.ever)

    @property
    def mark(self) -> float:
        return mark_of(self.part)

    @cached_property
    def looks(self) -> int:
        """How often this window is judged: at the first look, and at each mark it had not passed when it closed."""
        if isinstance(self.curve, Shortfall) or self.answers.arrived is None or not self.ever:
            return 1
        ages = (micros(self.window.end) - self.answers.at[self.answers.within(self.window)]) / 1e6
        at_close = float(self.curve.shares_by(ages).mean()) / self.ever if ages.size else 0.0
        return max(1, sum(1 for mark in MARKS if mark > at_close))

    @cached_property
    def sides(self) -> tuple[Task, Labelled]:
        """What is answered, and all rows with the label each had at equal age; scores rise with the positive class."""
        back = np.maximum(0, -((self.answers.at - micros(self.window.start)) // _micros(self.window.length)))
        side = self.answers.seen(self._until(back))
        question = Question(Params(), self.one.model, self.rows, self.window.end)
        given = self.one.monitor.value
        then, now = (taken(side, place) for place in (self._before, self.answers.within(self.window)))
        task = task_of(question, None if given is None else category_text(given), then, now)
        _, whole, turned = oriented(task, then, side)
        return task, whole if turned else side

    def _until(self, back: Micros) -> Micros:
        """Each row's moment: now, as many windows ago as its own lies back. Rows of the window itself lie 0 back."""
        return np.asarray(micros(self.now) - back * _micros(self.window.length), dtype=np.int64)

    @property
    def _before(self) -> slice:
        return slice(0, self.answers.within(self.window).start)

    @cached_property
    def measure(self) -> Measure:
        """As configured; else the one that fits the answers: mean error of numbers, AUC of scores, else accuracy."""
        if self.one.monitor.measure:
            return Measure(self.one.monitor.measure)
        task, _ = self.sides
        if task.kind is Kind.NUMBERS:
            return Measure.MAE
        scored = task.kind is Kind.TWO and self.one.data.score is not None
        return Measure.AUC if scored else Measure.ACCURACY

    def measured(self, which: slice) -> Performance | Shortfall:
        """The measure of some rows. Raises BotError where the answers have no such measure."""
        task, side = self.sides
        some = taken(side, which)
        found = self._ranked(some) if self.measure == Measure.NDCG else scores_of(task, some)
        if self.measure not in found:
            raise BotError(f"The answers of {self.one.model.name} have no {self.measure}; there is {', '.join(found)}.")
        return found[self.measure]

    def _ranked(self, side: Labelled) -> Scores:
        query, order_by = self.one.monitor.feature, side.answers if side.score is None else side.score
        assert query is not None  # the configuration asks for it
        assert order_by is not None
        return ndcg(side.frame.columns[query], side.labels, order_by, k=TOP)

    @cached_property
    def current(self) -> Performance | Shortfall:
        return self.measured(self.answers.within(self.window))

    @cached_property
    def past(self) -> list[Cohort]:
        """Earlier windows that may be learnt from, oldest first."""
        found = []
        for window in self._windows():
            place = self.answers.within(window)
            if place.stop - place.start < LEAST_COHORT or self.leaves_out(window) or not self._comparable(window):
                continue
            measured = self.measured(place)
            if isinstance(measured, Performance):
                found.append(Cohort(window, measured))
        return found

    def _comparable(self, window: Window) -> bool:
        """Without times of labels the young can't be set beside the old as they were: only full windows compare."""
        return self.answers.arrived is not None or part_in(self.answers, window, self.ever) >= MARKS[-1]

    def _windows(self) -> list[Window]:
        if not self.answers.at.size:
            return []
        first = moment(int(self.answers.at[0]))
        count = max(0, -(-(self.window.start - first) // self.window.length))
        step = self.window.length
        return [Window(self.window.start - k * step, self.window.end - k * step) for k in range(count, 0, -1)]

    def pooled(self, some: Sequence[Cohort]) -> Performance | Shortfall:
        """The measure over all rows of these cohorts together, at equal age."""
        places = [self.answers.within(one.window) for one in some]
        rows = np.concatenate([np.arange(one.start, one.stop) for one in places]) if places else np.arange(0)
        which = np.zeros(self.answers.at.size, dtype=np.bool_)
        which[rows] = True
        task, side = self.sides
        kept = taken(side, which)
        found = self._ranked(kept) if self.measure == Measure.NDCG else scores_of(task, kept)
        return found[self.measure]

    def came_by(self, mark: float) -> datetime | None:
        """When so many of the window's labels were in."""
        came = self.answers.came
        if came is None:
            return None
        place = self.answers.within(self.window)
        ordered = np.sort(came[place])
        wanted = int(np.ceil(mark * self.ever * ordered.size)) - 1
        wanted = min(max(wanted, 0), self.labels - 1)
        return moment(int(ordered[wanted])) if self.labels else None

    def notes(self) -> list[str]:
        """What a measure of these labels can't speak of, or speaks of too early."""
        _, side = self.sides
        answers = texts(side.answers) if side.answers is not None else None
        age, has = self.answers.ages(), self.answers.has()
        young = (self.now - self.window.start).total_seconds()
        found = never_labelled(Waiting(self.answers.at, age, None, has, answers, young))
        later = later_classes(self.answers, self.answers.seen(np.full(age.size, micros(self.now))), self.window.start)
        if later and self.mark < MARKS[-1]:
            names = " and ".join(f"`{name}`" for name in later)
            found.append(f"labels {names} come later than the rest, so it is compared at equal age")
        return found


def read_cohorts(one: Watched, rows: ModelRows, window: Window, terms: Terms) -> Cohorts:
    """Read the window, and before it as far as baselines reach when windows are left out."""
    reach = max(one.monitor.baseline * window.length, one.monitor.rule.time_before if one.monitor.rule else DAY)
    answers = read_answers(one, rows, window.start - SPARE * reach, window.end, terms.now)
    return Cohorts(one, rows, window, answers.now, answers, terms.leaves_out)


def too_early(cohorts: Cohorts, wanted: float) -> Finding | None:
    """Say why the window can't be judged yet: no rows, labels still coming, or labels that should have come."""
    one = cohorts.one
    if cohorts.size == 0:
        return Finding(State.NO_DATA, f"{one.model.name} has no rows in this window.")
    if cohorts.part >= wanted:
        short = cohorts.labels < one.monitor.min_rows
        said = f"Only {cohorts.labels:,} labels of {span(cohorts.window)}; {one.monitor.min_rows:,} needed."
        return _finding(cohorts, State.TOO_FEW, said) if short else None
    if not cohorts.answers.has().any():
        said = f"No label of {one.model.name} has come for {cohorts.answers.at.size:,} rows. {_way_out(one)}"
        return _finding(cohorts, State.NO_LABELS, said)
    newest = cohorts.answers.newest_label
    due = cohorts.answers.due_since(newest) if newest else 0.0
    silence = cohorts.now - newest if newest else timedelta(0)
    if newest and due >= LEAST_DUE and silence > LONG_SILENCE * cohorts.answers.usual_silence:
        quiet = length(silence.total_seconds())
        said = f"No labels for {quiet}; the newest is of {_at(newest)}, and {due:,.0f} were due since. {_way_out(one)}"
        return _finding(cohorts, State.NO_LABELS, said)
    return _finding(cohorts, State.WAITING, _waiting(cohorts))


def _finding(cohorts: Cohorts, state: State, sentence: str) -> Finding:
    data = {"labels": cohorts.labels, "part": cohorts.part, "mark": 0.0}
    return Finding(state, sentence, rows=cohorts.size, data=data)


def _way_out(one: Watched) -> str:
    labels = one.data.labels
    assert labels is not None
    where = f"`{labels.path}`, and at their key `{labels.key}`"
    return f"Look at the job that writes {where}; the check label_delay says whose are missing, `estimate` how it goes."


def _waiting(cohorts: Cohorts) -> str:
    said = f"Waiting for labels of {span(cohorts.window)}: {cohorts.labels:,} of {cohorts.size:,} rows have one"
    curve = cohorts.curve
    half = None if isinstance(curve, Shortfall) else curve.age_of(HALF)
    most = None if isinstance(curve, Shortfall) else curve.age_of(MARKS[-1])
    if half is None or most is None:
        return f"{said}."
    if cohorts.answers.arrived is None:
        return f"{said}. When labels come is not known: add `time:` under `data.labels` to judge windows earlier."
    habit = f"half come within {length(half)}, 95 % within {length(most)}"
    return f"{said}, {percent(cohorts.part)} of those that come; {habit}."


def part_in(answers: Answers, window: Window, ever: float) -> float:
    has = answers.has()[answers.within(window)]
    return min(1.0, float(has.mean()) / ever) if has.size and ever > 0 else 0.0


def mark_of(part: float) -> float:
    """The last mark passed; 0 for none."""
    return max((mark for mark in MARKS if part >= mark), default=0.0)


def due_cohorts(one: Watched, rows: ModelRows, judged: Mapping[Window, float], now: datetime) -> list[Window]:
    """Which of the windows judged before to judge again, oldest first: labels came and they passed a further mark.

    judged: the mark each had passed when it was judged (`data["mark"]` of its result; 0 while it waited).
    """
    open_still = [window for window, mark in judged.items() if mark < MARKS[-1]]
    if not open_still:
        return []
    last = max(judged)
    reach = SPARE * one.monitor.baseline * last.length
    answers = read_answers(one, rows, last.start - reach, last.end, now)
    curve = answers.curve(last.start)
    ever = 0.0 if isinstance(curve, Shortfall) else curve.ever
    return [
        window for window in sorted(open_still) if mark_of(part_in(answers, window, ever) - CLEARLY) > judged[window]
    ]


def span(window: Window) -> str:
    """Say a window in days where it is made of them: `2 Nov`, `2 to 8 Nov`, `28 Oct to 3 Nov`."""
    midnight = window.start.time() == window.end.time() == datetime.min.time()
    if not midnight:
        return str(window)
    first, last = window.start, window.end - DAY
    if first == last:
        return f"{first.day} {first:%b}"
    return f"{first.day}{'' if first.month == last.month else f' {first:%b}'} to {last.day} {last:%b}"


def _at(when: datetime) -> str:
    return f"{when.day} {when:%b %H:%M} UTC"


def _micros(step: timedelta) -> int:
    return step // timedelta(microseconds=1)
