"""The default monitor of a metric series: two tiers, one pass, bounded memory.

Page: a value, or the mean of the last rows' distance from what is usual at their time, that was never seen in the last
4,000 rows. For exchangeable rows a strict new extreme has the probability 2 / (rows + 1) whatever their distribution;
how far beyond the old one it must lie follows from the budget (see `extremes`).
Notify: a value that is unusual by itself and for its time, or a jump; its level follows the budget too (see `tail`).
"""

import math
from collections import deque
from dataclasses import asdict
from itertools import islice
from typing import Any

import numpy as np

from bot.statistics.stream.extremes import Extremes, NewExtreme
from bot.statistics.stream.period import DAY, find_period, places_of
from bot.statistics.stream.reading import BELOW_PAGE, NOTIFY_SCORE, PAGE_SCORE, QUIET, Reading, StreamPolicy, Tier
from bot.statistics.stream.rolling import Ring, RollingExtremes, middle
from bot.statistics.stream.season import SeasonalProfile, Usual
from bot.statistics.stream.spread import Spread
from bot.statistics.stream.tail import BlockTail
from bot.statistics.wording import number

VERSION = 1
EARLY_ROWS, EARLY_REFRESH = 100, 10
USUAL_STEP = 300.0
SAME_PERIOD = 0.05
WAYS = 4  # a value or a mean, too high or too low, share the budget for pages
HALF_WAY = 0.25
EXACT = 1e6
LARGEST = 1e150  # squares and sums of larger values are no float64


class StreamDetector:
    """Feed points in the order they come; each is judged by those before it only."""

    def __init__(self, policy: StreamPolicy | None = None) -> None:
        self.policy = policy or StreamPolicy()
        size, self._mean_rows = self.policy.memory, self.policy.mean_rows
        self._long_enough = max(self.policy.warm_up, self.policy.long_enough)
        self._often = math.gcd(EARLY_REFRESH, self.policy.refresh, self.policy.look_for_period)
        self.rows = 0
        self.step = USUAL_STEP
        self.period: float | None = None
        self._candidate: float | None = None
        self._times, self._values = Ring(size), Ring(size)
        self._extremes = Extremes(size, self._mean_rows)
        self._season: SeasonalProfile | None = None
        self._spread = Spread()
        self._tail = BlockTail(self.policy.quiet_rows)
        self._level = self._tail.level(self.policy.notified_per_week, self.step)
        self._recent = RollingExtremes(self.policy.quiet_rows)
        self._told: tuple[int, float, str] | None = None
        self._forget_distances()

    def _forget_distances(self) -> None:
        self._distances = Ring(self.policy.memory)
        self._last: deque[float] = deque(maxlen=self._mean_rows)
        self._sum = 0.0
        self._means = Extremes(self.policy.memory, self._mean_rows)

    def update(self, at: float, value: float) -> Reading:
        """Judge and learn one point. `at`: seconds since 1970. A value that is no finite number says nothing."""
        if not -LARGEST < value < LARGEST:
            if not math.isfinite(value):
                return QUIET
            value = math.copysign(LARGEST, value)
        usual = self._season.usual(at) if self._season is not None else None
        distance = value - (self._spread.centre if usual is None else usual.centre)
        last = self._last
        strange = self._spread.strangeness(value, distance, last[-1] if last else None, usual)
        total = self._sum_with(distance)
        reading = self._judge(at, value, total, strange, usual)
        self._learn(at, value, distance, strange, total)
        return reading

    def _sum_with(self, distance: float) -> float:
        """Of the last rows' distances, once this one is among them."""
        last = self._last
        if len(last) < self._mean_rows:
            return self._sum + distance
        gone = last[0]
        found = self._sum + (distance - gone)
        if abs(gone) > EXACT * abs(found):  # what the large one left of the others' digits is not enough
            return math.fsum((*islice(last, 1, None), distance))
        return found

    # judging

    def _judge(self, at: float, value: float, total: float, strange: float, usual: Usual | None) -> Reading:
        if self.rows < self._long_enough and not self._warm:
            return QUIET
        mean, values, means = total / self._mean_rows, self._extremes, self._means
        if not (values.low <= value <= values.high and means.low <= mean <= means.high):
            found = self._new_extreme(value, mean)
            if found:
                return self._page(at, *found)
        level = self._level
        if strange >= level:
            return self._notify(at, value, strange, usual)
        score = NOTIFY_SCORE * strange / level
        return Reading(score, Tier.NONE, alert=False) if self._is_strangest(score) else QUIET

    def _page(self, at: float, found: NewExtreme, of_mean: bool) -> Reading:  # noqa: FBT001
        score = PAGE_SCORE + (1 - PAGE_SCORE) * (1 - math.exp(-found.excess / HALF_WAY))
        if not self._is_strangest(score) or self._cooling(at, Tier.PAGE):
            return QUIET
        self._told = (self.rows, at, Tier.PAGE)
        return Reading(score, Tier.PAGE, alert=True, reason=self._page_reason(found, of_mean))

    def _notify(self, at: float, value: float, strange: float, usual: Usual | None) -> Reading:
        rest = 1 - math.exp(1 - strange / self._level)
        score = min(BELOW_PAGE, NOTIFY_SCORE + (PAGE_SCORE - NOTIFY_SCORE) * rest)
        if not self._is_strangest(score) or self._cooling(at, Tier.NOTIFY):
            return QUIET
        self._told = (self.rows, at, Tier.NOTIFY)
        return Reading(score, Tier.NOTIFY, alert=True, reason=self._notify_reason(value, strange, usual))

    def _is_strangest(self, score: float) -> bool:
        """Of the last rows; from now on it is one of them."""
        before = self._recent.highest
        return self._recent.push(score) and score > max(0.0, before)

    @property
    def _warm(self) -> bool:
        """What comes once a day is no news; a thousand rows are taken for enough where a day holds more."""
        policy = self.policy
        return self.rows >= policy.warm_up and (self.rows * self.step >= DAY or self.rows >= policy.long_enough)

    def _new_extreme(self, value: float, mean: float) -> tuple[NewExtreme, bool] | None:
        """The stranger of a new extreme value and a new extreme mean, with whether it is the mean."""
        by_value, by_mean = self._look(self._extremes, value), self._look(self._means, mean)
        if by_mean and (by_value is None or by_mean.excess > by_value.excess):
            return by_mean, True
        return (by_value, False) if by_value else None

    def _look(self, extremes: Extremes, value: float) -> NewExtreme | None:
        policy = self.policy
        return extremes.look(
            value,
            least_rows=policy.warm_up // 2,
            margin=policy.margin,
            per_week=policy.paged_per_week / WAYS,
            step=self.step,
        )

    def _cooling(self, at: float, tier: Tier) -> bool:
        if self._told is None:
            return False
        row, then, told = self._told
        if tier is Tier.PAGE and told == Tier.NOTIFY:
            return False
        return self.rows - row < self.policy.quiet_rows and at - then < self.policy.quiet_days * DAY

    def _page_reason(self, found: NewExtreme, of_mean: bool) -> str:  # noqa: FBT001
        side, limit = ("highest", found.highest) if found.is_high else ("lowest", found.lowest)
        length = _length(found.rows * self.step)
        if not of_mean:
            return f"{number(found.value)} is the {side} in {length} (before: {number(limit)})"
        way = "above" if found.value > 0 else "below"
        return (
            f"the last {self._mean_rows} rows lie {number(abs(found.value))} {way} what is usual at their time,"
            f" the {side} in {length} (before: {number(limit)})"
        )

    def _notify_reason(self, value: float, strange: float, usual: Usual | None) -> str:
        expected = number(usual.centre if usual else self._spread.centre)
        when = " at this time" if usual else ""
        far = f"{strange:.1f} robust sigmas, told from {self._level:.1f}"
        return f"{number(value)} where {expected} is usual{when} ({far})"

    # learning

    def _learn(self, at: float, value: float, distance: float, strange: float, total: float) -> None:
        self._times.new.append(at)
        self._values.new.append(value)
        self._extremes.push(value)
        self._push_distance(distance, total)
        self.rows += 1
        if self._season is not None:
            self._season.push(at, value)
        if self._tail.push(strange):
            self._level = self._tail.level(self.policy.notified_per_week, self.step)
        if self.rows % self._often == 0:
            self._look_again()

    def _push_distance(self, distance: float, total: float) -> None:
        """`total`: of the last rows, with this one."""
        last, rows = self._last, self._mean_rows
        self._distances.new.append(distance)
        last.append(distance)
        self._sum = total
        if len(last) == rows:
            self._means.push(total / rows)

    def _look_again(self) -> None:
        policy, rows = self.policy, self.rows
        early = rows <= EARLY_ROWS
        if rows % (EARLY_REFRESH if early else policy.refresh) == 0:
            self._refresh()
        if (early and rows % EARLY_REFRESH == 0) or rows % policy.look_for_period == 0:
            self._measure_step()
        if rows % policy.look_for_period == 0:
            self._look_for_period()

    def _refresh(self) -> None:
        self._spread.learn(self._values.any_order(), self._distances.values())
        self._sum = math.fsum(self._last)  # adding and taking away again leaves a rest

    def _measure_step(self) -> None:
        gaps = np.diff(self._times.values())
        gaps = gaps[gaps > 0]
        self.step = middle(gaps) if gaps.size else USUAL_STEP

    def _look_for_period(self) -> None:
        """A period, or the loss of one, counts when two looks in a row agree."""
        steps = find_period(self._values.values(), self.step, places_of(self._times.values(), self.step))
        found = steps * self.step if steps else None
        if _alike(found, self.period):
            self._candidate = self.period
        elif _alike(found, self._candidate):
            self._follow(found)
        else:
            self._candidate = found

    def _follow(self, period: float | None) -> None:
        """Learn everything known again, by the new period."""
        self.period = self._candidate = period
        season = SeasonalProfile(period, round(period / self.step)) if period else None
        times, values = self._times.values().tolist(), self._values.values().tolist()
        centre = self._spread.centre
        self._forget_distances()
        for at, value in zip(times, values, strict=True):
            usual = season.usual(at) if season else None
            if usual is not None or season is None:
                distance = value - (usual.centre if usual else centre)
                self._push_distance(distance, self._sum_with(distance))
            if season:
                season.push(at, value)
        self._season = season
        self._refresh()

    def without(self, start: float, end: float) -> "StreamDetector":
        """The same detector as if the points of a confirmed incident (start <= at < end, seconds) had not been."""
        times, values = self._times.values(), self._values.values()
        kept = (times < start) | (times >= end)
        found = StreamDetector(self.policy)
        found.period, found.step = self.period, self.step
        found._season = SeasonalProfile(self.period, self._season.bins) if self.period and self._season else None
        for at, value in zip(times[kept].tolist(), values[kept].tolist(), strict=True):
            found.update(at, value)
        found._told, found._recent, found.rows = self._told, self._recent, self.rows
        return found

    # surviving a restart

    def state(self) -> dict[str, Any]:
        """Everything learnt, as JSON values; `restore` goes on from it as if nothing had happened."""
        return {
            "version": VERSION,
            "rows": self.rows,
            "step": self.step,
            "period": self.period,
            "candidate": self._candidate,
            "times": self._times.state(),
            "values": self._values.state(),
            "distances": self._distances.state(),
            "extremes": self._extremes.state(),
            "means": self._means.state(),
            "last": list(self._last),
            "sum": self._sum,
            "season": self._season.state() if self._season else None,
            "spread": asdict(self._spread),
            "tail": self._tail.state(),
            "level": self._level,
            "recent": self._recent.state(),
            "told": list(self._told) if self._told else None,
        }

    @classmethod
    def restore(cls, state: dict[str, Any], policy: StreamPolicy | None = None) -> "StreamDetector":
        """Raises ValueError for the state of another version: learn again from the series."""
        if state.get("version") != VERSION:
            raise ValueError(f"This state has version {state.get('version')}; version {VERSION} can be read.")
        found = cls(policy)
        found.rows, found.step, found.period = int(state["rows"]), float(state["step"]), state["period"]
        found._candidate = state["candidate"]
        for ring, name in ((found._times, "times"), (found._values, "values"), (found._distances, "distances")):
            ring.restore(state[name])
        found._extremes.restore(state["extremes"])
        found._means.restore(state["means"])
        found._last.extend(state["last"])
        found._sum = float(state["sum"])
        found._season = SeasonalProfile.restore(state["season"]) if state["season"] else None
        found._spread = Spread(**state["spread"])
        found._tail.restore(state["tail"])
        found._level = float(state["level"])
        found._recent.restore(state["recent"])
        found._told = tuple(state["told"]) if state["told"] else None
        return found


def _alike(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return abs(one / other - 1) < SAME_PERIOD


def _length(seconds: float) -> str:
    if seconds >= 2 * DAY:
        return f"{seconds / DAY:.0f} days"
    if seconds >= 7200:  # noqa: PLR2004
        return f"{seconds / 3600:.0f} hours"
    return f"{max(1, seconds / 60):.0f} minutes"
