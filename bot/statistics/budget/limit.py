"""The limit of like monitors that share a budget: how surprising a window of any of them must be to page."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from bot.statistics.budget.episodes import episodes
from bot.statistics.budget.promise import SURE, rate_interval
from bot.statistics.budget.tail import tail_of
from bot.statistics.columns import Floats

ENOUGH_PAGES = 3.0
"""A limit is certified once its past is long enough to have held so many false pages of the budget,"""
CERTAINLY = 2.5
"""and what it would have given stays, with 90 % confidence, below so many times the budget."""


@dataclass(frozen=True, slots=True)
class Pool:
    """The past of like monitors that share a budget.

    surprises: of each monitor, in the order of its windows, NaN where a window said nothing. per_week: windows each
    judges a week. budget: false pages a week of all of them together. singly: each window is judged by itself, not a
    run of them, whose pages are fewer than the chance of each lets expect.
    """

    surprises: tuple[Floats, ...]
    per_week: tuple[float, ...]
    budget: float
    singly: bool = True

    @property
    def judged(self) -> int:
        return sum(int(np.isfinite(one).sum()) for one in self.surprises)

    @property
    def windows(self) -> float:
        """Windows a week, of all monitors."""
        return sum(self.per_week)

    @property
    def weeks(self) -> float:
        """How long the pool has been watching: what was judged, over what is judged in a week."""
        return self.judged / self.windows if self.windows else 0.0


@dataclass(frozen=True, slots=True)
class Limit:
    """surprise: a window at or above it pages. exact: where it would lie were every monitor's own model exact.

    weeks: of past; wanted: of past that certifies, were no further page to come. beyond: pages the limit would have
    given in it; expected: that a week; upper: what the rate stays below with 90 % confidence (Gamma-Poisson, exact).
    """

    surprise: float
    exact: float
    budget: float
    monitors: int
    weeks: float
    wanted: float
    beyond: int
    expected: float
    upper: float

    @property
    def certified(self) -> bool:
        return self.weeks >= self.wanted

    @property
    def alarm_rate(self) -> float:
        """The chance by its own model at which a window pages."""
        return float(10.0**-self.surprise)

    @property
    def weeks_to_go(self) -> float:
        return max(0.0, self.wanted - self.weeks)


def pool_limit(pool: Pool) -> Limit:
    """The limit at which the pool pages falsely as often as its budget. Raises ValueError for a pool without monitors.

    Surprises that are infinite are left out, as are windows that said nothing. A past too short to certify a limit may
    only make that of single windows stricter than an exact model's: a few calm weeks are no evidence that it is lax.
    """
    if pool.windows <= 0 or not 0 < pool.budget < math.inf:
        raise ValueError("A pool has one monitor or more, each with windows, and a budget above 0.")
    past = [one[np.isfinite(one)] for one in pool.surprises]
    weeks = pool.weeks
    exact = max(0.0, math.log10(pool.windows / pool.budget))
    surprise = tail_of(past, pool.windows, singly=pool.singly).limit(pool.budget)
    if pool.singly and surprise < exact and weeks < _wanted(_beyond(past, surprise), pool.budget):
        surprise = exact
    beyond = _beyond(past, surprise)
    return Limit(
        surprise=surprise,
        exact=exact,
        budget=pool.budget,
        monitors=len(pool.per_week),
        weeks=weeks,
        wanted=_wanted(beyond, pool.budget),
        beyond=beyond,
        expected=beyond / weeks if weeks else 0.0,
        upper=rate_interval(beyond, weeks)[1],
    )


def _beyond(past: Sequence[Floats], surprise: float) -> int:
    return sum(episodes(one, surprise) for one in past)


def _wanted(beyond: int, budget: float) -> float:
    """Weeks of past that certify a limit with so many pages beyond it: the bound of their rate is low enough then."""
    return max(ENOUGH_PAGES / budget, rate_interval(beyond, 1.0, SURE)[1] / (CERTAINLY * budget))
