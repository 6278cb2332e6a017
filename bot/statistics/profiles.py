"""Profiles: what is kept of one column of one window.

An `ExactProfile` keeps the sorted values. A `SketchProfile` keeps rows a cell (see `cells`): its size is bounded
whatever the rows, and profiles of parts add up to the profile of the whole. A `CategoricalProfile` keeps rows a
category. A current window is profiled *like* its reference (`profile_like`), so the two can be compared.
"""

import json
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Self

import numpy as np
from numpy.typing import NDArray

from bot.statistics.cells import CELLS, MINUS_INFINITY, PLUS_INFINITY, Scale, cell_of, midpoints, place, scale_of
from bot.statistics.columns import Column, Counts, Floats, as_numbers, count_categories, is_numeric

Mode = Literal["auto", "exact", "sketch"]

VERSION = 1
FULLEST_CELL = 0.005
"""A cell of several distinct values with more than this share of the rows makes a sketch too coarse for its column."""
CATEGORY_CAP = 1000
"""Categories (and, apart from them, new categories) counted by name; the rest are one count, `other`."""

_EXACT, _SKETCH, _CATEGORICAL = b"MXE", b"MXS", b"MXC"
_SKETCH_HEADER = struct.Struct("<ddqI")


class ProfileError(ValueError):
    """Profiles that can't be read or put together."""


@dataclass(frozen=True, slots=True, eq=False)
class ExactProfile:
    """Sorted values (float64, shape (rows - nulls,), infinities included) and the number of null rows."""

    values: Floats
    nulls: int = 0

    @property
    def present(self) -> int:
        return int(self.values.size)

    @property
    def rows(self) -> int:
        return self.present + self.nulls

    def quantile(self, share: float) -> float:
        """The smallest value with at least `share` (0 to 1) of the rows at or below it; NaN never: 0 rows raise."""
        _some(self.present)
        return float(self.values[max(0, int(np.ceil(share * self.present - 1e-9)) - 1)])

    def share_at_or_below(self, value: float) -> float:
        _some(self.present)
        return float(np.searchsorted(self.values, value, side="right")) / self.present

    def points(self, count: int) -> Floats:
        """`count` values (fewer if there are fewer rows) evenly spread over the ranks, ascending."""
        if self.present <= count:
            return self.values
        return self.values[((np.arange(count) + 0.5) * (self.present / count)).astype(np.intp)]

    def merge(self, other: Self) -> "ExactProfile":
        values = np.sort(np.concatenate([self.values, other.values]), kind="stable")
        return ExactProfile(values, self.nulls + other.nulls)

    def to_bytes(self) -> bytes:
        return _EXACT + struct.pack("<Bq", VERSION, self.nulls) + self.values.astype("<f8").tobytes()

    @classmethod
    def from_bytes(cls, body: bytes) -> "ExactProfile":
        rest = _body(body, _EXACT)
        (nulls,) = struct.unpack_from("<q", rest)
        return cls(np.frombuffer(rest, dtype="<f8", offset=8).astype(np.float64), nulls)


@dataclass(frozen=True, slots=True, eq=False)
class SketchProfile:
    """Rows a cell: the non-empty `cells` (ascending, uint16) and the `counts` of each (int64), under one `scale`."""

    scale: Scale
    cells: NDArray[np.uint16]
    counts: Counts
    nulls: int = 0
    cumulative: Counts = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "cumulative", np.cumsum(self.counts))

    @property
    def present(self) -> int:
        return int(self.cumulative[-1]) if self.cumulative.size else 0

    @property
    def rows(self) -> int:
        return self.present + self.nulls

    def quantile(self, share: float) -> float:
        """The middle of the cell that holds the exact quantile: within 0.8 % of its distance from the median."""
        _some(self.present)
        at = int(np.searchsorted(self.cumulative, share * self.present - 1e-9))
        return float(self._middle(self.cells[min(at, self.cells.size - 1)]))

    def share_at_or_below(self, value: float) -> float:
        """The share of rows in the cells up to the one of `value`."""
        _some(self.present)
        if np.isinf(value):
            cell = PLUS_INFINITY if value > 0 else MINUS_INFINITY
        else:
            cell = int(cell_of(np.array([value], dtype=np.float64), self.scale)[0])
        at = int(np.searchsorted(self.cells, cell, side="right"))
        return (int(self.cumulative[at - 1]) if at else 0) / self.present

    def points(self, count: int) -> Floats:
        """`count` values evenly spread over the ranks, ascending, each the middle of its cell."""
        present = self.present
        count = min(count, present)
        ranks = (np.arange(count) + 0.5) * (present / max(count, 1))
        at = np.searchsorted(self.cumulative, ranks, side="right")
        return np.asarray(self._middle(self.cells[at]), dtype=np.float64)

    def _middle(self, cells: NDArray[np.uint16]) -> Floats:
        with np.errstate(over="ignore"):
            return midpoints()[cells] * self.scale.width + self.scale.centre

    def merge(self, other: Self) -> "SketchProfile":
        if self.scale != other.scale:
            raise ProfileError("These sketches have different scales; profile both windows like the same reference.")
        return _sketch(self.scale, self.dense() + other.dense(), self.nulls + other.nulls)

    def dense(self) -> Counts:
        """Rows of every cell, shape (65536,)."""
        counts = np.zeros(CELLS, dtype=np.int64)
        counts[self.cells] = self.counts
        return counts

    def to_bytes(self) -> bytes:
        """At most 655,389 bytes, whatever the rows; 10 to 35 kB is usual."""
        header = _SKETCH_HEADER.pack(self.scale.centre, self.scale.width, self.nulls, self.cells.size)
        cells, counts = self.cells.astype("<u2").tobytes(), self.counts.astype("<i8").tobytes()
        return _SKETCH + bytes([VERSION]) + header + cells + counts

    @classmethod
    def from_bytes(cls, body: bytes) -> "SketchProfile":
        rest = _body(body, _SKETCH)
        centre, width, nulls, size = _SKETCH_HEADER.unpack_from(rest)
        start = _SKETCH_HEADER.size
        cells = np.frombuffer(rest, dtype="<u2", count=size, offset=start).astype(np.uint16)
        counts = np.frombuffer(rest, dtype="<i8", count=size, offset=start + 2 * size).astype(np.int64)
        return cls(Scale(centre, width), cells, counts, nulls)


@dataclass(frozen=True, slots=True)
class CategoricalProfile:
    """Rows a category, by its text. `new` are categories the reference has not; `other` is beyond `CATEGORY_CAP`."""

    counts: Mapping[str, int]
    new: Mapping[str, int] = field(default_factory=dict)
    other: int = 0
    nulls: int = 0

    @property
    def present(self) -> int:
        return sum(self.counts.values()) + sum(self.new.values()) + self.other

    @property
    def rows(self) -> int:
        return self.present + self.nulls

    def share(self, category: str) -> float:
        _some(self.present)
        return (self.counts.get(category, 0) + self.new.get(category, 0)) / self.present

    def merge(self, other: Self) -> "CategoricalProfile":
        counts, new = dict(self.counts), dict(self.new)
        for name, size in other.counts.items():
            counts[name] = counts.get(name, 0) + size
        for name, size in other.new.items():
            into = counts if name in counts else new
            into[name] = into.get(name, 0) + size
        for name in [name for name in new if name in counts]:
            counts[name] += new.pop(name)
        return CategoricalProfile(counts, new, self.other + other.other, self.nulls + other.nulls)

    def to_bytes(self) -> bytes:
        content = {"counts": dict(self.counts), "new": dict(self.new), "other": self.other, "nulls": self.nulls}
        return _CATEGORICAL + bytes([VERSION]) + json.dumps(content, sort_keys=True).encode()

    @classmethod
    def from_bytes(cls, body: bytes) -> "CategoricalProfile":
        content = json.loads(_body(body, _CATEGORICAL))
        return cls(content["counts"], content["new"], int(content["other"]), int(content["nulls"]))


NumericProfile = ExactProfile | SketchProfile
Profile = NumericProfile | CategoricalProfile


def fit_profile(values: Column, *, mode: Mode = "auto") -> Profile:
    """The profile of a reference window, numeric or categorical by what it holds."""
    return fit_numeric(values, mode=mode) if is_numeric(values) else fit_categorical(values)


def fit_numeric(values: Column, *, mode: Mode = "auto") -> NumericProfile:
    """The profile of a numeric reference column.

    `auto` is a sketch unless some cell holds more than one distinct value and over 0.5 % of the rows: that share is
    the bound on the error of any share read from the sketch, so such a column keeps its values.
    """
    exact = _exact(as_numbers(values))
    if mode == "exact":
        return exact
    sketch = _sketch_of(exact.values, scale_of(exact.values), exact.nulls)
    return exact if mode == "auto" and sketch_error_bound(sketch, exact) > FULLEST_CELL else sketch


def fit_categorical(values: Column) -> CategoricalProfile:
    counts, nulls = count_categories(values)
    kept, other = _largest(counts, CATEGORY_CAP)
    return CategoricalProfile(kept, {}, other, nulls)


def profile_like(reference: Profile, values: Column) -> Profile:
    """The profile of another window of the same column, comparable (and, if numeric, mergeable) with the reference."""
    if isinstance(reference, CategoricalProfile):
        counts, nulls = count_categories(values)
        known = {name: counts.pop(name) for name in reference.counts if name in counts}
        new, other = _largest(counts, CATEGORY_CAP)
        return CategoricalProfile(known, new, other, nulls)
    column = as_numbers(values)
    if isinstance(reference, ExactProfile):
        return _exact(column)
    cells = place(column, reference.scale)
    return _sketch(reference.scale, cells, int(column.size) - int(cells.sum()))


def read_profile(body: bytes) -> Profile:
    """A profile from its bytes, whichever kind it is."""
    readers: dict[bytes, Callable[[bytes], Profile]] = {
        _EXACT: ExactProfile.from_bytes,
        _SKETCH: SketchProfile.from_bytes,
        _CATEGORICAL: CategoricalProfile.from_bytes,
    }
    reader = readers.get(body[:3])
    if reader is None:
        raise ProfileError("These bytes are no profile.")
    return reader(body)


def sketch_error_bound(sketch: SketchProfile, exact: ExactProfile) -> float:
    """The largest share of the rows in one cell of more than one distinct value: no share is wrong by more."""
    if exact.present == 0:
        return 0.0
    share = sketch.counts / exact.present
    worst = 0.0
    for at in np.flatnonzero(share > FULLEST_CELL):
        end = int(sketch.cumulative[at])
        if exact.values[end - int(sketch.counts[at])] != exact.values[end - 1]:
            worst = max(worst, float(share[at]))
    return worst


def _exact(column: Floats) -> ExactProfile:
    ordered = column + 0.0  # makes -0.0 the same as 0.0
    ordered.sort()  # NaN sorts last
    present = int(np.searchsorted(ordered, np.nan))
    return ExactProfile(ordered[:present], int(column.size) - present)


def _sketch_of(values: Floats, scale: Scale, nulls: int) -> SketchProfile:
    return _sketch(scale, place(values, scale), nulls)


def _sketch(scale: Scale, dense: Counts, nulls: int) -> SketchProfile:
    cells = np.flatnonzero(dense != 0)
    return SketchProfile(scale, cells.astype(np.uint16), dense[cells], nulls)


def _largest(counts: Mapping[str, int], cap: int) -> tuple[dict[str, int], int]:
    kept = counts.items()
    if len(counts) > cap:  # sorting all of 100,000 identifiers takes longer than counting them
        sizes = np.fromiter(counts.values(), np.int64, len(counts))
        least = int(np.partition(sizes, -cap)[-cap])
        above = [(name, size) for name, size in kept if size > least]
        ties = sorted(name for name, size in kept if size == least)
        found = dict(sorted(above, key=lambda item: (-item[1], item[0])))
        found.update(dict.fromkeys(ties[: cap - len(above)], least))
        return found, int(sizes.sum()) - sum(found.values())
    return dict(sorted(kept, key=lambda item: (-item[1], item[0]))), 0


def _some(present: int) -> None:
    if present == 0:
        raise ProfileError("This profile holds no value; look at `present` before asking for a quantile or a share.")


def _body(body: bytes, magic: bytes) -> bytes:
    if body[:3] != magic:
        raise ProfileError(f"These bytes are no {magic.decode()} profile.")
    if body[3] != VERSION:
        raise ProfileError(
            f"This profile has version {body[3]}; version {VERSION} can be read. Profile the data again."
        )
    return body[4:]
