"""How well a fault, or mere drift, turns the reference into what is seen now.

Both windows are counted in common bins. A hypothesis gives the share of rows each bin should hold; its misfit is the
likelihood-ratio statistic G = 2 W sum(q ln(q / p)) against the shares q seen, W being the rows that count (both
windows' rows combined, bounded: beyond some thousands it is real life that differs, not chance). To the misfit comes a
price in the same units for all that was fitted (ln W a number, as in Schwarz's criterion) and for what is unusual.

Drift competes with the faults. It may weigh the ranks of the reference anew, smoothly, move or stretch the values a
little, and change how often one single value occurs; it can't put rows where none were, nor leave holes. A fault is
believed only where it costs less than the cheapest drift. Rows hit and rows spared may each drift by their own, so
that a fault in one segment is known by what it did although that segment never was like the others.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from bot.statistics.columns import Floats
from bot.statistics.distances import effective_rows

BINS = 48
OUTER_BINS = 16
LARGEST = 1e307
MOST_ATOMS = 48
ATOM = 0.01
MOST_ROWS_COUNTED = 4000.0
TILTS = np.array([0.0, -1.0, -0.5, 0.5, 1.0])
USUAL_TILT = 0.15
USUAL_MOVE = 0.15
USUAL_ODDS = 0.25
"""Drift of ranks (in normal scores), of values (in interquartile ranges or logarithms) and of one value's log odds that
nobody would be surprised by; larger ones cost more, but ever more slowly (as under a Cauchy prior)."""
FARTHEST_MOVE = 1.5
FARTHEST_STRETCH = math.log(1.5)
KNOTS = (1, 2, 4, 7)
MOST_RESTLESS = 3
MOST_OUTSIDE = 4.0
CHANCE_GAP = 0.869
"""The mean of a Kolmogorov variable."""
GROUPS = 8
NO_BETTER = 1e-7
STEPS = 30
SHARES = np.concatenate([np.arange(0.02, 0.2, 0.02), np.arange(0.2, 0.97, 0.04)])


@dataclass(frozen=True, slots=True)
class Mixture:
    """`share` of the rows hit (0 to 1), the misfit, and the price of all that was fitted."""

    share: float
    misfit: float
    price: float

    def cost(self, noise: float = 1.0) -> float:
        return self.misfit / noise + self.price


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Sorted values that stand for each window, the rows behind them, and how far equal values may be apart."""

    then: Floats
    now: Floats
    then_rows: int
    now_rows: int
    loose: bool = False
    edges: Floats = field(init=False)
    seen: Floats = field(init=False)
    reference: Floats = field(init=False)
    atoms: NDArray[np.bool_] = field(init=False)
    rows: float = field(init=False)
    whole: bool = field(init=False)
    _mass: Floats = field(init=False)
    _groups: NDArray[np.intp] = field(init=False)
    _drifted: Floats = field(init=False)
    _before: Floats = field(init=False)
    _some: NDArray[np.bool_] = field(init=False)
    _information: float = field(init=False)

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "whole", all(bool(np.all(side == np.round(side))) for side in (self.then, self.now)))
        edges, atoms = _edges(self.then, self.now, loose=self.loose, whole=self.whole)
        put(self, "edges", edges)
        put(self, "atoms", atoms)
        put(self, "seen", _shares(self.now, edges))
        rows = effective_rows(self.then_rows, self.now_rows)
        put(self, "rows", rows * MOST_ROWS_COUNTED / (rows + MOST_ROWS_COUNTED))
        put(self, "_mass", _tilted_mass(self.then.size))
        put(self, "_groups", _groups(self.then, edges))
        put(self, "_drifted", self.after(self.then))
        put(self, "_before", self._grouped(self.then, None))
        put(self, "reference", self._drifted[0])
        put(self, "_some", self.seen > 0)
        put(self, "_information", self.seen[self._some] @ np.log(self.seen[self._some]))

    @property
    def a_number(self) -> float:
        """What fitting one number costs."""
        return math.log(self.rows + 1)

    def after(self, values: Floats, kept: NDArray[np.bool_] | None = None) -> Floats:
        """Shares of the bins, shape (tilts, bins), once each value of `then` (or of those `kept`) has become that of
        `values`."""
        rising = bool(np.all(values[1:] >= values[:-1]))
        order = slice(None) if rising else np.argsort(values, kind="stable")
        at = np.searchsorted(values[order], self.edges, side="right")
        mass = self._mass
        if kept is not None:
            mass = mass * kept
            mass /= mass.sum(axis=1, keepdims=True)
        heaped = np.zeros((mass.shape[0], values.size + 1))
        np.cumsum(mass[:, order], axis=1, out=heaped[:, 1:])
        inner = heaped[:, at]
        return self.smooth(np.asarray(np.diff(inner, axis=1, prepend=0.0, append=1.0)))

    def smooth(self, shares: Floats) -> Floats:
        """Half a row in each bin: what the reference never had may still be met once."""
        size = self.then.size
        smoothed: Floats = (shares * size + 0.5) / (size + 0.5 * shares.shape[-1])
        return smoothed

    def misfit(self, shares: Floats) -> Floats:
        """G of shares of shape (..., bins)."""
        some = self._some
        return np.asarray(2 * self.rows * (self._information - np.log(shares[..., some]) @ self.seen[some]))

    def mixture(self, hit: Floats, *, whole: bool, drifting: bool) -> Mixture:
        """The best share of rows for `hit` (from `after`); only all of them if `whole`."""
        spared, struck, price = self.reference[None, :], hit[:1], np.zeros((1, 1))
        if drifting:
            spared, struck = self._drifted, hit
            each = np.where(TILTS == 0, 0.0, self.a_number + unusual(TILTS, USUAL_TILT))
            price = each[:, None] + each[None, :]
        every = self.misfit(struck)
        at = int(np.argmin(every + price[0]))
        best = Mixture(1.0, float(every[at]), float(price[0, at]))
        if whole:
            return best
        some = self._some
        mixed = (1 - SHARES)[:, None, None, None] * spared[:, some][None, :, None] + SHARES[
            :, None, None, None
        ] * struck[:, some][None, None, :]
        cost = 2 * self.rows * (self._information - np.log(mixed, out=mixed) @ self.seen[some]) + price
        first, one, two = np.unravel_index(int(np.argmin(cost)), cost.shape)
        share, misfit = self._refine(spared[one], struck[two], float(SHARES[first]))
        part = Mixture(share, misfit, float(price[one, two]) + self.a_number)
        return part if part.cost() < best.cost() else best

    def regrouped(self, values: Floats, kept: NDArray[np.bool_] | None, share: float) -> list[Mixture]:
        """The mixture where groups of ranks may each be more or less frequent: alike for rows hit and spared, or not.

        Expectation and maximisation over the weights of groups that are known distributions over the bins.
        """
        before, after = self._before, self._grouped(values, kept)
        found = []
        for groups in (GROUPS, GROUPS // 2):
            then, hit = (one.reshape(groups, -1, one.shape[1]).sum(axis=1) for one in (before, after))
            found.append(self._alike(then, hit, share))
        return [*found, self._apart(then, hit, share)] if share < 1 else found

    def _alike(self, then: Floats, hit: Floats, share: float) -> Mixture:
        usual = (hit if share == 1 else then).sum(axis=1)  # rows may be lost
        each, weights = np.maximum(usual, 1e-12), np.ones(usual.size)
        free = 0.0 if share == 1 else self.a_number
        for _ in range(STEPS):
            spared, struck = weights @ then, weights @ hit
            ratio = self.seen / self.smooth((1 - share) * spared + share * struck)
            weights = weights * ((1 - share) * (then @ ratio) + share * (hit @ ratio)) / each
            weights /= max(float(weights @ usual), 1e-12)
            if share < 1:
                share = min(max(share * float(struck @ ratio), 0.0), 1.0)
        misfit = float(self.misfit(self.smooth((1 - share) * (weights @ then) + share * (weights @ hit))))
        return Mixture(share, misfit, free + self._restless(weights, usual))

    def _apart(self, then: Floats, hit: Floats, share: float) -> Mixture:
        usual = then.sum(axis=1)
        each = np.maximum(usual, 1e-12)
        spared, struck = np.full(usual.size, 1 - share), np.full(usual.size, share)
        for _ in range(STEPS):
            ratio = self.seen / self.smooth(spared @ then + struck @ hit)
            spared, struck = spared * (then @ ratio) / each, struck * (hit @ ratio) / each
        misfit = float(self.misfit(self.smooth(spared @ then + struck @ hit)))
        share = float(np.clip(struck @ usual, 1e-6, 1.0))
        price = self._restless(spared / max(1 - share, 1e-6), usual) + self._restless(struck / share, usual)
        return Mixture(share, misfit, self.a_number + price)

    def _restless(self, weights: Floats, usual: Floats) -> float:
        """What it costs that groups are `weights` times as frequent as usual."""
        some = usual > 0
        moved = np.log(np.clip(weights[some], 0.01, 100))
        spread = math.sqrt(float(usual[some] @ moved**2))
        return (np.count_nonzero(some) - 1) * self.a_number + float(unusual(np.array(spread), USUAL_TILT))

    def _grouped(self, values: Floats, kept: NDArray[np.bool_] | None) -> Floats:
        """As `after`, but by groups of ranks, shape (groups, bins), all summing to 1."""
        bins, groups = self.edges.size + 1, self._groups
        at = groups * bins + np.searchsorted(self.edges, values, side="left")
        if kept is not None:
            at = at[kept]
        return np.bincount(at, minlength=GROUPS * bins).reshape(GROUPS, bins) / at.size

    def _refine(self, spared: Floats, struck: Floats, share: float) -> tuple[float, float]:
        """A few steps of expectation and maximisation from a share that is nearly right."""
        for _ in range(12):
            hit = share * struck
            share = min(1.0, float(self.seen @ (hit / (hit + (1 - share) * spared))))
        return share, float(self.misfit((1 - share) * spared + share * struck))

    def drifts(self) -> list[Mixture]:
        """Stories without a fault."""
        found = self._reweighed(self.reference, KNOTS, self._restless_atoms())
        none = [(np.zeros((self.reference.size, 0)), 0.0)]
        for price, shares in self._moves():
            for other in self._reweighed(shares, KNOTS[:2], none):
                found.append(Mixture(0.0, other.misfit, price + other.price))
        return found

    def _moves(self) -> Iterator[tuple[float, Floats]]:
        """Values a little moved, multiplied or stretched, each with its price."""
        then, now = self.then, self.now
        low, middle, high = _at_ranks(then, np.array([0.25, 0.5, 0.75])).tolist()
        now_low, now_middle, now_high = _at_ranks(now, np.array([0.25, 0.5, 0.75])).tolist()
        factor = self._fitted(FARTHEST_STRETCH, lambda logs, edges: edges * np.exp(-logs))
        yield self._move_price(factor), self.after(then * math.exp(factor))[0]
        width = high - low
        if not (0 < width < LARGEST and abs(now_middle - middle) < LARGEST):
            return
        move = self._fitted(FARTHEST_MOVE, lambda moves, edges: edges - moves * width)
        yield self._move_price(move), self.after(then + move * width)[0]
        stretch = (now_high - now_low) / width
        if stretch > 0 and abs(math.log(stretch)) <= FARTHEST_STRETCH:
            price = self._move_price(math.log(stretch))
            yield price, self.after((then - middle) * stretch + middle)[0]
            move = (now_middle - middle) / width
            if abs(move) <= FARTHEST_MOVE:
                yield price + self._move_price(move), self.after((then - middle) * stretch + now_middle)[0]

    def _move_price(self, move: float) -> float:
        return self.a_number + float(unusual(np.array(move), USUAL_MOVE))

    def _fitted(self, reach: float, undo: Callable[[Floats, Floats], Floats]) -> float:
        """The setting within reach that fits best when all rows moved so; `undo` takes bounds of bins back."""
        best, step = 0.0, reach / 20
        for around in (np.linspace(-reach, reach, 41), np.linspace(-1, 1, 21) * step, np.linspace(-0.1, 0.1, 9) * step):
            settings = np.clip(best + around, -reach, reach)
            at = np.searchsorted(self.then, undo(settings[:, None], self.edges[None, :]), side="right")
            shares = self.smooth(np.diff(at, axis=1, prepend=0, append=self.then.size) / self.then.size)
            best = float(settings[int(np.argmin(self.misfit(shares)))])
        return best

    def _reweighed(
        self, shares: Floats, knots: tuple[int, ...], atoms: Sequence[tuple[Floats, float]]
    ) -> list[Mixture]:
        found = [Mixture(0.0, float(self.misfit(shares)), 0.0)]
        scores = _bin_scores(shares)
        for count in knots:
            hats = _hats(scores, count, shares)
            for extra, price in atoms:
                weights, fitted = _fit_tilt(shares, self.seen, np.column_stack([hats, extra]))
                steep = np.sqrt(shares @ (hats @ weights[:count]) ** 2)
                paid = count * self.a_number + price + float(unusual(steep, USUAL_TILT))
                found.append(Mixture(0.0, float(self.misfit(_kept_inside(shares, fitted))), paid))
        return found

    def _restless_atoms(self) -> list[tuple[Floats, float]]:
        """No value's frequency free, or those of the one, two or three that changed most."""
        shares = self.reference
        free = np.zeros((shares.size, 0))
        found = [(free, 0.0)]
        known = np.flatnonzero(self.atoms & (shares > ATOM))
        p, q = shares[known], np.clip(self.seen[known], 1e-4, 1 - 1e-4)
        change = np.log(q / (1 - q)) - np.log(p / (1 - p))
        price = 0.0
        for at in np.argsort(-np.abs(q - p) / np.sqrt(p), kind="stable")[:MOST_RESTLESS]:
            price += self.a_number + math.log(known.size) + 1.5 * float(unusual(change[at], USUAL_ODDS))
            free = np.column_stack([free, np.eye(shares.size)[known[at]]])
            found.append((free, price))
        return found

    def explained(self, hit: Floats, share: float, *, beyond_chance: bool = False) -> float:
        """The part of the distance to the reference (Kolmogorov-Smirnov, or G beyond chance, whichever it explains
        better) that goes away when `share` of the rows are `hit`. beyond_chance: what two samples of one population
        differ by on average is not held against the fault."""
        expected = (1 - share) * self.reference + share * hit
        left, before = self.gap(expected), self.gap(self.reference)
        if beyond_chance:
            left = max(0.0, left - CHANCE_GAP / math.sqrt(effective_rows(self.then_rows, self.now_rows)))
        chance = float(np.count_nonzero(self.seen))
        misfit, at_first = (max(0.0, float(self.misfit(one)) - chance) for one in (expected, self.reference))
        parts = [1 - left / before if before else 0.0, 1 - misfit / at_first if at_first else 0.0]
        return max(0.0, *parts)

    def gap(self, expected: Floats) -> float:
        return float(np.abs(np.cumsum(expected - self.seen)).max())


def _groups(then: Floats, edges: Floats) -> NDArray[np.intp]:
    """The group of every value: neighbouring bins together, of about as many rows each, but for frequent values."""
    shares = np.minimum(_shares(then, edges), 1 / (2 * GROUPS))
    middle = (np.cumsum(shares) - shares / 2) / shares.sum()
    group = np.minimum((middle * GROUPS).astype(np.intp), GROUPS - 1)
    return np.asarray(group[np.searchsorted(edges, then, side="left")])


def unusual(size: Floats, usual: float) -> Floats:
    return np.asarray(2 * np.log1p((size / usual) ** 2))


def _at_ranks(ordered: Floats, shares: Floats) -> Floats:
    return ordered[(shares * (ordered.size - 1)).astype(np.intp)]


def _shares(ordered: Floats, edges: Floats) -> Floats:
    inner = np.searchsorted(ordered, edges, side="right")
    return np.diff(inner, prepend=0, append=ordered.size) / ordered.size


def _edges(then: Floats, now: Floats, *, loose: bool, whole: bool) -> tuple[Floats, NDArray[np.bool_]]:
    """Bounds between bins, and which bins hold one single value: frequent values have a bin of their own.

    Bounds lie a hair above the values they come from, half a unit where all are whole numbers, so that 7 x 0.1 and
    0.7 share a bin; where values are known by their cell alone, no single value gets a bin.
    """
    heaps = np.empty(0) if loose else np.unique(np.concatenate([_heaps(then), _heaps(now)]))
    low, high = _at_ranks(then, np.array([0.005, 0.995])).tolist()
    outer = now[(now < low) | (now > high)]
    parts = [_spread(then, BINS), _spread(now, min(BINS, max(8, now.size // 8))), _spread(outer, OUTER_BINS)]
    ends = np.array([then[0], then[-1]])
    found = np.unique(np.concatenate([*parts, ends]))
    bounds = np.concatenate([found + _hair(found, whole=whole), [np.nextafter(then[0], -np.inf)]])
    around = np.concatenate([heaps + _hair(heaps, whole=whole), heaps - _hair(heaps, whole=whole)])
    edges = np.unique(np.concatenate([bounds, around]))
    edges = edges[np.isfinite(edges)]
    single = np.zeros(edges.size + 1, dtype=np.bool_)
    single[np.searchsorted(edges, heaps, side="left")] = True
    return edges, single


def _hair(values: Floats, *, whole: bool) -> Floats:
    return np.full(values.shape, 0.5) if whole else np.maximum(np.abs(values) * 1e-6, 1e-300)


def _heaps(ordered: Floats) -> Floats:
    starts = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    sizes = np.diff(np.append(starts, ordered.size))
    large = starts[sizes > max(ATOM * ordered.size, 2)]
    return ordered[large[np.argsort(-sizes[sizes > max(ATOM * ordered.size, 2)], kind="stable")[:MOST_ATOMS]]]


def _spread(ordered: Floats, count: int) -> Floats:
    if ordered.size == 0:
        return ordered
    return ordered[((np.arange(1, count) / count) * ordered.size).astype(np.intp)]


def _tilted_mass(size: int) -> Floats:
    """The weight of each of `size` ranks under each tilt, shape (tilts, size), every row summing to 1."""
    from scipy.special import ndtri  # noqa: PLC0415

    scores = ndtri((np.arange(size) + 0.5) / size)
    mass = np.exp(TILTS[:, None] * scores[None, :])
    return np.asarray(mass / mass.sum(axis=1, keepdims=True))


def _bin_scores(shares: Floats) -> Floats:
    from scipy.special import ndtri  # noqa: PLC0415

    middle = np.cumsum(shares) - shares / 2
    return np.asarray(ndtri(np.clip(middle / shares.sum(), 1e-4, 1 - 1e-4)))


def _hats(scores: Floats, count: int, shares: Floats) -> Floats:
    """`count` functions of the rank, shape (bins, count): a straight line, or a line bent at evenly spread ranks."""
    bends = np.interp(np.arange(1, count) / count, np.cumsum(shares), scores)
    basis = np.column_stack([scores, *(np.maximum(scores - bend, 0.0) for bend in bends)])
    return np.asarray(basis - shares @ basis)


def _fit_tilt(shares: Floats, seen: Floats, basis: Floats) -> tuple[Floats, Floats]:
    """Weights w for which shares * exp(basis @ w), normalised, is likeliest (Newton's method, slightly damped)."""
    weights = np.zeros(basis.shape[1])
    fitted, best = shares, _likelihood(shares, seen)
    target = seen @ basis
    for _ in range(15):
        mean = fitted @ basis
        around = basis - mean
        curve = (around * fitted[:, None]).T @ around + 1e-6 * np.eye(weights.size)
        step = np.linalg.solve(curve, target - mean)
        size = 1.0
        for _ in range(6):
            trial = weights + size * step
            power = basis @ trial
            raw = shares * np.exp(np.clip(power - power.max(), -700, 0))
            raw = raw / raw.sum()
            now = _likelihood(raw, seen)
            if now >= best:
                break
            size /= 2
        else:
            break
        done = now - best < NO_BETTER
        weights, fitted, best = trial, raw, now
        if done:
            break
    return weights, np.maximum(fitted, 1e-12)


def _kept_inside(shares: Floats, fitted: Floats) -> Floats:
    """Drift weighs what was there anew; where no row was, it brings next to none."""
    bound = np.where(shares <= 1.5 * shares.min(), MOST_OUTSIDE * shares, np.inf)
    kept = np.minimum(fitted, bound)
    return np.asarray(kept / kept.sum())


def _likelihood(shares: Floats, seen: Floats) -> float:
    return float(seen @ np.log(np.maximum(shares, 1e-12)))
