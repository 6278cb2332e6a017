"""What is said of segments that stand out, in the words of a responder. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bot.catalog.monitors import MonitorMetric
from bot.data.by_segment import SegmentSums
from bot.monitoring.watched import Watched
from bot.statistics.columns import category_text
from bot.statistics.pooling import Pooled, Standing
from bot.statistics.wording import number, percent

SAID = 3
NAME = 40
"""Characters of a segment's name that are said."""
_SHARES = frozenset({MonitorMetric.CLASS_SHARE, MonitorMetric.NULL_RATE})


@dataclass(frozen=True, slots=True)
class Listed:
    """A segment that stands out: its metric usually and now, over so many rows of its newest `windows` windows."""

    name: str
    usual: float
    now: float
    rows: int
    windows: int


def stands_out(one: Watched, listed: Sequence[Listed], pooled: Pooled) -> str:
    """`fraud-v3 answers decline more often in 3 of 4,812 merchants: M17 2 % → 31 %, M203 3 % → 22 % and 1 more`."""
    named = ", ".join(_one(one, each) for each in listed[:SAID])
    rest = f" and {len(listed) - SAID:,} more" if len(listed) > SAID else ""
    changes = {each.now > each.usual for each in listed}
    rose = changes.pop() if len(changes) == 1 else None
    judged = pooled.count(Standing.JUDGED)
    return f"{_what(one, rose)} in {len(listed):,} of {judged:,} {plural(one)}: {named}{rest}"


def all_moved(one: Watched, pooled: Pooled, usual: float, now: float, listed: Sequence[Listed]) -> str:
    """`fraud-v3 answers decline more often in all 4,812 merchants together: 2 % → 9 %; none stands out`."""
    judged = pooled.count(Standing.JUDGED)
    apart = ", ".join(_one(one, each) for each in listed[:SAID])
    rest = f" and {len(listed) - SAID:,} more" if len(listed) > SAID else ""
    beside = f"beyond that {apart}{rest}" if listed else "none stands out"
    all_of = f"all {judged:,} {plural(one)} together" if judged > 1 else plural(one)
    return f"{_what(one, now > usual)} in {all_of}: {_level(one, usual)} → {_level(one, now)}; {beside}"


def none_stands_out(one: Watched, pooled: Pooled) -> str:
    """`none of 4,812 merchants stands out (1,204 too small, 12 new)`."""
    judged = pooled.count(Standing.JUDGED)
    apart = [
        f"{pooled.count(standing):,} {word}"
        for standing, word in (
            (Standing.SMALL, "too small"),
            (Standing.NEW, "new"),
            (Standing.GONE, "without rows"),
        )
        if pooled.count(standing)
    ]
    beside = f" ({', '.join(apart)})" if apart else ""
    if not judged:
        return f"{one.model.name}: none of the {plural(one)} has rows and a past enough to be judged{beside}"
    return f"{one.model.name}: none of {judged:,} {plural(one)} stands out{beside}"


def left_out(one: Watched, sums: SegmentSums) -> str:
    more = sums.segments - len(sums.names)
    return f" (the {len(sums.names):,} largest of {sums.segments:,} {plural(one)})" if more > 0 else ""


def table(one: Watched, listed: Sequence[Listed]) -> dict[str, object]:
    """Columns and rows of text for a card, and the numbers behind them."""
    return {
        "columns": [one.monitor.by, "usually", "now", "rows", "windows"],
        "rows": [
            [each.name, _level(one, each.usual), _level(one, each.now), f"{each.rows:,}", str(each.windows)]
            for each in listed
        ],
        "numbers": [[each.name, each.usual, each.now] for each in listed],
    }


def plural(one: Watched) -> str:
    """`merchants`, `countries`; a name that is no plain word stays as it is: `values of merchant_id`."""
    by = one.monitor.by or ""
    if not re.fullmatch(r"[a-z]+[a-rt-z]", by):
        return f"values of {by}"
    if by.endswith(("x", "z", "ch", "sh")):
        return f"{by}es"
    if by.endswith("y") and by[-2:-1] not in "aeiou":
        return f"{by[:-1]}ies"
    return f"{by}s"


def _what(one: Watched, rose: bool | None) -> str:  # noqa: FBT001
    model, feature = one.model.name, one.monitor.feature
    often = {True: "more often", False: "less often", None: "more or less often"}[rose]
    match one.monitor.metric:
        case MonitorMetric.ROW_COUNT:
            amount = {True: "more", False: "fewer", None: "more or fewer"}[rose]
            return f"{model} got {amount} rows"
        case MonitorMetric.MEAN:
            return f"mean {feature} of {model} { ({True: 'rose', False: 'fell', None: 'changed'}[rose]) }"
        case MonitorMetric.NULL_RATE:
            return f"{feature} of {model} is missing {often}"
    value = category_text(one.monitor.value)
    return f"{feature} of {model} is {value} {often}" if feature else f"{model} answers {value} {often}"


def _one(one: Watched, each: Listed) -> str:
    name = each.name if len(each.name) <= NAME else each.name[: NAME - 1] + "…"
    over = f" over {each.windows} windows" if each.windows > 1 else ""
    return f"{name} {_level(one, each.usual)} → {_level(one, each.now)}{over}"


def _level(one: Watched, value: float) -> str:
    if one.monitor.metric in _SHARES:
        return percent(value)
    if one.monitor.metric is MonitorMetric.ROW_COUNT:
        return number(round(value)) if abs(value) >= 1 else number(value)
    known = one.model.data.features.get(one.monitor.feature or "") if one.model.data else None
    return f"{number(value)} {known.unit}" if known and known.unit else number(value)
