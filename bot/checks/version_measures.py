"""What two versions of a model are compared by, each at equal traffic: answers, scores, latency, how wrong they are."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from bot.checks.contract import MOST_ROWS
from bot.checks.labelled import Kind, beside, losses_of, present, task_of, texts
from bot.checks.latency import length, milliseconds_of
from bot.checks.outcome import watched_value
from bot.checks.registry import Question
from bot.checks.version_pair import VersionPair, labels_in
from bot.checks.windows import unit_of
from bot.core.errors import BotError
from bot.statistics.columns import Column, Counts, Floats, as_numbers, count_categories
from bot.statistics.multiplicity import holm
from bot.statistics.predictions import are_classes
from bot.statistics.shortfall import Shortfall
from bot.statistics.standardised import StandardisedDifference, standardised_difference
from bot.statistics.wording import number, percent

SURE = 0.001
LEAST_SHARE, LEAST_EFFECT, LEAST_RATIO, LEAST_DROP, LEAST_SLOWER = 0.02, 0.1, 1.5, 0.02, 0.2
LEAST_LABELS = 100
CLASSES = 20
Strata = tuple[Counts, Counts]


@dataclass(frozen=True, slots=True)
class Measured:
    """One thing both versions do. least: the difference at equal traffic that matters, in its own unit. column: whose
    distribution shows it. adjusted: p corrected over everything compared."""

    name: str
    kind: Literal["share", "number", "latency"]
    found: StandardisedDifference
    least: float
    unit: str = ""
    column: str | None = None
    is_error: bool = False
    adjusted: float = 1.0

    @property
    def differs(self) -> bool:
        return self.adjusted < SURE and abs(self.found.difference) >= self.least

    def shown(self, value: float) -> str:
        if self.kind == "latency":
            return length(value)
        return percent(value) if self.kind == "share" else f"{number(value)}{self.unit}"


def measure(question: Question, pair: VersionPair, strata: Strata, value: str | None) -> list[Measured]:
    """Everything both versions can be compared by, with p-values corrected (Holm) over all of it."""
    data = question.rows.data
    found: list[Measured] = []
    for name in (data.prediction, data.score):
        if name is not None:
            found += _answers(question, pair, strata, name, value)
    if data.latency:
        found += _latency(question, pair, strata, data.latency)
    if pair.labelled:
        found += _errors(question, pair, strata)
    adjusted = holm(np.array([one.found.p_value for one in found]))
    return [replace(one, adjusted=float(p)) for one, p in zip(found, adjusted, strict=True)]


def _answers(question: Question, pair: VersionPair, strata: Strata, name: str, value: str | None) -> Iterator[Measured]:
    then, now = pair.then.columns[name], pair.now.columns[name]
    if are_classes(then, now):
        for one in _classes(question, (then, now), value):
            found = _compared((_is(then, one), _is(now, one)), strata)
            if found:
                yield Measured(f"`{one}`", "share", found, _least_share(found), column=name)
    else:
        found = _compared((as_numbers(then), as_numbers(now)), strata)
        if found:
            unit = unit_of(question, name)
            yield Measured(f"mean {name}", "number", found, LEAST_EFFECT * found.sigma, unit, column=name)
    blank = _compared((_missing(then), _missing(now)), strata)
    if blank and max(blank.first, blank.second) > 0:
        yield Measured(f"no {name}", "share", blank, _least_share(blank))


def _latency(question: Question, pair: VersionPair, strata: Strata, name: str) -> Iterator[Measured]:
    then, now = (milliseconds_of(question, name, side.columns[name]) for side in (pair.then, pair.now))
    found = _compared((then, now), strata)
    if found:
        least = max(LEAST_EFFECT * found.sigma, LEAST_SLOWER * found.first)
        yield Measured("mean latency", "latency", found, least, column=name)


def _compared(outcome: tuple[Floats, Floats], strata: Strata) -> StandardisedDifference | None:
    found = standardised_difference(*outcome, *strata)
    return None if isinstance(found, Shortfall) else found


def _classes(question: Question, sides: tuple[Column, Column], value: str | None) -> list[str]:
    """The class that leads, then by rows."""
    counts: dict[str, int] = {}
    for side in sides:
        for name, size in count_categories(side)[0].items():
            counts[name] = counts.get(name, 0) + size
    lead = value or watched_value(question, question.rows.data.prediction)
    if value is not None and value not in counts:
        raise BotError(f"No version answers `{value}`; there is {', '.join(sorted(counts)[:MOST_ROWS])}.")
    names = sorted(counts, key=lambda name: (name != lead, counts[name] if len(counts) == 2 else -counts[name], name))  # noqa: PLR2004
    return names[:1] if len(names) == 2 else names[:CLASSES]  # noqa: PLR2004


def _is(column: Column, name: str) -> Floats:
    return np.where(present(column), (texts(column) == name).astype(np.float64), np.nan)


def _missing(column: Column) -> Floats:
    return (~present(column)).astype(np.float64)


def _least_share(found: StandardisedDifference) -> float:
    """Two points; of a share under two points, half as much again."""
    low = min(found.first, found.second)
    return LEAST_SHARE if low >= LEAST_SHARE else min(LEAST_SHARE, max(0.001, (LEAST_RATIO - 1) * low))


def _errors(question: Question, pair: VersionPair, strata: Strata) -> Iterator[Measured]:
    """How wrong both are, on rows that have a label; none where too few have."""
    data = question.rows.data
    sides = [beside(data, frame, labels_in(frame)) for frame in (pair.then, pair.now)]
    if min(int(side.known.sum()) for side in sides) < LEAST_LABELS:
        return
    task = task_of(question, None, *sides)
    found = standardised_difference(losses_of(task, sides[0]), losses_of(task, sides[1]), *strata)
    if isinstance(found, Shortfall):
        return
    if task.kind is Kind.NUMBERS:
        unit = unit_of(question, data.prediction or data.score or "")
        yield Measured("mean error", "number", found, LEAST_DROP * found.first, unit, is_error=True)
    else:
        least = max(LEAST_SHARE / 2, LEAST_DROP * (1 - found.first))
        yield Measured("wrong answers", "share", found, least, is_error=True)
