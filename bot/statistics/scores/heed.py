"""Whether another version of a model still hangs on the same features, told from the answers alone.

What the old version's answers owe to each feature is read from an additive fit of them (`importance.fit_surrogate`) to
other rows of that version. The answers of both versions are then regressed on these parts (least squares, with the
variance of White 1980): a version that heeds a feature as before has the same slope on its part, one that lost it none.
Because of the regression the two versions need not have got the same traffic.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from bot.statistics.columns import Column, Floats, as_numbers
from bot.statistics.multiplicity import holm
from bot.statistics.rates import Interval
from bot.statistics.scores.importance import LARGEST, Surrogate, fit_surrogate
from bot.statistics.shortfall import Reason, Shortfall, too_few_rows
from bot.statistics.wording import percent

LEAST_EFFECT, LEAST_GAP, LEAST_SLOPE, SURE = 0.1, 0.4, 0.4, 0.001
ROWS_A_PART, LEAST_OF_EACH = 10, 100
LOST = 0.25
Z95 = 1.96


@dataclass(frozen=True, slots=True)
class Answered:
    """Rows of one version: features, columns of shape (rows,), and what was answered, numbers of that shape."""

    features: Mapping[str, Column]
    answers: Floats


@dataclass(frozen=True, slots=True)
class Heed:
    """What became of one feature. kept: how much the new answers owe it, as a part of what the old ones do (1: as
    much, 0: nothing, below 0: the other way round), with its 95 % interval. effect: how far the old answers usually
    move with it, in their standard deviations. p_value: of no difference, corrected (Holm) for all features looked at.
    """

    feature: str
    kept: float
    interval: Interval
    effect: float
    p_value: float

    @property
    def differs(self) -> bool:
        return self.p_value < SURE and abs(self.kept - 1) >= LEAST_GAP

    @property
    def sentence(self) -> str:
        """What the new version does with it: `no longer heeds size`."""
        if self.kept <= -LOST:
            return f"heeds {self.feature} the other way round"
        if self.kept < LOST:
            return f"no longer heeds {self.feature}"
        if self.kept < 1:
            return f"heeds {self.feature} less ({percent(self.kept)} as much)"
        return f"heeds {self.feature} more ({self.kept:.1f} times as much)"


def compare_heed(learnt: Answered, old: Answered, new: Answered) -> list[Heed] | Shortfall:
    """What the new version does with each feature, those that lost or gained most first.

    learnt: rows of the old version that its fit is made of; old: others of it. A feature with which the old answers
    move by less than a tenth of their standard deviation is not looked at.
    """
    fit = fit_surrogate(learnt.features, learnt.answers)
    if isinstance(fit, Shortfall):
        return fit
    names = list(fit.parts)
    was, now = _owed(fit, old), _owed(fit, new)
    rows = min(was[1].size, now[1].size)
    if rows < LEAST_OF_EACH:
        return too_few_rows(rows, LEAST_OF_EACH, "a version")
    effects = was[0].std(axis=0) / fit.spread
    kept = np.argsort(-effects, kind="stable")[: rows // ROWS_A_PART]
    slopes, errors = zip(*(_slopes(parts[:, kept], answers) for parts, answers in (was, now)), strict=True)
    found = [
        _heed(names[place], float(effects[place]), (slopes[0][at], slopes[1][at]), (errors[0][at], errors[1][at]))
        for at, place in enumerate(kept.tolist())
        if effects[place] >= LEAST_EFFECT and slopes[0][at] >= LEAST_SLOPE
    ]
    if not found:
        return Shortfall(
            Reason.UNEXPLAINED, "No feature by itself moves the answers enough to compare what became of it."
        )
    adjusted = holm(np.array([one.p_value for one in found])).tolist()
    corrected = [replace(one, p_value=p) for one, p in zip(found, adjusted, strict=True)]
    return sorted(corrected, key=lambda one: (not one.differs, -abs(one.kept - 1) * one.effect))


def _owed(fit: Surrogate, rows: Answered) -> tuple[Floats, Floats]:
    """Each answer's parts by feature, shape (rows, features), and the answers; of rows that have one."""
    answers = as_numbers(rows.answers)
    known = np.abs(answers) < LARGEST
    parts = [
        fit.parts[name].mean(axis=0)[one.places(np.asanyarray(rows.features[name])[known])]
        for name, one in fit.bins.items()
    ]
    return np.stack(parts, axis=1), answers[known]


def _slopes(parts: Floats, answers: Floats) -> tuple[Floats, Floats]:
    """Least-squares slopes on each part and their standard errors, whatever the variance of the rows (HC1)."""
    design = np.column_stack([np.ones(answers.size), parts])
    inverse = np.linalg.pinv(design.T @ design)
    slopes = inverse @ (design.T @ answers)
    left = answers - design @ slopes
    meat = (design * left[:, None] ** 2).T @ design
    variance = np.diag(inverse @ meat @ inverse) * answers.size / max(1, answers.size - design.shape[1])
    return slopes[1:], np.sqrt(np.maximum(variance[1:], 0.0))


def _heed(feature: str, effect: float, slopes: tuple[float, float], errors: tuple[float, float]) -> Heed:
    from scipy import special  # noqa: PLC0415

    was, now = slopes
    kept = float(now / was)
    error = float(np.hypot(errors[1], kept * errors[0]) / was)
    z = abs(now - was) / max(float(np.hypot(*errors)), 1e-300)
    interval = Interval(kept - Z95 * error, kept + Z95 * error)
    return Heed(feature, kept, interval, effect, float(2 * special.ndtr(-z)))
