"""What a runbook says, once read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from enum import StrEnum

from bot.catalog.kinds import AlertKind, Severity


class Go(StrEnum):
    """What happens next. TO carries a step's key."""

    NEXT = "next step"
    TO = "go to"
    AGAIN = "again with the next window"
    ESCALATE = "escalate"
    FALSE_ALARM = "close as a false alarm"
    END = "end"


@dataclass(frozen=True, slots=True)
class Directive:
    go: Go
    step: str | None = None

    def __str__(self) -> str:
        return f"go to {self.step}" if self.go is Go.TO else str(self.go)


@dataclass(frozen=True, slots=True)
class When:
    """A check's answer: its verdict, of one check by name or of any."""

    verdict: str
    check: str | None = None


@dataclass(frozen=True, slots=True)
class CheckLine:
    """A check to run, as written; placeholders are filled in when the step opens."""

    line: str
    at: int

    @property
    def name(self) -> str:
        return self.line.split(maxsplit=1)[0] if self.line.split() else ""


@dataclass(frozen=True, slots=True)
class Branch:
    """An answer of a decision (`label` is its button), or what a check's result means."""

    label: str
    directive: Directive
    suggested_by: tuple[When, ...] = ()
    at: int = 0


@dataclass(frozen=True, slots=True)
class Limit:
    length: timedelta
    escalate_to: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """text: the instruction as Markdown. results: by verdict. question, answers: a decision. inputs: name, question."""

    key: str
    title: str
    text: str
    at: int
    checks: tuple[CheckLine, ...] = ()
    actions: tuple[str, ...] = ()
    results: tuple[Branch, ...] = ()
    question: str | None = None
    answers: tuple[Branch, ...] = ()
    inputs: Mapping[str, str] = field(default_factory=dict)
    limit: Limit | None = None


@dataclass(frozen=True, slots=True)
class Match:
    """What alerts a runbook is for. Nothing given fits every alert."""

    kinds: tuple[AlertKind, ...] = ()
    models: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(default_factory=dict)

    def fits(self, kind: str, model: str | None, labels: Mapping[str, str]) -> bool:
        return (
            (not self.kinds or kind in self.kinds)
            and (not self.models or model in self.models)
            and all(labels.get(name) == value for name, value in self.labels.items())
        )

    @property
    def weight(self) -> int:
        """The more it asks for, the better it fits: a model weighs more than a kind."""
        return 4 * bool(self.models) + 2 * len(self.labels) + bool(self.kinds)


@dataclass(frozen=True, slots=True)
class Runbook:
    id: str
    title: str
    text: str
    source: str
    hash: str
    steps: tuple[Step, ...]
    matches: Sequence[Match] = ()
    severity: Severity | None = None
    escalation: str | None = None
    inform: tuple[str, ...] = ()
    reviewed: date | None = None

    def step(self, key: str) -> Step | None:
        return next((step for step in self.steps if step.key == key), None)

    def place(self, key: str) -> int:
        """Return the step's number, from 1."""
        return next(number for number, step in enumerate(self.steps, start=1) if step.key == key)
