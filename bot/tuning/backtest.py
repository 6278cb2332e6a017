"""Running the default series monitor over a history as if it had been there: each row judged by those before it."""

import csv
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path

from bot.catalog.values import parse_rate
from bot.core.errors import BotError
from bot.statistics.stream.detector import StreamDetector
from bot.statistics.stream.reading import QUIET, Reading, StreamPolicy
from bot.statistics.stream.tail import WEEK
from bot.tuning.history import Point, read_history

PAGES_TO_NOTIFICATIONS = 0.25
"""False pages to one false notification: a page costs somebody's night."""


@dataclass(frozen=True, slots=True)
class Told:
    point: Point
    reading: Reading


@dataclass(slots=True)
class Backtest:
    """What the monitor said of one series.

    period: in seconds, where one was found. numbered: by rows, not by times. unordered: rows that stand below a later
    one; they were judged in the order of their times.
    """

    path: Path
    rows: int = 0
    without_value: int = 0
    begin: str = ""
    end: str = ""
    weeks: float = 0.0
    period: float | None = None
    numbered: bool = False
    unordered: int = 0
    alerts: list[Told] = field(default_factory=list)

    @property
    def warm(self) -> bool:
        return self.rows - self.without_value > StreamPolicy().warm_up


def read_budget(text: str) -> float:
    """False alerts a week from `1/week`, `2/day`, `0.5/month`. Raises BotError."""
    try:
        return parse_rate(text)
    except ValueError as error:
        raise BotError(f"{error}.") from error


def policy_for(per_week: float) -> StreamPolicy:
    return StreamPolicy(notified_per_week=per_week, paged_per_week=PAGES_TO_NOTIFICATIONS * per_week)


def replay(found: Backtest, points: Sequence[Point], policy: StreamPolicy) -> list[Reading]:
    """What was said of each of the points, in their order; they are judged in the order of their times."""
    detector = StreamDetector(policy)
    readings = [QUIET] * len(points)
    order = sorted(range(len(points)), key=lambda row: points[row].at)
    for row in order:
        point = points[row]
        readings[row] = reading = detector.update(point.at, point.value)
        if reading.alert:
            found.alerts.append(Told(point, reading))
    found.rows = len(points)
    found.without_value = sum(not math.isfinite(point.value) for point in points)
    found.period = detector.period
    if points:
        first, last = points[order[0]], points[order[-1]]
        found.numbered = first.numbered
        found.begin, found.end, found.weeks = first.written, last.written, (last.at - first.at) / WEEK
    latest = accumulate((point.at for point in points), max)
    found.unordered = sum(point.at < so_far for point, so_far in zip(points, latest, strict=True))
    return readings


def run(path: Path, time: str, value: str, policy: StreamPolicy, scores: Path | None = None) -> Backtest:
    """Back-test one file; with `scores`, also write there a row for each of its rows: time, score, tier, alert."""
    found = Backtest(path)
    points = read_history(path, time, value)
    readings = replay(found, points, policy)
    if scores is not None:
        _write(scores / path.name, points, readings)
    return found


def _write(path: Path, points: Sequence[Point], readings: Sequence[Reading]) -> None:
    half_written = path.with_name(f".{path.name}.part")
    try:
        with half_written.open("w", encoding="utf-8", newline="") as file:
            out = csv.writer(file, lineterminator="\n")
            out.writerow(("time", "score", "tier", "alert"))
            out.writerows(map(_row, points, readings))
        half_written.replace(path)
    finally:
        half_written.unlink(missing_ok=True)


def _row(point: Point, reading: Reading) -> tuple[str, str, str, int]:
    if reading is QUIET:  # as nearly all are
        return point.written, "0.000000", "none", 0
    return point.written, f"{reading.score:.6f}", reading.tier.value, int(reading.alert)


def check_names(paths: list[Path]) -> None:
    """Scores go by the name of the file: two of one name would overwrite each other."""
    names = [path.name for path in paths]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BotError(
            f"Two files are called {twice[0]}, and one's scores would replace the other's. Run the command once for"
            " each, with a folder of its own after --scores."
        )
