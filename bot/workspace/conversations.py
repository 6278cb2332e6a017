"""`conversations.*`: places, who is in them, and what was said there."""

import re
from collections.abc import Iterable

from bot.workspace import events
from bot.workspace.methods import Arguments, Caller, method, page_of
from bot.workspace.state import Channel, Json, SlackError

_NAME = re.compile(r"[\w-]+")
LONGEST_NAME, LONGEST_TOPIC, MOST_INVITED, MOST_IN_DIRECT = 80, 250, 100, 8
KINDS = {"public_channel": "public", "private_channel": "private", "im": "im", "mpim": "mpim"}


@method("conversations.create")
def _create(caller: Caller, arguments: Arguments) -> Json:
    kind = "private" if arguments.flag("is_private") else "public"
    channel = caller.workspace.add_channel(_name(arguments), caller.user, kind=kind)
    _tell(caller, "channel_created", channel)
    return {"channel": shown(caller, channel)}


@method("conversations.rename", "channel")
def _rename(caller: Caller, arguments: Arguments) -> Json:
    channel, name = caller.inside(arguments.text("channel")), _name(arguments)
    if any(other.name == name and other.id != channel.id for other in caller.workspace.channels.values()):
        raise SlackError("name_taken")
    channel.name = name
    caller.workspace.changed("channels")
    _tell(caller, "channel_rename", channel)
    return {"channel": shown(caller, channel)}


def _name(arguments: Arguments) -> str:
    name = arguments.text("name")
    if not name:
        raise SlackError("invalid_name_required")
    if len(name) > LONGEST_NAME:
        raise SlackError("invalid_name_maxlength")
    if not _NAME.fullmatch(name) or name != name.lower():
        raise SlackError("invalid_name_specials")
    if not name.strip("-_"):
        raise SlackError("invalid_name_punctuation")
    return name


def shown(caller: Caller, channel: Channel) -> Json:
    return {
        "id": channel.id,
        "name": channel.name,
        "name_normalized": channel.name,
        "creator": channel.creator,
        "created": int(channel.created),
        "is_channel": channel.kind == "public",
        "is_group": channel.kind == "private",
        "is_im": channel.kind == "im",
        "is_private": channel.kind != "public",
        "is_archived": channel.archived,
        "is_general": channel.name == "general",
        "is_member": caller.user in channel.members,
        "num_members": len(channel.members),
        "topic": {"value": channel.topic},
        "purpose": {"value": channel.purpose},
    }


@method("conversations.list")
def _list(caller: Caller, arguments: Arguments) -> Json:
    wanted = arguments.text("types", "public_channel").split(",")
    if not set(wanted) <= set(KINDS):
        raise SlackError("invalid_types")
    kinds = {KINDS[one] for one in wanted}
    found = [
        shown(caller, channel)
        for channel in caller.workspace.channels.values()
        if channel.kind in kinds
        and (channel.kind == "public" or caller.user in channel.members)
        and not (channel.archived and arguments.flag("exclude_archived"))
    ]
    return page_of(found, arguments, "channels")


@method("conversations.info", "channel")
def _info(caller: Caller, arguments: Arguments) -> Json:
    return {"channel": shown(caller, caller.channel(arguments.text("channel"), archived=True))}


@method("conversations.members", "channel")
def _members(caller: Caller, arguments: Arguments) -> Json:
    channel = caller.channel(arguments.text("channel"), archived=True)
    return page_of(sorted(channel.members), arguments, "members")


@method("conversations.join", "channel")
def _join(caller: Caller, arguments: Arguments) -> Json:
    channel = caller.channel(arguments.text("channel"))
    if channel.kind != "public":
        raise SlackError("method_not_supported_for_channel_type")
    if caller.user in channel.members:
        more = {"warnings": ["already_in_channel"]}
        return {"channel": shown(caller, channel), "warning": "already_in_channel", "response_metadata": more}
    _enter(caller, channel, caller.user)
    return {"channel": shown(caller, channel)}


@method("conversations.leave", "channel")
def _leave(caller: Caller, arguments: Arguments) -> Json:
    channel = caller.channel(arguments.text("channel"))
    if caller.user not in channel.members:
        return {"not_in_channel": True}
    _out(caller, channel, caller.user)
    return {}


@method("conversations.kick", "channel", "user")
def _kick(caller: Caller, arguments: Arguments) -> None:
    channel, user = caller.inside(arguments.text("channel")), arguments.text("user")
    if user == caller.user:
        raise SlackError("cant_kick_self")
    if caller.workspace.user(user).id not in channel.members:
        raise SlackError("not_in_channel")
    _out(caller, channel, user)


@method("conversations.open")
def _open(caller: Caller, arguments: Arguments) -> Json:
    known = arguments.text("channel")
    if known:
        return {"channel": {"id": caller.inside(known).id}, "no_op": True, "already_open": True}
    users = [user for user in arguments.text("users").split(",") if user]
    if not users:
        raise SlackError("users_list_not_supplied")
    if len(users) > MOST_IN_DIRECT:
        raise SlackError("too_many_users")
    if len(users) > 1:
        raise SlackError("method_not_supported_for_channel_type")
    if caller.workspace.user(users[0]).deleted:
        raise SlackError("user_disabled")
    return {"channel": {"id": caller.workspace.direct(users[0], caller.user).id}}


@method("conversations.invite", "channel", "users")
def _invite(caller: Caller, arguments: Arguments) -> Json:
    channel = caller.inside(arguments.text("channel"))
    wanted = list(dict.fromkeys(arguments.text("users").split(",")))
    if len(wanted) > MOST_INVITED:
        raise SlackError("too_many_users")
    refused = {user: problem for user in wanted if (problem := _not_invited(caller, channel, user))}
    welcome = [user for user in wanted if user not in refused and user not in channel.members]
    if refused and not (arguments.flag("force") and welcome):
        errors = [{"user": user, "ok": False, "error": problem} for user, problem in refused.items()]
        raise SlackError(next(iter(refused.values())), errors=errors)
    if not welcome:
        raise SlackError("already_in_channel")
    for user in welcome:
        _enter(caller, channel, user)
    return {"channel": shown(caller, channel)}


def _not_invited(caller: Caller, channel: Channel, user: str) -> str | None:
    person = caller.workspace.users.get(user)
    if person is None or person.deleted:
        return "user_not_found"
    if user == caller.user:
        return "cant_invite_self"
    return "method_not_supported_for_channel_type" if channel.kind == "im" else None


def _enter(caller: Caller, channel: Channel, user: str) -> None:
    workspace = caller.workspace
    channel.members.add(user)
    invited = user != caller.user
    words = f"<@{user}> was added by <@{caller.user}>" if invited else f"<@{user}> has joined the channel"
    message = workspace.post(channel, user, words, subtype="channel_join", inviter=caller.user if invited else None)
    inviter = caller.user if invited else None
    caller.happened(events.joined(channel, user, workspace.team_id, workspace.stamp(), inviter=inviter))
    caller.happened(events.posted(channel, message))


def _out(caller: Caller, channel: Channel, user: str) -> None:
    channel.members.discard(user)
    caller.workspace.changed(channel.id)
    caller.happened(events.left(channel, user, caller.workspace.team_id, caller.workspace.stamp()))


@method("conversations.setTopic", "channel")
def _topic(caller: Caller, arguments: Arguments) -> Json:
    channel = caller.inside(arguments.text("channel"))
    channel.topic = _short(arguments, "topic")
    caller.workspace.changed(channel.id)
    return {"channel": shown(caller, channel), "topic": channel.topic}


@method("conversations.setPurpose", "channel")
def _purpose(caller: Caller, arguments: Arguments) -> Json:
    channel = caller.inside(arguments.text("channel"))
    channel.purpose = _short(arguments, "purpose")
    caller.workspace.changed(channel.id)
    return {"channel": shown(caller, channel), "purpose": channel.purpose}


def _short(arguments: Arguments, name: str) -> str:
    text = arguments.text(name)
    if len(text) > LONGEST_TOPIC:
        raise SlackError("too_long")
    return text


@method("conversations.archive", "channel")
def _archive(caller: Caller, arguments: Arguments) -> None:
    channel = caller.inside(arguments.text("channel"), archived=True)
    if channel.archived:
        raise SlackError("already_archived")
    if channel.name == "general":
        raise SlackError("cant_archive_general")
    channel.archived = True
    caller.workspace.changed("channels")
    _tell(caller, "channel_archive", channel)


@method("conversations.unarchive", "channel")
def _unarchive(caller: Caller, arguments: Arguments) -> None:
    channel = caller.channel(arguments.text("channel"), archived=True)
    if not channel.archived:
        raise SlackError("not_archived")
    channel.archived = False
    caller.workspace.changed("channels")
    _tell(caller, "channel_unarchive", channel)


@method("conversations.history", "channel")
def _history(caller: Caller, arguments: Arguments) -> Json:
    channel = caller.inside(arguments.text("channel"), archived=True)
    return _messages(caller.workspace.top_level(channel)[::-1], arguments, most=999)


@method("conversations.replies", "channel", "ts")
def _replies(caller: Caller, arguments: Arguments) -> Json:
    channel = caller.inside(arguments.text("channel"), archived=True)
    found = caller.workspace.replies(channel, arguments.text("ts"))
    if not found:
        raise SlackError("thread_not_found")
    return _messages(found, arguments, most=1000)


def _messages(found: Iterable[Json], arguments: Arguments, *, most: int) -> Json:
    oldest, latest = arguments.moment("oldest", 0), arguments.moment("latest", float("inf"))
    ends = {oldest, latest} if arguments.flag("inclusive") else set()
    inside = [one for one in found if oldest < float(one["ts"]) < latest or float(one["ts"]) in ends]
    hidden = () if arguments.flag("include_all_metadata") else ("metadata",)
    bare = [{name: value for name, value in one.items() if name not in hidden} for one in inside]
    page = page_of(bare, arguments, "messages", most=most)
    return {**page, "has_more": bool(page["response_metadata"]["next_cursor"])}


def _tell(caller: Caller, kind: str, channel: Channel) -> None:
    caller.happened(events.about_channel(kind, channel, caller.user, caller.workspace.stamp()))
