"""Sums of a column by the values of another and by window: all that watching every segment needs of the rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from bot.data.grouped import plain_category
from bot.statistics.columns import Floats

MOST_SEGMENTS = 50_000


@dataclass(frozen=True, slots=True)
class SegmentSums:
    """names: one a segment, the null among them as `null`. starts: of the windows, oldest first.

    rows, totals, squares: shape (segments, windows); sums about `centre`. segments: how many there are in all; those
    with the fewest rows are left out beyond `MOST_SEGMENTS`.
    """

    names: tuple[str, ...]
    starts: tuple[datetime, ...]
    rows: Floats
    totals: Floats
    squares: Floats
    segments: int
    centre: float = 0.0

    def between(self, start: datetime, end: datetime) -> "SegmentSums":
        """The windows that begin in [start, end)."""
        kept = [at for at, moment in enumerate(self.starts) if start <= moment < end]
        part = slice(kept[0], kept[-1] + 1) if kept else slice(0, 0)
        return SegmentSums(
            self.names,
            self.starts[part],
            self.rows[:, part],
            self.totals[:, part],
            self.squares[:, part],
            self.segments,
            self.centre,
        )


def window_starts(start: datetime, end: datetime, step: timedelta) -> tuple[datetime, ...]:
    return tuple(start + place * step for place in range(-int(-(end - start) // step)))


def read_sums(
    names: Sequence[Any],
    places: Any,  # noqa: ANN401
    sums: Sequence[Any],
    starts: tuple[datetime, ...],
    segments: int,
    centre: float,
) -> SegmentSums:
    """From rows of a `GROUP BY` segment and window, as columns; `sums` are rows, totals and squares."""
    known: dict[Any, int] = {}
    codes = np.fromiter((known.setdefault(name, len(known)) for name in names), dtype=np.int64, count=len(names))
    said: dict[str, int] = {}
    merged = np.fromiter(
        (said.setdefault(plain_category(str(name)), len(said)) for name in known), dtype=np.int64, count=len(known)
    )
    at = (merged[codes] if known else codes) * len(starts) + np.asarray(places, dtype=np.int64)
    shape = (len(said), len(starts))
    rows, totals, squares = (
        np.bincount(at, weights=np.asarray(one, dtype=np.float64), minlength=shape[0] * shape[1])
        .astype(np.float64)
        .reshape(shape)
        for one in sums
    )
    return SegmentSums(tuple(said), starts, rows, totals, squares, segments - (len(known) - len(said)), centre)


def side_by_side(parts: Sequence[SegmentSums]) -> SegmentSums:
    """Windows of several stretches as one, in the order given; a segment without rows in one has zeros there."""
    names: dict[str, int] = {}
    for part in parts:
        for name in part.names:
            names.setdefault(name, len(names))
    places = [np.asarray([names[name] for name in part.names], dtype=np.int64) for part in parts]

    def together(which: Sequence[Floats]) -> Floats:
        whole = np.zeros((len(names), sum(one.shape[1] for one in which)))
        at = 0
        for place, one in zip(places, which, strict=True):
            whole[place, at : at + one.shape[1]] = one
            at += one.shape[1]
        return whole

    return SegmentSums(
        tuple(names),
        tuple(start for part in parts for start in part.starts),
        together([part.rows for part in parts]),
        together([part.totals for part in parts]),
        together([part.squares for part in parts]),
        max((part.segments for part in parts), default=0),
        parts[0].centre if parts else 0.0,
    )
