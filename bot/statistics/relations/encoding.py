"""Columns of any kind as standardised numbers side by side, so that relations between columns are products.

A number becomes its normal score by rank among the reference rows (heavy tails and units don't matter) and the second
Hermite polynomial of it; text becomes a flag for each frequent value and one for the rest; a column with nulls has a
flag of its own for them, and is at its centre where it is null.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.statistics.columns import Column, Floats, as_numbers, category_text, is_numeric

Matrix = NDArray[np.float32]
Flags = NDArray[np.bool_]
MOST_COLUMNS, MOST_LEVELS, MOST_FLAGS = 40, 8, 80
LEAST_SHARE = 0.01
GRID = 1024
SMALLEST_SPREAD = 0.02
FARTHEST = 3.5


@dataclass(frozen=True, slots=True)
class Encoded:
    """matrix: shape (rows, width), each column with mean 0 and spread 1 on the reference. names: the columns encoded.
    starts: where each begins in the matrix, and its end, shape (names + 1,). left_out: beyond the cap, or constant.
    numeric: whether a column is a number, which is its first in the matrix. flags: shape (width,), the columns of the
    matrix that are one of two values."""

    matrix: Matrix
    names: tuple[str, ...]
    starts: NDArray[np.intp]
    left_out: tuple[str, ...]
    numeric: tuple[bool, ...]
    flags: Flags

    @property
    def owner(self) -> NDArray[np.intp]:
        """Which of `names` each column of the matrix belongs to."""
        return np.repeat(np.arange(len(self.names)), np.diff(self.starts))


def encode(rows: Mapping[str, Column], reference: Flags, *, most: int = MOST_COLUMNS) -> Encoded:
    """`reference` marks the rows that are the reference; grids, frequent values and scales come from them alone.

    Of more than `most` columns the first count; the order of columns makes no other difference.
    """
    kept = list(rows)[:most]
    is_text = {name: not is_numeric(rows[name]) for name in kept}
    levels = max(2, min(MOST_LEVELS, MOST_FLAGS // max(1, sum(is_text.values()))))
    names, parts, without = [], [], list(rows)[most:]
    for name in sorted(kept):
        raw = _flags(rows[name], reference, levels) if is_text[name] else _scores(rows[name], reference)
        found = _standardised(raw, reference)
        if found is None:
            without.append(name)
        else:
            names.append(name)
            parts.append(found)
    matrix = np.hstack(parts) if parts else np.zeros((reference.size, 0), dtype=np.float32)
    return Encoded(
        matrix,
        tuple(names),
        np.cumsum([0, *(part.shape[1] for part in parts)]),
        tuple(without),
        tuple(not is_text[name] for name in names),
        ((matrix == matrix.min(axis=0, initial=np.inf)) | (matrix == matrix.max(axis=0, initial=-np.inf))).all(axis=0),
    )


def _standardised(raw: Matrix, reference: Flags) -> Matrix | None:
    varies = np.ptp(raw, axis=0) > 0
    if not varies.any():
        return None
    raw = raw[:, varies]
    base = raw[reference]
    centre = base.mean(axis=0, dtype=np.float64)
    spread = np.maximum(base.std(axis=0, dtype=np.float64), SMALLEST_SPREAD)
    found: Matrix = ((raw - centre) / spread).astype(np.float32)
    return found


def _scores(values: Column, reference: Flags) -> Matrix:
    numbers = as_numbers(values)
    missing = np.isnan(numbers)
    base = numbers[reference & ~missing]
    if base.size == 0:
        return missing[:, None].astype(np.float32)
    grid = np.quantile(base, np.linspace(0, 1, GRID), method="closest_observation")
    score = np.where(missing, 0.0, _normal_scores(np.where(missing, grid[GRID // 2], numbers), grid))
    bend = np.where(missing, 0.0, (score**2 - 1) / np.sqrt(2))
    flag = [missing] if missing.any() else []
    return np.column_stack([score, bend, *flag]).astype(np.float32)


def _normal_scores(numbers: Floats, grid: Floats) -> Floats:
    """Normal quantiles of the middle rank among the grid's values."""
    from scipy.special import ndtri  # noqa: PLC0415

    below = np.searchsorted(grid, numbers, side="left")
    ties = bool((np.diff(grid) == 0).any())
    up_to = np.searchsorted(grid, numbers, side="right") if ties else below + 1
    table = np.clip(ndtri((np.arange(2 * GRID + 2) / 2 + 0.5) / (GRID + 1.5)), -FARTHEST, FARTHEST)
    return np.asarray(table[below + up_to], dtype=np.float64)


def _flags(values: Column, reference: Flags, most: int) -> Matrix:
    codes, texts = codes_of(values)
    sizes = np.bincount(codes[reference], minlength=len(texts))
    least = max(1.0, LEAST_SHARE * int(reference.sum()))
    seen = [at for at in range(1, len(texts)) if sizes[at] >= least]
    frequent = sorted(seen, key=lambda at: (-sizes[at], texts[at]))[:most]
    place = np.full(len(texts), len(frequent), dtype=np.intp)
    place[frequent] = np.arange(len(frequent))
    place[0] = len(frequent) + 1
    found = np.zeros((codes.size, len(frequent) + 2), dtype=np.float32)
    found[np.arange(codes.size), place[codes]] = 1
    return found


def codes_of(values: Column) -> tuple[NDArray[np.intp], list[str]]:
    """The number of each cell's value, and the text of each number; 0 is null."""
    cells = np.asanyarray(values, dtype=object).tolist()
    try:
        distinct = set(cells)
    except TypeError:  # a list or a mapping in a cell
        cells = [cell if _is_null(cell) else str(cell) for cell in cells]
        distinct = set(cells)
    names = {cell: "" if _is_null(cell) else category_text(cell) for cell in distinct}
    texts = ["", *sorted({names[cell] for cell in distinct if not _is_null(cell)})]
    at = {text: place for place, text in enumerate(texts) if place}
    number = {cell: 0 if _is_null(cell) else at[names[cell]] for cell in distinct}
    return np.fromiter(map(number.__getitem__, cells), np.intp, len(cells)), texts


def _is_null(cell: object) -> bool:
    return cell is None or cell is np.ma.masked or cell != cell  # noqa: PLR0124
