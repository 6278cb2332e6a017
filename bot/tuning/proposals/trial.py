"""What proposed monitors would have said of a model's past: pages, what explains them, and what labels say later."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from bot.catalog.config import Catalog, Model, Team
from bot.catalog.monitors import MonitorMetric
from bot.catalog.values import format_rate
from bot.data import DataError, ModelRows
from bot.monitoring.budgets.budget import alarm_rates
from bot.monitoring.finding import Finding, State
from bot.monitoring.rehearsal import Episode, Rehearsed, always, episodes, rehearse
from bot.monitoring.watched import Watched, watched
from bot.monitoring.windows import Window
from bot.tuning.proposals.joined import OwnLabels
from bot.tuning.proposals.monitors import OUTCOME, TOGETHER

MOST_HELD_ROWS, MOST_HELD_CELLS = 100_000, 8_000_000
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

    begin, end: of all its alerts together. start, seen: of the one that saw it first. evidence: the sentences of
    diagnostic monitors that fired in it. labels: what the labels said of it, later.
    """

    begin: datetime
    start: datetime
    seen: datetime
    end: datetime
    sentence: str
    monitors: tuple[str, ...]
    evidence: tuple[str, ...] = ()
    labels: str | None = None

    def covers(self, window: Window) -> bool:
        return window.start < self.end and self.begin < window.end


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
    model: Model,
    rows: ModelRows,
    windows: Sequence[Window],
    *,
    budget: float,
    delay: timedelta | None = None,
    progress: Progress | None = None,
) -> Trial:
    """Run every monitor over the windows as if it had been there, under the team's budget. Nothing is kept.

    delay: how long half of the labels take to come, where that is known.
    """
    held, share, notes = hold(rows, windows)
    every = _catalog(model, budget)
    rates = alarm_rates(every)
    order = list(watched(every).values())
    told = {one.key: _tried(one, held, windows, rates, share, always, progress) for one in order if one.pages}
    called = _called([told[one.key] for one in order if one.pages], delay)

    def names(window: Window) -> bool:
        return any(page.covers(window) for page in called)

    told |= {one.key: _tried(one, held, windows, rates, share, names, progress) for one in order if not one.pages}
    tried = [told[one.key] for one in order]
    pages = _explained(called, tried)
    outcome = next((one for one in tried if one.one.monitor.metric is MonitorMetric.PERFORMANCE), None)
    if outcome is not None:
        pages = [replace(page, labels=labels_told(page, outcome, delay)) for page in pages]
    return Trial(tried, pages, windows, notes)


def labels_told(page: Page, outcome: Tried, delay: timedelta | None) -> str | None:
    """What the labels of a page's stretch said, and how much later they came than the page."""
    if page.monitors[0] == outcome.name:
        return None
    inside = [one for one in outcome.seen if page.covers(one.window)]
    fell = next((one for one in inside if one.finding.state is State.FIRING), None)
    if fell is None:
        calm = next((one for one in inside if one.finding.state is State.OK), None)
        return f"the labels saw no fall: {_short(calm)}" if calm else None
    known = fell.window.start + fell.window.length / 2 + delay if delay else None
    ahead = known - page.seen if known else None
    if ahead is None or ahead <= timedelta(0):
        return f"the labels say so: {_short(fell)}"
    return f"seen {days(ahead)} before the labels: {_short(fell)}"


def _short(seen: Rehearsed) -> str:
    """Without the model's name before it and what follows the measure."""
    return seen.finding.sentence.split("; ")[0].partition(": ")[2] or seen.finding.sentence


def _catalog(model: Model, budget: float) -> Catalog:
    team = Team.model_validate({"name": model.team, "budget": format_rate(budget)})
    return Catalog(teams=[team], models=[model])


def hold(rows: ModelRows, windows: Sequence[Window]) -> tuple[OwnLabels, float, list[str]]:
    """The rows of the windows in memory, of very many a random sample; and the share of them that is."""
    start, end = windows[0].start, windows[-1].end
    total = rows.count("predictions", start, end)
    most = max(1000, min(MOST_HELD_ROWS, MOST_HELD_CELLS // max(1, len(rows.columns("predictions")))))
    notes = [f"features are looked at in a random sample of {most:,} of {total:,} rows"] if total > most else []
    return OwnLabels(rows, start, end, most), min(1.0, most / max(1, total)), notes


def _tried(
    one: Watched,
    held: OwnLabels,
    windows: Sequence[Window],
    rates: Mapping[str, float],
    share: float,
    names: Callable[[Window], bool],
    progress: Progress | None,
) -> Tried:
    def told(at: int, of: int) -> None:
        if progress:
            progress(one.monitor.name, at, of)

    as_seen = one if one.monitor.metric in _COUNTED else _thinned(one, share)
    seen: list[Rehearsed] = []
    try:
        seen.extend(rehearse(as_seen, held, windows, alarm_rate=rates[one.key], names=names, progress=told))
    except DataError as error:
        return Tried(one, failed=error.message)
    return Tried(one, seen, episodes(seen))


def _thinned(one: Watched, share: float) -> Watched:
    """Where a sample is judged, fewer rows are enough."""
    least = max(1, int(one.monitor.min_rows * share))
    return replace(one, monitor=one.monitor.model_copy(update={"min_rows": least}))


def _called(paging: Sequence[Tried], delay: timedelta | None) -> list[Page]:
    return pages_of([(one.name, _when_known(one, alert, delay)) for one in paging for alert in one.alerts])


def _explained(pages: Sequence[Page], tried: Sequence[Tried]) -> list[Page]:
    diagnostics = [one for one in tried if not one.one.pages]
    return [replace(page, evidence=tuple(_evidence(page, diagnostics))) for page in pages]


def _when_known(tried: Tried, alert: Episode, delay: timedelta | None) -> Episode:
    """Labels show a fall only once they are there."""
    if tried.one.monitor.metric is not MonitorMetric.PERFORMANCE:
        return alert
    return replace(alert, seen=alert.seen + (delay or timedelta(0)), sentence=alert.sentence.split("; ")[0])


def pages_of(alerts: Iterable[tuple[str, Episode]]) -> list[Page]:
    """Alerts that overlap in time are one incident, as they would have been; whoever saw it first says what it is.

    Of those that saw it at once, the answers say it before the labels and the inputs do.
    """
    together: list[list[tuple[str, Episode]]] = []
    for name, one in sorted(alerts, key=lambda pair: pair[1].start):
        if together and one.start < max(other.end for _, other in together[-1]):
            together[-1].append((name, one))
        else:
            together.append([(name, one)])
    return [_page(sorted(group, key=lambda pair: (pair[1].seen, pair[0] in {OUTCOME, TOGETHER}))) for group in together]


def _page(group: Sequence[tuple[str, Episode]]) -> Page:
    first = group[0][1]
    names = tuple(dict.fromkeys(name for name, _ in group))
    begin, end = min(one.start for _, one in group), max(one.end for _, one in group)
    return Page(begin, first.start, first.seen, end, first.sentence, names)


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
