"""The proposal as a `muster.yaml` that a person reads, changes and keeps."""

import math
import os
import re
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from bot.catalog.config import Model
from bot.catalog.data import ModelData
from bot.catalog.monitors import Monitor
from bot.catalog.values import format_duration, format_rate
from bot.core.errors import BotError
from bot.monitoring.watched import Watched
from bot.tuning.proposals.monitors import Proposal

_PLAIN = re.compile(r"[A-Za-z_./][\w ./*=-]*|\d+(\.\d+)?[smhdw]")
_SHADOW = "New monitors are in shadow: they record what they would have said and tell nobody, until you accept them:"


def as_yaml(proposal: Proposal, *, budget: float, said: Sequence[str], notes: Mapping[str, str], given: str) -> str:
    """said: what the back-test found, as comments above. notes: a comment for settings under `data:` by name."""
    model = proposal.model
    assert model.data is not None
    lines = [
        f"# Written by `muster init` from {one_line(given)}. Paths are relative to this file; change what you like."
    ]
    lines += [f"# {one_line(one)}" for one in said]
    lines += ["", "teams:", f"  - {{name: default, budget: {format_rate(budget)}}}  # false pages its on-call bears"]
    lines += [
        "",
        "models:",
        f"  - name: {scalar(model.name)}",
        "    tier: 2  # 1 is the business's lifeline, 3 an experiment",
    ]
    lines += ["    # owner: U0ADA  # who is called, by Slack id", "    data:"]
    lines += _data(model.data, notes, proposal.weighed)
    if proposal.left_out:
        lines.append(f"      # {proposal.left_out} more columns are left out; add those that matter under `features`")
    lines += ["    monitors:", *_monitors(model, proposal.why)]
    return "\n".join(lines) + "\n"


def write(path: Path, text: str) -> None:
    """Write at once or not at all. Raises BotError where the folder can't be written to."""
    try:
        handle, half = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text)
        Path(half).chmod(0o644)
        Path(half).replace(path)
    except OSError as error:
        raise BotError(f"{path} can't be written: {error.strerror}. Choose another place with `--out`.") from error


def scalar(value: Any) -> str:  # noqa: ANN401
    """A value as YAML reads it back the same, quoted only where it must be."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return f"{value:g}" if isinstance(value, float) else str(value)
    text = str(value)
    plain = _PLAIN.fullmatch(text) and not text.endswith(" ") and yaml.safe_load(text) == text
    return text if plain else str(yaml.dump(text, default_style='"', allow_unicode=True, width=math.inf)).rstrip("\n")


def flow(settings: Mapping[str, Any]) -> str:
    return "{" + ", ".join(f"{scalar(key)}: {_value(value)}" for key, value in settings.items()) + "}"


def one_line(text: str) -> str:
    return " ".join("".join(sign if sign.isprintable() else " " for sign in text).split())


def _value(value: Any) -> str:  # noqa: ANN401
    if isinstance(value, dict):
        return flow(value)
    return "[" + ", ".join(scalar(one) for one in value) + "]" if isinstance(value, list) else scalar(value)


def _data(data: ModelData, notes: Mapping[str, str], weighed: str) -> list[str]:
    plain = data.model_dump(mode="json", exclude_defaults=True, exclude={"features"})
    lines = [f"      {name}: {_value(value)}{_note(notes.get(name))}" for name, value in plain.items()]
    if data.features:
        lines.append(f"      features:{_note(f'importance: {weighed}' if weighed else None)}")
        lines += [
            f"        {scalar(name)}: {flow(feature.model_dump(exclude_none=True))}"
            for name, feature in data.features.items()
        ]
    return lines


def _monitors(model: Model, why: Mapping[str, str]) -> list[str]:
    lines = [f"      # {_SHADOW}", "      #   muster monitor accept --all"]
    paging = [one for one in model.monitors if Watched(model, one).pages]
    for comment, monitors in (
        ("These page: they stand close to what users feel.", paging),
        (
            "These page nobody: they are the evidence that names a cause.",
            [one for one in model.monitors if one not in paging],
        ),
    ):
        if monitors:
            lines.append(f"      # {comment}")
            lines += [f"      - {flow(_settings(one))}{_note(why.get(one.name))}" for one in monitors]
    return lines


def _settings(monitor: Monitor) -> dict[str, Any]:
    dumped = monitor.model_dump(mode="json", exclude_unset=True)
    return {**dumped, "window": format_duration(monitor.window)}


def _note(text: str | None) -> str:
    return f"  # {one_line(text)}" if text else ""
