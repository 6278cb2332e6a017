"""How long answers take: percentiles against an objective (SLO) and against the reference."""

import math
import re
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from pydantic import BeforeValidator, Field

from bot.charts import Chart, distributions
from bot.checks.batches import batches_of
from bot.checks.contract import TOO_FEW, CheckResult
from bot.checks.registry import Params, Question
from bot.checks.windows import Sides, longer, read_sides, span
from bot.core.errors import BotError
from bot.statistics.columns import Column, Floats, as_numbers, is_numeric
from bot.statistics.latency import SHARES, Objective, Percentile, clean, objective, percentiles, slower
from bot.statistics.predictions import swing_of
from bot.statistics.rates import ShareChange, compare_nulls
from bot.statistics.shortfall import Shortfall
from bot.statistics.wording import number, percent

OK, SLOW, BREACHED = "ok", "slow", "breached"
MILLISECONDS = {"ns": 1e-6, "us": 1e-3, "µs": 1e-3, "ms": 1.0, "s": 1000.0, "min": 60_000.0}
ROOM = 1.5
LEAST_MISSING, SURE = 0.02, 0.001
_LENGTH = re.compile(r"(\d+(?:\.\d+)?)\s*(ns|us|µs|ms|s|min)")


def parse_milliseconds(value: Any) -> float:  # noqa: ANN401
    """Read `250ms`, `1.5s`, `2min`."""
    if isinstance(value, int | float):
        return float(value)
    found = _LENGTH.fullmatch(str(value).strip())
    if found is None:
        raise ValueError(f"{value!r} is no length of time; write 250ms or 1.5s")
    return float(found[1]) * MILLISECONDS[found[2]]


class LatencyParams(Params):
    """slo: no answer should take longer; default 1.5 times what 99 % of the reference's take. objective: the share of
    answers that must keep to it."""

    slo: Annotated[float, BeforeValidator(parse_milliseconds), Field(gt=0)] | None = None
    objective: float = Field(0.99, gt=0.5, lt=1)


@dataclass(frozen=True, slots=True)
class Timed:
    """Both sides in milliseconds, sorted, with their percentiles."""

    then: Floats
    now: Floats
    usual: tuple[Percentile, ...]
    current: tuple[Percentile, ...]
    target: Objective
    usual_target: Objective
    given: bool
    missing: ShareChange
    swings: tuple[float | None, ...]

    @property
    def slower(self) -> list[tuple[Percentile, Percentile]]:
        compared = zip(self.usual, self.current, self.swings, strict=True)
        return [(one, now) for one, now, swing in compared if slower(one, now, swing=swing)]

    @property
    def verdict(self) -> str:
        if self.target.breached:
            return BREACHED
        return SLOW if self.slower else OK


def run(question: Question) -> CheckResult:
    params, name = question.params, question.rows.data.latency
    assert isinstance(params, LatencyParams)
    if name is None:
        raise BotError(
            f"Name the column that says how long {question.model.name} took, in muster.yaml: `data.latency`. "
            "It holds milliseconds, unless `features` gives it another unit."
        )
    sides = read_sides(question, [name, question.rows.data.time])
    if isinstance(sides, CheckResult):
        return sides
    if name not in sides.then.columns:
        raise BotError(
            f"The reference has no column `{name}`. Add it there, or leave `data.reference` out to compare with the "
            "windows before."
        )
    found = _timed(question, params, sides, name)
    if isinstance(found, Shortfall):
        return sides.answer(TOO_FEW, f"{name}: {found.sentence} {longer(sides.end - sides.start)}")
    return _answer(sides, name, found, sides.now.columns[name])


def milliseconds_of(question: Question, name: str, column: Column) -> Column:
    """The column in milliseconds. Raises BotError for text and for a unit that is no time."""
    if not is_numeric(column) and any(cell is not None for cell in column.tolist()):
        raise BotError(f"`{name}` holds text, not how long answers took. Store it as a number.")
    if column.dtype.kind == "m":
        return as_numbers(column) * 1000
    feature = question.rows.data.features.get(name)
    unit = (feature.unit if feature else None) or "ms"
    if unit not in MILLISECONDS:
        raise BotError(f"`{unit}` of `{name}` is no unit of time; use {', '.join(MILLISECONDS)}.")
    return as_numbers(column) * MILLISECONDS[unit]


def _timed(question: Question, params: LatencyParams, sides: Sides, name: str) -> Timed | Shortfall:
    raw, raw_now = (as_numbers(milliseconds_of(question, name, side.columns[name])) for side in (sides.then, sides.now))
    then, now = clean(raw), clean(raw_now)
    usual, current = percentiles(then), percentiles(now)
    if isinstance(usual, Shortfall):
        return Shortfall(usual.reason, usual.sentence.replace("the current window", "the reference"))
    if isinstance(current, Shortfall):
        return current
    limit = params.slo or ROOM * usual[-1].value
    if not 0 < limit < math.inf:
        raise BotError(f"`{name}` of the reference gives no usable limit; ask with slo=250ms.")
    missing = compare_nulls(sides.then.columns[name], sides.now.columns[name])
    return Timed(
        then,
        now,
        usual,
        current,
        objective(now, limit, params.objective),
        objective(then, limit, params.objective),
        params.slo is not None,
        missing,
        _swings([clean(raw[places]) for places in batches_of(question, sides)]),
    )


def _swings(batches: list[Floats]) -> tuple[float | None, ...]:
    """How far each percentile of one window of the reference lies from that of the next."""
    each = [one for one in map(percentiles, batches) if not isinstance(one, Shortfall)]
    return tuple(swing_of([one[at].value for one in each]) for at in range(len(SHARES)))


def _answer(sides: Sides, name: str, found: Timed, raw: Column) -> CheckResult:
    finding = _finding(found)
    chart = _chart(name, found, finding)
    return sides.answer(
        found.verdict,
        f"{finding}, {span(sides.start, sides.end)}.",
        columns=("answers", "usually", "now", "between"),
        rows=_rows(found),
        data=_data(found),
        png=chart.png,
        alt=chart.alt,
        notes=_notes(found, raw),
    )


def _finding(found: Timed) -> str:
    target, last = found.target, (found.usual[-1], found.current[-1])
    over = f"{percent(target.above.value)} of answers take over {length(target.limit)}"
    if found.verdict == BREACHED:
        allowed = f"{percent(1 - target.share)} may, so {target.burn:.2g} times what is allowed"
        return f"{over} ({allowed}); {_moved(*(found.slower[-1] if found.slower else last))}"
    if found.verdict == SLOW:
        return f"Answers are slower: {_moved(*found.slower[-1])}; {over} ({percent(1 - target.share)} may)"
    return f"Answers take as long as usual: half {length(found.current[0].value)}, {_moved(*last)}; {over}"


def _moved(usual: Percentile, current: Percentile) -> str:
    return f"{percent(usual.share)} within {length(current.value)} (usually {length(usual.value)})"


def length(milliseconds: float) -> str:
    """A time in the unit people say it in."""
    if not math.isfinite(milliseconds):
        return "no known end"
    if milliseconds < 1:
        return f"{number(1000 * milliseconds)} µs"
    if milliseconds < 10_000:  # noqa: PLR2004
        return f"{number(milliseconds)} ms"
    return f"{number(milliseconds / 1000)} s"


def _rows(found: Timed) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [
        (
            f"{percent(now.share)} within",
            length(usual.value),
            length(now.value),
            f"{length(now.interval.lower)} to {length(now.interval.upper)}",
        )
        for usual, now in zip(found.usual, found.current, strict=True)
    ]
    over, usual_over = found.target.above, found.usual_target.above
    ends = f"{percent(over.interval.lower)} to {percent(over.interval.upper)}"
    rows.append((f"over {length(found.target.limit)}", percent(usual_over.value), percent(over.value), ends))
    rows.append(("rows", f"{found.then.size:,}", f"{found.now.size:,}", ""))
    return rows


def _notes(found: Timed, raw: Column) -> tuple[str, ...]:
    share = percent(found.target.share)
    limit = length(found.target.limit)
    asked = f"the objective: {share} of answers within {limit}"
    notes = [asked if found.given else f"{asked}, 1.5 times the usual; give your own with slo=250ms"]
    if found.missing.difference >= LEAST_MISSING and found.missing.p_value < SURE:
        usually = percent(found.missing.reference.value)
        notes.append(f"{percent(found.missing.current.value)} of rows have no latency (usually {usually})")
    negative = int(np.count_nonzero(as_numbers(raw) < 0))
    if negative:
        notes.append(f"{negative:,} rows took less than no time and were left out: two clocks disagree")
    return tuple(notes)


def _data(found: Timed) -> dict[str, Any]:
    def both(usual: Percentile, now: Percentile) -> dict[str, Any]:
        ends = [now.interval.lower, now.interval.upper]
        known = [end if math.isfinite(end) else None for end in ends]
        return {"usually": _finite(usual.value), "now": _finite(now.value), "interval": known}

    return {
        "unit": "ms",
        "percentiles": {
            f"p{100 * now.share:g}": both(one, now) for one, now in zip(found.usual, found.current, strict=True)
        },
        "slo": found.target.limit,
        "objective": found.target.share,
        "above": found.target.above.value,
        "burn": found.target.burn,
        "slower": [f"p{100 * now.share:g}" for _, now in found.slower],
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _chart(name: str, found: Timed, title: str) -> Chart:
    return distributions(
        found.then,
        found.now,
        title=title,
        label=name,
        unit="ms",
        limit=(found.target.limit, f"limit {length(found.target.limit)}"),
        log=True,
    )
