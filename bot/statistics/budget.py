"""From a budget of false pages to a limit: how surprising a window must be before it calls somebody.

A monitor's surprise is -log10 of the chance its own model gives to such a window. Were that model exact, the budget
would set the limit by itself; it seldom is (heavy tails, batches that differ, rhythms). So the limit is read from the
pooled past of like monitors: halfway between their ranked peaks and an exponential tail fitted to those over a high
level (Pickands 1975, with shape 0); a few pseudo-observations of an exact model steady it while there is little past.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from bot.statistics.columns import Floats

EXACT = 1 / math.log(10)
"""Mean of a surprise under an exact model: it is exponential."""
TAIL, TIMES, LEAST_TAIL = 0.1, 4.0, 15
LEAST_LEVEL = 0.3
PRIOR_EXCESSES, PRIOR_EVENTS = 2.0, 2.0
LEAST_RANKED = 2
ENOUGH_PAGES = 3.0
"""A limit is certified once its past is long enough to have held so many false pages of the budget."""
SURE = 0.9
WIDELY = 2.0


@dataclass(frozen=True, slots=True)
class Pool:
    """The past of like monitors that share a budget.

    surprises: of each monitor, in the order of its windows, NaN where a window said nothing. per_week: windows each
    judges a week. budget: false pages a week of all of them together.
    """

    surprises: tuple[Floats, ...]
    per_week: tuple[float, ...]
    budget: float

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

    certified: the past is long enough. weeks: of past; wanted: of past that certifies. expected: false pages a week
    the past leads one to expect, upper: what they stay below with 90 % confidence (Gamma-Poisson, exact).
    """

    surprise: float
    exact: float
    budget: float
    monitors: int
    weeks: float
    wanted: float
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


def episode_peaks(surprises: Sequence[float] | Floats, level: float, quiet: int = 2) -> list[float]:
    """The highest surprise of each stretch above a level; a stretch ends after `quiet` windows in a row below it.

    Windows that said nothing (NaN) neither end a stretch nor lengthen it.
    """
    found: list[float] = []
    peak, calm = math.nan, 0
    for surprise in np.asarray(surprises, dtype=np.float64).tolist():
        if math.isnan(surprise):
            continue
        if surprise >= level:
            peak, calm = surprise if math.isnan(peak) else max(peak, surprise), 0
        elif not math.isnan(peak):
            calm += 1
            if calm >= quiet:
                found.append(peak)
                peak = math.nan
    return [*found, peak] if not math.isnan(peak) else found


def pool_limit(pool: Pool) -> Limit:
    """The limit at which the pool pages falsely as often as its budget. Raises ValueError for a pool without monitors.

    The tail begins where four times as many windows reach as the budget has pages in that time, fifteen at least.
    """
    if pool.windows <= 0 or pool.budget <= 0:
        raise ValueError("A pool has one monitor or more, each with windows, and a budget above 0.")
    exact = max(0.0, math.log10(pool.windows / pool.budget))
    known = np.concatenate([one[np.isfinite(one)] for one in pool.surprises]) if pool.judged else np.empty(0)
    level = _level(known, pool.budget * pool.weeks)
    peaks = np.array([peak for one in pool.surprises for peak in episode_peaks(one, level)])
    mean = (float(np.sum(peaks - level)) + PRIOR_EXCESSES * EXACT) / (peaks.size + PRIOR_EXCESSES)
    weekly = pool.windows * 10.0**-level * _times_nominal(peaks.size, known.size * 10.0**-level)
    # Peaks above the level a week; those of the budget lie so much further out.
    surprise = level + mean * math.log(weekly / pool.budget) if weekly > pool.budget else level
    ranked = np.sort(peaks)[::-1]
    allowed = int(pool.budget * pool.weeks)
    if LEAST_RANKED <= allowed < ranked.size:
        surprise = (surprise + float(ranked[allowed])) / 2
    weeks = pool.weeks
    beyond = sum(len(episode_peaks(one, surprise)) for one in pool.surprises) if pool.judged else 0
    return Limit(
        surprise=surprise,
        exact=exact,
        budget=pool.budget,
        monitors=len(pool.per_week),
        weeks=weeks,
        wanted=ENOUGH_PAGES / pool.budget,
        expected=beyond / weeks if weeks else 0.0,
        upper=rate_interval(beyond, weeks)[1],
    )


def rate_interval(events: int, weeks: float, confidence: float = SURE) -> tuple[float, float]:
    """One-sided bounds of a weekly rate, each held with `confidence` (Garwood 1936); infinite without a past."""
    from scipy.special import gammaincinv  # noqa: PLC0415

    if weeks <= 0:
        return 0.0, math.inf
    lower = float(gammaincinv(events, 1 - confidence)) / weeks if events else 0.0
    return lower, float(gammaincinv(events + 1, confidence)) / weeks


class Kept(StrEnum):
    """Whether a promise was kept."""

    WITHIN = "within"
    ABOVE = "above"
    EARLY = "too early to say"


@dataclass(frozen=True, slots=True)
class Realised:
    """False pages there were, in so many weeks, with the bounds of their rate. `kept`: against the budget."""

    pages: int
    weeks: float
    lower: float
    upper: float
    kept: Kept

    @property
    def per_week(self) -> float:
        return self.pages / self.weeks if self.weeks else 0.0


def realised(pages: int, weeks: float, budget: float) -> Realised:
    """Hold what happened against the budget: above when its lower bound is, within when its upper is not twice it."""
    lower, upper = rate_interval(pages, weeks)
    kept = Kept.ABOVE if lower > budget else Kept.WITHIN if upper <= WIDELY * budget else Kept.EARLY
    return Realised(pages, weeks, lower, upper, kept)


def _times_nominal(events: int, nominal: float) -> float:
    """How many times as many events as an exact model leads one to expect; few of them weigh little."""
    if not events:
        return 1.0
    return math.exp(events / (events + PRIOR_EVENTS) * math.log(events / nominal))


def _level(known: Floats, pages: float) -> float:
    """Where the tail begins: some times as many windows reach it as the budget has pages, at most a tenth of all."""
    if known.size == 0:
        return 1.0
    size = int(min(max(TIMES * pages, LEAST_TAIL), max(TAIL * known.size, LEAST_TAIL), known.size))
    return max(float(np.partition(known, known.size - size)[known.size - size]), LEAST_LEVEL)
