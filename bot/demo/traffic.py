"""Traffic for the model: held-out flights, shuffled, asked for now, scored as the pipeline delivers them."""

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
from bot.demo.eta import ACTIVE, Eta, scored
from bot.demo.faults import Deliver, Fault
from bot.demo.flights import LATE, NAMES, NUMBERS, Columns, size, take
from bot.demo.rowlog import RowLog

RATE = 300
WINDOW = timedelta(seconds=5)
BASELINE = 60
HISTORY = WINDOW * (BASELINE + 1)
LABEL_DELAY = timedelta(seconds=4)
LONGEST_STEP = timedelta(seconds=10)
REMEMBERED = timedelta(minutes=1)
SEED = 47
LOGGED = ("id", "answered_at", "version", *NAMES, *NUMBERS, "score", "answer")


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


class Traffic:
    """What the model is asked and what it answers. Event time is the clock's: nothing is compressed but the waiting.

    Every call may come from another thread.
    """

    def __init__(
        self, flights: Columns, models: Mapping[str, Eta], folder: Path, clock: Clock, *, rate: float = RATE
    ) -> None:
        self.predictions = RowLog(folder / "predictions", "answered_at")
        self.labels = RowLog(folder / "labels", "known_at")
        self.active = ACTIVE
        self.fault: Fault | None = None
        self._models, self._flights, self._clock, self._rate = models, flights, clock, rate
        self._rng = np.random.default_rng(SEED)
        self._order = Shuffled(size(flights), self._rng)
        self._deliver: Deliver | None = None
        self._done_until = clock.now()
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
        if version not in self._models:
            raise unknown("version", version, self._models)
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
            return self._done_until

    def ask(self, flight: Mapping[str, Any]) -> dict[str, Any]:
        """Answer for one flight, as the pipeline delivers it; it is logged with the next step."""
        rows: Columns = {name: np.array([float(flight[name])]) for name in NUMBERS}
        rows |= {name: np.array([str(flight[name])], dtype=object) for name in NAMES}
        with self._changed:
            answered = self._answer(rows)
            self._asked.append(answered)
        return {
            "version": str(answered["version"][0]),
            "score": float(answered["score"][0]),
            "answer": str(answered["answer"][0]),
        }

    def recent(self, length: timedelta = REMEMBERED) -> Recent:
        """Count what the active version answered lately, one minute at most."""
        with self._changed:
            since = self._done_until - length
            counted = [(rows, late) for at, rows, late in self._answered if at > since]
            return Recent(sum(rows for rows, _ in counted), sum(late for _, late in counted))

    def settle(self, length: timedelta, seconds: float) -> Recent:
        """Wait until the active version has served for this long. Raises BotError when it has not in time."""
        wanted = 0.9 * self._rate * length.total_seconds()
        with self._changed:
            if not self._changed.wait_for(lambda: self.recent().rows >= wanted, seconds):
                raise BotError(f"{self.active} is active, but too few flights came within {seconds:g} s.", status=503)
            return self.recent()

    def _advance(self, now: datetime) -> int:
        seconds = (now - self._done_until).total_seconds()
        count = int(self._rng.poisson(max(0.0, seconds) * self._rate))
        rows = self._answer(take(self._flights, self._order.next(count)))
        rows["answered_at"] = _naive(self._done_until) + np.sort(
            self._rng.integers(0, max(1, int(seconds * 1e6)), count)
        )
        rows = self._numbered(self._with_asked(rows))
        self.predictions.append({name: rows[name] for name in LOGGED})
        self._remember(rows, now)
        self._done_until = now
        self._label(rows, now)
        return size(rows)

    def _answer(self, rows: Columns) -> Columns:
        delivered = self._deliver(rows) if self._deliver and size(rows) else rows
        return scored(self._models[self.active], delivered)

    def _with_asked(self, rows: Columns) -> Columns:
        """Rows asked for by somebody get the time of this step's begin, so that the log stays in order."""
        if not self._asked:
            return rows
        first = np.array([_naive(self._done_until)])
        asked = [{**one, "answered_at": first, "truth": np.array([None], dtype=object)} for one in self._asked]
        self._asked.clear()
        return {name: np.concatenate([*(one[name] for one in asked), rows[name]]) for name in (*LOGGED[1:], "truth")}

    def _numbered(self, rows: Columns) -> Columns:
        first, self._ids = self._ids + 1, self._ids + size(rows)
        return {**rows, "id": np.arange(first, self._ids + 1)}

    def _remember(self, rows: Columns, now: datetime) -> None:
        called_late = int(np.count_nonzero(rows["answer"] == LATE))
        self._answered.append((now, size(rows), called_late))
        while self._answered and self._answered[0][0] <= now - REMEMBERED:
            self._answered.popleft()

    def _label(self, rows: Columns, now: datetime) -> None:
        """Flights land: their labels are written a little later. Diverted ones never get one."""
        known = rows["truth"] != None  # noqa: E711
        landed = {
            "id": rows["id"],
            "truth": rows["truth"],
            "known_at": rows["answered_at"] + np.timedelta64(LABEL_DELAY),
        }
        self._unlabelled.append(take(landed, known))
        waiting = {name: np.concatenate([one[name] for one in self._unlabelled]) for name in landed}
        due = waiting["known_at"] <= _naive(now)
        self.labels.append(take(waiting, due))
        self._unlabelled = [take(waiting, ~due)]


def _naive(moment: datetime) -> np.datetime64:
    return np.datetime64(moment.replace(tzinfo=None), "us")
