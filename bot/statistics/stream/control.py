"""Control charts of a metric: individuals and moving range, EWMA and CUSUM, each only where it is valid.

The textbook limits assume independent, normal points. On a series whose neighbours are alike they cry wolf: with a
lag-1 autocorrelation of .7 an individuals chart alarms in one point of ten, as its moving range sees the short-term
spread only. So a baseline is looked at first: where neighbours are alike the chart runs on the innovations of an AR(1)
process (Alwan and Roberts 1988), and the individuals chart gives way to EWMA, with a warning that says so.
"""

import math
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from bot.statistics.columns import Column, Floats, as_numbers
from bot.statistics.shortfall import Shortfall, no_variation, too_few_rows
from bot.statistics.stream.rolling import centre_and_sigma
from bot.statistics.stream.spread import lag_one
from bot.statistics.wording import number

LEAST_POINTS = 20
ALIKE = 0.2
HEAVY_TAIL, CUT = 5.0, 10.0
LARGEST = 1e150  # squares of larger points are no float64
XMR_REACH = (
    2.66  # 3 / d2, d2 = 1.128 for ranges of two (Shewhart; Montgomery, Introduction to Statistical Quality Control)
)
SMOOTHING = 0.1
EWMA_REACH = 2.70  # with a smoothing of .1 an average run of 357 points in control (Lucas and Saccucci 1990)
HEAVY_EWMA_REACH = 2.94  # the same run for points of Student's t with 3 degrees of freedom
SLACK, DECISION = 0.5, 4.77  # CUSUM: an average run of 363 points in control (Page 1954; Hawkins and Olwell 1998)


class ChartKind(StrEnum):
    XMR = "xmr"
    EWMA = "ewma"
    CUSUM = "cusum"

    @property
    def words(self) -> str:
        return {"xmr": "an individuals chart", "ewma": "an EWMA chart", "cusum": "a CUSUM chart"}[self.value]


@dataclass(frozen=True, slots=True)
class ControlChart:
    """What a baseline makes of a chart.

    centre, sigma: of single points, in the metric's unit (robust: median and 1.4826 MAD). lower, upper: the limits of
    what the chart follows: the point itself (xmr), the smoothed innovation (ewma), or the sums of both sides (cusum,
    0 to `upper`, in sigmas of an innovation). memory: the lag-1 autocorrelation that is taken out of the points; 0
    where they are as good as independent. warning: why another chart than the one asked for is used, or None.
    """

    kind: ChartKind
    centre: float
    sigma: float
    lower: float
    upper: float
    memory: float = 0.0
    innovation: float = 1.0
    warning: str | None = None


@dataclass(frozen=True, slots=True)
class ChartState:
    """Where a chart stands after a point; JSON-sized, so that it survives a restart."""

    before: float | None = None
    smoothed: float = 0.0
    high: float = 0.0
    low: float = 0.0


@dataclass(frozen=True, slots=True)
class ChartPoint:
    """followed: what is compared with the limits. outside: it left them. state: for the next point."""

    followed: float
    outside: bool
    state: ChartState


def control_chart(baseline: Column, kind: ChartKind = ChartKind.EWMA) -> ControlChart | Shortfall:
    """Learn a chart from baseline points in time order, shape (points,), season already taken out.

    Nulls and infinities are passed over. An individuals chart is given only where neighbours are not alike (lag-1
    autocorrelation under .2) and the tails are not heavy; else an EWMA chart with a warning.
    """
    points = as_numbers(baseline)
    points = np.clip(points[np.isfinite(points)], -LARGEST, LARGEST)
    if points.size < LEAST_POINTS:
        return too_few_rows(int(points.size), LEAST_POINTS, "the baseline")
    centre, sigma = centre_and_sigma(points)
    if sigma <= 0:
        return no_variation("the baseline")
    memory = lag_one(points, centre, sigma)
    memory = memory if memory > ALIKE else 0.0
    heavy = _is_heavy(points, centre, sigma)
    warning = _why_not(kind, memory, heavy=heavy)
    if kind is ChartKind.XMR and warning is None:
        return _individuals(points)
    centre = float(points[np.abs(points - centre) <= CUT * sigma].mean())
    innovation = _spread_of_news(points - centre, memory)
    if kind is ChartKind.CUSUM and warning is None:
        return ControlChart(kind, centre, sigma, 0.0, DECISION, memory, innovation)
    reach = (HEAVY_EWMA_REACH if heavy else EWMA_REACH) * math.sqrt(SMOOTHING / (2 - SMOOTHING))
    return ControlChart(ChartKind.EWMA, centre, sigma, -reach, reach, memory, innovation, warning)


def follow(chart: ControlChart, state: ChartState, point: float) -> ChartPoint:
    """Put the next point on the chart; a null or infinite one leaves it as it is."""
    if not math.isfinite(point):
        return ChartPoint(state.smoothed, outside=False, state=state)
    if chart.kind is ChartKind.XMR:
        return ChartPoint(point, not chart.lower <= point <= chart.upper, replace(state, before=point))
    offset = point - chart.centre
    before = state.before
    news = offset / chart.sigma if before is None else (offset - chart.memory * before) / chart.innovation
    if chart.kind is ChartKind.EWMA:
        smoothed = state.smoothed + SMOOTHING * (news - state.smoothed)
        return ChartPoint(smoothed, not chart.lower <= smoothed <= chart.upper, ChartState(offset, smoothed))
    high, low = max(0.0, state.high + news - SLACK), max(0.0, state.low - news - SLACK)
    return ChartPoint(max(high, low), max(high, low) > chart.upper, ChartState(offset, 0.0, high, low))


def run_chart(chart: ControlChart, points: Column) -> list[ChartPoint]:
    """All points, in time order, from a chart that starts at its centre."""
    state, found = ChartState(), []
    for point in as_numbers(points).tolist():
        found.append(follow(chart, state, point))
        state = found[-1].state
    return found


def _individuals(points: Floats) -> ControlChart:
    centre = float(points.mean())
    moving_range = float(np.abs(np.diff(points)).mean())
    reach = XMR_REACH * moving_range
    return ControlChart(ChartKind.XMR, centre, reach / 3, centre - reach, centre + reach)


def _spread_of_news(offsets: Floats, memory: float) -> float:
    """The standard deviation of what the point before does not explain, without the few that lie far out."""
    news = offsets[1:] - memory * offsets[:-1]
    centre, sigma = centre_and_sigma(news)
    return float(news[np.abs(news - centre) <= CUT * sigma].std()) or sigma


def _is_heavy(points: Floats, centre: float, sigma: float) -> bool:
    """More points beyond five sigmas than a normal sample of this size could hold."""
    return int((np.abs(points - centre) > HEAVY_TAIL * sigma).sum()) > 0


def _why_not(kind: ChartKind, memory: float, *, heavy: bool) -> str | None:
    if kind is ChartKind.XMR and memory:
        return (
            f"Neighbouring points are alike (correlation {number(memory)}): an individuals chart would alarm without "
            "cause, so EWMA on what the point before does not explain is used."
        )
    if kind is not ChartKind.EWMA and heavy:
        return f"Single points lie far out more often than {kind.words} can bear; EWMA is used instead."
    return None
