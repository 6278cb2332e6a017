"""`/runbooks`: the same text for a person with a browser."""

import html

from fastapi import APIRouter, Response
from fastapi.responses import HTMLResponse
from markdown_it import MarkdownIt

from bot.core.errors import NotFoundError
from bot.runbooks.document import Runbook
from bot.runbooks.library import Library

POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src 'self'; base-uri 'none'; form-action 'none'"
_STYLE = """
:root { color-scheme: light dark; --ink: #1f2933; --soft: #52606d; --line: #e4e9ee; --ground: #fff; --block: #f5f7f9;
  --accent: #7a3e9d }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ec; --soft: #a3adb7; --line: #33393f; --ground: #16191c;
  --block: #21262b; --accent: #c79be0 } }
body { margin: 0 auto; max-width: 44rem; padding: 2rem 1.25rem 6rem; background: var(--ground); color: var(--ink);
  font: 17px/1.55 system-ui, sans-serif }
h1 { font-size: 1.9rem; line-height: 1.2; margin: .5rem 0 } h2 { font-size: 1.25rem; margin: 2.2rem 0 .4rem;
  padding-top: .9rem; border-top: 1px solid var(--line) }
h2 .number { color: var(--soft); font-weight: 500; margin-right: .5rem } a { color: var(--accent) }
pre { background: var(--block); padding: .75rem 1rem; border-radius: 8px; overflow-x: auto; font-size: .88rem }
code { font-family: ui-monospace, monospace; font-size: .9em } .facts { color: var(--soft); font-size: .92rem }
ul.list { list-style: none; padding: 0 } ul.list li { padding: .7rem 0; border-bottom: 1px solid var(--line) }
"""


def routes(library: Library) -> APIRouter:
    router = APIRouter(prefix="/runbooks", tags=["runbooks"])

    @router.get("", response_class=HTMLResponse, summary="Every runbook")
    def listed() -> Response:
        items = "".join(
            f'<li><a href="/runbooks/{one.id}">{html.escape(one.title)}</a>'
            f'<div class="facts">{html.escape(_facts(one))}</div></li>'
            for one in library.runbooks.values()
        )
        return _page("Runbooks", f'<h1>Runbooks</h1><ul class="list">{items}</ul>')

    @router.get("/{runbook_id}", response_class=HTMLResponse, summary="One runbook, to read")
    def shown(runbook_id: str) -> Response:
        found = library.runbooks.get(runbook_id)
        if found is None:
            raise NotFoundError("There is no such runbook; /runbooks lists them.")
        head = f'<p><a href="/runbooks">All runbooks</a></p><h1>{html.escape(found.title)}</h1>'
        facts = f'<p class="facts">{html.escape(_facts(found))}</p>'
        return _page(found.title, head + facts + _body(found))

    return router


def _facts(runbook: Runbook) -> str:
    kinds = ", ".join(str(kind).replace("_", " ") for match in runbook.matches for kind in match.kinds)
    parts = [f"for {kinds} alerts" if kinds else "for alerts no other runbook knows", f"{len(runbook.steps)} steps"]
    parts += [runbook.severity] if runbook.severity else []
    parts += [f"reviewed {runbook.reviewed}"] if runbook.reviewed else []
    return " · ".join(parts)


def _body(runbook: Runbook) -> str:
    """The file as it is, with its steps numbered and reachable by name."""
    markdown = MarkdownIt("commonmark", {"html": False})
    _, _, source = runbook.source.partition("\n---")
    tokens = markdown.parse(source.partition("\n")[2])
    keys = (step.key for step in runbook.steps)
    for token in tokens:
        if token.type == "heading_open" and token.tag == "h2" and not token.level:
            token.attrSet("id", next(keys, ""))
    return str(markdown.renderer.render(tokens, markdown.options, {}))


def _page(title: str, body: str) -> Response:
    page = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{html.escape(title)} · Muster</title><style>{_STYLE}</style></head><body>{body}</body></html>"
    )
    return HTMLResponse(page, headers={"Content-Security-Policy": POLICY, "X-Content-Type-Options": "nosniff"})
