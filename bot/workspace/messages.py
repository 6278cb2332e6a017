"""`chat.*`, `pins.*`, `reactions.*`, files and views: what the bot says and shows."""

from typing import Any
from uuid import uuid4

from bot.workspace.blockkit import VISIBLE_TEXT, message_problems, view_problems, visible_text, with_ids
from bot.workspace.methods import Arguments, Caller, method
from bot.workspace.state import Channel, Json, OpenModal, SlackError, StoredFile

LONGEST_TEXT, LONGEST_EDIT = 40_000, 4_000
MODALS = 3


@method("chat.postMessage")
def _post(caller: Caller, arguments: Arguments) -> Json:
    channel = _place(caller, arguments.text("channel"))
    blocks = _blocks(arguments)
    text = arguments.text("text", "")[:LONGEST_TEXT]
    if not text and not blocks:
        raise SlackError("no_text")
    thread = arguments.text("thread_ts", "") or None
    if thread and not any(message["ts"] == thread for message in channel.messages):
        raise SlackError("thread_not_found")
    message = caller.workspace.post(
        channel,
        caller.user,
        text,
        bot_id=f"B{caller.user[1:]}",
        blocks=blocks,
        metadata=_metadata(arguments),
        thread_ts=thread,
    )
    return {"ts": message["ts"], "channel": channel.id, "message": message}


def _place(caller: Caller, name: str) -> Channel:
    if name[:1] in {"U", "W"}:
        return caller.workspace.direct(name, caller.user)
    channel = caller.workspace.channel(name)
    if caller.user not in channel.members:
        raise SlackError("not_in_channel")
    return channel


def _blocks(arguments: Arguments) -> list[Json]:
    blocks = arguments.structure("blocks") or []
    problems = message_problems(blocks)
    if problems:
        raise SlackError(
            "invalid_blocks",
            errors=problems,
            response_metadata={"messages": [f"[ERROR] {problem}" for problem in problems]},
        )
    if visible_text(blocks) > VISIBLE_TEXT:
        raise SlackError("msg_blocks_too_long")
    return with_ids(blocks)


def _metadata(arguments: Arguments) -> Json | None:
    found = arguments.structure("metadata")
    if found is None:
        return None
    if not isinstance(found, dict) or not isinstance(found.get("event_payload"), dict) or not found.get("event_type"):
        raise SlackError("invalid_metadata_format")
    return found


@method("chat.update")
def _update(caller: Caller, arguments: Arguments) -> Json:
    channel = _place(caller, arguments.text("channel"))
    message = channel.message(arguments.text("ts"))
    if message["user"] != caller.user:
        raise SlackError("cant_update_message")
    text = arguments.text("text", "")
    if len(text) > LONGEST_EDIT:
        raise SlackError("msg_too_long")
    blocks = _blocks(arguments)
    if not text and not blocks:
        raise SlackError("no_text")
    message |= {"text": text, "blocks": blocks}
    message["edited"] = {"user": caller.user, "ts": caller.workspace.stamp()}
    if (metadata := _metadata(arguments)) is not None:
        message["metadata"] = metadata
    caller.workspace.changed(channel.id)
    return {"ts": message["ts"], "channel": channel.id, "text": text}


@method("chat.delete")
def _delete(caller: Caller, arguments: Arguments) -> Json:
    channel = _place(caller, arguments.text("channel"))
    message = channel.message(arguments.text("ts"))
    if message["user"] != caller.user:
        raise SlackError("cant_delete_message")
    channel.messages.remove(message)
    caller.workspace.changed(channel.id)
    return {"ts": message["ts"], "channel": channel.id}


@method("chat.postEphemeral")
def _whisper(caller: Caller, arguments: Arguments) -> Json:
    channel = _place(caller, arguments.text("channel"))
    user = arguments.text("user")
    if user not in channel.members and channel.kind != "public":
        raise SlackError("user_not_in_channel")
    text, thread = arguments.text("text", ""), arguments.text("thread_ts", "") or None
    ts = caller.workspace.whisper(channel.id, user, text, _blocks(arguments), thread)
    return {"message_ts": ts}


@method("pins.add")
def _pin(caller: Caller, arguments: Arguments) -> None:
    channel = _place(caller, arguments.text("channel"))
    ts = channel.message(arguments.text("timestamp"))["ts"]
    if ts in channel.pins:
        raise SlackError("already_pinned")
    channel.pins.append(ts)
    caller.workspace.changed(channel.id)


@method("pins.remove")
def _unpin(caller: Caller, arguments: Arguments) -> None:
    channel = _place(caller, arguments.text("channel"))
    ts = arguments.text("timestamp")
    if ts not in channel.pins:
        raise SlackError("no_pin")
    channel.pins.remove(ts)
    caller.workspace.changed(channel.id)


@method("pins.list")
def _pins(caller: Caller, arguments: Arguments) -> Json:
    channel = _place(caller, arguments.text("channel"))
    return {"items": [{"type": "message", "message": channel.message(ts)} for ts in channel.pins]}


@method("reactions.add")
def _react(caller: Caller, arguments: Arguments) -> None:
    channel = _place(caller, arguments.text("channel"))
    react(channel.message(arguments.text("timestamp")), arguments.text("name"), caller.user)
    caller.workspace.changed(channel.id)


def react(message: Json, name: str, user: str) -> None:
    reactions: list[Json] = message.setdefault("reactions", [])
    for one in reactions:
        if one["name"] == name:
            if user in one["users"]:
                raise SlackError("already_reacted")
            one["users"].append(user)
            one["count"] += 1
            return
    reactions.append({"name": name, "users": [user], "count": 1})


# files, in Slack's three steps: an address, the bytes, and where they are shown


@method("files.getUploadURLExternal")
def _address(caller: Caller, arguments: Arguments) -> Json:
    name = arguments.text("filename")
    arguments.number("length", 0, most=1 << 30)
    stored = caller.workspace.add_file(name, name, b"", caller.user, arguments.text("alt_txt", ""))
    return {"upload_url": f"{caller.base_url()}upload/{stored.id}", "file_id": stored.id}


@method("files.completeUploadExternal")
def _share(caller: Caller, arguments: Arguments) -> Json:
    wanted = arguments.structure("files") or []
    files = [_stored(caller, one) for one in wanted]
    place = arguments.text("channel_id", "")
    if place:
        channel = _place(caller, place)
        thread = arguments.text("thread_ts", "") or None
        comment = arguments.text("initial_comment", "")
        ids = [file.id for file in files]
        caller.workspace.post(
            channel,
            caller.user,
            comment,
            bot_id=f"B{caller.user[1:]}",
            files=[file_shown(caller, file) for file in files],
            thread_ts=thread,
        )
        for number in ids:
            caller.workspace.files[number].channels.add(channel.id)
    return {"files": [file_shown(caller, file) for file in files]}


def _stored(caller: Caller, wanted: Any) -> StoredFile:  # noqa: ANN401
    found = caller.workspace.files.get(str(wanted.get("id"))) if isinstance(wanted, dict) else None
    if found is None or not found.content:
        raise SlackError("file_not_found")
    found.title = str(wanted.get("title") or found.name)
    return found


@method("files.info")
def _file(caller: Caller, arguments: Arguments) -> Json:
    found = caller.workspace.files.get(arguments.text("file"))
    if found is None:
        raise SlackError("file_not_found")
    shares: Json = {}
    for number in found.channels:
        channel = caller.workspace.channels[number]
        stamps = [
            {"ts": message["ts"], "thread_ts": message.get("thread_ts")}
            for message in channel.messages
            if any(file["id"] == found.id for file in message.get("files", []))
        ]
        if stamps:
            shares[number] = stamps
    return {"file": {**file_shown(caller, found), "channels": sorted(found.channels), "shares": {"public": shares}}}


def file_shown(caller: Caller, stored: StoredFile) -> Json:
    kind = stored.name.rpartition(".")[2].lower()
    return {
        "id": stored.id,
        "name": stored.name,
        "title": stored.title,
        "filetype": kind,
        "mimetype": {"png": "image/png", "html": "text/html", "json": "application/json"}.get(kind, "text/plain"),
        "size": len(stored.content),
        "alt_txt": stored.alt,
        "user": stored.user,
        "url_private": f"{caller.base_url()}files/{stored.id}/{stored.name}",
    }


@method("bookmarks.add")
def _bookmark(caller: Caller, arguments: Arguments) -> Json:
    channel = _place(caller, arguments.text("channel_id"))
    return {"bookmark": {"id": uuid4().hex, "channel_id": channel.id, "title": arguments.text("title")}}


# modals


@method("views.open")
def _open(caller: Caller, arguments: Arguments) -> Json:
    view = checked_view(arguments)
    return {"view": view_shown(caller.workspace.open_modal(caller.trigger(arguments.text("trigger_id")), view))}


@method("views.push")
def _push(caller: Caller, arguments: Arguments) -> Json:
    view = checked_view(arguments)
    user = caller.trigger(arguments.text("trigger_id"))
    if len(caller.workspace.modals.get(user, [])) >= MODALS:
        raise SlackError("push_limit_reached")
    return {"view": view_shown(caller.workspace.open_modal(user, view))}


@method("views.update")
def _replace(caller: Caller, arguments: Arguments) -> Json:
    view = checked_view(arguments)
    modal = caller.workspace.modal(arguments.text("view_id"))
    known = arguments.text("hash", "")
    if known and known != modal.hash:
        raise SlackError("hash_conflict")
    caller.workspace.replace_modal(modal, view)
    return {"view": view_shown(modal)}


@method("views.publish")
def _publish(caller: Caller, arguments: Arguments) -> Json:
    view = checked_view(arguments)
    user = caller.workspace.user(arguments.text("user_id"))
    caller.workspace.homes[user.id] = view
    caller.workspace.changed(f"user:{user.id}")
    return {"view": {**view, "id": f"VH{user.id}"}}


def checked_view(arguments: Arguments) -> Json:
    view = arguments.structure("view")
    return acceptable(view)


def acceptable(view: Any) -> Json:  # noqa: ANN401
    problems = view_problems(view)
    if problems:
        messages = [f"[ERROR] {problem}" for problem in problems]
        raise SlackError("invalid_arguments", response_metadata={"messages": messages})
    return {**view, "blocks": with_ids(view["blocks"])}


def view_shown(modal: OpenModal) -> Json:
    return {**modal.view, "id": modal.id, "hash": modal.hash, "root_view_id": modal.id}


@method("apps.connections.open")
def _socket(caller: Caller, _arguments: Arguments) -> Json:
    return {"url": caller.socket_url()}
