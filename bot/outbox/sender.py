"""The sender: claims a row, renders it, calls Slack outside any transaction, records the outcome."""

import threading
from datetime import datetime, timedelta
from typing import Any

from prometheus_client import Counter
from sqlmodel import Session

from bot.core.clock import Clock
from bot.core.database import Database
from bot.core.logging import get_logger
from bot.outbox import claims
from bot.outbox.kinds import (
    CallKind,
    ChannelKind,
    Kind,
    Kinds,
    MessageKind,
    NotYetError,
    UndeliverableError,
    UploadKind,
    WorkKind,
)
from bot.outbox.limiter import paces, pause, reserve
from bot.outbox.routes import deliver
from bot.slack.gateway import SlackCallError, SlackGateway
from bot.tables import OutboxRow, OutboxState

log = get_logger(__name__)
SENT = Counter("muster_outbox_total", "Outbox rows by kind and outcome.", ["kind", "outcome"])
_IDLE_SECONDS = 0.5


class Sender:
    """Delivers until stopped. Several may run, in one process or many; none says a thing twice."""

    def __init__(
        self,
        database: Database,
        gateway: SlackGateway,
        kinds: Kinds,
        clock: Clock,
        *,
        timing: claims.Timing | None = None,
    ) -> None:
        self.database = database
        self.gateway = gateway
        self.kinds = kinds
        self.clock = clock
        self.timing = timing or claims.Timing()
        self._me: str | None = None
        self._wake = threading.Event()
        self._stop = threading.Event()
        database.on_wake(self._wake.set)

    def me(self) -> str:
        """Return the bot's own user id."""
        if self._me is None:
            self._me = str(self.gateway.call("auth.test")["user_id"])
        return self._me

    def run(self) -> None:
        while not self._stop.is_set():
            self._wake.clear()
            try:
                busy = self.deliver_one()
            except Exception:  # a sender outlives whatever one row or the database does
                log.exception("outbox.sender_failed")
                busy = False
            if not busy:
                self._wake.wait(_IDLE_SECONDS)

    def stop(self) -> None:
        self._stop.set()
        self._wake.set()

    def wake(self) -> None:
        self._wake.set()

    def deliver_one(self) -> bool:
        """Deliver the most urgent due row. False: nothing is due."""
        now = self.clock.now()
        with self.database.transaction() as session:
            row = claims.claim(session, now, self.timing)
            if row is None:
                return False
            kind = self.kinds.by_name.get(row.kind)
            if kind is None:
                self._refuse(session, row, now, "no such kind")
                return True
            work = self._prepare(session, row, kind, now)
        if work is None:
            return True
        try:
            outcome = deliver(self, kind, row, work)
        except SlackCallError as error:
            self._went_wrong(kind, row, work, error)
        else:
            self._record(kind, row, outcome)
        return True

    def _prepare(self, session: Session, row: OutboxRow, kind: Kind, now: datetime) -> Any:  # noqa: ANN401
        """Render, take a place at Slack's pace, and mark the row ambiguous; None: there is nothing to call."""
        try:
            with session.begin_nested():
                work = kind.render(session, row, now)
        except NotYetError:
            claims.give_back(session, row, now + self.timing.not_yet, ambiguous=row.ambiguous)
            return None
        except UndeliverableError as error:
            self._refuse(session, row, now, error.message, kind)
            return None
        except Exception as error:  # one row that can't be rendered must not stop the rest
            log.exception("outbox.render_failed", kind=row.kind, row=row.id)
            claims.fail(session, row, now, f"{type(error).__name__}: {error}")
            return None
        if work is None:
            claims.finish(session, row, now, OutboxState.SUPERSEDED)
            SENT.labels(row.kind, "superseded").inc()
            return None
        method, channel = _bucket(kind, work)
        held = paces(method, channel, paced=self.timing.paced) if method else []
        wait = reserve(session, held, now)
        if wait > timedelta(0):
            claims.give_back(session, row, now + wait, ambiguous=row.ambiguous)
            return None
        return work if claims.mark_ambiguous(session, row, now, self.timing) else None

    def _refuse(self, session: Session, row: OutboxRow, now: datetime, problem: str, kind: Kind | None = None) -> None:
        claims.fail(session, row, now, problem, final=True)
        if kind is not None and kind.failed is not None:
            kind.failed(session, row, now, problem)
        SENT.labels(row.kind, "dead").inc()
        log.error("outbox.undeliverable", kind=row.kind, row=row.id, problem=problem)

    def _record(self, kind: Kind, row: OutboxRow, outcome: tuple[Any, ...]) -> None:
        now = self.clock.now()
        with self.database.transaction() as session:
            if not claims.finish(session, row, now):
                log.warning("outbox.lease_lost", kind=row.kind, row=row.id)
                return
            if isinstance(kind, MessageKind):
                if kind.posted:
                    kind.posted(session, row, now, *outcome)
            elif kind.done:
                kind.done(session, row, now, *outcome)
        SENT.labels(row.kind, "sent").inc()

    def _went_wrong(self, kind: Kind, row: OutboxRow, work: Any, error: SlackCallError) -> None:  # noqa: ANN401
        now = self.clock.now()
        method, channel = _bucket(kind, work)
        # A look for an earlier effect that itself fails tells nothing of that effect.
        unsure = row.ambiguous and error.method != method
        with self.database.transaction() as session:
            if error.retry_after is not None:
                until = now + timedelta(seconds=error.retry_after)
                pause(session, error.method, channel if error.method == method else None, until)
                claims.give_back(session, row, until, ambiguous=unsure)
            elif error.token_gone:
                # Nothing is dropped while the token is gone; the rows wait for a new one.
                claims.give_back(session, row, now + timedelta(seconds=30), ambiguous=unsure)
            elif error.uncertain:
                claims.leave_ambiguous(session, row, now, str(error), self.timing)
            elif claims.fail(session, row, now, str(error), final=_hopeless(error), ambiguous=unsure) and kind.failed:
                kind.failed(session, row, now, error.code)
        SENT.labels(row.kind, error.code).inc()
        log.warning("outbox.call_failed", kind=row.kind, row=row.id, code=error.code, detail=error.detail)

    def keep_progress(self, row: OutboxRow, progress: dict[str, object]) -> None:
        with self.database.transaction() as session:
            claims.keep_progress(session, row, progress)
        row.progress = progress


_HOPELESS = {
    "channel_not_found",
    "is_archived",
    "invalid_blocks",
    "invalid_arguments",
    "msg_too_long",
    "message_not_found",
    "user_not_found",
    "missing_scope",
    "restricted_action",
    "cant_update_message",
    "user_not_in_channel",
    "unknown_method",
}


def _hopeless(error: SlackCallError) -> bool:
    return error.code in _HOPELESS


def _bucket(kind: Kind, work: Any) -> tuple[str, str | None]:  # noqa: ANN401
    match kind:
        case MessageKind():
            return kind.method, work.channel
        case CallKind():
            return work.method, None
        case UploadKind():
            return "files.completeUploadExternal", None
        case ChannelKind():
            return "conversations.create", None
        case WorkKind():
            return "", None
