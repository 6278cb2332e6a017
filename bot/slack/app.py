"""Bolt, wired to the listeners: one short transaction a request, answered only after it is committed."""

import logging
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from slack_bolt import Ack, App, BoltResponse
from slack_bolt.authorization import AuthorizeResult
from slack_sdk.models.blocks import Block
from sqlmodel import Session

from bot.core.clock import Clock
from bot.core.database import Database
from bot.core.errors import BotError, BusyError
from bot.core.logging import get_logger
from bot.slack import people, seen
from bot.slack.calls import Answer, Command, Event, FieldErrors, Listeners, OpenView, Press, Reply, Submission
from bot.slack.gateway import SlackCallError, SlackGateway
from bot.slack.text import escape

log = get_logger(__name__)
_ANY = re.compile(".*", re.DOTALL)
_NAMED = re.compile(r"&lt;([@#][A-Z0-9]+)&gt;")
COMMAND = "/incident"
WAIT_SECONDS = 2.0
GUEST = "Only full members of this workspace can respond to incidents. Ask one of them in this channel."


class SlackApp:
    """Turns Slack's requests into the listeners' calls. `tell` queues a notice that only one person sees."""

    def __init__(
        self,
        database: Database,
        gateway: SlackGateway,
        listeners: Listeners,
        clock: Clock,
        *,
        tell: Callable[[Session, Any, str, str, str], None],
        home_team: Callable[[], str],
        want_person: Callable[[Session, Any, str], None],
    ) -> None:
        self.database = database
        self.gateway = gateway
        self.listeners = listeners
        self.clock = clock
        self.tell = tell
        self.home_team = home_team
        self.want_person = want_person
        self.bolt = App(
            client=gateway.client,
            authorize=_authorizing(gateway.client.token or ""),
            process_before_response=True,
            request_verification_enabled=False,
            ssl_check_enabled=True,
            token_verification_enabled=False,
            logger=_quiet("slack_bolt.muster"),
        )
        self.bolt.command(COMMAND)(self._command)
        self.bolt.action({"type": "block_actions", "action_id": _ANY})(self._action)
        self.bolt.view(_ANY)(self._view)
        self.bolt.view_closed(_ANY)(_just_ack)
        self.bolt.event(_ANY)(self._event)
        self.bolt.error(_log_error)

    @contextmanager
    def _edge(self) -> Iterator[Session]:
        with self.database.transaction(wait=WAIT_SECONDS) as session:
            yield session

    def _allowed(self, session: Session, user: str, team: str, now: Any) -> None:  # noqa: ANN401
        if people.is_stale(session, user, now):
            self.want_person(session, now, user)
        if not people.may_respond(session, user, team, self.home_team()):
            raise BotError(GUEST, status=403)

    def _command(self, ack: Ack, body: dict[str, Any]) -> BoltResponse | None:
        now = self.clock.now()
        name, _, rest = (body.get("text") or "").strip().partition(" ")
        known = self.listeners.subcommands
        chosen = known.get(name.lower() or "help") or known["help"]
        text = rest.strip() if name.lower() in known else (body.get("text") or "").strip()
        try:
            with self._edge() as session:
                if not seen.first_time(session, f"command:{body['trigger_id']}", now):
                    return ack()
                self._allowed(session, body["user_id"], body.get("team_id", ""), now)
                answer = chosen.run(
                    Command(
                        name=chosen.name,
                        text=text,
                        user=body["user_id"],
                        team=body.get("team_id", ""),
                        channel=body["channel_id"],
                        trigger_id=body["trigger_id"],
                        now=now,
                        session=session,
                    ),
                )
        except BotError as error:
            return ack(text=f":warning: {escape_sentence(error.message)}")
        return self._finish_command(ack, answer, body)

    def _finish_command(self, ack: Ack, answer: Answer, body: dict[str, Any]) -> BoltResponse:
        if isinstance(answer, OpenView):
            return ack(text=problem) if (problem := self._open(answer, body["trigger_id"])) else ack()
        if isinstance(answer, Reply):
            return ack(text=answer.text, blocks=_dicts(answer.blocks) or None)
        return ack()

    def _action(self, ack: Ack, body: dict[str, Any]) -> BoltResponse | None:
        action = body["actions"][0]
        run = self.listeners.actions.get(action["action_id"])
        if run is None:
            return ack()  # a link button, or one of an older version
        now = self.clock.now()
        press = _press(body, action, now)
        try:
            with self._edge() as session:
                key = (
                    f"action:{press.team}:{press.channel}:{press.message_ts}:{press.action_id}"
                    f":{action.get('action_ts')}:{press.user}"
                )
                if not seen.first_time(session, key, now):
                    return ack()
                self._allowed(session, press.user, press.team, now)
                answer = run(replace(press, session=session))
                if isinstance(answer, Reply) and press.channel:
                    self.tell(session, now, press.channel, press.user, answer.text)
        except BusyError:
            raise
        except BotError as error:
            self._say(press, error.message)
            return ack()
        if isinstance(answer, OpenView) and (problem := self._open(answer, press.trigger_id)):
            self._say(press, problem)
        return ack()

    def _say(self, press: Press, message: str) -> None:
        if press.channel is None:
            return
        with self._edge() as session:
            self.tell(session, press.now, press.channel, press.user, escape_sentence(message))

    def _view(self, ack: Ack, body: dict[str, Any]) -> BoltResponse | None:
        view = body["view"]
        run = self.listeners.views.get(view["callback_id"])
        if run is None:
            return ack()
        now = self.clock.now()
        user, team = body["user"]["id"], _team(body)
        try:
            with self._edge() as session:
                if not seen.first_time(session, f"view:{view['id']}:{view.get('hash')}:{user}", now):
                    return ack()
                self._allowed(session, user, team, now)
                answer = run(
                    Submission(
                        user=user,
                        team=team,
                        callback_id=view["callback_id"],
                        private=view.get("private_metadata", ""),
                        values=_values(view),
                        now=now,
                        session=session,
                    ),
                )
                if isinstance(answer, FieldErrors):
                    raise _FieldsRefused(answer)
        except _FieldsRefused as refused:
            return ack(response_action="errors", errors=dict(refused.answer.errors))
        except BusyError:
            raise
        except BotError as error:
            first = next((block["block_id"] for block in view.get("blocks", []) if block["type"] == "input"), None)
            return ack(response_action="errors", errors={first: error.message}) if first else ack()
        return ack()

    def _event(self, ack: Ack, body: dict[str, Any]) -> BoltResponse | None:
        event = body["event"]
        handlers = self.listeners.events.get(event["type"], [])
        if handlers:
            now = self.clock.now()
            with self._edge() as session:
                if seen.first_time(session, _event_key(body, event), now):
                    for run in handlers:
                        run(Event(event["type"], event, body.get("team_id", ""), now, session))
        return ack()

    def _open(self, answer: OpenView, trigger_id: str) -> str | None:
        try:
            self.gateway.call("views.open", trigger_id=trigger_id, view=answer.view.to_dict())
        except SlackCallError as error:
            log.warning("slack.view_not_opened", code=error.code, detail=error.detail)
            return "Slack did not open the form in time. Please press again."
        return None


def _authorizing(token: str) -> Callable[[], AuthorizeResult]:
    """Slack may be down when we start: nothing is asked of it here."""

    def authorize() -> AuthorizeResult:
        return AuthorizeResult(enterprise_id=None, team_id=None, bot_token=token, bot_user_id="", bot_id="")

    return authorize


class _FieldsRefused(Exception):  # noqa: N818
    def __init__(self, answer: FieldErrors) -> None:
        super().__init__()
        self.answer = answer


def escape_sentence(message: str) -> str:
    """Escape an error for the one person who sees it; code spans and the names of people and channels stay."""
    escaped = "`".join(escape(part) for part in message.split("`"))
    return _NAMED.sub(r"<\1>", escaped)


def _dicts(blocks: Any) -> list[dict[str, Any]]:  # noqa: ANN401
    return [block.to_dict() if isinstance(block, Block) else block for block in blocks]


def _team(body: dict[str, Any]) -> str:
    return str((body.get("user") or {}).get("team_id") or (body.get("team") or {}).get("id") or "")


def _press(body: dict[str, Any], action: dict[str, Any], now: Any) -> Press:  # noqa: ANN401
    container = body.get("container") or {}
    channel = (body.get("channel") or {}).get("id") or container.get("channel_id")
    message = (body.get("message") or {}).get("ts") or container.get("message_ts")
    return Press(
        user=body["user"]["id"],
        team=_team(body),
        channel=channel,
        message_ts=message,
        action_id=action["action_id"],
        value=_chosen(action),
        trigger_id=body.get("trigger_id", ""),
        now=now,
        session=None,  # type: ignore[arg-type]
        view=body.get("view"),
    )


def _chosen(state: dict[str, Any]) -> str:
    """Read what a button carries or an input holds, as text."""
    for name in ("selected_user", "selected_date", "selected_channel", "selected_conversation", "value"):
        if state.get(name):
            return str(state[name])
    option = state.get("selected_option")
    if option:
        return str(option["value"])
    many = state.get("selected_options") or state.get("selected_users") or []
    return ",".join(item["value"] if isinstance(item, dict) else str(item) for item in many)


def _values(view: dict[str, Any]) -> dict[str, str]:
    entered = view.get("state", {}).get("values", {})
    return {block: _chosen(next(iter(fields.values()))) for block, fields in entered.items() if fields}


def _event_key(body: dict[str, Any], event: dict[str, Any]) -> str:
    """One key a happening: copies of an event come with new event ids."""
    item = event.get("item") or {}
    parts = (
        body.get("team_id"),
        event["type"],
        event.get("subtype"),
        event.get("channel") or event.get("channel_id") or item.get("channel"),
        event.get("event_ts") or event.get("ts"),
        event.get("user"),
        event.get("reaction"),
        item.get("ts"),
    )
    return "event:" + ":".join(str(part) for part in parts if part)


def _just_ack(ack: Ack) -> BoltResponse:
    return ack()


def _quiet(name: str) -> logging.Logger:
    """Bolt warns at each start of the two token settings we do not use on purpose."""
    logger = logging.getLogger(name)
    logger.setLevel(logging.ERROR)
    return logger


def _log_error(error: Exception, body: dict[str, Any]) -> BoltResponse:
    log.error("slack.handler_failed", error=f"{type(error).__name__}: {error}", type=body.get("type"))
    if isinstance(error, BusyError):
        return BoltResponse(status=503, body=error.message)
    return BoltResponse(status=500, body="Muster could not do that; nothing was changed.")
