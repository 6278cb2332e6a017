"""Judging answers before their labels come, from the scores alone: valid under covariate shift only."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from bot.checks.labelled import Kind, Labelled, Task, is_positive, losses_of, oriented, present, read_holdout, task_of
from bot.checks.labelled import texts as names_of
from bot.checks.measure_words import name_of, shown
from bot.checks.registry import Params, Question
from bot.core.errors import BotError
from bot.data import ModelRows
from bot.monitoring.finding import Finding, State, surprise_of
from bot.monitoring.judges.shares import SPARE
from bot.monitoring.judges.terms import Terms
from bot.monitoring.truth.cohorts import span
from bot.monitoring.truth.labels import Answers, micros, read_answers, taken
from bot.monitoring.watched import Watched
from bot.monitoring.windows import Window
from bot.statistics.columns import Floats, category_text
from bot.statistics.drop import LEAST_COHORTS, estimate_limit
from bot.statistics.estimate import ASSUMPTION, Bools, Estimate, Estimates, estimate_performance
from bot.statistics.performance import Measure, Performance
from bot.statistics.shortfall import Shortfall
from bot.statistics.wording import percent

LEAST_DROP = 0.02
SURE = 0.99
BEYOND_CHANCE = 0.001
MOST_OUTSIDE = 0.05
MONTH = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Scored:
    """Scores with what was answered and what was true, shape (rows,) each."""

    score: Floats
    said: Bools | None
    truth: Bools
    known: Bools

    def only(self, which: Bools) -> "Scored":
        said = None if self.said is None else self.said[which]
        return Scored(self.score[which], said, self.truth[which], self.known[which])


@dataclass(frozen=True, slots=True)
class Scores:
    """Labelled rows to learn the meaning of scores from, and the rows of the window and before it. source: of what."""

    one: Watched
    task: Task
    measure: Measure
    learnt: Scored
    rows: Scored
    answers: Answers
    source: str

    def estimated(self, window: Window, *, draws: int) -> Estimates | Shortfall:
        place = self.answers.within(window)
        which = np.zeros(self.answers.at.size, dtype=np.bool_)
        which[place] = True
        here, past = self.rows.only(which), self.learnt
        return estimate_performance(
            past.score,
            past.truth,
            here.score,
            reference_said=past.said,
            said=here.said,
            confidence=SURE,
            draws=draws,
        )


def estimate(one: Watched, rows: ModelRows, window: Window, terms: Terms) -> Finding:
    """How good the answers of a window probably are, against how good those of the windows before probably were."""
    scores = read_scores(one, rows, window, terms)
    place = scores.answers.within(window)
    size = int(place.stop - place.start)
    if size == 0:
        return Finding(State.NO_DATA, f"{one.model.name} has no rows in this window.")
    if size < one.monitor.min_rows:
        return Finding(State.TOO_FEW, f"Only {size:,} rows; {one.monitor.min_rows:,} needed.", rows=size)
    found = scores.estimated(window, draws=200)
    if isinstance(found, Shortfall):
        return Finding(State.TOO_FEW, found.sentence, rows=size)
    now = _lead(scores, found)
    past = list(_past(scores, window, terms))
    return _judged(scores, window, now, past, found.outside, terms)


def read_scores(one: Watched, rows: ModelRows, window: Window, terms: Terms) -> Scores:
    """Read the window, the windows before it, and labelled rows: the hold-out set, else those of the month before.

    Raises BotError for what muster.yaml does not say, and for answers that can't be estimated.
    """
    data, name = one.data, one.model.name
    if data.score is None:
        raise BotError(f"An estimate needs {name}'s score; name its column in muster.yaml: `data.score`.")
    reach = max(one.monitor.baseline * window.length, one.monitor.rule.time_before if one.monitor.rule else MONTH)
    answers = read_answers(one, rows, window.start - SPARE * reach, window.end, terms.now)
    question = Question(Params(), one.model, rows, window.end)
    side = answers.seen(np.full(answers.at.size, micros(answers.now)))
    if data.holdout:
        labelled, source = read_holdout(question, []), "the hold-out set"
    else:
        old = (answers.at < micros(window.start)) & (answers.at >= micros(window.start - MONTH))
        labelled, source = taken(side, old), "the 30 days before"
    given = one.monitor.value
    task = task_of(question, None if given is None else category_text(given), labelled, side)
    if task.kind is Kind.NUMBERS:
        raise BotError(f"{name} answers with numbers: those have no estimate without labels; watch drift instead.")
    labelled, side, _ = oriented(task, labelled, side)
    default = Measure.AUC if task.kind is Kind.TWO else Measure.ACCURACY
    measure = Measure(one.monitor.measure) if one.monitor.measure else default
    learnt = _scored(task, labelled)
    return Scores(one, task, measure, learnt.only(learnt.known), _scored(task, side), answers, source)


def _scored(task: Task, side: Labelled) -> Scored:
    assert side.score is not None
    if task.kind is Kind.MANY:  # the score is how sure the model is of its answer: right or wrong are the two classes
        return Scored(side.score, np.ones(side.score.size, dtype=np.bool_), losses_of(task, side) == 0, side.known)
    said = None if side.answers is None else np.asarray(names_of(side.answers) == task.positive, dtype=np.bool_)
    known = side.known if side.answers is None else side.known & present(side.answers)
    return Scored(side.score, said, is_positive(task, side), known)


def _lead(scores: Scores, found: Estimates) -> Estimate:
    if scores.measure not in found.measures:
        have = ", ".join(found.measures) or "none"
        raise BotError(f"These rows allow no estimate of the {name_of(scores.measure)}; there is {have}.")
    return found.measures[scores.measure]


def _past(scores: Scores, window: Window, terms: Terms) -> Iterator[tuple[Window, Performance]]:
    """Estimates of the windows that may be learnt from, newest first, as many as the baseline has."""
    monitor, step, count = scores.one.monitor, window.length, 0
    reach = monitor.rule.time_before // step if monitor.rule else 0
    for back in range(1, SPARE * max(monitor.baseline, reach) + 1):
        past = Window(window.start - back * step, window.end - back * step)
        place = scores.answers.within(past)
        if place.stop - place.start < min(monitor.min_rows, 30) or terms.leaves_out(past):
            continue
        found = scores.estimated(past, draws=1)
        if isinstance(found, Shortfall) or scores.measure not in found.measures:
            continue
        yield past, _as_performance(found.measures[scores.measure])
        count += 1
        if count >= max(monitor.baseline, reach):
            return


def _as_performance(one: Estimate) -> Performance:
    return Performance(one.measure, one.value, one.interval, (one.interval.upper - one.interval.lower) / 5, one.rows)


def _judged(
    scores: Scores,
    window: Window,
    now: Estimate,
    past: list[tuple[Window, Performance]],
    outside: float,
    terms: Terms,
) -> Finding:
    rule, values = scores.one.monitor.rule, [one for _, one in past]
    data = {
        "label": f"{name_of(now.measure)}, estimated",
        "measure": str(now.measure),
        "assumption": ASSUMPTION,
        "outside": outside,
        "interval": [now.interval.lower, now.interval.upper],
        "before": [[at.end.isoformat(), one.value] for at, one in reversed(past)],
    }
    fixed = rule is not None and rule.drop is None
    rate = BEYOND_CHANCE if rule else terms.alarm_rate
    found = estimate_limit(values, _as_performance(now), alarm_rate=rate, least=LEAST_COHORTS)
    if isinstance(found, Shortfall) and not fixed:
        said = f"Learning: {len(values)} of {LEAST_COHORTS} windows seen; {_words(scores, now, None)}."
        missing = LEAST_COHORTS - len(values)
        data["missing"] = missing
        return Finding(State.LEARNING, said, rows=now.rows, value=now.value, data=data)
    usual = now.usual if isinstance(found, Shortfall) else found.centre
    lower, upper = (rule.below, rule.above) if fixed and rule else (None, None)
    surprise = None
    if not isinstance(found, Shortfall) and not fixed:
        least = rule.drop if rule and rule.drop else LEAST_DROP
        lower = min(found.limit, usual * (1 - least))
        surprise = surprise_of(found.p_value)
    fires = (lower is not None and now.value < lower) or (upper is not None and now.value > upper)
    return Finding(
        State.FIRING if fires else State.OK,
        f"{scores.one.model.name}: {_words(scores, now, usual)}{_source(now, window, outside)}",
        rows=now.rows,
        value=now.value,
        lower=lower,
        upper=upper,
        surprise=surprise,
        onset=window.start if fires else None,
        reference=f"{len(values)} windows before, scores as in {scores.source}",
        data={**data, "usual": usual},
    )


def _words(scores: Scores, now: Estimate, usual: float | None) -> str:
    value, wanted = shown(now.measure, now.value), f"`{scores.task.positive}`"
    words = {
        Measure.ACCURACY: f"an estimated {value} of the answers are right",
        Measure.PRECISION: f"of the rows called {wanted}, an estimated {value} are",
        Measure.RECALL: f"of the {wanted} rows, an estimated {value} are found",
        Measure.AUC: f"a {wanted} row scores above another an estimated {value} of the time (AUC)",
    }
    said = words.get(now.measure, f"an estimated {name_of(now.measure)} of {value}")
    return said if usual is None else f"{said}, usually {shown(now.measure, usual)}"


def _source(now: Estimate, window: Window, outside: float) -> str:
    said = f"; from the scores of {now.rows:,} rows of {span(window)}, before their labels, {ASSUMPTION}"
    if outside > MOST_OUTSIDE:
        return f"{said}; {percent(outside)} of them score beyond any that was ever labelled: there it is a guess"
    return said
