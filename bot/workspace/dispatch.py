"""What the workspace sends to the app, over HTTP with a signature or over Socket Mode, as Slack does."""

import hashlib
import hmac
import json
import queue
import threading
from dataclasses import dataclass
from typing import Any, Protocol
from urllib.parse import urlencode
from uuid import uuid4

import httpx

from bot.core.clock import Clock
from bot.core.logging import get_logger
from bot.workspace.state import Json

ACK_SECONDS = 3
EVENT_PAUSES = (0, 1, 5)
log = get_logger(__name__)


class NoAnswerError(Exception):
    """The app did not acknowledge in time, or not with a success: the person sees that it went wrong."""


class Link(Protocol):
    """A Socket Mode connection of the app."""

    def request(self, kind: str, payload: Json, seconds: float, *, retry: int = 0) -> Json: ...


@dataclass(slots=True)
class HttpApp:
    """An app that takes requests at one address."""

    url: str
    signing_secret: str


class Dispatcher:
    """Sends requests to whoever serves the app: a socket when one is connected, else the address."""

    def __init__(self, clock: Clock, app: HttpApp | None = None, *, http: httpx.Client | None = None) -> None:
        self.clock = clock
        self.app = app
        self.links: list[Link] = []
        self._events: queue.Queue[Json | None] = queue.Queue()
        self._http = http or httpx.Client(timeout=ACK_SECONDS)
        self._turn = 0
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        self._thread = threading.Thread(target=self._deliver_events, name="workspace-events", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._events.put(None)
        if self._thread is not None:
            self._thread.join(5)
        self._http.close()

    def command(self, fields: Json) -> Json:
        """Send a slash command; returns what the app answered at once."""
        return self._ask("slash_commands", fields, urlencode(fields), "application/x-www-form-urlencoded")

    def interact(self, payload: Json) -> Json:
        """Send a press or a submission; returns what the app answered at once."""
        body = urlencode({"payload": json.dumps(payload)})
        return self._ask("interactive", payload, body, "application/x-www-form-urlencoded")

    def event(self, event: Json, team: str) -> None:
        """Send an event some time soon, three times at most."""
        self._events.put(
            {
                "type": "event_callback",
                "team_id": team,
                "api_app_id": "A1",
                "event": event,
                "event_id": f"Ev{uuid4().hex[:12]}",
                "event_time": int(self.clock.now().timestamp()),
            }
        )

    def settle(self) -> None:
        """Send now what waits: for those who drive the clock themselves."""
        while True:
            try:
                body = self._events.get_nowait()
            except queue.Empty:
                return
            if body is not None:
                self._event(body)

    def _ask(self, kind: str, payload: Json, body: str, content_type: str) -> Json:
        if self.links:
            self._turn += 1
            return self.links[self._turn % len(self.links)].request(kind, payload, ACK_SECONDS)
        if self.app is None:
            raise NoAnswerError("No app is connected to this workspace.")
        return self._post(self.app, body, content_type)

    def _post(self, app: HttpApp, body: str, content_type: str, **headers: str) -> Json:
        stamp = str(int(self.clock.now().timestamp()))
        base = f"v0:{stamp}:".encode() + body.encode()
        signature = "v0=" + hmac.new(app.signing_secret.encode(), base, hashlib.sha256).hexdigest()
        signed = {
            "Content-Type": content_type,
            "X-Slack-Request-Timestamp": stamp,
            "X-Slack-Signature": signature,
            **headers,
        }
        try:
            answer = self._http.post(app.url, content=body.encode(), headers=signed)
        except httpx.HTTPError as error:
            raise NoAnswerError(f"operation_timeout ({type(error).__name__})") from error
        if answer.status_code != httpx.codes.OK:
            raise NoAnswerError(f"The app answered {answer.status_code}.")
        return _read(answer.text)

    def _deliver_events(self) -> None:
        while (body := self._events.get()) is not None:
            self._event(body)

    def _event(self, body: Json) -> None:
        for attempt, pause in enumerate(EVENT_PAUSES):
            if pause:
                threading.Event().wait(pause)
            try:
                if self.links:
                    self._turn += 1
                    link = self.links[self._turn % len(self.links)]
                    link.request("events_api", body, ACK_SECONDS, retry=attempt)
                elif self.app is not None:
                    retried = {"X-Slack-Retry-Num": str(attempt), "X-Slack-Retry-Reason": "http_error"}
                    self._post(self.app, json.dumps(body), "application/json", **(retried if attempt else {}))
            except NoAnswerError as error:
                log.debug("workspace.event_refused", attempt=attempt, problem=str(error))
            else:
                return


def _read(text: str) -> Json:
    """Read an answer: JSON, or a text to be shown to the person alone."""
    if not text.strip():
        return {}
    try:
        found: Any = json.loads(text)
    except ValueError:
        return {"text": text}
    return found if isinstance(found, dict) else {"text": text}
