"""Which injected faults nobody could name from the rows: decided from the clean window and the fault alone.

1. The change can't be seen: the Kolmogorov-Smirnov distance between the window with and without the fault (for
   categories half the sum of the differences of the shares) is below what two windows of this size differ by in one of
   twenty comparisons, 1.36 sqrt(2 / rows). A sign flip of a symmetric column and a fill of what nearly all rows hold
   fall under it.
2. Rows that repeat can't be seen where rows repeat anyway: fewer than a tenth of the rows get another value.

Two names tell the same story where the fault as named, done to the same rows, gives the window that was seen to within
half of that distance.
"""

import numpy as np

from bot.statistics.faults.hypothesis import FaultKind
from tests.suites.faults import injections

CRITICAL = 1.36


def visible(rows):
    return CRITICAL * np.sqrt(2 / max(rows, 1))


def distance(one, two):
    if one.dtype.kind == "O" or two.dtype.kind == "O":
        names, codes = np.unique([str(word) for word in [*one, *two]], return_inverse=True)
        shares = [
            np.bincount(part, minlength=names.size) / max(part.size, 1)
            for part in (codes[: one.size], codes[one.size :])
        ]
        return float(np.abs(shares[0] - shares[1]).sum()) / 2
    gone = abs(float(np.isnan(one).mean()) - float(np.isnan(two).mean()))
    one, two = np.sort(one[~np.isnan(one)]), np.sort(two[~np.isnan(two)])
    if not one.size or not two.size:
        return 1.0 if one.size != two.size else 0.0
    grid = np.concatenate([one, two])
    gaps = np.searchsorted(one, grid, side="right") / one.size - np.searchsorted(two, grid, side="right") / two.size
    return max(gone, float(np.abs(gaps).max()))


def identifiable(fault, clean, seen):
    if fault.kind is FaultKind.STALE:
        changed = float(np.mean(~((clean == seen) | (np.isnan(clean) & np.isnan(seen)))))
        return changed >= 0.1 and np.unique(clean).size > 0.2 * clean.size
    return distance(clean, seen) >= visible(min(clean.size, seen.size))


def right(fault, answer, clean, seen, hit):
    """Whether the first hypothesis names the fault, or one that can't be told from it."""
    if answer is None:
        return False
    if answer.kind is fault.kind and _same_detail(fault, answer):
        return True
    other = _as_fault(answer)
    if other is None or fault.kind is FaultKind.STALE or clean.dtype.kind == "O":
        return False
    told = other.change(clean, hit, None)
    return distance(told, seen) < visible(clean.size) / 2


def _same_detail(fault, answer):
    if fault.names:
        return all(name in answer.sentence for name in fault.names)
    if fault.factor is None:
        return True
    if fault.kind in {FaultKind.CLIPPED, FaultKind.TRUNCATED}:
        return True
    if answer.factor is None:
        return False
    loose = 0.05 if fault.kind is FaultKind.OFFSET else 0.01
    return bool(np.isclose(answer.factor, fault.factor, rtol=loose, atol=1e-6))


def _as_fault(answer):
    makers = {
        FaultKind.SCALED: injections.scaled,
        FaultKind.OFFSET: injections.offset,
        FaultKind.FILLED: injections.filled,
        FaultKind.CLIPPED: injections.clipped,
        FaultKind.TRUNCATED: injections.truncated,
        FaultKind.CLOCK_SHIFTED: injections.clock,
    }
    if answer.kind is FaultKind.SIGN_FLIPPED:
        return injections.sign()
    if answer.factor is None or answer.kind not in makers:
        return None
    return makers[answer.kind](answer.factor)
