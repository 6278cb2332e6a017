"""The range a column's values plausibly have, learnt from the reference, and how many rows now lie outside it."""

from dataclasses import dataclass

import numpy as np

from bot.statistics.columns import Column, as_numbers
from bot.statistics.profiles import ExactProfile, NumericProfile, fit_numeric
from bot.statistics.rates import ShareChange, compare_shares
from bot.statistics.shortfall import Shortfall, all_null, too_few_rows
from bot.statistics.wording import number, percent

TAIL = 0.005
LEAST_ROWS = 50


@dataclass(frozen=True, slots=True)
class PlausibleRange:
    """`lower` to `upper` hold all but `tail` of the reference on each side; `observed_*` are its finite extremes.

    All are in the column's unit; `rows` are the non-null rows it was learnt from.
    """

    lower: float
    upper: float
    observed_lowest: float
    observed_highest: float
    rows: int


@dataclass(frozen=True, slots=True)
class RangeFinding:
    """Rows below, above and altogether outside the plausible range, then and now (shares of non-null rows), and rows
    now beyond anything the reference held. `sentence` names the worse side."""

    plausible: PlausibleRange
    outside: ShareChange
    below: ShareChange
    above: ShareChange
    never_seen: ShareChange
    sentence: str


def plausible_range(reference: Column | NumericProfile, *, tail: float = TAIL) -> PlausibleRange | Shortfall:
    profile = fit_numeric(reference, mode="exact") if isinstance(reference, np.ndarray) else reference
    if profile.rows and profile.present == 0:
        return all_null(profile.rows, "the reference")
    if profile.present < LEAST_ROWS:
        return too_few_rows(profile.present, LEAST_ROWS, "the reference")
    ends = _finite_ends(profile)
    if ends is None:
        return too_few_rows(0, LEAST_ROWS, "the reference")
    lowest, highest = ends
    lower, upper = profile.quantile(tail), profile.quantile(1 - tail)
    return PlausibleRange(max(lower, lowest), min(upper, highest), lowest, highest, profile.present)


def check_range(reference: Column, current: Column, *, tail: float = TAIL) -> RangeFinding | Shortfall:
    """How many rows lie outside the plausible range now, against then. Nulls count on neither side; infinities do."""
    plausible = plausible_range(reference, tail=tail)
    if isinstance(plausible, Shortfall):
        return plausible
    then, now = _present(reference), _present(current)
    if now.size == 0:
        rows = int(np.size(current))
        return all_null(rows) if rows else too_few_rows(0, 1)
    below = _compare(then < plausible.lower, now < plausible.lower)
    above = _compare(then > plausible.upper, now > plausible.upper)
    return RangeFinding(
        plausible,
        _compare(
            (then < plausible.lower) | (then > plausible.upper), (now < plausible.lower) | (now > plausible.upper)
        ),
        below,
        above,
        _compare(~np.isfinite(then), (now < plausible.observed_lowest) | (now > plausible.observed_highest)),
        _sentence(plausible, below, above),
    )


def _finite_ends(profile: NumericProfile) -> tuple[float, float] | None:
    values = profile.values if isinstance(profile, ExactProfile) else profile.points(profile.present)
    finite = values[np.isfinite(values)]
    return (float(finite[0]), float(finite[-1])) if finite.size else None


def _sentence(plausible: PlausibleRange, below: ShareChange, above: ShareChange) -> str:
    side, word, limit = (
        (below, "below", plausible.lower) if below.difference > above.difference else (above, "above", plausible.upper)
    )
    return f"{percent(side.current.value)} of rows {word} {number(limit)} (usually {percent(side.reference.value)})"


def _present(values: Column) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    column = as_numbers(values)
    return column[~np.isnan(column)]


def _compare(
    then: np.ndarray[tuple[int, ...], np.dtype[np.bool_]], now: np.ndarray[tuple[int, ...], np.dtype[np.bool_]]
) -> ShareChange:
    return compare_shares(int(then.sum()), then.size, int(now.sum()), now.size)
