"""What a monitor found in one window."""

import math
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

from bot.core.payload import clean_text
from bot.statistics.budget import normal_scores

SENTENCE, NAME = 600, 300
ASKED, SCORE, LASTING, WHAT = "asked_by", "score", "lasting", "run_says"
"""What is kept with a finding: who asked for it, where the window lies by itself, the run of windows it ends, and what
a run that it is part of would say."""
SMALLEST = 1e-300
HARMLESS = "harmless"
"""In a finding's data: what moved does nothing to the model's answers; evidence, and never the cause of an incident."""


class State(StrEnum):
    """`broken` is ours to mend (an unreadable file, a missing column); it is shown and never sent as an alert.

    `waiting`: the window's labels are still coming. `no_labels`: they should have come by now and have not.
    """

    FIRING = "firing"
    OK = "ok"
    LEARNING = "learning"
    NO_DATA = "no_data"
    TOO_FEW = "too_few"
    WAITING = "waiting"
    NO_LABELS = "no_labels"
    BROKEN = "broken"


@dataclass(frozen=True, slots=True)
class Finding:
    """`sentence` says it with its numbers; it is the alert's title when firing.

    value, lower, upper: the metric and its limits, None where there is none. surprise: -log10 of the chance of such a
    window, or a stranger one, on ordinary days; None where there is no such chance. onset: when it began within the
    window, if that can be seen. affected: the faulty part of the window's rows, in words ("38 %"). reference: what it
    was compared with. data: JSON values for charts and the API.
    """

    state: State
    sentence: str
    rows: int = 0
    value: float | None = None
    lower: float | None = None
    upper: float | None = None
    surprise: float | None = None
    onset: datetime | None = None
    feature: str | None = None
    segment: str | None = None
    affected: str | None = None
    reference: str | None = None
    data: dict[str, Any] = field(default_factory=dict)

    def fit_to_keep(self) -> "Finding":
        """The same finding as every database and JSON reader takes it: no NUL, no infinity, nothing endless."""
        return replace(
            self,
            sentence=_short(self.sentence, SENTENCE),
            value=_finite(self.value),
            lower=_finite(self.lower),
            upper=_finite(self.upper),
            surprise=_finite(self.surprise),
            feature=_short(self.feature, NAME) if self.feature else None,
            segment=_short(self.segment, NAME) if self.segment else None,
            data=_plain(self.data),
        )

    @property
    def threshold(self) -> float | None:
        """The limit that was crossed, or the nearer one; of a run, what its windows are usually like."""
        if LASTING in self.data:
            return _finite(self.data[LASTING]["usual"])
        if self.value is None or self.lower is None:
            return self.upper
        return self.upper if self.upper is not None and self.value > (self.lower + self.upper) / 2 else self.lower


def score_of(p_value: float, value: float, usual: float, least: float = 0.0, unit: str = "") -> dict[str, Any]:
    """Where a window lies by itself, as it is kept: a normal score with its side, by the two-sided chance.

    usual: what was expected of it, in the value's unit. least: the smallest change that matters.
    """
    side = (value > usual) - (value < usual)
    score = float(normal_scores(p_value, side)) if side else 0.0
    return {"score": round(score, 6), "usual": usual, "least": least, "unit": unit}


def surprise_of(p_value: float) -> float:
    """-log10 of a chance; one too small for a float64 counts as the smallest."""
    return -math.log10(max(p_value, SMALLEST))


def _short(text: str, most: int) -> str:
    line = clean_text(text)
    return line if len(line) <= most else line[: most - 1] + "…"


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None


def _plain(value: Any) -> Any:  # noqa: ANN401
    if isinstance(value, float):
        return _finite(value)
    if isinstance(value, str):
        return _short(value, SENTENCE)
    if isinstance(value, dict):
        return {clean_text(str(key)): _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list) else value
