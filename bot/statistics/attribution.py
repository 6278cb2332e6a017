"""Which segment explains a change of a metric: the rows it brings (mix) or how they behave (rate).

The metric is the mean of an outcome (0 or 1, or any number). With weight w and mean m of a segment, then and now, and
M the overall mean then: mix = (w_now - w_then) (m_then - M), rate = w_now (m_now - m_then). Over the values of one
feature both sum exactly to the change of the mean.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import combinations, pairwise

import numpy as np
from numpy.typing import NDArray

from bot.statistics.columns import Column, Floats, as_numbers, category_text, is_numeric
from bot.statistics.multiplicity import holm
from bot.statistics.rates import Interval, normal_quantile
from bot.statistics.shortfall import Shortfall, all_null, too_few_rows, unequal_length
from bot.statistics.wording import number, percent

LEAST_ROWS = 30
BINS = 5
MOST_VALUES = 50
LARGEST = 1e140  # squares of larger outcomes are no float64
PAIR_COST = 0.03
NULL = "null"
OTHER = "other values"


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
    features: dict[str, Labels] = {}
    for name in [name for name in reference if name in current]:
        codes, codes_now, names = _labels(np.asarray(reference[name]), np.asarray(current[name]))
        features[name] = codes[known[0]], codes_now[known[1]], names
    effects = [
        effect
        for segment, inside, inside_now in _segments(features, pairs=pairs)
        if (effect := _effect(segment, inside, inside_now, then, now, least_rows))
    ]
    adjusted = holm(np.array([effect.p_value for effect in effects]))
    effects = [replace(one, p_value=float(p)) for one, p in zip(effects, adjusted, strict=True)]
    total = float(now.mean() - then.mean())
    # Beyond its fair part a segment explains most exactly where it is the true one: any part of it and anything around
    # it explains less. A pair still has to do clearly better than one condition.
    effects.sort(key=lambda one: (one.p_value >= alpha, _ahead(one, total)))
    culprit = next((one for one in effects[:1] if _is_culprit(one, total, alpha)), None)
    sentence = _sentence(float(then.mean()), float(now.mean()), total, culprit)
    return Attribution(float(then.mean()), float(now.mean()), tuple(effects), len(effects), culprit, sentence)


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
        _, codes, names = _labels(np.asarray(reference[feature]), np.asarray(current[feature]))
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


Labels = tuple[NDArray[np.intp], NDArray[np.intp], list[str]]


def _labels(then: Column, now: Column) -> Labels:
    """Both columns as codes into one list of names."""
    if is_numeric(then) and (np.unique(as_numbers(then)).size > 2 * BINS):
        return _fifths(as_numbers(then), as_numbers(now))
    words, words_now = _words(then), _words(now)
    sizes = Counter(words) + Counter(words_now)
    names = [*sorted(name for name, _ in sizes.most_common(MOST_VALUES)), OTHER]
    place = {name: at for at, name in enumerate(names)}
    codes, codes_now = (
        np.fromiter((place.get(word, len(names) - 1) for word in some), dtype=np.intp, count=len(some))
        for some in (words, words_now)
    )
    return codes, codes_now, names


def _words(values: Column) -> list[str]:
    return [NULL if value is None or value != value else category_text(value) for value in values.tolist()]  # noqa: PLR0124


def _fifths(then: Floats, now: Floats) -> Labels:
    finite = np.sort(then[np.isfinite(then)])
    edges = np.unique(finite[(np.arange(1, BINS) * finite.size) // BINS])
    bounds = [number(edge) for edge in edges.tolist()]
    names = [f"below {bounds[0]}"]
    names += [f"{low} to {high}" for low, high in pairwise(bounds)]
    names += [f"{bounds[-1]} or more", NULL]
    codes, codes_now = (
        np.where(np.isnan(values), len(names) - 1, np.searchsorted(edges, values, side="right")).astype(np.intp)
        for values in (then, now)
    )
    return codes, codes_now, names


def _segments(
    features: Mapping[str, Labels], *, pairs: bool
) -> Iterator[tuple[Segment, NDArray[np.bool_], NDArray[np.bool_]]]:
    singles = [
        (name, value, then == at, now == at)
        for name, (then, now, names) in features.items()
        for at, value in enumerate(names)
    ]
    for name, value, inside, inside_now in singles:
        yield Segment(((name, value),)), inside, inside_now
    if pairs:
        for one, two in combinations(singles, 2):
            if one[0] != two[0]:
                yield Segment(((one[0], one[1]), (two[0], two[1]))), one[2] & two[2], one[3] & two[3]


def _effect(
    segment: Segment, inside: NDArray[np.bool_], inside_now: NDArray[np.bool_], then: Floats, now: Floats, least: int
) -> SegmentEffect | None:
    """None for a segment too small to judge, or one that is the whole window."""
    size, size_now = int(inside.sum()), int(inside_now.sum())
    if max(size, size_now) < least or (size == then.size and size_now == now.size):
        return None
    overall, total = float(then.mean()), float(now.mean() - then.mean())
    mean = float(then[inside].mean()) if size else overall
    mean_now = float(now[inside_now].mean()) if size_now else mean
    weight, weight_now = size / then.size, size_now / now.size
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


def _lift(inside: NDArray[np.bool_], inside_now: NDArray[np.bool_], then: Floats, now: Floats) -> tuple[float, float]:
    """The segment's contribution beyond its fair part of the change, and its standard error.

    mix + rate is the change of the mean of inside * (y - M), with M the overall mean then. A segment that only moved
    like everything else would have its weight then times the total change. The difference is the change of the mean of
    (inside - weight) (y - M), whose two means are independent.
    """
    centre = float(then.mean())
    weight = float(inside.mean())
    before, after = (inside - weight) * (then - centre), (inside_now - weight) * (now - centre)
    error = math.sqrt(float(before.var()) / before.size + float(after.var()) / after.size)
    return float(after.mean() - before.mean()), error


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
