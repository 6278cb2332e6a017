"""Which segment explains a change of a metric: the rows it brings (mix) or how they behave (rate).

The metric is the mean of an outcome (0 or 1, or any number). With weight w and mean m of a segment, then and now, and
M the overall mean then: mix = (w_now - w_then) (m_then - M), rate = w_now (m_now - m_then). Over the values of one
feature both sum exactly to the change of the mean.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from bot.statistics.columns import Column, Counts, Floats, as_numbers
from bot.statistics.groups import MOST_VALUES, Groups, Sums, code_both, gather, group_rows
from bot.statistics.multiplicity import holm
from bot.statistics.rates import Interval, normal_quantile
from bot.statistics.shortfall import Shortfall, all_null, too_few_rows, unequal_length
from bot.statistics.wording import number, percent

LEAST_ROWS = 30
LARGEST = 1e140  # squares of larger outcomes are no float64
PAIR_COST = 0.03
BETWEEN = "\x1f"


@dataclass(frozen=True, slots=True)
class Segment:
    """One condition, or two that hold at once: feature and the value (or range) it has."""

    conditions: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return " and ".join(f"{feature} = {value}" for feature, value in self.conditions)


@dataclass(frozen=True, slots=True)
class SegmentEffect:
    """What one segment contributes to the change of the mean.

    `mix` + `rate` = `contribution`, in units of the outcome; `explained` is that over the total change (above 1 or
    negative when segments pull against each other). `lift` is how much further the segment moved than the rest
    of the rows, with its interval and `p_value`, corrected (Holm) over all segments searched. `reference_share`
    and `share` are the segment's part of the rows then and now.
    """

    segment: Segment
    rows: int
    current_rows: int
    mean: float
    current_mean: float
    mix: float
    rate: float
    explained: float
    lift: float
    interval: Interval
    p_value: float
    reference_share: float
    share: float

    @property
    def contribution(self) -> float:
        return self.mix + self.rate


@dataclass(frozen=True, slots=True)
class Attribution:
    """The change of the mean and the segments, the one that explains most (and is beyond chance) first.

    `culprit` is the first of them if it explains at least half of the change, else None.
    """

    reference_mean: float
    current_mean: float
    segments: tuple[SegmentEffect, ...]
    searched: int
    culprit: SegmentEffect | None
    sentence: str

    @property
    def change(self) -> float:
        return self.current_mean - self.reference_mean


@dataclass(frozen=True, slots=True)
class AffectedShare:
    """Rows of the window in the named segment over all rows, with the rule in words."""

    rows: int
    of: int
    rule: str

    @property
    def value(self) -> float:
        return self.rows / self.of if self.of else 0.0


def attribute(
    reference: Mapping[str, Column],
    reference_outcome: Column,
    current: Mapping[str, Column],
    current_outcome: Column,
    *,
    pairs: bool = False,
    alpha: float = 0.05,
    least_rows: int = LEAST_ROWS,
) -> Attribution | Shortfall:
    """Search every feature both windows have (categories, numbers in fifths of the reference) for the segment that
    explains the change of the mean outcome; with `pairs`, also every two features. Rows with a null outcome don't
    count. Segments with fewer than `least_rows` rows in both windows are left out."""
    outcomes = (_outcome(reference_outcome), _outcome(current_outcome))
    short = _shortfall(reference, current, outcomes, least_rows)
    if short:
        return short
    known = tuple(np.isfinite(outcome) for outcome in outcomes)
    then, now = outcomes[0][known[0]], outcomes[1][known[1]]
    coded: dict[str, tuple[Counts, Counts, list[str]]] = {}
    for name in [name for name in reference if name in current]:
        codes, codes_now, names = code_both(np.asarray(reference[name]), np.asarray(current[name]))
        coded[name] = codes[known[0]], codes_now[known[1]], names
    if pairs:
        coded |= dict(_pair(one, two) for one, two in combinations(coded.items(), 2))
    centre = float(then.mean())
    return attribute_groups(
        group_rows({name: (codes, names) for name, (codes, _, names) in coded.items()}, then, centre),
        group_rows({name: (codes, names) for name, (_, codes, names) in coded.items()}, now, centre),
        alpha=alpha,
        least_rows=least_rows,
    )


def attribute_groups(
    reference: Groups, current: Groups, *, alpha: float = 0.05, least_rows: int = LEAST_ROWS
) -> Attribution | Shortfall:
    """As `attribute`, from the sums of both windows by the values of each feature."""
    for whole, where in ((reference.whole, "the reference"), (current.whole, "the current window")):
        if whole.rows < least_rows:
            return too_few_rows(whole.rows, least_rows, where)
    centre = reference.whole.mean
    then, now = reference.whole.about(centre), current.whole.about(centre)
    effects = [
        effect
        for feature in [feature for feature in reference.of if feature in current.of]
        for name, inside, inside_now in gather(reference.of[feature], current.of[feature], _most(feature))
        if (effect := _effect(_segment(feature, name), inside, inside_now, then, now, least_rows))
    ]
    adjusted = holm(np.array([effect.p_value for effect in effects]))
    effects = [replace(one, p_value=float(p)) for one, p in zip(effects, adjusted, strict=True)]
    total = now.mean - then.mean
    # Beyond its fair part a segment explains most exactly where it is the true one: any part of it and anything around
    # it explains less. A pair still has to do clearly better than one condition.
    effects.sort(key=lambda one: (one.p_value >= alpha, _ahead(one, total)))
    culprit = next((one for one in effects[:1] if _is_culprit(one, total, alpha)), None)
    sentence = _sentence(then.mean, now.mean, total, culprit)
    return Attribution(then.mean, now.mean, tuple(effects), len(effects), culprit, sentence)


def _outcome(values: Column) -> Floats:
    outcome = as_numbers(values)
    return np.where(np.isfinite(outcome), np.clip(outcome, -LARGEST, LARGEST), np.nan)


def _ahead(effect: SegmentEffect, total: float) -> float:
    return -(effect.lift / total if total else abs(effect.lift)) + PAIR_COST * len(effect.segment.conditions)


def _is_culprit(effect: SegmentEffect, total: float, alpha: float) -> bool:
    return effect.p_value < alpha and effect.explained >= 0.5 and effect.lift * total > 0  # noqa: PLR2004


def affected_share(current: Mapping[str, Column], reference: Mapping[str, Column], segment: Segment) -> AffectedShare:
    """How many rows of the window lie in a segment found by `attribute` (the reference sets the fifths of numbers)."""
    rows = len(next(iter(current.values()), ()))
    inside = np.ones(rows, dtype=np.bool_)
    for feature, value in segment.conditions:
        _, codes, names = code_both(np.asarray(reference[feature]), np.asarray(current[feature]))
        inside &= codes == names.index(value) if value in names else False
    return AffectedShare(int(inside.sum()), rows, str(segment))


def _shortfall(
    reference: Mapping[str, Column], current: Mapping[str, Column], outcomes: tuple[Floats, Floats], least: int
) -> Shortfall | None:
    for frame, outcome, where in (
        (reference, outcomes[0], "the reference"),
        (current, outcomes[1], "the current window"),
    ):
        for values in frame.values():
            if len(values) != outcome.size:
                return unequal_length(len(values), outcome.size)
        known = int(np.isfinite(outcome).sum())
        if outcome.size >= least and known == 0:
            return all_null(outcome.size, where)
        if known < least:
            return too_few_rows(known, least, where)
    return None


Coded = tuple[Counts, Counts, list[str]]


def _pair(one: tuple[str, Coded], two: tuple[str, Coded]) -> tuple[str, Coded]:
    """Two features as one whose values are all pairs of theirs."""
    (feature, (codes, codes_now, names)), (other, (others, others_now, other_names)) = one, two
    size = len(other_names)
    joint = [f"{name}{BETWEEN}{other_name}" for name in names for other_name in other_names]
    return f"{feature}{BETWEEN}{other}", (codes * size + others, codes_now * size + others_now, joint)


def _most(feature: str) -> int:
    return MOST_VALUES * MOST_VALUES if BETWEEN in feature else MOST_VALUES


def _segment(feature: str, value: str) -> Segment:
    return Segment(tuple(zip(feature.split(BETWEEN), value.split(BETWEEN), strict=False)))


def _effect(
    segment: Segment, inside: Sums, inside_now: Sums, then: Sums, now: Sums, least: int
) -> SegmentEffect | None:
    """None for a segment too small to judge, or one that is the whole window. Windows are about the mean then."""
    size, size_now = inside.rows, inside_now.rows
    if max(size, size_now) < least or (size == then.rows and size_now == now.rows):
        return None
    inside, inside_now = inside.about(then.centre), inside_now.about(then.centre)
    overall, total = then.mean, now.mean - then.mean
    mean = inside.mean if size else overall
    mean_now = inside_now.mean if size_now else mean
    weight, weight_now = size / then.rows, size_now / now.rows
    mix, rate = (weight_now - weight) * (mean - overall), weight_now * (mean_now - mean)
    lift, error = _lift(inside, inside_now, then, now)
    p_value = math.erfc(abs(lift) / error / math.sqrt(2)) if error > 0 else float(lift == 0)
    reach = normal_quantile(0.975) * error
    return SegmentEffect(
        segment,
        size,
        size_now,
        mean,
        mean_now,
        mix,
        rate,
        (mix + rate) / total if total else 0.0,
        lift,
        Interval(lift - reach, lift + reach),
        p_value,
        weight,
        weight_now,
    )


def _lift(inside: Sums, inside_now: Sums, then: Sums, now: Sums) -> tuple[float, float]:
    """The segment's contribution beyond its fair part of the change, and its standard error.

    mix + rate is the change of the mean of inside * (y - M), with M the overall mean then. A segment that only moved
    like everything else would have its weight then times the total change. The difference is the change of the mean of
    (inside - weight) (y - M), whose two means are independent.
    """
    weight = inside.rows / then.rows
    (before, error), (after, error_now) = _weighted(inside, then, weight), _weighted(inside_now, now, weight)
    return after - before, math.sqrt(error + error_now)


def _weighted(inside: Sums, whole: Sums, weight: float) -> tuple[float, float]:
    """Mean of (inside - weight) (y - M) over the window, and that mean's variance."""
    mean = (inside.total - weight * whole.total) / whole.rows
    square = ((1 - weight) ** 2 * inside.squares + weight**2 * (whole.squares - inside.squares)) / whole.rows
    return mean, max(0.0, square - mean * mean) / whole.rows


def _sentence(then: float, now: float, total: float, culprit: SegmentEffect | None) -> str:
    moved = f"{number(then)} → {number(now)}"
    if culprit is None:
        return f"{moved}; no single segment explains it"
    how = (
        f"{number(culprit.mean)} → {number(culprit.current_mean)} inside"
        if abs(culprit.rate) >= abs(culprit.mix)
        else f"from {percent(culprit.reference_share)} to {percent(culprit.share)} of rows"
    )
    part = percent(min(culprit.explained, 1.0)) if total else "none"
    return f"{moved}; {culprit.segment} explains {part} of it ({how})"
