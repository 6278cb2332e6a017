"""The workspace on loopback: Slack's Web API for the app, and a page for people."""

import threading
import time
from collections.abc import Mapping
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.routing import BaseRoute, WebSocketRoute

from bot.core.clock import Clock
from bot.workspace import conversations, files, messages, methods, pages, users, views
from bot.workspace.actors import Actors
from bot.workspace.apps import HttpApp, Installed
from bot.workspace.dispatch import Dispatcher
from bot.workspace.faults import Faults
from bot.workspace.pages import Commands
from bot.workspace.sockets import SocketDoor
from bot.workspace.state import APP, Json, User, Workspace
from bot.workspace.stream import Streams
from bot.workspace.webapi import WebApi

LOOPBACK = ("127.0.0.1", "localhost")
_METHOD_ROOMS = (conversations, files, messages, users, views)


class LocalWorkspace:
    """A workspace with its server, in a thread of its own. Closed to other machines on purpose: it has no log-in.

    app: where signed requests of the workspace go when no socket is connected.
    dispatcher: who sends them, in place of one of its own. faults: what goes wrong with calls, and their ledger.
    commands: each slash command as typed (`/incident ack`), its hint and its summary, for the page's completion.
    """

    def __init__(
        self,
        workspace: Workspace,
        *,
        bot: str,
        bot_token: str,
        app_token: str = "xapp-local",  # noqa: S107
        host: str = LOOPBACK[0],
        port: int = 0,
        app: HttpApp | None = None,
        dispatcher: Dispatcher | None = None,
        faults: Faults | None = None,
        commands: Commands = tuple,
    ) -> None:
        if host not in LOOPBACK:
            raise ValueError(f"The local workspace has no log-in: it listens on {LOOPBACK[0]} alone, not on {host}.")
        self.workspace = workspace
        self.bot = bot
        self.dispatcher = dispatcher or Dispatcher(workspace.clock, app)
        self.actors = Actors(workspace, self.dispatcher, bot=bot)
        self.sockets = SocketDoor(self.dispatcher)
        self.streams = Streams(workspace)
        self.commands = commands
        self._api = WebApi(
            workspace,
            bot_token=bot_token,
            app_token=app_token,
            call=self.call,
            others=self.dispatcher.others,
            respond=self.actors.respond,
            cut=self._cut,
            faults=faults,
        )
        self._config = uvicorn.Config(
            Starlette(routes=self._routes(), middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=LOOPBACK)]),
            host=LOOPBACK[0],
            port=port,
            log_level="warning",
            server_header=False,
            timeout_graceful_shutdown=2,
            ws="websockets-sansio",
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
        self._end().join(10)
        self.dispatcher.stop()

    def _end(self) -> threading.Thread:
        """Tell the server to end; returns its thread, which takes some tenths of a second more."""
        self.streams.close()
        self.sockets.disconnect("link_disabled")
        self._server.should_exit = True
        return self._thread

    def install(self, app: Installed, name: str, real_name: str) -> User:
        """Add an app beside the first one: its bot, its token, where it takes requests, its slash commands."""
        self.dispatcher.others[app.id] = app
        return self.workspace.add_user(app.bot, name, real_name, is_bot=True, app=app.id)

    def call(self, method: str, arguments: Mapping[str, Any], app: str = APP) -> Json:
        """Run one method of the Web API as the bot of an app, without a request."""
        caller = methods.Caller(
            self.workspace,
            self.dispatcher.others[app].bot if app in self.dispatcher.others else self.bot,
            trigger=self.actors.trigger,
            socket_url=lambda: f"{self.url.replace('http', 'ws', 1)}/link?ticket={self.sockets.ticket()}",
            base_url=lambda: f"{self.url}/",
            happened=self.actors.happened,
            app=app,
        )
        return methods.call(method, caller, arguments)

    def _routes(self) -> list[BaseRoute]:
        return [
            *self._api.routes(),
            WebSocketRoute("/link", self.sockets.serve),
            *pages.routes(self.workspace, self.actors, commands=self._typed, streams=self.streams),
        ]

    def _typed(self) -> list[tuple[str, str, str]]:
        return [*self.commands(), *(one for app in self.dispatcher.others.values() for one in app.commands)]

    def _cut(self, request: Request) -> None:
        for connection in list(self._server.server_state.connections):
            if getattr(connection, "client", None) == request.scope["client"]:
                connection.transport.abort()


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
