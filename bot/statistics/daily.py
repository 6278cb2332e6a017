"""Windows shorter than a day: what is expected of the next one, as the time of day and its own day let expect.

Nights aren't like days, and what makes a day unlike others stays for all of its hours, such as a campaign. Held against
all windows of a week alike, a rush hour looks strange every day; held against the hours before it, every new day does.
So a level is taken as time of day + day + the window's own, each with its spread.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.statistics.columns import Floats

DAY = 86_400.0
LEAST_DAYS, LEAST_A_DAY = 3, 3
MOST_WAVES = 3
CLEARLY = 0.97
FEWEST = 2.0
TINY = 1e-200
Places = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Times:
    """When windows were, for levels that are given apart. before: seconds since 1970 of the start of each, ascending;
    now: of the one to be judged."""

    before: Floats
    now: float

    def some(self, kept: NDArray[np.bool_]) -> "Times":
        return Times(self.before[kept], self.now)


@dataclass(frozen=True, slots=True)
class Expected:
    """The next level: its mean, its standard deviation, and the degrees of freedom of the latter. by_day: whether time
    of day and day were told apart."""

    centre: float
    reach: float
    freedom: float
    by_day: bool = False

    def away(self, chance: float) -> float:
        """How far from the centre a level lies with this chance, on one side (Student's t)."""
        from scipy.special import stdtrit  # noqa: PLC0415

        return float(stdtrit(self.freedom, 1 - chance)) * self.reach

    def above(self, level: float) -> float:
        """The chance of a level as high or higher."""
        from scipy.special import stdtr  # noqa: PLC0415

        if self.reach == 0:
            return 1.0 if level <= self.centre else 0.0
        return float(stdtr(self.freedom, (self.centre - level) / self.reach))

    def beyond(self, level: float) -> float:
        """The chance of a level as far from the centre, on either side."""
        return min(1.0, 2 * self.above(self.centre + abs(level - self.centre)))


def expected_at(levels: Floats, times: Times | None, *, chance: Floats | float = 0.0, now: float = 0.0) -> Expected:
    """Expect the next level, by time of day and by day where there are enough of both, else by all levels alike.

    levels: shape (k,), k >= 2. times: None where windows are days or longer. chance, now: the variance that each level
    has from its own rows, and the new one from its; windows that happened to agree better do not make `reach` narrower.
    """
    k = levels.size
    own = float(np.mean(chance))
    found = None if times is None else _by_day(levels, times, own, now)
    if found is not None:
        return found
    between = max(0.0, float(np.var(levels, ddof=1)) - own)
    return Expected(float(np.mean(levels)), math.sqrt(between + now + (between + own) / k), k - 1.0)


def enough_days(times: Times) -> bool:
    """Whether there are three days of at least three windows."""
    _, sizes = np.unique(day_of(times.before), return_counts=True)
    return bool(np.sum(sizes >= LEAST_A_DAY) >= LEAST_DAYS)


def day_of(seconds: Floats) -> Places:
    return np.floor(seconds / DAY).astype(np.intp)


def _by_day(levels: Floats, times: Times, own: float, now: float) -> Expected | None:
    """None with fewer than three days of at least three windows.

    Today's part by best linear unbiased prediction from its windows so far (Robinson 1991); degrees of freedom by
    Satterthwaite (1946).
    """
    if not enough_days(times):
        return None
    parts = _split(levels, times.before)
    today = parts.days == day_of(np.array([times.now]))[0]
    others = 1 / np.maximum(parts.between + parts.within / parts.sizes[~today], TINY)
    usual, of_usual = float(parts.means[~today] @ others / others.sum()), float(1 / others.sum())
    seen = float(parts.sizes[today].sum())
    known = parts.between / (parts.between + parts.within / seen) if seen and parts.between > 0 else 0.0
    moved = known * (float(parts.means[today].sum()) - usual)
    wave = _waves(np.array([times.now]), MOST_WAVES)[0, : parts.shape.by.size]
    of_days = parts.between * (1 - known) + of_usual * (1 - known) ** 2
    of_shape = parts.within * float(wave @ parts.shape.spread @ wave)
    variance = of_days + max(parts.within - own, 0.0) + now + of_shape
    by_days = of_days / variance if parts.between > 0 else 0.0
    freedom = 1 / (by_days**2 / (parts.days.size - 1) + (1 - by_days) ** 2 / parts.freedom)
    centre = usual + moved + float(wave @ parts.shape.by)
    return Expected(centre, math.sqrt(variance), max(FEWEST, freedom), by_day=True)


@dataclass(frozen=True, slots=True)
class _Parts:
    """What levels are made of. shape: the waves of a day. days, sizes, means: each day, its windows, and their mean
    beside the waves. within, between: the variances of windows and of days. freedom: of the first."""

    shape: "_Shape"
    days: Places
    sizes: Places
    means: Floats
    within: float
    between: float
    freedom: float


def _split(levels: Floats, seconds: Floats) -> _Parts:
    """Waves are fitted within days, as many as tell left-out days better; the two variances by analysis of variance
    (Henderson 1953, method 1)."""
    days, place, sizes = np.unique(day_of(seconds), return_inverse=True, return_counts=True)
    waves = _waves(seconds, MOST_WAVES)
    many = _chosen(levels, waves, place, sizes)
    shape = _fit(levels, waves[:, :many], place, sizes)
    rest = levels - waves[:, :many] @ shape.by
    k, count = levels.size, days.size
    freedom = max(FEWEST, float(k - count - many))
    within = shape.unexplained / freedom
    means = np.bincount(place, weights=rest) / sizes
    among = float(sizes @ (means - rest.mean()) ** 2) / (count - 1)
    per_day = (k - float(sizes @ sizes) / k) / (count - 1)
    return _Parts(shape, days, sizes, means, within, max(0.0, (among - within) / per_day), freedom)


@dataclass(frozen=True, slots=True)
class _Shape:
    """by: the weight of each wave; spread: its covariance over the variance within days; unexplained: squares left."""

    by: Floats
    spread: Floats
    unexplained: float


def _waves(seconds: Floats, many: int) -> Floats:
    """Sines and cosines of one to `many` turns a day; shape (seconds, 2 many)."""
    angle = 2 * np.pi * np.outer(seconds / DAY, np.arange(1, many + 1))
    return np.stack([np.sin(angle), np.cos(angle)], axis=2).reshape(seconds.size, 2 * many)


def _within(values: Floats, place: Places, sizes: Places) -> Floats:
    """Less the mean of the day, along the first axis."""
    sums = np.zeros((sizes.size, *values.shape[1:]))
    np.add.at(sums, place, values)
    return np.asarray(values - (sums / sizes.reshape((-1, *[1] * (values.ndim - 1))))[place])


def _fit(levels: Floats, waves: Floats, place: Places, sizes: Places) -> _Shape:
    inside, shape = _within(levels, place, sizes), _within(waves, place, sizes)
    spread = np.asarray(np.linalg.pinv(shape.T @ shape), dtype=np.float64)
    by = spread @ (shape.T @ inside)
    left = inside - shape @ by
    return _Shape(by, spread, float(left @ left))


def _chosen(levels: Floats, waves: Floats, place: Places, sizes: Places) -> int:
    """How many waves' columns tell days that were left out clearly better than fewer do."""
    inside, shape = _within(levels, place, sizes), _within(waves, place, sizes)
    each = (place[:, None] == np.arange(sizes.size)).astype(np.float64)
    gram = shape.T @ shape - np.einsum("kd,ki,kj->dij", each, shape, shape, optimize=True)
    towards = shape.T @ inside - each.T @ (shape * inside[:, None])
    best, least = 0, float(inside @ inside)
    for many in range(2, 2 * MOST_WAVES + 1, 2):
        by = np.linalg.pinv(gram[:, :many, :many]) @ towards[:, :many, None]
        left = inside - np.einsum("ki,ki->k", shape[:, :many], by[place, :, 0])
        if float(left @ left) < CLEARLY * least:
            best, least = many, float(left @ left)
    return best
