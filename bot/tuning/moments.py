"""Times as people and programs write them into files."""

import math
import re
from collections.abc import Iterable
from datetime import UTC, datetime

from bot.core.errors import BotError

MILLISECONDS, MICROSECONDS, NANOSECONDS = 1e11, 1e14, 1e17
MONTHS = 12
PLAIN = "write 2026-11-02T03:00:00Z or seconds since 1970"
_NUMBER = re.compile(r"[-+]?\d+(\.\d*)?([eE][-+]?\d+)?")
_YEAR_LAST = re.compile(r"(\d{1,2})([/.])(\d{1,2})\2(\d{4})(.*)")
_YEAR_FIRST = re.compile(r"(\d{4})([/.-])(\d{1,2})\2(\d{1,2})(.*)")
_CLOCK = re.compile(r",?[ T]\s*(\d{1,2})(:\d{2}.*?)\s*(?:([AaPp])\.?[Mm]\.?)?")


def is_day_first(written: Iterable[str]) -> bool:
    """Whether the dates of a file are day/month/year; its own numbers decide, or dots (which nobody writes otherwise).

    False too where they begin with the year. Raises BotError where nothing decides, or the dates contradict each other.
    """
    first = second = 0
    example, dotted = "", False
    for text in written:
        found = _YEAR_LAST.fullmatch(text)
        if not found:
            if not example:
                return False  # the first row tells the kind; another one later is refused with its line
            continue
        example, dotted = example or text, found[2] == "."
        first, second = max(first, int(found[1])), max(second, int(found[3]))
    if first > MONTHS and second > MONTHS:
        raise BotError(f"has dates with the day first and others with the month first; {PLAIN}.")
    if not dotted and 0 < max(first, second) <= MONTHS:
        raise BotError(f"does not say whether {example!r} begins with the day or the month: none is above 12; {PLAIN}.")
    return first > MONTHS or (dotted and second <= MONTHS)


def read_moment(written: str, *, day_first: bool = False) -> float:
    """Seconds since 1970 of ISO 8601 (naive is UTC), a date with slashes or dots and a clock, or a number of seconds,
    milli-, micro- or nanoseconds since 1970. Raises ValueError."""
    if _NUMBER.fullmatch(written):
        number = float(written)
        if not math.isfinite(number):
            raise ValueError(written)
        for limit, unit in ((NANOSECONDS, 1e9), (MICROSECONDS, 1e6), (MILLISECONDS, 1e3)):
            if abs(number) >= limit:
                return number / unit
        return number
    try:
        found = datetime.fromisoformat(written)
    except ValueError:
        found = datetime.fromisoformat(_as_iso(written, day_first=day_first))
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()


def _as_iso(written: str, *, day_first: bool) -> str:
    if found := _YEAR_FIRST.fullmatch(written):
        year, month, day, rest = found[1], found[3], found[4], found[5]
    elif found := _YEAR_LAST.fullmatch(written):
        day, month = (found[1], found[3]) if day_first else (found[3], found[1])
        year, rest = found[4], found[5]
    else:
        raise ValueError(written)
    return f"{year}-{month:0>2}-{day:0>2}{_clock(rest)}"


def _clock(rest: str) -> str:
    """` 9:05 PM` as `T21:05`."""
    if not rest.strip():
        return ""
    found = _CLOCK.fullmatch(rest)
    if not found:
        raise ValueError(rest)
    hour = int(found[1])
    if found[3]:
        if not 1 <= hour <= 12:  # noqa: PLR2004
            raise ValueError(rest)
        hour = hour % 12 + (12 if found[3] in "Pp" else 0)
    return f"T{hour:02}{found[2]}"
