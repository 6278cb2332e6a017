"""Which fault would turn the reference into what is seen now.

Each hypothesis is a change f of values. If it hit a share s of the rows, the cumulative share now is
(1 - s) F_reference + s F_f(reference); s is the least-squares fit of that mixture, and what is left between it and the
current window (a Kolmogorov-Smirnov distance), over what there was before, is the part the hypothesis does not explain.
Nothing is named unless the change itself is beyond chance and the hypothesis explains most of it.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from bot.statistics.category_faults import explain_categories
from bot.statistics.columns import Column, Floats, as_numbers, count_categories, is_numeric
from bot.statistics.distances import effective_rows, ks_exact, ks_p_value
from bot.statistics.fault import (
    ALL_ROWS,
    LEAST_EXPLAINED,
    LEAST_SHARE,
    SURE,
    FaultHypothesis,
    FaultKind,
    matches,
    null_burst,
)
from bot.statistics.profiles import ExactProfile, fit_numeric
from bot.statistics.wording import number, percent

POINTS = 2048
LEAST_ROWS = 50
LEAST_KS = 0.04
LARGEST = 1e308
WELL_EXPLAINED = 0.85
PARTIAL_COST = 0.02
NEARLY_ALL_EXPLAINED = 0.95
NEARLY_ALL = 0.9
FACTORS = {
    10.0: 0.0,
    100.0: 0.0,
    1000.0: 0.0,
    1e6: 0.0,
    60.0: 0.0,
    3600.0: 0.0,
    1.609344: 0.005,
    1 / 0.45359237: 0.005,
    2.54: 0.005,
    1 / 0.3048: 0.01,
    24.0: 0.01,
    12.0: 0.015,
    2.0: 0.015,
    1024.0: 0.02,
}
"""Factors between units, with their cost: of two that fit alike, the commoner is named."""
CLOCK_HOURS = 24
STALE_REMEDY = "read the values from their source again"


@dataclass(frozen=True, slots=True)
class _Candidate:
    """`then` is the reference as the fault would leave it (sorted). `cost` is taken from what it explains when ranking:
    a named unit beats a fitted number that fits no better. `whole` faults hit every row."""

    kind: FaultKind
    then: Floats
    factor: float | None
    what: str
    undo: str
    cost: float = 0.0
    whole: bool = False


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
    raw_then, raw_now = as_numbers(reference), as_numbers(current)
    then = fit_numeric(raw_then[np.isfinite(raw_then)], mode="exact")
    now = fit_numeric(raw_now[np.isfinite(raw_now)], mode="exact")
    found: list[FaultHypothesis] = []
    if isinstance(then, ExactProfile) and isinstance(now, ExactProfile) and min(then.rows, now.rows) >= LEAST_ROWS:
        found = _ranked(then, now)
    stale, nulls = _stale(raw_then, raw_now), _nulls(raw_then, raw_now)
    ranked = [*([stale] if stale else []), *found]
    if nulls is None:
        return ranked
    return [*ranked, nulls] if ranked and ranked[0].share > nulls.share else [nulls, *ranked]


def _nulls(then: Floats, now: Floats) -> FaultHypothesis | None:
    return null_burst(int(np.isnan(then).sum()), then.size, int(np.isnan(now).sum()), now.size)


def _ranked(then: ExactProfile, now: ExactProfile) -> list[FaultHypothesis]:
    ks = ks_exact(then.values, now.values)
    if ks < LEAST_KS or ks_p_value(ks, then.rows, now.rows) >= SURE:
        return []
    noise = 1.36 / math.sqrt(effective_rows(then.rows, now.rows)) + 1 / POINTS
    before, after = then.points(POINTS), now.points(POINTS)
    scored = []
    for candidate in _candidates(before, after):
        share, left = _fit(candidate, before, after, noise)
        explained = max(0.0, 1 - left / ks)
        fits = left <= 1.5 * noise or explained >= WELL_EXPLAINED
        if share < 1 and _is_mild(candidate):
            fits = explained >= NEARLY_ALL_EXPLAINED
        if share >= LEAST_SHARE and explained >= LEAST_EXPLAINED and fits:
            cost = candidate.cost + (0.0 if share == 1 else PARTIAL_COST)
            # What is left within noise is no argument between two hypotheses; how common they are is.
            scored.append((max(0.0, left - noise) / ks + cost, left, candidate, share, explained))
    scored.sort(key=lambda entry: entry[:2])
    told: list[FaultHypothesis] = []
    for _, _, candidate, share, explained in scored:
        if not any(_same_story(candidate, other) for other in told):
            told.append(_hypothesis(candidate, share, explained))
    return told[:3]


def _same_story(candidate: _Candidate, other: FaultHypothesis) -> bool:
    """101 beside 100 is no second hypothesis."""
    return (
        candidate.kind is other.kind is FaultKind.SCALED
        and candidate.factor is not None
        and other.factor is not None
        and math.isclose(candidate.factor, other.factor, rel_tol=0.15)
    )


def _is_mild(candidate: _Candidate) -> bool:
    """Real growth of 15 % looks much like a fifth of the rows doubled."""
    factor = candidate.factor or 1.0
    return candidate.kind is FaultKind.CONVERTED or (candidate.kind is FaultKind.SCALED and 1 / 5 < factor < 5)  # noqa: PLR2004


def _hypothesis(candidate: _Candidate, share: float, explained: float) -> FaultHypothesis:
    hit = "" if share >= ALL_ROWS else f"{percent(share)} of rows "
    sentence = (
        f"{hit}{candidate.what}; {matches(share, candidate.undo)}" if candidate.undo else f"{hit}{candidate.what}"
    )
    return FaultHypothesis(
        candidate.kind, candidate.factor, share, explained, sentence, candidate.undo or candidate.what
    )


def _fit(candidate: _Candidate, before: Floats, after: Floats, noise: float) -> tuple[float, float]:
    """The share of rows that best explains the current values, and the KS distance that remains."""
    grid = np.unique(np.concatenate([before, after, candidate.then]))
    reference, current, changed = (_cumulative(values, grid) for values in (before, after, candidate.then))
    pull, gap = changed - reference, current - reference
    whole = float(np.max(np.abs(current - changed)))
    if candidate.whole:
        return 1.0, whole
    size = float(pull @ pull)
    if size == 0:
        return 0.0, float(np.max(np.abs(gap)))
    share = min(1.0, max(0.0, float(gap @ pull) / size))
    left = float(np.max(np.abs(gap - share * pull)))
    # Nearly all rows is a worse story than all of them, unless it fits clearly better.
    return (1.0, whole) if share >= NEARLY_ALL and whole <= max(left + noise / 2, noise) else (share, left)


def _cumulative(ordered: Floats, grid: Floats) -> Floats:
    return np.searchsorted(ordered, grid, side="right") / ordered.size


def _candidates(before: Floats, after: Floats) -> Iterator[_Candidate]:
    yield from _scalings(before, after)
    yield from _conversions(before, after)
    yield from _clocks(before)
    yield from _signs(before)
    yield from _fills(before, after)
    yield from _cuts(before, after)


def _scalings(before: Floats, after: Floats) -> Iterator[_Candidate]:
    for unit, cost in FACTORS.items():
        yield _scaled(before, unit, cost)
        yield _scaled(before, 1 / unit, cost)
    fitted = _fitted_factor(before, after)
    if fitted:
        yield _scaled(before, fitted, 0.06)


def _scaled(before: Floats, factor: float, cost: float) -> _Candidate:
    with np.errstate(over="ignore", under="ignore"):
        then = np.clip(before * factor, -LARGEST, LARGEST)
    if factor >= 1:
        what, undo = f"multiplied by {_plain(factor)}", f"divided by {_plain(factor)}"
    else:
        what, undo = f"divided by {_plain(1 / factor)}", f"multiplied by {_plain(1 / factor)}"
    return _Candidate(FaultKind.SCALED, then, factor, what, undo, cost)


def _plain(factor: float) -> str:
    """`100`, `3,600`, `1.609344`, `2.2046`: known units by all their digits."""
    return f"{factor:,.0f}" if factor >= 1000 else f"{factor:.6g}"  # noqa: PLR2004


def _fitted_factor(before: Floats, after: Floats) -> float | None:
    """The median ratio of matching deciles, when it is clearly not 1."""
    at = np.arange(0.1, 0.95, 0.1)
    then, now = _at_ranks(before, at), _at_ranks(after, at)
    some = (then != 0) & (np.sign(then) == np.sign(now)) & (np.abs(then) > 1e-300)  # noqa: PLR2004
    if some.sum() < 5:  # noqa: PLR2004
        return None
    with np.errstate(over="ignore"):
        factor = float(np.median(now[some] / then[some]))
    return float(f"{factor:.3g}") if math.isfinite(factor) and not 2 / 3 < factor < 3 / 2 else None


def _at_ranks(ordered: Floats, shares: Floats) -> Floats:
    return ordered[(shares * (ordered.size - 1)).astype(np.intp)]


def _conversions(before: Floats, after: Floats) -> Iterator[_Candidate]:
    units: tuple[tuple[str, str, Callable[[Floats], Floats]], ...] = (
        ("Celsius", "Kelvin", lambda x: x + 273.15),
        ("Kelvin", "Celsius", lambda x: x - 273.15),
        ("Celsius", "Fahrenheit", lambda x: x * 1.8 + 32),
        ("Fahrenheit", "Celsius", lambda x: (x - 32) / 1.8),
        ("Kelvin", "Fahrenheit", lambda x: (x - 273.15) * 1.8 + 32),
        ("Fahrenheit", "Kelvin", lambda x: (x - 32) / 1.8 + 273.15),
    )
    if np.max(np.abs(before)) < 10_000:  # noqa: PLR2004
        for old, new, change in units:
            then, undo = change(before), f"taken as {new} and converted to {old}"
            yield _Candidate(FaultKind.CONVERTED, then, None, f"look like {new} instead of {old}", undo, 0.03)
    with np.errstate(over="ignore"):
        moved = float(np.median(after) / 2 - np.median(before) / 2) * 2
        spread = float(_at_ranks(before, np.array([0.75]))[0] - _at_ranks(before, np.array([0.25]))[0])
    if math.isfinite(moved) and math.isfinite(spread) and abs(moved) > 1.5 * spread > 0:
        word, back = ("raised", "lowered") if moved > 0 else ("lowered", "raised")
        size = number(abs(moved))
        yield _Candidate(FaultKind.OFFSET, before + moved, moved, f"{word} by {size}", f"{back} by {size}", 0.08)


def _clocks(before: Floats) -> Iterator[_Candidate]:
    whole_hours = before[0] >= 0 and 20 <= before[-1] < CLOCK_HOURS and bool(np.all(before == np.round(before)))  # noqa: PLR2004
    if not whole_hours:
        return
    for hours in range(-11, 13):
        if hours:
            then = np.sort((before + hours) % CLOCK_HOURS)
            what = f"hours moved by {hours:+d} (time zone)"
            yield _Candidate(FaultKind.CLOCK_SHIFTED, then, float(hours), what, f"moved by {-hours:+d} hours", 0.02)


def _signs(before: Floats) -> Iterator[_Candidate]:
    yield _Candidate(FaultKind.SIGN_FLIPPED, -before[::-1], -1.0, "have the opposite sign", "with the sign turned back")
    if before[0] < 0:
        yield _Candidate(FaultKind.SIGN_LOST, np.sort(np.abs(before)), None, "lost their minus sign", "", 0.01)


def _fills(before: Floats, after: Floats) -> Iterator[_Candidate]:
    """Values that hold clearly more of the rows than they used to."""
    values, sizes = np.unique(after, return_counts=True)
    for at in np.argsort(-sizes, kind="stable")[:3]:
        value = float(values[at])
        was = float(np.mean(before == value))
        if sizes[at] / after.size - was >= LEAST_SHARE:
            what = f"are filled with {number(value)} (usually {percent(was)} of rows)"
            yield _Candidate(FaultKind.FILLED, np.array([value]), value, what, "")


def _cuts(before: Floats, after: Floats) -> Iterator[_Candidate]:
    """Values held at a limit, or rows beyond it gone."""
    lowest, highest = float(after[0]), float(after[-1])
    for limit, beyond, held, word in (
        (highest, before > highest, np.minimum(before, highest), "above"),
        (lowest, before < lowest, np.maximum(before, lowest), "below"),
    ):
        if not LEAST_SHARE <= float(beyond.mean()) < 1:
            continue
        gone = f"rows {word} {number(limit)} are missing (usually {percent(float(beyond.mean()))})"
        clipped = f"clipped at {number(limit)} (usually {percent(float(beyond.mean()))} of rows lie {word} it)"
        yield _Candidate(FaultKind.CLIPPED, held, limit, clipped, "", 0.0, whole=True)
        yield _Candidate(FaultKind.TRUNCATED, before[~beyond], limit, gone, "", 0.01, whole=True)


def _stale(then: Floats, now: Floats) -> FaultHypothesis | None:
    """Rows that repeat the row before, in a column that seldom does; one single value all along is a fill instead."""
    if min(then.size, now.size) < LEAST_ROWS:
        return None
    was, repeated = _repeating(then), _repeating(now)
    present = now[~np.isnan(now)]
    if repeated - was < 0.2 or was > 0.5 or present.size == 0:  # noqa: PLR2004
        return None
    if _largest_share(present) - _largest_share(then[~np.isnan(then)]) > (repeated - was) / 2:
        return None
    sentence = f"{percent(repeated)} of rows repeat the row before (usually {percent(was)}): the values look stale"
    return FaultHypothesis(
        FaultKind.STALE, None, repeated, min(1.0, (repeated - was) / (1 - was)), sentence, STALE_REMEDY
    )


def _repeating(values: Floats) -> float:
    return float(np.mean(values[1:] == values[:-1]))


def _largest_share(values: Floats) -> float:
    if values.size == 0:
        return 0.0
    return float(np.unique(values, return_counts=True)[1].max()) / values.size


__all__ = ["FaultHypothesis", "FaultKind", "explain_categories", "explain_change", "explain_numbers"]
