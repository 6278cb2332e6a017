"""A Prometheus metric now against the same hours of the days before."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from pydantic import Field

from bot.catalog.config import PrometheusServer
from bot.charts import Chart, series
from bot.checks.contract import FAILED, MOST_ROWS, NO_DATA, NOT_CONFIGURED, CheckResult
from bot.checks.registry import Params, Question
from bot.checks.windows import span
from bot.data.prometheus import EDGE_LABEL, BucketSeries, MetricSeries, Prometheus, PrometheusError, histograms
from bot.statistics.columns import Floats
from bot.statistics.latency import bucket_percentiles
from bot.statistics.mean_shift import UsualMean, usual_mean
from bot.statistics.shortfall import Shortfall
from bot.statistics.wording import number

USUAL_WINDOW = timedelta(hours=1)
DAY = timedelta(days=1)
POINTS = 30
RUN_UP = 3
"""Windows drawn before the one that is judged, so that one sees when it changed."""
LEAST_CHANGE = 0.1
TOO_FEW_DAYS = "too few days"
LEAST_DAYS = 3
LONGEST_NAME = 60
PERCENTILES = (0.5, 0.95, 0.99)
_WHOLE = 1e6
"""Rates are parts of an answer a second; percentiles ask for whole ones, and only their proportions count."""
MOSTLY = 0.9


class MetricParams(Params):
    """query: PromQL, in quotation marks. days: how many days before are looked at, at the same hours."""

    query: str = Field(min_length=1, max_length=4000)
    days: int = Field(7, ge=LEAST_DAYS, le=60)


@dataclass(frozen=True, slots=True)
class _Found:
    """One series: its points up to now and to the same hour of earlier days (newest first), and the window's mean."""

    name: str
    now: MetricSeries
    mean: float
    earlier: tuple[MetricSeries, ...]
    usual: UsualMean | None

    @property
    def changed(self) -> bool:
        """Outside what ordinary days would lead one to expect, and by at least a tenth."""
        if self.usual is None or self.usual.lower <= self.mean <= self.usual.upper:
            return False
        return abs(self.mean - self.usual.centre) >= LEAST_CHANGE * abs(self.usual.centre)

    @property
    def distance(self) -> float:
        if self.usual is None:
            return 0.0
        reach = (self.usual.upper - self.usual.lower) / 2 + LEAST_CHANGE * abs(self.usual.centre)
        gap = abs(self.mean - self.usual.centre)
        return gap / reach if reach else (math.inf if gap else 0.0)


@dataclass(frozen=True, slots=True)
class _Window:
    end: datetime
    series: Mapping[str, MetricSeries]


def run(question: Question) -> CheckResult:
    assert isinstance(question.params, MetricParams)
    if question.prometheus is None:
        sentence = "Muster knows no Prometheus. Add to muster.yaml: `prometheus: {url: http://prometheus:9090}`."
        return CheckResult(NOT_CONFIGURED, sentence)
    length = question.params.window or USUAL_WINDOW
    try:
        windows = _read(question.prometheus, question.params, question.at, length)
    except PrometheusError as error:
        return CheckResult(FAILED, error.message)
    return _answer(question, question.params, windows, length)


def _read(server: PrometheusServer, params: MetricParams, at: datetime, length: timedelta) -> list[_Window]:
    """The series by name, up to now and up to the same hour of each day before; the window is the last part of each."""
    token = server.token.read() if server.token else None
    if server.token and token is None:
        raise PrometheusError(f"The environment has no {server.token.env}, which `prometheus.token` names.")
    step = max(timedelta(seconds=1), timedelta(seconds=round(length.total_seconds() / POINTS)))
    windows = []
    with Prometheus(server.url, token, seconds=server.timeout.total_seconds()) as prometheus:
        for day in range(params.days + 1):
            end = at - day * DAY
            found = prometheus.query_range(params.query, end - (RUN_UP + 1) * length, end, step)
            windows.append(_Window(end, {one.name: one for one in found}))
    return windows


def _answer(question: Question, params: MetricParams, windows: Sequence[_Window], length: timedelta) -> CheckResult:
    start, end = question.at - length, question.at
    reference = f"the same hours of {params.days} days before"
    buckets: tuple[str, ...] = ()
    if any(EDGE_LABEL in one.labels for one in windows[0].series.values()):
        if not histograms(list(windows[0].series.values())):
            sentence = 'These are histogram buckets without the one of `le="+Inf"`, so their total is not known.'
            return CheckResult(FAILED, sentence)
        buckets = _inside(windows[0], start)
        windows = [_percentiles(one) for one in windows]
    found = sorted(
        (one for name in windows[0].series if (one := _found(name, windows, length)) is not None),
        key=lambda one: (not one.changed, -one.distance, one.name),
    )
    if not found:
        return CheckResult(NO_DATA, _nothing(params.query, windows, start, end), window_start=start, window_end=end)
    first = found[0]
    sentence = _sentence(first, found, params, start, end)
    chart = _chart(first, sentence, params)
    return CheckResult(
        "changed" if first.changed else "as usual" if first.usual else TOO_FEW_DAYS,
        f"{sentence}.",
        columns=("series", "now", "usually", "days"),
        rows=tuple(
            (_short(one.name), number(one.mean), _usual(one.usual), str(len(one.earlier))) for one in found[:MOST_ROWS]
        ),
        window_start=start,
        window_end=end,
        reference=reference,
        notes=(f"query: {params.query}", *buckets),
        data={one.name: _as_data(one) for one in found[:100]},
        png=chart.png,
        alt=chart.alt,
    )


def _percentiles(window: _Window) -> _Window:
    """Each histogram as the lines of its p50, p95 and p99 over time."""
    found: dict[str, MetricSeries] = {}
    for one in histograms(list(window.series.values())):
        counted = _counted(one)
        values = np.full((one.times.size, len(PERCENTILES)), np.nan)
        for at, counts in enumerate(counted):
            known = (
                bucket_percentiles(one.edges.tolist(), (counts * _WHOLE).tolist(), PERCENTILES)
                if counts[-1] > 0
                else None
            )
            if known is not None and not isinstance(known, Shortfall):
                values[at] = [each.value for each in known]
        for place, share in enumerate(PERCENTILES):
            line = MetricSeries({**one.labels, "__name__": _percentile_name(share)}, one.times, values[:, place])
            found[line.name] = line
    return _Window(window.end, found)


def _inside(window: _Window, start: datetime) -> tuple[str, ...]:
    """Where the percentiles of the window can lie at all: a histogram knows no better than its buckets."""
    said = []
    for one in histograms(list(window.series.values())):
        counts = np.nansum(_counted(one)[one.times > start.timestamp()], axis=0)
        known = (
            bucket_percentiles(one.edges.tolist(), (counts * _WHOLE).tolist(), PERCENTILES)
            if counts.size and counts[-1] > 0
            else ()
        )
        if isinstance(known, Shortfall):
            continue
        for each in known:
            low, high = number(each.bucket.lower), number(each.bucket.upper)
            said.append(f"{_percentile_name(each.share)} lies in the bucket {low} to {high}")
    return tuple(said[: len(PERCENTILES)])


def _counted(one: BucketSeries) -> Floats:
    """Answers in each bucket at each moment: what a counter grew by since the moment before, or a rate as it is.

    A counter never falls while its process lives; where one does, it began anew and its value is what came since.
    """
    steps = np.diff(one.counts, axis=0)
    grows = steps.size > 0 and float(np.mean(steps[:, -1] >= 0)) > MOSTLY and bool(np.any(steps[:, -1] > 0))
    counted = one.counts
    if grows:
        since = np.where(steps[:, -1:] >= 0, steps, one.counts[1:])
        counted = np.vstack([np.full((1, one.edges.size), np.nan), since])
    cumulative: Floats = np.maximum.accumulate(np.nan_to_num(counted, nan=0.0), axis=1)
    return cumulative


def _percentile_name(share: float) -> str:
    return f"p{100 * share:g}"


def _found(name: str, windows: Sequence[_Window], length: timedelta) -> _Found | None:
    now = windows[0].series[name]
    mean = _mean(now, windows[0].end - length)
    if mean is None:
        return None
    earlier = [
        (one.series[name], before)
        for one in windows[1:]
        if name in one.series and (before := _mean(one.series[name], one.end - length)) is not None
    ]
    return _Found(name, now, mean, tuple(one for one, _ in earlier), usual_mean([before for _, before in earlier]))


def _mean(one: MetricSeries, start: datetime) -> float | None:
    finite = one.values[np.isfinite(one.values) & (one.times > start.timestamp())]
    return float(finite.mean()) if finite.size else None


def _nothing(query: str, windows: Sequence[_Window], start: datetime, end: datetime) -> str:
    if windows[0].series:
        return f"`{query}` is no number anywhere {span(start, end)}; it divides by zero, or its samples are NaN."
    if any(one.series for one in windows[1:]):
        return f"`{query}` has no samples {span(start, end)}, though it had before; is its target still scraped?"
    return f"`{query}` has no samples {span(start, end)} nor on days before; look at the name and the labels."


def _sentence(first: _Found, found: list[_Found], params: MetricParams, start: datetime, end: datetime) -> str:
    what = _short(first.name if first.name != "value" else params.query)
    said = f"{what}: {number(first.mean)} on average {span(start, end)}"
    if first.usual is None:
        days = len(first.earlier)
        return f"{said}; {days} of the days before {'has' if days == 1 else 'have'} values, {LEAST_DAYS} are needed"
    said += f" (usually {_usual(first.usual)} at these hours)"
    changed = sum(one.changed for one in found)
    return f"{said}; {changed} of {len(found)} series changed" if len(found) > 1 else said


def _usual(usual: UsualMean | None) -> str:
    if usual is None:
        return "unknown"
    low, high = number(usual.lower), number(usual.upper)
    return low if low == high else f"{low} to {high}"


def _short(name: str) -> str:
    return name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"


def _as_data(one: _Found) -> dict[str, float | int | bool | None]:
    usual = one.usual
    return {
        "now": one.mean,
        "lower": usual.lower if usual else None,
        "centre": usual.centre if usual else None,
        "upper": usual.upper if usual else None,
        "days": len(one.earlier),
        "changed": one.changed,
    }


def _chart(first: _Found, title: str, params: MetricParams) -> Chart:
    """The line up to now over what the same minutes of the days before lead one to expect."""
    times = [datetime.fromtimestamp(at, UTC) for at in first.now.times.tolist()]
    lower, upper = _band(first)
    return series(times, first.now.values, title=title, label=_short(params.query), lower=lower, upper=upper)


def _band(first: _Found) -> tuple[list[float | None] | None, list[float | None] | None]:
    if len(first.earlier) < LEAST_DAYS:
        return None, None
    lower: list[float | None] = []
    upper: list[float | None] = []
    before = [dict(zip(_time_of_day(one), one.values.tolist(), strict=True)) for one in first.earlier]
    for at in _time_of_day(first.now):
        values = [one[at] for one in before if math.isfinite(one.get(at, math.nan))]
        usual = usual_mean(values)
        floor = LEAST_CHANGE * abs(usual.centre) if usual else 0.0
        lower.append(min(usual.lower, usual.centre - floor) if usual else None)
        upper.append(max(usual.upper, usual.centre + floor) if usual else None)
    return lower, upper


def _time_of_day(one: MetricSeries) -> list[float]:
    """Seconds since midnight UTC of each point, to the millisecond Prometheus keeps."""
    seconds: list[float] = np.round(one.times % DAY.total_seconds(), 3).tolist()
    return seconds
