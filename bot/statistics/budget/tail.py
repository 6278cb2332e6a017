"""Where the tail of surprises has been left as seldom as a budget allows, when no order statistic can tell.

Peaks over a high level follow a generalised Pareto law (Pickands 1975). Its scale and shape are weighed on a grid by
what was seen and by what an exact model would give (an exponential tail, shape 0). The answer is a quantile of the
limits so weighed: without a past the one that an exact model would have, and later one on the safe side, since a limit
too low by chance costs more false pages than one too high by as much saves.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bot.statistics.budget.episodes import episode_peaks
from bot.statistics.columns import Floats

EXACT = 1 / math.log(10)
"""Mean of a surprise under an exact model: it is exponential."""
SHAPES = np.linspace(-0.3, 0.9, 24)[:, None]  # none is 0, where the law has another form
SCALES = EXACT * np.exp(np.linspace(-2.0, 2.0, 41))[None, :]
SHAPE_SPREAD, SHAPE_SPREAD_OF_RUNS, SCALE_SPREAD = 0.3, 0.05, 0.5
"""Of windows by themselves tails may be heavy; what runs are made of is cut, and theirs are hardly."""
PRIOR_EVENTS = 2.0
SHARE, LEAST, MOST = 0.15, 15, 200
LEAST_LEVEL = 0.3
SAFE, SAFE_OF_RUNS, KNOWN = 0.65, 0.57, 50


@dataclass(frozen=True, slots=True)
class Tail:
    """What lies over a level. known: every surprise, descending; reaching: how many of them reach the level. excesses:
    of the peaks, over it. weekly: peaks expected a week. spread: of the shapes held possible. safe: the quantile of the
    limits that is taken when much is known."""

    known: Floats
    level: float
    reaching: int
    excesses: Floats
    weekly: float
    spread: float = SHAPE_SPREAD
    safe: float = SAFE

    def limit(self, budget: float) -> float:
        """The surprise that peaks exceed `budget` times a week. One below the level is read from the ranks."""
        if self.weekly <= budget:
            rank = int(self.reaching * budget / self.weekly)
            return float(self.known[rank]) if rank < self.known.size else 0.0
        far = math.log(self.weekly / budget)
        reaches = (SCALES * np.expm1(SHAPES * far) / SHAPES).ravel()
        order = np.argsort(reaches)
        reaches = reaches[order]
        before = _middles(_weights(np.empty(0), self.spread).ravel()[order])
        start = float(np.interp(EXACT * far, reaches, before))
        sure = start + (self.safe - start) * min(1.0, self.reaching / KNOWN)
        return self.level + float(
            np.interp(sure, _middles(_weights(self.excesses, self.spread).ravel()[order]), reaches)
        )


def tail_of(past: Sequence[Floats], windows: float, *, singly: bool = True) -> Tail:
    """The tail of the surprises of like monitors, each in time order, of which all have so many windows a week.

    It begins where about a seventh of all reach, fifteen to two hundred. singly: of windows by themselves, not of runs.
    """
    known = np.sort(np.concatenate([np.empty(0), *past]))[::-1]
    size = int(min(max(LEAST, SHARE * known.size), MOST, known.size))
    level = max(float(known[size - 1]), LEAST_LEVEL) if size else LEAST_LEVEL
    peaks = np.array([peak for one in past for peak in episode_peaks(one, level)], dtype=np.float64)
    weekly = windows * 10.0**-level * _times_nominal(peaks.size, known.size * 10.0**-level)
    spread, safe = (SHAPE_SPREAD, SAFE) if singly else (SHAPE_SPREAD_OF_RUNS, SAFE_OF_RUNS)
    return Tail(known, level, int((known >= level).sum()), peaks - level, weekly, spread, safe)


def _times_nominal(events: int, nominal: float) -> float:
    """How many times as many events as an exact model leads one to expect; few of them weigh little."""
    if not events:
        return 1.0
    return math.exp(events / (events + PRIOR_EVENTS) * math.log(events / nominal))


def _weights(excesses: Floats, spread: float) -> Floats:
    """How likely each shape and scale is, shape (shapes, scales), summing to 1."""
    inside = 1 + SHAPES[:, :, None] * excesses / SCALES[:, :, None]
    possible = (inside > 0).all(axis=2)
    logs = np.log(np.where(inside > 0, inside, 1.0)).sum(axis=2)
    likely = -excesses.size * np.log(SCALES) - (1 + 1 / SHAPES) * logs
    prior = -((SHAPES / spread) ** 2) / 2 - (np.log(SCALES / EXACT) / SCALE_SPREAD) ** 2 / 2
    total = np.where(possible, likely + prior, -np.inf)
    weights = np.exp(total - total.max())
    return np.asarray(weights / weights.sum())


def _middles(weights: Floats) -> Floats:
    return np.asarray(np.cumsum(weights) - weights / 2)
