"""A fault of one column in one segment, and columns that changed places."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.statistics.attribution import Attribution, Segment, attribute
from bot.statistics.columns import Column, Floats, as_numbers, category_text, is_numeric
from bot.statistics.distances import ks_exact, ks_p_value
from bot.statistics.faults.explain import explain_change
from bot.statistics.faults.hypothesis import LEAST_ROWS, SURE, FaultHypothesis, FaultKind

SEARCHED_ROWS = 50_000
MOST_IN_PLACE = 0.9
"""A segment of nearly all rows is no place."""
BETTER_INSIDE = 0.8
LEAST_APART, LEAST_MENDED = 0.1, 0.5

Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class PlacedFault:
    """The likeliest fault of one column and where it sits: in one segment, or (None) all over the window.

    `fault` says what happened to the rows of the segment; `inside` marks these rows of the current window, shape
    (rows,).
    """

    feature: str
    fault: FaultHypothesis
    segment: Segment | None
    inside: Mask

    @property
    def affected(self) -> float:
        """The share of all current rows that were hit, 0 to 1."""
        return float(np.mean(self.inside)) * self.fault.share


def explain_in_segments(
    reference: Mapping[str, Column], current: Mapping[str, Column], feature: str, segments: Sequence[str]
) -> PlacedFault | None:
    """The likeliest fault of `feature`, and the segment it is confined to, if one of the columns `segments` shows one.

    All columns have the shape (rows,) of their window. None when nothing known explains what changed.
    """
    then, now = reference[feature], current[feature]
    found = explain_change(then, now)
    everywhere = PlacedFault(feature, found[0], None, np.ones(len(now), dtype=np.bool_)) if found else None
    if found and found[0].share >= MOST_IN_PLACE:
        return everywhere
    names = [name for name in segments if name in reference and name in current and name != feature]
    for segment in _suspects(reference, current, then, now, names, found[0] if found else None):
        inside, inside_now = (_rows_in(frame, segment) for frame in (reference, current))
        if min(int(inside.sum()), int(inside_now.sum())) < LEAST_ROWS or inside_now.mean() > MOST_IN_PLACE:
            continue
        within = explain_change(then[inside], now[inside_now])
        if within and _sits_there(within[0], inside_now, found[0] if found else None):
            return PlacedFault(feature, within[0], segment, inside_now)
    return everywhere


def _sits_there(within: FaultHypothesis, inside: Mask, overall: FaultHypothesis | None) -> bool:
    """Hit inside clearly more than overall, and inside about all the rows that are hit."""
    if overall is None:
        return within.share >= BETTER_INSIDE
    return within.share * float(inside.mean()) >= 0.6 * overall.share and within.share >= 1.2 * overall.share


def _suspects(
    reference: Mapping[str, Column],
    current: Mapping[str, Column],
    then: Column,
    now: Column,
    names: Sequence[str],
    fault: FaultHypothesis | None,
) -> list[Segment]:
    """The two segments whose rows changed most by themselves, from at most 50,000 rows of each window."""
    if not names:
        return []
    some, some_now = (_sample(len(side)) for side in (then, now))
    outcomes = _outcomes(then[some], now[some_now], fault)
    segments: list[Segment] = []
    for before, after in outcomes:
        found = attribute(
            {name: reference[name][some] for name in names},
            before,
            {name: current[name][some_now] for name in names},
            after,
        )
        if isinstance(found, Attribution):
            segments += [one.segment for one in found.segments[:2] if one.p_value < SURE]
    return list(dict.fromkeys(segments))[:3]


def _sample(rows: int) -> NDArray[np.intp]:
    return np.unique(np.linspace(0, rows - 1, min(rows, SEARCHED_ROWS)).astype(np.intp))


def _outcomes(then: Column, now: Column, fault: FaultHypothesis | None) -> list[tuple[Floats, Floats]]:
    """What shows the fault in a row: null, the filled value, or its rank in the reference."""
    if fault is not None and fault.kind is FaultKind.NULLS:
        return [(_nulls(then), _nulls(now))]
    if not (is_numeric(then) and is_numeric(now)):
        words, words_now = (np.array([category_text(cell) for cell in side.tolist()]) for side in (then, now))
        names, sizes = np.unique(words_now, return_counts=True)
        grown = {
            str(name): size / words_now.size - float(np.mean(words == name))
            for name, size in zip(names, sizes, strict=True)
        }
        if not grown:
            return []
        most = max(grown, key=lambda name: abs(grown[name]))
        return [((words == most).astype(np.float64), (words_now == most).astype(np.float64))]
    numbers, numbers_now = as_numbers(then), as_numbers(now)
    if fault is not None and fault.kind is FaultKind.FILLED:
        return [((numbers == fault.factor).astype(np.float64), (numbers_now == fault.factor).astype(np.float64))]
    ordered = np.sort(numbers[np.isfinite(numbers)])
    if not ordered.size:
        return []
    ranks, ranks_now = (np.searchsorted(ordered, side) / ordered.size - 0.5 for side in (numbers, numbers_now))
    low, high = ordered[[int(0.005 * (ordered.size - 1)), int(0.995 * (ordered.size - 1))]]
    out, out_now = (((side < low) | (side > high)).astype(np.float64) for side in (numbers, numbers_now))
    return [(out, out_now), (ranks, ranks_now)]


def _nulls(values: Column) -> Floats:
    if is_numeric(values):
        return np.isnan(as_numbers(values)).astype(np.float64)
    return np.array([float(cell is None or cell != cell) for cell in values.tolist()])  # noqa: PLR0124


def _rows_in(frame: Mapping[str, Column], segment: Segment) -> Mask:
    inside: Mask | None = None
    for name, value in segment.conditions:
        column = frame[name]
        if column.dtype.kind == "O":
            kinds = {cell: category_text(cell) == value for cell in set(column.tolist())}
            here = np.fromiter((kinds[cell] for cell in column.tolist()), dtype=np.bool_, count=column.size)
        else:
            kept, codes = np.unique(column, return_inverse=True)
            here = np.array([category_text(cell) == value for cell in kept.tolist()], dtype=np.bool_)[codes]
        inside = here if inside is None else inside & here
    return np.zeros(0, dtype=np.bool_) if inside is None else inside


@dataclass(frozen=True, slots=True)
class ColumnSwap:
    """Two columns whose values changed places. `explained` is the part of both changes that goes when undone."""

    first: str
    second: str
    explained: float

    @property
    def sentence(self) -> str:
        return f"{self.first} and {self.second} look swapped; swapped back they match the reference"


def explain_swap(then: Mapping[str, Column], now: Mapping[str, Column]) -> list[ColumnSwap]:
    """Pairs of numeric columns that each changed and each fit the other's reference, the clearest first.

    A join that is one column off shows as a chain of such columns; two in a chain are no swap and are not named.
    """
    sides = {name: _sorted(then[name], now[name]) for name in then if name in now}
    known = {name: pair for name, pair in sides.items() if pair is not None}
    moved = {
        name: ks
        for name, (before, after) in known.items()
        if (ks := ks_exact(before, after)) >= LEAST_APART and ks_p_value(ks, before.size, after.size) < SURE
    }
    found = []
    names = sorted(moved)
    for at, first in enumerate(names):
        for second in names[at + 1 :]:
            left = ks_exact(known[first][0], known[second][1]), ks_exact(known[second][0], known[first][1])
            explained = min(1 - left[0] / moved[first], 1 - left[1] / moved[second])
            if explained >= LEAST_MENDED:
                found.append(ColumnSwap(first, second, explained))
    return sorted(found, key=lambda swap: -swap.explained)


def _sorted(then: Column, now: Column) -> tuple[Floats, Floats] | None:
    if not (is_numeric(then) and is_numeric(now)):
        return None
    sides = []
    for side in (then, now):
        numbers = as_numbers(side)
        sides.append(np.sort(numbers[np.isfinite(numbers)][:SEARCHED_ROWS]))
    return (sides[0], sides[1]) if min(side.size for side in sides) >= LEAST_ROWS else None


__all__ = ["ColumnSwap", "PlacedFault", "explain_in_segments", "explain_swap"]
