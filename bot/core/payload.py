"""JSON from outside, read strictly: what is refused is refused with the place it stands at."""

import json
import math
import re
from typing import Any

from bot.core.errors import BotError

MAX_BYTES = 16 * 1024 * 1024
MAX_DEPTH = 32
_DIGITS = 400
_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKETS = re.compile(rb"[\[{\]}]")


def read_json(body: bytes) -> Any:  # noqa: ANN401
    """Parse a body. NaN, infinities, too deep nesting and broken text raise BotError (400); lone surrogates and NUL
    become U+FFFD, so that every database keeps the same text."""
    _check_depth(body)
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BotError(f"The body is not UTF-8: byte {error.start} can't be read.") from error
    if not text.strip():
        raise BotError("The body is empty; JSON is expected.")
    try:
        value = json.loads(text, parse_constant=_no_constant, parse_float=_finite, parse_int=_bounded)
    except json.JSONDecodeError as error:
        raise BotError(f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}.") from error
    except RecursionError as error:
        raise BotError(f"The body is nested deeper than {MAX_DEPTH} levels.") from error
    return _clean(value)


def _check_depth(body: bytes) -> None:
    """Count brackets outside text before parsing, so that no nesting reaches the parser's recursion."""
    if body.count(b"[") + body.count(b"{") <= MAX_DEPTH:
        return
    depth = 0
    for bracket in _BRACKETS.findall(_TEXT.sub(b"", body)):
        depth += 1 if bracket in b"[{" else -1
        if depth > MAX_DEPTH:
            raise BotError(f"The body is nested deeper than {MAX_DEPTH} levels.")


def _no_constant(name: str) -> float:
    raise BotError(f"{name} is not a JSON number; leave the field out or send null.")


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise BotError(f"The number {text[:40]} is too large.")
    return value


def _bounded(text: str) -> int | float:
    if len(text) > _DIGITS:
        raise BotError(f"A number of {len(text)} digits is too large.")
    value = int(text)
    return value if -(2**63) <= value < 2**63 else float(text)


def _clean(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, str):
        return clean_text(value)
    if isinstance(value, list):
        return [_clean(item) for item in value]
    if isinstance(value, dict):
        return {clean_text(key): _clean(item) for key, item in value.items()}
    return value


def clean_text(text: str) -> str:
    if text.isascii() and "\x00" not in text:
        return text
    return "".join("\ufffd" if char == "\x00" or "\ud800" <= char <= "\udfff" else char for char in text)
