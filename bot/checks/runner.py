"""Runs one check in a process group of its own, with limits; whatever happens there, the answer is a sentence."""

import json
import math
import signal
import time
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from bot.catalog.config import Limits, Model, PrometheusServer
from bot.checks.answering import answer as metered_answer
from bot.checks.contract import FAILED, NOT_CONFIGURED, TIMED_OUT, CheckRequest, CheckResult
from bot.checks.known import NOTHING, Known
from bot.checks.launch import launch
from bot.checks.refusals import refusal
from bot.checks.registry import Check, Question, read_params
from bot.core.errors import BotError
from bot.core.logging import get_logger
from bot.data import open_model, secrets_for

OUTPUT_MIB = 8
START_SECONDS = 10
log = get_logger(__name__)


def run_check(
    check: Check,
    request: CheckRequest,
    model: Model | None,
    *,
    base: Path,
    limits: Limits,
    known: Known = NOTHING,
    prometheus: PrometheusServer | None = None,
    isolated: bool = True,
) -> CheckResult:
    """Answer one request. Raises BotError for parameters that are wrong; everything else is a verdict.

    isolated: in a process group of its own, with limits; False only where the caller is such a process already.
    """
    params = read_params(check, request.params)
    start = time.monotonic()
    if not check.needs_rows:
        named = model or Model(name=request.model or "this model")
        question = Question(params, named, None, request.at, known, prometheus, request.now)  # type: ignore[arg-type]
        answer = check.load()(question)
    elif model is None or model.data is None:
        answer = CheckResult(NOT_CONFIGURED, what_to_add(request.model))
    elif isolated:
        answer = _in_process(check, request, model, base, limits, known)
    else:
        rows = open_model(model, base, limits)
        answer = _here(check, Question(params, model, rows, request.at, known, now=request.now))
    return replace(answer, seconds=time.monotonic() - start)


def _here(check: Check, question: Question) -> CheckResult:
    try:
        return metered_answer(check.load(), question)
    except BotError as error:
        return refusal(error)


def what_to_add(model: str | None) -> str:
    name = model or "the model's name"
    return (
        f"Muster does not know where {model or 'this model'}'s rows lie. Add to muster.yaml: "
        f"`models: [{{name: {name}, data: {{predictions: path/to/*.parquet, time: event_time, prediction: answer}}}}]`."
    )


def _in_process(
    check: Check,
    request: CheckRequest,
    model: Model,
    base: Path,
    limits: Limits,
    known: Known,
) -> CheckResult:
    asked = {
        "room": check.room,
        "params_type": f"{check.params.__module__}:{check.params.__qualname__}",
        "params": dict(request.params),
        "model": model.model_dump(mode="json"),
        "limits": limits.model_dump(mode="json"),
        "base": str(base.resolve()),
        "at": request.at.isoformat(),
        "now": request.now.isoformat() if request.now else None,
        "secrets": _secrets(model),
        "known": TypeAdapter(Known).dump_python(known, mode="json"),
        "memory_mib": limits.memory_mib,
        "cpu_seconds": math.ceil(limits.seconds) * 2 + START_SECONDS,
        "output_mib": OUTPUT_MIB,
    }
    ended = launch(asked, limits.seconds + START_SECONDS / 2)
    if ended.code is None:
        return CheckResult(TIMED_OUT, f"{check.name} was stopped after {limits.seconds:g} s. {_ask_less()}")
    if ended.code != 0:
        return CheckResult(FAILED, _why(check, ended.code, ended.complaint, limits))
    return _read(check, ended.answer)


def _secrets(model: Model) -> dict[str, str]:
    """What a check needs of the environment to read the model's rows; the rest of it stays here."""
    data = model.data
    if data is None:
        return {}
    if data.database:
        value = data.database.read()
        return {data.database.env: value} if value else {}
    labels = data.labels.path if data.labels else None
    paths = [path for path in (data.predictions, data.reference, data.holdout, labels) if path]
    return {name: value for path in paths for name, value in secrets_for(path).items()}


def _why(check: Check, code: int, said: str, limits: Limits) -> str:
    log.warning("check.failed", check=check.name, code=code, said=said[-2000:])
    if "MemoryError" in said or "OutOfMemory" in said or "bad_alloc" in said or "Unable to allocate" in said:
        return f"{check.name} needed more than the {limits.memory_mib} MiB it may use. {_ask_less()}"
    if code == -signal.SIGXFSZ or "File too large" in said:
        return f"{check.name} answered more than {OUTPUT_MIB} MiB; that is a fault of the check."
    if code < 0:
        name = signal.Signals(-code).name
        return f"{check.name} was ended by {name}. {_ask_less()}"
    last = said.splitlines()[-1] if said else f"exit status {code}"
    return f"{check.name} failed: {last[:300]}"


def _ask_less() -> str:
    return "Ask for a shorter window, or raise `limits:` in muster.yaml."


def _read(check: Check, answer: bytes) -> CheckResult:
    line, _, png = answer.partition(b"\n")
    try:
        said: dict[str, Any] = json.loads(line)
        return CheckResult(
            **{
                **said,
                "columns": tuple(said.get("columns", ())),
                "rows": tuple(tuple(row) for row in said.get("rows", ())),
                "notes": tuple(said.get("notes", ())),
                "window_start": _moment(said.get("window_start")),
                "window_end": _moment(said.get("window_end")),
                "png": png or None,
            }
        )
    except (ValueError, TypeError, AttributeError):
        return CheckResult(FAILED, f"{check.name} gave an answer that could not be read.")


def _moment(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
