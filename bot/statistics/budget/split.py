"""A team's budget, split over groups of like monitors."""

from collections.abc import Sequence
from dataclasses import dataclass

TIER_WEIGHTS = {1: 4.0, 2: 2.0}
LOWEST_WEIGHT = 1.0
LEAST_SHARE = 3 / 26
"""False pages a week: a smaller share gives no three pages in half a year, and could not be certified in it."""


@dataclass(frozen=True, slots=True)
class Group:
    """Like monitors. tiers: that of each monitor's model."""

    name: str
    tiers: tuple[int, ...]

    @property
    def weight(self) -> float:
        return sum(TIER_WEIGHTS.get(tier, LOWEST_WEIGHT) for tier in self.tiers)


@dataclass(frozen=True, slots=True)
class Share:
    """What the groups named have together, in false pages a week."""

    names: tuple[str, ...]
    budget: float


def split(budget: float, groups: Sequence[Group], least: float = LEAST_SHARE) -> list[Share]:
    """Shares that sum to the budget, in the order of the groups; those whose part is under `least` share the last one.

    A group has its part by the weight of its monitors, so a higher tier never has less; one without monitors has none.
    Raises ValueError for a budget of 0 or less, or two groups of one name.
    """
    if budget <= 0:
        raise ValueError("A budget is above 0 false pages a week.")
    if len({group.name for group in groups}) < len(groups):
        raise ValueError("Each group has a name of its own.")
    total = sum(group.weight for group in groups)
    parts = {group.name: budget * group.weight / total for group in groups if group.tiers}
    small = {name: part for name, part in parts.items() if part < least}
    shares = [Share((name,), part) for name, part in parts.items() if name not in small]
    return [*shares, Share(tuple(small), sum(small.values()))] if small else shares
