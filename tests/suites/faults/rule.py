"""What counts as named right; what nobody could name is left out by the product's own rule.

Two names tell the same story where the fault as named, done to the same rows, gives the window that was seen to within
half of the distance at which two windows differ beyond chance.
"""

import numpy as np

from bot.statistics.faults.hypothesis import FaultKind
from bot.statistics.faults.identifiable import can_be_told, distance, visible
from tests.suites.faults import injections


def identifiable(fault, clean, seen):
    return can_be_told(fault.kind, clean, seen)


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
