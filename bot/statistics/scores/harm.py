"""Drift is not harm: how far the move of each feature takes the model's scores, without the model.

Of a feature's part in the fit of `importance.fit_surrogate` follows how far its move from the reference to a window
takes the scores. Small beside their usual spread, it harms nobody; where the reference has no such values, or the
window's own scores moved otherwise, that can't be told.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from bot.statistics.columns import Column, Floats, as_numbers, category_text, count_categories, is_numeric
from bot.statistics.drift import FeatureDrift
from bot.statistics.rates import Interval
from bot.statistics.scores.importance import Surrogate, fit_surrogate
from bot.statistics.shortfall import Shortfall
from bot.statistics.wording import number, percent

LEAST_HARM = 0.1
"""In standard deviations of the scores of the reference: a smaller move of them matters to nobody."""
LEAST_OUTSIDE = 0.01
LEAST_WEIGHT = 0.01
Z95 = 1.96


class Harm(StrEnum):
    """What a feature's move does to the scores. unknown: the reference has nothing like these values, or the fit
    can't tell."""

    EXPECTED = "expected"
    NONE = "none"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class InducedShift:
    """How far one feature's move takes the scores, in their unit. shift: of their mean, with its 95 % interval.
    distance: of their distribution (Wasserstein), also where the mean stays. spread: their standard deviation before.
    outside: the share of the window's rows with values the reference does not have. doubted: the window's own scores
    moved in a way its features don't explain."""

    feature: str
    shift: float
    interval: Interval
    distance: float
    spread: float
    outside: float
    harm: Harm
    doubted: bool = False

    @property
    def size(self) -> float:
        """In standard deviations of the scores."""
        return max(abs(self.shift), self.distance) / self.spread

    @property
    def weight(self) -> float:
        """How much a drift of this feature counts beside the others."""
        return 1.0 if self.harm is Harm.UNKNOWN else max(LEAST_WEIGHT, min(1.0, self.size))


@dataclass(frozen=True, slots=True)
class Answers:
    """What a model answered, as numbers of shape (rows,): scores, or 1 where it answered one class. called: in words
    ("the scores", "the share of late")."""

    then: Floats
    now: Floats
    called: str


@dataclass(frozen=True, slots=True)
class Weighed:
    """Findings with what matters most first: harmless moves after all others. induced: of each that moved, by name."""

    drifts: list[FeatureDrift]
    induced: Mapping[str, InducedShift]
    called: str = "the scores"

    def harmless(self, feature: str) -> bool:
        found = self.induced.get(feature)
        return found is not None and found.harm is Harm.NONE

    def told(self, feature: str) -> bool:
        """Whether harm, or none, is expected of it."""
        found = self.induced.get(feature)
        return found is not None and found.harm is not Harm.UNKNOWN

    def words(self, feature: str) -> str | None:
        """`the scores it leads to moved 0.003: no harm expected`; None of a feature that wasn't weighed."""
        found = self.induced.get(feature)
        return harm_words(found, self.called) if found else None


def answers_of(then: Column, now: Column, called: str = "the scores") -> Answers:
    """Numbers as they are; of classes the rarer of two, else the commonest."""
    if is_numeric(then):
        return Answers(as_numbers(then), as_numbers(now), called)
    counts, _ = count_categories(then)
    order = sorted(counts, key=lambda name: (counts[name], name))
    two = len(order) == 2  # noqa: PLR2004
    value = order[0 if two else -1] if order else ""
    return Answers(_is(then, value), _is(now, value), f"the share of {value}")


def answers_moved(then: Column, now: Column) -> float:
    """How far the mean of the answers lies from before, in their standard deviations; of classes the one that moved
    most."""
    if is_numeric(then) and is_numeric(now):
        sides = [(numbers := as_numbers(side))[np.isfinite(numbers)] for side in (then, now)]
        if not all(side.size for side in sides):
            return math.inf
        return _in_spreads(abs(float(sides[1].mean() - sides[0].mean())), float(sides[0].std()))
    counts = [count_categories(side)[0] for side in (then, now)]
    totals = [max(1, sum(side.values())) for side in counts]
    shares = [
        [side.get(name, 0) / total for side, total in zip(counts, totals, strict=True)]
        for name in {*counts[0], *counts[1]}
    ]
    return max((_in_spreads(abs(is_now - was), math.sqrt(was * (1 - was))) for was, is_now in shares), default=math.inf)


def _in_spreads(gap: float, spread: float) -> float:
    return gap / spread if spread > 0 else math.inf if gap > 0 else 0.0


def weigh(
    drifts: Sequence[FeatureDrift],
    then: Mapping[str, Column],
    now: Mapping[str, Column],
    answers: Answers,
    *,
    given: bool = False,
) -> Weighed | Shortfall:
    """Weigh what drifted by how far it takes the answers. A Shortfall where the features don't explain them.

    `then`, `now`: the features' columns, of shape (rows,) each. `given`: the findings are weighed already, by
    importances that somebody gave; those stay, and what is harmless comes last all the same. The fit is made anew, and
    only when something drifted: 100,000 rows of 20 features take a third of a second.
    """
    moved = {one.feature for one in drifts if one.drifted}
    if not moved:
        return Weighed(list(drifts), {}, answers.called)
    fitted = fit_surrogate({name: values for name, values in then.items() if name in now}, answers.then)
    if isinstance(fitted, Shortfall):
        return fitted
    found = {one.feature: one for one in induced_by(fitted, then, now, window_score=answers.now)}
    induced = {name: one for name, one in found.items() if name in moved}
    weights = {} if given else {name: one.weight for name, one in induced.items()}
    weighed = [replace(one, weight=weights.get(one.feature, one.weight)) for one in drifts]
    told = Weighed(weighed, induced, answers.called)
    weighed.sort(key=lambda one: (not one.drifted, told.harmless(one.feature), -one.strength * one.weight, one.feature))
    return told


def induced_by(
    fitted: Surrogate,
    reference: Mapping[str, Column],
    window: Mapping[str, Column],
    *,
    window_score: Column | None = None,
    least_harm: float = LEAST_HARM,
) -> list[InducedShift]:
    """How far the move of each feature from `reference` to `window` takes the scores, the farthest first.

    Both are columns of shape (rows,); the surrogate may have been fitted on other rows of the same model. Harm is
    expected of a move of the scores by `least_harm` of their standard deviations and more. `window_score`: what the
    model really answered; where that moved and the features don't explain it, no feature is called harmless.
    """
    names = [name for name in fitted.bins if name in reference and name in window]
    found = [_induced(fitted, name, reference[name], window[name], least_harm) for name in names]
    if window_score is not None and _moved_otherwise(fitted, window, window_score, least_harm):
        found = [_doubted(one) for one in found]
    return sorted(found, key=lambda one: (-one.size, one.feature))


def harm_words(induced: InducedShift, called: str = "the scores") -> str:
    """`the scores it leads to moved 0.003: no harm expected`."""
    if induced.harm is Harm.UNKNOWN and induced.outside >= LEAST_OUTSIDE:
        return f"{percent(induced.outside)} of its values are none that {called} are known for: harm can't be told"
    size = induced.shift if abs(induced.shift) >= induced.distance / 2 else induced.distance
    moved = f"{called} it leads to moved {number(_rounded(size, induced.spread))}"
    if induced.harm is Harm.NONE:
        return f"{moved}: no harm expected"
    if induced.harm is Harm.EXPECTED:
        return f"{moved} ({number(induced.size)} sigma): harm expected"
    if induced.doubted:
        return f"{moved}, and they moved otherwise as well: harm can't be told"
    reach = (induced.interval.upper - induced.interval.lower) / 2
    return f"{moved}, give or take {number(_rounded(reach, induced.spread))}: harm can't be told"


def with_harm(sentence: str, words: str | None) -> str:
    return f"{sentence}; {words}" if words else sentence


def _rounded(size: float, spread: float) -> float:
    """Without digits far below what matters."""
    digits = 3 - math.floor(math.log10(spread))
    return round(size, digits)


def _is(values: Column, value: str) -> Floats:
    cells = (np.nan if text is None else float(text == value) for text in map(_text, np.asanyarray(values).tolist()))
    return np.fromiter(cells, np.float64, len(values))


def _text(cell: object) -> str | None:
    return None if cell is None or cell != cell else category_text(cell)  # noqa: PLR0124


def _induced(fitted: Surrogate, name: str, then: Column, now: Column, least_harm: float) -> InducedShift:
    bins, parts = fitted.bins[name], fitted.parts[name]
    counts = [np.bincount(bins.places(side), minlength=bins.count).astype(np.float64) for side in (then, now)]
    sizes = [max(1.0, float(side.sum())) for side in counts]
    was, is_now = (side / size for side, size in zip(counts, sizes, strict=True))
    part = parts.mean(axis=0)
    shift = float(part @ (is_now - was))
    noise = sum(max(0.0, float(part**2 @ p - (part @ p) ** 2)) / n for p, n in zip((was, is_now), sizes, strict=True))
    unsure = float((parts[0] - parts[1]) @ (is_now - was)) / 2
    error = Z95 * math.sqrt(noise + unsure**2)
    order = np.argsort(part, kind="stable")
    gaps = np.cumsum((is_now - was)[order])[:-1]
    distance = float(np.abs(gaps) @ np.diff(part[order]))
    outside = bins.outside(now)
    interval = Interval(shift - error, shift + error)
    harm = _harm(interval, distance, error, outside, least_harm * fitted.spread)
    return InducedShift(name, shift, interval, distance, fitted.spread, outside, harm)


def _harm(interval: Interval, distance: float, error: float, outside: float, least: float) -> Harm:
    farthest = max(abs(interval.lower), abs(interval.upper), distance)
    sure = interval.lower > 0 or interval.upper < 0 or distance > 2 * error
    middle = abs(interval.lower + interval.upper) / 2
    if max(middle, distance) >= least and sure:
        return Harm.EXPECTED
    return Harm.NONE if farthest < least and outside < LEAST_OUTSIDE else Harm.UNKNOWN


def _moved_otherwise(fitted: Surrogate, window: Mapping[str, Column], score: Column, least_harm: float) -> bool:
    """Whether the window's scores lie away from what its features let expect, by what matters and beyond chance."""
    scores = as_numbers(score)
    known = np.isfinite(scores)
    if not known.any() or any(name not in window for name in fitted.bins):
        return False
    told = sum(fitted.parts[name].mean(axis=0)[one.places(window[name])] for name, one in fitted.bins.items())
    left = (scores - fitted.mean - told)[known]
    away, error = abs(float(left.mean())), Z95 * float(left.std()) / math.sqrt(left.size)
    return away >= least_harm * fitted.spread and away > error


def _doubted(one: InducedShift) -> InducedShift:
    return replace(one, harm=Harm.UNKNOWN, doubted=True) if one.harm is Harm.NONE else one
