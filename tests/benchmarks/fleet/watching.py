"""Muster beside the fleet, through its own door: monitors as `muster init` proposes them, limits learnt in shadow."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from sqlmodel import SQLModel

from bot.catalog.config import Catalog, Team
from bot.catalog.load import parse_catalog
from bot.catalog.monitors import MonitorMetric
from bot.core.database import Database
from bot.data import open_model
from bot.incidents.service import cause_weight
from bot.monitoring.budgets.budget import alarm_rates
from bot.monitoring.budgets.limits import Rates, pools, rates
from bot.monitoring.finding import LASTING, SCORE, WHAT, State
from bot.monitoring.rehearsal import episodes, rehearse
from bot.monitoring.service import firing
from bot.monitoring.watched import watched
from bot.monitoring.windows import Window
from bot.tables import MonitorResult
from bot.tuning.proposals.guesses import Given, guess
from bot.tuning.proposals.joined import OwnLabels
from bot.tuning.proposals.monitors import propose
from bot.tuning.proposals.pace import choose
from bot.tuning.proposals.reading import read_look, read_stretch
from bot.tuning.proposals.source import find_source
from bot.tuning.proposals.trial import pages_of
from bot.tuning.proposals.writing import as_yaml
from tests.benchmarks.fleet import tables
from tests.benchmarks.fleet.traffic import logged

BUDGET = 1.0
TEAM = "default"


def proposed(model, rows, now, folder):
    """The model as in the `muster.yaml` that `muster init --yes` writes for these rows."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "rows.parquet"
    tables.write(path, logged(model, rows, now))
    source = find_source(str(path), table=None, database=None, base=folder)
    look = read_look(source)
    guesses = guess(look, Given(), now)
    stretch = read_stretch(source.open(source.data(guesses.time.column)), source)
    times = look.columns[guesses.time.column].times
    pace = choose(times, look.rows, stretch.first, stretch.last)
    found = propose(source, look, guesses, pace, model.spec.name)
    text = as_yaml(found, budget=BUDGET, said=(), notes={}, given=source.shown)
    (folder / "muster.yaml").write_text(text)
    return parse_catalog(text).models[0]


def windows_of(traffic, first, last):
    return [Window(traffic.moment(at), traffic.moment(at + 1)) for at in range(first, last)]


@dataclass
class Watch:
    """One model of the team: its monitors, and those windows of each that fired."""

    traffic: object
    configured: object
    folder: object
    fired: dict = field(default_factory=dict)

    @property
    def name(self):
        return self.traffic.model.spec.name

    def opened(self, rows, windows):
        """Rows written as the service's table, opened as init's back-test does."""
        path = self.folder / "rows.parquet"
        until = windows[-1].end + timedelta(days=365)
        tables.write(path, logged(self.traffic.model, rows, until))
        source = open_model(self.configured, self.folder)
        return OwnLabels(source, windows[0].start, windows[-1].end, 10_000_000)

    def judged(self, one, held, windows, rates):
        """As `rehearse`, beside what fired before."""
        before = self.fired.setdefault(one.key, [])

        def spoilt(window):
            return any(window.overlaps(other) for other in before)

        return rehearse(one, held, windows, alarm_rate=rates.window, lasting_rate=rates.lasting, leaves_out=spoilt)


@dataclass(frozen=True)
class Fleet:
    """Every model of one team with one budget; rates: the chance each monitor has to alarm on an ordinary
    window, and on a run of them."""

    catalog: Catalog
    every: dict
    rates: dict

    @classmethod
    def of(cls, configured):
        team = Team.model_validate({"name": TEAM, "budget": f"{BUDGET:g}/week"})
        catalog = Catalog(teams=[team], models=list(configured))
        exact = {key: Rates(rate, rate) for key, rate in alarm_rates(catalog).items()}
        return cls(catalog, watched(catalog), exact)

    def paging(self, name):
        return [one for one in self.every.values() if one.model.name == name and one.pages]

    def explaining(self, name):
        return [one for one in self.every.values() if one.model.name == name and not one.pages]

    def watch(self, watch, held, windows):
        """Judge windows by every monitor that pages."""
        found = {
            one.key: list(watch.judged(one, held, windows, self.rates[one.key])) for one in self.paging(watch.name)
        }
        for key, seen in found.items():
            watch.fired[key] += [each.window for each in seen if each.finding.state is State.FIRING]
        return found

    def learnt(self, found, now, folder):
        """With the limits that running monitors read from what all of them found; and the pools they are read for."""
        database = Database(f"sqlite:///{folder}/muster.sqlite")
        SQLModel.metadata.create_all(database.engine)
        with database.transaction() as session:
            session.add_all(_result(key, each) for key, seen in found.items() for each in seen)
            session.flush()
            return replace(self, rates=dict(rates(session, self.catalog, now))), pools(session, self.catalog, now)


def _result(key, each):
    finding = each.finding
    return MonitorResult(
        key=key,
        window_start=each.window.start,
        window_end=each.window.end,
        rows=finding.rows,
        value=finding.value,
        lower=finding.lower,
        upper=finding.upper,
        surprise=finding.surprise,
        state=finding.state,
        data={name: finding.data[name] for name in ("before", SCORE, LASTING, WHAT) if name in finding.data},
        evaluated_at=each.window.end,
    )


def pages(found):
    """Incidents that would have paged: alerts of one model that overlap are one."""
    return pages_of([(key, one) for key, seen in found.items() for one in episodes(seen)])


@dataclass(frozen=True)
class Answer:
    """What became of a fault. at: when somebody was called, None: never. by: the monitor. late: when the labels alone
    would have. cause: the finding that the card shows as probable cause."""

    at: datetime | None
    by: str | None
    labels: datetime | None
    cause: object = None
    page: object = None


def answer(fleet, watch, rows, windows, first):
    """Watch a fault that begins with window number `first` of `windows`; the rows of those before are ordinary."""
    held = watch.opened(rows, windows)
    after = windows[first:]
    called, labels = None, None
    for one in sorted(fleet.paging(watch.name), key=_by_labels):
        for each in watch.judged(one, held, after, fleet.rates[one.key]):
            if called is not None and each.window.end >= called[0]:
                break  # it can't be known earlier
            if each.finding.state is State.FIRING:
                there = _there(each)
                labels = there if _by_labels(one) else labels
                called = (there, one, each) if called is None or there < called[0] else called
                break
    if called is None:
        return Answer(None, None, None)
    at, one, each = called
    looked = [window for window in after if window.end <= max(at, after[0].end)]
    return Answer(at, one.monitor.name, labels, _cause(fleet, watch, held, looked, (one, each)), each.finding)


def _by_labels(one):
    return one.monitor.metric is MonitorMetric.PERFORMANCE


def _there(each):
    """When it was known: with the window's end, or with its labels."""
    came = each.finding.data.get("data_at")
    return max(datetime.fromisoformat(came), each.window.end) if came else each.window.end


def _cause(fleet, watch, held, windows, page):
    """What the card would name: of the evidence, as it comes, the first of the most weight. page: the monitor that
    called, and what it said. Other monitors that page join its incident with what they say."""
    others = [one for one in fleet.paging(watch.name) if one is not page[0] and not _by_labels(one)]
    every = [*others, *fleet.explaining(watch.name)]
    said = [page, *((one, each) for one in every for each in _firing(fleet, watch, held, windows, one))]
    found = []
    for at, (one, each) in enumerate(said):
        evidence = firing(one, each.window, each.finding).evidence
        if "cause" in evidence:
            found.append((-cause_weight(one.kind, evidence), each.window.end, at, each.finding))
    return min(found, key=lambda one: one[:3])[-1] if found else None


def _firing(fleet, watch, held, windows, one):
    judged = watch.judged(one, held, windows, fleet.rates[one.key])
    return [each for each in judged if each.finding.state is State.FIRING]
