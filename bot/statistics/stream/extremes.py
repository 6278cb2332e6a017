"""Values never seen before, and how far beyond the extremes one has to lie to be news."""

import math
from bisect import bisect_left, bisect_right
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

    With each value that comes, one of the block before enters what was seen. A block that changes no extreme enters
    when it is complete, all at once; so do its values before anybody looks closer.
    """

    __slots__ = (
        *("_ceiling", "_entered", "_floor", "_highest", "_highs", "_late", "_lowest", "_lows", "_new", "_plain"),
        *("block", "high", "low", "lower_scale", "seen", "upper_scale"),
    )

    def __init__(self, window: int, block: int) -> None:
        self.block = block
        self.seen = RollingExtremes(window)
        self._late: list[float] = []
        self._new: list[float] = []
        self._entered, self._plain = 0, True
        self._highs, self._lows = Ordered(max(1, window // block)), Ordered(max(1, window // block))
        self.upper_scale = self.lower_scale = 0.0
        self._floor, self._ceiling = -math.inf, math.inf
        self._lowest, self._highest = math.inf, -math.inf
        self.low, self.high = math.inf, -math.inf

    def push(self, value: float) -> None:
        new = self._new
        new.append(value)
        if not self._plain:
            self._enter()
        if len(new) == self.block:
            self._turn()

    def _enter(self) -> None:
        """What of the block before has its turn by now."""
        late, seen, due = self._late, self.seen, min(len(self._new), len(self._late))
        while self._entered < due:
            if seen.push(late[self._entered]):
                self._narrow()
            self._entered += 1

    def _turn(self) -> None:
        if self._late:
            self.seen.extend(self._late[self._entered :])
            self._highs.push(max(self._late))
            self._lows.push(min(self._late))
            self._read_tails()
        self._late, self._new, self._entered = self._new, [], 0
        self._plain = self.seen.holds(self._late)

    def _narrow(self) -> None:
        lowest, highest = self.seen.lowest, self.seen.highest
        sound = self._floor <= lowest and highest <= self._ceiling
        self.low, self.high = (lowest, highest) if sound else (math.inf, -math.inf)

    def look(self, value: float, *, least_rows: int, margin: float, per_week: float, step: float) -> NewExtreme | None:
        """The value as a new extreme, if it lies further out than chance would put it `per_week` times a week.

        Exchangeable rows exceed the extreme of n earlier ones 1 / n as often as they come, and by more than m only
        exp(-m / scale) as often; `margin` is the least m, as a part of the distance between the extremes.
        """
        self._enter()
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
        since = (one for one in self._extremes_entered() if self._floor <= one <= self._ceiling)
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

    def _extremes_entered(self) -> list[float]:
        entered = self._late[: self._entered]
        return [min(entered), max(entered)] if entered else []

    def state(self) -> dict[str, Any]:
        self._enter()
        low, high = self._extremes_entered() or (None, None)
        return {
            "seen": self.seen.state(),
            "late": self._late[self._entered :] + self._new,
            "highs": list(self._highs.order),
            "lows": list(self._lows.order),
            "high": high,
            "low": low,
            "rows": self._entered,
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.seen.restore(state["seen"])
        self._highs = Ordered(self._highs.window, state["highs"])
        self._lows = Ordered(self._lows.window, state["lows"])
        if self._highs.order:
            self._read_tails()
        self._entered, late = int(state["rows"]), [float(one) for one in state["late"]]
        # Of what has entered the extremes are known; they stand for the others.
        entered = ([state["low"]] + [state["high"]] * self._entered)[: self._entered]
        split = len(late) - self._entered if len(late) == self.block else 0
        self._late, self._new = entered + late[:split], late[split:]
        self._plain = not self._entered and self.seen.holds(self._late)
        self._narrow()
