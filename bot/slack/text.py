"""Foreign text made safe for Slack, and cut to its limits."""

import unicodedata
from datetime import datetime

SECTION = 2900
HEADER = 150
BUTTON = 75
TOPIC = 250
FALLBACK = 3900
_BIDI = dict.fromkeys([0x202A, 0x202B, 0x202C, 0x202D, 0x202E, 0x2066, 0x2067, 0x2068, 0x2069, 0x200E, 0x200F])
_COMBINING_RUN = 4


def plain(text: str) -> str:
    """Drop what plays tricks: control characters, direction overrides, floods of combining marks."""
    out: list[str] = []
    marks = 0
    for char in text.translate(_BIDI):
        if unicodedata.combining(char):
            marks += 1
            if marks > _COMBINING_RUN:
                continue
        else:
            marks = 0
        if char in "\n\t" or unicodedata.category(char) not in {"Cc", "Cs"}:
            out.append(char)
    return "".join(out)


def escape(text: str) -> str:
    """Make foreign text literal in mrkdwn: no mention, link or formatting survives."""
    safe = plain(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # A zero-width space after a formatting mark keeps it from pairing; it stays readable and copyable.
    for mark in "*_~`":
        safe = safe.replace(mark, mark + "\u200b")
    return safe


def clip(text: str, limit: int = SECTION) -> str:
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def mention(user: str | None) -> str:
    """Mention somebody by id; names that are not ids are shown as text."""
    if not user:
        return "somebody"
    if user[:1] in {"U", "W"} and user.isalnum():
        return f"<@{user}>"
    return escape(user)


def local_time(at: datetime, *, form: str = "{time}") -> str:
    """Show each reader their own time zone, UTC where Slack can't."""
    return f"<!date^{int(at.timestamp())}^{form}|{at:%H:%M} UTC>"


def local_day_time(at: datetime) -> str:
    return local_time(at, form="{date_short_pretty} {time}")


def link(url: str, label: str) -> str:
    """Link a foreign URL, showing its host; anything but http(s) is shown as text."""
    if not url.startswith(("http://", "https://")) or any(c in url for c in "<>| \n"):
        return escape(label)
    return f"<{url.replace('&', '&amp;')}|{escape(label)}>"
