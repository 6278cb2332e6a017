"""Text where numbers are expected: `n/a` among amounts."""

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np

from bot.statistics.columns import Column, as_numbers, is_numeric
from bot.statistics.wording import category, percent

MOSTLY = 0.9
FEW_DIFFERENT = 60
SEEN = 10_000
_CODE = re.compile(r"\s*[-+]?0\d")
"""`007` says which one, not how much."""


@dataclass(frozen=True, slots=True)
class TextAmong:
    """`count` of `rows` hold text that is no number; most often `example`."""

    count: int
    rows: int
    example: str

    def sentence(self, name: str, usual: float = 0.0) -> str:
        share = percent(self.count / self.rows)
        before = f" (usually {percent(usual)})" if usual else ""
        return f"{share} of {name} is text where numbers are expected, e.g. {_quoted(self.example)}{before}"


def holds_numbers(values: Column) -> bool:
    """Whether a column is one of quantities: numbers, or text that nearly always writes a number.

    Text with leading zeros, or with few different values, is codes. Of long columns evenly chosen rows are looked at.
    """
    if is_numeric(values):
        return True
    column = np.asanyarray(values).ravel()
    if column.dtype.kind != "O":
        return False
    cells = [cell for cell in column[:: max(1, column.size // SEEN)].tolist() if cell is not None]
    if not cells or not all(isinstance(cell, (str, int, float)) and not isinstance(cell, bool) for cell in cells):
        return False
    numbers = [cell for cell in cells if not _is_text(cell)]
    if len(numbers) < MOSTLY * len(cells) or any(isinstance(cell, str) and _CODE.match(cell) for cell in numbers):
        return False
    return len({float(cell) for cell in numbers}) > FEW_DIFFERENT


def text_among(values: Column) -> TextAmong | None:
    """The cells that hold text but no number; None: there are none. Blank text is no value."""
    column = np.asanyarray(values).ravel()
    if column.dtype.kind != "O":
        return None
    found = Counter(cell for cell in column.tolist() if _is_text(cell))
    if not found:
        return None
    example = max(found, key=lambda cell: (bool(cell.strip()), found[cell], cell))
    return TextAmong(found.total(), column.size, example)


def as_quantities(reference: Column, current: Column) -> tuple[Column, Column]:
    """Both columns of what the reference says are quantities, text that writes numbers as float64.

    The current one stays as it came where text is among its numbers, for `text_among` to tell of.
    """
    if not holds_numbers(reference):
        return reference, current
    then = reference if is_numeric(reference) else as_numbers(reference)
    written = not is_numeric(current) and text_among(current) is None and _holds_text(current)
    return then, as_numbers(current) if written else current


def _holds_text(values: Column) -> bool:
    return any(isinstance(cell, str) for cell in np.asanyarray(values).ravel().tolist())


def _is_text(cell: Any) -> bool:  # noqa: ANN401
    if not isinstance(cell, str):
        return False
    try:
        float(cell)
    except ValueError:
        return True
    return False


def _quoted(text: str) -> str:
    named = category(text)
    return named if named.startswith("'") else f"'{named}'"
