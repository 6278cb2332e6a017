"""What a judge is told beside the rows: what it must not learn from, and how often it may be wrong."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from bot.monitoring.references import Comparison
from bot.monitoring.windows import Window

LeftOut = Callable[[Window], bool]
USUAL_RATE = 0.0027


def learns_from_all(_window: Window) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Terms:
    """leaves_out: whether a window must not be learnt from. alarm_rate: the chance that an ordinary window alarms.

    now: labels that came later are not known yet; None: whatever is there counts. comparison: where a new baseline
    begins, when one was accepted or a new version promoted.
    """

    leaves_out: LeftOut = learns_from_all
    alarm_rate: float = USUAL_RATE
    now: datetime | None = None
    comparison: Comparison = field(default_factory=Comparison)
