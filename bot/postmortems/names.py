"""Slack's ids and marks turned into words for readers who are not in Slack. Pure."""

import html
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bot.core.logging import redact
from bot.slack.text import plain

_PERSON = re.compile(r"<@([UW][A-Z0-9]+)(?:\|([^<>]*))?>")
_CHANNEL = re.compile(r"<#([A-Z0-9]+)(?:\|([^<>]*))?>")
_GROUP = re.compile(r"<!subteam\^[A-Z0-9]+(?:\|@?([^<>]*))?>")
_DATE = re.compile(r"<!date\^[^<>|]*\|([^<>]*)>")
_EVERYONE = re.compile(r"<!(channel|here|everyone)(?:\|[^<>]*)?>")
_LINK = re.compile(r"<((?:https?|mailto):[^<>|\s]+)(?:\|([^<>]*))?>")
_BARE = re.compile(r"(?<![A-Za-z0-9_/.-])@?([UW][A-Z0-9]+)(?![A-Za-z0-9_/])")


@dataclass(frozen=True, slots=True)
class Names:
    """Who is who. people: id to name; roles: id to `the commander`, for text that must not single anybody out."""

    people: Mapping[str, str] = field(default_factory=dict)
    roles: Mapping[str, str] = field(default_factory=dict)

    def of(self, user: str) -> str:
        return self.people.get(user, f"someone ({user})")

    def role_of(self, user: str | None) -> str:
        return self.roles.get(user or "", "a responder")

    def named(self, text: str) -> str:
        """Return the text as a reader outside Slack should see it, people by name."""
        return _words(text, self.people, self.of)

    def unnamed(self, text: str) -> str:
        """Return the text with people by the role they had: for the narrative, which never speaks of a person."""
        return _words(text, {user: self.role_of(user) for user in {*self.people, *self.roles}}, self.role_of)


def mentioned(text: str) -> set[str]:
    """Return the ids of the people a text mentions."""
    return {found[1] for found in _PERSON.finditer(text)}


def _words(text: str, known: Mapping[str, str], who: Callable[[str], str]) -> str:
    text = _PERSON.sub(lambda found: known.get(found[1]) or found[2] or who(found[1]), text)
    text = _CHANNEL.sub(lambda found: f"#{found[2]}" if found[2] else "another channel", text)
    text = _GROUP.sub(lambda found: f"the group {found[1]}" if found[1] else "a user group", text)
    text = _DATE.sub(lambda found: found[1], text)
    text = _EVERYONE.sub(lambda found: f"@{found[1]}", text)
    text = _LINK.sub(_link, text)
    text = _BARE.sub(lambda found: known.get(found[1], found[0]), text)
    return redact(plain(html.unescape(text)))


def _link(found: re.Match[str]) -> str:
    address, label = found[1].removeprefix("mailto:"), found[2]
    return f"{label} ({address})" if label and label != address else address
