"""Markdown as Slack's mrkdwn: what runbooks use, and text for the rest."""

from markdown_it import MarkdownIt
from markdown_it.token import Token

from bot.slack.text import clip, escape, plain

_PARSER = MarkdownIt("commonmark", {"html": False})
MOST = 2800


def to_mrkdwn(text: str) -> str:
    """Turn an instruction into mrkdwn, clipped to one section."""
    lines: list[str] = []
    depth, numbers = 0, []
    for token in _PARSER.parse(text):
        if token.type in {"bullet_list_open", "ordered_list_open"}:
            depth += 1
            numbers.append(0 if token.type == "ordered_list_open" else None)
        elif token.type in {"bullet_list_close", "ordered_list_close"}:
            depth -= 1
            numbers.pop()
        elif token.type == "list_item_open":
            if numbers[-1] is not None:
                numbers[-1] += 1
            mark = f"{numbers[-1]}." if numbers[-1] is not None else "•"
            lines.append(f"{'    ' * (depth - 1)}{mark} ")
        elif token.type == "inline":
            said = _inline(token.children or [])
            if depth and lines and lines[-1].endswith(("• ", ". ")):
                lines[-1] += said
            else:
                lines += [said, ""]
        elif token.type in {"fence", "code_block"}:
            lines += [f"```\n{_code(token.content.rstrip())}\n```", ""]
    return clip("\n".join(lines).strip(), MOST)


def _inline(tokens: list[Token]) -> str:
    parts = []
    link_end = ""
    for token in tokens:
        if token.type in {"text", "image"}:
            parts.append(escape(token.content))
        elif token.type == "code_inline":
            parts.append(f"`{_code(token.content)}`")
        elif token.type in {"strong_open", "strong_close"}:
            parts.append("*")
        elif token.type in {"em_open", "em_close"}:
            parts.append("_")
        elif token.type in {"softbreak", "hardbreak"}:
            parts.append(" " if token.type == "softbreak" else "\n")
        elif token.type == "link_open":
            url = str(token.attrs.get("href", ""))
            leads = url.startswith(("http://", "https://", "mailto:"))
            parts.append(f"<{url.replace('&', '&amp;')}|" if leads else "")
            link_end = ">" if leads else ""
        elif token.type == "link_close":
            parts.append(link_end)
    return "".join(parts)


def _code(text: str) -> str:
    """Nothing is formatted inside code, and people copy it: only what would end it is kept apart."""
    safe = plain(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return safe.replace("`", "`\u200b")
