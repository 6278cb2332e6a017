"""A postmortem in the three formats people take away: Markdown, one HTML page, JSON."""

import hashlib
import json
import re
from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from enum import StrEnum
from html import escape
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import EnvType, OptionsDict
from markupsafe import Markup

from bot.core.errors import BotError
from bot.core.ids import slug
from bot.postmortems.document import Document
from bot.postmortems.metrics import Metric
from bot.postmortems.render import EVIDENCE, NO_EVIDENCE, escaped

SCHEMA = 1
_FOLDER = Path(__file__).parent
_IMAGE = re.compile(r"^!\[((?:[^\]\\]|\\.)*)\]\(([AE]-\d+)\.png\)$", re.MULTILINE)
_STYLE = (_FOLDER / "page.css").read_text(encoding="utf-8")
_STYLE_HASH = b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
POLICY = f"default-src 'none'; img-src data:; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none'"


class Format(StrEnum):
    MD = "md"
    HTML = "html"
    JSON = "json"

    @property
    def media_type(self) -> str:
        return _MEDIA[self]


_MEDIA = {
    Format.MD: "text/markdown; charset=utf-8",
    Format.HTML: "text/html; charset=utf-8",
    Format.JSON: "application/json",
}


def parse_format(text: str) -> Format:
    """Read a format's name. Raises BotError (422) that tells what exists."""
    try:
        return Format(text.strip().lower())
    except ValueError as error:
        known = ", ".join(f"`{one.value}`" for one in Format)
        raise BotError(f"There is no format `{text[:40]}`. A postmortem comes as {known}.", status=422) from error


def as_markdown(text: str) -> str:
    """Put a chart's words where the chart would be: for places that show the text alone."""
    return _IMAGE.sub(r"*Chart \2, shown in the HTML export: \1*", text)


def chart_labels(text: str) -> list[str]:
    """Return the labels of the charts that the Markdown names as `<label>.png`."""
    return [label for _, label in _IMAGE.findall(text)]


def illustrated(text: str, drawn: Sequence[tuple[str, str, str]]) -> str:
    """Put charts of alerts (label, title, words) first in the evidence."""
    if not drawn:
        return text
    figures = "".join(
        f"### {label} · {escaped(title)}\n\n![{escaped(words)}]({label}.png)\n\n" for label, title, words in drawn
    )
    head, mark, rest = text.partition(EVIDENCE)
    return head + mark + figures + rest.removeprefix(f"{NO_EVIDENCE}\n\n")


def as_html(text: str, title: str, charts: Mapping[str, bytes]) -> str:
    """Write one page that needs nothing else: style and charts are inside it, and no script can run in it."""
    parser = MarkdownIt("commonmark", {"html": False}, renderer_cls=_Page).enable("table")
    body = parser.render(text, {"charts": charts})
    page = _PAGES.get_template("page.html.j2")
    return page.render(title=title, policy=Markup(POLICY), style=Markup(_STYLE), body=Markup(body))  # noqa: S704 -- the parser has escaped the text; policy and style are ours


class _Page(RendererHTML):
    """Headings one can link to, tables that scroll on a phone, charts as figures."""

    def heading_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        tokens[idx].attrSet("id", slug(tokens[idx + 1].content))
        return self.renderToken(tokens, idx, options, env)

    def table_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return '<div class="wide">' + self.renderToken(tokens, idx, options, env)

    def table_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return self.renderToken(tokens, idx, options, env) + "</div>"

    def paragraph_open(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return "" if _holds_chart(tokens[idx + 1]) else self.renderToken(tokens, idx, options, env)

    def paragraph_close(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        return "" if _holds_chart(tokens[idx - 1]) else self.renderToken(tokens, idx, options, env)

    def image(self, tokens: Sequence[Token], idx: int, options: OptionsDict, env: EnvType) -> str:
        token = tokens[idx]
        label = str(token.attrs["src"]).removesuffix(".png")
        words = escape(self.renderInlineAsText(token.children or [], options, env))
        png = env["charts"].get(label)
        if png is None:
            return f'<p class="absent">Chart {escape(label)} is no longer kept: {words}</p>'
        data = b64encode(png).decode()
        return (
            f'<figure><img alt="{words}" src="data:image/png;base64,{data}">'
            f"<figcaption>{escape(label)} · {words}</figcaption></figure>"
        )


def _holds_chart(inline: Token) -> bool:
    children = inline.children or []
    return len(children) == 1 and children[0].type == "image"


_PAGES = Environment(loader=FileSystemLoader(_FOLDER), autoescape=True, undefined=StrictUndefined)


def as_json(document: Document) -> str:
    """Write the document as JSON, schema 1.

    Top level: `schema`, `incident` {number, label, title, severity, status}, `draft` {version, watermark, drafted_at},
    `summary` [3 sentences], `impact` [{name, value}], `detection` [sentences], `alerts` [{number, says, source, route,
    began, received, judged, where}], `timeline` [{at, what, who, key, kind}], `helped`, `hindered`, `factors`
    [sentences], `items` [{text, owner, due, done}], `metrics` {ttd, tta, ttm, ttr, data, detection, human: {name,
    definition, start, end, seconds}}, `evidence` [{label, title, sentence, verdict, columns, rows, facts, alt, chart}],
    `versions` [{name, value}]. Times are ISO 8601 in UTC, days `YYYY-MM-DD`, lengths in seconds; what is not reached or
    not known is null. Fields may be added; none changes its meaning within a schema number.
    """
    parts = {name: [asdict(part) for part in getattr(document, name)] for name in _LISTS}
    content = {
        "schema": SCHEMA,
        "incident": {name: getattr(document, name) for name in ("number", "label", "title", "severity", "status")},
        "draft": {name: getattr(document, name) for name in ("version", "watermark", "drafted_at")},
        **{name: list(getattr(document, name)) for name in _SENTENCES},
        **parts,
        "metrics": {metric.key: _metric(metric) for metric in document.metrics},
    }
    return json.dumps(content, indent=2, ensure_ascii=False, default=_plain) + "\n"


_SENTENCES = ("summary", "detection", "helped", "hindered", "factors")
_LISTS = ("impact", "alerts", "timeline", "items", "evidence", "versions")


def _metric(metric: Metric) -> dict[str, Any]:
    length = metric.length
    return {
        "name": metric.name,
        "definition": metric.definition,
        "start": metric.start,
        "end": metric.end,
        "seconds": None if length is None else length.total_seconds(),
    }


def _plain(value: object) -> str:
    if isinstance(value, datetime | date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")
