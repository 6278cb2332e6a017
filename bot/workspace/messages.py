"""`chat.*`, `pins.*`, `reactions.*`, `bookmarks.*`: what the bot says and marks."""

from typing import Any

from bot.workspace import events
from bot.workspace.blockkit import VISIBLE_TEXT, message_problems, visible_text, with_ids
from bot.workspace.methods import Arguments, Caller, method, page_of, problems
from bot.workspace.state import Channel, Json, SlackError, Workspace

LONGEST_TEXT, LONGEST_EDIT, MOST_PINS, MOST_BOOKMARKS = 40_000, 4_000, 100, 100


@method("chat.postMessage", "channel")
def _post(caller: Caller, arguments: Arguments) -> Json:
    channel = _place(caller, arguments)
    text, blocks = _said(caller, arguments)
    message = caller.workspace.post(
        channel,
        caller.user,
        text[:LONGEST_TEXT],
        **caller.speaks(),
        blocks=blocks,
        metadata=_metadata(arguments),
        thread_ts=thread_of(channel, arguments),
    )
    caller.happened(events.posted(channel, message))
    warned = {"warning": "message_truncated"} if len(text) > LONGEST_TEXT else {}
    return {"ts": message["ts"], "channel": channel.id, "message": message, **warned}


def _place(caller: Caller, arguments: Arguments) -> Channel:
    """Return where to: a channel the bot is in, or the direct conversation with a person."""
    name = arguments.text("channel")
    if name[:1] in {"U", "W"}:
        if name not in caller.workspace.users:
            raise SlackError("channel_not_found")
        return caller.workspace.direct(name, caller.user)
    return caller.inside(name)


def thread_of(channel: Channel, arguments: Arguments) -> str | None:
    """Return the thread that is meant; who answers a reply answers its thread."""
    wanted = arguments.text("thread_ts")
    if not wanted:
        return None
    found = next((message for message in channel.messages if message["ts"] == wanted), None)
    if found is None:
        raise SlackError("thread_not_found")
    return str(found.get("thread_ts", wanted))


def _said(caller: Caller, arguments: Arguments) -> tuple[str, list[Json]]:
    text, blocks = arguments.text("text"), arguments.structure("blocks") or []
    if not text and not blocks:
        raise SlackError("no_text")
    blocks = acceptable_blocks(blocks)
    _files_exist(caller.workspace, blocks)
    return text, blocks


def acceptable_blocks(blocks: Any) -> list[Json]:  # noqa: ANN401
    """Return blocks as Slack keeps them, every part named; raise what it says of bad ones."""
    if not isinstance(blocks, list):
        raise SlackError("invalid_blocks_format")
    _refuse(message_problems(blocks))
    if visible_text(blocks) > VISIBLE_TEXT:
        raise SlackError("msg_blocks_too_long")
    return with_ids(blocks)


def _files_exist(workspace: Workspace, blocks: list[Json]) -> None:
    found = []
    for number, block in enumerate(blocks):
        wanted = (block.get("slack_file") or {}).get("id")
        if wanted and not (wanted in workspace.files and workspace.files[wanted].content):
            found.append(f"invalid slack file [json-pointer:/blocks/{number}/slack_file]")
    _refuse(found)


def _refuse(found: list[str]) -> None:
    if found:
        raise SlackError("invalid_blocks", errors=found, **problems(found))


def _metadata(arguments: Arguments) -> Json | None:
    found = arguments.structure("metadata")
    if found is None:
        return None
    if not isinstance(found, dict) or not isinstance(found.get("event_payload"), dict) or not found.get("event_type"):
        raise SlackError("invalid_metadata_format")
    return found


@method("chat.update", "channel", "ts")
def _update(caller: Caller, arguments: Arguments) -> Json:
    channel = _place(caller, arguments)
    message = _own(channel, arguments, caller, "cant_update_message")
    if len(arguments.text("text")) > LONGEST_EDIT:
        raise SlackError("msg_too_long")
    text, blocks = _said(caller, arguments)
    before, stamp = events.shown(message), caller.workspace.stamp()
    message |= {"text": text, "blocks": blocks, "edited": {"user": caller.user, "ts": stamp}}
    if (metadata := _metadata(arguments)) is not None:
        message["metadata"] = metadata
    caller.workspace.changed(channel.id)
    caller.happened(events.edited(channel, before, message, stamp))
    return {"ts": message["ts"], "channel": channel.id, "text": text, "message": message}


@method("chat.delete", "channel", "ts")
def _delete(caller: Caller, arguments: Arguments) -> Json:
    channel = _place(caller, arguments)
    message = _own(channel, arguments, caller, "cant_delete_message")
    before = events.shown(caller.workspace.remove(channel, message["ts"]))
    caller.happened(events.deleted(channel, before, caller.workspace.stamp()))
    return {"ts": message["ts"], "channel": channel.id}


def _own(channel: Channel, arguments: Arguments, caller: Caller, refusal: str) -> Json:
    message = channel.message(arguments.text("ts"))
    if message["user"] != caller.user or message.get("subtype"):
        raise SlackError(refusal)
    return message


@method("chat.postEphemeral", "channel", "user")
def _whisper(caller: Caller, arguments: Arguments) -> Json:
    channel, user = _place(caller, arguments), arguments.text("user")
    if user not in channel.members:
        raise SlackError("user_not_in_channel")
    text, blocks = _said(caller, arguments)
    thread = thread_of(channel, arguments)
    return {"message_ts": caller.workspace.whisper(channel.id, user, text, blocks, thread, app=caller.app)}


@method("chat.getPermalink", "channel", "message_ts")
def _permalink(caller: Caller, arguments: Arguments) -> Json:
    channel = caller.channel(arguments.text("channel"), archived=True)
    ts = channel.message(arguments.text("message_ts"))["ts"]
    link = f"{caller.base_url()}archives/{channel.id}/p{ts.replace('.', '')}"
    return {"channel": channel.id, "permalink": link}


@method("pins.add", "channel")
def _pin(caller: Caller, arguments: Arguments) -> None:
    channel, message = _item(caller, arguments)
    if message["ts"] in channel.pins:
        raise SlackError("already_pinned")
    if len(channel.pins) >= MOST_PINS:
        raise SlackError("too_many_pins")
    channel.pins.append(message["ts"])
    _marked(caller, channel, message, added=True)


@method("pins.remove", "channel")
def _unpin(caller: Caller, arguments: Arguments) -> None:
    channel, message = _item(caller, arguments)
    if message["ts"] not in channel.pins:
        raise SlackError("no_pin")
    channel.pins.remove(message["ts"])
    _marked(caller, channel, message, added=False)


def _marked(caller: Caller, channel: Channel, message: Json, *, added: bool) -> None:
    caller.workspace.changed(channel.id)
    caller.happened(events.pinned(channel, message, caller.user, caller.workspace.stamp(), added=added))


@method("pins.list", "channel")
def _pins(caller: Caller, arguments: Arguments) -> Json:
    channel = caller.inside(arguments.text("channel"), archived=True)
    return {"items": [{"type": "message", "message": channel.message(ts)} for ts in channel.pins]}


@method("reactions.add", "name", "channel")
def _react(caller: Caller, arguments: Arguments) -> None:
    channel, message = _item(caller, arguments)
    react(message, arguments.text("name"), caller.user)
    _answered(caller, channel, message, arguments.text("name"), added=True)


@method("reactions.remove", "name", "channel")
def _unreact(caller: Caller, arguments: Arguments) -> None:
    channel, message = _item(caller, arguments)
    unreact(message, arguments.text("name"), caller.user)
    _answered(caller, channel, message, arguments.text("name"), added=False)


def _answered(caller: Caller, channel: Channel, message: Json, name: str, *, added: bool) -> None:
    caller.workspace.changed(channel.id)
    caller.happened(events.reacted(channel, message, caller.user, name, caller.workspace.stamp(), added=added))


def _item(caller: Caller, arguments: Arguments) -> tuple[Channel, Json]:
    channel = _place(caller, arguments)
    ts = arguments.text("timestamp")
    if not ts:
        raise SlackError("no_item_specified")
    return channel, channel.message(ts)


def react(message: Json, name: str, user: str) -> None:
    if not name or name != name.strip(": "):
        raise SlackError("invalid_name")
    reactions: list[Json] = message.setdefault("reactions", [])
    for one in reactions:
        if one["name"] == name:
            if user in one["users"]:
                raise SlackError("already_reacted")
            one["users"].append(user)
            one["count"] += 1
            return
    reactions.append({"name": name, "users": [user], "count": 1})


def unreact(message: Json, name: str, user: str) -> None:
    mine = [one for one in message.get("reactions", []) if one["name"] == name and user in one["users"]]
    if not mine:
        raise SlackError("no_reaction")
    mine[0]["users"].remove(user)
    mine[0]["count"] -= 1
    message["reactions"] = [one for one in message["reactions"] if one["count"]]


@method("bookmarks.add", "channel_id", "title", "type")
def _bookmark(caller: Caller, arguments: Arguments) -> Json:
    channel = caller.inside(arguments.text("channel_id"))
    link = arguments.text("link")
    if arguments.text("type") != "link":
        raise SlackError("invalid_bookmark_type")
    if not link.startswith(("http://", "https://")):
        raise SlackError("invalid_link")
    if len(channel.bookmarks) >= MOST_BOOKMARKS:
        raise SlackError("too_many_bookmarks")
    bookmark = {
        "id": f"Bk{caller.workspace.stamp().replace('.', '')}",
        "channel_id": channel.id,
        "title": arguments.text("title"),
        "type": "link",
        "link": link,
        "emoji": arguments.text("emoji"),
    }
    channel.bookmarks.append(bookmark)
    caller.workspace.changed(channel.id)
    return {"bookmark": bookmark}


@method("bookmarks.list", "channel_id")
def _bookmarks(caller: Caller, arguments: Arguments) -> Json:
    return page_of(caller.inside(arguments.text("channel_id"), archived=True).bookmarks, arguments, "bookmarks")
