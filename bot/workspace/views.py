"""`views.*`: modals and the app's Home."""

import json
from typing import Any

from bot.workspace.blockkit import view_problems, with_ids
from bot.workspace.methods import Arguments, Caller, method, problems
from bot.workspace.state import APP, Json, OpenModal, SlackError

LARGEST_VIEW = 250_000


@method("views.open", "view")
def _open(caller: Caller, arguments: Arguments) -> Json:
    return _opened(caller, arguments)


@method("views.push", "view")
def _push(caller: Caller, arguments: Arguments) -> Json:
    return _opened(caller, arguments)


def _opened(caller: Caller, arguments: Arguments) -> Json:
    trigger = arguments.text("trigger_id")
    if not trigger:
        raise SlackError("invalid_arguments", **problems(["missing required field: trigger_id"]))
    view = acceptable(arguments.structure("view"), "modal")
    external = view.get("external_id")
    if external and any(one.view.get("external_id") == external for stack in _stacks(caller) for one in stack):
        raise SlackError("duplicate_external_id")
    return {"view": view_shown(caller.workspace.open_modal(caller.trigger(trigger), view, app=caller.app))}


def _stacks(caller: Caller) -> list[list[OpenModal]]:
    return list(caller.workspace.modals.values())


@method("views.update", "view")
def _update(caller: Caller, arguments: Arguments) -> Json:
    number, external = arguments.text("view_id"), arguments.text("external_id")
    if bool(number) == bool(external):
        words = "Cannot provide both" if number else "Must provide either"
        raise SlackError("invalid_arguments", **problems([f"{words} `view_id` and `external_id`"]))
    view = acceptable(arguments.structure("view"), "modal")
    modal = caller.workspace.modal(number, external_id=external)
    known = arguments.text("hash")
    if known and known != modal.hash:
        raise SlackError("hash_conflict")
    caller.workspace.replace_modal(modal, view)
    return {"view": view_shown(modal)}


@method("views.publish", "user_id", "view")
def _publish(caller: Caller, arguments: Arguments) -> Json:
    if caller.app != APP:
        raise SlackError("not_enabled")
    view = acceptable(arguments.structure("view"), "home")
    user = caller.workspace.user(arguments.text("user_id"))
    known, standing = arguments.text("hash"), caller.workspace.homes.get(user.id, {})
    if known and known != standing.get("hash"):
        raise SlackError("hash_conflict")
    published = {**view, "hash": caller.workspace.stamp()}
    caller.workspace.homes[user.id] = published
    caller.workspace.changed(f"user:{user.id}")
    return {"view": {**published, "id": f"VH{user.id}"}}


def acceptable(view: Any, kind: str) -> Json:  # noqa: ANN401
    """Return a view as Slack keeps it, every part named; raise what it says of a bad one."""
    found = view_problems(view, kind)
    if found:
        raise SlackError("invalid_arguments", **problems(found))
    if len(json.dumps(view)) > LARGEST_VIEW:
        raise SlackError("view_too_large")
    return {**view, "blocks": with_ids(view["blocks"])}


def view_shown(modal: OpenModal) -> Json:
    """Return an open modal as answers and payloads carry it."""
    return {
        "private_metadata": "",
        "callback_id": "",
        **modal.view,
        "id": modal.id,
        "hash": modal.hash,
        "root_view_id": modal.root,
        "previous_view_id": modal.previous,
        "app_id": modal.app,
    }
