"""Percentiles of histograms that Prometheus keeps: over time for the eye, and of a whole window to be judged by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from bot.data.prometheus import BucketSeries, MetricSeries, histograms
from bot.statistics.columns import Floats
from bot.statistics.latency import Percentile, bucket_percentiles
from bot.statistics.rates import Interval
from bot.statistics.shortfall import Shortfall

PERCENTILES = (0.5, 0.95, 0.99)
MOSTLY = 0.9
_WHOLE = 1e6
"""Rates are parts of an answer a second; percentiles ask for whole ones, and only their proportions count."""


@dataclass(frozen=True, slots=True)
class Level:
    """A percentile of all answers of a window together. interval: where it surely lies, for the buckets know no better
    and for so many `answers`; None: they are too few to say."""

    value: float
    interval: Interval | None
    answers: int


def percentiles_over_time(series: Sequence[MetricSeries]) -> dict[str, MetricSeries]:
    """Each histogram as the lines of its p50, p95 and p99, by name; NaN where nothing was answered."""
    found: dict[str, MetricSeries] = {}
    for one in histograms(series):
        counted, _ = _counted(one)
        values = np.full((one.times.size, len(PERCENTILES)), np.nan)
        for at, counts in enumerate(counted):
            values[at] = [each.value for each in _percentiles(one.edges, counts * _WHOLE)] or np.nan
        for place, share in enumerate(PERCENTILES):
            line = MetricSeries(_labels(one, share), one.times, values[:, place])
            found[line.name] = line
    return found


def levels(series: Sequence[MetricSeries], start: datetime) -> dict[str, Level]:
    """The percentiles of what was answered after `start`, by the same names.

    Of all answers together: a mean of percentiles would let an idle minute weigh as much as a busy one.
    """
    found: dict[str, Level] = {}
    for one in histograms(series):
        counted, seconds = _counted(one)
        counts = counted[one.times > start.timestamp()].sum(axis=0)
        answers = counts * seconds
        sure = {each.share: each.interval for each in _percentiles(one.edges, answers)}
        for each in _percentiles(one.edges, counts * _WHOLE):
            name = MetricSeries(_labels(one, each.share), one.times, one.times).name
            found[name] = Level(each.value, sure.get(each.share), round(float(answers[-1])))
    return found


def _percentiles(edges: Floats, counts: Floats) -> tuple[Percentile, ...]:
    """None of nothing, and of too few."""
    if not counts.size or not counts[-1] > 0:
        return ()
    known = bucket_percentiles(edges.tolist(), counts.tolist(), PERCENTILES)
    return () if isinstance(known, Shortfall) else known


def _counted(one: BucketSeries) -> tuple[Floats, float]:
    """Answers in each bucket at each moment, cumulative over buckets, and how many answers 1 stands for: what a counter
    grew by since the moment before, or a rate as it is, which counts for the seconds between two moments.

    A counter never falls while its process lives; where one does, it began anew and its value is what came since.
    """
    counted, seconds = one.counts, float(np.median(np.diff(one.times))) if one.times.size > 1 else 1.0
    if _is_counter(one):
        steps = np.diff(one.counts, axis=0)
        since = np.where(steps[:, -1:] >= 0, steps, one.counts[1:])
        counted, seconds = np.vstack([np.zeros((1, one.edges.size)), since]), 1.0
    cumulative: Floats = np.maximum.accumulate(np.nan_to_num(counted, nan=0.0), axis=1)
    return cumulative, seconds


def _is_counter(one: BucketSeries) -> bool:
    """By its name, which PromQL functions take away; a sum of counters holds whole numbers that seldom fall."""
    if one.labels.get("__name__", "").endswith("_bucket"):
        return True
    totals = one.counts[:, -1]
    steps = np.diff(totals)
    whole = bool(np.all(one.counts == np.round(one.counts)))
    return whole and bool(np.any(steps > 0)) and float(np.mean(steps >= 0)) > MOSTLY


def _labels(one: BucketSeries, share: float) -> Mapping[str, str]:
    return {**one.labels, "__name__": f"p{100 * share:g}"}
