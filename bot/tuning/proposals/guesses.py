"""What each column of a table is, and why that is thought."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from bot.core.errors import BotError, unknown
from bot.statistics.wording import number, percent
from bot.tuning.proposals import naming
from bot.tuning.proposals.facts import Facts, Kind, Look
from bot.tuning.proposals.relations import divided_at, follows_time, same_meaning

MOST_CLASSES, MOST_VALUES = 50, 50
MOST_SEGMENTS, MOST_FEATURES = 4, 40
CLEAR = 2
NONE = "none"
_TOLD = 4
_FREE_TEXT = 0.5


class Task(StrEnum):
    CLASSES = "classification"
    NUMBERS = "regression"
    RANKING = "ranking"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Guess:
    """sure: whether a person need not be asked. others: what else it might be, likelier first."""

    column: str | None
    reason: str
    sure: bool = True
    others: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Given:
    """What the person said; None is nothing said, `none` that there is no such column."""

    time: str | None = None
    prediction: str | None = None
    score: str | None = None
    label: str | None = None
    segments: Sequence[str] = ()


@dataclass(frozen=True, slots=True)
class Guesses:
    time: Guess
    prediction: Guess
    score: Guess
    label: Guess
    key: Guess
    label_time: Guess
    version: Guess
    latency: Guess
    segments: dict[str, str]
    features: list[str]
    apart: dict[str, str]
    task: Task
    task_reason: str
    probabilities: list[str] = field(default_factory=list)
    latency_unit: str = "ms"
    claims: dict[str, str] = field(default_factory=dict)
    """Which label each answer claims, where they are named otherwise."""


def check_given(look: Look, given: Given) -> None:
    """Raises BotError for a column that isn't there."""
    for name in (given.time, given.prediction, given.score, given.label, *given.segments):
        if name not in {None, NONE, *look.columns}:
            raise unknown("column", str(name), look.columns)
    if given.time is not None and (given.time == NONE or look.columns[given.time].times is None):
        raise BotError(f"`{given.time}` holds no times; `--time` wants timestamps, dates, or seconds since 1970.")


def guess(look: Look, given: Given, now: datetime) -> Guesses:
    """Say what each column is. Raises BotError where there is no time at all."""
    check_given(look, given)
    taken: set[str] = set()

    def keep(found: Guess) -> Guess:
        if found.column:
            taken.add(found.column)
        return found

    time = keep(guess_time(look, given, now))
    key = keep(_key(look, taken | {name for name in (given.prediction, given.label, given.score) if name}))
    label_time = keep(_label_time(look, time, taken))
    version = keep(_version(look, taken))
    label = keep(_label(look, given, label_time, taken | ({given.prediction} if given.prediction else set())))
    score, probabilities = _score(look, given, taken)
    prediction = keep(_prediction(look, given, taken | {*probabilities, score.column or ""}, label))
    if not (score.column or probabilities or given.score):
        score = _dividing(look, prediction, taken) or score
    score = Guess(None, score.reason) if score.column == prediction.column else keep(score)
    taken |= set(probabilities)
    likelier = _likelier(look, given, label, prediction)
    taken -= {label.column} if likelier.column != label.column else set()
    label, claims = _fitting(look, given, keep(likelier), prediction)
    task, why = _task(look, prediction, score, label)
    latency, unit = _latency(look, taken)
    keep(latency)
    segments = _segments(look, given, taken)
    features, apart = _features(look, taken, look.columns[time.column].times if time.column else None)
    return Guesses(
        time, prediction, score, label, key, label_time, version, latency, segments, features, apart,
        task, why, probabilities, unit, claims,
    )  # fmt: skip


def guess_time(look: Look, given: Given, now: datetime) -> Guess:
    if given.time:
        return Guess(given.time, "as you said")
    found = _ranked([one for one in look.columns.values() if one.times is not None], lambda one: _time_points(one, now))
    if not found:
        return Guess(None, "no column holds times", sure=False)
    (best, points), others = found[0], found[1:]
    sure = not others or points - others[0][1] >= CLEAR
    reason = [best.written, "never empty" if not best.empty else f"empty in {percent(best.empty)} of rows"]
    if naming.words_of(best.name) & (naming.TIME | naming.OF_THE_EVENT):
        reason.append("named like an event's time")
    future = _future(best, now)
    if future:
        reason.append(f"{percent(future)} of them in the future")
    return Guess(
        best.name, ", ".join(reason), sure and future < _FREE_TEXT, tuple(one.name for one, _ in others[:_TOLD])
    )


def _time_points(one: Facts, now: datetime) -> float | None:
    words = naming.words_of(one.name)
    named = bool(words & naming.TIME)
    if one.kind is Kind.NUMBER and not named:
        return None
    points = {Kind.TIME: 3.0, Kind.NUMBER: 1.0}.get(one.kind, 2.0) + 2.0 * named
    points += 2.0 * bool(words & naming.OF_THE_EVENT) - 4.0 * bool(words & naming.NOT_OF_THE_EVENT)
    return points - 2.0 * (one.empty > 0) - 3.0 * (_future(one, now) > _FREE_TEXT)


def _future(one: Facts, now: datetime) -> float:
    assert one.times is not None
    return float(np.mean(one.times > np.datetime64(now.replace(tzinfo=None), "us")))


def _prediction(look: Look, given: Given, taken: Collection[str], label: Guess) -> Guess:
    if given.prediction:
        return Guess(None, "as you said") if given.prediction == NONE else Guess(given.prediction, "as you said")
    truth = look.columns.get(label.column or "")
    found = _ranked(
        [one for one in look.columns.values() if one.name not in taken and one.times is None],
        lambda one: _prediction_points(one, truth),
    )
    if not found:
        return Guess(None, "no column looks like a model's answer", sure=False)
    (best, points), others = found[0], found[1:]
    named = bool(naming.words_of(best.name) & naming.PREDICTION)
    sure = named and (not others or points - others[0][1] >= CLEAR)
    reason = [_what(best), "named like an answer" if named else "perhaps an answer"]
    return Guess(best.name, ", ".join(reason), sure, tuple(one.name for one, _ in others[:_TOLD]))


def _prediction_points(one: Facts, truth: Facts | None) -> float | None:
    words = naming.words_of(one.name)
    if one.kind in {Kind.NESTED, Kind.EMPTY} or one.distinct < CLEAR:
        return None
    if one.kind is Kind.TEXT and one.distinct > MOST_CLASSES:
        return None
    points = 4.0 * bool(words & naming.PREDICTION) + 1.5 * bool(words & naming.MAYBE_PREDICTION)
    points += 2.0 * bool(truth and one.kind is truth.kind and _same_classes(one, truth))
    return points - 1.0 * (one.empty > 0.5) if points > 1 else None  # noqa: PLR2004


def _label(look: Look, given: Given, known_at: Guess, taken: Collection[str]) -> Guess:
    if given.label:
        return Guess(None, "as you said") if given.label == NONE else Guess(given.label, "as you said")
    candidates = [
        one
        for one in look.columns.values()
        if one.name not in taken
        and one.times is None
        and one.kind not in {Kind.NESTED, Kind.EMPTY}
        and not naming.words_of(one.name) & (naming.PREDICTION | naming.SCORE | naming.VERSION)
        and not (one.kind is Kind.TEXT and one.distinct > MOST_CLASSES)
    ]
    timed = naming.words_of(known_at.column) - naming.KNOWN_AT if known_at.column else frozenset()

    def points(one: Facts) -> float | None:
        if naming.words_of(one.name) & naming.LABEL:
            return 3.0
        return 2.0 if naming.words_of(one.name) and naming.words_of(one.name) <= timed else None

    found = _ranked(candidates, points)
    if not found:
        return Guess(None, "no column is named like a label")
    best, how = found[0]
    what = "numbers" if best.distinct > MOST_CLASSES else f"{best.distinct} values"
    named = "named like a label" if how > 2 else f"{known_at.column} says when it became known"  # noqa: PLR2004
    reason = f"{what}, {named}"
    return Guess(best.name, reason, len(found) == 1, tuple(one.name for one, _ in found[1 : 1 + _TOLD]))


def _likelier(look: Look, given: Given, label: Guess, prediction: Guess) -> Guess:
    """Of several named like labels the one that holds the answers: `y` may be a length beside `x` and `z`."""
    if given.label or not label.column or not prediction.column:
        return label
    answer = look.columns[prediction.column]
    names = (label.column, *label.others)
    fits = next((name for name in names if _same_classes(look.columns[name], answer)), label.column)
    if fits == label.column:
        return label
    others = tuple(name for name in names if name != fits)
    return Guess(fits, f"{look.columns[fits].distinct} values, named like a label", others=others)


def _fitting(look: Look, given: Given, label: Guess, prediction: Guess) -> tuple[Guess, dict[str, str]]:
    """Look at the label again beside the answer: what it holds counts for more than its name."""
    if not label.column or not prediction.column:
        return label, {}
    truth, answer = look.columns[label.column], look.columns[prediction.column]
    missing = f", not known in {percent(truth.empty)} of rows" if truth.empty else ""
    if _same_classes(truth, answer):
        return replace(label, reason=f"{label.reason}, the same as {answer.name}'s{missing}", sure=True), {}
    if truth.kind is answer.kind is Kind.NUMBER and truth.distinct > CLEAR:
        return replace(label, reason=f"{label.reason}{missing}"), {}
    claims = same_meaning(answer, truth)
    if claims:
        pairs = " and ".join(f"{said} goes with {meant}" for said, meant in claims.items())
        return replace(label, reason=f"{label.reason}, {pairs}{missing}"), claims
    apart = f"{label.reason}, but other values than {answer.name}"
    return (label if given.label else Guess(None, f"{label.column} is {apart}", others=(label.column,))), {}


def _same_classes(one: Facts, other: Facts) -> bool:
    if not one.counts or not other.counts or max(one.distinct, other.distinct) > MOST_CLASSES:
        return False
    return set(other.counts) <= set(one.counts) or set(one.counts) <= set(other.counts)


def _score(look: Look, given: Given, taken: Collection[str]) -> tuple[Guess, list[str]]:
    if given.score:
        return (Guess(None, "as you said") if given.score == NONE else Guess(given.score, "as you said")), []
    inside = [
        one
        for one in look.of_kind(Kind.NUMBER)
        if one.name not in taken and one.times is None and naming.words_of(one.name) & naming.SCORE
    ]
    shares = [one for one in inside if _is_share(one)]
    if len(shares) > 1:
        total = np.nansum([one.numbers for one in shares], axis=0)
        if float(np.mean(np.abs(total - 1) < 0.01)) > 0.99:  # noqa: PLR2004
            return Guess(None, f"{len(shares)} columns that add up to 1"), [one.name for one in shares]
    if not inside:
        return Guess(None, "no column is named like a score"), []
    best = shares[0] if shares else inside[0]
    span = "numbers from 0 to 1" if shares else "numbers"
    return Guess(best.name, f"{span}, named like a score", others=tuple(one.name for one in inside[1:])), []


def _dividing(look: Look, prediction: Guess, taken: Collection[str]) -> Guess | None:
    """A number from 0 to 1 that decides the answer is its score, whatever it is called."""
    answer = look.columns.get(prediction.column or "")
    if answer is None:
        return None
    for one in look.of_kind(Kind.NUMBER):
        found = divided_at(one, answer) if one.name not in taken and _is_share(one) else None
        if found:
            return Guess(one.name, f"numbers from 0 to 1, {answer.name} is {found[0]} above {number(found[1])}")
    return None


def _is_share(one: Facts) -> bool:
    numbers = one.numbers[np.isfinite(one.numbers)]
    return bool(numbers.size) and float(numbers.min()) >= 0 and float(numbers.max()) <= 1


def _key(look: Look, taken: Collection[str]) -> Guess:
    found = [
        one
        for one in look.columns.values()
        if one.name not in taken
        and one.is_unique
        and (one.kind is Kind.TEXT or one.is_whole)
        and naming.words_of(one.name) & naming.KEY
    ]
    if not found:
        return Guess(None, "no column has a different value in every row and is named like an id")
    return Guess(found[0].name, "a different value in every row, named like an id")


def _label_time(look: Look, time: Guess, taken: Collection[str]) -> Guess:
    event = look.columns[time.column].times if time.column else None
    for one in look.of_kind(Kind.TIME):
        if one.name in taken or not naming.words_of(one.name) & naming.KNOWN_AT or event is None:
            continue
        assert one.times is not None
        known = ~np.isnat(one.times) & ~np.isnat(event)
        if known.any() and float(np.mean(one.times[known] >= event[known])) > 0.95:  # noqa: PLR2004
            days = float(np.median((one.times[known] - event[known]) / np.timedelta64(1, "h"))) / 24
            late = f"{days:.0f} days" if days >= CLEAR else f"{days * 24:.0f} hours"
            return Guess(one.name, f"times, half of them more than {late} after {time.column}")
    return Guess(None, "no column says when a label became known")


def _version(look: Look, taken: Collection[str]) -> Guess:
    for one in look.of_kind(Kind.TEXT, Kind.NUMBER):
        if one.name not in taken and naming.words_of(one.name) & naming.VERSION and one.distinct <= MOST_VALUES:
            return Guess(one.name, f"{_what(one)}, named like a version")
    return Guess(None, "no column is named like a version")


def _latency(look: Look, taken: Collection[str]) -> tuple[Guess, str]:
    for one in look.of_kind(Kind.NUMBER):
        words = naming.words_of(one.name)
        if one.name in taken or one.times is not None or not words & naming.LATENCY:
            continue
        numbers = one.numbers[np.isfinite(one.numbers)]
        if numbers.size and float(numbers.min()) >= 0:
            unit = next((naming.UNITS[word] for word in words if word in naming.UNITS), "ms")
            return Guess(one.name, f"numbers above 0, named like a latency; taken as {unit}"), unit
    return Guess(None, "no column is named like a latency"), "ms"


def _task(look: Look, prediction: Guess, score: Guess, label: Guess) -> tuple[Task, str]:
    ranked = [one for one in look.columns if naming.words_of(one) & naming.PLACE]
    grouped = [one for one in look.columns if naming.words_of(one) & naming.GROUP]
    if ranked and grouped and not (prediction.column and look.columns[prediction.column].kind is not Kind.NUMBER):
        return Task.RANKING, f"{ranked[0]} within {grouped[0]}"
    answer = look.columns.get(prediction.column or "")
    if answer is None:
        known = score.column or label.column
        return Task.UNKNOWN, f"only {known}" if known else "no answer"
    if answer.kind is not Kind.NUMBER or (answer.is_whole and answer.distinct <= _most_codes(answer)):
        return Task.CLASSES, f"{answer.name} has {answer.distinct} values"
    return Task.NUMBERS, f"{answer.name} has {answer.distinct:,} different numbers"


def _most_codes(answer: Facts) -> int:
    return 10 if answer.rows > 100 else 3  # noqa: PLR2004


def _segments(look: Look, given: Given, taken: Collection[str]) -> dict[str, str]:
    if given.segments:
        return {name: "as you said" for name in given.segments if name != NONE}
    found: list[tuple[float, str, str]] = []
    for one in look.of_kind(Kind.TEXT, Kind.FLAG, Kind.NUMBER):
        named = bool(naming.words_of(one.name) & naming.SEGMENT)
        few = CLEAR <= one.distinct <= MOST_VALUES and (one.kind is not Kind.NUMBER or (one.is_whole and named))
        if one.name in taken or not few or one.times is not None or one.present < MOST_VALUES // CLEAR:
            continue
        largest = one.share(one.classes[0])
        if largest < 0.98:  # noqa: PLR2004
            reason = f"{one.distinct} values, the largest {percent(largest)}"
            found.append((2.0 * named - largest, one.name, reason + (", named like a segment" if named else "")))
    return {name: reason for _, name, reason in sorted(found, key=lambda one: -one[0])[:MOST_SEGMENTS]}


def _features(
    look: Look, taken: Collection[str], times: NDArray[np.datetime64] | None
) -> tuple[list[str], dict[str, str]]:
    """What is left, without what can't be compared, and why it can't."""
    kept: list[str] = []
    apart: dict[str, str] = {}
    for one in look.columns.values():
        if one.name in taken:
            continue
        reason = _why_apart(one) or follows_time(one, times)
        if reason:
            apart[one.name] = reason
        else:
            kept.append(one.name)
    return kept, apart


def _why_apart(one: Facts) -> str | None:
    if one.kind in {Kind.NESTED, Kind.EMPTY}:
        return f"holds {one.kind}"
    if one.times is not None and (one.kind is not Kind.NUMBER or naming.words_of(one.name) & naming.TIME):
        return "a time"
    if one.distinct == 1 and not one.empty:
        return "the same in every row"
    many = one.distinct > max(MOST_VALUES, _FREE_TEXT * one.present)
    if one.kind is Kind.TEXT and many:
        return "free text or an id"
    is_id = one.kind is Kind.NUMBER and one.is_whole and many and bool(naming.words_of(one.name) & naming.KEY)
    return "an id" if is_id else None


def _what(one: Facts) -> str:
    if one.kind is Kind.NUMBER and one.distinct > MOST_CLASSES:
        return "numbers"
    shown = one.classes[:3]
    return f"{one.distinct} values ({', '.join(shown)}{', …' if one.distinct > len(shown) else ''})"


def _ranked(columns: Sequence[Facts], points: Callable[[Facts], float | None]) -> list[tuple[Facts, float]]:
    """The columns that may be it, likeliest first; the table's own order decides between equals."""
    scored = [(one, points(one)) for one in columns]
    found = [(one, value) for one, value in scored if value is not None]
    return sorted(found, key=lambda pair: -pair[1])
