"""The Web API: a table of methods, each a function of the workspace, the caller and its arguments."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.workspace.state import Json, SlackError, Workspace

Method = Callable[["Caller", "Arguments"], Mapping[str, Any] | None]
METHODS: dict[str, Method] = {}


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls: the bot of this token, in this workspace. `trigger`: turns a trigger id into the person it is of."""

    workspace: Workspace
    user: str
    trigger: Callable[[str], str]
    socket_url: Callable[[], str]
    base_url: Callable[[], str]


@dataclass(slots=True)
class Arguments:
    """Arguments as sent by form or JSON; lists and objects may come as JSON text."""

    given: Mapping[str, Any]
    missing: list[str] = field(default_factory=list)

    def text(self, name: str, default: str | None = None) -> str:
        value = self.given.get(name)
        if value is None or value == "":
            if default is None:
                raise SlackError(
                    "invalid_arguments",
                    response_metadata={"messages": [f"[ERROR] missing required field: {name}"]},
                )
            return default
        return str(value)

    def flag(self, name: str) -> bool:
        return str(self.given.get(name, "")).lower() in {"1", "true"}

    def number(self, name: str, default: int, *, most: int) -> int:
        try:
            return max(1, min(most, int(self.given.get(name) or default)))
        except (TypeError, ValueError):
            raise SlackError("invalid_arguments") from None

    def structure(self, name: str) -> Any:  # noqa: ANN401
        value = self.given.get(name)
        if not isinstance(value, str):
            return value
        try:
            return json.loads(value) if value else None
        except ValueError:
            raise SlackError("invalid_json" if name == "view" else f"invalid_{name}") from None


def method(name: str) -> Callable[[Method], Method]:
    def keep(run: Method) -> Method:
        METHODS[name] = run
        return run

    return keep


def call(name: str, caller: Caller, given: Mapping[str, Any]) -> Json:
    """Run one method; a refusal is an answer like any other."""
    run = METHODS.get(name)
    if run is None:
        return {"ok": False, "error": "unknown_method", "req_method": name}
    try:
        with caller.workspace.lock:
            return {"ok": True, **(run(caller, Arguments(given)) or {})}
    except SlackError as error:
        return {"ok": False, "error": error.code, **error.more}


def page_of(found: list[Json], arguments: Arguments, name: str, *, limit: int, most: int = 1000) -> Json:
    """Cut a list into Slack's pages: an opaque cursor, empty at the end."""
    size = arguments.number("limit", limit, most=most)
    cursor = arguments.text("cursor", "")
    try:
        start = int(cursor.removeprefix("next:")) if cursor else 0
    except ValueError:
        raise SlackError("invalid_cursor") from None
    following = f"next:{start + size}" if start + size < len(found) else ""
    return {
        name: found[start : start + size],
        "has_more": bool(following),
        "response_metadata": {"next_cursor": following},
    }
