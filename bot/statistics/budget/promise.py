"""What was promised beside what happened: a weekly rate of false pages, its bounds, and whether the budget held."""

import math
from dataclasses import dataclass
from enum import StrEnum

SURE = 0.9
WIDELY = 2.0


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
