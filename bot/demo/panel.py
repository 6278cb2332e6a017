"""What the demo's own Slack app says: a message with a button a fault, and what became of the last one. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from bot.demo import arrival, eta
from bot.demo.config import SLOW_MS
from bot.demo.faults import FAULTS, Fault

Block = dict[str, Any]
BREAK, MEND = "demo.break", "demo.mend"
COMMAND = "/demo"
TITLE = "Break something, and see what Muster makes of it"
ABOUT = {
    eta.NAME: "calls flights late or on time. Whether it was right is known when they have landed.",
    arrival.NAME: f"says by how many minutes flights will be late. Its callers wait {SLOW_MS} ms.",
}
LONGEST = 300


@dataclass(frozen=True, slots=True)
class Noticed:
    """What Muster made of something. route: page, ticket or evidence, or `state` of a monitor that can't judge."""

    after: float
    route: str
    said: str
    channel: str | None = None
    incident: int | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """One model now. since: when its last deployment was done; fault None: it is sound."""

    model: str
    fault: Fault | None = None
    since: datetime | None = None
    noticed: Sequence[Noticed] = field(default=())


def blocks(now: Sequence[Standing]) -> list[Block]:
    """The pinned message."""
    found: list[Block] = [
        {"type": "header", "text": {"type": "plain_text", "text": TITLE}},
        _text(
            "Two models answer for real flights, and Muster watches both. A button deploys a faulty version of "
            "something they depend on; Muster is told of the deployment and has to notice the rest by itself. "
            "Four seconds here stand for an hour."
        ),
    ]
    for one in now:
        found += [_text(f"*{one.model}* {ABOUT[one.model]}"), _buttons(one)]
    found += [{"type": "divider"}, _text("\n\n".join(standing(one) for one in now))]
    if any(one.fault for one in now):
        found.append({"type": "actions", "elements": [_button("Mend everything", MEND, "all", style="primary")]})
    return found


def text(now: Sequence[Standing]) -> str:
    """The message in one line, for notifications."""
    return f"{TITLE}: " + "; ".join(f"{one.model} {one.fault.kind if one.fault else 'is sound'}" for one in now)


def standing(one: Standing) -> str:
    """Say how a model stands, what Muster noticed, and what to do next."""
    if one.fault is None:
        since = f" again since {one.since:%H:%M:%S} UTC" if one.since else ""
        return f":white_check_mark: *{one.model}* is sound{since}."
    said = f":boom: *{one.model}*: {one.fault.kind} since {one.since:%H:%M:%S} UTC, by {one.fault.title}."
    if not one.noticed:
        return f"{said}\n:hourglass_flowing_sand: Muster has not noticed yet. Expect: {one.fault.expected}."
    return "\n".join([said, *(_line(found) for found in one.noticed), next_step(one)])


def next_step(one: Standing) -> str:
    paged = next((found for found in one.noticed if found.route == "page" and found.channel), None)
    if paged:
        return f":point_right: Open <#{paged.channel}>, press *Acknowledge*, and follow the steps."
    joined = next((found for found in one.noticed if found.channel), None)
    if joined:
        return f":point_right: It joined <#{joined.channel}>: look at the card."
    if any(found.route == "ticket" for found in one.noticed):
        return ":point_right: Its thread is in #incidents; nobody was called."
    kept = ":point_right: Nobody is called for that: it is kept for the incident it would explain. To look closer,"
    return f"{kept} type `/incident open {one.model} looks odd` and press *Run a check* there."


def _line(found: Noticed) -> str:
    route = {"page": "it *pages*", "ticket": "it opens a *ticket*", "evidence": "*evidence*, pages nobody"}
    return f":eyes: After {found.after:.0f} s, {route.get(found.route, found.route)}: {_short(found.said)}"


def _short(said: str) -> str:
    plain = said.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return plain if len(plain) <= LONGEST else f"{plain[: LONGEST - 1]}…"


def help_text() -> str:
    """What `/demo` alone answers."""
    lines = [f"`{COMMAND} {one.name}`: {one.kind}, of {one.model}: {one.expected}" for one in FAULTS.values()]
    return "\n".join([*lines, f"`{COMMAND} mend`: everything is sound again"])


def commands() -> tuple[tuple[str, str, str], ...]:
    """The command as typed, for completion; the first one is what an app registers."""
    several: Mapping[str, str] = {one.name: f"Deploy a {one.kind} of {one.model}" for one in FAULTS.values()}
    typed = [(f"{COMMAND} {name}", "", said) for name, said in several.items()]
    return ((COMMAND, "", "Break a model of the demo"), *typed, (f"{COMMAND} mend", "", "Mend everything"))


def _buttons(one: Standing) -> Block:
    """A button a fault; of the one that is on nothing can be pressed twice by mistake."""
    offered = [fault for fault in FAULTS.values() if fault.model == one.model]
    elements = [
        _button(
            fault.kind.capitalize(),
            f"{BREAK}.{fault.name}",
            fault.name,
            **({"style": "danger"} if fault is one.fault else {}),
        )
        for fault in offered
    ]
    return {"type": "actions", "elements": elements}


def _button(label: str, action: str, value: str, **more: str) -> Block:
    return {
        "type": "button",
        "text": {"type": "plain_text", "text": label},
        "action_id": action,
        "value": value,
        **more,
    }


def _text(words: str) -> Block:
    return {"type": "section", "text": {"type": "mrkdwn", "text": words}}
