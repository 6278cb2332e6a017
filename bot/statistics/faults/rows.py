"""Which rows a fault hit, and what their values were before, where single rows tell."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from bot.statistics.columns import Column, Floats, as_numbers, is_numeric
from bot.statistics.faults.hypothesis import ALL_ROWS, FaultHypothesis, FaultKind

TAIL = 0.002
CLOCK_HOURS = 24
LEAST_FOUND = 0.6

Mask = NDArray[np.bool_]


def rows_hit(then: Column, now: Column, fault: FaultHypothesis) -> Mask | None:
    """The rows of `now` that have the fault, shape (rows,); None where too few of them can be told from sound ones.

    A null, the value filled in, and a value beyond nearly all of the reference that lies within it once the fault is
    undone are hit. When every row was hit, every row is.
    """
    if fault.kind is FaultKind.NULLS:
        return _nulls(now)
    if fault.share >= ALL_ROWS:
        return ~_nulls(now)
    if not (is_numeric(then) and is_numeric(now)):
        return None
    values = as_numbers(now)
    if fault.kind is FaultKind.FILLED:
        return np.asarray(values == fault.factor)
    change = _back(fault)
    ordered = np.sort(as_numbers(then)[np.isfinite(as_numbers(then))])
    if change is None or not ordered.size:
        return None
    low, high = ordered[[int(TAIL * (ordered.size - 1)), int((1 - TAIL) * (ordered.size - 1))]]
    before = change(values)
    hit = ((values < low) | (values > high)) & (before >= low) & (before <= high)
    return hit if float(hit.mean()) >= LEAST_FOUND * fault.share else None


def undone(then: Column, now: Column, fault: FaultHypothesis) -> Floats | None:
    """The numbers of `now` with the fault undone in the rows it hit, shape (rows,); None where that can't be done."""
    change = _back(fault)
    if change is None or not is_numeric(now):
        return None
    hit = rows_hit(then, now, fault)
    values = as_numbers(now)
    return None if hit is None else np.where(hit, change(values), values)


def _back(fault: FaultHypothesis) -> Callable[[Floats], Floats] | None:
    by = fault.factor
    if by is None:
        return None
    ways: dict[FaultKind, Callable[[Floats], Floats]] = {
        FaultKind.SCALED: lambda x: x / by,
        FaultKind.OFFSET: lambda x: x - by,
        FaultKind.SIGN_FLIPPED: lambda x: -x,
        FaultKind.CLOCK_SHIFTED: lambda x: (x - by) % CLOCK_HOURS,
    }
    return ways.get(fault.kind)


def _nulls(values: Column) -> Mask:
    if is_numeric(values):
        return np.isnan(as_numbers(values))
    return np.array([cell is None or cell != cell for cell in values.tolist()], dtype=np.bool_)  # noqa: PLR0124
