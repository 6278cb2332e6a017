"""Small values that `muster.yaml` is made of."""

import os
import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, PlainSerializer

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_DURATION = re.compile(r"([0-9]+(?:\.[0-9]+)?)\s*([smhdw])")


def parse_duration(value: Any) -> timedelta:  # noqa: ANN401
    """Read `90s`, `5m`, `1h`, `7d`, `2w`."""
    if isinstance(value, timedelta):
        return value
    found = _DURATION.fullmatch(str(value).strip())
    if found is None or not found[1].isascii():
        raise ValueError(f"{value!r} is not a duration; write 30s, 5m, 1h, 7d or 2w")
    length = timedelta(seconds=float(found[1]) * _UNITS[found[2]])
    if length > timedelta(days=3660):
        raise ValueError(f"{value!r} is longer than ten years")
    return length


def format_duration(length: timedelta) -> str:
    """Write a duration in its largest whole unit, as `parse_duration` reads it."""
    seconds = length.total_seconds()
    for unit in ("w", "d", "h", "m"):
        if seconds and seconds % _UNITS[unit] == 0:
            return f"{int(seconds // _UNITS[unit])}{unit}"
    return f"{seconds:g}s"


_WEEKS = {"day": 1 / 7, "week": 1.0, "month": 365.25 / 84, "year": 365.25 / 7}
_RATE = re.compile(r"\s*(\d+(?:\.\d+)?|\.\d+)\s*/\s*(day|week|month|year)\s*", re.ASCII)
MOST_A_WEEK = 10_000


def parse_rate(value: Any) -> float:  # noqa: ANN401
    """Read `1/week`, `2/day`, `0.5/month` as a number a week."""
    found = _RATE.fullmatch(str(value))
    number = float(found[1]) / _WEEKS[found[2]] if found else 0.0
    if not 0 < number <= MOST_A_WEEK:
        raise ValueError(f"{value!r} is no budget; write false alerts per time, such as 1/week, 2/day or 0.5/month")
    return number


def format_rate(per_week: float) -> str:
    return f"{per_week:.12g}/week"


_PART = re.compile(r"\s*(\d+(?:\.\d+)?|\.\d+)\s*(%?)\s*", re.ASCII)


def parse_part(value: Any) -> float:  # noqa: ANN401
    """Read `5%` or `0.05` as a part between 0 and 1."""
    found = _PART.fullmatch(str(value))
    part = float(found[1]) / (100 if found[2] else 1) if found else 0.0
    if not 0 < part < 1:
        raise ValueError(f"{value!r} is no part of a whole; write 5% or 0.05")
    return part


def format_part(part: float) -> str:
    return f"{100 * part:.12g}%"


Part = Annotated[float, BeforeValidator(parse_part), PlainSerializer(format_part)]
Rate = Annotated[float, BeforeValidator(parse_rate), PlainSerializer(format_rate)]
Duration = Annotated[timedelta, BeforeValidator(parse_duration), PlainSerializer(format_duration)]


class Strict(BaseModel):
    """A part of the configuration: frozen, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class SecretRef(Strict):
    """`{env: NAME}`: the configuration names a secret, it never holds one."""

    env: str

    def read(self) -> str | None:
        return os.environ.get(self.env) or None

    def __str__(self) -> str:
        return f"${self.env}"
