"""Who is paged when: pure steps through the snapshot of a policy."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from bot.catalog.config import Catalog, Level, Policy
from bot.catalog.values import SecretRef, format_duration, parse_duration

DEFAULT = Policy(
    name="default",
    levels=[
        Level(notify=["channel"], timeout=parse_duration("15m")),
        Level(notify=["members"], timeout=parse_duration("15m")),
    ],
)
APART = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Place:
    """Where an escalation stands: round and level count from 0."""

    round: int
    level: int


def policy_for(catalog: Catalog, model: str | None) -> Policy:
    """The team's policy, else the default one of the configuration, else the built-in."""
    team = catalog.team_of(model)
    return catalog.policy(team.policy) or catalog.policy(catalog.default_policy) or DEFAULT


def first_called(catalog: Catalog, model: str | None) -> list[str]:
    """Return the Slack ids of the policy's first level: those who are on call."""
    named = policy_for(catalog, model).levels[0].notify
    return [one for one in named if isinstance(one, str) and one[:1] in {"U", "W"}]


def snapshot(policy: Policy) -> dict[str, Any]:
    """Keep the policy as the incident began with it; secrets stay references."""
    return {
        "name": policy.name,
        "repeat": policy.repeat,
        "expires": format_duration(policy.acknowledge_expires) if policy.acknowledge_expires else None,
        "levels": [
            {
                "timeout": format_duration(level.timeout),
                "notify": [{"env": one.env} if isinstance(one, SecretRef) else one for one in level.notify],
            }
            for level in policy.levels
        ],
    }


def targets(kept: dict[str, Any], place: Place) -> Sequence[str]:
    """Return the level's targets as text; `env:NAME` is a notification URL kept in the environment."""
    named = kept["levels"][place.level]["notify"]
    return [f"env:{one['env']}" if isinstance(one, dict) else str(one) for one in named]


def timeout(kept: dict[str, Any], place: Place) -> timedelta:
    length: timedelta = parse_duration(kept["levels"][place.level]["timeout"])
    return length


def expiry(kept: dict[str, Any]) -> timedelta | None:
    """Return how long an acknowledgement holds while nothing moves; None: for good."""
    length: timedelta | None = parse_duration(kept["expires"]) if kept.get("expires") else None
    return length


def after(kept: dict[str, Any], place: Place) -> Place | None:
    """Return the next place; None: everybody was asked, as often as the policy repeats."""
    if place.level + 1 < len(kept["levels"]):
        return Place(place.round, place.level + 1)
    return Place(place.round + 1, 0) if place.round < int(kept["repeat"]) else None


def due_after(kept: dict[str, Any], place: Place, now: datetime) -> datetime:
    """Say when the next level's turn comes; never sooner than a minute after this one, also after a downtime."""
    return now + max(timeout(kept, place), APART)
