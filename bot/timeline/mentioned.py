"""Which incident a command is about."""

from sqlmodel import Session, col, select

from bot.core.errors import BotError, unknown
from bot.core.ids import incident_label, parse_incident
from bot.tables import Incident, IncidentStatus


def incident_meant(session: Session, text: str, channel: str) -> tuple[Incident, str]:
    """Find the incident a command is about: named first, else the channel's own, else the only open one.

    Returns it with the rest of the text. Raises BotError with the open ones when it can't be told.
    """
    first, _, rest = text.partition(" ")
    if first.upper().startswith("INC-"):
        return by_number(session, parse_incident(first)), rest.strip()
    here = session.exec(select(Incident).where(Incident.channel_id == channel)).first()
    if here is not None:
        return here, text
    over = [IncidentStatus.RESOLVED, IncidentStatus.CLOSED]
    found = session.exec(select(Incident).where(col(Incident.status).not_in(over))).all()
    if len(found) == 1:
        return found[0], text
    names = ", ".join(f"`{incident_label(incident.id)}`" for incident in found if incident.id) or "none"
    raise BotError(f"Which incident? Type this in its channel, or name it first: {names} open.")


def by_number(session: Session, number: int, *, lock: bool = False) -> Incident:
    found = session.get(Incident, number, with_for_update=lock or None)
    if found is None:
        known = session.exec(select(Incident.id).order_by(col(Incident.id).desc()).limit(5)).all()
        raise unknown("incident", incident_label(number), [incident_label(n) for n in known if n])
    return found
