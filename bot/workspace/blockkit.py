"""Block Kit as Slack judges it: what the bot uses, and that strictly. Everything else is refused.

Problems come back as Slack words them, each with a JSON pointer: `must be less than 3001 characters
[json-pointer:/blocks/0/text/text]`.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Problems = list[str]
Rule = Callable[[Any, str, Problems], None]

MESSAGE_BLOCKS, VIEW_BLOCKS, URL = 50, 100, 3000
VISIBLE_TEXT = 12_000
_DATE = re.compile(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])")


def _say(problems: Problems, text: str, path: str) -> None:
    problems.append(f"{text} [json-pointer:{path}]")


def text_of(most: int, *, least: int = 1) -> Rule:
    def check(value: Any, path: str, problems: Problems) -> None:  # noqa: ANN401
        if not isinstance(value, str):
            _say(problems, "must provide a string", path)
        elif len(value) > most:
            _say(problems, f"must be less than {most + 1} characters", path)
        elif len(value) < least:
            _say(problems, f"must be more than {least - 1} characters", path)

    return check


def one_of(*allowed: object) -> Rule:
    def check(value: Any, path: str, problems: Problems) -> None:  # noqa: ANN401
        if value not in allowed:
            _say(problems, f"must be one of {', '.join(map(str, allowed))}", path)

    return check


def flag(value: Any, path: str, problems: Problems) -> None:  # noqa: ANN401
    if not isinstance(value, bool):
        _say(problems, "must provide a boolean", path)


def whole(least: int, most: int) -> Rule:
    def check(value: Any, path: str, problems: Problems) -> None:  # noqa: ANN401
        if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
            _say(problems, f"must be an integer between {least} and {most}", path)

    return check


def url(value: Any, path: str, problems: Problems) -> None:  # noqa: ANN401
    if not isinstance(value, str) or not value.startswith(("http://", "https://")) or len(value) > URL:
        _say(problems, "must be a valid url of at most 3000 characters", path)


def date(value: Any, path: str, problems: Problems) -> None:  # noqa: ANN401
    if not isinstance(value, str) or not _DATE.fullmatch(value):
        _say(problems, "must be a date written as YYYY-MM-DD", path)


def list_of(rule: Rule, most: int, *, least: int = 1) -> Rule:
    def check(value: Any, path: str, problems: Problems) -> None:  # noqa: ANN401
        if not isinstance(value, list):
            _say(problems, "must provide an array", path)
            return
        if len(value) > most:
            _say(problems, f"no more than {most} items allowed", path)
        if len(value) < least:
            _say(problems, f"must provide at least {least} items", path)
        for number, one in enumerate(value):
            rule(one, f"{path}/{number}", problems)

    return check


@dataclass(frozen=True, slots=True)
class Shape:
    """An object: which fields it must and may have. `typed`: it has a type, as blocks and elements do."""

    required: Mapping[str, Rule]
    optional: Mapping[str, Rule] = field(default_factory=dict)
    typed: bool = True

    def __call__(self, value: Any, path: str, problems: Problems) -> None:  # noqa: ANN401
        if not isinstance(value, dict):
            _say(problems, "must provide an object", path)
            return
        for name in self.required:
            if value.get(name) is None:
                _say(problems, f"missing required field: {name}", path)
        for name, one in value.items():
            rule = self.required.get(name) or self.optional.get(name)
            if rule is None and not (self.typed and name == "type"):
                _say(problems, f"invalid additional property: {name}", path)
            elif rule is not None and one is not None:
                rule(one, f"{path}/{name}", problems)


def typed(shapes: Mapping[str, Rule]) -> Rule:
    def check(value: Any, path: str, problems: Problems) -> None:  # noqa: ANN401
        if not isinstance(value, dict):
            _say(problems, "must provide an object", path)
            return
        kind = value.get("type")
        shape = shapes.get(str(kind))
        if kind is None:
            _say(problems, "missing required field: type", path)
        elif shape is None:
            _say(problems, f"unsupported type: {kind}", f"{path}/type")
        else:
            shape(value, path, problems)

    return check


def words(most: int, *, plain_only: bool = False) -> Rule:
    """Text in one of Slack's two text objects."""
    body = text_of(most)
    shapes: dict[str, Rule] = {"plain_text": Shape({"text": body}, {"emoji": flag})}
    if not plain_only:
        shapes["mrkdwn"] = Shape({"text": body}, {"verbatim": flag})
    return typed(shapes)


def plain(most: int) -> Rule:
    return words(most, plain_only=True)


ID = text_of(255)
CONFIRM = Shape(
    {"title": plain(100), "text": words(300), "confirm": plain(30), "deny": plain(30)},
    {"style": one_of("primary", "danger")},
    typed=False,
)
OPTION = Shape({"text": plain(75), "value": text_of(150)}, {"description": plain(75)}, typed=False)
BOX = Shape({"text": words(75), "value": text_of(150)}, {"description": words(75)}, typed=False)
OVERFLOWING = Shape(OPTION.required, {**OPTION.optional, "url": url}, typed=False)
SLACK_FILE = Shape({}, {"id": text_of(50), "url": url}, typed=False)

BUTTON = Shape(
    {"text": plain(75)},
    {
        "action_id": ID,
        "url": url,
        "value": text_of(2000),
        "style": one_of("primary", "danger"),
        "confirm": CONFIRM,
        "accessibility_label": text_of(75),
    },
)
_CHOICE: dict[str, Rule] = {"action_id": ID, "confirm": CONFIRM, "focus_on_load": flag}
_MENU: dict[str, Rule] = {**_CHOICE, "placeholder": plain(150)}


def choosing(shape: Shape) -> Rule:
    """A menu or a list of boxes: what it starts with must be one of its options."""

    def check(value: Any, path: str, problems: Problems) -> None:  # noqa: ANN401
        shape(value, path, problems)
        if not isinstance(value, dict) or not isinstance(value.get("options"), list):
            return
        if value.get("initial_option") is not None and value["initial_option"] not in value["options"]:
            _say(problems, "`initial_option` must be one of the options", f"{path}/initial_option")
        many = value.get("initial_options")
        for number, one in enumerate(many if isinstance(many, list) else []):
            if one not in value["options"]:
                _say(problems, "`initial_options` must be among the options", f"{path}/initial_options/{number}")

    return check


STATIC_SELECT = choosing(Shape({"options": list_of(OPTION, 100)}, {**_MENU, "initial_option": OPTION}))
USERS_SELECT = Shape({}, {**_MENU, "initial_user": text_of(50)})
OVERFLOW = Shape({"options": list_of(OVERFLOWING, 5)}, {"action_id": ID, "confirm": CONFIRM})
RADIO = choosing(Shape({"options": list_of(BOX, 10)}, {**_CHOICE, "initial_option": BOX}))
CHECKBOXES = choosing(Shape({"options": list_of(BOX, 10)}, {**_CHOICE, "initial_options": list_of(BOX, 10)}))
DATE = Shape({}, {**_MENU, "initial_date": date})
TEXT_INPUT = Shape(
    {},
    {
        "action_id": ID,
        "multiline": flag,
        "initial_value": text_of(3000, least=0),
        "min_length": whole(0, 3000),
        "max_length": whole(1, 3000),
        "placeholder": plain(150),
        "focus_on_load": flag,
    },
)


def _pictured(shape: Shape) -> Rule:
    """Check an image: it comes from one place."""

    def check(value: Any, path: str, problems: Problems) -> None:  # noqa: ANN401
        shape(value, path, problems)
        if isinstance(value, dict) and bool(value.get("image_url")) == bool(value.get("slack_file")):
            _say(problems, "must define either `image_url` or `slack_file`", path)

    return check


def _one_limit(shape: Shape) -> Rule:
    """Check a text input: its shortest must fit into its longest."""

    def check(value: Any, path: str, problems: Problems) -> None:  # noqa: ANN401
        shape(value, path, problems)
        least, most = value.get("min_length"), value.get("max_length")
        if isinstance(least, int) and isinstance(most, int) and least > most:
            _say(problems, "`min_length` must not be greater than `max_length`", f"{path}/min_length")

    return check


_PICTURE: dict[str, Rule] = {"image_url": url, "slack_file": SLACK_FILE}
IMAGE_ELEMENT = _pictured(Shape({"alt_text": text_of(2000)}, _PICTURE))

_INTERACTIVE: dict[str, Rule] = {
    "button": BUTTON,
    "static_select": STATIC_SELECT,
    "users_select": USERS_SELECT,
    "overflow": OVERFLOW,
    "datepicker": DATE,
    "radio_buttons": RADIO,
    "checkboxes": CHECKBOXES,
}
_INPUTS: dict[str, Rule] = {
    "plain_text_input": _one_limit(TEXT_INPUT),
    **{name: rule for name, rule in _INTERACTIVE.items() if name not in {"button", "overflow"}},
}
_BLOCK: dict[str, Rule] = {"block_id": ID}


def _section(value: Any, path: str, problems: Problems) -> None:  # noqa: ANN401
    Shape(
        {},
        {
            **_BLOCK,
            "text": words(3000),
            "fields": list_of(words(2000), 10),
            "accessory": typed({**_INTERACTIVE, "image": IMAGE_ELEMENT}),
            "expand": flag,
        },
    )(value, path, problems)
    if not value.get("text") and not value.get("fields"):
        _say(problems, "must define either `text` or `fields`", f"{path}/type")


BLOCKS: dict[str, Rule] = {
    "section": _section,
    "header": Shape({"text": plain(150)}, _BLOCK),
    "context": Shape(
        {
            "elements": list_of(
                typed(
                    {
                        "mrkdwn": Shape({"text": text_of(3000)}, {"verbatim": flag}),
                        "plain_text": Shape({"text": text_of(3000)}, {"emoji": flag}),
                        "image": IMAGE_ELEMENT,
                    }
                ),
                10,
            )
        },
        _BLOCK,
    ),
    "actions": Shape({"elements": list_of(typed(_INTERACTIVE), 25)}, _BLOCK),
    "divider": Shape({}, _BLOCK),
    "image": _pictured(Shape({"alt_text": text_of(2000)}, {**_BLOCK, **_PICTURE, "title": plain(2000)})),
}
VIEW_ONLY: dict[str, Rule] = {
    **BLOCKS,
    "input": Shape(
        {"label": plain(2000), "element": typed(_INPUTS)},
        {**_BLOCK, "hint": plain(2000), "optional": flag, "dispatch_action": flag},
    ),
}


def message_problems(blocks: Any) -> Problems:  # noqa: ANN401
    """Return why Slack would refuse these blocks of a message; an empty list: it would not."""
    problems: Problems = []
    list_of(typed(BLOCKS), MESSAGE_BLOCKS, least=0)(blocks, "/blocks", problems)
    if isinstance(blocks, list):
        _twice(blocks, "/blocks", problems)
    return problems


def view_problems(view: Any, kind: str) -> Problems:  # noqa: ANN401
    """The same for a view: a `modal`, or a `home`."""
    problems: Problems = []
    body: dict[str, Rule] = {"blocks": list_of(typed(VIEW_ONLY), VIEW_BLOCKS, least=0)}
    more: dict[str, Rule] = {"private_metadata": text_of(3000, least=0), "callback_id": ID, "external_id": ID}
    if kind == "modal":
        body["title"] = plain(24)
        more |= {"submit": plain(24), "close": plain(24), "clear_on_close": flag, "notify_on_close": flag}
    typed({kind: Shape(body, more)})(view, "/view", problems)
    blocks = view.get("blocks") if isinstance(view, dict) else None
    if isinstance(blocks, list):
        _twice(blocks, "/view/blocks", problems)
        if kind == "modal" and not view.get("submit"):
            _no_way_to_send(blocks, problems)
    return problems


def _no_way_to_send(blocks: Sequence[Any], problems: Problems) -> None:
    for number, block in enumerate(blocks):
        if isinstance(block, dict) and block.get("type") == "input":
            words = "must define `submit` to use an `input` block in modals"
            _say(problems, words, f"/view/blocks/{number}/input")


def _twice(blocks: Sequence[Any], path: str, problems: Problems) -> None:
    named = set()
    for number, block in enumerate(blocks):
        if not isinstance(block, dict):
            continue
        name = block.get("block_id")
        if name is not None and name in named:
            _say(problems, f'`block_id` "{name}" already exists', f"{path}/{number}/block_id")
        named.add(name)
        elements = block.get("elements")
        pressed = set()
        for place, element in enumerate(elements if isinstance(elements, list) else []):
            action = element.get("action_id") if isinstance(element, dict) else None
            if action is not None and action in pressed:
                _say(problems, f'`action_id` "{action}" already exists', f"{path}/{number}/elements/{place}/action_id")
            pressed.add(action)


def visible_text(blocks: Sequence[Mapping[str, Any]]) -> int:
    """Count the characters people see; Slack refuses messages somewhere above 12,000."""
    total = 0
    for block in blocks:
        stack: list[Any] = [block]
        while stack:
            one = stack.pop()
            if isinstance(one, dict):
                if isinstance(one.get("text"), str):
                    total += len(one["text"])
                stack.extend(one.values())
            elif isinstance(one, list):
                stack.extend(one)
    return total


def with_ids(blocks: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Give blocks and elements the ids Slack gives those that came without."""
    return [_named(number, block) for number, block in enumerate(blocks)]


def _named(number: int, block: Mapping[str, Any]) -> dict[str, Any]:
    kept = {**block, "block_id": block.get("block_id") or f"b{number}"}
    if kept["type"] == "actions":
        kept["elements"] = [_acting(one, f"a{number}.{place}") for place, one in enumerate(kept["elements"])]
    for name in ("accessory", "element"):
        if kept.get(name) and kept[name]["type"] != "image":
            kept[name] = _acting(kept[name], f"a{number}")
    return kept


def _acting(element: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {**element, "action_id": element.get("action_id") or name}
