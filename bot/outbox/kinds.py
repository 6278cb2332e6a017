"""The four forms a thing to say can take. Each feature's `deliveries.py` gives its own; wiring collects them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from slack_sdk.models.blocks import Block
from sqlmodel import Session

from bot.core.errors import BotError
from bot.tables import OutboxRow

Render = Callable[[Session, OutboxRow, datetime], Any]


class NotYetError(Exception):
    """What the row speaks of is not there yet; it is looked at again shortly."""


class UndeliverableError(BotError):
    """The row can never be said; it is set aside and counted."""


@dataclass(frozen=True, slots=True)
class Message:
    """A post in a channel or thread. Direct messages name a user; the sender opens the conversation."""

    channel: str
    text: str
    blocks: Sequence[Block] = ()
    thread_ts: str | None = None


@dataclass(frozen=True, slots=True)
class MessageKind:
    """A post that must appear exactly once. `posted` learns where; `failed` that it never will."""

    name: str
    render: Callable[[Session, OutboxRow, datetime], Message | None]
    posted: Callable[[Session, OutboxRow, datetime, str, str], None] | None = None
    failed: Callable[[Session, OutboxRow, datetime, str], None] | None = None
    method: str = "chat.postMessage"


@dataclass(frozen=True, slots=True)
class Call:
    """One Web API call that may be repeated without harm."""

    method: str
    arguments: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class CallKind:
    """An idempotent call. `tolerated` errors mean it was done already."""

    name: str
    render: Callable[[Session, OutboxRow, datetime], Call | None]
    done: Callable[[Session, OutboxRow, datetime, Mapping[str, Any]], None] | None = None
    failed: Callable[[Session, OutboxRow, datetime, str], None] | None = None
    tolerated: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Upload:
    channel: str
    filename: str
    title: str
    content: bytes
    comment: str = ""
    thread_ts: str | None = None
    alt_text: str = ""


@dataclass(frozen=True, slots=True)
class UploadKind:
    """A file, shared exactly once: its id is kept before it is shared and looked for after a crash."""

    name: str
    render: Callable[[Session, OutboxRow, datetime], Upload | None]
    done: Callable[[Session, OutboxRow, datetime, str], None] | None = None
    failed: Callable[[Session, OutboxRow, datetime, str], None] | None = None


@dataclass(frozen=True, slots=True)
class NewChannel:
    """A channel to create; `marker` (`inc-42-`) begins its name and tells our own from a stranger's."""

    names: Sequence[str]
    marker: str


@dataclass(frozen=True, slots=True)
class ChannelKind:
    name: str
    render: Callable[[Session, OutboxRow, datetime], NewChannel | None]
    done: Callable[[Session, OutboxRow, datetime, str, str], None]
    failed: Callable[[Session, OutboxRow, datetime, str], None] | None = None


@dataclass(frozen=True, slots=True)
class Work:
    """Something said outside Slack (a notification URL): at least once, the attempt number given."""

    run: Callable[[], str]


@dataclass(frozen=True, slots=True)
class WorkKind:
    name: str
    render: Callable[[Session, OutboxRow, datetime], Work | None]
    done: Callable[[Session, OutboxRow, datetime, str], None] | None = None
    failed: Callable[[Session, OutboxRow, datetime, str], None] | None = None


Kind = MessageKind | CallKind | UploadKind | ChannelKind | WorkKind


@dataclass(slots=True)
class Kinds:
    """Every kind by its name."""

    by_name: dict[str, Kind] = field(default_factory=dict)

    def add(self, *kinds: Kind) -> None:
        for kind in kinds:
            if kind.name in self.by_name:
                raise ValueError(f"outbox kind {kind.name} is registered twice")
            self.by_name[kind.name] = kind
