"""What a monitor found in one window."""

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any


class State(StrEnum):
    """`broken` is ours to mend (an unreadable file, a missing column); it is shown and never sent as an alert."""

    FIRING = "firing"
    OK = "ok"
    LEARNING = "learning"
    NO_DATA = "no_data"
    TOO_FEW = "too_few"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Finding:
    """`sentence` says it with its numbers; it is the alert's title when firing.

    value, lower, upper: the metric and its limits, None where there is none. onset: when it began within the window,
    if that can be seen. affected: the faulty part of the window's rows, in words ("38 %"). reference: what it was
    compared with. data: JSON values for charts and the API.
    """

    state: State
    sentence: str
    rows: int = 0
    value: float | None = None
    lower: float | None = None
    upper: float | None = None
    onset: datetime | None = None
    feature: str | None = None
    segment: str | None = None
    affected: str | None = None
    reference: str | None = None
    data: dict[str, Any] = field(default_factory=dict)

    @property
    def threshold(self) -> float | None:
        """The limit that was crossed, or the nearer one."""
        if self.value is None or self.lower is None:
            return self.upper
        return self.upper if self.upper is not None and self.value > (self.lower + self.upper) / 2 else self.lower
