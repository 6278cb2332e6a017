"""What each known fault makes of numbers."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.statistics.columns import Floats
from bot.statistics.faults.fit import Comparison
from bot.statistics.faults.hypothesis import LEAST_SHARE, FaultKind, filled, log_odds_moved
from bot.statistics.wording import number, percent

LARGEST = 1e307
CLOCK_HOURS = 24
UNITS = {
    10.0: 0.0,
    100.0: 0.0,
    1000.0: 0.0,
    1e6: 0.0,
    60.0: 0.0,
    3600.0: 0.0,
    1.609344: 0.0,
    2.54: 0.0,
    1 / 0.45359237: 0.0,
    1 / 0.3048: 0.5,
    24.0: 0.5,
    12.0: 0.5,
    1024.0: 1.0,
    2.0: 1.5,
    1e9: 2.0,
    1e4: 2.0,
    3.6: 2.0,
    1024.0**2: 2.0,
    86400.0: 2.0,
    365.25: 3.0,
    1440.0: 3.0,
}
"""Factors between units and what naming them costs: of two that fit alike, the commoner is named."""
TEMPERATURES: tuple[tuple[str, str, Callable[[Floats], Floats]], ...] = (
    ("Celsius", "Kelvin", lambda x: x + 273.15),
    ("Kelvin", "Celsius", lambda x: x - 273.15),
    ("Celsius", "Fahrenheit", lambda x: x * 1.8 + 32),
    ("Fahrenheit", "Celsius", lambda x: (x - 32) / 1.8),
    ("Kelvin", "Fahrenheit", lambda x: (x - 273.15) * 1.8 + 32),
    ("Fahrenheit", "Kelvin", lambda x: (x - 32) / 1.8 + 273.15),
)
HOTTEST = 1000
FEWEST_IN_A_HEAP = 3
MOST_FILLS = 4
USUAL = 0.005
FAR_ODDS = 2.0
LOSING = 6.0
MOST_LOST, STEEPER = 0.5, 10.0
"""What a window without the upper or lower rows costs more: quiet hours look like that, and the more so where more than
half of the rows are gone."""
SCANNED = np.geomspace(1.5, 3e6, 240)
SCANNED_SHARES = np.array([0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.85, 1.0])
SCANNED_BEST = 2
NEXT_TO, NEAR_PRICE = 0.15, 5
DIGITS = 4
MOST_HEAPS = 6
LEAST_FACTOR, LARGEST_FACTOR = 0.4, 1e15
SCANNED_MOVES = np.geomspace(0.5, 2e3, 90)


@dataclass(frozen=True, slots=True)
class Candidate:
    """`values` are those of the reference, in its order, as the fault would leave them.

    `cost` is what naming it costs beyond its fit; `measured` ones have a size that was fitted. `whole` faults hit every
    row; where rows are lost, `kept` tells those that are not. `what` is said of a column all of whose rows are hit,
    `part` of some of its rows (nothing: `are` and `what`).
    """

    kind: FaultKind
    values: Floats
    factor: float | None
    what: str
    undo: str
    cost: float = 0.0
    whole: bool = False
    kept: NDArray[np.bool_] | None = None
    measured: bool = False
    part: str = ""


def candidates(sides: Comparison) -> Iterator[Candidate]:
    then, now = sides.then, sides.now
    yield from _fills(sides)
    if now[0] == now[-1]:
        return  # one value in all rows is one value, whatever made it
    for unit, cost in UNITS.items():
        yield scaled(then, unit, cost)
        smaller = scaled(then, 1 / unit, cost)
        if not (sides.whole and _one_left(smaller.values)):
            yield smaller
    yield from _conversions(then)
    yield from _clocks(then, now)
    yield from _signs(then)
    yield from _cuts(sides)
    yield from _measured(sides)


def _one_left(values: Floats) -> bool:
    """Whole numbers made so small that rounding leaves one of them are rather filled."""
    low, high = np.round(values[[int(0.1 * values.size), int(0.9 * values.size)]])
    return bool(low == high)


def scaled(then: Floats, factor: float, cost: float, *, measured: bool = False) -> Candidate:
    with np.errstate(over="ignore", under="ignore"):
        values = np.clip(then * factor, -LARGEST, LARGEST)
    large = max(factor, 1 / factor)
    size = f"about {number(large)}" if measured else plain(large)
    what, undo = f"multiplied by {size}", f"divided by {size}"
    if factor < 1:
        what, undo = undo, what
    return Candidate(FaultKind.SCALED, values, factor, what, undo, cost, measured=measured)


def plain(factor: float) -> str:
    """`100`, `3,600`, `1.609344`, `2.2046`: known units by all their digits."""
    return f"{factor:,.0f}" if factor >= 1000 else f"{factor:.7g}"  # noqa: PLR2004


def _conversions(then: Floats) -> Iterator[Candidate]:
    price = 2.0 if max(abs(float(then[0])), abs(float(then[-1]))) < HOTTEST else 8.0
    for old, new, change in TEMPERATURES:
        undo = f"taken as {new} and converted to {old}"
        values, unit = change(np.clip(then, -LARGEST / 2, LARGEST / 2)), f"like {new} instead of {old}"
        yield Candidate(FaultKind.CONVERTED, values, None, f"looks {unit}", undo, price, part=f"look {unit}")


def _clocks(then: Floats, now: Floats) -> Iterator[Candidate]:
    hours = all(
        side[0] >= 0 and side[-1] < CLOCK_HOURS and bool(np.all(side == np.round(side))) for side in (then, now)
    )
    if not hours or then[-1] < 20 or np.unique(then).size < 12:  # noqa: PLR2004
        return
    for moved in range(-11, 13):
        if moved:
            what = f"moved by {moved:+d} hours (time zone)"
            values = (then + moved) % CLOCK_HOURS
            yield Candidate(FaultKind.CLOCK_SHIFTED, values, float(moved), what, f"moved by {-moved:+d} hours")


def _signs(then: Floats) -> Iterator[Candidate]:
    sign, back = "the opposite sign", "with the sign turned back"
    yield Candidate(FaultKind.SIGN_FLIPPED, -then, -1.0, f"has {sign}", back, part=f"have {sign}")
    if then[0] < 0 < then[-1]:
        lost = "lost their minus sign"
        yield Candidate(FaultKind.SIGN_LOST, np.abs(then), None, "all values lost their minus sign", "", 1.0, part=lost)


def _fills(sides: Comparison) -> Iterator[Candidate]:
    """Values that hold clearly more of the rows than they used to."""
    values, sizes = np.unique(sides.now, return_counts=True)
    was = np.searchsorted(sides.then, values, side="right") - np.searchsorted(sides.then, values, side="left")
    grown = sizes / sides.now.size - was / sides.then.size
    some = np.flatnonzero((grown >= LEAST_SHARE) & (sizes >= FEWEST_IN_A_HEAP))
    for at in some[np.argsort(-grown[some], kind="stable")[:MOST_FILLS]]:
        value, usual = float(values[at]), percent(float(was[at]) / sides.then.size)
        what = filled(number(value), float(sizes[at]) / sides.now.size, f"usually {usual}")
        cost = math.log(some.size) + sides.a_number / 2
        if was[at] > USUAL * sides.then.size:  # what is often so is the more often by itself, but not without end
            before, after = float(was[at]) / sides.then.size, float(sizes[at]) / sides.now.size
            cost += sides.a_number * max(0.0, 1 - log_odds_moved(before, after) / FAR_ODDS)
        yield Candidate(FaultKind.FILLED, np.full(sides.then.size, value), value, what, "", cost)


def _cuts(sides: Comparison) -> Iterator[Candidate]:
    """Values held at a limit, or rows beyond it gone."""
    then, now = sides.then, sides.now
    for limit, beyond, held, word in (
        (float(now[-1]), then > now[-1], np.minimum(then, now[-1]), "above"),
        (float(now[0]), then < now[0], np.maximum(then, now[0]), "below"),
    ):
        usual = float(beyond.mean())
        if not LEAST_SHARE <= usual < 1:
            continue
        gone = f"rows {word} {number(limit)} are missing (usually {percent(usual)} of rows)"
        clipped = f"clipped at {number(limit)}; no rows {word} it (usually {percent(usual)})"
        price = sides.a_number
        yield Candidate(FaultKind.CLIPPED, held, limit, clipped, "", price, whole=True)
        price += LOSING * (1 + STEEPER * max(0.0, usual - MOST_LOST))
        yield Candidate(FaultKind.TRUNCATED, then, limit, gone, "", price, whole=True, kept=~beyond)


def _measured(sides: Comparison) -> Iterator[Candidate]:
    """The factors and the offsets that fit best, whatever they are; dearer next to a known unit."""
    then = sides.then
    pairs = _heaps_moved(sides)
    with np.errstate(all="ignore"):
        ratios = pairs[:, 1] / pairs[:, 0]
    ratios = ratios[(ratios > 1 / LARGEST_FACTOR) & (ratios < LARGEST_FACTOR)]
    ratios = ratios[np.isfinite(ratios) & (ratios > 0) & (np.abs(np.log(np.maximum(ratios, 1e-300))) > LEAST_FACTOR)]
    factors = np.log(np.concatenate([ratios, SCANNED, 1 / SCANNED]))
    with np.errstate(over="ignore", under="ignore"):
        for logarithm in _best(sides, factors, lambda logs, edges: edges / np.exp(logs), np.full(factors.size, 0.03)):
            near = any(abs(abs(logarithm) - math.log(unit)) < NEXT_TO for unit in UNITS)
            price = sides.a_number * (NEAR_PRICE if near else 2)
            yield scaled(then, math.exp(logarithm), price, measured=True)
    low, high = then[[int(0.1 * (then.size - 1)), int(0.9 * (then.size - 1))]].tolist()
    width = high - low
    if not 0 < width < LARGEST:
        return
    steps = np.concatenate([width * SCANNED_MOVES, -width * SCANNED_MOVES])
    moves = pairs[:, 1] - pairs[:, 0]
    moves = np.concatenate([moves[np.abs(moves) > SCANNED_MOVES[0] * width], _far_moves(sides), steps])
    for moved in _best(sides, moves, lambda some, edges: edges - some, 0.05 * np.abs(moves)):
        value = _short(moved)
        size = f"about {number(abs(value))}"
        word, back = ("raised", "lowered") if value > 0 else ("lowered", "raised")
        yield Candidate(
            FaultKind.OFFSET,
            then + moved,
            value,
            f"{word} by {size}",
            f"{back} by {size}",
            sides.a_number + 3.0,
            measured=True,
        )


def _heaps_moved(sides: Comparison) -> Floats:
    """(value then, value now) of the most frequent values then and those that are new now, shape (pairs, 2)."""
    then, then_sizes = np.unique(sides.then, return_counts=True)
    now, now_sizes = np.unique(sides.now, return_counts=True)
    fresh = (now_sizes > 2) & ~np.isin(now, then)  # noqa: PLR2004
    now, now_sizes = now[fresh], now_sizes[fresh]
    first = then[np.argsort(-then_sizes, kind="stable")[:MOST_HEAPS]]
    second = now[np.argsort(-now_sizes, kind="stable")[:MOST_HEAPS]]
    return np.array([[one, two] for one in first for two in second], dtype=np.float64).reshape(-1, 2)


def _far_moves(sides: Comparison) -> Floats:
    """From the middle and the ends of the reference to those of what lies outside it, or of everything."""
    then, now = sides.then, sides.now
    marks = [then[0], then[then.size // 2], then[-1]]
    found = []
    for group in (now, now[now > then[-1]], now[now < then[0]]):
        if group.size > 2:  # noqa: PLR2004
            found += [at - was for at, was in zip((group[0], group[group.size // 2], group[-1]), marks, strict=True)]
    moves = np.array(found, dtype=np.float64)
    return np.asarray(moves[np.isfinite(moves) & (moves != 0)])


def _best(
    sides: Comparison, settings: Floats, undo: Callable[[Floats, Floats], Floats], reaches: Floats
) -> list[float]:
    """The settings with the least misfit, sharpened within reach. `undo` takes bounds of bins back to `then`."""

    def fit(some: Floats) -> Floats:
        at = np.searchsorted(sides.then, undo(some[:, None], sides.edges[None, :]), side="right")
        hit = sides.smooth(np.diff(at, axis=1, prepend=0, append=sides.then.size) / sides.then.size)
        mixed = (1 - SCANNED_SHARES[:, None, None]) * sides.reference + SCANNED_SHARES[:, None, None] * hit
        return np.asarray(sides.misfit(mixed).min(axis=0))

    misfits = fit(settings)
    found: list[float] = []
    for at in np.argsort(misfits, kind="stable"):
        best, reach, least = float(settings[at]), float(reaches[at]), float(misfits[at])
        if len(found) == SCANNED_BEST:
            break
        if any(abs(best - other) < 2 * reach for other in found):
            continue
        for _ in range(3):
            around = best + reach * np.linspace(-1, 1, 13)
            tried = fit(around)
            if tried.min() < least:
                best, least = float(around[int(np.argmin(tried))]), float(tried.min())
            reach /= 5
        found.append(best)
    return found


def _short(value: float) -> float:
    return float(f"{value:.{DIGITS}g}") if math.isfinite(value) else value
