"""Average run lengths: how long until an alarm on ordinary points, and after a shift that stays.

`uv run python -m tests.benchmarks.arl [--series 300] [--watched 2]` prints two tables in about three minutes.

Charts: each is learnt from a baseline of 500 hourly points (504 with weekends; or 30, 60, 90 daily ones) and runs until
its first alarm on what follows, as it is and shifted by .5 to 3 standard deviations from the first point on. Noise is
autoregressive (AR) with normal, Student-3 or lognormal steps, of standard deviation 1 whatever the AR; weekends lie 2
lower. A rhythm is taken out by the median of the hour (weekends apart), in the baseline without the day itself, since a
profile that has seen its own point makes limits too narrow; what is left is the same for every amplitude. "Used" is
the chart that was really taken where the one asked for is not valid. "At 370" are the run lengths after a shift when
the limits are moved so that ordinary points run 370 to an alarm: what the same budget buys.

Goals: at least 185 points to a false alarm (half of what the textbook's limits promise), and a shift by two sigmas is
seen within 1.3 times what the same chart takes at 370: neither too lax nor too strict.

Detector: `StreamDetector` on hourly series with their rhythm (of amplitude `season`) left in: pages and notifications a
week (its own budget: .25 and 1) in twelve weeks after 500 points, and rows until the first of either after a shift.
"""

import argparse
import itertools
import math
import sys
from collections import Counter
from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

from bot.statistics.shortfall import Shortfall
from bot.statistics.stream.control import SLACK, SMOOTHING, ChartKind, control_chart, run_chart
from bot.statistics.stream.detector import StreamDetector
from bot.statistics.stream.reading import Tier

SEED = 20261123
HOURS, DAYS = 24, 7
MOST, WATCHED, WAITED = 3000, 2016, 336
MONDAY = 1_767_571_200  # 5 January 2026, 00:00 UTC
SHIFTS = (0.5, 1.0, 1.5, 2.0, 3.0)
NOISES = ("normal", "t3", "lognormal")
MEMORIES, SEASONS = (0.0, 0.5, 0.7, 0.9), (0.0, 2.0, 4.0)
PROMISED, LEAST_RUN, GOAL_DELAY = 370.0, 185.0, 1.3
LOWER_WEEKENDS = 2.0
TRIED = 200


def noise(rng, kind, shape):
    """Independent values of mean 0 and standard deviation 1."""
    if kind == "t3":
        return rng.standard_t(3, shape) / math.sqrt(3)
    if kind == "lognormal":
        values = rng.lognormal(0, 0.75, shape)
        mean = math.exp(0.75**2 / 2)
        return (values - mean) / (mean * math.sqrt(math.exp(0.75**2) - 1))
    return rng.normal(size=shape)


@dataclass(frozen=True, slots=True)
class World:
    """How series are made. points: of the baseline. day: points in one, 1 for daily series."""

    noise: str
    memory: float
    season: float
    weekend: bool
    points: int
    day: int

    @property
    def name(self):
        rhythm = f"season {self.season:g}" if self.day > 1 else f"{self.points} points"
        pace = "hourly" if self.day > 1 else "daily"
        return f"{pace} {self.noise} AR {self.memory:g}, {rhythm}{', weekends' if self.weekend else ''}"

    def draw(self, rng, count, size):
        """Shape (series, points)."""
        steps = noise(rng, self.noise, (count, size + 100)) * math.sqrt(1 - self.memory**2)
        values = lfilter([1.0], [1.0, -self.memory], steps, axis=1)[:, 100:]
        rhythm = self.season * np.sin(2 * np.pi * np.arange(size) / self.day)
        return values + rhythm - LOWER_WEEKENDS * self.weekend * self.at_weekend(size)

    def at_weekend(self, size):
        return (np.arange(size) // self.day) % DAYS >= DAYS - 2

    def without_rhythm(self, values):
        """Each point minus the median of its place in the rhythm; in the baseline, of the other days' only."""
        if not (self.season or self.weekend):
            return values
        places = np.arange(values.shape[1]) % self.day + self.day * self.weekend * self.at_weekend(values.shape[1])
        found = values.copy()
        for place in np.unique(places):
            learnt = np.flatnonzero(places[: self.points] == place)
            later = self.points + np.flatnonzero(places[self.points :] == place)
            found[:, later] -= np.median(values[:, learnt], axis=1, keepdims=True)
            for at in learnt:
                found[:, at] -= np.median(values[:, learnt[learnt != at]], axis=1)
        return found


# charts


def reach(charts, points):
    """What each chart follows at each point, in its limits: above 1 is outside. Shape (series, points)."""
    found = np.empty_like(points)
    for at, (chart, series) in enumerate(zip(charts, points, strict=True)):
        half = (chart.upper - chart.lower) / 2
        if chart.kind is ChartKind.XMR:
            found[at] = np.abs(series - chart.centre) / half
            continue
        offset = series - chart.centre
        news = np.empty_like(offset)
        news[0], news[1:] = offset[0] / chart.sigma, (offset[1:] - chart.memory * offset[:-1]) / chart.innovation
        if chart.kind is ChartKind.EWMA:
            found[at] = np.abs(lfilter([SMOOTHING], [1.0, SMOOTHING - 1.0], news)) / half
        else:
            found[at] = np.maximum(one_sided(news), one_sided(-news)) / chart.upper
    return found


def one_sided(news):
    """A CUSUM that never falls below 0: the sum over its own least value so far."""
    total = np.cumsum(news - SLACK)
    return total - np.minimum(np.minimum.accumulate(total), 0.0)


def check(chart, points, found):
    """What is computed here for all points at once is what the product follows point by point."""
    followed = run_chart(chart, points[:TRIED])
    assert [one.outside for one in followed] == (found[:TRIED] > 1).tolist()


def run_length(found, level=1.0):
    """Points to an alarm: all that were waited, over the alarms that came (runs end at MOST); inf without any."""
    beyond = found > level
    alarmed = beyond.any(axis=1)
    waited = np.where(alarmed, beyond.argmax(axis=1) + 1, found.shape[1])
    return float(waited.sum() / alarmed.sum()) if alarmed.any() else math.inf


def level_at(found, wanted):
    """By how much limits are moved so that ordinary points run so long to an alarm."""
    low, high = 0.05, 50.0
    for _ in range(30):
        middle = math.sqrt(low * high)
        low, high = (middle, high) if run_length(found, middle) < wanted else (low, middle)
    return high


def chart_rows(world, count):
    """A line for each chart; how many miss a goal."""
    rng = np.random.default_rng(SEED)
    values = world.without_rhythm(world.draw(rng, count, world.points + MOST))
    baselines, points = values[:, : world.points], values[:, world.points :]
    missed = 0
    for kind in (ChartKind.EWMA, ChartKind.CUSUM, ChartKind.XMR):
        charts = [control_chart(one, kind) for one in baselines]
        learnt = [at for at, chart in enumerate(charts) if not isinstance(chart, Shortfall)]
        charts, later = [charts[at] for at in learnt], points[learnt]
        ordinary = reach(charts, later)
        check(charts[0], later[0], ordinary[0])
        moved = [reach(charts, later[:, :1000] + shift) for shift in SHIFTS]
        level = level_at(ordinary, PROMISED)
        lengths = [run_length(ordinary), *map(run_length, moved)]
        fair = [run_length(one, level) for one in moved]
        two = SHIFTS.index(2.0)
        goals = {"ARL0": lengths[0] >= LEAST_RUN, "delay": lengths[1 + two] <= GOAL_DELAY * fair[two]}
        failed = [name for name, good in goals.items() if not good]
        missed += bool(failed)
        used = Counter(chart.kind.value for chart in charts).most_common()
        said = ", ".join(f"{name} {size / len(charts):.0%}" for name, size in used)
        print(
            f"{world.name:44}{kind.value:6}"
            + "".join(f"{length:7.0f}" if length >= 100 else f"{length:7.1f}" for length in lengths)
            + "".join(f"{length:7.1f}" for length in (fair[1], fair[two], fair[-1]))
            + f"  {'FAIL: ' + ', '.join(failed) if failed else 'PASS':18} {said}",
            flush=True,
        )
    return missed


# the detector


def watch(detector, values, begin):
    """Whether and what the detector told of each point."""
    return [detector.update(MONDAY + 3600 * (begin + at), value) for at, value in enumerate(values.tolist())]


def detector_row(world, count):
    rng = np.random.default_rng(SEED)
    told = Counter()
    late = {shift: [] for shift in SHIFTS[1:]}
    for values in world.draw(rng, count, world.points + WATCHED):
        detector = StreamDetector()
        watch(detector, values[: world.points], 0)
        learnt = detector.state()
        later = values[world.points :]
        told.update(reading.tier for reading in watch(detector, later, world.points) if reading.alert)
        for shift, found in late.items():
            readings = watch(StreamDetector.restore(learnt), later[:WAITED] + shift, world.points)
            heard = (at for at, reading in enumerate(readings, start=1) if reading.alert and reading.tier != Tier.NONE)
            found.append(next(heard, WAITED + 1))
    weeks = count * WATCHED / (HOURS * DAYS)
    rows = "".join(f"{np.median(found):8.0f}" for found in late.values())
    print(f"{world.name:44}{told[Tier.PAGE] / weeks:8.2f}{told[Tier.NOTIFY] / weeks:8.2f}{rows}", flush=True)


def chart_worlds():
    hourly = [
        World(kind, memory, season, weekend, 504 if weekend else 500, HOURS)
        for kind, memory, (season, weekend) in itertools.product(
            NOISES, MEMORIES, ((0.0, False), (2.0, False), (2.0, True))
        )
    ]
    daily = [
        World(kind, memory, 0.0, weekend, points, 1)
        for kind, (memory, weekend), points in itertools.product(
            NOISES, ((0.0, False), (0.5, False), (0.0, True)), (30, 60, 90)
        )
    ]
    return hourly + daily


def detector_worlds():
    return [
        World(kind, memory, season, weekend, 500, HOURS)
        for kind, memory, season, weekend in itertools.product(NOISES, MEMORIES, SEASONS, (False, True))
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--series", type=int, default=300, help="of each row of the charts")
    parser.add_argument("--watched", type=int, default=2, help="series of each row of the detector; 0 leaves it out")
    asked = parser.parse_args()
    print(f"seed {SEED}, {asked.series} series a row, runs end at {MOST} points; points to an alarm, none or shifted")
    heads = "none", *(f"+{shift:g}" for shift in SHIFTS), "370 +1", "+2", "+3"
    print(f"{'':44}{'asked':6}" + "".join(f"{head:>7}" for head in heads) + f"  {'goals':18} used")
    worlds = chart_worlds()
    missed = sum(chart_rows(world, asked.series) for world in worlds)
    print(
        f"{missed} of {3 * len(worlds)} rows miss a goal: 185 points to a false alarm, delay within 1.3 x that at 370"
    )
    if asked.watched:
        print(
            f"\ndetector, {asked.watched} series a row: pages and notifications a week, rows to the first after a shift"
        )
        heads = "pages", "notes", *(f"+{shift:g}" for shift in SHIFTS[1:])
        print(f"{'':44}" + "".join(f"{head:>8}" for head in heads))
        for world in detector_worlds():
            detector_row(world, asked.watched)
    return 0


if __name__ == "__main__":
    sys.exit(main())
