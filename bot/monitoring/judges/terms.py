"""What a judge is told beside the rows: what it must not learn from, and how often it may be wrong."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypedDict

from bot.monitoring.references import Comparison
from bot.monitoring.windows import Window

LeftOut = Callable[[Window], bool]
USUAL_RATE = 0.0027


def learns_from_all(_window: Window) -> bool:
    return False


class What(TypedDict):
    """What changed in a window that is ordinary by itself, as it is kept with it."""

    said: str
    feature: str | None
    segment: str | None
    affected: str | None


@dataclass(frozen=True, slots=True)
class Scored:
    """A window that was judged, and where it lay by itself.

    score: normal, with its side; NaN where it is no part of a run. usual: what was expected of its value. least: the
    smallest change that matters. learnt: windows it was judged by. since: where the baseline of these begins. what:
    what would be said of a run that it is part of, where that was looked for.
    """

    window: Window
    score: float
    value: float
    usual: float
    least: float
    learnt: int
    since: str | None
    what: "What | None" = None


@dataclass(frozen=True, slots=True)
class Terms:
    """leaves_out: whether a window must not be learnt from. alarm_rate: the chance that an ordinary window alarms.

    now: labels that came later are not known yet; None: whatever is there counts. comparison: where a new baseline
    begins, when one was accepted or a new version promoted. scored: the windows before, oldest first, that may be part
    of a run with this one; None: no run is looked for. lasting_rate: the chance that such a run alarms; None: the same.
    named: whether the cause and the place of what moved are searched for, which takes most of a look.
    """

    leaves_out: LeftOut = learns_from_all
    alarm_rate: float = USUAL_RATE
    now: datetime | None = None
    comparison: Comparison = field(default_factory=Comparison)
    scored: Sequence[Scored] | None = ()
    lasting_rate: float | None = None
    named: bool = True

    @property
    def rate_of_runs(self) -> float:
        return self.alarm_rate if self.lasting_rate is None else self.lasting_rate
