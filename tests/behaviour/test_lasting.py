"""A small shift that lasts: windows that are each ordinary, and together are not."""

from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest
from sqlmodel import select

from bot.catalog.config import Catalog
from bot.monitoring.budgets.lasting import standing, with_what_lasts
from bot.monitoring.budgets.limits import pools
from bot.monitoring.budgets.run_words import lasts
from bot.monitoring.budgets.runs import Run, follows, run_of, run_surprises
from bot.monitoring.explain import explain, find
from bot.monitoring.finding import LASTING, Finding, State
from bot.monitoring.judges.terms import Scored, Terms, What
from bot.monitoring.pictures import chart_of
from bot.monitoring.rehearsal import episodes, rehearse
from bot.monitoring.watched import Watched
from bot.monitoring.windows import Window
from bot.tables import Alert, Baseline, MonitorResult
from tests.behaviour.test_monitoring import COUNT, SHARE, Stream
from tests.unit.monitoring.flights import HOUR, START, Table, model, naive

SHARE_OF = {"metric": "class_share", "value": "late"}
ROWS, CALM, MENDED, END = 600, 40, 56, 64
"""The share is a little higher from hour 40 until hour 56."""


@pytest.fixture
def database_url(sqlite_url):
    """What is judged does not depend on the engine, and what is kept of it is asked of both in `test_monitoring`."""
    return sqlite_url


def shares_of(shift=0.035, seed=3, spread=0.016):
    """The share called late in each hour: about 20 %, and a little more while it lasts."""
    shares = 0.2 + spread * np.clip(np.random.default_rng(seed).normal(size=END), -1.6, 1.6)
    shares[CALM:MENDED] += shift
    return shares


def flights(shares, rows=ROWS):
    """So many rows an hour, in the middle of each, of which exactly that share is called late."""
    at = np.arange(len(shares) * rows)
    seconds = (at + 0.5) * 3600 / rows
    late = (at % rows) * 7919 % rows < np.repeat(np.round(np.asarray(shares) * rows), rows)
    columns = {
        "at": naive(START) + (seconds * 1e6).astype("timedelta64[us]"),
        "answer": np.where(late, "late", "on time").astype(object),
        "origin": np.full(at.size, "EWR", dtype=object),
    }
    return columns | {name: np.ones(at.size) for name in ("dep_delay", "distance", "carrier")}


class Hours(Table):
    """The same rows, which lie in order: counted without looking at all of them."""

    def window(self, part, start, end, columns, most=None):
        if start is None:
            return super().window(part, start, end, columns)
        first, last = np.searchsorted(self.parts[part]["at"], [naive(start), naive(end)])
        return SimpleNamespace(
            columns={name: self.parts[part][name][first:last] for name in columns}, rows=int(last - first)
        )

    def class_counts(self, column, value, start, end, step):
        steps = [start + at * step for at in range(-(-(end - start) // step) + 1)]
        found = [self.window("predictions", *pair, [column]) for pair in pairwise(steps)]
        counts = [int((one.columns[column] == value).sum()) for one in found]
        return [(at, count, one.rows) for at, count, one in zip(steps, counts, found, strict=False)]


class Hourly(Stream):
    def open(self, _model, _base, _limits):
        seen = np.searchsorted(self.columns["at"], naive(self.world.clock.now()))
        return Hours({name: values[:seen] for name, values in self.columns.items()})


def lived(make_world, until, columns=None, monitor=SHARE):
    """Looked at since the eleventh hour; the hours until then are judged in turn."""
    stream = Hourly(make_world, monitor, columns=flights(shares_of()) if columns is None else columns)
    for hour in (11, until):
        stream.at(hours=hour, minutes=1)
    return stream


def results(stream, name="late"):
    return {
        int((one.window_start - START) / HOUR): one
        for one in stream.read(MonitorResult, MonitorResult.key == f"eta/{name}")
    }


def fired(stream):
    return [hour for hour, one in results(stream).items() if one.state == State.FIRING]


def test_a_shift_too_small_for_a_window_pages_once_it_lasts_and_says_since_when(make_world):
    stream = lived(make_world, CALM + 8)
    (alert,) = stream.read(Alert)
    first = fired(stream)[0]
    assert CALM + 2 <= first <= CALM + 7
    assert all(one.lower < one.value < one.upper for one in results(stream).values() if one.lower is not None)
    assert abs(alert.starts_at - (START + CALM * HOUR)) <= 2 * HOUR
    assert alert.route == "page"
    (incident,) = stream.world.get("/v1/incidents")
    assert incident["title"].startswith("eta calls 23 % of flights late on average since 3 Nov 16:00 UTC, for ")
    assert incident["title"].endswith(" hours (usually 20 %, now 23 %)")
    with stream.world.muster.database.reading() as session:
        chart = chart_of(session, session.exec(select(Alert)).one())
        lines = dict(explain(session, stream.catalog, find(stream.catalog, "late"), stream.world.clock.now()))
        single, lasting = pools(session, stream.catalog, stream.world.clock.now())
    assert "on average 24 %" in chart.alt
    assert "began 16:00" in chart.alt
    assert lines["what lasts"].startswith("on average 0.23")
    assert " since 3 Nov 16:00 UTC, above the usual 0." in lines["what lasts"]
    assert "a run of windows on one side with" in lines["limit"]
    assert (single.lasting, lasting.lasting) == (False, True)
    assert single.limit.budget == lasting.limit.budget == 0.5


def test_what_lasts_becomes_no_baseline_and_is_over_when_it_ends_as_in_a_rehearsal(make_world):
    columns = flights(shares_of())
    stream = lived(make_world, END - 1, columns)
    inside = [hour for hour in fired(stream) if hour < MENDED]
    assert inside == list(range(inside[0], MENDED)), "it fires as long as it lasts"
    live = results(stream)
    assert live[MENDED - 1].data[LASTING]["usual"] == pytest.approx(0.2, abs=0.01)
    assert live[MENDED - 1].data[LASTING]["average"] == pytest.approx(0.235, abs=0.01)
    began = live[inside[0]].data[LASTING]["since"]
    assert not [at for at, _ in live[MENDED - 1].data["before"] if at > began], "nor the hours before it fired"
    (alert,) = stream.read(Alert)
    assert alert.state == "resolved"
    assert alert.resolved_at <= START + (MENDED + 5) * HOUR
    seen = rehearsed(stream.catalog.models[0], columns)
    for hour, kept in live.items():
        each = seen[hour]
        assert (each.finding.state, each.finding.sentence) == (kept.state, kept.data["sentence"])
    (told,) = episodes(seen)
    assert told.start == alert.starts_at


def rehearsed(of, columns, **rates):
    rows = Hours(columns)
    rows.data, rows.limits = of.data, None
    windows = [Window(START + at * HOUR, START + (at + 1) * HOUR) for at in range(END - 1)]
    return list(rehearse(Watched(of, of.monitors[0]), rows, windows, **{"alarm_rate": 0.5 / 168, **rates}))


def test_runs_are_rehearsed_by_a_limit_of_their_own():
    columns = flights(shares_of())
    assert any(LASTING in each.finding.data for each in rehearsed(model(SHARE), columns))
    assert not any(LASTING in each.finding.data for each in rehearsed(model(SHARE), columns, lasting_rate=1e-12))


@pytest.mark.parametrize("seed", range(4))
def test_an_ordinary_stretch_pages_nobody(seed):
    seen = rehearsed(model(SHARE), flights(shares_of(shift=0.0, seed=seed)))
    assert {each.finding.state for each in seen[10:]} == {State.OK}


def test_fewer_rows_that_last_are_said_in_rows():
    sizes = np.where(np.arange(END) < CALM, 600, 545) + np.round(np.random.default_rng(4).normal(0, 12, END))
    whole = flights(np.full(END, 0.2), rows=800)
    place = np.tile(np.arange(800) * 7919 % 800, END)
    seen = rehearsed(model(COUNT), {name: values[place < np.repeat(sizes, 800)] for name, values in whole.items()})
    said = [each.finding.sentence for each in seen if LASTING in each.finding.data]
    assert said[-1].startswith("rows of eta have been below their usual 59")
    assert " an hour for " in said[-1]
    assert " on average 54" in said[-1]


def test_rows_that_come_late_take_the_run_back(make_world):
    columns = flights(shares_of())
    stream = lived(make_world, CALM + 8, columns)
    assert results(stream)[CALM + 7].state == State.FIRING
    said = results(stream)[CALM + 7].data["sentence"]
    more = flights(np.zeros(END), rows=120)
    inside = (more["at"] >= naive(START + CALM * HOUR)) & (more["at"] < naive(START + (CALM + 7) * HOUR))
    order = np.argsort(np.concatenate([columns["at"], more["at"][inside]]), kind="stable")
    joined = {name: np.concatenate([columns[name], more[name][inside]])[order] for name in columns}
    known = joined["at"] < naive(START + (CALM + 8.1) * HOUR)
    stream.columns = {name: cells[known] for name, cells in joined.items()}
    stream.world.clock.at += timedelta(hours=2)
    stream.monitors.tick()
    newest = results(stream)[CALM + 7]
    assert newest.state == State.OK
    assert newest.data["sentence"] != said
    assert newest.data["revised"][0]["state"] == "firing"


def test_an_accepted_baseline_ends_the_run(make_world):
    stream = lived(make_world, CALM + 8)
    now = stream.world.clock.now()
    with stream.world.muster.database.transaction() as session:
        begin = stream.read(Alert)[0].starts_at
        session.add(
            Baseline(model="eta", start=begin, reason="new", source="person", accepted_by="U1", accepted_at=now)
        )
    stream.at(hours=MENDED, minutes=1)
    assert max(fired(stream)) == CALM + 7
    assert results(stream)[MENDED - 1].state == State.OK


def test_a_closed_incident_is_no_part_of_what_begins_after_it(make_world):
    stream = lived(make_world, CALM + 8)
    stream.world.click("Resolve")
    stream.world.submit(how="false_alarm")
    stream.at(hours=CALM + 10, minutes=1)
    assert max(fired(stream)) == CALM + 7


def test_a_known_event_is_no_part_of_a_run(make_world):
    event = {"name": "Sale", "start": "2026-11-03T16:00", "end": "2026-11-04T00:00"}
    made = model({**SHARE, "shadow": False}).model_dump(mode="json")
    stream = Hourly(make_world, SHARE, columns=flights(shares_of()))
    stream.world.muster.house.catalog.calendar.extend(
        Catalog.model_validate({"models": [made], "calendar": [event]}).calendar
    )
    for hour in (11, CALM + 10):
        stream.at(hours=hour, minutes=1)
    assert fired(stream) == [], "eight of its ten hours lie in the event"


def scored(score, value=1.0, usual=0.0, least=0.5, at=0, **more):
    window = Window(START + at * HOUR, START + (at + 1) * HOUR)
    return Scored(window, score, value, usual, least, more.get("learnt", 30), more.get("since"), more.get("what"))


def watching(**monitor):
    made = model({"name": "m", **monitor}, latency="took")
    return Watched(made, made.monitors[0])


def test_what_lasts_and_is_too_small_to_matter_is_no_page():
    run = [scored(2.0, at=at) for at in range(9)]
    assert run_of(watching(**SHARE_OF), run).matters
    assert not run_of(watching(**SHARE_OF), [replace(one, least=2.0) for one in run]).matters


def test_answers_that_get_faster_are_no_run():
    latency = watching(metric="latency")
    assert run_of(latency, [scored(-2.0, -1.0, at=at) for at in range(9)]) is None
    slower = run_of(latency, [scored(2.0, at=at) for at in range(9)])
    assert lasts(latency, slower, {"label": "p95 latency", "score": {"unit": "ms"}}) == (
        "p95 latency of eta has been above its usual 0 ms for 9 hours (now 1, on average 1 since 2 Nov 00:00 UTC)"
    )


def test_a_baseline_begins_runs_anew():
    before = [scored(2.0, at=at) for at in range(9)]
    after = [scored(2.0, at=9, since="2026-11-02T09:00:00+00:00")]
    assert run_of(watching(**SHARE_OF), [*before, *after]).windows == 1
    surprises = run_surprises(watching(**SHARE_OF), [*before, *after])
    assert surprises[8] > 3
    assert surprises[9] < 2


@pytest.mark.parametrize(
    "monitor",
    [
        {**SHARE_OF, "rule": {"above": 0.3}},
        {**SHARE_OF, "every": "30m"},
        {**SHARE_OF, "by": "origin"},
        {"metric": "drift"},
    ],
)
def test_what_has_no_limits_of_its_own_windows_is_not_followed(monitor):
    assert follows(watching(**SHARE_OF))
    assert not follows(watching(**monitor))


@pytest.mark.parametrize("named", [True, False])
def test_what_no_longer_belongs_together_pages_only_when_it_can_be_named(named):
    what = What(said="rent no longer belongs with income", feature="rent", segment="city=C", affected="30 %")
    together = watching(metric="multivariate", baseline=20)
    before = [scored(1.5, at=at, what=what if named and at == 7 else None) for at in range(9)]
    score = {"score": 1.5, "usual": 0.0, "least": 0.5, "unit": "", "since": None}
    ordinary = Finding(State.OK, "", value=1.0, data={"score": score, "before": [0] * 30})
    now = Window(START + 9 * HOUR, START + 10 * HOUR)
    found = with_what_lasts(together, ordinary, now, Terms(scored=before, lasting_rate=0.01))
    assert found.state is (State.FIRING if named else State.OK)
    if named:
        assert found.sentence.startswith("eta: since ")
        assert "for 10 hours: rent no longer belongs with income (1 sigmas" in found.sentence
        assert (found.feature, found.segment, found.affected) == ("rent", "city=C", "30 %")
    else:
        assert "in no column that can be named" in standing(together, Terms(scored=before))


def test_days_are_said_as_days_and_units_where_there_are_some():
    day = timedelta(days=1)
    run = Run(4.0, Window(START, START + day), Window(START + 5 * day, START + 6 * day), 38, 40.8, 41.2, matters=True)
    said = lasts(watching(metric="mean", feature="amount"), run, {"label": "mean amount", "score": {"unit": "EUR"}})
    assert said == (
        "mean amount of eta has been above its usual 38 EUR for 6 days (now 41.2, on average 40.8 since 2 Nov)"
    )
    share = replace(run, usual=0.2, average=0.1, now=0.12)
    assert lasts(watching(**SHARE_OF), share, {}) == (
        "eta calls 10 % of flights late on average since 2 Nov, for 6 days (usually 20 %, now 12 %)"
    )
    of_a_day = replace(share, begin=share.end)
    apart = What(said="carrier no longer belongs with origin", feature="carrier", segment=None, affected=None)
    told = replace(of_a_day, what=apart)
    assert lasts(watching(metric="multivariate", baseline=20), told, {}) == (
        "eta: since 7 Nov, for a day: carrier no longer belongs with origin"
        " (0.1 sigmas from the windows before on average, usually 0.2)"
    )
