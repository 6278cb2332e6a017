"""Running the default series monitor over a history as if it had been there: each row judged by those before it."""

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from bot.catalog.values import parse_rate
from bot.core.errors import BotError
from bot.statistics.stream.detector import StreamDetector
from bot.statistics.stream.reading import Reading, StreamPolicy
from bot.tuning.history import Point, read_history

PAGES_TO_NOTIFICATIONS = 0.25
"""False pages to one false notification: a page costs somebody's night."""


@dataclass(frozen=True, slots=True)
class Told:
    point: Point
    reading: Reading


@dataclass(slots=True)
class Backtest:
    """What the monitor said of one series. period: in seconds, where one was found. numbered: by rows, not by times."""

    path: Path
    rows: int = 0
    without_value: int = 0
    begin: str = ""
    end: str = ""
    weeks: float = 0.0
    period: float | None = None
    numbered: bool = False
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


def replay(found: Backtest, time: str, value: str, policy: StreamPolicy) -> Iterator[tuple[Point, Reading]]:
    """Every row of the file with what was said of it; `found` fills up as it goes."""
    detector = StreamDetector(policy)
    first = last = math.nan
    for point in read_history(found.path, time, value):
        reading = detector.update(point.at, point.value)
        found.rows += 1
        found.numbered = point.numbered
        found.without_value += not math.isfinite(point.value)
        found.begin = found.begin or point.written
        found.end = point.written
        first = point.at if math.isnan(first) else min(first, point.at)
        last = point.at if math.isnan(last) else max(last, point.at)
        if reading.alert:
            found.alerts.append(Told(point, reading))
        yield point, reading
    found.period = detector.period
    found.weeks = (last - first) / 604_800 if found.rows else 0.0


def run(path: Path, time: str, value: str, policy: StreamPolicy, scores: Path | None = None) -> Backtest:
    """Back-test one file; with `scores`, also write there a row for each of its rows: time, score, tier, alert."""
    found = Backtest(path)
    said = replay(found, time, value, policy)
    if scores is None:
        for _ in said:
            pass
        return found
    half_written = scores / f".{path.name}.part"
    try:
        with half_written.open("w", encoding="utf-8", newline="") as file:
            out = csv.writer(file, lineterminator="\n")
            out.writerow(("time", "score", "tier", "alert"))
            for point, reading in said:
                out.writerow((point.written, f"{reading.score:.6f}", reading.tier.value, int(reading.alert)))
        half_written.replace(scores / path.name)
    finally:
        half_written.unlink(missing_ok=True)
    return found


def check_names(paths: list[Path]) -> None:
    """Scores go by the name of the file: two of one name would overwrite each other."""
    names = [path.name for path in paths]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise BotError(f"Two files are called {twice[0]}, and their scores would be; run them one after the other.")
