"""Names and numbers that people and Slack see."""

import re
import unicodedata
from typing import NewType

from bot.core.errors import BotError

ChannelId = NewType("ChannelId", str)
UserId = NewType("UserId", str)
MessageTs = NewType("MessageTs", str)

CHANNEL_NAME_MAX = 80
_INCIDENT = re.compile(r"(?:INC-)?([0-9]{1,9})", re.IGNORECASE)


def incident_label(number: int) -> str:
    return f"INC-{number}"


def parse_incident(text: str) -> int:
    """Read `INC-42`, `inc-42` or `42`."""
    found = _INCIDENT.fullmatch(text.strip())
    if found is None or not found[1].isascii():
        raise BotError(f"`{text[:40]}` is not an incident; write it like `INC-42`.")
    return int(found[1])


def slug(title: str, *, limit: int = 40) -> str:
    """Letters, digits and single hyphens of a title, cut at a word where that keeps half of it."""
    plain = unicodedata.normalize("NFKD", title).encode("ascii", "ignore").decode()
    words = re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-")
    if len(words) <= limit:
        return words or "incident"
    cut = words[:limit]
    at_word = cut.rpartition("-")[0]
    return (at_word if len(at_word) >= limit // 2 else cut).strip("-")


def incident_channel_name(number: int, title_slug: str, *, suffix: str = "") -> str:
    """`inc-<number>-<slug>`, with a suffix when somebody else holds the plain name."""
    tail = f"-{suffix}" if suffix else ""
    base = f"inc-{number}-{title_slug}"
    return base[: CHANNEL_NAME_MAX - len(tail)].rstrip("-") + tail
