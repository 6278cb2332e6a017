"""A value that stays what it was: long runs of one ordinary value, where a default filled in looks otherwise."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.statistics.columns import Floats
from bot.statistics.faults.hypothesis import LEAST_SHARE, REMEDIES, FaultHypothesis, FaultKind
from bot.statistics.wording import number, percent

SHORTEST = 8
CHANCE = 1e-6
LONGER = 2
GATHERED = 4.0
EDGE = 0.002
MOST_ROWS = 0.99
DEFAULTS = (0.0, 1.0, -1.0)


@dataclass(frozen=True, slots=True)
class _Runs:
    """Runs of equal neighbours, nulls left out: the value and the length of each, shape (runs,)."""

    values: Floats
    lengths: NDArray[np.intp]

    @classmethod
    def of(cls, column: Floats) -> "_Runs":
        present = column[~np.isnan(column)]
        starts = np.flatnonzero(np.append(True, present[1:] != present[:-1])) if present.size else np.empty(0, np.intp)
        return cls(present[starts], np.diff(np.append(starts, present.size)))

    def usual(self) -> float:
        """The length of the run that 99 % of rows do not stand beyond."""
        ordered = np.sort(self.lengths)
        rows = np.cumsum(ordered)
        return float(ordered[int(np.searchsorted(rows, MOST_ROWS * rows[-1]))])


def stuck(then: Floats, now: Floats) -> FaultHypothesis | None:
    """Rows that stand in runs of one value far longer than chance, or the reference, makes them.

    `then` and `now` have the shape (rows,), in the order the rows came in, nulls as NaN. A value is stuck, not filled
    in, when it lies among the usual ones, is neither 0, 1, -1 nor (unless it is frequent anyway) the median or the mean
    of the reference, and its rows stand together; one value in all rows is a fill, as nothing tells the two apart.
    """
    before, after = _Runs.of(then), _Runs.of(now)
    present = int(after.lengths.sum())
    if not before.lengths.size or present == 0 or after.lengths.max() >= present:
        return None
    shortest = max(SHORTEST, LONGER * before.usual())
    candidates = np.unique(after.values[after.lengths >= shortest])
    rows = {float(value): _held_rows(float(value), before, after, shortest) for value in candidates}
    held = sum(rows.values())
    if held < LEAST_SHARE * present:
        return None
    longest = max(rows, key=lambda value: rows[value])
    if not _is_ordinary(longest, then[~np.isnan(then)], (float(after.values.min()), float(after.values.max()))):
        return None
    share = held / present
    sentence = f"{percent(share)} of rows stand in long runs of one value, such as {number(longest)}"
    remedy = REMEDIES[FaultKind.STALE]
    return FaultHypothesis(FaultKind.STALE, None, share, 1.0, f"{sentence}: the values look stale", remedy)


def _held_rows(value: float, before: _Runs, after: _Runs, shortest: float) -> int:
    """The rows of `value` in runs that are too long."""
    present = int(after.lengths.sum())
    usual, mine = before.lengths[before.values == value], after.lengths[after.values == value]
    share = max(float(usual.sum()), 1.0) / float(before.lengths.sum())
    if share >= 1:
        return 0
    by_chance = np.log(CHANCE / present) / np.log(share)
    limit = max(shortest, float(by_chance), LONGER * float(usual.max(initial=0)))
    long = int(mine[mine >= limit].sum())
    # Scattered over the window, so many rows would stand in so many runs.
    scattered = float(mine.sum()) * (1 - float(mine.sum()) / present)
    return long if 2 * (np.sqrt(scattered) - np.sqrt(mine.size)) >= GATHERED else 0


def _is_ordinary(value: float, then: Floats, ends: tuple[float, float]) -> bool:
    """Whether a sound row may well hold it. At `ends`, the least and the greatest now, values are rather clipped."""
    low, middle, high = np.quantile(then, [EDGE, 0.5, 1 - EDGE]).tolist()
    if value in DEFAULTS or not low <= value <= high:
        return False
    if float(np.mean(then == value)) >= EDGE:
        return True
    usual = (middle, float(then.mean()))
    return value not in ends and not any(np.isclose(value, one, rtol=1e-6) for one in usual)
