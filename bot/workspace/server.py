"""The workspace on loopback: Slack's Web API for the app, and a page for people."""

import json
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qs

import uvicorn
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route, WebSocketRoute

from bot.core.clock import Clock
from bot.workspace import conversations, messages, methods, pages
from bot.workspace.actors import Actors
from bot.workspace.dispatch import Dispatcher, HttpApp
from bot.workspace.pages import Commands
from bot.workspace.sockets import SocketDoor
from bot.workspace.state import Json, Workspace
from bot.workspace.stream import Streams

LOOPBACK = ("127.0.0.1", "localhost")
LARGEST_FILE = 32 * 1024 * 1024
_METHOD_ROOMS = (conversations, messages)


class LocalWorkspace:
    """A workspace with its server, in a thread of its own. Closed to other machines on purpose: it has no log-in.

    app: where signed requests of the workspace go when no socket is connected.
    commands: each slash command as typed (`/incident ack`), its hint and its summary, for the page's completion.
    """

    def __init__(
        self,
        workspace: Workspace,
        *,
        bot: str,
        bot_token: str,
        app_token: str = "xapp-local",  # noqa: S107
        port: int = 0,
        app: HttpApp | None = None,
        commands: Commands = tuple,
    ) -> None:
        self.workspace = workspace
        self.bot = bot
        self._tokens = {bot_token, app_token}
        self.dispatcher = Dispatcher(workspace.clock, app)
        self.actors = Actors(workspace, self.dispatcher, bot=bot)
        self.sockets = SocketDoor(self.dispatcher)
        self.streams = Streams(workspace)
        self.commands = commands
        self._config = uvicorn.Config(
            Starlette(routes=self._routes(), middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=LOOPBACK)]),
            host=LOOPBACK[0],
            port=port,
            log_level="warning",
            server_header=False,
            timeout_graceful_shutdown=2,
        )
        self._server = uvicorn.Server(self._config)
        self._thread = threading.Thread(target=self._server.run, name="workspace", daemon=True)
        self.url = ""

    @property
    def api_url(self) -> str:
        return f"{self.url}/api/"

    def start(self) -> None:
        self.dispatcher.start()
        self._thread.start()
        deadline = time.monotonic() + 10
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > deadline:
                raise OSError(f"The local workspace could not listen on port {self._config.port}.")
            time.sleep(0.01)
        port = self._server.servers[0].sockets[0].getsockname()[1]
        self.url = f"http://{LOOPBACK[0]}:{port}"
        self.actors.base_url = f"{self.url}/"

    def stop(self) -> None:
        self.streams.close()
        self._server.should_exit = True
        self._thread.join(10)
        self.dispatcher.stop()

    def call(self, method: str, arguments: Mapping[str, Any]) -> Json:
        caller = methods.Caller(
            self.workspace,
            self.bot,
            trigger=self.actors.trigger,
            socket_url=lambda: f"{self.url.replace('http', 'ws', 1)}/link?ticket={self.sockets.ticket()}",
            base_url=lambda: f"{self.url}/",
        )
        return methods.call(method, caller, arguments)

    def _routes(self) -> list[BaseRoute]:
        return [
            Route("/api/{method}", self._api, methods=["GET", "POST"]),
            Route("/upload/{file}", self._upload, methods=["POST"]),
            Route("/respond/{token}", self._respond, methods=["POST"]),
            WebSocketRoute("/link", self.sockets.serve),
            *pages.routes(self.workspace, self.actors, commands=self.commands, streams=self.streams),
        ]

    async def _api(self, request: Request) -> Response:
        arguments, token = read_arguments(await request.body(), request.headers, dict(request.query_params))
        if token not in self._tokens:
            return JSONResponse({"ok": False, "error": "invalid_auth" if token else "not_authed"})
        return JSONResponse(await run_in_threadpool(self.call, request.path_params["method"], arguments))

    async def _upload(self, request: Request) -> Response:
        stored = self.workspace.files.get(request.path_params["file"])
        body = await request.body()
        if stored is None or stored.content or not body or len(body) > LARGEST_FILE:
            return PlainTextResponse("The file is unknown, here already, empty or too large.", status_code=400)
        stored.content = body
        return PlainTextResponse(f"OK - {len(body)}")

    async def _respond(self, request: Request) -> Response:
        body = await request.json()
        taken = await run_in_threadpool(self.actors.respond, request.path_params["token"], body)
        return JSONResponse({"ok": True} if taken else {"ok": False, "error": "used_url"}, 200 if taken else 404)


def read_arguments(body: bytes, headers: Mapping[str, str], query: Mapping[str, str]) -> tuple[Json, str]:
    """Read a call's arguments from JSON, form or query, and its bearer token."""
    given: Json = dict(query)
    if "json" in headers.get("content-type", ""):
        with suppress(ValueError):
            given |= json.loads(body or b"{}")
    else:
        given |= {name: values[-1] for name, values in parse_qs(body.decode("utf-8", "replace")).items()}
    kind, _, token = headers.get("authorization", "").partition(" ")
    return given, token.strip() if kind.lower() == "bearer" else str(given.pop("token", ""))


def furnish(clock: Clock, *, name: str = "Muster") -> Workspace:
    """Make a workspace with the people of the local one, the bot among them."""
    workspace = Workspace(clock, name=name)
    workspace.add_user("U1", "ada", "Ada Marsh")
    workspace.add_user("U2", "bo", "Bo Lindqvist")
    workspace.add_user("U3", "cy", "Cy Okafor")
    workspace.add_user("UBOT", "muster", "Muster", is_bot=True)
    workspace.add_user("U9", "guest", "Gus (guest)", restricted=True)
    workspace.add_channel("general", "U1", members=["U2", "U3", "U9", "UBOT"])
    return workspace
