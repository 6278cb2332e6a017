"""What a person did in Slack, as the features' handlers see it, and what they may answer."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from slack_sdk.models.blocks import Block
from slack_sdk.models.views import View
from sqlmodel import Session


@dataclass(frozen=True, slots=True)
class Press:
    """A button or menu of a message or modal. `value` is the opaque id it carries, or the choice that was made."""

    user: str
    team: str
    channel: str | None
    message_ts: str | None
    action_id: str
    value: str
    trigger_id: str
    now: datetime
    session: Session
    view: Mapping[str, Any] | None = None

    def target(self) -> tuple[int, int | None]:
        """Read `id` or `id:version` from the button."""
        number, _, version = self.value.partition(":")
        return int(number), int(version) if version else None


@dataclass(frozen=True, slots=True)
class Command:
    """`/incident <name> <text>`; the channel is where it was typed."""

    name: str
    text: str
    user: str
    team: str
    channel: str
    trigger_id: str
    now: datetime
    session: Session


@dataclass(frozen=True, slots=True)
class Submission:
    """A modal sent off. `values` maps block ids to what was entered."""

    user: str
    team: str
    callback_id: str
    private: str
    values: Mapping[str, Any]
    now: datetime
    session: Session


@dataclass(frozen=True, slots=True)
class Event:
    """One of Slack's events, whole."""

    type: str
    body: Mapping[str, Any]
    team: str
    now: datetime
    session: Session


@dataclass(frozen=True, slots=True)
class Reply:
    """Said to the person alone."""

    text: str
    blocks: Sequence[Block] = ()


@dataclass(frozen=True, slots=True)
class OpenView:
    """A modal to open while Slack's trigger is still good."""

    view: View


@dataclass(frozen=True, slots=True)
class FieldErrors:
    """Shown under the inputs of a modal, which stays open."""

    errors: Mapping[str, str]


Answer = Reply | OpenView | FieldErrors | None


@dataclass(frozen=True, slots=True)
class Subcommand:
    name: str
    hint: str
    summary: str
    run: Callable[[Command], Answer]
    order: int = 50


@dataclass(slots=True)
class Listeners:
    """Every handler of every feature; wiring fills it, the Slack app reads it."""

    subcommands: dict[str, Subcommand] = field(default_factory=dict)
    actions: dict[str, Callable[[Press], Answer]] = field(default_factory=dict)
    views: dict[str, Callable[[Submission], Answer]] = field(default_factory=dict)
    events: dict[str, list[Callable[[Event], None]]] = field(default_factory=dict)

    def command(self, name: str, hint: str, summary: str, run: Callable[[Command], Answer], *, order: int = 50) -> None:
        if name in self.subcommands:
            raise ValueError(f"/incident {name} is registered twice")
        self.subcommands[name] = Subcommand(name, hint, summary, run, order)

    def action(self, action_id: str, run: Callable[[Press], Answer]) -> None:
        if action_id in self.actions:
            raise ValueError(f"action {action_id} is registered twice")
        self.actions[action_id] = run

    def view(self, callback_id: str, run: Callable[[Submission], Answer]) -> None:
        self.views[callback_id] = run

    def event(self, event_type: str, run: Callable[[Event], None]) -> None:
        self.events.setdefault(event_type, []).append(run)
