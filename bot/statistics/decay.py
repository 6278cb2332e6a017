"""Slow decay: a cumulative sum of evidence that shares fell, and how seldom chance alone lifts it to a level.

Page's CUSUM (1954) of log likelihood ratios, one step a window: s = max(0, s + step). For shares (accuracy, recall) a
step is that of `wrong` of `rows` binomial rows, for other measures that of a standard normal score. Average run lengths
come from the Markov chain of Brook and Evans (1972): s in cells, the chance of each step between them.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from bot.statistics.columns import Floats

CELLS = 120
LONGEST = 1e7
NEAR = 1e-4
Steps = Callable[[Floats], Floats]
"""The chance, in ordinary windows, that a step is at most so large."""


@dataclass(frozen=True, slots=True)
class ShareDecay:
    """Is the share of wrong rows `usual`, or did it rise to `worse`?

    rows: of an ordinary window, already divided by how much more windows vary than binomial chance has it.
    """

    usual: float
    worse: float
    rows: int

    def __post_init__(self) -> None:
        if not 0 < self.usual < self.worse < 1 or self.rows < 1:
            raise ValueError("a share of wrong rows between 0 and 1, a larger one, and a row or more are needed")

    @property
    def weights(self) -> tuple[float, float]:
        """What one wrong and one right row add."""
        return math.log(self.worse / self.usual), math.log((1 - self.worse) / (1 - self.usual))

    def step(self, wrong: float, rows: float) -> float:
        up, down = self.weights
        return wrong * up + (rows - wrong) * down

    def steps(self, most: Floats) -> Floats:
        up, down = self.weights
        wrong = np.floor((most - self.rows * down) / (up - down) + 1e-9)
        inside = np.clip(wrong, 0, self.rows).astype(np.int64)
        return np.where(wrong < 0, 0.0, _binomial(self.rows, self.usual)[inside])


@dataclass(frozen=True, slots=True)
class ScoreDecay:
    """Has a standard normal score of each window moved up by `shift`?"""

    shift: float

    def step(self, score: float) -> float:
        return self.shift * score - self.shift**2 / 2

    def steps(self, most: Floats) -> Floats:
        from scipy.special import ndtr  # noqa: PLC0415

        return np.asarray(ndtr((most + self.shift**2 / 2) / self.shift), dtype=np.float64)


@lru_cache(maxsize=64)
def _binomial(rows: int, share: float) -> Floats:
    """The chance of at most 0, 1, ... `rows` hits."""
    from scipy.special import bdtr  # noqa: PLC0415

    return np.asarray(bdtr(np.arange(rows + 1, dtype=np.float64), rows, share), dtype=np.float64)


def followed(steps: Sequence[float], most: float = math.inf) -> list[float]:
    """The sum after each step. most: it rises no higher, so that what is over is forgotten in good time."""
    found, level = [], 0.0
    for step in steps:
        level = min(most, max(0.0, level + step))
        found.append(level)
    return found


@lru_cache(maxsize=4096)
def run_length(decay: ShareDecay | ScoreDecay, level: float) -> float:
    """How many ordinary windows pass on average until the sum, from 0, is above `level`. At most ten million."""
    if level <= 0:
        chance = 1 - float(decay.steps(np.zeros(1))[0])
        return 1 / max(chance, 1 / LONGEST)
    if math.isinf(level):
        return LONGEST
    width = 2 * level / (2 * CELLS - 1)
    apart = np.arange(CELLS)[None, :] - np.arange(CELLS)[:, None]  # cells from each to each: few different steps
    steps: Floats = (np.arange(1 - CELLS, CELLS, dtype=np.float64) + 0.5) * width
    within = decay.steps(steps)[apart + CELLS - 1]
    moves = np.diff(within, axis=1, prepend=0.0)
    try:
        lengths = np.linalg.solve(np.eye(CELLS) - moves, np.ones(CELLS))
    except np.linalg.LinAlgError:
        return LONGEST
    length = float(lengths[0])
    return length if 1 <= length <= LONGEST else LONGEST


def level_for(decay: ShareDecay | ScoreDecay, windows: float) -> float:
    """The limit that ordinary windows reach once in so many on average, or more seldom."""
    low, high = 0.0, 1.0
    if run_length(decay, 0.0) >= windows:
        return 0.0
    while run_length(decay, high) < windows:
        low, high = high, 2 * high
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (low, middle) if run_length(decay, middle) >= windows else (middle, high)
        if high - low < NEAR * high:
            break
    return high


def chance_of(decay: ShareDecay | ScoreDecay, level: float) -> float:
    """How often an ordinary window comes upon so high a sum anew: one over the run length to it; 1 for no sum."""
    return 1.0 if level <= 0 else 1 / run_length(decay, round(level, 3))
