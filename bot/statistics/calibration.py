"""Whether a probability means what it says: of rows scored .8, are 80 % positive?

Reliability is read in bins of equal rows. The calibration error is the mean gap between what bins say and what they
hold, weighted by rows. The plain one is above 0 for a perfect model, by chance alone, and the more so the more bins;
here each bin's gap is debiased by what two halves of its rows would agree on (see `_agreed`), so that a calibrated
model has 0 on average. Slope and intercept are Cox's (1958): the logistic regression of the truth on the logit said.
Slope below 1: too extreme (overconfident). Above 1: too timid (underconfident). Intercept below 0: says too much.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.statistics.columns import Floats
from bot.statistics.rates import CONFIDENCE, Interval, normal_quantile, wilson
from bot.statistics.shortfall import Shortfall, one_class, too_few_rows

LEAST_ROWS = 100
BINS = 15
ROWS_A_BIN = 20
CLEAREST = 1e-6  # a probability of exactly 0 or 1 pulls no harder than this one
STEPS = 50
STEEPEST = 30.0
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Bin:
    """Rows of near probabilities: what they said on average, the share that is positive, with Wilson's interval."""

    said: float
    share: float
    interval: Interval
    rows: int


@dataclass(frozen=True, slots=True)
class Line:
    """`value` with its interval and standard error."""

    value: float
    interval: Interval
    error: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """How far probabilities are from what happens.

    error: the debiased expected calibration error, 0 to 1; raw_error: the plain one of the same bins. interval: from
    chance below the first to chance above the second, since gaps smaller than their noise may be there unseen.
    slope, intercept: Cox's, both in one regression. level: the intercept alone, the slope held at 1 (how far the whole
    is off, in log odds). said, share: the mean probability and the share of positives of all rows.
    """

    error: float
    interval: Interval
    raw_error: float
    slope: Line
    intercept: Line
    level: Line
    said: float
    share: float
    bins: tuple[Bin, ...]
    rows: int


def calibration(
    probabilities: Floats, truth: Bools, *, bins: int = BINS, confidence: float = CONFIDENCE
) -> Calibration | Shortfall:
    """Measure calibration. probabilities: of the positive class, shape (rows,), cut to 0..1; truth: bool of the same
    shape. Rows with a NaN probability don't count. A bin has at least 20 rows; ties share one."""
    known = ~np.isnan(probabilities)
    said, hit = np.clip(probabilities[known], 0.0, 1.0), np.asarray(truth, dtype=np.bool_)[known]
    if said.size < LEAST_ROWS:
        return too_few_rows(said.size, LEAST_ROWS, "the labelled window")
    if hit.all() or not hit.any():
        return one_class("positive" if hit.all() else "negative")
    place = _places(said, max(2, min(bins, said.size // ROWS_A_BIN)))
    size = np.bincount(place).astype(np.float64)
    mean_said, share = np.bincount(place, said) / size, np.bincount(place, hit) / size
    gap = share - mean_said
    squares = np.bincount(place, (hit - said - gap[place]) ** 2)
    noise = np.sqrt(squares / np.maximum(size - 1, 1) / size)
    weight = size / said.size
    error = float(max(0.0, (weight * _agreed(gap, noise)).sum()))
    reach = normal_quantile(0.5 + confidence / 2) * math.sqrt(float((weight**2 * noise**2).sum()))
    raw = float((weight * np.abs(gap)).sum())
    intercept, slope = _logistic(_logit(said), hit, confidence)
    return Calibration(
        error,
        Interval(max(0.0, error - reach), min(1.0, raw + reach)),
        raw,
        slope,
        intercept,
        _level(_logit(said), hit, confidence),
        float(said.mean()),
        float(hit.mean()),
        tuple(
            Bin(float(one), float(two), wilson(round(two * count), int(count), confidence), int(count))
            for one, two, count in zip(mean_said, share, size, strict=True)
        ),
        said.size,
    )


def _places(said: Floats, bins: int) -> NDArray[np.intp]:
    """The bin of each row: equal rows, ties together, none empty."""
    edges = np.unique(np.quantile(said, np.linspace(0, 1, bins + 1)[1:-1], method="higher"))
    _, place = np.unique(np.searchsorted(edges, said, side="right"), return_inverse=True)
    return place


def _agreed(gap: Floats, noise: Floats) -> Floats:
    """How large a gap is beyond its noise, per bin: what two halves of the rows agree on.

    The half that decides the sign and the half that measures are independent, so that where nothing is off the product
    sign(first half) * second half is 0 on average. Over all ways to halve, with gaps normal, it is
    gap * erf(gap / (noise * sqrt 2)) - 2 * noise * phi(gap / noise).
    """
    from scipy.special import erf  # noqa: PLC0415

    safe = np.where(noise > 0, noise, 1.0)
    ratio = gap / safe
    found = gap * erf(ratio / math.sqrt(2)) - 2 * noise * np.exp(-(ratio**2) / 2) / math.sqrt(2 * math.pi)
    return np.asarray(np.where(noise > 0, found, np.abs(gap)), dtype=np.float64)


def _logit(said: Floats) -> Floats:
    inner = np.clip(said, CLEAREST, 1 - CLEAREST)
    return np.asarray(np.log(inner / (1 - inner)), dtype=np.float64)


def _logistic(x: Floats, hit: Bools, confidence: float) -> tuple[Line, Line]:
    """Intercept and slope by Newton's method. Where one value of x parts the classes the slope is stopped at 30; where
    all x are one value it is 1, and the intercept says the rest."""
    if float(x.std()) < 1e-9:  # noqa: PLR2004
        return _level(x, hit, confidence), Line(1.0, Interval(-math.inf, math.inf), math.inf)
    design = np.stack([np.ones(x.size), x])
    found = np.array([0.0, 1.0])
    inverse = np.eye(2)
    for _ in range(STEPS):
        chance = _chance(found @ design)
        weight = np.maximum(chance * (1 - chance), 1e-12)
        inverse = np.linalg.pinv((design * weight) @ design.T)
        step = inverse @ (design @ (hit - chance))
        found = np.clip(found + np.clip(step, -2, 2), -STEEPEST, STEEPEST)
        if np.abs(step).max() < 1e-10:  # noqa: PLR2004
            break
    errors = np.sqrt(np.maximum(np.diag(inverse), 0.0))
    return _line(float(found[0]), float(errors[0]), confidence), _line(float(found[1]), float(errors[1]), confidence)


def _level(x: Floats, hit: Bools, confidence: float) -> Line:
    """The intercept alone, the slope held at 1."""
    found, error = 0.0, math.inf
    for _ in range(STEPS):
        chance = _chance(x + found)
        error = float(max((chance * (1 - chance)).sum(), 1e-12))
        step = float((hit - chance).sum()) / error
        found = max(-STEEPEST, min(STEEPEST, found + max(-2.0, min(2.0, step))))
        if abs(step) < 1e-10:  # noqa: PLR2004
            break
    return _line(found, 1 / math.sqrt(error), confidence)


def _chance(logit: Floats) -> Floats:
    from scipy.special import expit  # noqa: PLC0415

    return np.asarray(expit(logit), dtype=np.float64)


def _line(value: float, error: float, confidence: float) -> Line:
    reach = normal_quantile(0.5 + confidence / 2) * error
    return Line(value, Interval(value - reach, value + reach), error)
