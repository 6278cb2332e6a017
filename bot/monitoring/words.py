"""Findings in the words of a responder: what is wrong, by how much, since when, against what. Pure."""

from datetime import datetime

from bot.monitoring.watched import Watched
from bot.monitoring.windows import Window
from bot.statistics.columns import category_text
from bot.statistics.faults.hypothesis import FaultHypothesis, FaultKind
from bot.statistics.wording import number, percent, with_note


def usual_shares(lower: float, upper: float) -> str:
    """`18 to 24 %`."""
    low, high = percent(lower), percent(upper)
    plain = low.endswith(" %") and not low.startswith("under")
    return f"{low.removesuffix(' %') if plain else low} to {high}" if low != high else high


def usual_numbers(lower: float, upper: float) -> str:
    low, high = number(lower), number(upper)
    return f"{low} to {high}" if low != high else high


def class_share(one: Watched, share: float, lower: float, upper: float) -> str:
    """`eta calls 31 % of flights late (usually 18 to 24 %)`, by the model's own `outcome` words when it has some."""
    usual = f"usually {usual_shares(lower, upper)}"
    said = one.model.outcome
    if said and "{share}" in said and not one.monitor.feature:
        return f"{one.model.name} {said.replace('{share}', percent(share))} ({usual})"
    value = category_text(one.monitor.value)
    if one.monitor.feature:
        return f"{one.monitor.feature} of {one.model.name} is {value} in {percent(share)} of rows ({usual})"
    return f"{one.model.name} answers {value} in {percent(share)} of predictions ({usual})"


def row_count(one: Watched, rows: int, window: Window, lower: float, upper: float) -> str:
    some = f"{rows:,} rows" if rows else "no rows at all"
    return f"{one.model.name} got {some} from {window} (usually {usual_numbers(lower, upper)})"


def level(one: Watched, noun: str, value: float, lower: float, upper: float, unit: str, *, one_sided: bool) -> str:
    """`p95 latency of eta is 812 ms (usually up to 300 ms)`."""
    unit = f" {unit}" if unit else ""
    usual = f"up to {number(upper)}" if one_sided else usual_numbers(lower, upper)
    return f"{noun} of {one.model.name} is {number(value)}{unit} (usually {usual}{unit})"


def against_rule(one: Watched, noun: str, value: float, limit: float, unit: str, *, above: bool) -> str:
    """`p95 latency of eta is 812 ms (at most 300 ms)`."""
    unit = f" {unit}" if unit else ""
    return (
        f"{noun} of {one.model.name} is {number(value)}{unit} (at {'most' if above else 'least'} {number(limit)}{unit})"
    )


def fault(
    feature: str,
    hypothesis: FaultHypothesis,
    *,
    segment: str | None,
    since: str,
    levels: tuple[str, float, float] | None,
) -> str:
    """`dep_delay looks 60 times too large at origin=EWR since 02:40 UTC (median 14 → 840)`."""
    place = f" at {segment}" if segment else ""
    change = f"{levels[0]} {number(levels[1])} → {number(levels[2])}" if levels else ""
    if hypothesis.kind is FaultKind.SCALED and hypothesis.factor:
        large = hypothesis.factor >= 1
        times = hypothesis.factor if large else 1 / hypothesis.factor
        sentence = f"{feature} looks {_times(times)} times too {'large' if large else 'small'}{place}{since}"
    else:
        sentence = f"{feature}{place}{since}: {hypothesis.sentence}"
    return with_note(sentence, change) if change else sentence


def since(onset: datetime | None, window: Window) -> str:
    """` since 02:40 UTC`, with the day when it isn't the window's own; ` or earlier` when it was there all along."""
    moment = onset or window.start
    day = "" if moment.date() == window.end.date() else f"{moment.day} {moment:%b} "
    return f" since {day}{moment:%H:%M} UTC{'' if onset else ' or earlier'}"


def nulls(feature: str, now: float, usual: float, *, segment: str | None, since: str) -> str:
    place = f" at {segment}" if segment else ""
    return f"{feature} is missing in {percent(now)} of rows{place}{since} (usually {percent(usual)})"


def drifted(model: str, strongest: str, moved: int, tested: int) -> str:
    """One feature by itself; of several, how many and the strongest."""
    return strongest if moved == 1 else f"{strongest}; {moved} of {tested} features of {model} moved"


def _times(factor: float) -> str:
    return f"{factor:,.0f}" if factor >= 10 else f"{factor:.3g}"  # noqa: PLR2004
