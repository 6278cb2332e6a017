"""How each form of row reaches Slack, and how an ambiguous one is looked for first."""

from typing import Any, Protocol

from bot.outbox import reconcile
from bot.outbox.kinds import (
    Call,
    CallKind,
    ChannelKind,
    Kind,
    Message,
    MessageKind,
    NewChannel,
    Upload,
    UploadKind,
    Work,
)
from bot.slack.gateway import SlackCallError, SlackGateway
from bot.tables import OutboxRow


class Sending(Protocol):
    """What a route needs of the one who sends."""

    gateway: SlackGateway

    def me(self) -> str: ...

    def keep_progress(self, row: OutboxRow, progress: dict[str, object]) -> None: ...


def deliver(sender: Sending, kind: Kind, row: OutboxRow, work: Any) -> tuple[Any, ...]:  # noqa: ANN401
    """Do the row's one thing; return what its `posted` or `done` wants to know."""
    match kind:
        case MessageKind():
            return _post(sender, row, work)
        case CallKind():
            return (_call(sender, kind, work),)
        case UploadKind():
            return (_upload(sender, row, work),)
        case ChannelKind():
            return _create(sender, row, work)
        case _:
            return (_work(work),)


def _post(sender: Sending, row: OutboxRow, message: Message) -> tuple[str, str]:
    channel = message.channel
    if channel.startswith(("U", "W")):
        channel = str(sender.gateway.call("conversations.open", users=channel)["channel"]["id"])
    if row.ambiguous:
        found = reconcile.find_message(sender.gateway, channel, message.thread_ts, row.key, row.created_at)
        if found is not None:
            return channel, found
    arguments: dict[str, Any] = {
        "channel": channel,
        "text": message.text,
        "thread_ts": message.thread_ts,
        "metadata": reconcile.metadata(row.key),
        "unfurl_links": False,
        "unfurl_media": False,
    }
    blocks = [block.to_dict() for block in message.blocks]
    try:
        answer = sender.gateway.call("chat.postMessage", **arguments, blocks=blocks or None)
    except SlackCallError as error:
        if error.code not in {"invalid_blocks", "msg_blocks_too_long", "invalid_blocks_format"} or not blocks:
            raise
        # A refused block must not lose the words.
        answer = sender.gateway.call("chat.postMessage", **arguments)
    return channel, str(answer["ts"])


def _call(sender: Sending, kind: CallKind, call: Call) -> dict[str, Any]:
    try:
        return sender.gateway.call(call.method, **call.arguments)
    except SlackCallError as error:
        if error.code in kind.tolerated:
            return {}
        raise


def _upload(sender: Sending, row: OutboxRow, upload: Upload) -> str:
    gateway = sender.gateway
    kept = row.progress.get("file_id")
    if kept and reconcile.shared_file(gateway, str(kept), upload.channel):
        return str(kept)
    place = gateway.call(
        "files.getUploadURLExternal",
        filename=upload.filename,
        length=len(upload.content),
        alt_txt=upload.alt_text or None,
    )
    gateway.upload(place["upload_url"], upload.content)
    sender.keep_progress(row, {"file_id": place["file_id"]})
    gateway.call(
        "files.completeUploadExternal",
        files=[{"id": place["file_id"], "title": upload.title}],
        channel_id=upload.channel,
        initial_comment=upload.comment or None,
        thread_ts=upload.thread_ts,
    )
    return str(place["file_id"])


def _create(sender: Sending, row: OutboxRow, wanted: NewChannel) -> tuple[str, str]:
    gateway = sender.gateway
    names = list(wanted.names)
    if row.ambiguous:
        found = reconcile.find_channel(gateway, names, wanted.marker, sender.me(), row.created_at)
        if found is not None:
            return found
    for name in names:
        try:
            channel = gateway.call("conversations.create", name=name)["channel"]
        except SlackCallError as error:
            if error.code != "name_taken":
                raise
            continue
        return str(channel["id"]), str(channel["name"])
    raise SlackCallError("conversations.create", "name_taken", detail=f"all of {len(names)} names are taken")


def _work(work: Work) -> str:
    return work.run()
