"""From a budget of false pages to a limit: how surprising a window must be before it calls somebody.

A monitor's surprise is -log10 of the chance its own model gives to such a window. Were that model exact, the budget
would set the limit by itself; it seldom is (heavy tails, batches that differ, rhythms). So the limit is read from the
pooled past of like monitors, starts from the exact one, and is called certified once its past bears it out.
"""

from bot.statistics.budget.episodes import episode_peaks, episodes
from bot.statistics.budget.lasting import CUT, MEMORY, lasting_surprises, normal_scores, run_begin
from bot.statistics.budget.limit import Limit, Pool, pool_limit
from bot.statistics.budget.promise import Kept, Realised, rate_interval, realised
from bot.statistics.budget.split import Group, Share, split

__all__ = [
    "CUT",
    "MEMORY",
    "Group",
    "Kept",
    "Limit",
    "Pool",
    "Realised",
    "Share",
    "episode_peaks",
    "episodes",
    "lasting_surprises",
    "normal_scores",
    "pool_limit",
    "rate_interval",
    "realised",
    "run_begin",
    "split",
]
