"""What a check is, and how a line such as `drift feature=amount window=1h` becomes a question to one."""

import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from importlib import import_module
from typing import TYPE_CHECKING

from pydantic import ValidationError

from bot.catalog.values import Duration, Strict
from bot.checks.contract import CheckResult
from bot.checks.known import NOTHING, Known
from bot.core.errors import BotError, unknown

if TYPE_CHECKING:
    from bot.catalog.config import Model, PrometheusServer
    from bot.data import ModelRows


class Params(Strict):
    """What every check takes. window: how much event time is looked at; default: the model's own window."""

    window: Duration | None = None


class FeatureParams(Params):
    """feature: the column; without one every feature of the model is looked at."""

    feature: str | None = None


@dataclass(frozen=True, slots=True)
class Question:
    """One check asked of one model. `at` is where the window ends; `known`: what the database has near it.

    `prometheus`: the server of muster.yaml, for a check that asks it. `now`: when it is asked; None: at `at`.
    """

    params: Params
    model: "Model"
    rows: "ModelRows"
    at: datetime
    known: Known = NOTHING
    prometheus: "PrometheusServer | None" = None
    now: datetime | None = None


@dataclass(frozen=True, slots=True)
class Check:
    """name: as people type it. takes: the type of its parameters, or its name in `room`, so that a list of checks need
    not load what they compute with. verdicts: every word it may answer with, the calm one first.

    room: the module that answers, loaded when it is asked. needs_rows: False when it reads no data of the model.
    asks_database: it wants to know of changes, alerts and incidents too.
    asks_prometheus: it reads a metric instead, now and not at the onset of the incident.
    """

    name: str
    summary: str
    takes: type[Params] | str
    verdicts: tuple[str, ...]
    room: str
    needs_rows: bool = True
    asks_prometheus: bool = False
    asks_database: bool = False
    usual_window: timedelta | None = None

    @property
    def params(self) -> type[Params]:
        if isinstance(self.takes, str):
            found: type[Params] = getattr(import_module(self.room), self.takes)
            return found
        return self.takes

    def load(self) -> Callable[[Question], CheckResult]:
        run: Callable[[Question], CheckResult] = import_module(self.room).run
        return run


@dataclass(slots=True)
class Registry:
    by_name: dict[str, Check] = field(default_factory=dict)

    def add(self, check: Check) -> None:
        if check.name in self.by_name:
            raise ValueError(f"check {check.name} is registered twice")
        self.by_name[check.name] = check

    def find(self, name: str) -> Check:
        found = self.by_name.get(name)
        if found is None:
            raise unknown("check", name or "(none)", sorted(self.by_name))
        return found

    def read_line(self, line: str) -> tuple[Check, dict[str, str]]:
        """Read `name key=value …`. Raises BotError with what exists."""
        try:
            words = shlex.split(line)
        except ValueError:
            raise BotError(f"A quotation mark is not closed in: {line}") from None
        check = self.find(words[0] if words else "")
        given = {}
        for word in words[1:]:
            name, sign, value = word.partition("=")
            if not sign or not name:
                raise BotError(f"`{word}` is not a parameter; write it as name=value. {usage(check)}")
            given[name] = value
        read_params(check, given)
        return check, given


def read_params(check: Check, given: Mapping[str, str]) -> Params:
    """Check and convert parameters as typed."""
    try:
        return check.params.model_validate(dict(given))
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        if first["type"] == "extra_forbidden":
            known = sorted(check.params.model_fields)
            raise unknown(f"parameter of {check.name}", name, known) from None
        reason = str(first["msg"]).removeprefix("Value error, ")
        raise BotError(f"`{name}` of {check.name}: {reason}. {usage(check)}") from None


def usage(check: Check) -> str:
    names = " ".join(f"[{name}=…]" for name in check.params.model_fields)
    return f"Usage: {check.name} {names}"
