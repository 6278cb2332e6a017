"""What a person sees: the control of a label, and a channel's talk as plain text."""

import html
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from bot.workspace.state import Channel, Json, Workspace

_LINK = re.compile(r"<(?P<target>[^<>|]+)(?:\|(?P<label>[^<>]+))?>")


@dataclass(frozen=True, slots=True)
class Control:
    """A button, or one choice of a menu, as it stands in a message."""

    channel: str
    ts: str
    action_id: str
    choice: Json | None = None
    style: str | None = None


def find_control(workspace: Workspace, label: str, channel: str | None = None) -> Control | None:
    """Find what is pressed to do what the label says; the newest message wins."""
    with workspace.lock:
        places = [place for place in workspace.channels.values() if channel in (None, place.id)]
        shown = [(message["ts"], place.id, message) for place in places for message in place.messages]
        for ts, place, message in sorted(shown, key=lambda one: one[0], reverse=True):
            for control in controls(place, ts, message, label):
                return control
    return None


def controls(place: str, ts: str, message: Json, label: str) -> Iterator[Control]:
    for element in elements(message):
        if element.get("type") == "button" and element["text"]["text"] == label:
            yield Control(place, ts, element["action_id"], None, element.get("style"))
        for option in element.get("options", []):
            if option["text"]["text"] == label:
                yield Control(place, ts, element["action_id"], {"selected_option": option})


def elements(message: Json) -> Iterator[Json]:
    for block in message.get("blocks", []):
        yield from block.get("elements", [])
        if block.get("accessory"):
            yield block["accessory"]


def transcript(workspace: Workspace, channel: Channel) -> str:
    """Write a channel as a person would read it aloud: time, who, what; threads indented."""
    lines = [f"#{channel.name} · {plain(workspace, channel.topic)}"]
    with workspace.lock:
        for message in workspace.top_level(channel):
            lines += _said(workspace, message, "")
            for reply in workspace.replies(channel, message["ts"])[1:]:
                lines += _said(workspace, reply, "    ")
    return "\n".join(lines)


def _said(workspace: Workspace, message: Json, indent: str) -> list[str]:
    user = workspace.users.get(message["user"])
    at = datetime.fromtimestamp(float(message["ts"]), UTC)
    body = plain(workspace, text_of(message)).splitlines() or [""]
    pressed = [element["text"]["text"] for element in elements(message) if element.get("type") == "button"]
    files = [f"[{file['name']}: {file.get('alt_txt') or file['title']}]" for file in message.get("files", [])]
    head = f"{indent}{at:%H:%M:%S} {user.real_name if user else message['user']}: "
    rest = [*body[1:], *files, *(["  ".join(f"[ {one} ]" for one in pressed)] if pressed else [])]
    return [head + body[0], *(f"{indent}         {line}" for line in rest)]


def text_of(message: Json) -> str:
    """All that a message's blocks say; its text when it has none."""
    parts = []
    for block in message.get("blocks", []):
        if block.get("text"):
            parts.append(block["text"]["text"])
        parts += [one["text"] for one in block.get("fields", [])]
        if block["type"] == "context":
            parts += [one["text"] for one in block["elements"] if isinstance(one.get("text"), str)]
    return "\n".join(parts) or message.get("text", "")


def plain(workspace: Workspace, text: str) -> str:
    """Take the marks out of mrkdwn."""

    def name(found: re.Match[str]) -> str:
        target, label = found["target"], found["label"]
        if target.startswith("@") and target[1:] in workspace.users:
            return f"@{workspace.users[target[1:]].name}"
        if target.startswith("#") and target[1:] in workspace.channels:
            return f"#{workspace.channels[target[1:]].name}"
        return label or target

    bare = _LINK.sub(name, text).replace("```\n", "").replace("```", "").replace("\u200b", "")
    for mark in (r"\*", "_", "`"):
        bare = re.sub(rf"(?<![\w{mark}]){mark}([^\n]+?){mark}(?![\w{mark}])", r"\1", bare)
    return html.unescape(bare)
