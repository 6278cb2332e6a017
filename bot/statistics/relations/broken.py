"""Which columns a window differs by: pairs that no longer belong together, and columns that moved by themselves."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.statistics.columns import Floats
from bot.statistics.relations.encoding import Encoded
from bot.statistics.relations.moments import Moments

Flags = NDArray[np.bool_]

CHANCE = 1e-4
SMALLEST = 1e-9
LEAST_CHANGE = 0.1
LEAST_MOVE = 0.1
MOST_TOLD, MOST_NAMED, MOST_TRIED = 12, 3, 100
RIDGE = 0.01
LEAST_TURNED = 0.3


@dataclass(frozen=True, slots=True)
class Broken:
    """A pair whose relation changed; second: None where the first no longer follows from all others together, while no
    pair of them shows it. was, is_now: the largest correlation between any encodings of the two columns; below 0 where
    two numbers run against each other."""

    first: str
    second: str | None
    was: float
    is_now: float
    sigmas: float

    @property
    def sentence(self) -> str:
        if self.second is None:
            return f"{self.first} no longer follows from the other columns"
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


def culprit(broken: Sequence[Broken]) -> str | None:
    """The one column that all the pairs have in common, the clearest reading of several; None of a single pair."""
    pairs = [{one.first, one.second} for one in broken if one.second is not None]
    common = set.intersection(*pairs) if len(pairs) > 1 else set()
    return min(common, default=None, key=str)


def changed_words(broken: Sequence[Broken]) -> str:
    """`rent no longer belongs with income (correlation 0.93 → 0.17), age and city`, or the clearest pair first."""
    column = culprit(broken)
    if column is None or any(abs(one.is_now) > abs(one.was) for one in broken):
        more = len(broken) - 1
        return broken[0].sentence + (f"; {more} more pair{'s' if more > 1 else ''} changed too" if more else "")
    others = [str(one.second if one.first == column else one.first) for one in broken]
    first = f"{column} no longer belongs with {others[0]} {broken[0].change}"
    rest = others[1 : MOST_NAMED + 1]
    if len(others) > MOST_NAMED + 1:
        return f"{first}, {', '.join(rest)} and {len(others) - MOST_NAMED - 1} more"
    return f"{first}{''.join(f', {one}' for one in rest[:-1])} and {rest[-1]}"


def explain_window(encoded: Encoded, found: Moments) -> tuple[tuple[Broken, ...], tuple[Moved, ...]]:
    """The pairs and columns in which the last window lies further from the others than they do among each other.

    A pair with a column that moved by itself says nothing of its relation, and is left out.
    """
    sizes = found.sizes
    parts = [found.matrix[found.of == at, : found.encoded] for at in range(sizes.size)]
    means = np.stack([part.mean(axis=0, dtype=np.float64) for part in parts])
    seconds = np.stack([(part.T @ part).astype(np.float64) / len(part) for part in parts])
    moved = _moved(encoded, means, sizes)
    names = {one.column for one in moved}
    gone = np.array([name in names for name in encoded.names])
    related = seconds - means[:, :, None] * means[:, None, :]
    pairs = _broken(encoded, found, related, gone)
    return pairs or _unfollowed(encoded, found, gone), moved


def _moved(encoded: Encoded, means: Floats, sizes: Floats) -> tuple[Moved, ...]:
    gaps = means - _others(means, sizes)
    size = np.sqrt(np.add.reduceat(gaps**2, encoded.starts[:-1], axis=1))
    sigmas = _beyond_usual(size, sizes)
    clear = np.flatnonzero((sigmas > _clear(sizes.size - 1)) & (size[-1] >= LEAST_MOVE))
    told = [Moved(encoded.names[at], float(size[-1, at]), float(sigmas[at])) for at in clear]
    return tuple(sorted(told, key=lambda one: -one.effect)[:MOST_TOLD])


def _broken(encoded: Encoded, found: Moments, related: Floats, gone: Flags) -> tuple[Broken, ...]:
    """Pairs by how far their products lie from the usual, or how far one is from what the other lets expect."""
    reference = _others(related, found.sizes)
    squares = (related - reference) ** 2
    by_pair = np.add.reduceat(np.add.reduceat(squares, encoded.starts[:-1], axis=1), encoded.starts[:-1], axis=2)
    sigmas = _beyond_usual(np.sqrt(by_pair), found.sizes)
    for (a, b), away in zip(found.expected, _unexpected(found), strict=True):
        if b is not None:
            sigmas[a, b] = sigmas[b, a] = max(sigmas[a, b], away)
    sigmas[gone] = sigmas[:, gone] = 0.0
    first, second = np.triu_indices(len(encoded.names), 1)
    order = np.argsort(-sigmas[first, second], kind="stable")[:MOST_TRIED]
    told = []
    for a, b in zip(first[order].tolist(), second[order].tolist(), strict=True):
        if sigmas[a, b] > _clear(found.sizes.size - 1):
            was, is_now = (_correlation(one, encoded, a, b) for one in (reference[-1], related[-1]))
            if abs(was - is_now) >= LEAST_CHANGE:
                told.append(Broken(encoded.names[a], encoded.names[b], was, is_now, float(sigmas[a, b])))
    return tuple(sorted(told, key=lambda one: -abs(one.was - one.is_now))[:MOST_TOLD])


def _unfollowed(encoded: Encoded, found: Moments, gone: Flags) -> tuple[Broken, ...]:
    if gone.any():
        return ()
    clear = _clear(found.sizes.size - 1)
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


def _clear(windows: int) -> float:
    from scipy.special import stdtrit  # noqa: PLC0415

    return float(stdtrit(windows - 1, 1 - CHANCE))


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


def _root(matrix: Floats) -> Floats:
    values, vectors = np.linalg.eigh(matrix)
    return np.asarray((vectors / np.sqrt(np.maximum(values, RIDGE))) @ vectors.T)
