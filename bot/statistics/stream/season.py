"""What a series usually is at this time of its period: robust, learnt as it goes, never from the point it judges."""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

from bot.statistics.stream.rolling import SIGMA, Ordered

MOST_BINS = 48
KEPT = 60
LEAST = 3
DAY = 86_400.0
WEEKEND = (5, 6)
FIRST_WEEKDAY = 3  # 1 January 1970 was a Thursday


class Usual(NamedTuple):
    """The median at this time of the period, and the spread of single values round it (0: not known)."""

    centre: float
    sigma: float
    rows: int


def usual_of(values: Sequence[float]) -> Usual:
    """What is usual where these were seen, sorted; at least one."""
    size = len(values)
    half = size // 2
    centre = values[half] if size % 2 else (values[half - 1] + values[half]) / 2
    # The quartiles' distance stands for the MAD: both are read from the sorted list, without a second sort.
    spread = (values[(3 * size) // 4] - values[size // 4]) / 2 if size >= 2 * LEAST else 0.0
    return Usual(centre, SIGMA * spread, size)


class SeasonalProfile:
    """Up to 48 bins over a period of `seconds`, each the last 60 values seen there.

    A day has its weekends apart as soon as a bin has seen three of them.
    """

    __slots__ = ("_apart", "_asked", "_splits_weekends", "bins", "of", "seconds")

    def __init__(self, seconds: float, bins: int) -> None:
        self.seconds = seconds
        self.bins = max(1, min(MOST_BINS, bins)) if seconds <= DAY else max(1, min(7 * 24, bins))
        self.of: dict[int, Ordered] = {}
        self._splits_weekends = seconds == DAY
        self._apart: set[int] = set()
        self._asked = (math.nan, 0, 0)

    def usual(self, at: float) -> Usual | None:
        """What is usual at `at` (seconds since 1970); None while fewer than three values were seen there."""
        _, place, apart = self._asked = self._places(at)
        found = self.of.get(apart)
        if found is None or len(found.values) < LEAST:
            found = self.of.get(place)
            if found is None or len(found.values) < LEAST:
                return None
        return usual_of(found.values)

    def push(self, at: float, value: float) -> None:
        asked, place, apart = self._asked
        if at != asked:
            _, place, apart = self._places(at)
        if apart >= 0:
            self._bin(apart).push(value)
            if place in self._apart:
                return  # nobody asks for all days together any more
            if self._is_known(place + self.bins) and self._is_known(place + 2 * self.bins):
                self._apart.add(place)
                return
        self._bin(place).push(value)

    def _is_known(self, place: int) -> bool:
        found = self.of.get(place)
        return found is not None and len(found.values) >= LEAST

    def _bin(self, place: int) -> Ordered:
        found = self.of.get(place)
        if found is None:
            found = self.of[place] = Ordered(KEPT)
        return found

    def _places(self, at: float) -> tuple[float, int, int]:
        """The bin of a time, and the one of its kind of day (-1: none)."""
        place = int((at % self.seconds) * self.bins / self.seconds + 1e-6) % self.bins
        if not self._splits_weekends:
            return at, place, -1
        weekday = (int(at // DAY) + FIRST_WEEKDAY) % 7
        return at, place, place + self.bins * (2 if weekday in WEEKEND else 1)

    def state(self) -> dict[str, Any]:
        return {
            "seconds": self.seconds,
            "bins": self.bins,
            "of": {str(place): list(one.order) for place, one in self.of.items()},
        }

    @classmethod
    def restore(cls, state: dict[str, Any]) -> "SeasonalProfile":
        found = cls(float(state["seconds"]), int(state["bins"]))
        found.of = {int(place): Ordered(KEPT, map(float, values)) for place, values in state["of"].items()}
        return found
