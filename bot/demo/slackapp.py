"""The demo as a Slack app of its own: a door for presses and `/demo`, and a thread that keeps its message up to date.

It knows Slack by the Web API, Muster by `/v1`, and its own models.
"""

import hashlib
import hmac
import json
import secrets
import threading
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Protocol
from urllib.parse import parse_qs

import httpx
from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse

from bot.core.clock import Clock, SystemClock
from bot.core.errors import BotError
from bot.core.logging import get_logger
from bot.core.trust import trusted
from bot.demo import panel
from bot.demo.faults import FAULTS, fault_named
from bot.demo.panel import Noticed, Standing

POLL_SECONDS = 2.0
TIMEOUT = 5.0
OLDEST_SECONDS = 300
MOST_NOTICED = 3
NO_JUDGEMENT = "no_labels"
log = get_logger(__name__)


class Models(Protocol):
    """The models of the demo, as this app acts on them."""

    def inject(self, fault: str) -> None: ...

    def heal(self) -> None: ...

    def states(self) -> dict[str, dict[str, Any]]: ...


@dataclass(frozen=True, slots=True)
class Places:
    """Where the app's two counterparts are, and its credentials with them. channel: the name of where it speaks."""

    slack_api: str
    bot_token: str
    signing_secret: str
    muster: str
    api_token: str
    channel: str = "general"


class DemoApp:
    """Says its message once, pins it, and edits it as things happen."""

    def __init__(self, models: Models, places: Places, clock: Clock | None = None) -> None:
        self.models = models
        self.places = places
        self.clock = clock or SystemClock()
        self._http = httpx.Client(timeout=TIMEOUT, trust_env=False, verify=trusted())
        self._message: tuple[str, str] | None = None
        self._shown: list[Standing] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="demo-panel", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join(10)
        self._http.close()

    # what people do

    def router(self) -> APIRouter:
        router = APIRouter()

        @router.post("/slack/events", include_in_schema=False)
        async def events(request: Request) -> Response:
            body = await request.body()
            if not signed(self.places.signing_secret, body, request.headers, self.clock.now()):
                return Response("The signature is not Slack's.", status_code=401)
            given = {name: values[-1] for name, values in parse_qs(body.decode()).items()}
            if "payload" in given:
                self.pressed(json.loads(given["payload"]))
                return Response()
            return JSONResponse({"response_type": "ephemeral", "text": self.typed(given.get("text", ""))})

        return router

    def pressed(self, payload: Mapping[str, Any]) -> None:
        """Acknowledge at once: a rollout takes longer than Slack waits."""
        for action in payload.get("actions", []):
            if action.get("action_id") == panel.MEND:
                self._later(None)
            elif str(action.get("value")) in FAULTS:
                self._later(str(action["value"]))

    def typed(self, text: str) -> str:
        """Do what was typed after `/demo`; returns what is told to who typed it."""
        wanted = text.strip().lower()
        if wanted in {"mend", "heal"}:
            self._later(None)
            return "Everything is rolled back to its sound version."
        if wanted in {"", "help", "faults"}:
            return panel.help_text()
        try:
            fault = fault_named(wanted)
        except BotError as error:
            return f"{error.message}\n{panel.help_text()}"
        self._later(fault.name)
        return f"{fault.title}. Expect: {fault.expected}."

    def _later(self, fault: str | None) -> None:
        threading.Thread(target=self._deploy, args=(fault,), name="demo-deploy", daemon=True).start()

    def _deploy(self, fault: str | None) -> None:
        try:
            if fault is None:
                self.models.heal()
            else:
                self.models.inject(fault)
        except (httpx.HTTPError, BotError) as error:
            log.warning("demo.fault_not_deployed", problem=str(error))

    # what is shown

    def _run(self) -> None:
        while not self._stopping.is_set():
            try:
                self.look()
            except (httpx.HTTPError, BotError) as error:
                log.debug("demo.panel", problem=str(error))
            self._stopping.wait(POLL_SECONDS)

    def look(self) -> None:
        """Say how things stand, where that is news."""
        now = [self._standing(name, state) for name, state in self.models.states().items()]
        if self._message is None:
            self._message = self._say(now)
        elif now != self._shown:
            channel, ts = self._message
            self._slack("chat.update", channel=channel, ts=ts, text=panel.text(now), blocks=panel.blocks(now))
        self._shown = now

    def _say(self, now: list[Standing]) -> tuple[str, str]:
        found = self._slack("conversations.list", limit=500)["channels"]
        channel = next((one["id"] for one in found if one["name"] == self.places.channel), None)
        if channel is None:
            raise BotError(f"There is no channel #{self.places.channel} to speak in.")
        self._slack("conversations.join", channel=channel)
        said = self._slack("chat.postMessage", channel=channel, text=panel.text(now), blocks=panel.blocks(now))
        self._slack("pins.add", channel=channel, timestamp=said["ts"])
        return channel, said["ts"]

    def _standing(self, model: str, state: Mapping[str, Any]) -> Standing:
        fault = FAULTS.get(state["fault"] or "")
        since = datetime.fromisoformat(state["since"]) if state["since"] else None
        found = Standing(model, fault, since)
        return replace(found, noticed=self._noticed(found)) if fault else found

    def _noticed(self, one: Standing) -> tuple[Noticed, ...]:
        """What Muster has said of a model since its fault was deployed, pages first."""
        since, labels_held = one.since, one.fault is not None and one.fault.holds_labels
        assert since is not None
        found = []
        for alert in self._muster("alerts?limit=50"):
            seen = datetime.fromisoformat(alert["first_seen_at"])
            if alert["model"] != one.model or seen < since:
                continue
            number = alert["incident_id"]
            channel = self._muster(f"incidents/{number}")["channel_id"] if number else None
            found.append(Noticed((seen - since).total_seconds(), alert["route"], alert["summary"], channel, number))
        for monitor in self._muster("monitors"):
            if monitor["model"] == one.model and monitor["state"] == NO_JUDGEMENT and labels_held:
                after = self._after(one, monitor["monitor"])
                found.append(Noticed(after, f"`{monitor['monitor']}` can't judge", monitor["sentence"]))
        order = {"page": 0, "ticket": 1}
        found.sort(key=lambda each: (order.get(each.route, 2), each.after))
        return tuple(found[:MOST_NOTICED])

    def _after(self, one: Standing, monitor: str) -> float:
        """Seconds until a monitor was first seen unable to judge: kept, as it says so again and again."""
        assert one.since is not None
        known = next((each for each in self._shown if (each.model, each.since) == (one.model, one.since)), None)
        before = [each.after for each in (known.noticed if known else ()) if f"`{monitor}`" in each.route]
        return before[0] if before else (self.clock.now() - one.since).total_seconds()

    # the two counterparts

    def _slack(self, method: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401
        headers = {
            "Authorization": f"Bearer {self.places.bot_token}",
            "Content-Type": "application/json; charset=utf-8",
        }
        url = f"{self.places.slack_api}{method}"
        answer: dict[str, Any] = self._http.post(url, content=json.dumps(arguments), headers=headers).json()
        if not answer["ok"]:
            raise BotError(f"Slack refused {method}: {answer['error']}")
        return answer

    def _muster(self, path: str) -> Any:  # noqa: ANN401
        headers = {"Authorization": f"Bearer {self.places.api_token}"}
        answer = self._http.get(f"{self.places.muster}/v1/{path}", headers=headers)
        answer.raise_for_status()
        return answer.json()


def signed(secret: str, body: bytes, headers: Mapping[str, str], now: datetime) -> bool:
    """Tell whether Slack signed this a short while ago."""
    stamp, given = headers.get("x-slack-request-timestamp", ""), headers.get("x-slack-signature", "")
    if not stamp.isdecimal() or abs(now.timestamp() - int(stamp)) > OLDEST_SECONDS:
        return False
    wanted = "v0=" + hmac.new(secret.encode(), f"v0:{stamp}:".encode() + body, hashlib.sha256).hexdigest()
    return secrets.compare_digest(wanted.encode(), given.encode("utf-8", "replace"))
