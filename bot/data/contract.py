"""What every place that holds a model's rows can be asked, whatever engine is behind it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol

from numpy.typing import NDArray

from bot.catalog.config import Limits
from bot.catalog.data import ModelData
from bot.data.by_segment import SegmentSums
from bot.statistics.groups import Groups
from bot.statistics.profiles import Profile

Part = Literal["predictions", "reference", "holdout", "labels"]
Value = str | int | bool
LABEL = "label"
SEED = 20261123


@dataclass(frozen=True, slots=True)
class Frame:
    """Columns of equal length.

    Numbers are float64 with NaN for null, event times datetime64[us] in UTC, everything else objects with None.
    start, end: the window asked for. notes: what to know of these rows (a sample, lost digits).
    """

    columns: dict[str, NDArray[Any]]
    rows: int
    start: datetime | None = None
    end: datetime | None = None
    notes: tuple[str, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class OutcomeColumn:
    """What segments are compared by: the share of `value` in a column, of its nulls, or the mean of a numeric one.

    numbers: the column should hold numbers, so that text which is none counts as null.

    centre: a value near that mean. Sums are taken about it, so that a mean of 1e9 loses no digit of a spread of 1.
    """

    column: str
    value: str | None = None
    nulls: bool = False
    numbers: bool = False
    centre: float = 0.0


@dataclass(frozen=True, slots=True)
class Scan:
    """What an engine has to read for a window, and the size of all, in bytes; an estimate from its own statistics.

    whole: every query reads all of it, so that counting a window's rows before they are read takes as much again.
    """

    size: int
    of: int
    whole: bool = False


class ModelRows(Protocol):
    """One model's rows. Every window is start <= event time < end, UTC; None leaves that side open.

    Raises DataError with what to do: no such part, table, file or column; a source that can't be read or is gone.
    """

    data: ModelData
    limits: Limits

    def has(self, part: Part) -> bool: ...

    def columns(self, part: Part) -> list[str]: ...

    def is_number(self, part: Part, column: str) -> bool: ...

    def latest(self, part: Part) -> datetime | None:
        """The newest event time; None: no row."""

    def earliest(self, part: Part) -> datetime | None: ...

    def count(self, part: Part, start: datetime | None, end: datetime | None) -> int: ...

    def window(
        self,
        part: Part,
        start: datetime | None,
        end: datetime | None,
        columns: list[str] | None = None,
        *,
        most: int | None = None,
    ) -> Frame:
        """The rows of a window; beyond `most` (else `limits.rows`) the same random sample each time."""

    def scan(self, part: Part, start: datetime | None, end: datetime | None, columns: Sequence[str]) -> Scan | None:
        """What reading the window takes; None where the engine can't say."""

    def scan_edges(self, part: Part) -> Scan | None:
        """What finding the newest or the oldest event time takes; None: next to nothing, or the engine can't say."""

    def class_counts(
        self, column: str, value: Value, start: datetime, end: datetime, step: timedelta
    ) -> list[tuple[datetime, int, int]]:
        """Rows of one class, and all rows, in each window of `step` from start to end; also the empty ones."""

    def sums_by(
        self, by: str, outcome: OutcomeColumn | None, start: datetime, end: datetime, step: timedelta
    ) -> SegmentSums:
        """Rows and sums of the outcome for each value of `by` in each window of `step` from start to end.

        Rows are all rows; those with a number, for the mean of a column. Without an outcome only rows are counted.
        """

    def labelled(self, start: datetime | None, end: datetime | None, columns: list[str]) -> Frame:
        """Predictions with their newest label as the column `label`; null where none has come."""

    def profiles(
        self, part: Part, start: datetime | None, end: datetime | None, like: Mapping[str, Profile]
    ) -> dict[str, Profile]:
        """Profiles of the window's columns, comparable with those given, made where the rows lie.

        Of very many rows a random sample is profiled, the same each time, as the profiles' `rows` tell.
        """

    def groups(
        self,
        part: Part,
        start: datetime | None,
        end: datetime | None,
        features: Mapping[str, Sequence[float] | None],
        outcome: OutcomeColumn,
    ) -> Groups:
        """Sums of the outcome by the values of each feature (between the edges given, for numbers), of all rows."""


def as_number(value: Value) -> float | None:
    """A class of a numeric column as a number: 1 is 1.0, whatever the file writes; None: it is none."""
    try:
        return float(value)
    except ValueError:
        return None


def named(part: Part) -> str:
    """`The predictions have`, `The reference has`."""
    return f"The {part} have" if part in {"predictions", "labels"} else f"The {part} has"


def took_too_long(part: Part, seconds: float) -> str:
    return f"Reading the {part} took longer than the {seconds:g} s allowed. Ask for a shorter window, or index time."
