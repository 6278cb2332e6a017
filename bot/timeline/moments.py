"""The timeline as people read it: edits and deletes applied, key moments marked, in the time things happened. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from bot.tables import TimelineEvent

MESSAGE = "message"
EDITED = "message.edited"
DELETED = "message.deleted"
MARKED = "moment.marked"
UNMARKED = "moment.unmarked"


@dataclass(frozen=True, slots=True)
class Moment:
    seq: int
    kind: str
    happened_at: datetime
    actor: str | None
    text: str
    key: bool = False
    edited: bool = False
    data: dict[str, Any] = field(default_factory=dict)


def moments(rows: Iterable[TimelineEvent]) -> list[Moment]:
    """Fold the rows: an edit replaces its message's text, a delete removes it, a mark makes it a key moment."""
    found: dict[str, Moment] = {}
    for row in rows:
        about = str(row.data.get("about") or "")
        name = about if row.kind in {EDITED, DELETED, MARKED, UNMARKED} else (row.source_key or f"seq:{row.seq}")
        match row.kind:
            case "message.edited" if name in found:
                found[name] = replace(found[name], text=row.text, edited=True)
            case "message.deleted":
                found.pop(name, None)
            case "moment.marked" if name in found:
                found[name] = replace(found[name], key=True)
            case "moment.unmarked" if name in found:
                found[name] = replace(found[name], key=False)
            case "message.edited" | "moment.marked" | "moment.unmarked":
                continue
            case _:
                found[name] = Moment(
                    seq=row.seq,
                    kind=row.kind,
                    happened_at=row.happened_at,
                    actor=row.actor,
                    text=row.text,
                    key=bool(row.data.get("key")),
                    data=row.data,
                )
    return sorted(found.values(), key=lambda moment: (moment.happened_at, moment.seq))
