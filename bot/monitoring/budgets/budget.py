"""One number a team: the false pages a week it bears, split over what may page it."""

from collections.abc import Mapping
from datetime import timedelta

from bot.catalog.config import Catalog
from bot.monitoring.budgets.runs import follows
from bot.monitoring.watched import Watched, watched

WEEK = timedelta(days=7)
MOST_RATE, LEAST_RATE = 0.01, 1e-9
TIER_WEIGHTS = {1: 4.0, 2: 2.0, 3: 1.0}
QUIET = 1.0
"""What a monitor that pages nobody may say wrongly, a week."""


def weekly_shares(catalog: Catalog) -> dict[str, float]:
    """False pages a week each monitor may cause. Its own `budget` counts first; the rest of the team's is split."""
    shares: dict[str, float] = {}
    every = watched(catalog)
    for team in sorted({one.model.team for one in every.values()}):
        paging = [one for one in every.values() if one.model.team == team and one.pages]
        own = {one.key: one.monitor.budget for one in paging if one.monitor.budget is not None}
        rest = max(0.0, catalog.team_named(team).budget - sum(own.values()))
        split = [one for one in paging if one.key not in own]
        total = sum(_weight(one) for one in split)
        shares |= own | {one.key: rest * _weight(one) / total for one in split}
    return {key: shares.get(key, one.monitor.budget or QUIET) for key, one in every.items()}


def alarm_rates(catalog: Catalog) -> Mapping[str, float]:
    """The chance each monitor has to alarm on an ordinary window, and again on an ordinary run of them."""
    every = watched(catalog)
    return {key: alarm_rate(share, every[key]) for key, share in weekly_shares(catalog).items()}


def alarm_rate(per_week: float, one: Watched) -> float:
    return min(max(half_of(per_week, one) / (WEEK / one.step), LEAST_RATE), MOST_RATE)


def half_of(per_week: float, one: Watched) -> float:
    """What single windows have of a share: half of it where runs of windows are followed, which have the other half."""
    return per_week / 2 if follows(one) else per_week


def _weight(one: Watched) -> float:
    return TIER_WEIGHTS[one.model.tier]
