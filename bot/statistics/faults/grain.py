"""Values that became coarser: decimals cut off, numbers rounded to tens."""

from collections.abc import Callable

import numpy as np

from bot.statistics.columns import Floats
from bot.statistics.distances import effective_rows, ks_exact
from bot.statistics.faults.hypothesis import ALL_ROWS, LEAST_EXPLAINED, LEAST_ROWS, FaultHypothesis, FaultKind
from bot.statistics.rates import compare_shares
from bot.statistics.wording import percent

STEPS = {1000.0: "thousands", 100.0: "hundreds", 10.0: "tens", 1.0: "whole numbers", 0.1: "one decimal"}
FINE = 1e-6
LEAST_HIT = 0.08
VERY_SURE = 1e-5
NEARLY_ALL = 0.9
LARGEST = 1e15
APART = 1.95
"""Two windows of equal rows have a Kolmogorov-Smirnov distance beyond this, over the root of their rows, in one of a
thousand comparisons (Smirnov 1948)."""
ROUNDED: dict[FaultKind, tuple[str, Callable[[Floats], Floats]]] = {
    FaultKind.TRUNCATED: ("cut", np.trunc),
    FaultKind.ROUNDED: ("rounded", np.round),
}
REMEDY = "read the values from their source again"


def coarser(then: Floats, now: Floats) -> FaultHypothesis | None:
    """Rows whose values lie on a grid that seldom held the reference's, while their distribution stayed as it was.

    `then` and `now` are sorted finite values. The largest step that holds nearly as many as a finer one is named;
    `explained` is the part of the change of the remainders that goes away.
    """
    then, now = (side[np.abs(side) < LARGEST] for side in (then, now))
    if min(then.size, now.size) < LEAST_ROWS:
        return None
    hits = {step: _hit(then, now, step) for step in STEPS}
    most = max(hits.values())
    if most < LEAST_HIT:
        return None
    step = next(step for step in STEPS if hits[step] >= NEARLY_ALL * most)
    gaps = {kind: _gap(then, _coarse(then, step, kind), now, hits[step]) for kind in ROUNDED}
    kind = min(gaps, key=lambda kind: gaps[kind])
    if gaps[kind] > APART / np.sqrt(effective_rows(then.size, now.size)):
        return None
    return _story(then, now, step, hits[step], kind)


def _hit(then: Floats, now: Floats, step: float) -> float:
    """The share of rows that came onto the grid; 0 where chance may have brought them."""
    usual, seen = (int(np.count_nonzero(_on_grid(side, step))) for side in (then, now))
    change = compare_shares(usual, then.size, seen, now.size)
    if change.p_value >= VERY_SURE or change.difference < LEAST_HIT / 2:
        return 0.0
    return change.difference / max(1 - change.reference.value, 1e-9)


def _on_grid(values: Floats, step: float) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    marks = values / step
    return np.asarray(np.abs(marks - np.round(marks)) <= FINE)


def _story(then: Floats, now: Floats, step: float, hit: float, kind: FaultKind) -> FaultHypothesis | None:
    coarse = _coarse(then, step, kind)
    if np.unique(coarse, return_counts=True)[1].max() > NEARLY_ALL * coarse.size:
        return None  # one value is left: that is a fill
    rests = [_rest(side, step) for side in (then, coarse, now)]
    before = ks_exact(np.sort(rests[0]), np.sort(rests[2]))
    explained = max(0.0, 1 - _gap(rests[0], rests[1], rests[2], hit) / before) if before else 0.0
    if explained < LEAST_EXPLAINED:
        return None
    some = "" if hit >= ALL_ROWS else f"{percent(hit)} of rows are "
    sentence = f"{some}{ROUNDED[kind][0]} to {STEPS[step]}"
    return FaultHypothesis(kind, None, min(1.0, hit), explained, sentence, REMEDY)


def _coarse(values: Floats, step: float, kind: FaultKind) -> Floats:
    return np.asarray(ROUNDED[kind][1](values / step) * step)


def _rest(values: Floats, step: float) -> Floats:
    """What is beyond the grid, in steps, -.5 to .5: values on it are exactly 0."""
    marks = values / step
    rest = marks - np.round(marks)
    return np.where(np.abs(rest) <= FINE, 0.0, rest)


def _gap(then: Floats, coarse: Floats, now: Floats, hit: float) -> float:
    """The Kolmogorov-Smirnov distance of `now` from rows of which the share `hit` became `coarse`."""
    marks = np.unique(np.concatenate([then, coarse, now]))
    marks = marks + np.abs(marks) * 1e-12
    spared, struck, seen = (
        np.searchsorted(np.sort(side), marks, side="right") / side.size for side in (then, coarse, now)
    )
    return float(np.abs((1 - hit) * spared + hit * struck - seen).max())
