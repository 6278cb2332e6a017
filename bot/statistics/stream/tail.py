"""How high a score has to be so that a stretch of ordinary rows exceeds it as seldom as the budget says."""

import math
from typing import Any

from bot.statistics.stream.rolling import Ordered

WEEK = 604_800.0
KEPT = 200
PRIOR_BLOCKS = 4.0
PRIOR_MEDIAN, PRIOR_WIDTH = math.log(4.5), 0.25
MOST_OFTEN = 0.5
LEAST_SCORE = 3.0
_MEDIAN_AT = -math.log(math.log(2))
_QUARTILES_APART = math.log(math.log(4)) - math.log(math.log(4 / 3))


class BlockTail:
    """The highest score of each block of rows, and from their middle half the level a budget allows.

    The logarithm of block maxima is taken as Gumbel (maxima of a heavy tail are Fréchet: Fisher and Tippett 1928);
    location and width come from the median and the quartiles, so that the blocks which hold true incidents (up to a
    quarter of all) neither raise nor widen it. A few pseudo-blocks of a normal score steady it while it learns.
    """

    __slots__ = ("_highest", "_rows", "block", "maxima")

    def __init__(self, block: int) -> None:
        self.block = block
        self.maxima = Ordered(KEPT)
        self._highest = 0.0
        self._rows = 0

    def push(self, score: float) -> bool:
        """True when a block was completed: the level may have changed."""
        if score > self._highest:  # noqa: PLR1730 - half of the time of max()
            self._highest = score
        self._rows += 1
        if self._rows < self.block:
            return False
        self.maxima.push(math.log(max(self._highest, 0.1)))
        self._highest, self._rows = 0.0, 0
        return True

    def level(self, per_week: float, step: float) -> float:
        """The score exceeded in `per_week` blocks a week; `step` seconds between rows."""
        share = min(MOST_OFTEN, per_week * self.block * step / WEEK)
        median, width = PRIOR_MEDIAN, PRIOR_WIDTH
        blocks = len(self.maxima.order)
        if blocks:
            low, middle, high = (self.maxima.quantile(share) for share in (0.25, 0.5, 0.75))
            weight = blocks / (blocks + PRIOR_BLOCKS)
            median += weight * (middle - median)
            width += weight * ((high - low) / _QUARTILES_APART - width)
        place = median - width * _MEDIAN_AT
        reach = -math.log(-math.log(1 - share))
        return max(LEAST_SCORE, math.exp(min(50.0, place + width * reach)))

    def state(self) -> dict[str, Any]:
        return {"maxima": list(self.maxima.order), "highest": self._highest, "rows": self._rows}

    def restore(self, state: dict[str, Any]) -> None:
        self.maxima = Ordered(KEPT, map(float, state["maxima"]))
        self._highest, self._rows = float(state["highest"]), int(state["rows"])
