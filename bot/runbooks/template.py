"""`{{ alert.feature }}` in a runbook: a fixed set of names, filled in when the step opens."""

import re
from collections.abc import Mapping

NAMES = (
    "model",
    "version",
    "incident",
    "severity",
    "alert.feature",
    "alert.segment",
    "alert.monitor",
    "alert.metric",
    "alert.window",
    "alert.source",
)
_PLACE = re.compile(r"\{\{\s*([a-z_.]+)\s*\}\}")
_BRACES = re.compile(r"\{\{([^{}]*)\}\}")
_PIECE = re.compile(r"""[^\s=]+=(?:"[^"]*"|'[^']*')(?!\S)|[^\s=]+=.*?(?=\s+[^\s=]+=|$)|\S+""")
_MARKUP = re.compile(r"([\\`*\[\]<>!])")


def unknown_names(text: str) -> list[str]:
    """Everything in double braces that `fill` leaves as it is."""
    return [name for name in (one.strip() for one in _BRACES.findall(text)) if name not in NAMES]


def fill(text: str, facts: Mapping[str, str]) -> str:
    """Fill names into Markdown; what is not known reads as a dash. Values come from alerts, so they stay plain text."""
    return _PLACE.sub(lambda found: _literal(facts.get(found[1], "")) or "–", text)


def _literal(value: str) -> str:
    return _MARKUP.sub(r"\\\1", " ".join(value.split()))


def pieces(line: str) -> list[str]:
    """Cut a check's line as written: its name, then `name=value` each. A value may hold spaces and placeholders."""
    return _PIECE.findall(line.strip())


def fill_check(line: str, facts: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """Return a check's name and parameters; a parameter that nothing is known for is left out."""
    name, *rest = pieces(line) or [""]
    params = {}
    for piece in rest:
        key, _, written = piece.partition("=")
        # Cut first and filled afterwards: a value from an alert can't add a parameter.
        value = _PLACE.sub(lambda found: facts.get(found[1], ""), _unquoted(written)).strip()
        if value:
            params[key] = value
    return name, params


def _unquoted(written: str) -> str:
    quoted = len(written) > 1 and written[0] == written[-1] and written[0] in "\"'"
    return written[1:-1] if quoted else written
