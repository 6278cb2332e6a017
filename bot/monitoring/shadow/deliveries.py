"""The one message about a model's monitors in shadow, and its edit once they are accepted."""

from collections.abc import Iterable
from datetime import datetime

from sqlmodel import Session, col, select

from bot.incidents.house import House
from bot.monitoring.shadow.messages import invitation
from bot.monitoring.watched import Watched, watched
from bot.outbox.kinds import Call, CallKind, Kind, Message, MessageKind, NotYetError
from bot.outbox.queue import Priority, put
from bot.slack.text import mention
from bot.tables import MonitorState, OutboxRow


def present(session: Session, shadowed: Iterable[Watched], now: datetime) -> None:
    """Say once, for each model, which of its monitors are new and in shadow."""
    by_model: dict[str, list[str]] = {}
    for one in shadowed:
        by_model.setdefault(one.model.name, []).append(one.key)
    for model, keys in by_model.items():
        put(
            session,
            now,
            kind="monitor.shadow",
            key=f"monitor-shadow:{'|'.join(sorted(keys))}"[:200],
            lane=f"monitor-shadow:{model}",
            priority=Priority.DIGEST,
            payload={"model": model},
        )


def change(session: Session, model: str, channel: str, ts: str, by: str, now: datetime) -> None:
    """Edit the message: nothing is left to press on it."""
    put(
        session,
        now,
        kind="monitor.shadow_changed",
        key=f"monitor-shadow-changed:{channel}:{ts}:{now.timestamp()}",
        lane=f"monitor-shadow:{model}",
        priority=Priority.EDIT,
        payload={"model": model, "channel": channel, "ts": ts, "by": by},
    )


class ShadowDeliveries:
    def __init__(self, house: House) -> None:
        self.house = house

    def kinds(self) -> list[Kind]:
        return [
            MessageKind("monitor.shadow", self._message),
            CallKind("monitor.shadow_changed", self._edit, tolerated=frozenset({"message_not_found"})),
        ]

    def _message(self, session: Session, row: OutboxRow, _now: datetime) -> Message | None:
        model = row.payload["model"]
        channel, shadowed = self.house.announce(model), self._shadowed(session, model)
        if not shadowed:
            return None
        if channel is None:
            raise NotYetError
        text, blocks = invitation(model, shadowed, None)
        return Message(channel=channel, text=text, blocks=blocks)

    def _edit(self, session: Session, row: OutboxRow, _now: datetime) -> Call:
        model = row.payload["model"]
        text, blocks = invitation(model, self._shadowed(session, model), f"{mention(row.payload['by'])} accepted them.")
        arguments = {"channel": row.payload["channel"], "ts": row.payload["ts"], "text": text}
        return Call("chat.update", {**arguments, "blocks": [block.to_dict() for block in blocks]})

    def _shadowed(self, session: Session, model: str) -> list[Watched]:
        every = {key: one for key, one in watched(self.house.catalog).items() if one.model.name == model}
        hidden = select(MonitorState.key).where(col(MonitorState.key).in_(every), col(MonitorState.shadow).is_(True))
        return [every[key] for key in sorted(session.exec(hidden))]
