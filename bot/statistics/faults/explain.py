"""Which fault would turn the reference into what is seen now.

Each hypothesis is a change f of values. If it hit a share s of the rows, the window holds (1 - s) reference + s
f(reference). How well that mixture, with the s that fits best, accounts for the rows is compared with mere drift (see
`fault_fit`); a fault is named only if it is the better story and undoing it removes most of the distance to the
reference.
"""

import numpy as np

from bot.statistics.columns import Column, Floats, as_numbers, count_categories, is_numeric
from bot.statistics.faults.candidates import Candidate, candidates
from bot.statistics.faults.categories import explain_categories
from bot.statistics.faults.fit import Comparison, Mixture
from bot.statistics.faults.grain import coarser
from bot.statistics.faults.hypothesis import (
    ALL_ROWS,
    LEAST_EXPLAINED,
    LEAST_ROWS,
    LEAST_SHARE,
    REMEDIES,
    FaultHypothesis,
    FaultKind,
    matches,
    null_burst,
)
from bot.statistics.faults.stale import drawn_again, stale
from bot.statistics.profiles import ExactProfile, NumericProfile
from bot.statistics.wording import percent

POINTS = 4096
TOLD_APART = 2.0**53  # beyond it, neighbouring whole numbers are one float64
LARGEST = 1e290  # differences and multiples of larger values are no float64
PRICE = 7.0
"""What naming any fault costs, in the units of the misfit."""
MILD, MILD_PRICE = 3.0, 8.0
VERY_WELL_EXPLAINED, WELL_EXPLAINED, FAIRLY_EXPLAINED = 0.95, 0.85, 0.73
CLEARLY_BETTER, EXPLAINED_AT_LEAST = 0.5, 0.5
"""Amid strong drift undoing a fault leaves much of the distance; a known unit is no less certain where its story costs
half of what mere drift costs."""
FAR_MOVED = 1.0
"""A smaller move of all rows, in distances between the 10th and the 90th percentile, happens by itself too."""
FAR_PART_MOVED = 1.5
CLOCK_MOVED = 0.015
LOOKED_AT_CLOSELY = 10
MOST_TOLD = 3
FEWEST_HIT = 4


def explain_change(reference: Column, current: Column) -> list[FaultHypothesis]:
    """Fault hypotheses for one column, the likeliest first; empty when nothing changed or nothing known explains it.

    `reference` and `current` are columns of shape (rows,) in the order the rows came in.
    """
    if not is_numeric(reference):
        return explain_categories(reference, current)
    if not is_numeric(current) and count_categories(current)[0]:
        return []  # text where numbers were: the schema says that better
    return explain_numbers(reference, current)


def explain_numbers(reference: Column, current: Column) -> list[FaultHypothesis]:
    """As `explain_change`, for a numeric column. Infinite values are left out."""
    then, now = as_numbers(reference), as_numbers(current)
    sides = [np.sort(side[np.isfinite(side)]) for side in (then, now)]
    found = explain_profiles(
        ExactProfile(sides[0], int(np.isnan(then).sum())), ExactProfile(sides[1], int(np.isnan(now).sum()))
    )
    if (cut := coarser(*sides)) is not None:
        return [cut, *found]  # before stale values, as fewer values repeat the more often
    then, now = (np.where(np.abs(side) < TOLD_APART, side, np.nan) for side in (then, now))
    if (repeated := stale(then, now)) is not None:
        return [repeated, *found]
    again = drawn_again(then, now)
    return found if again is None else [*found, again]


def explain_profiles(reference: NumericProfile, current: NumericProfile) -> list[FaultHypothesis]:
    """As `explain_change`, from profiles alone: all but stale values, which only the order of rows shows."""
    found: list[FaultHypothesis] = []
    if min(reference.present, current.present) >= LEAST_ROWS:
        loose = not (isinstance(reference, ExactProfile) and isinstance(current, ExactProfile))
        then, now = (_finite(side.points(POINTS)) for side in (reference, current))
        if min(then.size, now.size) >= LEAST_ROWS:
            with np.errstate(over="ignore", under="ignore", divide="ignore", invalid="ignore"):
                found = _ranked(Comparison(then, now, reference.present, current.present, loose))
    nulls = null_burst(reference.nulls, reference.rows, current.nulls, current.rows)
    if nulls is None:
        return found
    return [*found, nulls] if found and found[0].share > nulls.share else [nulls, *found]


def _finite(values: Floats) -> Floats:
    return np.clip(values[np.isfinite(values)], -LARGEST, LARGEST)


def _ranked(sides: Comparison) -> list[FaultHypothesis]:
    if sides.gap(sides.reference) == 0:
        return []
    rough: list[tuple[float, int, Candidate, Floats]] = []
    for candidate in candidates(sides):
        hit = sides.after(candidate.values, candidate.kept)
        fit = sides.mixture(hit, whole=candidate.whole, drifting=False)
        rough.append((fit.cost() + candidate.cost, len(rough), candidate, hit))
    if not rough:
        return []
    rough.sort(key=lambda entry: entry[:2])
    closely = []
    for _, at, candidate, hit in rough[:LOOKED_AT_CLOSELY]:
        fit = sides.mixture(hit, whole=candidate.whole, drifting=True)
        start = 1.0 if candidate.whole else fit.share
        fits = [fit, *sides.regrouped(candidate.values, candidate.kept, start)]
        closely.append((fits, at, candidate, hit))
    # Whatever no story accounts for is the size of what may differ without a cause.
    noise = max(1.0, min(fit.misfit for fits, *_ in closely for fit in fits) / np.count_nonzero(sides.seen))
    low, high = sides.then[[int(0.1 * sides.then.size), int(0.9 * sides.then.size)]].tolist()
    spread = high - low
    drift = min(story.cost(noise) for story in sides.drifts())
    fitted = []
    for fits, at, candidate, hit in closely:
        fit = min(fits, key=lambda one: one.cost(noise))
        cost = fit.cost(noise) + candidate.cost + PRICE + _mildness(candidate, fit.share)
        explained = sides.explained(hit[0], fit.share)
        needed = _least_explained(candidate, fit.share)
        if cost < CLEARLY_BETTER * drift and _is_plain(candidate) and not _is_mild(candidate):
            needed = min(needed, EXPLAINED_AT_LEAST)
        everywhere = _is_plain(candidate) and fit.share == 1
        seen = sides.explained(hit[0], fit.share, beyond_chance=True) if everywhere else explained
        enough = seen >= needed and explained >= min(needed, EXPLAINED_AT_LEAST)
        if cost < drift and enough and _is_sound(candidate, fit, sides, spread):
            fitted.append((cost, at, candidate, fit, explained))
    fitted.sort(key=lambda entry: entry[:2])
    told: list[FaultHypothesis] = []
    for cost, _, candidate, fit, explained in fitted:
        nearly_as_good = drift - cost >= (drift - fitted[0][0]) / 2
        if nearly_as_good and not any(_same_story(candidate, other) for other in told):
            told.append(_hypothesis(candidate, fit.share, explained))
    return told[:MOST_TOLD]


def _mildness(candidate: Candidate, share: float) -> float:
    """Real growth of 15 % looks much like a fifth of the rows multiplied by 1.6."""
    return MILD_PRICE if candidate.kind is FaultKind.SCALED and share < 1 and _is_mild(candidate) else 0.0


def _is_sound(candidate: Candidate, fit: Mixture, sides: Comparison, spread: float) -> bool:
    return (
        fit.share >= LEAST_SHARE
        and fit.share * sides.now_rows >= FEWEST_HIT
        and _is_large(candidate, fit.share, sides, spread)
    )


def _least_explained(candidate: Candidate, share: float) -> float:
    """What real broadening, or rows of a new kind, looks like from afar has to fit well."""
    kind = candidate.kind
    if candidate.measured:
        mild = kind is FaultKind.SCALED and share < 1 and _is_mild(candidate)
        return VERY_WELL_EXPLAINED if mild else WELL_EXPLAINED
    alike = kind in {FaultKind.CONVERTED, FaultKind.SIGN_FLIPPED} or (kind is FaultKind.SCALED and _is_mild(candidate))
    return (
        FAIRLY_EXPLAINED
        if kind in {FaultKind.CLIPPED, FaultKind.TRUNCATED} or (alike and share < 1)
        else LEAST_EXPLAINED
    )


def _is_large(candidate: Candidate, share: float, sides: Comparison, spread: float) -> bool:
    by = candidate.factor
    if candidate.kind is FaultKind.OFFSET and by is not None:
        return abs(by) >= (FAR_MOVED if share == 1 else FAR_PART_MOVED) * spread
    if candidate.kind is FaultKind.CLOCK_SHIFTED:
        return sides.gap(sides.reference) >= CLOCK_MOVED
    return True


def _is_plain(candidate: Candidate) -> bool:
    """A known unit, or a limit: what a new kind of rows does not resemble by itself."""
    known = candidate.kind is FaultKind.SCALED and not candidate.measured
    return known or candidate.kind in {FaultKind.CLIPPED, FaultKind.TRUNCATED}


def _is_mild(candidate: Candidate) -> bool:
    return candidate.factor is not None and 1 / MILD < candidate.factor < MILD


def _same_story(candidate: Candidate, other: FaultHypothesis) -> bool:
    """101 beside 100 is no second hypothesis."""
    if candidate.kind is not other.kind or candidate.kind not in {FaultKind.SCALED, FaultKind.OFFSET}:
        return False
    if candidate.factor is None or other.factor is None:
        return False
    return abs(candidate.factor - other.factor) <= 0.15 * abs(other.factor)


def _hypothesis(candidate: Candidate, share: float, explained: float) -> FaultHypothesis:
    everywhere = candidate.whole or candidate.kind is FaultKind.FILLED or share >= ALL_ROWS
    sentence = candidate.what if everywhere else f"{percent(share)} of rows {candidate.part or f'are {candidate.what}'}"
    if candidate.undo:
        sentence += f"; {matches(candidate.undo, many=not everywhere)}"
    undo = candidate.undo or REMEDIES[candidate.kind]
    return FaultHypothesis(candidate.kind, candidate.factor, share, explained, sentence, undo)


__all__ = [
    "FaultHypothesis",
    "FaultKind",
    "explain_categories",
    "explain_change",
    "explain_numbers",
    "explain_profiles",
]
