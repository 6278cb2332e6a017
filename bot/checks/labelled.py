"""Answers beside their labels: which rows have one, what kind of answer it is, and the measures of them."""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from bot.catalog.data import Labels, ModelData
from bot.catalog.monitors import MonitorMetric
from bot.checks.registry import Question
from bot.core.errors import BotError, unknown
from bot.data import LABEL, Frame
from bot.statistics.columns import Column, Floats, as_numbers, category_text, is_numeric
from bot.statistics.performance import Scores, classification, multiclass, regression

MOST_CLASSES = 20
LEAST_TOLD = 30
_YES = ("true", "1")
_MILLISECONDS = 1e11


class Kind(StrEnum):
    TWO = "two classes"
    MANY = "classes"
    NUMBERS = "numbers"


@dataclass(frozen=True, slots=True)
class Task:
    """What the model answers. positive: of two classes the one that is looked for, by its text."""

    kind: Kind
    positive: str | None = None


@dataclass(frozen=True, slots=True)
class Labelled:
    """Rows of one side with their labels. known: which rows have one, bool of shape (rows,)."""

    frame: Frame
    labels: Column
    answers: Column | None
    score: Floats | None

    @property
    def known(self) -> NDArray[np.bool_]:
        return present(self.labels)

    @property
    def share(self) -> float:
        return float(self.known.mean()) if self.labels.size else 0.0


def labels_of(question: Question) -> Labels:
    labels = question.rows.data.labels
    if labels is None:
        raise BotError(
            f"{question.model.name} has no `labels:` in muster.yaml. Under `data:` add "
            "`labels: {path: …, key: …, column: …}`: where the truth about its answers arrives."
        )
    return labels


def read_now(question: Question, start: datetime | None, end: datetime, extra: list[str]) -> Labelled:
    """Predictions of a window with the labels that have come; a row without one has None or NaN."""
    labels_of(question)
    wanted, there = _wanted(question, extra), question.rows.columns("predictions")
    for name in wanted:
        if name not in there:
            raise unknown("column of the predictions", name, there)
    return _side(question, question.rows.labelled(start, end, wanted), LABEL)


def read_holdout(question: Question, extra: list[str]) -> Labelled:
    """The hold-out set; of `extra` the columns it has."""
    labels, data = labels_of(question), question.rows.data
    if data.holdout is None:
        raise BotError(
            f"{question.model.name} has no `holdout:` in muster.yaml. Under `data:` add "
            "`holdout: …`, labelled rows it never trained on."
        )
    there = set(question.rows.columns("holdout"))
    wanted = _wanted(question, [name for name in extra if name in there])
    return _side(question, question.rows.window("holdout", None, None, [*wanted, labels.column]), labels.column)


def _wanted(question: Question, extra: list[str]) -> list[str]:
    data = question.rows.data
    if data.prediction is None and data.score is None:
        raise BotError(
            f"Name the column of {question.model.name}'s answers in muster.yaml: `data.prediction` or `data.score`."
        )
    return list(dict.fromkeys([*(name for name in (data.prediction, data.score) if name), *extra]))


def _side(question: Question, frame: Frame, label: str) -> Labelled:
    return beside(question.rows.data, frame, frame.columns[label])


def beside(data: ModelData, frame: Frame, labels: Column) -> Labelled:
    """Rows with their labels, shape (rows,), and with answers in the labels' words."""
    frame = in_words_of_labels(data, frame)
    score = as_numbers(frame.columns[data.score]) if data.score else None
    return Labelled(frame, labels, frame.columns[data.prediction] if data.prediction else None, score)


def in_words_of_labels(data: ModelData, frame: Frame) -> Frame:
    """The same rows, with answers named as the labels name what they claim."""
    claims = claimed(data)
    if not claims or data.prediction is None:
        return frame
    names = texts(frame.columns[data.prediction]).tolist()
    said = np.array([None if name is None else claims.get(name, name) for name in names], dtype=object)
    return replace(frame, columns={**frame.columns, data.prediction: said})


def claimed(data: ModelData) -> dict[str, str]:
    """The label that an answer claims, for answers that labels call otherwise."""
    pairs = data.labels.answers if data.labels else {}
    return {category_text(said): category_text(meant) for said, meant in pairs.items()}


def task_of(question: Question, value: str | None, *sides: Labelled) -> Task:
    """Two classes, more of them, or numbers, from what the rows of all sides hold; `value`: the class asked for."""
    answers = [side.answers for side in sides if side.answers is not None and side.answers.size]
    labels = [side.labels[side.known] for side in sides]
    said = answers or [side.score for side in sides if side.score is not None]
    truths = {one for part in labels for one in distinct(part)}
    if value is None and _are_numbers(said, labels, truths, scored=not answers):
        return Task(Kind.NUMBERS)
    named = {one for part in answers for one in distinct(part)}
    _refuse_strangers(truths, named, sum(part.size for part in labels))
    classes = truths | named
    claims = claimed(question.rows.data)
    value = None if value is None else claims.get(value, value)
    watched = value or claims.get(_watched(question) or "", _watched(question))
    if value is not None and classes and value not in classes:
        raise BotError(f"No label or answer is `{value}`; there is {', '.join(sorted(classes)[:8])}.")
    if value is None and len(classes) > 2:  # noqa: PLR2004
        return Task(Kind.MANY)
    if watched in classes:
        return Task(Kind.TWO, watched)
    yes = next((one for one in _YES if one in classes), None)
    return Task(Kind.TWO, yes or _scored_high(sides) or _rarest(labels))


def oriented(task: Task, then: Labelled, now: Labelled) -> tuple[Labelled, Labelled, bool]:
    """Turn both sides' scores when the reference's fall where the positive class is likelier; tells whether it did."""
    if task.kind is not Kind.TWO or then.score is None or now.score is None:
        return then, now, False
    positive = is_positive(task, then)
    high, low = _middle(then.score[positive]), _middle(then.score[then.known & ~positive])
    if high is None or low is None or high >= low:
        return then, now, False
    both = np.concatenate([then.score, now.score])
    top = 1.0 if np.nanmin(both) >= 0 and np.nanmax(both) <= 1 else 0.0
    return replace(then, score=top - then.score), replace(now, score=top - now.score), True


def turned_note(task: Task, *, turned: bool) -> tuple[str, ...]:
    note = f"the score falls where `{task.positive}` becomes likelier; it was read the other way round"
    return (note,) if turned else ()


def _scored_high(sides: tuple[Labelled, ...]) -> str | None:
    """The class that the score is the chance of: the one it is higher for, where it is known best."""
    side = sides[0]
    if side.score is None:
        return None
    names = texts(side.labels)
    middles = {one: _middle(side.score[names == one]) for one in sorted(distinct(side.labels))}
    known = {one: middle for one, middle in middles.items() if middle is not None}
    return max(known, key=lambda one: known[one]) if len(known) > 1 else None


def _middle(scores: Floats) -> float | None:
    finite = scores[np.isfinite(scores)]
    return float(np.clip(finite, -1e100, 1e100).mean()) if finite.size else None


def _are_numbers(said: list[Column], labels: list[Column], truths: set[str], *, scored: bool) -> bool:
    if not said or not all(is_numeric(part) for part in said if part.size) or len(truths) <= 2:  # noqa: PLR2004
        return False
    numbers = np.concatenate([as_numbers(part) for part in (*labels, *([] if scored else said))])
    if scored and not all(is_numeric(part) for part in labels if part.size):
        return False
    numbers = numbers[np.isfinite(numbers)]
    return bool(np.unique(numbers).size > MOST_CLASSES or (numbers != np.floor(numbers)).any())


def _refuse_strangers(truths: set[str], answers: set[str], rows: int) -> None:
    """Answers and labels that are two vocabularies, and not by chance of few rows, can't be compared."""
    if min(len(truths), len(answers)) > 1 and not truths & answers and rows >= LEAST_TOLD:
        raise BotError(
            f"No answer ({_listed(answers)}) is named like a label ({_listed(truths)}). Under `data.labels` add "
            f"`answers: {{{min(answers)}: …, …}}`, the label that each answer claims."
        )


def _listed(names: set[str]) -> str:
    shown = sorted(names)[:4]
    return ", ".join(shown) + (", …" if len(names) > len(shown) else "")


def _watched(question: Question) -> str | None:
    column = question.rows.data.prediction
    return next(
        (
            category_text(one.value)
            for one in question.model.monitors
            if one.metric is MonitorMetric.CLASS_SHARE and one.value is not None and one.feature in {None, column}
        ),
        None,
    )


def _rarest(labels: list[Column]) -> str | None:
    names, counts = np.unique([one for part in labels for one in texts(part).tolist()], return_counts=True)
    return str(names[np.argmin(counts)]) if names.size else None


def scores_of(task: Task, side: Labelled) -> Scores:
    """Every measure that the rows allow."""
    if task.kind is Kind.NUMBERS:
        said = side.answers if side.answers is not None else side.score
        assert said is not None
        return regression(as_numbers(side.labels), as_numbers(said))
    truth, answers = texts(side.labels), None if side.answers is None else texts(side.answers)
    if task.kind is Kind.MANY:
        if answers is None:
            raise BotError("More than two classes need `data.prediction` in muster.yaml: a score alone does not say.")
        return multiclass(truth, answers)
    return classification(truth, answers, side.score, positive=task.positive)


def losses_of(task: Task, side: Labelled) -> Floats:
    """How wrong each row is: 1 for a wrong class, the distance of a number; NaN without a label or an answer."""
    said = side.answers if side.answers is not None else side.score
    assert said is not None
    if task.kind is Kind.NUMBERS:
        return np.abs(as_numbers(said) - as_numbers(side.labels))
    if side.answers is None:
        wrong = (as_numbers(said) >= 0.5) != (texts(side.labels) == task.positive)  # noqa: PLR2004
    else:
        wrong = texts(side.labels) != texts(side.answers)
    return np.where(side.known & present(said), wrong.astype(np.float64), np.nan)


def is_positive(task: Task, side: Labelled) -> NDArray[np.bool_]:
    return np.asarray(texts(side.labels) == task.positive, dtype=np.bool_)


def present(column: Column) -> NDArray[np.bool_]:
    if column.dtype.kind == "f":
        return ~np.isnan(column)
    if column.dtype.kind == "M":
        return ~np.isnat(column)
    return np.asarray((column != None) & (column == column), dtype=np.bool_)  # noqa: E711, PLR0124 -- cell by cell


def texts(column: Column) -> Column:
    """Each cell by its category's name, object of shape (rows,); None where there is none."""
    known = present(column)
    cells = list(column[known]) if column.dtype.kind in "mM" else column[known].tolist()
    names = {cell: category_text(cell) for cell in dict.fromkeys(cells)}
    found = np.full(column.size, None, dtype=object)
    found[known] = [names[cell] for cell in cells]
    return found


def distinct(column: Column) -> set[str]:
    """Names of the categories, at most a few more than are told apart as classes."""
    values = column[present(column)]
    if values.dtype.kind == "f":
        return {category_text(one) for one in np.unique(values)[: 10 * MOST_CLASSES].tolist()}
    return {category_text(one) for one in set(values.tolist())}


def arrivals(question: Question, keys: Column) -> NDArray[np.datetime64]:
    """When the first label of each key became known, datetime64[us] in UTC; NaT where none has come.

    Raises BotError when muster.yaml names no time of the labels.
    """
    labels = labels_of(question)
    if labels.time is None:
        raise BotError(
            f"{question.model.name}'s labels have no time in muster.yaml. Under `data.labels` add "
            "`time: …`: the column that says when a label became known."
        )
    found = question.rows.window("labels", None, None, [labels.key, labels.time])
    moments = moments_of(found.columns[labels.time], labels.time)
    known = found.columns[labels.key]
    if keys.dtype.kind != "f" or known.dtype.kind != "f":
        keys, known = (np.asarray([category_text(one) for one in side.tolist()], dtype=str) for side in (keys, known))
    when = np.full(keys.size, np.datetime64("NaT"), dtype="datetime64[us]")
    usable = ~np.isnat(moments)
    known, moments = known[usable], moments[usable]
    if known.size == 0:
        return when
    order = np.lexsort((moments, known))
    known, moments = known[order], moments[order]
    place = np.minimum(np.searchsorted(known, keys, side="left"), known.size - 1)
    met = known[place] == keys
    when[met] = moments[place[met]]
    return when


def moments_of(column: Column, name: str) -> NDArray[np.datetime64]:
    """A column of times as datetime64[us] in UTC; numbers are seconds since 1970, or milliseconds."""
    if column.dtype.kind == "M":
        return column.astype("datetime64[us]")
    if column.dtype.kind == "f":
        seconds = np.where(np.abs(column) > _MILLISECONDS, column / 1000, column)
        safe = np.where(np.isfinite(seconds), seconds, 0)
        return np.where(
            np.isfinite(seconds), (safe * 1e6).astype(np.int64).astype("datetime64[us]"), np.datetime64("NaT")
        )
    if all(cell is None for cell in column.tolist()):  # no label has come: nothing says what kind of column it is
        return np.full(column.size, np.datetime64("NaT"), dtype="datetime64[us]")
    raise BotError(f"Column `{name}` of the labels holds no times; store it as a timestamp, or as seconds since 1970.")


def since(moment: datetime, times: Column) -> Floats:
    """Seconds from each event time to a moment, shape (rows,)."""
    now = np.datetime64(moment.astimezone(UTC).replace(tzinfo=None), "us")
    seconds: Floats = (now - times.astype("datetime64[us]")).astype("timedelta64[us]").astype(np.float64) / 1e6
    return np.where(np.isnat(times), np.nan, seconds)
