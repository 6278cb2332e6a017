"""The events of the Events API, as Slack writes down what happened."""

from copy import deepcopy

from bot.workspace.state import Channel, Json

_KINDS = {"public": "channel", "private": "group", "im": "im"}
_NEVER_SENT = {"reply_count", "reply_users", "latest_reply", "metadata"}


def shown(message: Json) -> Json:
    """Return a message as events and presses carry it: a copy that later changes leave alone."""
    return deepcopy({name: value for name, value in message.items() if name not in _NEVER_SENT})


def posted(channel: Channel, message: Json) -> Json:
    return {**shown(message), "channel": channel.id, "channel_type": kind_of(channel), "event_ts": message["ts"]}


def edited(channel: Channel, before: Json, after: Json, ts: str) -> Json:
    more = {"message": shown(after), "previous_message": before}
    return {**_about(channel, "message_changed", ts), **more}


def deleted(channel: Channel, before: Json, ts: str) -> Json:
    more = {"deleted_ts": before["ts"], "previous_message": before}
    return {**_about(channel, "message_deleted", ts), **more}


def _about(channel: Channel, subtype: str, ts: str) -> Json:
    return {
        "type": "message",
        "subtype": subtype,
        "hidden": True,
        "channel": channel.id,
        "channel_type": kind_of(channel),
        "ts": ts,
        "event_ts": ts,
    }


def pinned(channel: Channel, message: Json, user: str, ts: str, *, added: bool) -> Json:
    return {
        "type": "pin_added" if added else "pin_removed",
        "user": user,
        "channel_id": channel.id,
        "item": {"type": "message", "channel": channel.id, "message": shown(message), "created_by": user},
        "item_user": message["user"],
        "pin_count": len(channel.pins),
        "event_ts": ts,
    }


def reacted(channel: Channel, message: Json, user: str, name: str, ts: str, *, added: bool) -> Json:
    return {
        "type": "reaction_added" if added else "reaction_removed",
        "user": user,
        "reaction": name,
        "item_user": message["user"],
        "item": {"type": "message", "channel": channel.id, "ts": message["ts"]},
        "event_ts": ts,
    }


def joined(channel: Channel, user: str, team: str, ts: str, *, inviter: str | None = None) -> Json:
    letter = "C" if channel.kind == "public" else "G"
    event = {"type": "member_joined_channel", "user": user, "channel": channel.id, "channel_type": letter}
    return {**event, "team": team, "event_ts": ts, **({"inviter": inviter} if inviter else {})}


def left(channel: Channel, user: str, team: str, ts: str) -> Json:
    return {**joined(channel, user, team, ts), "type": "member_left_channel"}


def about_channel(kind: str, channel: Channel, user: str, ts: str) -> Json:
    """Say that a channel was created, renamed or archived: Slack names the channel differently in each."""
    whole = {"id": channel.id, "name": channel.name, "created": int(channel.created), "creator": channel.creator}
    named: object = channel.id if kind in {"channel_archive", "channel_unarchive"} else whole
    return {"type": kind, "channel": named, "user": user, "event_ts": ts}


def home_opened(user: str, channel: Channel, view: Json | None, ts: str) -> Json:
    event = {"type": "app_home_opened", "user": user, "channel": channel.id, "tab": "home", "event_ts": ts}
    return {**event, **({"view": view} if view else {})}


def kind_of(channel: Channel) -> str:
    return _KINDS[channel.kind]


def subscription(event: Json) -> str:
    """Name the subscription that an event comes by: messages have one for each kind of place."""
    if event["type"] != "message":
        return str(event["type"])
    return "message." + {"channel": "channels", "group": "groups"}.get(str(event["channel_type"]), "im")
