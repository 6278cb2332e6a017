"""`conversations.*`, `users.*`, `auth.test`: places and people."""

import re
from typing import Any

from bot.workspace.methods import Arguments, Caller, method, page_of
from bot.workspace.state import Channel, Json, SlackError, User

_NAME = re.compile(r"[^\W_A-Z](?:[^\WA-Z]|[-_])*", re.UNICODE)
LONGEST_NAME, LONGEST_TOPIC = 80, 250
SOON = 120


@method("auth.test")
def _auth_test(caller: Caller, _arguments: Arguments) -> Json:
    workspace = caller.workspace
    bot = workspace.user(caller.user)
    return {
        "url": caller.base_url(),
        "team": workspace.name,
        "team_id": workspace.team_id,
        "user": bot.name,
        "user_id": bot.id,
        "bot_id": f"B{bot.id[1:]}",
    }


@method("users.info")
def _users_info(caller: Caller, arguments: Arguments) -> Json:
    return {"user": _person(caller, caller.workspace.user(arguments.text("user")))}


@method("users.list")
def _users_list(caller: Caller, arguments: Arguments) -> Json:
    people = [_person(caller, user) for user in caller.workspace.users.values()]
    return page_of(people, arguments, "members", limit=200)


def _person(caller: Caller, user: User) -> Json:
    return {
        "id": user.id,
        "team_id": caller.workspace.team_id,
        "name": user.name,
        "real_name": user.real_name,
        "tz": user.time_zone,
        "deleted": user.deleted,
        "is_bot": user.is_bot,
        "is_restricted": user.restricted,
        "is_ultra_restricted": False,
        "profile": {"display_name": user.name, "real_name": user.real_name},
    }


@method("usergroups.users.list")
def _group_members(_caller: Caller, _arguments: Arguments) -> Json:
    raise SlackError("no_such_subteam")


@method("conversations.create")
def _create(caller: Caller, arguments: Arguments) -> Json:
    name = arguments.text("name")
    if len(name) > LONGEST_NAME:
        raise SlackError("invalid_name_maxlength")
    if not _NAME.fullmatch(name):
        raise SlackError("invalid_name_specials")
    kind = "private" if arguments.flag("is_private") else "public"
    return {"channel": shown(caller, caller.workspace.add_channel(name, caller.user, kind=kind))}


def shown(caller: Caller, channel: Channel) -> Json:
    return {
        "id": channel.id,
        "name": channel.name,
        "creator": channel.creator,
        "created": int(channel.created),
        "is_channel": channel.kind == "public",
        "is_im": channel.kind == "im",
        "is_private": channel.kind != "public",
        "is_archived": channel.archived,
        "is_member": caller.user in channel.members,
        "num_members": len(channel.members),
        "topic": {"value": channel.topic},
        "purpose": {"value": channel.purpose},
    }


@method("conversations.list")
def _list(caller: Caller, arguments: Arguments) -> Json:
    kinds = arguments.text("types", "public_channel").replace("_channel", "").split(",")
    found = [
        shown(caller, channel)
        for channel in caller.workspace.channels.values()
        if channel.kind in kinds
        and (channel.kind == "public" or caller.user in channel.members)
        and not (channel.archived and arguments.flag("exclude_archived"))
    ]
    return page_of(found, arguments, "channels", limit=100)


@method("conversations.info")
def _info(caller: Caller, arguments: Arguments) -> Json:
    return {"channel": shown(caller, caller.workspace.channel(arguments.text("channel"), archived=True))}


@method("conversations.join")
def _join(caller: Caller, arguments: Arguments) -> Json:
    channel = caller.workspace.channel(arguments.text("channel"))
    if channel.kind != "public":
        raise SlackError("method_not_supported_for_channel_type")
    channel.members.add(caller.user)
    return {"channel": shown(caller, channel)}


@method("conversations.members")
def _members(caller: Caller, arguments: Arguments) -> Json:
    channel = caller.workspace.channel(arguments.text("channel"), archived=True)
    found: list[Any] = sorted(channel.members)
    return page_of(found, arguments, "members", limit=100)


@method("conversations.open")
def _open(caller: Caller, arguments: Arguments) -> Json:
    users = arguments.text("users").split(",")
    if len(users) != 1:
        raise SlackError("method_not_supported_for_channel_type")
    return {"channel": {"id": caller.workspace.direct(users[0], caller.user).id}}


@method("conversations.invite")
def _invite(caller: Caller, arguments: Arguments) -> Json:
    channel = _mine(caller, arguments)
    wanted = arguments.text("users").split(",")
    for user in wanted:
        if user == caller.user:
            raise SlackError("cant_invite_self")
        caller.workspace.user(user)
    if all(user in channel.members for user in wanted):
        raise SlackError("already_in_channel")
    for user in wanted:
        if user not in channel.members:
            channel.members.add(user)
            names = f"<@{user}> was added by <@{caller.user}>"
            caller.workspace.post(channel, user, names, subtype="channel_join")
    return {"channel": shown(caller, channel)}


@method("conversations.setTopic")
def _topic(caller: Caller, arguments: Arguments) -> Json:
    channel = _mine(caller, arguments)
    topic = arguments.text("topic", "")
    if len(topic) > LONGEST_TOPIC:
        raise SlackError("too_long")
    channel.topic = topic
    caller.workspace.changed(channel.id)
    return {"channel": shown(caller, channel)}


@method("conversations.archive")
def _archive(caller: Caller, arguments: Arguments) -> None:
    channel = caller.workspace.channel(arguments.text("channel"), archived=True)
    if channel.archived:
        raise SlackError("already_archived")
    channel.archived = True
    caller.workspace.changed("channels")


@method("conversations.rename")
def _rename(caller: Caller, arguments: Arguments) -> Json:
    channel = _mine(caller, arguments)
    name = arguments.text("name")
    if any(other.name == name and other.id != channel.id for other in caller.workspace.channels.values()):
        raise SlackError("name_taken")
    channel.name = name
    caller.workspace.changed("channels")
    return {"channel": shown(caller, channel)}


@method("conversations.history")
def _history(caller: Caller, arguments: Arguments) -> Json:
    channel = caller.workspace.channel(arguments.text("channel"), archived=True)
    _in(channel, caller)
    return _messages(caller.workspace.top_level(channel)[::-1], arguments)


@method("conversations.replies")
def _replies(caller: Caller, arguments: Arguments) -> Json:
    channel = caller.workspace.channel(arguments.text("channel"), archived=True)
    _in(channel, caller)
    found = caller.workspace.replies(channel, arguments.text("ts"))
    if not found:
        raise SlackError("thread_not_found")
    return _messages(found, arguments)


def _messages(found: list[Json], arguments: Arguments) -> Json:
    oldest, latest = float(arguments.text("oldest", "0")), float(arguments.text("latest", "inf"))
    inside = [message for message in found if oldest <= float(message["ts"]) <= latest]
    hidden = () if arguments.flag("include_all_metadata") else ("metadata",)
    bare = [{name: value for name, value in message.items() if name not in hidden} for message in inside]
    return page_of(bare, arguments, "messages", limit=100)


def _mine(caller: Caller, arguments: Arguments) -> Channel:
    channel = caller.workspace.channel(arguments.text("channel"))
    _in(channel, caller)
    return channel


def _in(channel: Channel, caller: Caller) -> None:
    if caller.user not in channel.members:
        raise SlackError("not_in_channel" if channel.kind == "public" else "channel_not_found")
