"""`files.*`, in Slack's three steps: an address, the bytes, and where they are shown."""

import mimetypes
from typing import Any

from bot.workspace import events
from bot.workspace.messages import thread_of
from bot.workspace.methods import Arguments, Caller, method
from bot.workspace.state import Json, SlackError, StoredFile

LONGEST_ALT = 1000


@method("files.getUploadURLExternal", "filename", "length")
def _address(caller: Caller, arguments: Arguments) -> Json:
    name, alt = arguments.text("filename"), arguments.text("alt_txt")
    if arguments.text("length") == "0":
        raise SlackError("missing_argument")
    arguments.number("length", 1, most=1 << 30)
    if len(alt) > LONGEST_ALT:
        raise SlackError("alt_txt_too_long")
    stored = caller.workspace.add_file(name, name, b"", caller.user, alt)
    return {"upload_url": f"{caller.base_url()}upload/{stored.ticket}", "file_id": stored.id}


@method("files.completeUploadExternal", "files")
def _share(caller: Caller, arguments: Arguments) -> Json:
    wanted = arguments.structure("files")
    if not isinstance(wanted, list) or not wanted:
        raise SlackError("invalid_arguments")
    place = arguments.text("channel_id")
    channel = caller.inside(place) if place else None
    files = [_uploaded(caller, one) for one in wanted]
    if channel is not None:
        message = caller.workspace.post(
            channel,
            caller.user,
            arguments.text("initial_comment"),
            **caller.speaks(),
            files=[shown(caller, file) for file in files],
            thread_ts=thread_of(channel, arguments),
        )
        for file in files:
            file.channels.add(channel.id)
        caller.happened({**events.posted(channel, message), "subtype": "file_share"})
    return {"files": [shown(caller, file) for file in files]}


def _uploaded(caller: Caller, wanted: Any) -> StoredFile:  # noqa: ANN401
    found = caller.workspace.files.get(str(wanted.get("id"))) if isinstance(wanted, dict) else None
    if found is None or not found.content:
        raise SlackError("file_not_found")
    found.title = str(wanted.get("title") or found.name)
    return found


@method("files.info", "file")
def _info(caller: Caller, arguments: Arguments) -> Json:
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
            shares.setdefault("public" if channel.kind == "public" else "private", {})[number] = stamps
    return {"file": {**shown(caller, found), "channels": sorted(found.channels), "shares": shares}}


def shown(caller: Caller, stored: StoredFile) -> Json:
    return {
        "id": stored.id,
        "name": stored.name,
        "title": stored.title,
        "filetype": stored.name.rpartition(".")[2].lower(),
        "mimetype": mimetypes.guess_type(stored.name)[0] or "application/octet-stream",
        "size": len(stored.content),
        "alt_txt": stored.alt,
        "user": stored.user,
        "url_private": f"{caller.base_url()}files/{stored.id}/{stored.name}",
    }
