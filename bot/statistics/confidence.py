"""How sure a model says it is of each answer: its largest probability, the margin to the next, the entropy.

Confidence is what the model says, not how often it is right: that is calibration, and takes labels.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from bot.statistics.columns import Column, Floats, as_numbers
from bot.statistics.predictions import swing_of
from bot.statistics.rates import CONFIDENCE, Interval, ShareChange, compare_shares, normal_quantile
from bot.statistics.shortfall import Shortfall, all_null, too_few_rows

LEAST_ROWS = 50
SLACK = 1e-6
SUM_SLACK = 0.02
SURE = 0.001
LEAST_SHARE = 0.02
LEAST_MEAN = 0.01
LEAST_EFFECT = 0.1


@dataclass(frozen=True, slots=True, eq=False)
class Confidence:
    """Of each row, shape (rows,): `top` the largest probability, `margin` to the second largest, `entropy` of all as a
    share of its largest possible value (0 sure, 1 no idea); NaN where the row has no probability. `classes`: how many.
    """

    top: Floats
    margin: Floats
    entropy: Floats
    classes: int

    @property
    def known(self) -> NDArray[np.bool_]:
        return ~np.isnan(self.top)


@dataclass(frozen=True, slots=True)
class NotChances:
    """Numbers that are no probabilities: the range they have, or rows whose classes do not sum to 1."""

    lowest: float
    highest: float
    off_sum: float = 0.0


@dataclass(frozen=True, slots=True)
class Level:
    """Means over the rows with a probability, each 0 to 1."""

    top: float
    margin: float
    entropy: float
    rows: int


@dataclass(frozen=True, slots=True)
class ConfidenceChange:
    """`low`: rows below the threshold. `difference`: of the mean `top`, now minus then, with Welch's interval; `effect`
    the same in standard deviations of the reference. `direction`: where it went, None when not enough to matter."""

    then: Level
    now: Level
    low: ShareChange
    threshold: float
    difference: float
    interval: Interval
    effect: float
    p_value: float
    direction: Literal["less", "more"] | None


def of_score(score: Column) -> Confidence | NotChances:
    """Two classes from the chance p of one of them: top = max(p, 1 - p), margin = |2p - 1|, entropy in bits."""
    p = as_numbers(score)
    wrong = _outside(p)
    if wrong is not None:
        return wrong
    p = np.clip(p, 0.0, 1.0)
    return Confidence(np.maximum(p, 1 - p), np.abs(2 * p - 1), _entropy(np.stack([p, 1 - p], axis=1)), 2)


def of_certainty(score: Column, classes: int) -> Confidence | NotChances:
    """More than two classes, where the score is the chance of the class that was answered.

    The other classes are not known: margin and entropy are NaN.
    """
    p = as_numbers(score)
    wrong = _outside(p)
    if wrong is not None:
        return wrong
    blank = np.full(p.size, np.nan)
    return Confidence(np.clip(p, 0.0, 1.0), blank, blank, classes)


def of_probabilities(columns: list[Column]) -> Confidence | NotChances:
    """A column a class, two or more. Rows must sum to 1 within .02 and are then brought to it; a row with a null in any
    class has no confidence."""
    p = np.stack([as_numbers(column) for column in columns], axis=1)
    p[np.isnan(p).any(axis=1)] = np.nan
    wrong = _outside(p.ravel())
    if wrong is not None:
        return wrong
    sums = p.sum(axis=1)
    off = float(np.nanmax(np.abs(sums - 1), initial=0.0))
    if off > SUM_SLACK:
        return NotChances(float(np.nanmin(sums)), float(np.nanmax(sums)), off)
    p = np.clip(p, 0.0, 1.0) / np.clip(p, 0.0, 1.0).sum(axis=1, keepdims=True)
    ordered = np.sort(p, axis=1)
    return Confidence(ordered[:, -1], ordered[:, -1] - ordered[:, -2], _entropy(p), p.shape[1])


def compare_confidence(
    reference: Confidence,
    current: Confidence,
    threshold: float,
    *,
    batches: Sequence[NDArray[np.intp]] = (),
    alpha: float = SURE,
    confidence: float = CONFIDENCE,
) -> ConfidenceChange | Shortfall:
    """How sure the model says it is now, against then.

    It went somewhere when the share of rows below the threshold moved by two points, or the mean by a point and a tenth
    of the reference's standard deviation, and that beyond chance (p < `alpha` in either of the two tests, halved).
    `batches` are the places of the reference's rows in windows of its own: with ten or more, what is no further than
    such windows swing by themselves is no change.
    """
    then, now = reference.top[reference.known], current.top[current.known]
    for side, rows, where in (
        (then, reference.top.size, "the reference"),
        (now, current.top.size, "the current window"),
    ):
        if side.size == 0 and rows:
            return all_null(rows, where)
        if side.size < LEAST_ROWS:
            return too_few_rows(int(side.size), LEAST_ROWS, where)
    low = compare_shares(int((then < threshold).sum()), then.size, int((now < threshold).sum()), now.size)
    difference = float(now.mean() - then.mean())
    error = math.hypot(float(then.std(ddof=1)) / math.sqrt(then.size), float(now.std(ddof=1)) / math.sqrt(now.size))
    p_value = math.erfc(abs(difference) / error / math.sqrt(2)) if error else float(difference == 0)
    spread = 0.0 if then.min() == then.max() else float(then.std())
    effect = difference / spread if spread else math.copysign(math.inf, difference) if difference else 0.0
    reach = normal_quantile(0.5 + confidence / 2) * error
    parts = [part[~np.isnan(part)] for part in (reference.top[places] for places in batches)]
    swings = (
        swing_of([float((part < threshold).mean()) for part in parts if part.size]),
        swing_of([float(part.mean()) for part in parts if part.size]),
    )
    return ConfidenceChange(
        _level(reference),
        _level(current),
        low,
        threshold,
        difference,
        Interval(difference - reach, difference + reach),
        effect,
        p_value,
        _direction(low, difference, effect, p_value, alpha / 2, swings),
    )


def _direction(
    low: ShareChange,
    difference: float,
    effect: float,
    p_value: float,
    alpha: float,
    swings: tuple[float | None, float | None],
) -> Literal["less", "more"] | None:
    """The share of unsure rows decides where it moved: it is what people have to look at."""
    low_swing, swing = (one or 0.0 for one in swings)
    if low.p_value < alpha and abs(low.difference) >= max(LEAST_SHARE, low_swing):
        return "less" if low.difference > 0 else "more"
    if p_value < alpha and abs(difference) >= max(LEAST_MEAN, swing) and abs(effect) >= LEAST_EFFECT:
        return "less" if difference < 0 else "more"
    return None


def _level(side: Confidence) -> Level:
    known = side.known
    rows = int(known.sum())
    means = [float(values[known].mean()) for values in (side.top, side.margin, side.entropy)]
    return Level(means[0], means[1], means[2], rows)


def _outside(p: Floats) -> NotChances | None:
    known = p[~np.isnan(p)]
    if known.size == 0 or (known.min() >= -SLACK and known.max() <= 1 + SLACK):
        return None
    return NotChances(float(known.min()), float(known.max()))


def _entropy(p: Floats) -> Floats:
    """Shannon's entropy of each row over log(classes), 0 to 1."""
    safe = np.where(p > 0, p, 1.0)
    found: Floats = -(np.where(np.isnan(p), np.nan, p) * np.log(safe)).sum(axis=1) / math.log(p.shape[1])
    return np.clip(found, 0.0, 1.0)
