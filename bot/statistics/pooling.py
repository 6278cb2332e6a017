"""Every segment of a column at once: each against its own past, shrunk to the fleet, after the fleet's own move.

What all segments do together is nobody's fault: one move a window, fitted so that a few bad segments don't bend it, is
taken out first. A segment's usual level is its own past and the fleet's mean, by credibility (Buehlmann and Straub
1970; exact for these families, Jewell 1974): the empirical Bayes of beta-binomial shares, Gamma-Poisson counts and
normal means. A window counts for less the more windows vary by themselves. How much they do is learnt from the whole
fleet, and of a segment that swings more than others from itself as far as its windows tell (moderated variances, Smyth
2004). The chance of what it shows now is the tail of the predictive distribution. All segments are one family: its
chance is that of Simes (1986), and who is named is kept to a false discovery rate (Benjamini and Hochberg 1995).
"""

import math
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
from numpy.typing import NDArray

from bot.statistics.columns import Floats
from bot.statistics.families import COUNTS, EDGE, Family
from bot.statistics.mean_shift import LEAST_MEANS, UsualLevel, usual_level
from bot.statistics.multiplicity import benjamini_hochberg

Flags = NDArray[np.bool_]
ROUNDS, STEPS = 3, 5
ROBUST = 3.0
"""Residuals beyond so many standard deviations pull the fleet's move no harder."""
LARGEST_STEP, LARGEST_MOVE = 2.0, 8.0
WEAKEST, STRONGEST = 1e-9, 1e7
LEAST_OWN_WINDOWS = 3
MOST_DISPERSION = 10.0
FREEDOM = 1e6
"""Degrees of freedom that stand for a known dispersion."""
SMALLEST = 1e-300
TAIL, LEAST_TAIL, MOST_SHAPE = 0.01, 30, 0.4
EXPECTED_COUNT = 20.0
"""Rows usually expected in the windows a count is taken over; 0 of 20 has a chance of 2e-9."""


class Standing(IntEnum):
    """JUDGED has a chance. NEW: too short a past. GONE: had rows, has none now. SMALL: too few also over more
    windows. ABSENT: no row now, as often before."""

    JUDGED = 0
    NEW = 1
    GONE = 2
    SMALL = 3
    ABSENT = 4


@dataclass(frozen=True, slots=True)
class FleetMove:
    """What all segments did together in the newest window: a row, usually and now. p_value: of as large a move, by how
    the fleet moved in the windows before. matters: larger than the floor on the effect."""

    usual: float
    now: float
    p_value: float
    matters: bool


@dataclass(frozen=True, slots=True)
class Pooled:
    """Each of shape (segments,). usual: a row, by its own past and the fleet. expected: the same after the fleet's
    move. now: over the newest `windows` windows, `sizes` rows. p_values: two-sided unless only rises were asked for, 1
    below the floor on the effect, NaN where not judged. between: how windows vary beyond chance, as in `Family`.
    """

    usual: Floats
    expected: Floats
    now: Floats
    sizes: Floats
    windows: NDArray[np.int64]
    p_values: Floats
    standing: NDArray[np.int64]
    fleet: FleetMove
    between: float

    @property
    def judged(self) -> Flags:
        return np.asarray(self.standing == Standing.JUDGED)

    def count(self, standing: Standing) -> int:
        return int(np.count_nonzero(self.standing == standing))

    def chance(self) -> float:
        """The chance that a fleet in order shows this or worse in any segment (Simes); 1 with none judged."""
        known = self.p_values[self.judged]
        return float(benjamini_hochberg(known).min()) if known.size else 1.0

    def named(self, false_share: float) -> NDArray[np.int64]:
        """Places of the segments that stand out, the surest first, at most this expected share of them wrongly."""
        places = np.flatnonzero(self.judged)
        adjusted = benjamini_hochberg(self.p_values[places])
        found = places[adjusted <= false_share]
        away = np.abs(self.now[found] - self.expected[found])
        order: NDArray[np.int64] = found[np.lexsort((-away, self.p_values[found]))].astype(np.int64)
        return order


@dataclass(frozen=True, slots=True)
class _Fit:
    """level, credit: (segments,). moves, doubt (a standard deviation): (windows,). strength: what the fleet's mean
    counts for, in rows. scatter, freedom: (segments,), of a window's variance as pooled, and how well it is known."""

    level: Floats
    credit: Floats
    strength: float
    moves: Floats
    doubt: Floats
    between: float
    scatter: Floats
    freedom: Floats
    tails: tuple["_Tail", "_Tail"] | None


@dataclass(frozen=True, slots=True)
class _Tail:
    """How far residuals of all segments and windows went beyond `start`, in standard deviations: a generalised Pareto
    law by moments (Hosking and Wallis 1987). share: of the residuals beyond."""

    start: float
    share: float
    shape: float
    scale: float

    def beyond(self, away: Floats) -> Floats:
        """The chance of at least so much; 0 below the start, where the family's own law is better."""
        over = np.maximum(away - self.start, 0) / self.scale
        law = np.exp(-over) if self.shape == 0 else (1 + self.shape * over) ** (-1 / self.shape)
        return np.where(away > self.start, self.share * law, 0.0)


def pool(
    family: Family,
    totals: Floats,
    sizes: Floats,
    learn: Flags,
    *,
    least_rows: float = 200,
    most_windows: int = 10,
    only_rises: bool = False,
) -> Pooled:
    """Judge the newest window of every segment.

    totals, sizes: shape (segments, windows), oldest window first; sums and rows, or rows and ones for counts (0 before
    a segment's first row). learn: (windows,), which may be learnt from. A segment with fewer than `least_rows` rows is
    taken over its newest windows together, as few as hold so many, at most `most_windows`; its past is what lies before
    them. For counts, so many rows are *expected* of them.
    """
    newest = totals.shape[1] - 1
    usable = np.asarray(learn, dtype=np.bool_).copy()
    usable[newest] = False
    widths = _widths(family, totals, sizes, usable, least_rows, most_windows)
    place = np.arange(newest + 1)
    now = place[None, :] > newest - np.maximum(widths, 1)[:, None]
    past = usable[None, :] & ~now & (sizes > 0)
    fit = _fit(family, totals, sizes, past)
    moved = family.expected(fit.level[:, None], fit.moves[None, :])
    found, size, expected, spread = _newest(family, totals, sizes, now, moved, fit)
    standing = _standing(family, totals, sizes, past, usable, widths, least_rows)
    chances = np.full(widths.size, np.nan)
    judged = np.flatnonzero((standing == Standing.JUDGED) & (spread > 0))
    up, down = family.tails(found[judged], size[judged], expected[judged], spread[judged])
    if fit.tails is not None:
        away = (found - expected)[judged] / spread[judged]
        up, down = np.maximum(up, fit.tails[0].beyond(away)), np.maximum(down, fit.tails[1].beyond(-away))
    one_sided = up if only_rises else np.minimum(up, down)
    chances[judged] = _known_to(one_sided, fit.freedom[judged], sides=1 if only_rises else 2)
    per_row = np.maximum(size, EDGE)
    rate, usual = found / per_row, expected / per_row
    change = rate - usual if only_rises else np.abs(rate - usual)
    small = change < family.least(usual) * (1 - 1e-9)
    chances[judged] = np.where(small[judged], 1.0, chances[judged])
    standing[np.isnan(chances) & (standing == Standing.JUDGED)] = Standing.SMALL
    fleet = _fleet(family, sizes[:, newest], fit, usable, only_rises=only_rises)
    level = family.expected(fit.level, np.zeros_like(fit.level))
    return Pooled(level, usual, rate, size, np.maximum(widths, 1), chances, standing, fleet, fit.between)


def _widths(
    family: Family, totals: Floats, sizes: Floats, usable: Flags, least_rows: float, most: int
) -> NDArray[np.int64]:
    """How many of the newest windows are taken together; 0 where even the most hold too few rows."""
    most = min(most, sizes.shape[1] - 1)
    if family is COUNTS:
        windows = np.maximum(sizes[:, usable].sum(axis=1), 1)
        usually = totals[:, usable].sum(axis=1) / windows
        wanted = np.ceil(np.minimum(least_rows / np.maximum(usually, EDGE), most + 1)).astype(np.int64)
        return np.where(wanted > most, 0, np.maximum(wanted, 1))
    held = np.cumsum(sizes[:, : -most - 1 : -1], axis=1)
    enough = held >= least_rows
    found: NDArray[np.int64] = np.where(enough.any(axis=1), enough.argmax(axis=1) + 1, 0).astype(np.int64)
    return found


def _standing(
    family: Family,
    totals: Floats,
    sizes: Floats,
    past: Flags,
    usable: Flags,
    widths: NDArray[np.int64],
    least_rows: float,
) -> NDArray[np.int64]:
    own = (past & (sizes > 0)).sum(axis=1)
    rows = np.where(past, totals if family is COUNTS else sizes, 0).sum(axis=1)
    known = (own >= LEAST_OWN_WINDOWS) & (rows >= least_rows)
    weight = totals if family is COUNTS else sizes
    usually = np.where(usable, weight, 0).sum(axis=1) / max(int(usable.sum()), 1)
    empty = weight[:, -1] == 0
    found = np.where(known, Standing.JUDGED, Standing.NEW)
    found = np.where((widths == 0) & (own > 0), Standing.SMALL, found)
    if family is COUNTS:  # having none is what a count can show
        found = np.where(empty & (usually == 0), Standing.ABSENT, found)
    else:
        gone = usually >= max(EXPECTED_COUNT, least_rows / 4)
        found = np.where(empty, np.where(gone, Standing.GONE, Standing.ABSENT), found)
    return found.astype(np.int64)


def _fit(family: Family, totals: Floats, sizes: Floats, past: Flags) -> _Fit:
    """Levels, moves, and what windows vary beyond chance, in turn."""
    windows = past.any(axis=0)
    whole = max(float(sizes[past].sum()), 1.0)
    least = 0.5 / whole if family.counted else -math.inf
    prior, strength, between = max(float(totals[past].sum()) / whole, least), 1.0, 0.0
    credit = np.where(past, sizes, 0).sum(axis=1)
    level = (prior * strength + np.where(past, totals, 0).sum(axis=1)) / (strength + credit)
    level = np.clip(level, family.lowest, family.highest)
    moves, doubt = np.zeros(sizes.shape[1]), np.zeros(sizes.shape[1])
    for _ in range(ROUNDS):
        moves, doubt = _moves(family, totals, sizes, level, moves, between)
        if windows.any():
            moves = moves - moves[windows].mean()
        mean = family.expected(level[:, None], moves[None, :])
        each = np.where(past, sizes / (1 + between * family.grows(mean, sizes)), 0)
        credit = each.sum(axis=1)
        rates = np.divide(totals, sizes, out=np.zeros_like(totals), where=sizes > 0)
        own = (each * (rates - mean + level[:, None])).sum(axis=1) / np.maximum(credit, EDGE)
        prior, strength = _prior(family, own, level, credit, strength)
        level = (strength * prior + credit * own) / (strength + credit)
        level = np.clip(level, max(family.lowest, least), family.highest)
        between = _between(family, totals, sizes, past, level, moves, each / (strength + credit)[:, None], between)
    leverage = each / (strength + credit)[:, None]
    scatter, freedom = _scatter(family, totals, sizes, past, level, moves, leverage, between)
    tails = None
    if not family.counted:  # sums of skewed rows are not normal far out
        mean = family.expected(level[:, None], moves[None, :])
        variance = sizes * family.variance(mean) * (1 + between * family.grows(mean, sizes)) * (1 - leverage)
        away = (totals - sizes * mean)[past] / np.sqrt(np.maximum(variance * scatter[:, None], SMALLEST)[past])
        tails = _tail(away), _tail(-away)
    return _Fit(level, credit, strength, moves, doubt, between, scatter, freedom, tails)


def _tail(away: Floats) -> _Tail:
    count = min(max(LEAST_TAIL, math.ceil(TAIL * away.size)), away.size // 4)
    if count < 3:  # noqa: PLR2004
        return _Tail(math.inf, 0.0, 0.0, 1.0)
    ordered = np.sort(away)
    start = float(ordered[-count - 1])
    over = ordered[-count:] - start
    mean, spread = float(over.mean()), float(over.std(ddof=1))
    shape = min(max(0.5 * (1 - (mean / spread) ** 2), 0.0), MOST_SHAPE) if spread else 0.0
    return _Tail(start, count / away.size, shape, max(mean * (1 - shape), EDGE))


def _moves(
    family: Family, totals: Floats, sizes: Floats, level: Floats, moves: Floats, between: float
) -> tuple[Floats, Floats]:
    """What all segments did together in each window, by Huber's estimate (1964), and its standard deviation."""
    information = np.ones_like(moves)
    for _ in range(STEPS):
        mean = family.expected(level[:, None], moves[None, :])
        basis = sizes * family.variance(mean)
        spread = np.sqrt(basis * (1 + between * family.grows(mean, sizes)))
        pull = np.divide(basis, spread, out=np.zeros_like(basis), where=spread > 0)
        away = np.divide(totals - sizes * mean, spread, out=np.zeros_like(basis), where=spread > 0)
        weight = ROBUST / np.maximum(np.abs(away), ROBUST)
        information = np.maximum((pull * pull).sum(axis=0), EDGE)
        step = (pull * away * weight).sum(axis=0) / np.maximum((pull * pull * weight).sum(axis=0), EDGE)
        bound = LARGEST_STEP if family.counted else math.inf
        moves = moves + np.clip(step, -bound, bound)
        if family.counted:
            moves = np.clip(moves, -LARGEST_MOVE, LARGEST_MOVE)
    return moves, 1 / np.sqrt(information)


def _prior(family: Family, own: Floats, level: Floats, credit: Floats, strength: float) -> tuple[float, float]:
    """The fleet's mean level, and how many rows it counts for: variance within a segment over that between them."""
    weight = credit / (credit + strength)
    if weight.sum() < EDGE:
        return float(level.mean()), strength
    mean = float((weight * own).sum() / weight.sum())
    row = family.variance(level)
    chance = float((weight * row).sum() / weight.sum())
    apart = (own - mean) ** 2 - row / np.maximum(credit, EDGE)
    between = float((weight * apart).sum() / weight.sum())
    return mean, min(max(chance / max(between, SMALLEST), WEAKEST), STRONGEST)


def _between(
    family: Family,
    totals: Floats,
    sizes: Floats,
    past: Flags,
    level: Floats,
    moves: Floats,
    leverage: Floats,
    between: float,
) -> float:
    """What windows vary beyond chance, by the method of moments over the whole fleet; not below 0."""
    mean = family.expected(level[:, None], moves[None, :])
    basis = np.maximum(sizes * family.variance(mean), EDGE)
    grows = family.grows(mean, sizes)
    squares = (totals - sizes * mean) ** 2 / basis
    weight = np.where(past, 1 / ((2 + family.counted / basis) * (1 + between * grows) ** 2), 0)
    free = 1 - leverage
    beyond = float((weight * (squares - free)).sum()) / max(float((weight * free * grows).sum()), EDGE)
    return max(0.0, beyond)


def _scatter(
    family: Family,
    totals: Floats,
    sizes: Floats,
    past: Flags,
    level: Floats,
    moves: Floats,
    leverage: Floats,
    between: float,
) -> tuple[Floats, Floats]:
    """Each segment's variance over the pooled one, and its degrees of freedom, moderated (Smyth 2004)."""
    mean = family.expected(level[:, None], moves[None, :])
    basis = np.maximum(sizes * family.variance(mean), EDGE)
    inflated = 1 + between * family.grows(mean, sizes)
    squares = np.where(past, (totals - sizes * mean) ** 2 / (basis * inflated * (1 - leverage)), 0).sum(axis=1)
    excess = between * family.swing(mean) * ((inflated - 1) / inflated) ** 2 + family.counted / (basis * inflated)
    seen = past.sum(axis=1)
    noise = np.where(past, 2 + excess, 0).sum(axis=1)
    freedom = 2 * seen.astype(np.float64) ** 2 / np.maximum(noise, EDGE)
    own = squares / np.maximum(seen, 1)
    known = freedom > 1
    if np.count_nonzero(known) < LEAST_OWN_WINDOWS:
        return np.ones_like(own), np.maximum(freedom, 1.0)
    weight = freedom[known]
    usual = max(float((weight * own[known]).sum() / weight.sum()), EDGE)
    ratio = np.minimum(own[known] / usual, MOST_DISPERSION)
    varies = float((weight * ((ratio - 1) ** 2 - 2 / weight)).sum() / (weight * (1 + 2 / weight)).sum())
    prior = 4 + 2 / varies if varies > 2 / FREEDOM else FREEDOM
    moderated = (prior * usual + freedom * own) / (prior + freedom)
    return moderated, prior + freedom


def _newest(
    family: Family, totals: Floats, sizes: Floats, now: Flags, moved: Floats, fit: _Fit
) -> tuple[Floats, Floats, Floats, Floats]:
    """Total, rows, the total expected and the standard deviation of its prediction, over the newest windows."""
    found, size = (np.where(now, side, 0).sum(axis=1) for side in (totals, sizes))
    expected = np.where(now, sizes * moved, 0).sum(axis=1)
    variance = family.variance(moved)
    windows = np.where(now, sizes * variance * (1 + fit.between * family.grows(moved, sizes)), 0).sum(axis=1)
    row = family.variance(fit.level)
    steep = np.where(now, sizes * variance, 0).sum(axis=1) / row
    doubt = steep**2 * row / (fit.strength + fit.credit)
    return found, size, expected, np.sqrt(fit.scatter * windows + np.maximum(fit.scatter, 1) * doubt)


def _known_to(one_sided: Floats, freedom: Floats, *, sides: int) -> Floats:
    """The chance once the spread itself is only known to so many degrees of freedom."""
    from scipy.special import ndtri, stdtr  # noqa: PLC0415

    away = ndtri(np.clip(one_sided, SMALLEST, 0.5))
    known = freedom >= FREEDOM
    tail = np.where(known, np.clip(one_sided, SMALLEST, 1), stdtr(np.minimum(freedom, FREEDOM), away))
    beyond_half = np.where(one_sided > 0.5, np.maximum(one_sided, tail), tail)  # noqa: PLR2004
    found: Floats = np.minimum(1.0, sides * beyond_half)
    return found


def _fleet(family: Family, sizes: Floats, fit: _Fit, usable: Flags, *, only_rises: bool) -> FleetMove:
    """The newest window's common move beside those of the windows before."""
    move = float(fit.moves[-1])
    whole = max(float(sizes.sum()), EDGE)
    usual, now = (
        float((sizes * family.expected(fit.level, np.full_like(fit.level, by))).sum()) / whole for by in (0.0, move)
    )
    before = fit.moves[usable]
    if before.size < LEAST_MEANS or not sizes.any():
        return FleetMove(usual, now, 1.0, matters=False)
    found: UsualLevel = usual_level(before.tolist(), noise=float(fit.doubt[-1]), one_sided=only_rises)
    matters = abs(now - usual) >= float(family.least(np.asarray([usual]))[0])
    return FleetMove(usual, now, found.p_value(move), bool(matters))
