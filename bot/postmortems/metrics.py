"""How long detecting, acknowledging, mitigating and resolving took. Pure; times are UTC."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.tables import Incident

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


@dataclass(frozen=True, slots=True)
class Metric:
    """One length between two moments. `end` and `length` are None while the moment was not reached."""

    key: str
    name: str
    definition: str
    start: datetime
    end: datetime | None

    @property
    def length(self) -> timedelta | None:
        """Never negative: two clocks that disagree give zero, not a time before the beginning."""
        return None if self.end is None else max(self.end - self.start, timedelta(0))


def metrics(incident: Incident) -> tuple[Metric, ...]:
    """Return TTD, TTA, TTM and TTR, in this order.

    TTD (detect): from the onset, when the answers went wrong, to the first alert or declaration that Muster received.
    TTA (acknowledge): from detection to the first person who took it. TTM (mitigate): from the onset to the moment
    users were served well enough again. TTR (resolve): from the onset to the end of the incident. TTM and TTR begin
    at the onset, not at detection, because users suffer from then on.
    """
    onset, detected = incident.onset_at, incident.detected_at
    return (
        Metric("ttd", "Time to detect", "onset to detection", onset, detected),
        Metric("tta", "Time to acknowledge", "detection to acknowledgement", detected, incident.acknowledged_at),
        Metric("ttm", "Time to mitigate", "onset to mitigation", onset, incident.mitigated_at),
        Metric("ttr", "Time to resolve", "onset to resolution", onset, incident.resolved_at),
    )


@dataclass(frozen=True, slots=True)
class Sighting:
    """The window of predictions that showed it ended at `window_end`; its rows, or enough of its labels, had come at
    `data_at`."""

    window_end: datetime
    data_at: datetime


def delays(incident: Incident, seen: Sighting | None) -> tuple[Metric, ...]:
    """Split the way from the onset to a person: what the data took, what detection took, what people took.

    Data: from the end of the window that showed it until its rows or labels had come; nothing where no monitor of
    Muster's own saw it. Detection: the rest of TTD, which is the window filling up and being judged. Both together
    are TTD. People: TTA.
    """
    onset, detected = incident.onset_at, incident.detected_at
    begin = min(max(seen.window_end, onset), max(detected, onset)) if seen else onset
    came = min(max(seen.data_at, begin), max(detected, begin)) if seen else onset
    rest = max(detected - onset, timedelta(0)) - (came - begin)
    return (
        Metric("data", "delay", "window's end to its rows or labels being there", begin, came),
        Metric("detection", "delay", "TTD without the data delay", detected - rest, detected),
        Metric("human", "delay", "detection to acknowledgement", detected, incident.acknowledged_at),
    )


def duration(length: timedelta) -> str:
    """Say a length with its two largest units: `45 s`, `12 min`, `1 h 5 min`, `2 d 3 h`."""
    seconds = int(length.total_seconds())
    if seconds < _MINUTE:
        return f"{seconds} s"
    if seconds < _HOUR:
        return f"{seconds // _MINUTE} min"
    large, unit, small, rest = (
        (seconds // _HOUR, "h", seconds % _HOUR // _MINUTE, "min")
        if seconds < _DAY
        else (seconds // _DAY, "d", seconds % _DAY // _HOUR, "h")
    )
    return f"{large} {unit} {small} {rest}" if small else f"{large} {unit}"
