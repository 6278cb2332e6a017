"""Values never seen before, and how far beyond the extremes one has to lie to be news."""

import math
from bisect import bisect_left, bisect_right
from collections import deque
from dataclasses import dataclass
from typing import Any

from bot.statistics.stream.rolling import FREAK, Ordered, RollingExtremes
from bot.statistics.stream.tail import WEEK

FAR, NEAR = 0.95, 0.75
APART = math.log((1 - NEAR) / (1 - FAR))


@dataclass(frozen=True, slots=True)
class NewExtreme:
    """excess: how far beyond what the budget asks for, in parts of the distance between the extremes before."""

    value: float
    lowest: float
    highest: float
    rows: int
    excess: float

    @property
    def is_high(self) -> bool:
        return self.value > self.highest


class Extremes:
    """The extremes of the last `window` values but the newest `block`, and how thin the tails towards them are.

    The newest are left out so that a slow rise is measured against what was before it. The tail is read from the
    highest (lowest) value of each `block` rows: for an exponential tail their 95 % and 75 % points are log(5) scales
    apart, whatever the number of rows; being quantiles, one block in twenty may hold an incident.
    What lies `FREAK` times as far out as those (a number written wrong, such as 1e308) is not remembered.
    A value from `low` to `high` is no new extreme, without a closer look.
    """

    __slots__ = (
        *("_high", "_highs", "_late", "_low", "_lows", "_rows", "block", "seen"),
        *("_ceiling", "_floor", "_highest", "_lowest", "high", "low", "lower_scale", "upper_scale"),
    )

    def __init__(self, window: int, block: int) -> None:
        self.block = block
        self.seen = RollingExtremes(window)
        self._late: deque[float] = deque(maxlen=block)
        self._highs, self._lows = Ordered(max(1, window // block)), Ordered(max(1, window // block))
        self._high, self._low, self._rows = -math.inf, math.inf, 0
        self.upper_scale = self.lower_scale = 0.0
        self._floor, self._ceiling = -math.inf, math.inf
        self._lowest, self._highest = math.inf, -math.inf
        self.low, self.high = math.inf, -math.inf

    def push(self, value: float) -> None:
        late = self._late
        if len(late) < self.block:
            late.append(value)
            return
        oldest = late[0]
        late.append(value)
        if self.seen.push(oldest):
            self._narrow()
        if not self._low <= oldest <= self._high:
            self._low, self._high = min(self._low, oldest), max(self._high, oldest)
        self._rows += 1
        if self._rows == self.block:
            self._highs.push(self._high)
            self._lows.push(self._low)
            self._high, self._low, self._rows = -math.inf, math.inf, 0
            self._read_tails()

    def _narrow(self) -> None:
        lowest, highest = self.seen.lowest, self.seen.highest
        sound = self._floor <= lowest and highest <= self._ceiling
        self.low, self.high = (lowest, highest) if sound else (math.inf, -math.inf)

    def look(self, value: float, *, least_rows: int, margin: float, per_week: float, step: float) -> NewExtreme | None:
        """The value as a new extreme, if it lies further out than chance would put it `per_week` times a week.

        Exchangeable rows exceed the extreme of n earlier ones 1 / n as often as they come, and by more than m only
        exp(-m / scale) as often; `margin` is the least m, as a part of the distance between the extremes.
        """
        seen = self.seen
        if seen.size < least_rows:
            return None
        highest, lowest = seen.highest, seen.lowest
        if highest > self._ceiling or lowest < self._floor:
            lowest, highest = self._without_freaks()
        if lowest <= value <= highest:
            return None
        span = highest - lowest
        beyond, scale = (value - highest, self.upper_scale) if value > highest else (lowest - value, self.lower_scale)
        often = WEEK / step / seen.size / per_week
        needed = max(margin * span, scale * math.log(often) if often > 1 else 0.0)
        if beyond <= needed:
            return None
        return NewExtreme(value, lowest, highest, seen.size, (beyond - needed) / span if span > 0 else 1.0)

    def _without_freaks(self) -> tuple[float, float]:
        """The extremes of the blocks that hold no such value, and of the rows since."""
        since = (one for one in (self._low, self._high) if self._floor <= one <= self._ceiling)
        known = (self._lowest, self._highest, *since)
        return min(known), max(known)

    def _read_tails(self) -> None:
        highs, lows = self._highs.values, self._lows.values
        place = len(highs) - 1
        far, near = int(FAR * place), int(NEAR * place)
        top, self.upper_scale = highs[far], (highs[far] - highs[near]) / APART
        bottom, self.lower_scale = -lows[place - far], (lows[place - near] - lows[place - far]) / APART
        reach = FREAK * (top + bottom) if top > -bottom else math.inf
        self._ceiling, self._floor = top + reach, -bottom - reach
        self._highest = highs[bisect_right(highs, self._ceiling) - 1]
        self._lowest = lows[bisect_left(lows, self._floor)]
        self._narrow()

    def state(self) -> dict[str, Any]:
        return {
            "seen": self.seen.state(),
            "late": list(self._late),
            "highs": list(self._highs.order),
            "lows": list(self._lows.order),
            "high": self._high if self._rows else None,
            "low": self._low if self._rows else None,
            "rows": self._rows,
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.seen.restore(state["seen"])
        self._late = deque(state["late"], maxlen=self.block)
        self._highs = Ordered(self._highs.window, state["highs"])
        self._lows = Ordered(self._lows.window, state["lows"])
        self._rows = int(state["rows"])
        self._high, self._low = (state["high"], state["low"]) if self._rows else (-math.inf, math.inf)
        if self._highs.order:
            self._read_tails()
        self._narrow()
