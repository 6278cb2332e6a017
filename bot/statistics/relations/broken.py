"""Which columns a window differs by: pairs that no longer belong together, and columns that moved by themselves."""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.statistics.columns import Floats
from bot.statistics.relations.encoding import Encoded, Matrix
from bot.statistics.relations.moments import Moments

Flags = NDArray[np.bool_]

CHANCE = 1e-4
SMALLEST = 1e-9
LEAST_CHANGE = 0.1
LEAST_MOVE = 0.1
MOST_TOLD, MOST_NAMED, MOST_TRIED = 12, 3, 100
RIDGE = 0.01
LEAST_TURNED, CLEARLY, LEAST_FARTHER = 0.3, 1.6, 6.0


@dataclass(frozen=True, slots=True)
class Broken:
    """A pair whose relation changed; second: None where the first no longer follows from all others together, while no
    pair of them shows it. was, is_now: the largest correlation between any encodings of the two columns; below 0 where
    two numbers run against each other. gap: the largest correlation that came or went, in the reference's units: two
    categories that changed their names go together as closely as before, and in another way. farther: the one of the
    two that is clearly farther from all other columns too."""

    first: str
    second: str | None
    was: float
    is_now: float
    sigmas: float
    gap: float = 0.0
    farther: str | None = None

    @property
    def otherwise(self) -> bool:
        """Whether they go together as closely as before, in another way."""
        return abs(self.was - self.is_now) < LEAST_CHANGE and self.gap >= LEAST_TURNED

    @property
    def size(self) -> float:
        return self.gap if self.otherwise else abs(self.was - self.is_now)

    @property
    def sentence(self) -> str:
        if self.second is None:
            return f"{self.first} no longer follows from the other columns"
        if self.otherwise:
            return f"{self.first} and {self.second} go together in another way than before"
        if self.was * self.is_now < 0 and abs(self.is_now) >= LEAST_TURNED:
            against = "run against each other" if self.is_now < 0 else "run the same way"
            return f"{self.first} and {self.second} now {against} {self.change}"
        if abs(self.is_now) > abs(self.was):
            return f"{self.first} and {self.second} go together as they never did {self.change}"
        return f"{self.first} and {self.second} no longer belong together {self.change}"

    @property
    def change(self) -> str:
        return f"(correlation {self.was:.2f} → {self.is_now:.2f})"


@dataclass(frozen=True, slots=True)
class Moved:
    """A column that differs by itself; effect: in standard deviations of its normal score, or of a value's share."""

    column: str
    effect: float
    sigmas: float


def culprit(broken: Sequence[Broken], answers: Collection[str] = ()) -> str | None:
    """The one column that the pairs have in common, or most of what changed; None where none stands out.

    answers: columns that follow the others, and break with what they were made of; pairs without them count first.
    """
    every = [one for one in broken if one.second is not None]
    pairs = [one for one in every if not {one.first, one.second} & {*answers}] or every
    if len(pairs) < 2:  # noqa: PLR2004
        return pairs[0].farther if pairs else None
    weights: dict[str, float] = {}
    for one in pairs:
        for name in (one.first, str(one.second)):
            weights[name] = weights.get(name, 0.0) + one.size**2
    common = set.intersection(*({one.first, str(one.second)} for one in pairs))
    if common:
        return min(common)
    first, second = sorted(weights, key=lambda name: (-weights[name], name))[:2]
    return first if weights[first] >= CLEARLY * weights[second] else None


def changed_words(broken: Sequence[Broken]) -> str:
    """`rent no longer belongs with income (correlation 0.93 → 0.17), age and city`, or the clearest pair first."""
    column = culprit(broken)
    of_it = column is not None and len(broken) > 1 and all(column in {one.first, one.second} for one in broken)
    if not of_it or any(one.otherwise or abs(one.is_now) > abs(one.was) for one in broken):
        more = len(broken) - 1
        return broken[0].sentence + (f"; {more} more changed too" if more else "")
    others = [str(one.second if one.first == column else one.first) for one in broken]
    first = f"{column} no longer belongs with {others[0]} {broken[0].change}"
    rest = others[1 : MOST_NAMED + 1]
    if len(others) > MOST_NAMED + 1:
        return f"{first}, {', '.join(rest)} and {len(others) - MOST_NAMED - 1} more"
    return f"{first}{''.join(f', {one}' for one in rest[:-1])} and {rest[-1]}"


def explain_window(
    encoded: Encoded, found: Moments, chance: float = CHANCE, answers: Collection[str] = ()
) -> tuple[tuple[Broken, ...], tuple[Moved, ...]]:
    """The pairs and columns in which the last window lies further from the others than they do among each other.

    chance: of one in order to be named. answers: columns that follow the others, wherever these come from. A pair with
    a column that moved by itself says nothing of its relation, and is left out.
    """
    sizes = found.sizes
    parts = [found.matrix[found.of == at, : found.encoded] for at in range(sizes.size)]
    means = np.stack([part.mean(axis=0, dtype=np.float64) for part in parts])
    seconds = np.stack([(part.T @ part).astype(np.float64) / len(part) for part in parts])
    clear = _clear(sizes.size - 1, chance)
    moved = _moved(encoded, means, sizes, clear)
    names = {one.column for one in moved}
    gone = np.array([name in names for name in encoded.names])
    related = seconds - means[:, :, None] * means[:, None, :]
    pairs = _broken(encoded, found, related, gone, clear, answers=answers)
    return pairs or _unfollowed(encoded, found, gone, clear), moved


def explain_beyond_mix(
    encoded: Encoded, found: Moments, weights: Floats, apart: Collection[str], chance: float = CHANCE
) -> tuple[Broken, ...]:
    """The pairs that no longer belong together where the rows before are weighted, those that moved by themselves too.

    weights: of the rows of all windows but the last, as they were given. apart: columns of which pairs say nothing.
    """
    sizes = found.sizes
    parts = [found.matrix[found.of == at, : found.encoded] for at in range(sizes.size)]
    related = np.stack([_covariance(part, np.full(len(part), 1 / len(part))) for part in parts])
    rows = found.matrix[: weights.size, : found.encoded]
    mixed = _covariance(rows, weights[found.order[: weights.size]] / weights.sum())
    fewer = 1 / math.sqrt(1 + sizes[-1] * float(np.sum(weights**2)) / float(weights.sum()) ** 2)
    gone = np.array([name in apart for name in encoded.names])
    return _broken(encoded, found, related, gone, _clear(sizes.size - 1, chance), _Weighted(mixed, fewer))


@dataclass(frozen=True, slots=True)
class _Weighted:
    """What the last window is held against; fewer: how much less its gap says, as the weighted rows are fewer."""

    related: Floats
    fewer: float


def _covariance(rows: Matrix, shares: Floats) -> Floats:
    mean = shares @ rows
    return np.asarray((rows.T * shares) @ rows - np.outer(mean, mean), dtype=np.float64)


def _moved(encoded: Encoded, means: Floats, sizes: Floats, clear: float) -> tuple[Moved, ...]:
    gaps = means - _others(means, sizes)
    size = np.sqrt(np.add.reduceat(gaps**2, encoded.starts[:-1], axis=1))
    sigmas = _beyond_usual(size, sizes)
    far = np.flatnonzero((sigmas > clear) & (size[-1] >= LEAST_MOVE))
    told = [Moved(encoded.names[at], float(size[-1, at]), float(sigmas[at])) for at in far]
    return tuple(sorted(told, key=lambda one: -one.effect)[:MOST_TOLD])


def _broken(
    encoded: Encoded,
    found: Moments,
    related: Floats,
    gone: Flags,
    clear: float,
    weighted: _Weighted | None = None,
    answers: Collection[str] = (),
) -> tuple[Broken, ...]:
    """Pairs by how far their products lie from the usual, or how far one is from what the other lets expect."""
    reference = _others(related, found.sizes)
    if weighted is not None:
        reference[-1] = weighted.related
    squares = (related - reference) ** 2
    squares[-1] *= 1.0 if weighted is None else weighted.fewer**2
    by_pair = np.add.reduceat(np.add.reduceat(squares, encoded.starts[:-1], axis=1), encoded.starts[:-1], axis=2)
    sigmas = _beyond_usual(np.sqrt(by_pair), found.sizes)
    for (a, b), away in zip(found.expected, _unexpected(found), strict=True):
        if b is not None and weighted is None:
            sigmas[a, b] = sigmas[b, a] = max(sigmas[a, b], away)
    sigmas[gone] = sigmas[:, gone] = 0.0
    first, second = np.triu_indices(len(encoded.names), 1)
    order = np.argsort(-sigmas[first, second], kind="stable")[:MOST_TRIED]
    told = []
    for a, b in zip(first[order].tolist(), second[order].tolist(), strict=True):
        if sigmas[a, b] > clear:
            was, is_now = (_correlation(one, encoded, a, b) for one in (reference[-1], related[-1]))
            gap = _turned(reference[-1], related[-1], encoded, a, b)
            farther = _farther(encoded, sigmas, a, b, answers)
            one = Broken(encoded.names[a], encoded.names[b], was, is_now, float(sigmas[a, b]), gap, farther)
            if one.otherwise or one.size >= LEAST_CHANGE:
                told.append(one)
    return tuple(sorted(told, key=lambda one: -one.size)[:MOST_TOLD])


def _farther(encoded: Encoded, sigmas: Floats, a: int, b: int, answers: Collection[str]) -> str | None:
    """Which of a pair has left the other columns as well, though none of these pairs shows it by itself."""
    others = [at for at, name in enumerate(encoded.names) if at not in {a, b} and name not in answers]
    away = np.sum(np.maximum(0.0, sigmas[np.ix_([a, b], others)]) ** 2, axis=1)
    far = int(np.argmax(away))
    clearly = away[far] >= CLEARLY * away[1 - far] and away[far] - away[1 - far] >= LEAST_FARTHER
    return encoded.names[(a, b)[far]] if clearly else None


def _unfollowed(encoded: Encoded, found: Moments, gone: Flags, clear: float) -> tuple[Broken, ...]:
    if gone.any():
        return ()
    away = zip(found.expected, _unexpected(found), strict=True)
    told = [Broken(encoded.names[a], None, 0.0, 0.0, sigmas) for (a, b), sigmas in away if b is None and sigmas > clear]
    return tuple(sorted(told, key=lambda one: -one.sigmas)[:MOST_TOLD])


def _unexpected(found: Moments) -> list[float]:
    """How far the last window's residuals lie from those of the others, beyond chance and what windows differ by."""
    past = np.arange(found.sizes.size - 1)
    gap = found.means(past[-1:] + 1)[0] - found.together(past)
    uncertain = found.variance / found.sizes[-1] + found.beyond_chance(past)
    at = slice(found.encoded, found.encoded + len(found.expected))
    return [float(one) for one in np.abs(gap[at]) / np.sqrt(uncertain[at])]


def _others(values: Floats, sizes: Floats) -> Floats:
    """For each window the mean over the baseline's windows without it, weighted by rows."""
    weights = sizes.copy()
    weights[-1] = 0.0
    shape = (-1, *([1] * (values.ndim - 1)))
    total = (values * weights.reshape(shape)).sum(axis=0)
    return np.asarray((total - values * weights.reshape(shape)) / (weights.sum() - weights).reshape(shape))


def _beyond_usual(gaps: Floats, sizes: Floats) -> Floats:
    """How far the last window's gap lies above those of the others, in their standard deviations, at equal rows."""
    scaled = gaps * np.sqrt(sizes).reshape((-1, *([1] * (gaps.ndim - 1))))
    past = scaled[:-1]
    spread = np.maximum(past.std(axis=0, ddof=1), SMALLEST)
    return np.asarray((scaled[-1] - past.mean(axis=0)) / spread)


def _clear(windows: int, chance: float) -> float:
    from scipy.special import stdtrit  # noqa: PLC0415

    return float(stdtrit(windows - 1, 1 - chance))


def _correlation(related: Floats, encoded: Encoded, a: int, b: int) -> float:
    """The first canonical correlation (Hotelling 1936) of two columns' encodings; of two numbers with the sign of their
    scores' own correlation, where that is most of it."""
    mine, others = (slice(encoded.starts[at], encoded.starts[at + 1]) for at in (a, b))
    whitened = _root(related[mine, mine]) @ related[mine, others] @ _root(related[others, others])
    found = min(1.0, float(np.linalg.svd(whitened, compute_uv=False)[0]))
    straight = float(related[mine, others][0, 0])
    spread = float(related[mine, mine][0, 0] * related[others, others][0, 0])
    against = encoded.numeric[a] and encoded.numeric[b] and straight < -found / 2 * np.sqrt(max(spread, 0.0))
    return -found if against else found


def _turned(was: Floats, is_now: Floats, encoded: Encoded, a: int, b: int) -> float:
    """The largest correlation between encodings of two columns that came or went, in the reference's units."""
    mine, others = (slice(encoded.starts[at], encoded.starts[at + 1]) for at in (a, b))
    gap = _root(was[mine, mine]) @ (is_now - was)[mine, others] @ _root(was[others, others])
    return float(np.linalg.svd(gap, compute_uv=False)[0])


def _root(matrix: Floats) -> Floats:
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors / np.sqrt(np.maximum(values, RIDGE))) @ vectors.T)
