"""The document as Markdown that survives whatever people and senders wrote into it."""

import re
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from bot.postmortems.document import Document, Moment
from bot.postmortems.metrics import duration
from bot.postmortems.narrative import at

ITEM_USAGE = "/incident item <what> [@owner] [due 2026-12-01]"
MOST_ALERTS = 30
EVIDENCE = "## Evidence\n\n"
NO_EVIDENCE = "No check and no chart is on record."
_ALWAYS = re.compile(r"[\\`*\[\]|~$]")
_SPACES = re.compile(r"[^\S\u00a0]+")
_EDGE_UNDERSCORE = re.compile(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_ENTITY = re.compile(r"&(?=#?[A-Za-z0-9]+;)")
_BLOCK = re.compile(r"^([#>]|[+-](?=\s|$)|-(?=[-\s]*$)|=(?==*$))")
_NUMBERED = re.compile(r"^(\d+)([.)])(?=\s|$)")
_MENTION = re.compile(r"@(?=\w)")


def escaped(text: str) -> str:
    """Make text literal in Markdown: one line that opens no block, table cell, link, tag, formula or mention."""
    text = _SPACES.sub(" ", text).strip()
    text = _ALWAYS.sub(lambda found: "\\" + found[0], text)
    text = _EDGE_UNDERSCORE.sub(r"\\_", text)
    text = _ENTITY.sub("&amp;", text).replace("<", "&lt;")
    text = _BLOCK.sub(r"\\\1", text)
    text = _NUMBERED.sub(r"\1\\\2", text)
    # Hosts of code turn @name into a call for that person; a zero-width space after the sign keeps it text.
    return _MENTION.sub("@\u200b", text)


def markdown(document: Document) -> str:
    """Write the document as CommonMark with GFM tables. Charts are images named by their label (`E-7.png`)."""
    template = _ENVIRONMENT.get_template("template.md.j2")
    text = template.render(doc=document, usage=_CODE, no_evidence=NO_EVIDENCE, most_alerts=MOST_ALERTS)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def days(moments: Iterable[Moment]) -> Iterable[tuple[str, Moment]]:
    """Pair each moment with its time, and its day where that is a new one."""
    before = None
    for moment in moments:
        day = moment.at.date()
        shown = f"{moment.at:%H:%M}" if day == before else short(moment.at)
        before = day
        yield shown, moment


def short(moment: datetime) -> str:
    """`2 Nov 02:40`, which no table breaks."""
    return f"{moment.day}\u00a0{moment:%b}\u00a0{moment:%H:%M}"


def _put_out(value: object) -> Markup:
    if isinstance(value, Markup):
        return value
    return Markup(escaped(str(value)))  # noqa: S704 -- escaped for Markdown, where HTML's entities would be seen


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        finalize=_put_out,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"at": _at, "short": short, "duration": duration, "days": days}
    return environment


def _at(moment: datetime) -> str:
    return at(moment)


_ENVIRONMENT = _environment()
_CODE = Markup(f"`{ITEM_USAGE}`")  # noqa: S704 -- our own words, in a code span
