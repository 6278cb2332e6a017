"""Slack's mrkdwn as safe HTML: everything is escaped, and only tags written here come out."""

import re
from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit

from markupsafe import Markup, escape

from bot.workspace.emoji import with_emoji


class Names(Protocol):
    """Who and what an id stands for; None when the workspace does not know it."""

    def user_name(self, user_id: str) -> str | None: ...

    def channel_name(self, channel_id: str) -> str | None: ...

    def group_name(self, group_id: str) -> str | None: ...


class Reader(NamedTuple):
    """For whom text is shown: their id lights up in mentions, their zone and clock decide how dates read."""

    user_id: str
    zone: tzinfo
    now: datetime


_FENCE = re.compile(r"```(.*?)```", re.DOTALL)
_QUOTE = re.compile(r"^(?:&gt;|>) ?")
_CODE = re.compile(r"`([^`\n]+)`")
_ANGLE = re.compile(r"<([@#!]?[^<>\n]+)>")
_BARE_URL = re.compile(r"https?://[^\s<>|]+[^\s<>|.,:;!?)'\"\]]")
_STYLES = (
    ("b", re.compile(r"(?<![\w*])\*(?=[^\s*])([^*\n]*[^\s*])\*(?![\w*])")),
    ("i", re.compile(r"(?<![\w_])_(?=[^\s_])([^\n]*?[^\s_])_(?![\w_])")),
    ("s", re.compile(r"(?<![\w~])~(?=[^\s~])([^~\n]*[^\s~])~(?![\w~])")),
)
_TOKEN = re.compile(
    "|".join(f"(?:{pattern.pattern})" for pattern in (_CODE, _ANGLE, _BARE_URL, *(p for _, p in _STYLES)))
)
_DATE_PART = re.compile(r"\{(\w+)\}")
_BROADCASTS = frozenset({"here", "channel", "everyone"})


def to_html(text: str, names: Names, reader: Reader) -> Markup:
    """Render one mrkdwn text. The result is safe to place inside an element's content."""
    parts = _FENCE.split(text)
    out = [
        Markup("<pre>{}</pre>").format(_code(part.strip("\n"), names, reader))
        if number % 2
        else _prose(part, names, reader)
        for number, part in enumerate(parts)
    ]
    return Markup("").join(out)


def plain(text: str) -> Markup:
    """Render a `plain_text` object: escaped, with emoji, no mentions and no markup."""
    return _lines(with_emoji(text))


def preview(text: str, names: Names, reader: Reader) -> str:
    """Return one line of words without markup, for titles and lists."""
    return " ".join(to_html(text, names, reader).striptags().split())


def _prose(text: str, names: Names, reader: Reader) -> Markup:
    blocks: list[Markup] = []
    run: list[str] = []
    quoted = False

    def flush() -> None:
        if run:
            inner = Markup("<br>").join(_inline(line, names, reader) for line in run)
            blocks.append(Markup("<blockquote>{}</blockquote>").format(inner) if quoted else inner)
            run.clear()

    for line in text.strip("\n").split("\n"):
        is_quote = _QUOTE.match(line) is not None
        if is_quote != quoted:
            flush()
            quoted = is_quote
        run.append(_QUOTE.sub("", line, count=1) if is_quote else line)
    flush()
    return Markup("").join(blocks)


def _inline(text: str, names: Names, reader: Reader) -> Markup:
    out: list[Markup] = []
    end = 0
    for found in _TOKEN.finditer(text):
        out.extend((_leaf(text[end : found.start()]), _token(found, names, reader)))
        end = found.end()
    out.append(_leaf(text[end:]))
    return Markup("").join(out)


def _token(found: re.Match[str], names: Names, reader: Reader) -> Markup:
    code, angle, *styled = found.groups()
    if code is not None:
        return Markup("<code>{}</code>").format(_code(code, names, reader))
    if angle is not None:
        return _angle(angle, names, reader)
    for (tag, _), inner in zip(_STYLES, styled, strict=True):
        if inner is not None:
            return Markup("<{0}>{1}</{0}>").format(Markup(tag), _inline(inner, names, reader))  # noqa: S704
    return _link(found[0], None)


def _angle(body: str, names: Names, reader: Reader) -> Markup:
    target, _, label = body.partition("|")
    kind, rest = target[:1], target[1:]
    if kind == "@":
        mine = " me" if rest == reader.user_id else ""
        person = names.user_name(rest) or label or rest
        return Markup('<span class="mention{}">@{}</span>').format(mine, person)
    if kind == "#":
        name = names.channel_name(rest)
        if name is None:
            return Markup('<span class="mention">#{}</span>').format(label or "private-channel")
        return Markup('<a class="mention" href="/as/{}/c/{}">#{}</a>').format(reader.user_id, rest, name)
    if kind == "!":
        return _special(rest, label, names, reader)
    return _link(target, label or None)


def _special(target: str, label: str, names: Names, reader: Reader) -> Markup:
    if target in _BROADCASTS:
        return Markup('<span class="mention me">@{}</span>').format(target)
    if target.startswith("subteam^"):
        name = names.group_name(target.removeprefix("subteam^")) or label.lstrip("@") or "group"
        return Markup('<span class="mention">@{}</span>').format(name)
    if target.startswith("date^"):
        return _date(target, label, reader)
    return _leaf(label or target)


def _date(target: str, fallback: str, reader: Reader) -> Markup:
    _, seconds, pattern, *link = target.split("^", 3)[:4] if target.count("^") > 1 else (target, "", "")
    try:
        moment = datetime.fromtimestamp(int(seconds), UTC)
    except (ValueError, OverflowError, OSError):
        return _leaf(fallback)
    words = date_words(moment, pattern, reader)
    shown = Markup('<time datetime="{}" title="{}">{}</time>').format(
        moment.isoformat(), moment.strftime("%Y-%m-%d %H:%M:%S UTC"), words
    )
    return _anchor(link[0], shown) if link and _safe(link[0]) else shown


def date_words(moment: datetime, pattern: str, reader: Reader) -> str:
    """Fill a `<!date^...>` pattern in the reader's zone; an unknown token stays as it is."""
    local = moment.astimezone(reader.zone)
    return _DATE_PART.sub(lambda found: _date_part(found[1], local, reader) or found[0], pattern)


def _date_part(part: str, local: datetime, reader: Reader) -> str | None:
    if part == "time":
        return f"{local:%H:%M}"
    if part == "time_secs":
        return f"{local:%H:%M:%S}"
    if part == "ago":
        return ago(local, reader.now)
    if part == "date_num":
        return f"{local:%Y-%m-%d}"
    base, pretty = (part.removesuffix("_pretty"), True) if part.endswith("_pretty") else (part, False)
    written = {
        "date": f"{local:%B} {local.day}, {local.year}",
        "date_short": f"{local:%b} {local.day}, {local.year}",
        "date_long": f"{local:%A}, {local:%B} {local.day}, {local.year}",
    }.get(base)
    if written is None or not pretty:
        return written
    return near_day(local, reader) or written


def near_day(local: datetime, reader: Reader) -> str | None:
    """Return yesterday, today or tomorrow as the reader's calendar has it, else None."""
    days = (local.date() - reader.now.astimezone(reader.zone).date()) / timedelta(days=1)
    return {-1.0: "yesterday", 0.0: "today", 1.0: "tomorrow"}.get(days)


def ago(moment: datetime, now: datetime) -> str:
    """Say how long since or until, in the largest whole unit."""
    seconds = int((now - moment).total_seconds())
    size = abs(seconds)
    for length, unit in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if size >= length:
            count = size // length
            words = f"{count} {unit}{'' if count == 1 else 's'}"
            return f"{words} ago" if seconds > 0 else f"in {words}"
    return "just now" if seconds >= 0 else "in a moment"


def _link(target: str, label: str | None) -> Markup:
    url = _decoded(target)
    if not _safe(url):
        return _leaf(f"{label} ({target})" if label else target)
    return _anchor(url, _leaf(label) if label else escape(url.removeprefix("mailto:")))


def _anchor(url: str, shown: Markup) -> Markup:
    return Markup('<a href="{}" target="_blank" rel="noopener noreferrer">{}</a>').format(_decoded(url), shown)


def _safe(url: str) -> bool:
    try:
        return urlsplit(url).scheme.lower() in {"http", "https", "mailto", "tel"}
    except ValueError:
        return False


def _code(text: str, names: Names, reader: Reader) -> Markup:
    """Inside code only angle-bracket links and mentions are read, as their words."""
    out: list[Markup] = []
    end = 0
    for found in _ANGLE.finditer(text):
        out.extend((escape(_decoded(text[end : found.start()])), escape(_angle(found[1], names, reader).striptags())))
        end = found.end()
    out.append(escape(_decoded(text[end:])))
    return Markup("").join(out)


def _leaf(text: str) -> Markup:
    return escape(with_emoji(_decoded(text)))


def _lines(text: str) -> Markup:
    return Markup("<br>").join(escape(line) for line in text.split("\n"))


def _decoded(text: str) -> str:
    return text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
