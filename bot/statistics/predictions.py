"""What a model answers, then and now: the share of each class, the scores, a value that stands in for an answer.

A change counts when it is both beyond chance, corrected over everything looked at, and large enough to matter: two
points of all rows, or half as much again for a class that is rare.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bot.statistics.columns import Column, as_numbers, category_text, count_categories, is_numeric
from bot.statistics.mean_shift import usual_mean
from bot.statistics.multiplicity import holm
from bot.statistics.rates import ShareChange, compare_shares
from bot.statistics.shortfall import Shortfall, all_null, too_few_rows

MOST_CLASSES = 20
LEAST_ROWS = 50
LEAST_CHANGE = 0.02
LEAST_RATIO = 1.5
RARE = 0.02
LEAST_RARE = 0.001
LEAST_SPIKE = 0.02
LEAST_REPEATS = 5
SURE = 0.001
LEAST_WINDOWS = 10
MAD_IN_SIGMAS = 1.4826


@dataclass(frozen=True, slots=True)
class ClassShift:
    """One class's share of the answered rows, then and now. `adjusted`: p corrected (Holm) over all classes."""

    name: str
    change: ShareChange
    adjusted: float
    moved: bool


@dataclass(frozen=True, slots=True)
class Spike:
    """One exact value that repeats, and its share of the rows with a value. `adjusted`: p times the values tried."""

    value: float
    change: ShareChange
    adjusted: float
    moved: bool


def are_classes(*sides: Column) -> bool:
    """Whether answers are classes: flags, text, or at most twenty distinct whole numbers over all sides."""
    if not all(is_numeric(side) for side in sides if np.size(side) and not _all_null(side)):
        return True
    numbers = np.concatenate([as_numbers(side) for side in sides]) if sides else np.empty(0)
    numbers = np.unique(numbers[~np.isnan(numbers)])
    return bool(numbers.size <= MOST_CLASSES and np.isfinite(numbers).all() and (numbers == np.floor(numbers)).all())


def changed_type(reference: Column, current: Column) -> bool:
    """Whether one side holds numbers and the other text, both with values."""
    if _all_null(reference) or _all_null(current):
        return False
    return is_numeric(reference) != is_numeric(current)


def class_shifts(reference: Column, current: Column, *, alpha: float = SURE) -> tuple[ClassShift, ...] | Shortfall:
    """Every class of either side by its share of the rows that have an answer: those that moved first, then by size.

    Columns have shape (rows,); nulls count on no side. Shares are compared by `compare_shares` (Newcombe's interval,
    pooled z), p-values corrected by Holm.
    """
    return shifts_of_counts(count_categories(reference)[0], count_categories(current)[0], alpha=alpha)


def shifts_of_counts(
    reference: Mapping[str, int], current: Mapping[str, int], *, alpha: float = SURE
) -> tuple[ClassShift, ...] | Shortfall:
    """As `class_shifts`, from rows a class."""
    rows, current_rows = sum(reference.values()), sum(current.values())
    for have, where in ((rows, "the reference"), (current_rows, "the current window")):
        if have < LEAST_ROWS:
            return too_few_rows(have, LEAST_ROWS, where)
    names = sorted({*reference, *current})
    changes = [compare_shares(reference.get(name, 0), rows, current.get(name, 0), current_rows) for name in names]
    adjusted = holm(np.array([change.p_value for change in changes]))
    found = [
        ClassShift(name, change, float(p), bool(p < alpha and matters(change)))
        for name, change, p in zip(names, changes, adjusted, strict=True)
    ]
    return tuple(sorted(found, key=lambda one: (not one.moved, -abs(one.change.difference), one.name)))


def matters(change: ShareChange) -> bool:
    """Two points of all rows; of a share that was below two points, a change by half, and a row in a thousand."""
    then, now = change.reference.value, change.current.value
    if abs(change.difference) >= LEAST_CHANGE:
        return True
    return min(then, now) < RARE and max(then, now) >= LEAST_RATIO * min(then, now) and _is_seen(change)


def value_spike(reference: Column, current: Column, *, alpha: float = SURE) -> Spike | None:
    """The exact value whose share of the rows rose most; None where no value repeats (or a side has too few rows).

    A fallback, a clipped score or a constant answer is one value on many rows. Values are float64, so whole numbers
    beyond 2**53 may fall together. `adjusted` is Bonferroni's over the values that repeat now.
    """
    then, now = _present(reference), _present(current)
    if min(then.size, now.size) < LEAST_ROWS:
        return None
    values, counts = np.unique(now, return_counts=True)
    repeated = counts >= LEAST_REPEATS
    if not repeated.any():
        return None
    values, counts = values[repeated], counts[repeated]
    known, sizes = np.unique(then, return_counts=True)
    place = np.minimum(np.searchsorted(known, values), known.size - 1)
    before = np.where(known[place] == values, sizes[place], 0)
    at = int(np.argmax(counts / now.size - before / then.size))
    change = compare_shares(int(before[at]), then.size, int(counts[at]), now.size)
    adjusted = min(1.0, change.p_value * values.size)
    moved = (
        adjusted < alpha and change.difference >= LEAST_SPIKE and change.current.value >= LEAST_RATIO * _then(change)
    )
    return Spike(float(values[at]), change, adjusted, moved)


def default_change(reference: Column, current: Column, default: str | float | bool) -> ShareChange | Shortfall:  # noqa: FBT001
    """The share of rows answered with the default, of those with an answer; numbers by value, all else by text."""
    sides = [(_equals(side, default), _known(side)) for side in (reference, current)]
    for (_, known), side, where in zip(
        sides, (reference, current), ("the reference", "the current window"), strict=True
    ):
        if known == 0 and np.size(side):
            return all_null(int(np.size(side)), where)
        if known < LEAST_ROWS:
            return too_few_rows(known, LEAST_ROWS, where)
    return compare_shares(*sides[0], *sides[1])


def swing_of(values: Sequence[float], *, false_alarm_rate: float = SURE) -> float | None:
    """How far the next window's value may lie from the middle by chance: half of Student's prediction interval of the
    values of earlier windows, in their unit. None with fewer than ten."""
    if len(values) < LEAST_WINDOWS:
        return None
    usual = usual_mean(values, false_alarm_rate=false_alarm_rate)
    return None if usual is None else (usual.upper - usual.lower) / 2


def robust_swing(hits: Sequence[int], rows: Sequence[int], *, sigmas: float = 4.0) -> float | None:
    """As `swing_of`, of the shares of `hits` in `rows` of windows just before, some of which may already be in trouble:
    `sigmas` times 1.4826 MAD. Windows with under `LEAST_ROWS` rows don't count; None with fewer than ten others."""
    size, count = np.asarray(rows, dtype=np.float64), np.asarray(hits, dtype=np.float64)
    full = size >= LEAST_ROWS
    if full.sum() < LEAST_WINDOWS:
        return None
    shares = count[full] / size[full]
    return sigmas * MAD_IN_SIGMAS * float(np.median(np.abs(shares - np.median(shares))))


def judged_by(shift: ClassShift, swing: float | None) -> ClassShift:
    """The same shift, not `moved` where windows swing as far by themselves.

    Hours differ from each other, so the noise of sampling alone would call every evening a change.
    """
    if swing is None or abs(shift.change.difference) > swing:
        return shift
    return replace(shift, moved=False)


def _then(change: ShareChange) -> float:
    return change.reference.value


def _is_seen(change: ShareChange) -> bool:
    return abs(change.difference) >= LEAST_RARE


def _present(column: Column) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    numbers = as_numbers(column)
    return numbers[~np.isnan(numbers)]


def _all_null(column: Column) -> bool:
    return _known(column) == 0


def _known(column: Column) -> int:
    if is_numeric(column):
        return int(_present(column).size)
    return int(np.size(column)) - count_categories(column)[1]


def _equals(column: Column, default: str | float | bool) -> int:  # noqa: FBT001
    if is_numeric(column):
        wanted = as_numbers(np.asarray([default], dtype=object))[0]
        return int(np.count_nonzero(as_numbers(column) == wanted))
    return count_categories(column)[0].get(category_text(default), 0)
