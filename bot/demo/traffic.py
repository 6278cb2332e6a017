"""Traffic for a model: held-out flights, shuffled, asked for now, scored as the pipeline delivers them.

Four seconds stand for an hour: a flight's label comes when it has landed, and a week is over in eleven minutes.
"""

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bot.core.clock import Clock
from bot.core.errors import BotError, unknown
from bot.demo.faults import Deliver, Fault
from bot.demo.flights import LATE, NAMES, NUMBERS, Columns, size, take
from bot.demo.line import Line
from bot.demo.rowlog import RowLog
from bot.demo.served import Floats, Version, scored

RATE = 300
WINDOW = timedelta(seconds=5)
BASELINE = 60
HISTORY = WINDOW * (BASELINE + 1)
MINUTES_A_SECOND = 15
WEEK = timedelta(weeks=1) / (60 * MINUTES_A_SECOND)
GROUND_MINUTES, MILES_A_MINUTE, NOTED_MINUTES = 30.0, 8.0, 30.0
KEPT = timedelta(minutes=30)
LABELS_EVERY = timedelta(seconds=2)
LONGEST_STEP = timedelta(seconds=10)
REMEMBERED = timedelta(minutes=1)
SEED = 47
LOGGED = ("id", "answered_at", "version", *NAMES, *NUMBERS)


@dataclass(frozen=True, slots=True)
class Served:
    """How a model is served. versions: by name, the usual one first. says: the columns of its answers. truth: which
    column its label is. rate: flights a second. line: requests wait in one before a single worker, and are timed.
    """

    versions: Mapping[str, Version]
    says: tuple[str, ...]
    truth: str
    rate: float = RATE
    line: bool = False

    @property
    def logged(self) -> tuple[str, ...]:
        return (*LOGGED, *self.says, *(("took",) if self.line else ()))


@dataclass(frozen=True, slots=True)
class Recent:
    """Rows of the last seconds and how many of them were called late."""

    rows: int
    late: int

    @property
    def share(self) -> float | None:
        return self.late / self.rows if self.rows else None


class Shuffled:
    """Positions 0 to `rows` - 1 in random order, over and over, each time in another."""

    def __init__(self, rows: int, rng: np.random.Generator) -> None:
        self._rows, self._rng = rows, rng
        self._left: NDArray[np.int64] = np.empty(0, dtype=np.int64)

    def next(self, count: int) -> NDArray[np.int64]:
        while self._left.size < count:
            self._left = np.concatenate([self._left, self._rng.permutation(self._rows)])
        taken, self._left = self._left[:count], self._left[count:]
        return taken


def landing_seconds(flights: Columns, rng: np.random.Generator) -> Floats:
    """Seconds of the demo until a flight that takes off now has landed and its landing is noted, shape (rows,)."""
    minutes = GROUND_MINUTES + flights["distance"] / MILES_A_MINUTE + rng.uniform(0, NOTED_MINUTES, size(flights))
    return np.asarray(minutes / MINUTES_A_SECOND)


class Traffic:
    """What the model is asked and what it answers. Event time is the clock's: nothing is compressed but the waiting.

    Every call may come from another thread.
    """

    def __init__(self, flights: Columns, served: Served, folder: Path, clock: Clock) -> None:
        self.predictions = RowLog(folder / "predictions", "answered_at", kept=KEPT)
        self.labels = RowLog(folder / "labels", "known_at", kept=KEPT)
        self.active = next(iter(served.versions))
        self.fault: Fault | None = None
        self.deployed_at: datetime | None = None
        self._served, self._flights, self._clock = served, flights, clock
        self._rng = np.random.default_rng(SEED)
        self._order = Shuffled(size(flights), self._rng)
        self._line = Line(self._rng) if served.line else None
        self._deliver: Deliver | None = None
        self._chances: Floats | None = None
        self._done_until = self._labels_from = clock.now()
        self._ids = 0
        self._asked: list[Columns] = []
        self._unlabelled: list[Columns] = []
        self._answered: deque[tuple[datetime, int, int]] = deque()
        self._changed = threading.Condition(threading.RLock())

    def fill_history(self, length: timedelta = HISTORY) -> int:
        """Write what would be there had the model been serving for a while; whole windows, up to now."""
        with self._changed:
            now = self._clock.now()
            start = now - length
            self._done_until = start - timedelta(seconds=start.timestamp() % WINDOW.total_seconds())
            self._labels_from = self._done_until
            rows = self._advance(now)
            self._answered.clear()
            return rows

    def step(self) -> int:
        """Answer what came since the last step; returns how many rows."""
        with self._changed:
            now = self._clock.now()
            self._done_until = max(self._done_until, now - LONGEST_STEP)
            rows = self._advance(now)
            self._changed.notify_all()
            return rows

    def switch(self, version: str) -> None:
        """Let another version answer from now on."""
        if version not in self._served.versions:
            raise unknown("version", version, self._served.versions)
        with self._changed:
            self.step()
            self.active = version
            self._answered.clear()

    def deploy(self, fault: Fault | None) -> datetime:
        """Let the pipeline deliver as this fault has it, or soundly, from now on; returns since when."""
        with self._changed:
            self.step()
            self.fault = fault
            self._deliver = fault.begin(self._rng) if fault else None
            asked = fault.asked(self._flights) if fault else np.ones(1)
            self._chances = None if np.ptp(asked) == 0 else asked / asked.sum()
            self._labels_from = self._done_until
            if self._line is not None:
                self._line.emptied()
            self.deployed_at = self._done_until
            return self._done_until

    def ask(self, flight: Mapping[str, Any]) -> dict[str, Any]:
        """Answer for one flight, as the pipeline delivers it; it is logged with the next step."""
        rows: Columns = {name: np.array([float(flight[name])]) for name in NUMBERS}
        rows |= {name: np.array([str(flight[name])], dtype=object) for name in NAMES}
        with self._changed:
            answered = self._answer(rows)
            if self._line is not None:
                answered["took"] = np.array([1000 * self._line.one(self._clock.now().timestamp(), self._slower)])
            self._asked.append(answered)
        told = ("version", *self._served.logged[len(LOGGED) :])
        return {name: answered[name].tolist()[0] for name in told}

    def recent(self, length: timedelta = REMEMBERED) -> Recent:
        """Count what the active version answered lately, one minute at most."""
        with self._changed:
            since = self._done_until - length
            counted = [(rows, late) for at, rows, late in self._answered if at > since]
            return Recent(sum(rows for rows, _ in counted), sum(late for _, late in counted))

    def settle(self, length: timedelta, seconds: float) -> Recent:
        """Wait until the active version has served for this long. Raises BotError when it has not in time."""
        wanted = 0.9 * self._served.rate * length.total_seconds()
        with self._changed:
            if not self._changed.wait_for(lambda: self.recent().rows >= wanted, seconds):
                raise BotError(f"{self.active} is active, but too few flights came within {seconds:g} s.", status=503)
            return self.recent()

    def _advance(self, now: datetime) -> int:
        seconds = (now - self._done_until).total_seconds()
        count = int(self._rng.poisson(max(0.0, seconds) * self._served.rate))
        rows = self._answer(take(self._flights, self._chosen(count)))
        since = np.sort(self._rng.integers(0, max(1, int(seconds * 1e6)), count))
        rows["answered_at"] = _naive(self._done_until) + since
        if self._line is not None:
            arrivals = self._done_until.timestamp() + since / 1e6
            rows["took"] = 1000 * self._line.served(arrivals, self._slower)
        rows = self._numbered(self._with_asked(rows))
        self.predictions.append({name: rows[name] for name in self._served.logged})
        self._remember(rows, now)
        self._done_until = now
        self._label(rows, now)
        return size(rows)

    @property
    def _slower(self) -> float:
        return self.fault.slower if self.fault else 1.0

    def _chosen(self, count: int) -> NDArray[np.int64]:
        if self._chances is None:
            return self._order.next(count)
        return self._rng.choice(self._chances.size, count, p=self._chances)

    def _answer(self, rows: Columns) -> Columns:
        delivered = self._deliver(rows) if self._deliver and size(rows) else rows
        return scored(self._served.versions[self.active], delivered)

    def _with_asked(self, rows: Columns) -> Columns:
        """Rows asked for by somebody get the time of this step's begin, so that the log stays in order."""
        if not self._asked:
            return rows
        first = np.array([_naive(self._done_until)])
        truth = self._served.truth
        nobody_knows = rows[truth][:0].dtype.type(np.nan) if rows[truth].dtype.kind == "f" else None
        unknown_yet = np.array([nobody_knows], dtype=rows[truth].dtype)
        asked = [{**one, "answered_at": first, truth: unknown_yet} for one in self._asked]
        self._asked.clear()
        names = (*self._served.logged[1:], truth)
        return {name: np.concatenate([*(one[name] for one in asked), rows[name]]) for name in names}

    def _numbered(self, rows: Columns) -> Columns:
        first, self._ids = self._ids + 1, self._ids + size(rows)
        return {**rows, "id": np.arange(first, self._ids + 1)}

    def _remember(self, rows: Columns, now: datetime) -> None:
        called_late = int(np.count_nonzero(rows["answer"] == LATE))
        self._answered.append((now, size(rows), called_late))
        while self._answered and self._answered[0][0] <= now - REMEMBERED:
            self._answered.popleft()

    def _label(self, rows: Columns, now: datetime) -> None:
        """Flights land: their labels are written then. Diverted ones never get one."""
        truth = rows[self._served.truth]
        known = ~np.isnan(truth) if truth.dtype.kind == "f" else truth != None  # noqa: E711
        bound = take(rows, known)
        after = (1e6 * landing_seconds(bound, self._rng)).astype("timedelta64[us]")
        name = self._served.truth
        noted = _next_noting(bound["answered_at"] + after)
        landed = {"id": bound["id"], name: bound[name], "known_at": noted}
        self._unlabelled.append(landed)
        if self.fault and self.fault.holds_labels:
            return
        waiting = {name: np.concatenate([one[name] for one in self._unlabelled]) for name in landed}
        due = waiting["known_at"] <= _naive(now)
        written = take(waiting, due)
        written["known_at"] = np.maximum(written["known_at"], _naive(self._labels_from))
        self.labels.append(written)
        self._unlabelled = [take(waiting, ~due)]


def _next_noting(landed: NDArray[np.datetime64]) -> NDArray[np.datetime64]:
    """Landings are noted together, every LABELS_EVERY."""
    every = np.timedelta64(LABELS_EVERY, "us")
    past = (landed - np.datetime64(0, "us")) % every
    return np.asarray(landed + (every - past))


def _naive(moment: datetime) -> np.datetime64:
    return np.datetime64(moment.replace(tzinfo=None), "us")
