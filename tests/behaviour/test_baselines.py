"""References that move: accepted, promoted, undone; and events that people know of beforehand."""

import json
import threading
from datetime import timedelta

import numpy as np
import pytest
from sqlmodel import select
from typer.testing import CliRunner

from bot.catalog.config import Catalog
from bot.catalog.monitors import Promotion
from bot.core.errors import BotError, ConflictError
from bot.entrypoints.cli import app
from bot.monitoring.baselines import accept_for
from bot.monitoring.calendar import noted
from bot.monitoring.judges.judging import judge
from bot.monitoring.judges.terms import USUAL_RATE
from bot.monitoring.known import end_of_event, known_of
from bot.monitoring.references import rhythm_hint
from bot.monitoring.service import keep
from bot.monitoring.watched import watched
from bot.monitoring.windows import Window
from bot.tables import Alert, Baseline, Incident, MonitorState, TimelineEvent
from tests.behaviour.test_monitoring import REFERENCE
from tests.behaviour.test_monitoring import Stream as Watching
from tests.unit.monitoring.flights import HOUR, START, Table, hours, model, naive, since
from tests.world import API

SHARE = {"name": "late", "metric": "class_share", "value": "late", "severity": "SEV2"}
COUNT = {"name": "rows", "metric": "row_count"}
BROKE = START + 38 * HOUR


class Rows(Table):
    def window(self, part, start, end, columns, *, most=None):
        return super().window(part, start, end, columns)

    def count(self, part, start, _end):
        return int((self.parts[part]["at"] >= naive(start)).sum())


class Stream:
    """A world whose model's windows are judged hour by hour, as the monitors' loop does it."""

    def __init__(self, make_world, *monitors, columns, catalog=None, promotion=None, **data):
        one = model(*monitors, **data).model_copy(update={"promotion": promotion} if promotion else {})
        self.catalog = Catalog.model_validate({"models": [one.model_dump(mode="json")], **(catalog or {})})
        self.world = make_world(self.catalog)
        self.rows = Rows(columns, REFERENCE)
        self.watched = watched(self.catalog)

    @property
    def database(self):
        return self.world.muster.database

    def judge(self, name, hour):
        """Judge the hour that begins `hour` hours after the start; returns what was found."""
        one, now = self.watched[f"eta/{name}"], START + (hour + 1) * HOUR + timedelta(minutes=1)
        self.world.clock.at = now
        self.world.muster.tick()
        length = one.monitor.window
        window = Window(START + hour * HOUR, START + hour * HOUR + length)
        with self.database.reading() as session:
            known = known_of(session, self.catalog, one, window, USUAL_RATE, now)
        finding = judge(one, self.rows, window, known.terms)
        told, finding = noted(one, finding, known.events)
        with self.database.transaction() as session:
            state = session.get(MonitorState, one.key)
            if state is None:
                state = MonitorState(key=one.key, due_at=now, introduced_at=now)
                session.add(state)
            end_of_event(session, one, told, window, finding, now)
            keep(session, self.world.muster.house, state, told, window, finding, now)
        self.world.deliver()
        return finding

    def broken(self, name, hour):
        with pytest.raises(BotError) as problem:
            self.judge(name, hour)
        return problem.value.message

    def judge_all(self, name, hours_):
        return [self.judge(name, hour) for hour in hours_]

    def read(self, table, *where):
        with self.database.reading() as session:
            return session.exec(select(table).where(*where)).all()

    def channel(self):
        return next(place for place in self.world.slack.channels.values() if place.name.startswith("inc-1-"))

    def said(self):
        return json.dumps(list(self.channel().messages), ensure_ascii=False)

    def call(self, method, path, **body):
        headers = {"Authorization": f"Bearer {API}"}
        answer = self.world.http.request(method, path, headers=headers, **({"json": body} if body else {}))
        self.world.deliver()
        return answer


def shifted(count=80, at=BROKE, extra=0.2, **kind):
    """From a moment on more flights are late, for good: the world moved."""
    columns = hours(count, **kind)
    more = since(columns, at) & (np.random.default_rng(8).uniform(size=columns["at"].size) < extra)
    columns["answer"] = np.where(more, "late", columns["answer"])
    return columns


@pytest.fixture
def moved(make_world):
    """An incident is open: two hours of more late flights."""
    stream = Stream(make_world, SHARE, columns=shifted())
    assert stream.judge("late", 37).state == "ok"
    assert [one.state for one in stream.judge_all("late", (38, 39))] == ["firing", "firing"]
    return stream


def test_an_expected_change_becomes_the_baseline_at_a_press(moved):
    world = moved.world
    world.click("Expected")
    assert "Accept as new baseline" in moved.said()
    world.click("Accept as new baseline", user="U2")
    assert "<@U2> accepted what came since" in moved.said()
    (row,) = moved.read(Baseline)
    (incident,) = moved.read(Incident)
    assert (row.model, row.keys, row.start, row.accepted_by) == ("eta", ["eta/late"], incident.onset_at, "U2")
    learning = moved.judge("late", 40)
    assert learning.state == "learning"
    assert learning.sentence.startswith("Learning: 2 of 10 baseline windows seen since 3 Nov 14:00 UTC (INC-1 was an")
    found = moved.judge_all("late", range(41, 51))
    assert [one.state for one in found] == ["learning"] * 7 + ["ok"] * 3
    assert found[-1].reference == "12 windows before since 3 Nov 14:00 UTC (INC-1 was an expected change)"
    assert 0.25 < found[-1].lower < found[-1].value < found[-1].upper < 0.5
    kinds = [event.kind for event in moved.read(TimelineEvent)]
    assert kinds.count("baseline.accepted") == 1


def test_a_baseline_can_be_taken_back_and_accepted_again(moved):
    moved.world.click("Expected")
    moved.world.click("Accept as new baseline")
    assert moved.judge("late", 40).state == "learning"
    moved.world.click("Undo", user="U2")
    assert "<@U2> took the new baseline back" in moved.said()
    assert moved.judge("late", 41).state == "firing"
    moved.world.click("Accept as new baseline", user="U3")
    assert [(row.accepted_by, row.undone_by) for row in moved.read(Baseline)] == [("U1", "U2"), ("U3", None)]
    assert [event.kind for event in moved.read(TimelineEvent) if event.kind.startswith("baseline.")] == [
        "baseline.accepted",
        "baseline.undone",
        "baseline.accepted",
    ]


def test_two_people_press_at_once_and_one_wins(moved):
    """The second one's screen still shows the button."""
    moved.world.click("Expected")
    where, message, action, _ = moved.world._shown("Accept as new baseline", None)
    for user in ("U2", "U3"):
        moved.world.slack.channels[where].members.add(user)
        moved.world.actors.press(user, where, message["ts"], action, None)
    moved.world.settle()
    (row,) = moved.read(Baseline)
    assert row.accepted_by == "U2"
    told = [one for one in moved.world.slack.ephemerals if one["user"] == "U3"]
    assert told[-1]["text"] == "<@U2> accepted the new baseline of INC-1 0 s before you."


def test_at_the_very_same_moment_one_wins_too(moved):
    barrier, outcomes = threading.Barrier(2), []

    def press(user):
        barrier.wait()
        try:
            with moved.database.transaction() as session:
                outcomes.append(accept_for(session, moved.catalog, 1, user, moved.world.clock.now()).accepted_by)
        except ConflictError as lost:
            outcomes.append(lost.message)

    threads = [threading.Thread(target=press, args=(user,)) for user in ("U2", "U3")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (row,) = moved.read(Baseline)
    assert sorted(outcomes, key=len) == [
        row.accepted_by,
        f"<@{row.accepted_by}> accepted the new baseline of INC-1 0 s before you.",
    ]


def test_resolving_as_expected_offers_it_too(moved):
    moved.world.command("resolve", channel=moved.channel().id)
    moved.world.submit(how="expected")
    card = moved.channel().messages[0]
    assert card["blocks"][-1]["elements"][0]["text"]["text"] == "Accept as new baseline"
    moved.world.click("Accept as new baseline")
    assert len(moved.read(Baseline)) == 1
    assert card["blocks"][-1]["elements"][0]["text"]["text"] == "Undo the new baseline"


def test_a_fixed_incident_offers_nothing(moved):
    moved.world.command("resolve rolled back", channel=moved.channel().id)
    assert "Accept as new baseline" not in moved.said()


def test_it_is_accepted_listed_and_undone_by_command_and_by_http(moved):
    channel = moved.channel().id
    assert "compares as muster.yaml says" in moved.world.command("baseline", channel=channel)
    assert "is the new baseline of late of eta (number 1)" in moved.world.command(
        "baseline accept the summer timetable", channel=channel
    )
    assert moved.call("POST", "/v1/baselines", incident=1).status_code == 409
    (shown,) = moved.call("GET", "/v1/baselines").json()
    assert (shown["reason"], shown["source"], shown["standing"]) == ("the summer timetable", "person", True)
    assert moved.call("DELETE", "/v1/baselines/1?by=ada").json()["undone_by"] == "ada"
    again = moved.call("DELETE", "/v1/baselines/1")
    assert (again.status_code, again.json()["error"]) == (409, "ada undid baseline 1 0 s before you.")
    assert "~`1` late of eta" in moved.world.command("baseline list", channel=channel)
    answer = moved.call("POST", "/v1/baselines", model="eta", monitor="late", start="2026-11-03T14:00:00", by="ada")
    assert (answer.status_code, answer.json()["keys"]) == (201, ["eta/late"])
    assert moved.judge("late", 40).state == "learning"
    assert "undone; late of eta compares as before" in moved.world.command("baseline undo 2", channel=channel)


@pytest.mark.parametrize(
    ("body", "status", "says"),
    [
        ({"model": "eta"}, 400, "`model` and `start`"),
        ({"incident": 1, "model": "eta"}, 400, "`incident` alone"),
        ({"incident": 99}, 404, "INC-99"),
        ({"model": "eat", "start": "2026-11-02T00:00:00"}, 404, "`eta`"),
        ({"model": "eta", "monitor": "lat", "start": "2026-11-02T00:00:00"}, 404, "`eta/late`"),
        ({"model": "eta", "start": "2027-11-02T00:00:00"}, 400, "in the future"),
        ({"model": "eta", "start": "soon"}, 422, "start"),
    ],
)
def test_a_baseline_that_cannot_be_is_refused(moved, body, status, says):
    answer = moved.call("POST", "/v1/baselines", **body)
    assert answer.status_code == status
    assert says in answer.text
    assert moved.read(Baseline) == []


def test_a_pinned_monitor_keeps_to_what_was_accepted(make_world):
    share, count = {**SHARE, "reference": "pinned", "baseline": 12}, {**COUNT, "reference": "pinned"}
    stream = Stream(make_world, share, count, columns=shifted(110, START + 90 * HOUR))
    assert stream.judge("late", 19).reference == "150 windows of the reference"
    assert "Monitor eta/rows is pinned and needs an accepted baseline" in stream.broken("rows", 19)
    answer = stream.call("POST", "/v1/baselines", model="eta", start="2026-11-02T20:00:00Z")
    assert answer.status_code == 201, answer.text
    assert stream.judge("late", 29).sentence.startswith("Learning: 9 of 10 baseline windows seen since 2 Nov 20:00 UTC")
    found = stream.judge("late", 80)
    assert (found.state, found.reference) == ("ok", "the first 12 windows since 2 Nov 20:00 UTC")
    assert stream.judge("late", 95).state == "firing"
    assert stream.judge("late", 105).state == "firing"
    assert stream.judge("late", 105).lower == pytest.approx(found.lower, abs=0.02)


def promote(stream, hour, version, **more):
    at = (START + timedelta(hours=hour)).isoformat()
    body = {"title": f"eta {version}", "kind": "model", "model": "eta", "version": version, "at": at, **more}
    assert stream.call("POST", "/v1/changes", **body).status_code == 201


def test_a_promotion_begins_a_new_baseline_of_answers(make_world):
    stream = Stream(make_world, SHARE, COUNT, columns=shifted())
    stream.judge("late", 37)
    promote(stream, 38, "7")
    found = stream.judge_all("late", range(38, 50))
    assert [one.state for one in found] == ["learning"] * 10 + ["ok"] * 2
    assert found[3].sentence == (
        "Learning: 3 of 10 baseline windows seen since 3 Nov 14:00 UTC (version 7 promoted), 7 to go."
    )
    assert stream.read(Alert) == []
    assert "since" not in stream.judge("rows", 45).reference
    (row,) = stream.read(Baseline)
    assert (row.source, row.reason) == ("promotion", "version 7 promoted")


def test_a_promotion_begins_anew_for_every_number_of_the_answers(make_world):
    score = {"name": "score", "metric": "score", "feature": None}
    columns = shifted()
    columns["score"] = np.random.default_rng(3).normal(0.4, 0.1, columns["at"].size) + 0.2 * since(columns, BROKE)
    stream = Stream(make_world, score, columns=columns, score="score")
    assert stream.judge("score", 37).state == "ok"
    promote(stream, 38, "7")
    assert [one.state for one in stream.judge_all("score", (38, 44, 48, 49))] == ["learning"] * 2 + ["ok"] * 2


@pytest.mark.parametrize("where", ["model", "monitor"])
def test_a_promotion_begins_nothing_where_the_configuration_says_so(make_world, where):
    share = {**SHARE, "promotion": "keep"} if where == "monitor" else SHARE
    stream = Stream(make_world, share, columns=shifted(), promotion=Promotion.KEEP if where == "model" else None)
    promote(stream, 38, "7")
    assert stream.judge("late", 38).state == "firing"
    assert stream.read(Baseline) == []


def test_a_promotion_can_be_undone(make_world):
    stream = Stream(make_world, SHARE, columns=shifted())
    promote(stream, 38, "7")
    assert stream.judge("late", 38).state == "learning"
    assert stream.call("DELETE", "/v1/baselines/1").status_code == 200
    assert stream.judge("late", 39).state == "firing"
    assert len(stream.read(Baseline)) == 1


def test_a_model_promoted_hourly_is_compared_across_versions(make_world):
    stream = Stream(make_world, SHARE, columns=shifted(80, BROKE + 8 * HOUR))
    stream.judge("late", 30)
    for hour in range(31, 40):
        promote(stream, hour, f"r{hour}")
    found = stream.judge("late", 40)
    assert found.state == "ok"
    assert found.sentence.endswith("; promoted 9 times in the last 24 h, comparing across versions instead")
    fired = stream.judge("late", 46)
    assert fired.state == "firing"
    assert "comparing across versions instead" in stream.read(Alert)[0].summary


def campaign(effect="expect", **more):
    """Hours 38 to 44 of the stream: 14:00 to 20:00 on 3 November."""
    event = {"name": "Black Friday", "start": "2026-11-03T14:00", "end": "2026-11-03T20:00", "effect": effect}
    return {"calendar": [{**event, **more}]}


def test_what_a_known_event_brings_is_evidence_and_pages_nobody(make_world):
    stream = Stream(make_world, SHARE, columns=shifted(), catalog=campaign())
    stream.judge("late", 37)
    found = stream.judge("late", 38)
    assert found.state == "firing"
    assert found.sentence.endswith(" (expected: Black Friday)")
    (alert,) = stream.read(Alert)
    assert (alert.route, alert.role, alert.incident_id) == ("evidence", "diagnostic", None)
    assert stream.world.get("/v1/incidents") == []


def test_what_goes_on_after_the_event_pages(make_world):
    stream = Stream(make_world, SHARE, columns=shifted(), catalog=campaign())
    stream.judge_all("late", range(37, 44))
    assert stream.world.get("/v1/incidents") == []
    found = stream.judge("late", 44)
    assert (found.state, "Black Friday" in found.sentence) == ("firing", False)
    assert [(alert.state, alert.route) for alert in stream.read(Alert)] == [
        ("resolved", "evidence"),
        ("firing", "page"),
    ]
    assert len(stream.world.get("/v1/incidents")) == 1


def test_an_outcome_pages_during_the_event_and_names_it(make_world):
    stream = Stream(make_world, {**SHARE, "role": "outcome"}, columns=shifted(), catalog=campaign())
    stream.judge("late", 37)
    stream.judge("late", 38)
    (incident,) = stream.world.get("/v1/incidents")
    assert incident["title"].endswith("(during Black Friday)")


def test_an_event_is_left_out_of_baselines(make_world):
    """The hours of the event alone are busy; after it the band is as it was, and a real shift shows."""
    columns = hours(80)
    there = since(columns, BROKE) & ~since(columns, BROKE + 6 * HOUR) | since(columns, BROKE + 12 * HOUR)
    more = there & (np.random.default_rng(8).uniform(size=columns["at"].size) < 0.2)
    columns["answer"] = np.where(more, "late", columns["answer"])
    stream = Stream(make_world, SHARE, columns=columns, catalog=campaign("leave_out"))
    before = stream.judge("late", 37)
    after = stream.judge("late", 46)
    assert (after.state, after.upper) == ("ok", pytest.approx(before.upper, abs=0.02))
    assert stream.judge("late", 50).state == "firing"


@pytest.mark.parametrize(("effect", "state"), [("leave_out", "firing"), ("widen", "ok")])
def test_limits_are_wider_within_an_event_that_says_so(make_world, effect, state):
    stream = Stream(make_world, SHARE, columns=shifted(extra=0.12), catalog=campaign(effect))
    assert stream.judge("late", 38).state == state
    titles = [incident["title"] for incident in stream.world.get("/v1/incidents")]
    assert [title[-21:] for title in titles] == ["(during Black Friday)"] * (state == "firing")


def test_an_event_of_another_model_changes_nothing(make_world):
    other = {"models": [model(SHARE).model_dump(mode="json"), {"name": "fraud"}], **campaign(models=["fraud"])}
    stream = Stream(make_world, SHARE, columns=shifted(), catalog=other)
    stream.judge("late", 37)
    assert "Black Friday" not in stream.judge("late", 38).sentence
    assert len(stream.world.get("/v1/incidents")) == 1


def doubled(columns, start, end):
    """Deliver a stretch once more: every row again."""
    inside = since(columns, start) & ~since(columns, end)
    order = np.argsort(np.concatenate([columns["at"], columns["at"][inside]]), kind="stable")
    return {name: np.concatenate([values, values[inside]])[order] for name, values in columns.items()}


def test_a_delivery_that_came_twice_is_named(make_world):
    stream = Stream(make_world, COUNT, SHARE, columns=doubled(hours(60), BROKE, BROKE + 4 * HOUR))
    stream.judge("rows", 37)
    found = stream.judge_all("rows", range(38, 42))
    assert {one.state for one in found} == {"firing"}
    assert all("(50 %) repeat an earlier row in every column: delivered twice" in one.sentence for one in found)
    assert stream.judge("late", 38).state == "ok"
    assert [one.state for one in stream.judge_all("rows", (42, 43))] == ["ok", "ok"]
    (alert,) = stream.read(Alert)
    assert alert.summary.startswith("eta got 1,1")


def test_a_table_that_doubles_is_one_alert_until_it_is_accepted(make_world):
    columns = hours(38)
    grown = hours(50, a_window=1200, seed=3, start=BROKE)
    columns = {name: np.concatenate([values, grown[name]]) for name, values in columns.items()}
    stream = Stream(make_world, {**COUNT, "severity": "SEV2"}, columns=columns)
    stream.judge("rows", 37)
    found = stream.judge_all("rows", range(38, 44))
    assert {one.state for one in found} == {"firing"}
    assert found[0].sentence.endswith("; 2.1 times as many as usual, and they are new rows, not the same ones again")
    (alert,) = stream.read(Alert)
    assert alert.evaluations == 6
    stream.world.click("Expected")
    stream.world.click("Accept as new baseline")
    after = stream.judge_all("rows", range(44, 52))
    assert {one.state for one in after[:4]} == {"learning"}
    assert {one.state for one in after[4:]} == {"ok"}
    assert stream.read(Alert)[0].state == "resolved"


@pytest.mark.parametrize(
    ("jump", "says"),
    [
        (np.timedelta64(30, "D"), "rows are dated after now, up to 2026-12-03 14:59 UTC: did a clock jump ahead?"),
        (-np.timedelta64(3, "h"), "are dated 2026-11-03 11:00 to 12:00 UTC: did a clock jump back?"),
    ],
)
def test_a_clock_that_jumps_is_named(make_world, jump, says):
    columns = hours(39)
    hit = since(columns, BROKE) & ~since(columns, BROKE + HOUR) & (np.arange(columns["at"].size) % 10 > 0)
    columns["at"] = np.where(hit, columns["at"] + jump, columns["at"])
    stream = Stream(make_world, COUNT, columns=columns)
    found = stream.judge("rows", 38)
    assert found.state == "firing"
    assert found.sentence.startswith("eta got 5")
    assert found.sentence.endswith(says)


def test_rows_that_are_nowhere_else_are_just_missing(make_world):
    columns = hours(39)
    kept = ~since(columns, BROKE) | since(columns, BROKE + HOUR) | (np.arange(columns["at"].size) % 10 == 0)
    stream = Stream(make_world, COUNT, columns={name: values[kept] for name, values in columns.items()})
    found = stream.judge("rows", 38)
    assert (found.state, found.sentence[-1]) == ("firing", ")")


def test_a_new_category_every_day_alarms_nobody(make_world):
    """A build's number: each day has one that no day had before."""
    columns = hours(24 * 14, a_window=60)
    day = (columns["at"] - naive(START)) // np.timedelta64(1, "D")
    columns["carrier"] = np.array([f"build-{number}" for number in day.tolist()], dtype=object)
    drift = {"name": "inputs", "metric": "drift", "window": "1d", "reference": "rolling", "feature": "carrier"}
    stream = Stream(make_world, {**drift, "baseline": 8}, columns=columns)
    found = stream.judge_all("inputs", range(9 * 24, 13 * 24, 24))
    assert [one.state for one in found] == ["ok"] * 4
    assert stream.read(Alert) == []


def test_a_category_that_was_never_new_still_drifts(make_world):
    columns = hours(24 * 14, a_window=60)
    late = since(columns, START + 12 * 24 * HOUR) & (np.random.default_rng(2).uniform(size=columns["at"].size) < 0.4)
    columns["carrier"] = np.where(late, "ZZ", columns["carrier"])
    drift = {"name": "inputs", "metric": "drift", "window": "1d", "reference": "rolling", "feature": "carrier"}
    stream = Stream(make_world, {**drift, "baseline": 8}, columns=columns)
    assert stream.judge("inputs", 11 * 24).state == "ok"
    found = stream.judge("inputs", 12 * 24)
    assert found.state == "firing"
    assert "ZZ" in found.sentence


def test_a_new_category_every_day_against_a_fixed_reference_is_one_line_of_evidence(make_world):
    columns = hours(24 * 14, a_window=60)
    day = (columns["at"] - naive(START)) // np.timedelta64(1, "D")
    columns["carrier"] = np.array([f"build-{number}" for number in day.tolist()], dtype=object)
    stream = Stream(
        make_world, {"name": "inputs", "metric": "drift", "window": "1d", "feature": "carrier"}, columns=columns
    )
    stream.judge_all("inputs", range(9 * 24, 13 * 24, 24))
    (alert,) = stream.read(Alert)
    assert (alert.route, alert.evaluations, alert.incident_id) == ("evidence", 4, None)


def test_the_same_weekday_is_compared_where_weeks_have_a_rhythm(make_world):
    """Weekends have three times the late flights: against the days before each Saturday stands out or all is wide."""
    weeks = 9
    columns = hours(24 * 7 * weeks, a_window=60)
    day = (columns["at"] - naive(START)) // np.timedelta64(1, "D") % 7
    chance = np.where(day >= 5, 0.6, 0.2)
    columns["answer"] = np.where(np.random.default_rng(4).uniform(size=day.size) < chance, "late", "on time").astype(
        object
    )
    weekly = {**SHARE, "window": "1d", "reference": "same_weekday"}
    rolling = {**SHARE, "name": "rolling", "window": "1d"}
    stream = Stream(make_world, weekly, rolling, columns=columns)
    early = stream.judge("late", 24 * 7 * 3 + 5 * 24)
    assert early.sentence == "Learning: 3 of 6 weeks at this time seen, 3 to go."
    saturday, monday = 24 * (7 * 8 + 5), 24 * 7 * 8
    found = stream.judge("late", saturday)
    assert (found.state, found.reference) == ("ok", "the same hours of 8 weeks before")
    assert 0.5 < found.lower < 0.6 < found.upper < 0.7
    assert stream.judge("late", monday).upper < 0.3
    wide = stream.judge("rolling", saturday)
    assert wide.upper - wide.lower > 4 * (found.upper - found.lower)
    one = stream.watched["eta/rolling"]
    window = Window(START + saturday * HOUR, START + (saturday + 24) * HOUR)
    hint = rhythm_hint(one, stream.rows, window)
    assert hint.startswith("The band is wide because weeks have a rhythm: over 6 weeks, windows of 1d differ ")
    assert "`reference: same_weekday`" in hint
    assert rhythm_hint(stream.watched["eta/late"], stream.rows, window) is None
    assert rhythm_hint(one, Table(hours(24 * 7 * weeks, a_window=60), None), window) is None


class Live(Watching):
    """The monitors' own loop on a stream, nobody seeing a row before its time."""

    def __init__(self, make_world, *monitors, columns, catalog=None):
        self.columns, self.problem = columns, None
        told = model(*[{"shadow": False, **one} for one in monitors]).model_dump(mode="json")
        self.catalog = Catalog.model_validate({"models": [told], **(catalog or {})})
        self.world = make_world(self.catalog)
        self.monitors = self.another()

    def hour(self, number):
        """Let the monitors look a minute after this hour is over; returns what is shown of the monitor."""
        self.at(hours=number + 1, minutes=1)
        self.world.muster.tick()
        return self.state("late")


def test_the_loop_compares_with_what_was_accepted(make_world):
    live = Live(make_world, SHARE, columns=shifted())
    live.hour(37)
    assert live.hour(39).state == "firing"
    live.world.click("Expected")
    live.world.click("Accept as new baseline")
    assert live.hour(40).sentence.startswith("Learning: 2 of 10 baseline windows seen since 3 Nov 14:00 UTC (INC-1 was")
    assert live.hour(52).state == "ok"
    assert live.read(Alert)[0].state == "resolved"
    assert live.read(Incident)[0].status == "monitoring"


def test_the_loop_begins_anew_with_a_promotion(make_world):
    live = Live(make_world, SHARE, columns=shifted())
    live.hour(37)
    body = {"title": "eta 7", "kind": "model", "model": "eta", "version": "7", "at": BROKE.isoformat()}
    headers = {"Authorization": f"Bearer {API}"}
    assert live.world.http.post("/v1/changes", json=body, headers=headers).status_code == 201
    live.world.clock.at = BROKE + timedelta(minutes=1)
    live.world.muster.tick()
    assert live.hour(40).state == "learning"
    assert live.hour(52).state == "ok"
    assert live.read(Alert) == []


def test_the_loop_keeps_a_known_event_quiet_and_pages_after_it(make_world):
    live = Live(make_world, SHARE, columns=shifted(), catalog=campaign())
    for number in range(37, 44):
        live.hour(number)
    assert live.state("late").sentence.endswith("(expected: Black Friday)")
    assert live.world.get("/v1/incidents") == []
    live.hour(44)
    (incident,) = live.world.get("/v1/incidents")
    assert "Black Friday" not in incident["title"]


@pytest.fixture
def muster(moved, tmp_path, monkeypatch):
    """The command line on the database of an open incident; returns the exit status and what was printed."""
    config = tmp_path / "muster.yaml"
    config.write_text(json.dumps(moved.catalog.model_dump(mode="json", exclude_none=True)))
    monkeypatch.setenv("MUSTER_CONFIG", str(config))
    monkeypatch.setenv("DATABASE_URL", moved.world.settings.database_url)

    def run(*arguments):
        answer = CliRunner().invoke(app, ["baseline", *arguments])
        return answer.exit_code, answer.exception.message if answer.exit_code == 1 else answer.output

    return run


def test_the_command_line_accepts_lists_and_undoes(moved, muster):
    assert muster("list") == (0, "None yet: every monitor compares as muster.yaml says.\n")
    status, said = muster("accept", "INC-1", "--reason", "the summer timetable")
    assert status == 0
    assert said.startswith("   1  late of eta since 2026-11-03 14:00 UTC: the summer timetable (person ")
    assert said.endswith("Undo it: muster baseline undo 1\n")
    assert moved.judge("late", 40).state == "learning"
    assert json.loads(muster("list", "--json")[1])[0]["incident_id"] == 1
    assert "undone by" in muster("undo", "1")[1]
    assert "undid baseline 1" in muster("undo", "1")[1]
    assert "Say since when" in muster("accept", "eta/late")[1]
    assert "is no time" in muster("accept", "eta/late", "--since", "soon")[1]
    assert muster("accept", "eta", "--since", "2026-11-03T14:00")[0] == 0
    assert moved.read(Baseline)[-1].keys == []
