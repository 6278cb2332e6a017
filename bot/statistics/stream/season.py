"""What a series usually is at this time of its period: robust, learnt as it goes, never from the point it judges."""

import math
from collections.abc import Iterable
from typing import Any

from bot.statistics.stream.rolling import SIGMA, Ordered

MOST_BINS = 48
KEPT = 60
LEAST = 3
DAY = 86_400.0
WEEKEND = (5, 6)
FIRST_WEEKDAY = 3  # 1 January 1970 was a Thursday


def _median_and_quartiles(size: int) -> tuple[int, int, int, int]:
    """The places of the two middle values and of the quartiles among so many sorted ones; under six, no quartiles."""
    quartiles = (size // 4, 3 * size // 4) if size >= 2 * LEAST else (0, 0)
    return max(0, size - 1) // 2, size // 2, *quartiles


PLACES = [_median_and_quartiles(size) for size in range(KEPT + 1)]


class Usual(Ordered):
    """The last 60 values seen at one time of the period: their median, and the spread of single ones round it (0: not
    known)."""

    __slots__ = ("centre", "rows", "sigma")

    def __init__(self, values: Iterable[float] = ()) -> None:
        super().__init__(KEPT, values)
        self.centre = self.sigma = 0.0
        self.rows = 0
        if self.values:
            self._read()

    def push(self, value: float) -> None:
        Ordered.push(self, value)  # super() takes as long as half of all this
        self._read()

    def _read(self) -> None:
        values = self.values
        self.rows = rows = len(values)
        below, above, first, third = PLACES[rows]
        self.centre = (values[below] + values[above]) / 2
        # The quartiles' distance stands for the MAD: both are read from the sorted list, without a second sort.
        self.sigma = SIGMA * ((values[third] - values[first]) / 2)


class SeasonalProfile:
    """Up to 48 bins over a period of `seconds`. A day has weekends apart as soon as a bin has seen three of them."""

    __slots__ = (
        *("_apart", "_day", "_kind", "_place", "_place_at", "_split", "_splits_weekends"),
        *("bins", "of", "seconds"),
    )

    def __init__(self, seconds: float, bins: int) -> None:
        self.seconds = seconds
        self.bins = max(1, min(MOST_BINS, bins)) if seconds <= DAY else max(1, min(7 * 24, bins))
        self.of: dict[int, Usual] = {}
        self._splits_weekends = seconds == DAY
        self._split: set[int] = set()
        self._place_at, self._place, self._apart = math.nan, 0, -1
        self._day, self._kind = math.nan, 0

    def usual(self, at: float) -> Usual | None:
        """What is usual at `at` (seconds since 1970), until the next push; None while fewer than three values were seen
        there."""
        self._find(at)
        found = self.of.get(self._apart)
        if found is None or found.rows < LEAST:
            found = self.of.get(self._place)
            if found is None or found.rows < LEAST:
                return None
        return found

    def push(self, at: float, value: float) -> None:
        if at != self._place_at:
            self._find(at)
        place, apart = self._place, self._apart
        if place in self._split:
            self.of[apart].push(value)  # nobody asks for all days together any more
            return
        if apart >= 0:
            self._bin(apart).push(value)
            if self._is_known(place + self.bins) and self._is_known(place + 2 * self.bins):
                self._split.add(place)
                return
        self._bin(place).push(value)

    def _is_known(self, place: int) -> bool:
        found = self.of.get(place)
        return found is not None and found.rows >= LEAST

    def _bin(self, place: int) -> Usual:
        found = self.of.get(place)
        if found is None:
            found = self.of[place] = Usual()
        return found

    def _find(self, at: float) -> None:
        """The bin of a time, and the one of its kind of day (-1: none)."""
        self._place_at = at
        self._place = int((at % self.seconds) * self.bins / self.seconds + 1e-6) % self.bins
        if self._splits_weekends:
            day = at // DAY
            if day != self._day:
                self._day = day
                self._kind = 2 if (int(day) + FIRST_WEEKDAY) % 7 in WEEKEND else 1
            self._apart = self._place + self.bins * self._kind

    def state(self) -> dict[str, Any]:
        return {
            "seconds": self.seconds,
            "bins": self.bins,
            "of": {str(place): list(one.order) for place, one in self.of.items()},
        }

    @classmethod
    def restore(cls, state: dict[str, Any]) -> "SeasonalProfile":
        found = cls(float(state["seconds"]), int(state["bins"]))
        found.of = {int(place): Usual(map(float, values)) for place, values in state["of"].items()}
        return found
