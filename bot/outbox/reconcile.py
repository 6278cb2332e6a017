"""After an unclear answer: is it there already?"""

from datetime import datetime, timedelta
from typing import Any

from bot.slack.gateway import SlackCallError, SlackGateway

METADATA_TYPE = "muster_message"
_PAGES = 5


def metadata(key: str) -> dict[str, Any]:
    return {"event_type": METADATA_TYPE, "event_payload": {"key": key}}


def find_message(gateway: SlackGateway, channel: str, thread_ts: str | None, key: str, since: datetime) -> str | None:
    """Look for our own message by the key in its metadata; return its ts."""
    method = "conversations.replies" if thread_ts else "conversations.history"
    oldest = f"{(since - timedelta(minutes=1)).timestamp():.6f}"
    cursor = None
    for _ in range(_PAGES):
        answer = gateway.call(
            method,
            channel=channel,
            ts=thread_ts,
            oldest=oldest,
            limit=200,
            include_all_metadata=True,
            cursor=cursor,
        )
        for message in answer.get("messages", []):
            payload = (message.get("metadata") or {}).get("event_payload") or {}
            if payload.get("key") == key:
                return str(message["ts"])
        cursor = (answer.get("response_metadata") or {}).get("next_cursor")
        if not cursor:
            return None
    return None


def find_channel(
    gateway: SlackGateway, names: list[str], marker: str, me: str, since: datetime
) -> tuple[str, str] | None:
    """Look for a channel we created for this incident: by creator, name and age, never by the name alone."""
    cursor = None
    while True:
        answer = gateway.call(
            "conversations.list", types="public_channel", exclude_archived=True, limit=500, cursor=cursor
        )
        for channel in answer.get("channels", []):
            ours = channel.get("creator") == me and channel["name"].startswith(marker)
            recent = float(channel.get("created", 0)) >= (since - timedelta(minutes=1)).timestamp()
            if ours and recent and channel["name"] in names:
                return str(channel["id"]), str(channel["name"])
        cursor = (answer.get("response_metadata") or {}).get("next_cursor")
        if not cursor:
            return None


def shared_file(gateway: SlackGateway, file_id: str, channel: str) -> bool:
    """Tell whether an uploaded file has reached its channel."""
    try:
        file = gateway.call("files.info", file=file_id).get("file", {})
    except SlackCallError as error:
        if error.code == "file_not_found":
            return False
        raise
    shares = file.get("shares") or {}
    places = {place for kind in shares.values() for place in kind}
    return channel in places | set(file.get("channels") or [])
