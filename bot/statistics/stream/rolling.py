"""The last so many values of a stream: their extremes and their robust spread, without going over them each time."""

from collections import deque
from collections.abc import Sequence
from typing import Any

import numpy as np

from bot.statistics.columns import Floats

SIGMA = 1.4826
"""The standard deviation of a normal sample over its median absolute deviation (Rousseeuw and Croux 1993)."""

FREAK = 1000.0
"""From so many usual distances on, a value is taken for a mistake of the writer, that no limit is learnt from."""


class RollingExtremes:
    """The lowest and highest of the last `window` values. O(1) a value on average: ascending and descending minima
    (Lemire 2006). An empty one has no extremes: look at `size` first."""

    __slots__ = ("_falling", "_rising", "count", "window")

    def __init__(self, window: int) -> None:
        self.window = window
        self.count = 0
        self._rising: deque[tuple[int, float]] = deque()
        self._falling: deque[tuple[int, float]] = deque()

    @property
    def size(self) -> int:
        return min(self.count, self.window)

    @property
    def lowest(self) -> float:
        return self._rising[0][1]

    @property
    def highest(self) -> float:
        return self._falling[0][1]

    def push(self, value: float) -> None:
        at, rising, falling = self.count, self._rising, self._falling
        while rising and rising[-1][1] >= value:
            rising.pop()
        rising.append((at, value))
        while falling and falling[-1][1] <= value:
            falling.pop()
        falling.append((at, value))
        self.count = at + 1
        out = self.count - self.window
        if rising[0][0] < out:
            rising.popleft()
        if falling[0][0] < out:
            falling.popleft()

    def state(self) -> dict[str, Any]:
        return {"count": self.count, "rising": list(self._rising), "falling": list(self._falling)}

    def restore(self, state: dict[str, Any]) -> None:
        self.count = int(state["count"])
        self._rising = deque((int(at), float(value)) for at, value in state["rising"])
        self._falling = deque((int(at), float(value)) for at, value in state["falling"])


class Ring:
    """The last `window` values in the order they came."""

    __slots__ = ("_values", "count", "window")

    def __init__(self, window: int) -> None:
        self.window = window
        self.count = 0
        self._values = np.zeros(window)

    @property
    def size(self) -> int:
        return min(self.count, self.window)

    def push(self, value: float) -> None:
        self._values[self.count % self.window] = value
        self.count += 1

    def values(self) -> Floats:
        """The oldest first, shape (size,)."""
        if self.count <= self.window:
            return self._values[: self.count]
        at = self.count % self.window
        return np.concatenate([self._values[at:], self._values[:at]])

    def any_order(self) -> Floats:
        return self._values[: self.size]

    def state(self) -> list[float]:
        found: list[float] = self.values().tolist()
        return found

    def restore(self, values: Sequence[float]) -> None:
        self.count = len(values)
        self._values[: len(values)] = values


def centre_and_sigma(values: Floats) -> tuple[float, float]:
    """Median and 1.4826 MAD. Where over half of the values are one and the same, the sigma of the others' distances
    (their mean over sqrt(2/pi), spread over all rows, none counted as more than `FREAK` of their medians); 0 only for a
    constant."""
    if values.size == 0:
        return 0.0, 0.0
    centre = float(np.median(values))
    distances = np.abs(values - centre)
    sigma = SIGMA * float(np.median(distances))
    if sigma > 0 or not distances.any():
        return centre, sigma
    most = FREAK * float(np.median(distances[distances > 0]))
    return centre, 1.2533 * float(np.minimum(distances, most).mean())
