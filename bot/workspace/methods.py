"""The Web API: a table of methods, each a function of the workspace, the caller and its arguments."""

import base64
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bot.workspace.state import APP, Channel, Json, SlackError, Workspace

Method = Callable[["Caller", "Arguments"], Mapping[str, Any] | None]
METHODS: dict[str, tuple[Method, tuple[str, ...]]] = {}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: the bot of this token, in this workspace.

    trigger: turns a trigger id into the person it is of. happened: tells the app of an event.
    """

    workspace: Workspace
    user: str
    trigger: Callable[[str], str]
    socket_url: Callable[[], str]
    base_url: Callable[[], str]
    happened: Callable[[Json], None]
    app: str = APP

    @property
    def bot_id(self) -> str:
        return f"B{self.user[1:]}"

    def channel(self, channel_id: str, *, archived: bool = False) -> Channel:
        """Return a channel that the bot may know of."""
        found = self.workspace.channel(channel_id, archived=True)
        if found.kind != "public" and self.user not in found.members:
            raise SlackError("channel_not_found")
        return self.workspace.channel(channel_id, archived=archived)

    def inside(self, channel_id: str, *, archived: bool = False) -> Channel:
        """Return a channel that the bot is in."""
        found = self.channel(channel_id, archived=archived)
        if self.user not in found.members:
            raise SlackError("not_in_channel")
        return found

    def speaks(self) -> Json:
        """Say whose a message is, as the bot's messages do."""
        return {"bot_id": self.bot_id, "app_id": self.app}


@dataclass(frozen=True, slots=True)
class Arguments:
    """Arguments as sent by form or JSON; lists and objects may come as JSON text."""

    given: Mapping[str, Any]

    def text(self, name: str, default: str = "") -> str:
        value = self.given.get(name)
        if isinstance(value, (list, dict)):
            raise SlackError("invalid_array_arg")
        return default if value is None or value == "" else str(value)

    def flag(self, name: str) -> bool:
        return str(self.given.get(name, "")).lower() in {"1", "true"}

    def number(self, name: str, default: int, *, most: int) -> int:
        try:
            return max(1, min(most, int(self.given.get(name) or default)))
        except (TypeError, ValueError):
            raise SlackError("invalid_arguments", **problems([f"{name} must be a number"])) from None

    def moment(self, name: str, default: float) -> float:
        try:
            return float(self.text(name) or default)
        except ValueError:
            raise SlackError(f"invalid_ts_{name}") from None

    def structure(self, name: str) -> Any:  # noqa: ANN401
        value = self.given.get(name)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value) if value else None
        except ValueError:
            raise SlackError("invalid_blocks_format" if name == "blocks" else "invalid_arguments") from None


def problems(found: Sequence[str]) -> Json:
    """Return the details of a refusal, as Slack adds them to its answer."""
    return {"response_metadata": {"messages": [f"[ERROR] {problem}" for problem in found]}}


def method(name: str, *required: str) -> Callable[[Method], Method]:
    def keep(run: Method) -> Method:
        METHODS[name] = (run, required)
        return run

    return keep


def call(name: str, caller: Caller, given: Mapping[str, Any]) -> Json:
    """Run one method; a refusal is an answer like any other."""
    run, required = METHODS.get(name, (None, ()))
    if run is None:
        return {"ok": False, "error": "unknown_method", "req_method": name}
    if lacking := [one for one in required if given.get(one) in (None, "")]:
        more = problems([f"missing required field: {one}" for one in lacking])
        return {"ok": False, "error": "invalid_arguments", **more}
    try:
        with caller.workspace.lock:
            return {"ok": True, **(run(caller, Arguments(given)) or {})}
    except SlackError as error:
        return {"ok": False, "error": error.code, **error.more}


def page_of(found: Sequence[Any], arguments: Arguments, name: str, *, limit: int = 100, most: int = 1000) -> Json:
    """Cut a list into Slack's pages: an opaque cursor, empty at the end."""
    size = arguments.number("limit", limit, most=most)
    start = _start(arguments.text("cursor"))
    more = start + size < len(found)
    following = base64.b64encode(f"next:{start + size}".encode()).decode() if more else ""
    return {name: found[start : start + size], "response_metadata": {"next_cursor": following}}


def _start(cursor: str) -> int:
    if not cursor:
        return 0
    try:
        word, _, place = base64.b64decode(cursor, validate=True).decode().partition(":")
    except ValueError:
        raise SlackError("invalid_cursor") from None
    if word != "next" or not place.isdecimal():
        raise SlackError("invalid_cursor")
    return int(place)
