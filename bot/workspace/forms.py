"""What people enter and choose, as Slack tells the app: `state.values` of messages and modals."""

from collections.abc import Iterator
from typing import Any

from bot.workspace.state import Json, SlackError

Chosen = dict[tuple[str, str], Json]
REQUIRED = "Please complete this required field."
_CHOSEN = {
    "static_select": "selected_option",
    "radio_buttons": "selected_option",
    "checkboxes": "selected_options",
    "users_select": "selected_user",
    "datepicker": "selected_date",
    "plain_text_input": "value",
}
_INITIAL = {
    "selected_option": "initial_option",
    "selected_options": "initial_options",
    "selected_user": "initial_user",
    "selected_date": "initial_date",
    "value": "initial_value",
}


def elements(block: Json) -> Iterator[Json]:
    """Yield what can be pressed, chosen or filled in."""
    yield from block.get("elements", []) if block["type"] == "actions" else []
    for name in ("accessory", "element"):
        if block.get(name):
            yield block[name]


def element_named(blocks: list[Json], action_id: str, block_id: str | None = None) -> tuple[Json, Json]:
    for block in blocks:
        for element in elements(block):
            if element.get("action_id") == action_id and block_id in (None, block.get("block_id")):
                return block, element
    raise SlackError("action_not_found")


def action_of(block: Json, element: Json, choice: Json | None, ts: str) -> Json:
    """Describe one press or choice as the `actions` of a payload do."""
    carried: Json = {name: element[name] for name in ("value", "text", "style", "placeholder") if name in element}
    made = {"type": element["type"], "action_id": element["action_id"], "block_id": block["block_id"], "action_ts": ts}
    return {**carried, **made, **(choice or {})}


def choice_kept(element: Json, choice: Json | None) -> Json | None:
    """Return what stays chosen after a press; buttons and overflow menus keep nothing."""
    name = _CHOSEN.get(element["type"])
    return {"type": element["type"], name: (choice or {}).get(name)} if name else None


def standing(blocks: list[Json], chosen: Chosen) -> Json:
    """Return `state.values`: by block and action what is chosen now, or was from the start."""
    values: Json = {}
    for block in blocks:
        for element in elements(block):
            name = _CHOSEN.get(element["type"])
            if name is None:
                continue
            action = element["action_id"]
            initial = {"type": element["type"], name: element.get(_INITIAL[name])}
            values.setdefault(block["block_id"], {})[action] = chosen.get((block["block_id"], action), initial)
    return values


def missing(view: Json, values: Json) -> dict[str, str]:
    """Return what Slack itself says of a form before the app sees it, by block id."""
    problems = {}
    for block in view["blocks"]:
        if block["type"] != "input":
            continue
        value, element = values.get(block["block_id"]), block["element"]
        least, most = element.get("min_length", 0), element.get("max_length")
        if not value:
            if not block.get("optional"):
                problems[block["block_id"]] = REQUIRED
        elif isinstance(value, str) and most and len(value) > most:
            problems[block["block_id"]] = f"Please use at most {most} characters."
        elif isinstance(value, str) and len(value) < least:
            problems[block["block_id"]] = f"Please use at least {least} characters."
    return problems


def submitted(view: Json, values: Json) -> Json:
    """Return the `state.values` of a form sent off with these values by block id."""
    found: Json = {}
    for block in view["blocks"]:
        if block["type"] == "input":
            element = block["element"]
            found[block["block_id"]] = {element["action_id"]: _entered(element, values.get(block["block_id"]))}
    return found


def _entered(element: Json, value: Any) -> Json:  # noqa: ANN401
    kind = element["type"]
    options = {option["value"]: option for option in element.get("options", [])}
    if kind in {"static_select", "radio_buttons"}:
        return {"type": kind, "selected_option": options.get(value)}
    if kind == "checkboxes":
        return {"type": kind, "selected_options": [options[one] for one in value or [] if one in options]}
    return {"type": kind, _CHOSEN[kind]: value or None}
