"""What proposed monitors would have said of a model's past: pages, what explains them, and what labels say later."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bot.catalog.config import Catalog, Model, MonitorMetric, Team
from bot.catalog.values import format_rate
from bot.data import DataError, ModelRows
from bot.data.held import HeldRows
from bot.monitoring.budget import alarm_rates
from bot.monitoring.finding import Finding, State
from bot.monitoring.rehearsal import Episode, Rehearsed, episodes, rehearse
from bot.monitoring.watched import Watched, watched
from bot.monitoring.windows import Window

MOST_HELD_ROWS, MOST_HELD_CELLS = 400_000, 8_000_000
_COUNTED = frozenset({MonitorMetric.CLASS_SHARE, MonitorMetric.ROW_COUNT})
"""Metrics counted over all rows where they lie, whatever is held."""
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Tried:
    """One monitor over the windows, and its alerts; `failed`: why it could not be run."""

    one: Watched
    seen: Sequence[Rehearsed] = ()
    alerts: Sequence[Episode] = ()
    failed: str | None = None

    @property
    def name(self) -> str:
        return self.one.monitor.name

    def windows_in(self, *states: State) -> list[Rehearsed]:
        return [one for one in self.seen if one.finding.state in states]

    @property
    def judged(self) -> int:
        return len(self.windows_in(State.OK, State.FIRING))

    @property
    def broken(self) -> str | None:
        """Why no window at all could be judged, where that is so."""
        said = [one.finding.sentence for one in self.windows_in(State.BROKEN)]
        return self.failed or (said[-1] if said and not self.judged else None)

    @property
    def still_learning(self) -> int:
        """How many more windows it wants before it judges; 0 when it judges already."""
        last = next((one.finding for one in reversed(self.seen) if one.finding.rows), None)
        return int(last.data.get("missing", 0)) if last is not None and last.state is State.LEARNING else 0


@dataclass(frozen=True, slots=True)
class Page:
    """What would have called somebody: alerts of one stretch, as one incident.

    evidence: the sentences of diagnostic monitors that fired in it. labels: what the labels said of it, later.
    """

    start: datetime
    seen: datetime
    end: datetime
    sentence: str
    monitors: tuple[str, ...]
    evidence: tuple[str, ...] = ()
    labels: str | None = None

    def covers(self, window: Window) -> bool:
        return window.start < self.end and self.start < window.end


@dataclass(frozen=True, slots=True)
class Trial:
    """tried: those that page first. judged: from the first window that was judged to the end of the last."""

    tried: Sequence[Tried]
    pages: Sequence[Page]
    windows: Sequence[Window]
    notes: Sequence[str] = field(default=())

    @property
    def judged(self) -> Window | None:
        seen = [one.window for tried in self.tried if tried.one.pages for one in tried.seen if _is_judged(one.finding)]
        return Window(min(seen).start, max(seen).end) if seen else None


def try_out(
    model: Model, rows: ModelRows, windows: Sequence[Window], *, budget: float, progress: Progress | None = None
) -> Trial:
    """Run every monitor over the windows as if it had been there, under the team's budget. Nothing is kept."""
    held, share, notes = hold(rows, windows)
    catalog = Catalog(teams=[Team.model_validate({"name": model.team, "budget": format_rate(budget)})], models=[model])
    rates = alarm_rates(catalog)
    tried = [_tried(one, held, windows, rates, share, progress) for one in watched(catalog).values()]
    return Trial(tried, _explained(tried), windows, notes)


def hold(rows: ModelRows, windows: Sequence[Window]) -> tuple[HeldRows, float, list[str]]:
    """The rows of the windows in memory, of very many a random sample; and the share of them that is."""
    start, end = windows[0].start, windows[-1].end
    total = rows.count("predictions", start, end)
    most = max(1000, min(MOST_HELD_ROWS, MOST_HELD_CELLS // max(1, len(rows.columns("predictions")))))
    notes = [f"features are looked at in a random sample of {most:,} of {total:,} rows"] if total > most else []
    return HeldRows(rows, start, end, most), min(1.0, most / max(1, total)), notes


def _tried(
    one: Watched,
    held: HeldRows,
    windows: Sequence[Window],
    rates: Mapping[str, float],
    share: float,
    progress: Progress | None,
) -> Tried:
    def told(at: int, of: int) -> None:
        if progress:
            progress(one.monitor.name, at, of)

    as_seen = one if one.monitor.metric in _COUNTED else _thinned(one, share)
    seen: list[Rehearsed] = []
    try:
        seen.extend(rehearse(as_seen, held, windows, alarm_rate=rates[one.key], progress=told))
    except DataError as error:
        return Tried(one, failed=error.message)
    return Tried(one, seen, episodes(seen))


def _thinned(one: Watched, share: float) -> Watched:
    """Where a sample is judged, fewer rows are enough."""
    least = max(1, int(one.monitor.min_rows * share))
    return replace(one, monitor=one.monitor.model_copy(update={"min_rows": least}))


def _explained(tried: Sequence[Tried]) -> list[Page]:
    pages = pages_of([(one.name, alert) for one in tried if one.one.pages for alert in one.alerts])
    diagnostics = [one for one in tried if not one.one.pages]
    return [replace(page, evidence=tuple(_evidence(page, diagnostics))) for page in pages]


def pages_of(alerts: Iterable[tuple[str, Episode]]) -> list[Page]:
    """Alerts that overlap in time are one incident, as they would have been."""
    found: list[Page] = []
    for name, one in sorted(alerts, key=lambda pair: pair[1].start):
        last = found[-1] if found else None
        if last is not None and one.start < last.end:
            names = tuple(dict.fromkeys((*last.monitors, name)))
            found[-1] = replace(last, end=max(last.end, one.end), seen=min(last.seen, one.seen), monitors=names)
        else:
            found.append(Page(one.start, one.seen, one.end, one.sentence, (name,)))
    return found


def _evidence(page: Page, diagnostics: Sequence[Tried]) -> list[str]:
    """The first sentence of each diagnostic monitor within the page, and none twice."""
    found: list[str] = []
    for one in diagnostics:
        said = next((seen.finding.sentence for seen in one.windows_in(State.FIRING) if page.covers(seen.window)), None)
        if said is not None and said not in found:
            found.append(said)
    return found


def _is_judged(finding: Finding) -> bool:
    return finding.state in {State.OK, State.FIRING}


def days(length: timedelta) -> str:
    """`90 days`, or `14 hours` where it is shorter than two."""
    hours = length / timedelta(hours=1)
    if hours >= 48:  # noqa: PLR2004
        return f"{hours / 24:.0f} days"
    return f"{hours:.0f} hour{'' if round(hours) == 1 else 's'}" if hours >= 1 else f"{hours * 60:.0f} minutes"
