"""What the workspace sends to the app, over HTTP with a signature or over Socket Mode, as Slack does."""

import hashlib
import hmac
import json
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from heapq import heappop, heappush
from typing import Any, Protocol
from urllib.parse import urlencode
from uuid import uuid4

import httpx

from bot.core.clock import Clock
from bot.core.logging import get_logger
from bot.core.trust import trusted
from bot.workspace.apps import HttpApp, Installed
from bot.workspace.events import subscription
from bot.workspace.state import APP, Json

ACK_SECONDS = 3
RETRIES = (timedelta(0), timedelta(minutes=1), timedelta(minutes=5))
FORM = "application/x-www-form-urlencoded"
_LOOK_SECONDS = 0.5
log = get_logger(__name__)


class NoAnswerError(Exception):
    """The app did not acknowledge in time, or not with a success: the person sees that it went wrong.

    reason: why, as Slack names it in a retry. final: the app asked not to be asked again.
    """

    def __init__(self, words: str, *, reason: str = "unknown_error", final: bool = False) -> None:
        super().__init__(words)
        self.reason = reason
        self.final = final


class Link(Protocol):
    """A Socket Mode connection of the app."""

    def request(self, kind: str, payload: Json, seconds: float, *, retry: int = 0) -> Json: ...


@dataclass(order=True, slots=True)
class Waiting:
    """An event on its way: the first attempt, or a retry and why."""

    due: datetime
    number: int
    body: Json = field(compare=False)
    attempt: int = field(default=0, compare=False)
    reason: str = field(default="", compare=False)


class Dispatcher:
    """Sends requests to whoever serves the app: a socket when one is connected, else the address.

    subscribed: the events the app wants, as its manifest names them (`message.channels`); None: all. others: further
    apps by id; each is asked what is its own, and hears of no events.
    """

    def __init__(
        self,
        clock: Clock,
        app: HttpApp | None = None,
        *,
        http: httpx.Client | None = None,
        subscribed: frozenset[str] | None = None,
    ) -> None:
        self.clock = clock
        self.app = app
        self.others: dict[str, Installed] = {}
        self.links: list[Link] = []
        self.http = http or httpx.Client(timeout=ACK_SECONDS, verify=trusted())
        self.subscribed = subscribed
        self._waiting: list[Waiting] = []
        self._news = threading.Condition()
        self._stopped = False
        self._numbers = 0
        self._turn = 0
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._run, name="workspace-events", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        with self._news:
            self._stopped = True
            self._news.notify_all()
        if self._thread is not None:
            self._thread.join(5)
        self.http.close()

    def command(self, fields: Json) -> Json:
        """Send a slash command; returns what the app answered at once."""
        return self._ask("slash_commands", fields, urlencode(fields))

    def interact(self, payload: Json) -> Json:
        """Send a press or a submission; returns what the app answered at once."""
        return self._ask("interactive", payload, urlencode({"payload": json.dumps(payload)}))

    def event(self, event: Json, team: str, *, bot: str) -> None:
        """Send an event some time soon; what is not taken is sent thrice more, as Slack does."""
        if self.subscribed is not None and subscription(event) not in self.subscribed:
            return
        authorization = {"enterprise_id": None, "team_id": team, "user_id": bot, "is_bot": True}
        body = {
            "token": "unused",
            "type": "event_callback",
            "team_id": team,
            "api_app_id": APP,
            "event": event,
            "event_id": f"Ev{uuid4().hex[:12].upper()}",
            "event_time": int(self.clock.now().timestamp()),
            "authorizations": [{**authorization, "is_enterprise_install": False}],
            "is_ext_shared_channel": False,
        }
        self._put(body, self.clock.now())

    def settle(self) -> None:
        """Send now what is due: for those who drive the clock themselves."""
        while (found := self._next()) is not None:
            self._deliver(found)

    def _put(self, body: Json, due: datetime, attempt: int = 0, reason: str = "") -> None:
        with self._news:
            self._numbers += 1
            heappush(self._waiting, Waiting(due, self._numbers, body, attempt, reason))
            self._news.notify_all()

    def _next(self) -> Waiting | None:
        with self._news:
            if self._waiting and self._waiting[0].due <= self.clock.now():
                return heappop(self._waiting)
            return None

    def _run(self) -> None:
        while not self._stopped:
            found = self._next()
            if found is not None:
                self._deliver(found)
                continue
            with self._news:
                if not self._stopped:
                    self._news.wait(_LOOK_SECONDS)

    def _deliver(self, found: Waiting) -> None:
        try:
            if (link := self._link()) is not None:
                link.request("events_api", found.body, ACK_SECONDS, retry=found.attempt)
            elif self.app is not None:
                retried = {"X-Slack-Retry-Num": str(found.attempt), "X-Slack-Retry-Reason": found.reason}
                self.post(self.app, json.dumps(found.body), "application/json", **(retried if found.attempt else {}))
        except NoAnswerError as error:
            log.debug("workspace.event_refused", attempt=found.attempt, problem=str(error))
            if found.attempt < len(RETRIES) and not error.final:
                due = self.clock.now() + RETRIES[found.attempt]
                self._put(found.body, due, found.attempt + 1, error.reason)

    def _ask(self, kind: str, payload: Json, body: str) -> Json:
        if (other := self.others.get(payload["api_app_id"])) is not None:
            return self.post(other.door, body, FORM)
        if (link := self._link()) is not None:
            return link.request(kind, payload, ACK_SECONDS)
        if self.app is None:
            raise NoAnswerError("No app is connected to this workspace.")
        return self.post(self.app, body, FORM)

    def _link(self) -> Link | None:
        """Return one of the connections, each in its turn."""
        links = list(self.links)
        if not links:
            return None
        self._turn += 1
        return links[self._turn % len(links)]

    def post(self, app: HttpApp, body: str, content_type: str, **headers: str) -> Json:
        """Send one signed request; raises NoAnswerError unless it is answered with a success."""
        stamp = str(int(self.clock.now().timestamp()))
        signed = {
            "Content-Type": content_type,
            "X-Slack-Request-Timestamp": stamp,
            "X-Slack-Signature": sign(app.signing_secret, body.encode(), stamp),
            **headers,
        }
        try:
            answer = self.http.post(app.url, content=body.encode(), headers=signed)
        except httpx.TimeoutException as error:
            raise NoAnswerError("operation_timeout", reason="http_timeout") from error
        except httpx.HTTPError as error:
            raise NoAnswerError(f"dispatch_failed ({type(error).__name__})", reason="connection_failed") from error
        if answer.status_code != httpx.codes.OK:
            final = answer.headers.get("x-slack-no-retry") == "1"
            raise NoAnswerError(f"The app answered {answer.status_code}.", reason="http_error", final=final)
        return _read(answer.text)


def sign(secret: str, body: bytes, stamp: str) -> str:
    """Sign a request's body as Slack does: version, time and body under the app's secret."""
    return "v0=" + hmac.new(secret.encode(), f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest()


def _read(text: str) -> Json:
    """Read an answer: JSON, or a text to be shown to the person alone."""
    if not text.strip():
        return {}
    try:
        found: Any = json.loads(text)
    except ValueError:
        return {"text": text}
    return found if isinstance(found, dict) else {"text": text}
