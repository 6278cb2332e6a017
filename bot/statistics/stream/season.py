"""What a series usually is at this time of its period: robust, learnt as it goes, never from the point it judges."""

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bot.statistics.stream.rolling import SIGMA

MOST_BINS = 48
KEPT = 60
LEAST = 3
DAY = 86_400.0
WEEKEND = (5, 6)
FIRST_WEEKDAY = 3  # 1 January 1970 was a Thursday


@dataclass(frozen=True, slots=True)
class Usual:
    """The median at this time of the period, and the spread of single values round it (0: not known)."""

    centre: float
    sigma: float
    rows: int


class _Bin:
    __slots__ = ("order", "values")

    def __init__(self, values: Sequence[float] = ()) -> None:
        self.order: deque[float] = deque(values)
        self.values: list[float] = sorted(values)

    def push(self, value: float) -> None:
        self.order.append(value)
        insort(self.values, value)
        if len(self.order) > KEPT:
            del self.values[bisect_left(self.values, self.order.popleft())]

    def usual(self) -> Usual:
        values = self.values
        size = len(values)
        centre = _middle(values)
        # The quartiles' distance stands for the MAD: both are read from the sorted list, without a second sort.
        spread = (values[(3 * size) // 4] - values[size // 4]) / 2 if size >= 2 * LEAST else 0.0
        return Usual(centre, SIGMA * spread, size)


class SeasonalProfile:
    """Up to 48 bins over a period of `seconds`, each the last 60 values seen there.

    A day has its weekends apart as soon as a bin has seen three of them.
    """

    __slots__ = ("bins", "of", "seconds")

    def __init__(self, seconds: float, bins: int) -> None:
        self.seconds = seconds
        self.bins = max(1, min(MOST_BINS, bins)) if seconds <= DAY else max(1, min(7 * 24, bins))
        self.of: dict[int, _Bin] = {}

    def usual(self, at: float) -> Usual | None:
        """What is usual at `at` (seconds since 1970); None while fewer than three values were seen there."""
        place = self._place(at)
        if self._splits_weekends:
            special = self.of.get(self._apart(place, at))
            if special is not None and len(special.values) >= LEAST:
                return special.usual()
        found = self.of.get(place)
        return found.usual() if found is not None and len(found.values) >= LEAST else None

    def push(self, at: float, value: float) -> None:
        place = self._place(at)
        self._into(place, value)
        if self._splits_weekends:
            self._into(self._apart(place, at), value)

    @property
    def _splits_weekends(self) -> bool:
        return self.seconds == DAY

    def _into(self, place: int, value: float) -> None:
        found = self.of.get(place)
        if found is None:
            found = self.of[place] = _Bin()
        found.push(value)

    def _place(self, at: float) -> int:
        return int((at % self.seconds) * self.bins / self.seconds + 1e-6) % self.bins

    def _apart(self, place: int, at: float) -> int:
        weekday = (int(at // DAY) + FIRST_WEEKDAY) % 7
        return place + self.bins * (2 if weekday in WEEKEND else 1)

    def state(self) -> dict[str, Any]:
        return {
            "seconds": self.seconds,
            "bins": self.bins,
            "of": {str(place): list(one.order) for place, one in self.of.items()},
        }

    @classmethod
    def restore(cls, state: dict[str, Any]) -> "SeasonalProfile":
        found = cls(float(state["seconds"]), int(state["bins"]))
        found.of = {int(place): _Bin([float(value) for value in values]) for place, values in state["of"].items()}
        return found


def _middle(ordered: Sequence[float]) -> float:
    half, odd = divmod(len(ordered), 2)
    return ordered[half] if odd else (ordered[half - 1] + ordered[half]) / 2
