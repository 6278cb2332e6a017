"""What goes into a check and what comes out: the same for runbooks, Slack, the command line and the API."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

NOT_CONFIGURED, FAILED, TIMED_OUT = "not configured", "failed", "timed out"
NO_DATA, TOO_FEW = "no data", "too few rows"
MOST_ROWS = 8


@dataclass(frozen=True, slots=True)
class CheckRequest:
    """`params` are as typed (`feature=amount window=1h`); `at` is the end of the window when none is named.

    now: when it is asked, which may be later; None: at `at`.
    """

    name: str
    params: Mapping[str, str]
    model: str | None
    at: datetime
    now: datetime | None = None


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One sentence with the numbers that decide, at most eight rows, one picture.

    verdict: one of the words the check declares, or `not configured`, `failed`, `timed out`.
    columns, rows: the table, as text a person reads. window_start, window_end: event time, UTC. rows_read: rows of
    the current window. reference: what it was compared with ("2026-10", "7 days before"). png: the chart; alt: the
    chart in words. notes: what to know before trusting it. data: the numbers for the API, JSON values only.
    """

    verdict: str
    sentence: str
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()
    window_start: datetime | None = None
    window_end: datetime | None = None
    rows_read: int | None = None
    reference: str | None = None
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    alt: str = ""
    data: Mapping[str, Any] = field(default_factory=dict)
    png: bytes | None = None

    def as_json(self) -> dict[str, Any]:
        """Everything but the picture, with times as ISO 8601."""
        found = {name: value for name, value in asdict(self).items() if name != "png"}
        for name in ("window_start", "window_end"):
            found[name] = found[name].isoformat() if found[name] else None
        return found
