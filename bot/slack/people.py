"""Who Slack says somebody is: cached, refreshed behind the scenes, never awaited before an answer."""

from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from bot.tables import Person

FRESH = timedelta(hours=6)


def may_respond(session: Session, user: str, team: str, home_team: str) -> bool:
    """Full members of the workspace may; guests, bots and other workspaces may not. The unknown may until known."""
    if team and home_team and team != home_team:
        return False
    person = session.get(Person, user)
    if person is None:
        return True
    return not (person.restricted or person.bot or person.deleted)


def is_known_member(session: Session, user: str, now: datetime) -> bool:
    """For actions that change a system: only somebody Slack has recently called a full member."""
    person = session.get(Person, user)
    if person is None or now - person.fetched_at > timedelta(days=1):
        return False
    return not (person.restricted or person.bot or person.deleted)


def is_stale(session: Session, user: str, now: datetime) -> bool:
    person = session.get(Person, user)
    return person is None or now - person.fetched_at > FRESH


def keep(session: Session, user: dict[str, Any], now: datetime) -> None:
    """Store what `users.info` answered."""
    profile = user.get("profile") or {}
    session.merge(
        Person(
            user_id=user["id"],
            team_id=user.get("team_id"),
            name=user.get("name") or user["id"],
            real_name=profile.get("real_name") or user.get("real_name") or "",
            time_zone=user.get("tz"),
            restricted=bool(user.get("is_restricted") or user.get("is_ultra_restricted") or user.get("is_stranger")),
            bot=bool(user.get("is_bot")),
            deleted=bool(user.get("deleted")),
            fetched_at=now,
        )
    )


def display(session: Session, user: str | None) -> str:
    """Name somebody where Slack does not: postmortems and logs."""
    if not user:
        return "somebody"
    person = session.get(Person, user)
    return f"@{person.name}" if person else user
