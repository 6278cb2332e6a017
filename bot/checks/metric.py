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
from bot.checks.histograms import Level, levels, percentiles_over_time
from bot.checks.registry import Params, Question
from bot.checks.windows import span
from bot.data.prometheus import EDGE_LABEL, MetricSeries, Prometheus, PrometheusError, histograms
from bot.statistics.mean_shift import UsualMean, usual_mean
from bot.statistics.rates import Interval
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
KNOWN_BY_BUCKETS = "surely: where the percentile can lie at all, for a histogram knows only in which bucket"


class MetricParams(Params):
    """query: PromQL, in quotation marks. days: how many days before are looked at, at the same hours."""

    query: str = Field(min_length=1, max_length=4000)
    days: int = Field(7, ge=LEAST_DAYS, le=60)


@dataclass(frozen=True, slots=True)
class _Found:
    """One series: its points up to now and to the same hour of earlier days (newest first), and the window's mean; of a
    histogram the percentile of the window instead."""

    name: str
    now: MetricSeries
    mean: float
    earlier: tuple[MetricSeries, ...]
    usual: UsualMean | None
    level: Level | None = None

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
    levels: Mapping[str, Level] | None = None

    def value(self, name: str, length: timedelta) -> float | None:
        """What the window is judged by: of a histogram the percentile, of anything else the mean."""
        if name not in self.series:
            return None
        if self.levels is None:
            return _mean(self.series[name], self.end - length)
        return self.levels[name].value if name in self.levels else None


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
    if any(EDGE_LABEL in one.labels for one in windows[0].series.values()):
        if not histograms(list(windows[0].series.values())):
            sentence = 'These are histogram buckets without the one of `le="+Inf"`, so their total is not known.'
            return CheckResult(FAILED, sentence)
        windows = [_of_buckets(one, length) for one in windows]
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
        columns=("series", "now", "usually", "days", *(("surely",) if first.level else ())),
        rows=tuple(_row(one) for one in found[:MOST_ROWS]),
        window_start=start,
        window_end=end,
        reference=reference,
        notes=(f"query: {params.query}", *((KNOWN_BY_BUCKETS,) if first.level else ())),
        data={one.name: _as_data(one) for one in found[:100]},
        png=chart.png,
        alt=chart.alt,
    )


def _of_buckets(window: _Window, length: timedelta) -> _Window:
    series = list(window.series.values())
    return _Window(window.end, percentiles_over_time(series), levels(series, window.end - length))


def _row(one: _Found) -> tuple[str, ...]:
    cells = (_short(one.name), number(one.mean), _usual(one.usual), str(len(one.earlier)))
    return (*cells, _surely(one.level)) if one.level else cells


def _surely(level: Level) -> str:
    """`0.25 to 0.5`, `above 1`, or how few answers there are."""
    if level.interval is None:
        return f"unknown: {_answers(level)}"
    low, high = number(level.interval.lower), number(level.interval.upper)
    return f"above {low}" if math.isinf(level.interval.upper) else f"{low} to {high}"


def _answers(level: Level) -> str:
    return f"{level.answers:,} answer{'' if level.answers == 1 else 's'}"


def _found(name: str, windows: Sequence[_Window], length: timedelta) -> _Found | None:
    now = windows[0].value(name, length)
    if now is None:
        return None
    earlier = [(one.series[name], before) for one in windows[1:] if (before := one.value(name, length)) is not None]
    usual = usual_mean([before for _, before in earlier])
    level = windows[0].levels[name] if windows[0].levels else None
    return _Found(name, windows[0].series[name], now, tuple(one for one, _ in earlier), usual, level)


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
    name = f"{first.name} of {params.query}" if first.level else first.name
    what = _short(name if name != "value" else params.query)
    how = f"(surely {_surely(first.level)})" if first.level and first.level.interval else "on average"
    how = f"of {_answers(first.level)}" if first.level and not first.level.interval else how
    said = f"{what}: {number(first.mean)} {how} {span(start, end)}"
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


def _as_data(one: _Found) -> dict[str, object]:
    usual = one.usual
    return {
        "now": one.mean,
        "lower": usual.lower if usual else None,
        "centre": usual.centre if usual else None,
        "upper": usual.upper if usual else None,
        "days": len(one.earlier),
        "changed": one.changed,
        **({"surely": _ends(one.level.interval), "answers": one.level.answers} if one.level else {}),
    }


def _ends(interval: Interval | None) -> list[float | None] | None:
    """Both ends; an infinite one is null."""
    return [end if math.isfinite(end) else None for end in (interval.lower, interval.upper)] if interval else None


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
