"""Reading an action item as people type it. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from bot.core.errors import BotError
from bot.postmortems.render import ITEM_USAGE

MOST_TEXT = 500
_DUE = re.compile(r"(?:^|\s)due[:\s]\s*(?!dates?\s*$)(\S+)\s*$", re.IGNORECASE)
_OWNER = re.compile(r"(?:^|\s)(?:<@([UW][A-Z0-9]+)(?:\|[^<>]*)?>|@([\w.-]+))\s*$")


@dataclass(frozen=True, slots=True)
class NewItem:
    text: str
    owner: str | None
    due: date | None


def read_item(typed: str, people: Mapping[str, str], today: date) -> NewItem:
    """Read `<what> [@owner] [due 2026-12-01]`; owner and due date stand at the end, in either order.

    people: Slack name to id, for an owner typed as plain `@name`. Raises BotError that says what to type instead.
    """
    rest, due, owner = typed.strip(), None, None
    for _ in range(2):
        if due is None and (found := _DUE.search(rest)):
            due, rest = _day(found[1], today), rest[: found.start()]
        elif owner is None and (found := _OWNER.search(rest)):
            owner, rest = found[1] or _person(found[2], people), rest[: found.start()]
    text = rest.strip()
    if not text:
        raise BotError(f"Say what will be changed: `{ITEM_USAGE}`.")
    if len(text) > MOST_TEXT:
        raise BotError(f"An action item is one thing to do, in at most {MOST_TEXT} characters; this has {len(text)}.")
    return NewItem(text, owner, due)


def _day(typed: str, today: date) -> date:
    try:
        day = date.fromisoformat(typed.rstrip(".,"))
    except ValueError as error:
        raise BotError(f"`{typed[:40]}` is not a day; write it like `due 2026-12-01`.") from error
    if day < today:
        raise BotError(f"{day} is over already; give a day from {today} on.")
    return day


def _person(name: str, people: Mapping[str, str]) -> str:
    found = people.get(name.lower())
    if found is None:
        raise BotError(f"Muster does not know `@{name[:40]}`; pick the person from Slack's own list after typing @.")
    return found
