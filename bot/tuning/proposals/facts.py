"""What can be seen of a table's columns in a sample of its rows."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bot.data import Frame
from bot.statistics.columns import as_numbers, category_text

SAMPLED = 20_000
MOST_CELLS = 4_000_000
LIKE_TIMES = 0.95
MILLISECONDS = 1e11
SINCE, UNTIL = 946_684_800.0, 4_102_444_800.0
"""2000 and 2100: numbers between them, of seconds or milliseconds, may be times."""
_LOOKED_AT = 500
_MOST_COUNTED = 1000


class Kind(StrEnum):
    TIME = "times"
    NUMBER = "numbers"
    FLAG = "true or false"
    TEXT = "text"
    NESTED = "lists or structures"
    EMPTY = "nothing"


@dataclass(frozen=True, slots=True)
class Facts:
    """One column of the sample.

    empty: share of rows without a value. counts: rows by value, where there are few values. times: the values as
    datetime64[us] in UTC, where they are, or read as, times. written: how times are written.
    """

    name: str
    kind: Kind
    values: NDArray[Any]
    empty: float
    distinct: int
    counts: Mapping[str, int]
    times: NDArray[Any] | None = None
    written: str = "times"

    @property
    def rows(self) -> int:
        return int(self.values.size)

    @property
    def present(self) -> int:
        return round(self.rows * (1 - self.empty))

    @property
    def is_unique(self) -> bool:
        return self.empty == 0 and self.distinct == self.rows

    @property
    def is_whole(self) -> bool:
        if self.kind is not Kind.NUMBER:
            return False
        numbers = self.numbers[np.isfinite(self.numbers)]
        return bool(numbers.size) and bool(np.all(numbers == np.round(numbers)))

    @property
    def numbers(self) -> NDArray[np.float64]:
        return as_numbers(self.values)

    @property
    def classes(self) -> list[str]:
        """Its values by how many rows have them, most first."""
        return [text for text, _ in sorted(self.counts.items(), key=lambda pair: (-pair[1], pair[0]))]

    def share(self, value: str) -> float:
        return self.counts.get(value, 0) / max(1, self.present)


@dataclass(frozen=True, slots=True)
class Look:
    """A table as far as it was looked at: `rows` of all, `seen` of them in the sample."""

    rows: int
    seen: int
    columns: Mapping[str, Facts]

    def of_kind(self, *kinds: Kind) -> list[Facts]:
        return [one for one in self.columns.values() if one.kind in kinds]


def sample_size(columns: int) -> int:
    return max(500, min(SAMPLED, MOST_CELLS // max(1, columns)))


def look_at(frame: Frame, rows: int) -> Look:
    return Look(rows, frame.rows, {name: _facts(name, values) for name, values in frame.columns.items()})


def _facts(name: str, values: NDArray[Any]) -> Facts:
    cells = values.tolist() if values.dtype.kind == "O" else None
    if cells is not None and any(isinstance(cell, list | dict | np.ndarray | bytes) for cell in cells[:_LOOKED_AT]):
        return Facts(name, Kind.NESTED, values, 0.0, 0, {})
    missing = _missing(values, cells)
    empty = float(missing.mean()) if values.size else 1.0
    if empty == 1.0:
        return Facts(name, Kind.EMPTY, values, 1.0, 0, {})
    if values.dtype.kind == "M":
        return _of_times(name, values, empty, values.astype("datetime64[us]"), "times")
    return _of_numbers(name, as_numbers(values), missing, empty) if cells is None else _of_cells(name, values, missing)


def _of_cells(name: str, values: NDArray[Any], missing: NDArray[np.bool_]) -> Facts:
    cells, empty = values.tolist(), float(missing.mean())
    known = [cell for cell in cells if cell is not None]
    flags = all(isinstance(cell, bool) for cell in known)
    if not flags and all(isinstance(cell, int | float | Decimal) for cell in known):
        return _of_numbers(name, as_numbers(values), missing, empty)
    read = None if flags else _read_times(cells)
    if read is not None:
        return _of_times(name, values, empty, read, "times written as text")
    counted = Counter(category_text(cell) for cell in known)
    return Facts(name, Kind.FLAG if flags else Kind.TEXT, values, empty, len(counted), counted)


def _missing(values: NDArray[Any], cells: list[Any] | None) -> NDArray[np.bool_]:
    if cells is not None:
        return np.fromiter((cell is None for cell in cells), dtype=np.bool_, count=len(cells))
    return np.isnat(values) if values.dtype.kind == "M" else np.isnan(values.astype(np.float64))


def _of_times(name: str, values: NDArray[Any], empty: float, times: NDArray[Any], written: str) -> Facts:
    return Facts(name, Kind.TIME, values, empty, int(np.unique(times[~np.isnat(times)]).size), {}, times, written)


def _of_numbers(name: str, numbers: NDArray[np.float64], missing: NDArray[np.bool_], empty: float) -> Facts:
    found, sizes = np.unique(numbers[~missing], return_counts=True)
    few = zip(found.tolist(), sizes.tolist(), strict=True) if found.size <= _MOST_COUNTED else ()
    counts = {category_text(value): int(size) for value, size in few}
    times, written = _since_1970(numbers[~missing]), "numbers"
    if times:
        whole = np.full(numbers.size, np.datetime64("NaT"), dtype="datetime64[us]")
        scaled = numbers[~missing] * (1e6 if times == "seconds" else 1e3)
        whole[~missing] = scaled.astype(np.int64).astype("datetime64[us]")
        return Facts(name, Kind.NUMBER, numbers, empty, int(found.size), counts, whole, f"{times} since 1970")
    return Facts(name, Kind.NUMBER, numbers, empty, int(found.size), counts, None, written)


def _since_1970(numbers: NDArray[np.float64]) -> str | None:
    low, high = float(numbers.min()), float(numbers.max())
    if low >= SINCE and high <= UNTIL:
        return "seconds"
    return "milliseconds" if low >= SINCE * 1000 and high <= UNTIL * 1000 else None


def _read_times(cells: list[Any]) -> NDArray[Any] | None:
    """Texts such as `2026-11-02T02:40:00Z`; None where they are something else."""
    known = [cell for cell in cells if cell is not None]
    if not all(isinstance(cell, str) for cell in known) or not _times_of(known[:20]):
        return None
    found = [_time_of(cell) for cell in cells]
    read = sum(one is not None for one in found)
    return np.array(found, dtype="datetime64[us]") if read >= LIKE_TIMES * len(known) else None


def _times_of(texts: list[str]) -> bool:
    return all(_time_of(one) is not None for one in texts)


def _time_of(text: object) -> datetime | None:
    if not isinstance(text, str) or len(text) < len("2026-11-02"):
        return None
    try:
        read = datetime.fromisoformat(text)
    except ValueError:
        return None
    return read.astimezone(UTC).replace(tzinfo=None) if read.tzinfo else read
