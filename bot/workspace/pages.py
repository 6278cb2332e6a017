"""The workspace's page for people: channels, messages, threads, modals; what it shows is fetched in parts."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from jinja2 import Environment, FileSystemLoader
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import FormData
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from bot.workspace.actors import Actors
from bot.workspace.dispatch import NoAnswerError
from bot.workspace.emoji import with_emoji
from bot.workspace.render import Look, choice_of, file_address, initials, picture_type, size_words, tint, written
from bot.workspace.state import Channel, Json, SlackError, User, Workspace
from bot.workspace.stream import Streams

Commands = Callable[[], Sequence[tuple[str, str, str]]]
Deed = Callable[[Request, FormData], None]

MOST = 150
POLICY = (
    "default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "object-src 'none'"
)
GUARDED = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_HERE = Path(__file__).resolve().parent
_WORDS = {
    "is_archived": "This channel is archived.",
    "channel_not_found": "There is no such channel for you.",
    "message_not_found": "This message is gone.",
    "cant_update_message": "Only its author can change this message.",
    "action_not_found": "This message has changed since: the button is gone.",
    "not_found": "This window is closed already.",
    "no_text": "Write something first.",
}


def routes(
    workspace: Workspace, actors: Actors, *, commands: Commands = tuple, streams: Streams | None = None
) -> list[BaseRoute]:
    """Build the page's routes.

    commands: each command as typed (`/incident ack`), its hint and its summary, for completion.
    streams: whoever stops the server closes it first, so that open pages don't hold the stop up.
    """
    pages = Pages(workspace, actors, commands, streams or Streams(workspace))
    here = "/as/{user}/c/{channel}"
    return [
        Route("/", pages.start),
        Route("/as/{user}", pages.page),
        Route("/as/{user}/dm/{bot}", pages.direct),
        Route("/as/{user}/stream", pages.stream),
        Route("/as/{user}/modals", pages.modals),
        Route(here, pages.page),
        Route(here + "/part/{part}", pages.part),
        Route(here + "/write", pages.deed(pages.write), methods=["POST"]),
        Route(here + "/read", pages.deed(pages.read), methods=["POST"]),
        Route(here + "/m/{ts}/{deed}", pages.deed(pages.touch), methods=["POST"]),
        Route("/as/{user}/modals/{view}/{deed}", pages.deed(pages.window), methods=["POST"]),
        Route("/as/{user}/part/sidebar", pages.part),
        Route("/files/{file}", pages.file),
        Route("/files/{file}/{name}", pages.file),
        Mount("/static", _Static(directory=_HERE / "static")),
    ]


class _Static(StaticFiles):
    """Asked for again at each visit, so that a page never runs with the script of another version."""

    def file_response(self, *args: Any, **more: Any) -> Response:  # noqa: ANN401
        response = super().file_response(*args, **more)
        response.headers["Cache-Control"] = "no-cache"
        return response


class FieldProblemsError(Exception):
    """The app refused a modal's fields: problems by block id."""

    def __init__(self, problems: dict[str, str]) -> None:
        super().__init__("the app refused the fields")
        self.problems = problems


class Pages:
    def __init__(self, workspace: Workspace, actors: Actors, commands: Commands, streams: Streams) -> None:
        self.workspace = workspace
        self.actors = actors
        self.commands = commands
        self.streams = streams
        self._templates = Environment(
            loader=FileSystemLoader(_HERE / "templates"), autoescape=True, trim_blocks=True, lstrip_blocks=True
        )
        self._templates.globals |= {
            "tint": tint,
            "initials": initials,
            "picture_type": picture_type,
            "file_address": file_address,
            "size_words": size_words,
            "safe_link": _safe_link,
        }
        self._templates.filters["emoji"] = with_emoji

    # looking

    def start(self, _request: Request) -> Response:
        person = next((user for user in self.workspace.users.values() if not user.is_bot), None)
        if person is None:
            return PlainTextResponse("Nobody is in this workspace yet: add a person first.", 404)
        mine = [one for one in self.workspace.seen_by(person.id) if one.kind != "im"]
        return RedirectResponse(f"/as/{person.id}/c/{mine[0].id}" if mine else f"/as/{person.id}")

    def direct(self, request: Request) -> Response:
        user, bot = request.path_params["user"], request.path_params["bot"]
        try:
            channel = self.workspace.direct(user, self.workspace.user(bot).id)
        except SlackError:
            return self.nothing_here()
        return RedirectResponse(f"/as/{user}/c/{channel.id}")

    def page(self, request: Request) -> Response:
        return self._shown("page.html", request)

    def part(self, request: Request) -> Response:
        name = request.path_params.get("part", "sidebar")
        if name not in {"sidebar", "head", "messages", "replies", "thread"}:
            return self.nothing_here()
        return self._shown(f"{name}.html", request)

    def modals(self, request: Request) -> Response:
        with self.workspace.lock:
            stack = self.workspace.modals.get(request.path_params["user"], [])
            newest = f"{stack[-1].id}.{stack[-1].hash}" if stack else ""
        if request.query_params.get("shown") == newest:
            return Response(status_code=204, headers=GUARDED)
        return self._shown("modal.html", request)

    def _shown(self, template: str, request: Request) -> Response:
        try:
            with self.workspace.lock:
                user = self.workspace.user(request.path_params["user"])
                number = request.path_params.get("channel")
                channel = self.workspace.channel(number, archived=True) if number else None
                facts = self._facts(user, channel, request)
                return HTMLResponse(self._templates.get_template(template).render(facts), headers=GUARDED)
        except SlackError:
            return self.nothing_here()

    def _facts(self, user: User, channel: Channel | None, request: Request) -> Json:
        look = Look(self.workspace, user, self.workspace.clock.now())
        if channel is not None and not look.may_see(channel):
            raise SlackError("channel_not_found")
        stack = self.workspace.modals.get(user.id, [])
        facts: Json = {
            "look": look,
            "channel": channel,
            "here": f"/as/{user.id}/c/{channel.id}" if channel else f"/as/{user.id}",
            "heading": look.title(channel) if channel else "Channels",
            "modal": stack[-1] if stack else None,
            "thread": "",
            "home": None,
        }
        return facts | self._channel_facts(look, channel, request) if channel else facts

    def _channel_facts(self, look: Look, channel: Channel, request: Request) -> Json:
        query = request.query_params
        most = _whole(query.get("most"), MOST)
        thread = query.get("thread", "")
        since = query.get("since", channel.read_up_to.get(look.user.id, ""))
        return {
            "list": look.lines(channel, since=since, most=most),
            "earlier": len(self.workspace.top_level(channel)) > most,
            "most": most,
            "since": since,
            "thread": thread,
            "replies": look.lines(channel, thread) if thread else [],
            "commands": [list(one) for one in self.commands()],
            "people": [[user.name, user.real_name] for user in look.people()],
        }

    async def stream(self, request: Request) -> Response:
        user, channel = request.path_params["user"], request.query_params.get("channel", "")
        return StreamingResponse(
            self.streams.notices(user, channel), media_type="text/event-stream", headers={"Cache-Control": "no-store"}
        )

    def file(self, request: Request) -> Response:
        stored = self.workspace.files.get(request.path_params["file"])
        if stored is None or not stored.content:
            return self.nothing_here()
        kind = picture_type(stored.content)
        headers = {"Content-Security-Policy": "default-src 'none'; sandbox", "X-Content-Type-Options": "nosniff"}
        if kind is None:
            headers["Content-Disposition"] = f"attachment; filename*=UTF-8''{file_address(stored).rpartition('/')[2]}"
        else:
            headers["Cache-Control"] = "private, max-age=3600"
        return Response(stored.content, media_type=kind or "application/octet-stream", headers=headers)

    def nothing_here(self) -> Response:
        return HTMLResponse(self._templates.get_template("nothing.html").render(), 404, headers=GUARDED)

    # doing

    def deed(self, do: Deed) -> Callable[[Request], Any]:
        """Wrap what a person does: from this page alone, its refusals as words that the page can show."""

        async def endpoint(request: Request) -> Response:
            if not same_origin(request):
                return PlainTextResponse("Only this workspace's own page may do that.", 403)
            form = await request.form()
            return await run_in_threadpool(_answered, do, request, form)

        return endpoint

    def write(self, request: Request, form: FormData) -> None:
        user, channel = request.path_params["user"], request.path_params["channel"]
        text = str(form.get("text", "")).strip().replace("\r\n", "\n")
        thread = str(form.get("thread", "")) or None
        if not text:
            raise SlackError("no_text")
        if text.startswith("/") and thread is None:
            self.actors.command(user, channel, written(text, self.workspace, in_command=True))
        else:
            self.actors.post(user, channel, written(text, self.workspace), thread)

    def read(self, request: Request, _form: FormData) -> None:
        channel = self.workspace.channel(request.path_params["channel"], archived=True)
        self.workspace.mark_read(channel, self.workspace.user(request.path_params["user"]).id)

    def touch(self, request: Request, form: FormData) -> None:
        """Do something with one message."""
        user, channel, ts = (request.path_params[name] for name in ("user", "channel", "ts"))
        deed = request.path_params["deed"]
        if deed == "press":
            self._press(user, channel, ts, form)
        elif deed == "react":
            self.actors.react(user, channel, ts, str(form.get("name", "")))
        elif deed == "pin":
            self.actors.pin(user, channel, ts)
        elif deed == "edit":
            self.actors.edit(user, channel, ts, written(_text(form), self.workspace))
        elif deed == "delete":
            self.actors.delete(user, channel, ts)
        elif deed == "dismiss":
            self.workspace.drop_whisper(user, ts)
        else:
            raise SlackError("unknown_method")

    def _press(self, user: str, channel: str, ts: str, form: FormData) -> None:
        action = str(form.get("action_id", ""))
        with self.workspace.lock:
            whispers = [one.blocks for one in self.workspace.ephemerals if (one.user, one.ts) == (user, ts)]
            blocks = whispers[0] if whispers else self.workspace.channel(channel).message(ts).get("blocks", [])
            elements = [one for block in blocks for one in _elements(block) if one.get("action_id") == action]
        if not elements:
            raise SlackError("action_not_found")
        values = [str(value) for value in form.getlist("value")]
        self.actors.press(user, channel, ts, action, choice_of(elements[0], values) or None)

    def window(self, request: Request, form: FormData) -> None:
        """Submit or close a modal."""
        user, view, deed = (request.path_params[name] for name in ("user", "view", "deed"))
        modal = self.workspace.modal(view)
        if modal.user != user:
            raise SlackError("not_found")
        if deed == "close":
            self.actors.close(user, view)
        elif deed == "submit":
            problems = self.actors.submit(user, view, _entered(modal.view, form))
            if problems:
                raise FieldProblemsError(problems)
        else:
            raise SlackError("unknown_method")


def same_origin(request: Request) -> bool:
    """Tell whether a browser sent this from a page of the workspace itself."""
    site = request.headers.get("sec-fetch-site")
    origin = request.headers.get("origin", "")
    host = request.headers.get("host", "")
    return site in {None, "same-origin"} and bool(host) and urlsplit(origin).netloc == host


def _answered(do: Deed, request: Request, form: FormData) -> Response:
    try:
        do(request, form)
    except FieldProblemsError as refused:
        return _told(422, {"problems": refused.problems})
    except SlackError as error:
        return _told(409, {"toast": _WORDS.get(error.code, f"Slack would refuse this: {error.code}"), "refresh": True})
    except NoAnswerError as error:
        return _told(502, {"toast": f"Muster did not answer. {error}", "refresh": True})
    return _told(204, {"refresh": True})


def _told(status: int, events: Json) -> Response:
    return Response(status_code=status, headers={**GUARDED, "HX-Trigger": json.dumps(events)})


def _text(form: FormData) -> str:
    text = str(form.get("text", "")).strip().replace("\r\n", "\n")
    if not text:
        raise SlackError("no_text")
    return text


def _elements(block: Json) -> list[Json]:
    return [*block.get("elements", []), *([block["accessory"]] if block.get("accessory") else [])]


def _entered(view: Json, form: FormData) -> Json:
    """Read a modal's fields: by block id a text, an option's value, a user, a date or a list of values."""
    found: Json = {}
    for block in view["blocks"]:
        if block["type"] != "input":
            continue
        given = [str(value).replace("\r\n", "\n") for value in form.getlist(f"in:{block['block_id']}")]
        found[block["block_id"]] = given if block["element"]["type"] == "checkboxes" else "".join(given[:1])
    return found


def _safe_link(url: str) -> str:
    return url if urlsplit(url).scheme in {"http", "https"} else "#"


def _whole(value: str | None, default: int) -> int:
    return int(value) if value and value.isdecimal() and len(value) < 7 else default  # noqa: PLR2004
