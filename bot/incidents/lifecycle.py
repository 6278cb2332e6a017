"""What an incident may become, and what follows from it. Pure."""

from datetime import datetime, timedelta

from bot.core.errors import ConflictError
from bot.tables import IncidentStatus

_ORDER = (
    IncidentStatus.TRIAGE,
    IncidentStatus.INVESTIGATING,
    IncidentStatus.MITIGATING,
    IncidentStatus.MONITORING,
    IncidentStatus.RESOLVED,
    IncidentStatus.CLOSED,
)
REOPEN_WITHIN = timedelta(minutes=30)


def is_open(status: str) -> bool:
    return status not in {IncidentStatus.RESOLVED, IncidentStatus.CLOSED}


def check_move(label: str, status: str, target: IncidentStatus) -> None:
    """Refuse what can't be: an ended incident is reopened, not moved."""
    if status == target:
        raise ConflictError(f"{label} is {target} already.")
    if not is_open(status) and is_open(target):
        raise ConflictError(f"{label} is {status}; reopen it first.")
    if status == IncidentStatus.CLOSED:
        raise ConflictError(f"{label} is closed.")


def after_acknowledge(status: str) -> IncidentStatus:
    return IncidentStatus.INVESTIGATING if status == IncidentStatus.TRIAGE else IncidentStatus(status)


def may_reopen(resolved_at: datetime | None, now: datetime) -> bool:
    return resolved_at is not None and now - resolved_at <= REOPEN_WITHIN


def words_for(length: timedelta) -> str:
    """Say a length as a tired person wants to read it."""
    minutes = int(length.total_seconds() // 60)
    if minutes < 1:
        return "under a minute"
    if minutes < 120:  # noqa: PLR2004
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if hours < 48 else f"{hours // 24} days"  # noqa: PLR2004
