"""A responder who plays the demo's incident through the doors people use, and says at each stage what was seen."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from bot.demo.arrival import NAME as SECOND
from bot.demo.eta import FALLBACK
from bot.demo.run import Demo
from bot.entrypoints.local import LocalHouse
from bot.workspace.looking import Control, elements, find_control, text_of, transcript
from bot.workspace.state import Channel, Json

ADA, BO = "U1", "U2"
PATIENCE = 60.0
Found = TypeVar("Found")


class StageError(Exception):
    """Something that had to happen did not."""


class Responder:
    def __init__(self, home: LocalHouse, model: Demo, folder: Path) -> None:
        self.home = home
        self.workspace = home.workspace.workspace
        self.actors = home.workspace.actors
        self.model = model
        self.folder = folder
        self.start = time.monotonic()
        self._channel: Channel | None = None

    def play(self) -> bool:
        """Play every stage; False: one did not happen, and which is said."""
        stages: list[tuple[str, Callable[[], str]]] = [
            ("the monitor pages and the channel opens", self.opened),
            ("acknowledged by button", self.acknowledged),
            ("the card names the cause", self.cause),
            ("the runbook's first step ran its checks and suggests an answer", self.first_step),
            ("a check by command", self.check),
            ("the suggested answer is pressed", self.answered),
            ("the source is isolated", self.isolated),
            ("the impact is recorded", self.recorded),
            ("the action really switched the model", self.switched),
            ("the answers are verified to be back", self.verified),
            ("the pipeline is rolled back and the follow-up recorded", self.followed_up),
            ("resolved by form", self.resolved),
            ("the postmortem is shared as a file", self.postmortem),
            ("the second model is made slow from the workspace, and pages", self.slow),
        ]
        for name, stage in stages:
            try:
                seen = stage()
            except StageError as error:
                print(f"✖ {name}: {error}", file=sys.stderr)
                self.tell()
                return False
            print(f"✔ {time.monotonic() - self.start:5.1f} s  {name}: {seen}", flush=True)
        self.tell()
        return True

    def tell(self) -> None:
        if self._channel is not None:
            print(f"\n{transcript(self.workspace, self._channel)}\n")

    # stages

    def opened(self) -> str:
        self._channel = self.until(
            lambda: next((one for one in self.workspace.channels.values() if one.name.startswith("inc-1-")), None),
            "a channel inc-1-…",
        )
        self.control("Acknowledge")
        return f"#{self.channel.name}, {self.first_line(self.card)}"

    def acknowledged(self) -> str:
        self.press("Acknowledge")
        self.until(lambda: "@U1" in text_of(self.card), "@ada as commander on the card")
        return "ada is commander"

    def cause(self) -> str:
        said = self.until(
            lambda: next((one for one in text_of(self.card).splitlines() if "Probable cause" in one), None),
            "a probable cause on the card",
        )
        if "dep_" not in said:
            raise StageError(f"the cause does not name the feature: {said}")
        return said.replace("*", "").replace("\u200b", "")

    def first_step(self) -> str:
        said = self.until(
            lambda: next((one for one in text_of(self.step).splitlines() if one.startswith("Suggested:")), None),
            "a suggestion in the first step",
        )
        return said.replace("*", "")

    def check(self) -> str:
        self.actors.command(ADA, self.channel.id, "/incident check segments")
        answer = self.until(lambda: self.message("evidence E-", "*segments*"), "the answer of `segments`")
        return text_of(answer).splitlines()[1].replace("\u200b", "")

    def answered(self) -> str:
        label = self.until(self._suggested_label, "a suggested button")
        self.press(label)
        self.until(lambda: "Isolate the source" in self.step["text"], "the step *Isolate the source*")
        return label

    def isolated(self) -> str:
        self.until(lambda: "changes" in text_of(self.step) and self._checks_answered(), "its checks")
        said = next(line for line in text_of(self.step).splitlines() if "segments" in line)
        self.press("Done")
        return said.replace("*", "").replace("\u200b", "")

    def recorded(self) -> str:
        self.record("Assess the impact", {"affected": "Flights from Newark: passengers rebooked without need."})
        return "Flights from Newark"

    def switched(self) -> str:
        self.until(lambda: "Mitigate" in self.step["text"], "the step *Mitigate*")
        self.press("Switch to fallback")
        self.submit({})
        if not self.model.wait_active(FALLBACK, PATIENCE):
            raise StageError("the model's service still answers with the old version")
        self.press("Done")
        return f"the service answers with {FALLBACK}"

    def verified(self) -> str:
        self.until(lambda: "Verify that it worked" in self.step["text"], "the step *Verify that it worked*")
        deadline = time.monotonic() + PATIENCE
        while True:
            self.until(self._checks_answered, "the check that verifies")
            if "no change" in text_of(self.step):
                break
            if time.monotonic() > deadline:
                raise StageError(f"the share did not come back: {text_of(self.step)}")
            time.sleep(2)
            self.press("Run checks again")
            time.sleep(0.5)
        said = next(line for line in text_of(self.step).splitlines() if "segments" in line)
        self.press("Yes, the share is back")
        return said.replace("*", "")

    def followed_up(self) -> str:
        self.model.heal()
        self.record("Repair, and keep it from coming back", {"follow_up": "Validate units where flights are taken in."})
        self.actors.command(ADA, self.channel.id, "/incident item Validate units where flights are taken in @bo")
        return "rolled back; one action item for bo"

    def resolved(self) -> str:
        self.press("Resolve")
        self.submit(
            {"how": "fixed", "fix": "flights-etl rolled back", "backfill": "not_needed", "verdict": "actionable"}
        )
        self.until(lambda: self.first_line(self.card).startswith("✅"), "a resolved card")
        return self.first_line(self.card)

    def postmortem(self) -> str:
        self.actors.command(ADA, self.channel.id, "/incident postmortem")
        file = self.until(
            lambda: next(
                (
                    one
                    for message in self.channel.messages
                    for one in message.get("files", [])
                    if one["name"].endswith("postmortem.md")
                ),
                None,
            ),
            "the postmortem's file in the channel",
        )
        path = self.folder / "INC-1.md"
        path.write_bytes(self.workspace.files[file["id"]].content)
        if "## Timeline" not in path.read_text("utf-8"):
            raise StageError(f"{path} has no timeline")
        return str(path)

    def slow(self) -> str:
        """Press the demo's own button, and see an incident of its own."""
        at = self.until(lambda: find_control(self.workspace, "Latency"), "the button *Latency* of the pinned message")
        self.actors.press(ADA, at.channel, at.ts, at.action_id, at.choice)
        second = self.until(
            lambda: next((one for one in self.workspace.channels.values() if f"-{SECOND}-" in one.name), None),
            f"a channel of {SECOND}",
        )
        card = self.until(lambda: next(iter(second.messages), None), "its card")
        said = self.first_line(card)
        if "latency" not in said:
            raise StageError(f"the second incident is of something else: {said}")
        self.model.heal()
        return f"#{second.name}, {said}"

    # how a person looks and presses

    @property
    def channel(self) -> Channel:
        if self._channel is None:
            raise StageError("there is no incident channel")
        return self._channel

    @property
    def card(self) -> Json:
        return self.channel.messages[0]

    @property
    def step(self) -> Json:
        """The current step: the newest message that is one."""
        steps = [message for message in self.channel.messages if message.get("text", "").startswith("Step ")]
        return steps[-1] if steps else {"text": "", "blocks": []}

    def first_line(self, message: Json) -> str:
        return text_of(message).splitlines()[0]

    def message(self, *parts: str) -> Json | None:
        found = [one for one in self.channel.messages if all(part in text_of(one) for part in parts)]
        return found[-1] if found else None

    def _checks_answered(self) -> bool:
        said = text_of(self.step)
        return "running" not in said and "waits for its turn" not in said

    def _suggested_label(self) -> str | None:
        for element in elements(self.step):
            if element.get("style") == "primary" and "Suggested" in text_of(self.step):
                return str(element["text"]["text"])
        return None

    def control(self, label: str) -> Control:
        return self.until(lambda: find_control(self.workspace, label, self.channel.id), f"the button {label!r}")

    def press(self, label: str) -> None:
        at = self.control(label)
        self.actors.press(ADA, at.channel, at.ts, at.action_id, at.choice)

    def submit(self, values: dict[str, Any]) -> None:
        modal = self.until(lambda: next(iter(self.workspace.modals.get(ADA, [])[::-1]), None), "a form")
        problems = self.actors.submit(ADA, modal.id, values)
        if problems:
            raise StageError(f"the form was refused: {problems}")

    def record(self, step: str, values: dict[str, str]) -> None:
        self.until(lambda: step in self.step["text"], f"the step *{step}*")
        self.press("Record")
        self.submit(values)

    def until(self, look: Callable[[], Found | None], what: str) -> Found:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            if found := look():
                return found
            time.sleep(0.1)
        raise StageError(f"waited {PATIENCE:.0f} s for {what}")
