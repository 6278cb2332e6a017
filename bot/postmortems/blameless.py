"""Finding sentences that blame somebody, so that whoever wrote them can reword them before others read. Pure."""

import re
from collections.abc import Iterable, Mapping

from bot.postmortems.names import mentioned

MOST = 3
_SENTENCES = re.compile(r"(?<=[.!?])\s+|\n+")
_CHARGE = re.compile(
    r"\b(?:fault|blam(?:e|ed|es|ing)|careless\w*|negligen\w*|incompeten\w*|stupid\w*|idiot\w*|sloppy|lazy|forgot"
    r"|fail(?:ed|s) to|(?:should|could) have|did(?:n['’]t| not) (?:bother|check|test|notice|read|think)"
    r"|(?:mess|screw)ed (?:it |this )?up|ignored)\b",
    re.IGNORECASE,
)
_SOMEBODY = re.compile(r"\b(?:he|she|you|his|her|your|they|their|who(?:ever)?|someone|somebody)\b", re.IGNORECASE)
_OUTRIGHT = re.compile(r"\b(?:human|user|operator|pilot)[ -]error\b", re.IGNORECASE)


def blaming(texts: Iterable[str], people: Mapping[str, str]) -> list[str]:
    """Return the sentences that charge a person (mentioned, named, or `he`), or call it human error; at most three.

    people: id to name. A sentence about a system (`the feed failed to load`) is none.
    """
    found = []
    names = _names(people)
    for text in texts:
        for sentence in _SENTENCES.split(text):
            somebody = mentioned(sentence) or _SOMEBODY.search(sentence) or (names and names.search(sentence))
            if _OUTRIGHT.search(sentence) or (somebody and _CHARGE.search(sentence)):
                found.append(sentence.strip())
    return list(dict.fromkeys(found))[:MOST]


def _names(people: Mapping[str, str]) -> re.Pattern[str] | None:
    """Match anybody's whole name or first name, as it is written."""
    words = {part for name in people.values() for part in (name, name.partition(" ")[0]) if len(part) > 1}
    if not words:
        return None
    return re.compile(r"(?<!\w)(?:" + "|".join(re.escape(word) for word in sorted(words)) + r")(?!\w)")
