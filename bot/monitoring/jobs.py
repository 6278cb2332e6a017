"""The monitors' own loop: claim what is due, read, judge, keep. Nothing here waits for anything but the data.

Reading and judging happen outside transactions; each window is kept, with the alert it raises, in one of its own.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

from prometheus_client import Counter

from bot.catalog.config import Limits, Model
from bot.catalog.monitors import MonitorMetric
from bot.core.clock import Clock
from bot.core.database import Database
from bot.core.errors import BotError, BusyError
from bot.core.logging import get_logger
from bot.data import ModelRows, open_model
from bot.data.metered import MeteredRows
from bot.incidents.house import House
from bot.monitoring.budgets.budget import alarm_rates
from bot.monitoring.budgets.limits import Rates, rates
from bot.monitoring.budgets.runs import follows
from bot.monitoring.calendar import noted
from bot.monitoring.due import Claim, any_due, claim, claim_now, held, release, until_next_look
from bot.monitoring.finding import Finding, State
from bot.monitoring.judges.judging import judge
from bot.monitoring.known import end_of_event, known_of
from bot.monitoring.revisions import COUNTED, PAUSE, changed, looked_at, looks_complete, matured
from bot.monitoring.service import keep
from bot.monitoring.shadow.deliveries import present
from bot.monitoring.shadow.service import welcome
from bot.monitoring.truth.verdicts import follow_incidents
from bot.monitoring.watched import Watched, watched
from bot.monitoring.windows import Window, newest, waiting
from bot.tables import MonitorState

log = get_logger(__name__)
JUDGED = Counter("muster_monitor_windows_total", "Windows judged, by what was found.", ["state"])
MOST_A_TURN = 12
BY_THE_CLOCK = frozenset({MonitorMetric.ROW_COUNT, MonitorMetric.FRESHNESS})
"""What is missing is what these look for: they judge a window also when no row came."""
PAUSE_SECONDS = 2.0
LEARNT_EVERY = timedelta(hours=1)
LIVE = 3
"""A stream is live when its last window was judged within this many window lengths of its end."""
Opener = Callable[[Model, Path, Limits], ModelRows]


class Monitors:
    """Evaluates the monitors of `muster.yaml`; any number of processes may run one."""

    def __init__(self, database: Database, house: House, base: Path, clock: Clock, opener: Opener = open_model) -> None:
        self.database = database
        self.house = house
        self.base = base
        self.clock = clock
        self.opener = opener
        self.watched = watched(house.catalog)
        self.rates = {key: Rates(rate, rate) for key, rate in alarm_rates(house.catalog).items()}
        self.paging = [key for key, one in self.watched.items() if one.pages]
        self._introduced = False
        self._judged = 0
        self._learnt: datetime | None = None
        self._sizes: dict[str, tuple[Window, int | None]] = {}
        self._revisited: dict[str, datetime] = {}
        self._opened: dict[str, tuple[ModelRows, datetime | None]] = {}

    def run(self, stop: threading.Event) -> None:
        """Until told to stop; a thread of its own."""
        while not stop.is_set():
            try:
                self.tick()
            except Exception:  # the loop outlives whatever one turn does to it
                log.exception("monitor.tick_failed")
            stop.wait(PAUSE_SECONDS)

    def tick(self) -> int:
        """Judge what is due; returns how many windows were judged."""
        if not self.watched:
            return 0
        self._introduce()
        self._learn()
        self._opened.clear()
        self._judged = 0
        for _ in range(MOST_A_TURN * len(self.watched)):
            now = self.clock.now()
            with self.database.reading() as session:
                if not any_due(session, self.watched, now):
                    break
            with self.database.transaction() as session:
                mine = claim(session, self.paging, now) or claim(session, self.watched, now)
            if mine is not None:
                self._turn(mine)
        return self._judged

    def _introduce(self) -> None:
        if self._introduced:
            return
        with self.database.transaction() as session:
            now = self.clock.now()
            shadowed = welcome(session, self.watched.values(), now)
            if shadowed:
                present(session, shadowed, now)
        self._introduced = True

    def _learn(self) -> None:
        """Read the limits anew from what all monitors have found; they move slowly."""
        now = self.clock.now()
        if self._learnt is None or now - self._learnt >= LEARNT_EVERY:
            with self.database.reading() as session:
                self.rates = dict(rates(session, self.house.catalog, now))
            self._learnt = now

    def _turn(self, mine: Claim) -> None:
        """Look at one monitor, then give it back."""
        one = self.watched[mine.key]
        pause = until_next_look(one.step)
        with self._shown_when_broken(mine):
            pause = timedelta(0) if self._catch_up(mine, one, *self._open(one)) else pause
        with self.database.transaction() as session:
            now = self.clock.now()
            release(session, mine, now, now + pause)

    def _open(self, one: Watched) -> tuple[ModelRows, datetime | None]:
        """A model's rows and their newest event time, looked up once a tick for all its monitors."""
        name = one.model.name
        if name not in self._opened:
            rows = self.opener(one.model, self.base, self.house.catalog.limits)
            self._opened[name] = rows, rows.latest("predictions")
        return self._opened[name]

    def _catch_up(self, mine: Claim, one: Watched, rows: ModelRows, latest: datetime | None) -> bool:
        """Judge the windows that wait, a dozen at most; tells whether more of them wait."""
        with self.database.reading() as session:
            state = session.get_one(MonitorState, mine.key)
            last, evaluated = state.last_window_end, state.evaluated_at
        now = self.clock.now()
        if latest is None:
            self._say(mine, Finding(State.NO_DATA, f"{one.model.name} has no rows yet."))
            return False
        length, lateness = one.monitor.window, one.monitor.lateness
        windows = waiting(last, min(latest, now), length, lateness, one.step)  # a row from the future closes no window
        if not windows and last and last < latest <= now:
            windows = self._full(one, rows, last, now)
        if not windows and last and evaluated and _stalled(last, evaluated, now, one):
            if one.monitor.metric in BY_THE_CLOCK:
                windows = waiting(last, now - length, length, lateness, one.step)
            else:
                said = f"No rows of {one.model.name} since {latest:%Y-%m-%d %H:%M} UTC."
                self._say(mine, Finding(State.NO_DATA, said))
        mine_still = all(self._judge(mine, one, rows, window) for window in windows[:MOST_A_TURN])
        if mine_still and len(windows) <= MOST_A_TURN:
            self._revisit(mine, one, rows, anew=bool(windows))
        return mine_still and len(windows) > MOST_A_TURN

    def _full(self, one: Watched, rows: ModelRows, last: datetime, now: datetime) -> list[Window]:
        """The window that is over by the clock, once it is as full as others and two looks found the same rows."""
        window = newest(now, one.monitor.window, one.monitor.lateness, one.step)
        size = looks_complete(one, rows, window) if window.end > last else None
        before, self._sizes[one.key] = self._sizes.get(one.key), (window, size)
        return [window] if size is not None and before == (window, size) else []

    def _revisit(self, mine: Claim, one: Watched, rows: ModelRows, *, anew: bool) -> None:
        """Judge those windows again whose rows or labels have changed, and tell incidents what their labels say."""
        now = self.clock.now()
        if not anew and now - self._revisited.get(one.key, now - PAUSE) < PAUSE:
            return
        self._revisited[one.key] = now
        with self.database.reading() as session:
            results = looked_at(session, one)
            session.expunge_all()
        metered = MeteredRows(rows)
        sizes = changed(one, metered, results)
        again = sorted({*sizes, *matured(one, metered, results, now)})[:MOST_A_TURN]
        known = {Window(result.window_start, result.window_end): result.data.get(COUNTED) for result in results}
        if again and follows(one) and max(known) not in again:  # the run it ends may be another now
            again.append(max(known))
        for window in again:
            log.info("monitor.again", key=one.key, window=str(window), rows=sizes.get(window))
            if not self._judge(mine, one, rows, window, again=True, counted=sizes.get(window, known[window])):
                return
        follow_incidents(self.database, one, MeteredRows(rows), now)

    def _judge(
        self,
        mine: Claim,
        one: Watched,
        rows: ModelRows,
        window: Window,
        *,
        asked_by: str | None = None,
        again: bool = False,
        counted: int | None = None,
    ) -> bool:
        """Judge one window and keep what was found; False when the lease was lost meanwhile.

        again: it was judged before. counted: its rows now, where they have been counted.
        """
        rate, now = self.rates[one.key], self.clock.now()
        with self.database.reading() as session:
            known = known_of(session, self.house.catalog, one, window, rate.window, now, lasting_rate=rate.lasting)
        told, finding = noted(one, judge(one, MeteredRows(rows), window, known.terms), known.events)
        if counted is not None:
            finding = replace(finding, data={**finding.data, COUNTED: counted})
        with self.database.transaction() as session:
            now = self.clock.now()
            state = held(session, mine, now)
            if state is None:
                return False
            shadow = state.shadow
            if not shadow:
                end_of_event(session, one, told, window, finding, now)
            new = keep(session, self.house, state, told, window, finding, now, asked_by=asked_by, again=again)
        self._judged += 1
        JUDGED.labels(finding.state).inc()
        log.info("monitor.judged", key=one.key, window=str(window), state=finding.state, sentence=finding.sentence)
        if new and not again and finding.state is State.FIRING and told.pages and not shadow:
            self._ask_diagnostics(one, rows, window)
        return True

    def _ask_diagnostics(self, guardrail: Watched, rows: ModelRows, window: Window) -> None:
        """Something is wrong with the answers: look at the inputs of the same window at once."""
        for one in self.watched.values():
            if one.model.name != guardrail.model.name or one.pages:
                continue
            with self.database.transaction() as session:
                mine = claim_now(session, one.key, self.clock.now())
            if mine is None:
                continue
            with self._shown_when_broken(mine):
                self._look(mine, one, rows, window, guardrail.key)
            with self.database.transaction() as session:
                now = self.clock.now()
                release(session, mine, now, now + until_next_look(one.step))

    def _look(self, mine: Claim, one: Watched, rows: ModelRows, window: Window, asked_by: str) -> None:
        if one.monitor.window != window.length or one.monitor.every:
            self._judge(mine, one, rows, window, asked_by=asked_by)
            return
        with self.database.reading() as session:
            last = session.get_one(MonitorState, mine.key).last_window_end
        for missed in waiting(last, window.end, window.length, timedelta(0))[-MOST_A_TURN:]:
            self._judge(mine, one, rows, missed)

    def _say(self, mine: Claim, finding: Finding) -> bool:
        """Show a state that is no judgement of a window; tells whether it is news."""
        with self.database.transaction() as session:
            now = self.clock.now()
            state = held(session, mine, now)
            if state is None or (state.state, state.sentence) == (finding.state, finding.sentence):
                return False
            state.state, state.sentence = finding.state, finding.sentence
            return True

    @contextmanager
    def _shown_when_broken(self, mine: Claim) -> Iterator[None]:
        """An error of ours becomes the monitor's state for people to see: never an alert, and no other waits for it."""
        try:
            yield
        except BusyError:
            log.warning("monitor.busy", key=mine.key)
        except BotError as error:
            if self._broken(mine, error.message):
                log.warning("monitor.broken", key=mine.key, problem=error.message)
        except Exception as error:
            if self._broken(mine, f"{type(error).__name__}: {error}"):
                log.exception("monitor.broken", key=mine.key)

    def _broken(self, mine: Claim, said: str) -> bool:
        JUDGED.labels(State.BROKEN).inc()
        return self._say(mine, Finding(State.BROKEN, said).fit_to_keep())


def _stalled(last: datetime, evaluated: datetime, now: datetime, one: Watched) -> bool:
    """The stream kept pace with the clock, and the next window has been over for a whole length without its end."""
    length, lateness = one.monitor.window, one.monitor.lateness
    live = evaluated - last <= LIVE * length + lateness
    return live and newest(now, length, lateness, one.step).end >= last + 2 * length


__all__ = ["Monitors", "Opener"]
