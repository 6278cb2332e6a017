"""Running a monitor over a model's past as if it had been there: each window judged by those before it.

Nothing is kept and nobody is told. What fired is left out of later baselines, as it would have been.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from bot.core.errors import BotError
from bot.data import ModelRows
from bot.data.held import HeldRows
from bot.monitoring.budgets.runs import began, scored
from bot.monitoring.finding import Finding, State
from bot.monitoring.judges.judging import judge
from bot.monitoring.judges.terms import USUAL_RATE, LeftOut, Scored, Terms, learns_from_all
from bot.monitoring.service import CLEAN_WINDOWS
from bot.monitoring.watched import Watched
from bot.monitoring.windows import ORIGIN, Window
from bot.statistics.budget import MEMORY

MOST_WINDOWS = 20_000
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Rehearsed:
    window: Window
    finding: Finding


@dataclass(frozen=True, slots=True)
class Episode:
    """Windows that would have been one alert: from the first that fired until it was clean again.

    start: when it began, as far as that was seen. seen: when the first window that fired was over and its labels, where
    it takes some, had come.
    """

    start: datetime
    seen: datetime
    end: datetime
    sentence: str
    finding: Finding


def windows_of(rows: ModelRows, one: Watched) -> list[Window]:
    """Every complete window of the model's rows, oldest first. Raises BotError where there are too many."""
    first, last = rows.earliest("predictions"), rows.latest("predictions")
    if first is None or last is None:
        return []
    return windows_between(first, last, one.monitor.window, one.step)


def windows_between(first: datetime, last: datetime, length: timedelta, step: timedelta | None = None) -> list[Window]:
    step = step or length
    start = ORIGIN + -(-(first - ORIGIN) // step) * step
    count = (last + timedelta(microseconds=1) - start - length) // step + 1
    if count > MOST_WINDOWS:
        raise BotError(f"That are {count:,} windows; look at a shorter stretch, or use a longer `window`.")
    return [Window(start + at * step, start + at * step + length) for at in range(max(0, count))]


def always(_window: Window) -> bool:
    return True


def rehearse(
    one: Watched,
    rows: ModelRows,
    windows: Sequence[Window],
    *,
    alarm_rate: float = USUAL_RATE,
    lasting_rate: float | None = None,
    leaves_out: LeftOut = learns_from_all,
    names: Callable[[Window], bool] = always,
    progress: Progress | None = None,
) -> Iterator[Rehearsed]:
    """Judge the windows in turn. A window that can't be judged is `broken`, with the reason as its sentence.

    alarm_rate: the chance of an alarm by an ordinary window; lasting_rate: by an ordinary run of them, None: the same.
    names: of which windows the cause of what moved is searched for.
    """
    if not windows:
        return
    # A judge looks back as far as its baseline reaches, and once more where windows are left out.
    held = rows if isinstance(rows, HeldRows) else HeldRows(rows, windows[0].start, windows[-1].end)
    fired: list[Window] = []

    def spoilt(window: Window) -> bool:
        return any(window.overlaps(one) for one in reversed(fired)) or leaves_out(window)

    past: list[Scored] = []
    for at, window in enumerate(windows, start=1):
        try:
            looked = tuple(past[-MEMORY:])
            terms = Terms(spoilt, alarm_rate, scored=looked, lasting_rate=lasting_rate, named=names(window))
            finding = judge(one, held, window, terms)
        except BotError as error:
            finding = Finding(State.BROKEN, error.message)
        begun = began(finding.data)
        if finding.state is State.FIRING:
            fired.append(Window(begun or window.start, window.end))
        score = scored(window, finding.value, finding.data)
        if score is not None and (finding.state is State.OK or begun):
            past.append(score)
        yield Rehearsed(window, finding)
        if progress:
            progress(at, len(windows))


def episodes(rehearsed: Iterable[Rehearsed]) -> list[Episode]:
    """Gather what fired into alerts: one is over after as many clean windows in a row as would resolve it."""
    found: list[Episode] = []
    first: Rehearsed | None = None
    clean = 0
    last = None
    for one in rehearsed:
        last = one
        if one.finding.state is State.FIRING:
            first, clean = first or one, 0
        elif first is not None and one.finding.state is State.OK:
            clean += 1
            if clean >= CLEAN_WINDOWS:
                found.append(_episode(first, one))
                first = None
    if first is not None and last is not None:
        found.append(_episode(first, last))
    return found


def _episode(first: Rehearsed, last: Rehearsed) -> Episode:
    finding = first.finding
    start = finding.onset or first.window.start
    there = finding.data.get("data_at")  # of labels, which came later than the window's end
    seen = datetime.fromisoformat(there) if isinstance(there, str) else first.window.end
    return Episode(start, max(seen, first.window.end), last.window.end, finding.sentence, finding)
