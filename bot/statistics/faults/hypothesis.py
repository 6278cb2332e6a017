"""What a fault hypothesis is, shared by numeric and categorical columns."""

import math
from dataclasses import dataclass
from enum import StrEnum

from bot.statistics.rates import compare_shares
from bot.statistics.wording import percent

LEAST_EXPLAINED = 0.6
"""A fault is named only if undoing it removes at least this part of the distance to the reference."""
LEAST_ROWS = 50
LEAST_SHARE = 0.03
ALL_ROWS = 0.97
SURE = 0.001
LEAST_ODDS = 0.9
"""In log odds: where a fifth is missing anyway, over a third may be by itself."""


class FaultKind(StrEnum):
    SCALED = "scaled"
    OFFSET = "offset"
    CONVERTED = "converted"
    CLOCK_SHIFTED = "clock_shifted"
    SIGN_FLIPPED = "sign_flipped"
    SIGN_LOST = "sign_lost"
    FILLED = "filled"
    NULLS = "nulls"
    STALE = "stale"
    CLIPPED = "clipped"
    TRUNCATED = "truncated"
    ROUNDED = "rounded"
    SWAPPED = "swapped"
    RENAMED = "renamed"
    LOST = "lost"


REMEDIES = {
    FaultKind.FILLED: "read the values from their source again",
    FaultKind.STALE: "read the values from their source again",
    FaultKind.NULLS: "fill the missing values again",
    FaultKind.SIGN_LOST: "read the signs from their source again",
    FaultKind.CLIPPED: "read the values again without the limit",
    FaultKind.TRUNCATED: "load the missing rows",
    FaultKind.LOST: "load the missing rows",
}
"""Where no arithmetic brings the values back."""


@dataclass(frozen=True, slots=True)
class FaultHypothesis:
    """A likely cause of a change of one column.

    `factor` is what values were multiplied by, moved by or set to (None where that says nothing); `share` the share of
    rows it hit, 0 to 1; `explained` the part of the distance to the reference that goes away when it is undone, 0 to 1.
    `sentence` says what happened and how undoing it fits, to be read after the column's name and a colon; `undo` is the
    remedy alone.
    """

    kind: FaultKind
    factor: float | None
    share: float
    explained: float
    sentence: str
    undo: str


def matches(undo: str, *, many: bool) -> str:
    return f"{undo} {'they match' if many else 'it matches'} the reference"


def filled(value: str, now: float, usual: str) -> str:
    """`40 % of rows are filled with 0 (usually 5.1 %)`. now: the share of rows that hold it, 0 to 1."""
    if now >= 1:
        return f"filled with {value} in all rows ({usual})"
    return f"{percent(now)} of rows are filled with {value} ({usual})"


def null_burst(
    nulls: int, rows: int, current_nulls: int, current_rows: int, least: float = LEAST_SHARE
) -> FaultHypothesis | None:
    change = compare_shares(nulls, rows, current_nulls, current_rows)
    if change.difference < least or change.p_value >= SURE:
        return None
    if log_odds_moved(change.reference.value, change.current.value) < LEAST_ODDS:
        return None
    now, was = percent(change.current.value), percent(change.reference.value)
    share = change.difference / (1 - change.reference.value)
    some = "all rows" if current_nulls == current_rows else f"{now} of rows"
    sentence = f"{some} are null (usually {was})"
    return FaultHypothesis(FaultKind.NULLS, None, share, 1.0, sentence, REMEDIES[FaultKind.NULLS])


def log_odds_moved(before: float, after: float) -> float:
    return _odds(after) - _odds(before)


def _odds(share: float) -> float:
    share = min(max(share, 1e-6), 1 - 1e-6)
    return math.log(share / (1 - share))
