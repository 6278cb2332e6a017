"""Average run lengths of the control charts: how long until an alarm on ordinary points, and after a shift.

`uv run python -m tests.benchmarks.arl [--series 200]` prints a table in a few minutes. Each chart is learnt from a
baseline of 500 hourly points (or 30, 60, 90 daily ones) and runs until its first alarm, on points as they were, and
shifted by .5, 1, 2 and 3 standard deviations from the start. Where the chart asked for is not valid another one takes
its place, which the last column names. Season and weekends are taken out by the median of each hour of the baseline;
daily points have none. Limits that are learnt run shorter than the 357 points of known ones.
"""

import argparse
import itertools
import math
import sys
from collections import Counter

import numpy as np
from scipy.signal import lfilter

from bot.statistics.shortfall import Shortfall
from bot.statistics.stream.control import ChartKind, ChartState, control_chart, follow

SEED = 20261123
MOST = 3000
DAY, WEEK = 24, 168
SHIFTS = (0.0, 0.5, 1.0, 2.0, 3.0)
NOISES = ("normal", "t3", "lognormal")


def noise(rng, kind, size):
    """Independent values of mean 0 and standard deviation 1."""
    if kind == "t3":
        return rng.standard_t(3, size) / math.sqrt(3)
    if kind == "lognormal":
        values = rng.lognormal(0, 0.75, size)
        mean = math.exp(0.75**2 / 2)
        return (values - mean) / (mean * math.sqrt(math.exp(0.75**2) - 1))
    return rng.normal(size=size)


def series(rng, kind, memory, season, *, weekend, size):
    """Values of standard deviation 1 about a daily rhythm of amplitude `season` (and a lower level at weekends)."""
    steps = noise(rng, kind, size + 100) * math.sqrt(1 - memory**2)
    values = lfilter([1.0], [1.0, -memory], steps)[100:]
    hours = np.arange(size)
    rhythm = season * np.sin(2 * np.pi * hours / DAY)
    return values + rhythm - (2.0 * ((hours % WEEK) >= 5 * DAY) if weekend else 0.0)


def without_season(values, baseline, period):
    """Each point minus the median of its place in the period, over the baseline."""
    places = np.arange(values.size) % period
    usual = np.array([np.median(values[:baseline][places[:baseline] == place]) for place in range(period)])
    return values - usual[places]


def run_length(chart, points):
    """Points until the first alarm, at most MOST."""
    state = ChartState()
    for at, point in enumerate(points.tolist(), start=1):
        found = follow(chart, state, point)
        if found.outside:
            return at
        state = found.state
    return MOST


def measure(kind, make, baseline, period, count, rng):
    """Mean run lengths by shift, and the charts that were really used."""
    lengths = {shift: [] for shift in SHIFTS}
    used = Counter()
    for _ in range(count):
        values = make(rng, baseline + MOST)
        values = without_season(values, baseline, period) if period > 1 else values
        chart = control_chart(values[:baseline], kind)
        if isinstance(chart, Shortfall):
            used["too short"] += 1
            continue
        used[chart.kind.value] += 1
        for shift in SHIFTS:
            lengths[shift].append(run_length(chart, values[baseline:] + shift))
    return [float(np.mean(found)) if found else math.nan for found in lengths.values()], used


def row(name, kind, make, baseline, period, count):
    rng = np.random.default_rng(SEED)
    means, used = measure(kind, make, baseline, period, count, rng)
    charts = ", ".join(f"{chart} {100 * size // count} %" for chart, size in used.most_common())
    print(f"{name:34} {kind.value:6}" + "".join(f"{mean:8.1f}" for mean in means) + f"  {charts}", flush=True)


def hourly(count):
    for kind, memory, season, weekend in itertools.product(
        NOISES, (0.0, 0.5, 0.7, 0.9), (0.0, 2.0, 4.0), (False, True)
    ):
        if weekend and not season:
            continue

        def make(rng, size, kind=kind, memory=memory, season=season, weekend=weekend):
            return series(rng, kind, memory, season, weekend=weekend, size=size)

        period = WEEK if weekend else DAY if season else 1
        baseline = 3 * WEEK if weekend else 500
        name = f"{kind}, AR {memory:g}, season {season:g}{', weekend' if weekend else ''}"
        row(name, ChartKind.EWMA, make, baseline, period, count)
        if not season:
            row(name, ChartKind.XMR, make, baseline, period, count)
            row(name, ChartKind.CUSUM, make, baseline, period, count)


def daily(count):
    for kind, points in itertools.product(NOISES, (30, 60, 90)):

        def make(rng, size, kind=kind):
            return noise(rng, kind, size)

        for chart in ChartKind:
            row(f"daily {kind}, {points} points", chart, make, points, 1, count)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=100)
    asked = parser.parse_args()
    print(f"seed {SEED}, {asked.series} series a row, runs of at most {MOST} points; mean points until an alarm")
    print(f"{'':34} {'chart':6}" + "".join(f"{f'+{shift:g}' if shift else 'none':>8}" for shift in SHIFTS) + "  used")
    hourly(asked.series)
    daily(asked.series)
    return 0


if __name__ == "__main__":
    sys.exit(main())
