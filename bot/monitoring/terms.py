"""What a judge is told beside the rows: what it must not learn from, and how often it may be wrong."""

from collections.abc import Callable
from dataclasses import dataclass

from bot.monitoring.windows import Window

LeftOut = Callable[[Window], bool]
USUAL_RATE = 0.0027


def learns_from_all(_window: Window) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Terms:
    """leaves_out: whether a window must not be learnt from. alarm_rate: the chance that an ordinary window alarms."""

    leaves_out: LeftOut = learns_from_all
    alarm_rate: float = USUAL_RATE
