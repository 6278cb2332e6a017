"""The last so many values of a stream: their extremes and their robust spread, without going over them each time."""

import math
from array import array
from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from bot.statistics.columns import Floats

SIGMA = 1.4826
"""The standard deviation of a normal sample over its median absolute deviation (Rousseeuw and Croux 1993)."""

FREAK = 1000.0
"""From so many usual distances on, a value is taken for a mistake of the writer, that no limit is learnt from."""


class RollingExtremes:
    """The lowest and highest of the last `window` values. One that leaves the window is looked for again: O(1) a value
    on average, and a pass over the window in numpy where values only rise or fall. Of none they are infinite."""

    __slots__ = ("_highest_at", "_lowest_at", "_ring", "_values", "count", "highest", "lowest", "window")

    def __init__(self, window: int) -> None:
        self.window = window
        self.count = 0
        self.lowest, self.highest = math.inf, -math.inf
        self._lowest_at = self._highest_at = 0
        self._ring = array("d", bytes(8 * window))  # written a value at a time in half of numpy's time
        self._values: Floats = np.frombuffer(self._ring)

    @property
    def size(self) -> int:
        return min(self.count, self.window)

    def push(self, value: float) -> bool:
        """Whether an extreme is another now."""
        at = self.count
        self._ring[at % self.window] = value
        self.count = at + 1
        gone = at - self.window
        if self.lowest < value < self.highest and self._lowest_at > gone < self._highest_at:
            return False
        if value >= self.highest:
            self.highest, self._highest_at = value, at
        elif self._highest_at <= gone:
            self.highest, self._highest_at = self._found(int(self._values.argmax()))
        if value <= self.lowest:
            self.lowest, self._lowest_at = value, at
        elif self._lowest_at <= gone:
            self.lowest, self._lowest_at = self._found(int(self._values.argmin()))
        return True

    def holds(self, values: Sequence[float]) -> bool:
        """Whether these can come, one after the other, without another extreme."""
        if not values:
            return True
        gone = self.count + len(values) - 1 - self.window
        if not self._lowest_at > gone < self._highest_at:
            return False
        return self.lowest <= min(values) and max(values) <= self.highest

    def extend(self, values: Sequence[float]) -> None:
        """Many at once, which it `holds`."""
        if not values:
            return
        _write(self._values, self.count, values)
        self.count += len(values)
        if max(values) == self.highest:
            self._highest_at = self.count - 1 - values[::-1].index(self.highest)
        if min(values) == self.lowest:
            self._lowest_at = self.count - 1 - values[::-1].index(self.lowest)

    def _found(self, place: int) -> tuple[float, int]:
        return self._ring[place], self.count - 1 - (self.count - 1 - place) % self.window

    def state(self) -> dict[str, Any]:
        """What can still become an extreme: the values lower (higher) than all after them, with their numbers."""
        values, first = _in_order(self._values, self.count), self.count - self.size
        later_low = np.minimum.accumulate(np.append(values[1:], np.inf)[::-1])[::-1]
        later_high = np.maximum.accumulate(np.append(values[1:], -np.inf)[::-1])[::-1]
        rising, falling = (np.flatnonzero(kept) for kept in (values < later_low, values > later_high))
        return {
            "count": self.count,
            "rising": [(int(at) + first, float(values[at])) for at in rising],
            "falling": [(int(at) + first, float(values[at])) for at in falling],
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.count = int(state["count"])
        rising, falling = state["rising"], state["falling"]
        if not rising:
            return
        self._values[:] = rising[-1][1]  # the newest: what was left out lay between what came after it
        for at, value in (*rising, *falling):
            self._values[int(at) % self.window] = value
        (self._lowest_at, self.lowest), (self._highest_at, self.highest) = rising[0], falling[0]


class Ordered:
    """The last `window` values (at most a few hundred), sorted."""

    __slots__ = ("order", "values", "window")

    def __init__(self, window: int, values: Iterable[float] = ()) -> None:
        self.window = window
        self.order = deque(values, maxlen=window)
        self.values = sorted(self.order)

    def push(self, value: float) -> None:
        order, values = self.order, self.values
        if len(order) == self.window:
            del values[bisect_left(values, order[0])]
        order.append(value)
        insort(values, value)

    def quantile(self, share: float) -> float:
        """Linear between neighbours (type 7 of Hyndman and Fan 1996), of at least one value."""
        at = share * (len(self.values) - 1)
        below = int(at)
        low = self.values[below]
        return low if below == at else low + (at - below) * (self.values[below + 1] - low)


class Ring:
    """The last `window` values in the order they came. New ones wait in the list `new`, so that many are written at
    once, until somebody looks: do so now and then, as nothing else keeps the list short."""

    __slots__ = ("_count", "_values", "new", "window")

    def __init__(self, window: int) -> None:
        self.window = window
        self.new: list[float] = []
        self._count = 0
        self._values = np.zeros(window)

    def push(self, value: float) -> None:
        self.new.append(value)

    def values(self) -> Floats:
        """The oldest first, shape (values,), at most `window` of them."""
        self._write()
        return _in_order(self._values, self._count)

    def any_order(self) -> Floats:
        self._write()
        return self._values[: self._count]

    def _write(self) -> None:
        if self.new:
            _write(self._values, self._count, self.new)
            self._count += len(self.new)
            self.new.clear()

    def state(self) -> list[float]:
        found: list[float] = self.values().tolist()
        return found

    def restore(self, values: Sequence[float]) -> None:
        self._count, self.new = 0, list(values)


def _write(ring: Floats, count: int, values: Sequence[float]) -> None:
    """Put values behind the `count` that were written before; of more than the ring holds, the last."""
    latest = np.array(values[-ring.size :])
    at = (count + len(values) - latest.size) % ring.size
    before_end = min(latest.size, ring.size - at)
    ring[at : at + before_end] = latest[:before_end]
    ring[: latest.size - before_end] = latest[before_end:]


def _in_order(ring: Floats, count: int) -> Floats:
    if count <= ring.size:
        return ring[:count]
    at = count % ring.size
    return np.concatenate([ring[at:], ring[:at]])


def middle(values: Floats) -> float:
    """The median of at least one value, none of them NaN, in a fifth of the time that numpy's takes for looking."""
    half = values.size // 2
    # Where many are equal a partition can take eight times as long as otherwise, a sort a third.
    ordered = np.sort(values) if _has_many_equal(values) else np.partition(values, half)
    above = float(ordered[half])
    return above if values.size % 2 else (float(ordered[:half].max()) + above) / 2


def _has_many_equal(values: Floats) -> bool:
    """Round the median, by the look of some 16; what depends on it is time, not the result."""
    some = sorted(values[:: max(1, values.size // 16)].tolist())
    quarter = len(some) // 4
    return bool(quarter) and some[2 * quarter] in (some[quarter], some[3 * quarter])


def centre_and_sigma(values: Floats) -> tuple[float, float]:
    """Median and 1.4826 MAD. Where over half of the values are one and the same, the sigma of the others' distances
    (their mean over sqrt(2/pi), spread over all rows, none counted as more than `FREAK` of their medians); 0 only for a
    constant."""
    if values.size == 0:
        return 0.0, 0.0
    centre = middle(values)
    distances = np.abs(values - centre)
    sigma = SIGMA * middle(distances)
    if sigma > 0 or not distances.any():
        return centre, sigma
    most = FREAK * middle(distances[distances > 0])
    return centre, 1.2533 * float(np.minimum(distances, most).mean())
