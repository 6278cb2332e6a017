"""`{{ alert.feature }}` in a runbook: a fixed set of names, filled in when the step opens."""

import re
import shlex
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


def unknown_names(text: str) -> list[str]:
    return [name for name in _PLACE.findall(text) if name not in NAMES]


def fill(text: str, facts: Mapping[str, str]) -> str:
    """Fill names in; what is not known reads as a dash."""
    return _PLACE.sub(lambda found: facts.get(found[1]) or "–", text)


def fill_check(line: str, facts: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """Return a check's name and parameters; a parameter that nothing is known for is left out."""
    filled = _PLACE.sub(lambda found: facts.get(found[1], "").replace('"', ""), line)
    pieces = re.findall(r"\S+=\"[^\"]*\"|\S+=[^=]*?(?=\s+\S+=|$)|\S+", filled.strip())
    params = {}
    for piece in pieces[1:]:
        name, _, value = piece.partition("=")
        value = " ".join(shlex.split(value)) if value.startswith('"') else value.strip()
        if value:
            params[name] = value
    return (pieces[0] if pieces else ""), params
