"""`auth.test`, `users.*`, `usergroups.*` and the socket's address: who is here."""

from bot.workspace.methods import Arguments, Caller, method, page_of
from bot.workspace.state import Json, SlackError, User, UserGroup


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
        "bot_id": caller.bot_id,
        "is_enterprise_install": False,
    }


@method("apps.connections.open")
def _socket(caller: Caller, _arguments: Arguments) -> Json:
    return {"url": caller.socket_url()}


@method("users.info", "user")
def _info(caller: Caller, arguments: Arguments) -> Json:
    return {"user": _person(caller, caller.workspace.user(arguments.text("user")))}


@method("users.list")
def _list(caller: Caller, arguments: Arguments) -> Json:
    return page_of([_person(caller, user) for user in caller.workspace.users.values()], arguments, "members", limit=200)


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


@method("usergroups.list")
def _groups(caller: Caller, arguments: Arguments) -> Json:
    with_users = arguments.flag("include_users")
    return {"usergroups": [_group(group, with_users=with_users) for group in caller.workspace.groups.values()]}


@method("usergroups.users.list", "usergroup")
def _members(caller: Caller, arguments: Arguments) -> Json:
    return {"users": list(_known(caller, arguments).users)}


@method("usergroups.users.update", "usergroup", "users")
def _set_members(caller: Caller, arguments: Arguments) -> Json:
    group = _known(caller, arguments)
    group.users = [caller.workspace.user(one).id for one in arguments.text("users").split(",")]
    return {"usergroup": _group(group, with_users=True)}


def _known(caller: Caller, arguments: Arguments) -> UserGroup:
    group = caller.workspace.groups.get(arguments.text("usergroup"))
    if group is None:
        raise SlackError("no_such_subteam")
    return group


def _group(group: UserGroup, *, with_users: bool) -> Json:
    shown = {"id": group.id, "handle": group.handle, "name": group.name, "user_count": len(group.users)}
    return {**shown, **({"users": list(group.users)} if with_users else {})}
