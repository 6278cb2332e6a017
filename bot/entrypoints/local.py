"""Everything without Slack: Muster beside a workspace of its own, on this machine alone."""

import secrets
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import SecretStr

from bot.core.clock import Clock
from bot.core.settings import Settings
from bot.entrypoints.wiring import Muster
from bot.outbox.claims import Timing
from bot.slack.app import COMMAND
from bot.workspace.apps import HttpApp
from bot.workspace.keep import Keeper
from bot.workspace.server import LocalWorkspace, furnish

BOT, UNPACED = "UBOT", Timing(paced=False)
PORTS_TRIED = 20


@dataclass(slots=True)
class Typed:
    """What can be typed, for completion; known once Muster is built."""

    muster: Muster | None = None

    def __call__(self) -> Sequence[tuple[str, str, str]]:
        known = self.muster.listeners.subcommands.values() if self.muster else ()
        ordered = sorted(known, key=lambda one: (one.order, one.name))
        return [(f"{COMMAND} {one.name}", one.hint, one.summary) for one in ordered]


@dataclass(slots=True)
class LocalHouse:
    """A workspace, and the settings with which Muster talks to it."""

    workspace: LocalWorkspace
    settings: Settings
    bot_token: str
    keeper: Keeper | None
    typed: Typed

    def stop(self) -> None:
        self.workspace.stop()
        if self.keeper:
            self.keeper.stop()


def move_in(settings: Settings, clock: Clock, *, kept: Path | None) -> LocalHouse:
    """Start a local workspace, and point the settings at it. kept: the file it lives in between two starts."""
    secret, token = secrets.token_hex(16), f"xoxb-local-{secrets.token_hex(12)}"
    port = free_port(settings.port)
    workspace = furnish(clock)
    keeper = Keeper(workspace, kept) if kept else None
    if keeper:
        keeper.load()
        keeper.start()
    app = HttpApp(f"http://127.0.0.1:{port}/slack/events", secret)
    typed = Typed()
    server = LocalWorkspace(workspace, bot=BOT, bot_token=token, app=app, port=free_port(port + 1), commands=typed)
    server.start()
    pointed = {
        "port": port,
        "slack_api_url": server.api_url,
        "slack_signing_secret": SecretStr(secret),
        "slack_app_token": None,
    }
    return LocalHouse(server, settings.model_copy(update=pointed), token, keeper, typed)


def free_port(wanted: int) -> int:
    """Return the port, or the next one that nobody listens on."""
    for port in range(wanted, wanted + PORTS_TRIED):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    return 0
