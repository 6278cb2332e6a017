"""What a watched series says about each of its points, and the constants it goes by."""

from dataclasses import dataclass
from enum import StrEnum

PAGE_SCORE, NOTIFY_SCORE = 0.9, 0.5
BELOW_PAGE = 0.899999


class Tier(StrEnum):
    NONE = "none"
    NOTIFY = "notify"
    PAGE = "page"


@dataclass(frozen=True, slots=True)
class StreamPolicy:
    """The constants, the same for every series.

    memory: rows looked back on. notified_per_week, paged_per_week: how often an ordinary series may do so.
    warm_up: rows before the first alert (and a whole day, or `long_enough` rows). mean_rows: rows of the mean that may
    page. margin: the least part of the distance between the extremes that a new one has to lie beyond them.
    quiet_rows, quiet_days: after an alert only a higher tier is told for so long, whichever is shorter; and nothing
    that is not stranger than all of the last `quiet_rows`. refresh, look_for_period: rows between two looks at the
    whole memory for its spread, and for its period.
    """

    memory: int = 4000
    notified_per_week: float = 1.0
    paged_per_week: float = 0.25
    warm_up: int = 200
    long_enough: int = 1000
    mean_rows: int = 30
    margin: float = 0.02
    quiet_rows: int = 100
    quiet_days: float = 2.0
    refresh: int = 100
    look_for_period: int = 250


@dataclass(frozen=True, slots=True)
class Reading:
    """score: 0 to 1, from .5 a notification, from .9 a page; 0 where something at least as strange was told a short
    while ago. reason: for a person; empty where nothing is told."""

    score: float
    tier: Tier
    alert: bool
    reason: str = ""


QUIET = Reading(0.0, Tier.NONE, alert=False)
