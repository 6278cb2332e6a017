"""Which windows are complete, and which of them are still to be judged. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from bot.core.errors import BotError
from bot.statistics.daily import Times

ORIGIN = datetime(1970, 1, 5, tzinfo=UTC)
"""A Monday: windows of a week begin on one, windows of a day at midnight, of an hour on the hour, all UTC."""
MOST_BEHIND = 168


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """Rows of event time from `start` up to, not including, `end`."""

    start: datetime
    end: datetime

    @property
    def length(self) -> timedelta:
        return self.end - self.start

    def overlaps(self, other: "Window") -> bool:
        return self.start < other.end and other.start < self.end

    def __str__(self) -> str:
        """`2026-11-02 02:00 to 03:00 UTC`, with seconds where the window is shorter than a minute."""
        clock = "%H:%M" if self.end - self.start >= timedelta(minutes=1) else "%H:%M:%S"
        same = self.end.date() == self.start.date()
        return f"{self.start:%Y-%m-%d {clock}} to {self.end.strftime(clock if same else f'%Y-%m-%d {clock}')} UTC"


def times_of(starts: Sequence[datetime], window: Window) -> Times | None:
    """When the windows before began; None where windows are a day or longer, or days haven't the same ones."""
    day = timedelta(days=1)
    if window.length >= day or day % window.length:
        return None
    return Times(np.array([at.timestamp() for at in starts]), window.start.timestamp())


def newest(latest: datetime, length: timedelta, lateness: timedelta, step: timedelta | None = None) -> Window:
    """The newest window that no row can still fall into: the data's own time has passed its end by `lateness`.

    A window begins every `step`; without one, where the last has ended.
    """
    if length < timedelta(seconds=1):
        raise BotError("A monitor's `window` must be a second or longer, such as 1h.")
    step = step or length
    end = ORIGIN + ((latest - lateness - ORIGIN) // step) * step
    return Window(end - length, end)


def waiting(
    last_end: datetime | None,
    latest: datetime,
    length: timedelta,
    lateness: timedelta,
    step: timedelta | None = None,
) -> list[Window]:
    """The complete windows after `last_end`, oldest first; with nothing judged before, only the newest one.

    After a long time away the oldest are given up: at most the newest `MOST_BEHIND` are judged.
    """
    step = step or length
    last = newest(latest, length, lateness, step)
    missed = 1 if last_end is None else (last.end - last_end) // step
    return [
        Window(last.start - step * back, last.end - step * back)
        for back in reversed(range(min(max(missed, 0), MOST_BEHIND)))
    ]
