"""Known events: when they take place, and what they make of what fires."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.catalog.config import Catalog
from bot.catalog.load import parse_catalog
from bot.core.errors import ConfigError
from bot.monitoring.calendar import WIDENED, alarm_rate_in, events_in, noted, occurrences
from bot.monitoring.finding import Finding, State
from bot.monitoring.watched import Watched
from bot.monitoring.windows import Window
from tests.unit.monitoring.flights import HOUR, model

DAY = timedelta(days=1)
SHARE = {"name": "late", "metric": "class_share", "value": "late"}


def catalog(*events, **more):
    return Catalog.model_validate({"calendar": list(events), **more})


def one(**monitor):
    made = model({**SHARE, **monitor})
    return Watched(made, made.monitors[0])


def utc(*parts):
    return datetime(*parts, tzinfo=UTC)


def spans(where, start, end, length=HOUR):
    return [(event.name, event.span.start, event.span.end) for event in occurrences(where, "eta", start, end, length)]


def names(where, window):
    return [event.name for event in events_in(where, one(), window)]


def test_a_day_is_a_whole_local_day():
    sale = {"name": "sale", "start": "2026-11-27"}
    year = (utc(2026, 1, 1), utc(2027, 1, 1))
    assert spans(catalog(sale), *year) == [("sale", utc(2026, 11, 27), utc(2026, 11, 28))]
    there = spans(catalog(sale, timezone="America/New_York"), *year)
    assert there == [("sale", utc(2026, 11, 27, 5), utc(2026, 11, 28, 5))]
    longer = spans(catalog({**sale, "end": "2026-11-30"}), *year)
    assert longer == [("sale", utc(2026, 11, 27), utc(2026, 12, 1))]


def test_moments_may_bring_their_own_zone():
    event = {"name": "move", "start": "2026-11-27T08:00:00+02:00", "end": "2026-11-27T10:00:00+02:00"}
    found = spans(catalog(event, timezone="Asia/Tokyo"), utc(2026, 1, 1), utc(2027, 1, 1))
    assert found == [("move", utc(2026, 11, 27, 6), utc(2026, 11, 27, 8))]


def test_a_weekly_event_keeps_its_local_hour_through_a_change_of_clocks():
    """Berlin leaves summer time on 25 October 2026."""
    event = {"name": "batch", "start": "2026-10-16T08:00", "end": "2026-10-16T09:00", "repeat": "weekly"}
    found = spans(catalog(event, timezone="Europe/Berlin"), utc(2026, 10, 20), utc(2026, 11, 1))
    assert [start for _, start, _ in found] == [utc(2026, 10, 23, 6), utc(2026, 10, 30, 7)]


def test_an_event_repeats_from_its_first_time_on():
    weekly = catalog({"name": "w", "start": "2026-11-03", "repeat": "weekly"})
    assert spans(weekly, utc(2026, 10, 1), utc(2026, 11, 3)) == []
    assert len(spans(weekly, utc(2026, 10, 1), utc(2026, 12, 1))) == 4
    yearly = catalog({"name": "y", "start": "2024-12-24", "end": "2025-01-02", "repeat": "yearly"})
    assert spans(yearly, utc(2027, 1, 1), utc(2027, 1, 2)) == [("y", utc(2026, 12, 24), utc(2027, 1, 3))]
    leap = catalog({"name": "leap", "start": "2024-02-29", "repeat": "yearly"})
    assert spans(leap, utc(2026, 2, 1), utc(2026, 4, 1)) == [("leap", utc(2026, 2, 28), utc(2026, 3, 1))]


@given(st.integers(0, 3000), st.integers(1, 400), st.sampled_from(["weekly", "yearly"]))
def test_a_window_is_in_a_repeated_event_however_it_is_looked_for(days, reach, repeat):
    """What is found does not depend on how far around one looks."""
    event = catalog({"name": "e", "start": "2020-02-01", "end": "2020-02-02", "repeat": repeat})
    start = utc(2020, 1, 1) + days * DAY
    near = spans(event, start, start + DAY)
    wide = spans(event, start - reach * DAY, start + reach * DAY)
    assert near == [each for each in wide if each[1] < start + DAY and each[2] > start]


def test_holidays_are_local_days_and_count_for_windows_of_a_day_at_most():
    where = catalog(holidays="US", timezone="America/New_York")
    day = Window(utc(2026, 11, 26), utc(2026, 11, 27))
    after = Window(day.end, day.end + DAY)
    assert names(where, day) == ["Thanksgiving Day"]
    assert names(where, after) == []
    assert names(where, Window(utc(2026, 11, 26, 12), utc(2026, 11, 26, 13))) == ["Thanksgiving Day"]
    assert names(where, Window(utc(2026, 11, 23), utc(2026, 11, 30))) == []
    bavaria = catalog(holidays=["US", "DE-BY"])
    assert names(bavaria, Window(utc(2026, 1, 6), utc(2026, 1, 7))) == ["Epiphany"]


def test_a_window_lies_in_an_event_when_they_share_half_of_the_shorter():
    event = catalog({"name": "sale", "start": "2026-11-27T10:00", "end": "2026-11-27T12:00"})
    at = utc(2026, 11, 27)
    assert names(event, Window(at + 11 * HOUR, at + 12 * HOUR)) == ["sale"]
    assert names(event, Window(at + 11.75 * HOUR, at + 12.75 * HOUR)) == []
    assert names(event, Window(at, at + DAY)) == ["sale"]
    assert names(event, Window(at + 12 * HOUR, at + 13 * HOUR)) == []


def test_an_event_may_concern_some_models_only():
    models = [{"name": "eta"}, {"name": "fraud"}]
    event = {"name": "sale", "start": "2026-11-27", "models": ["fraud"]}
    window = Window(utc(2026, 11, 27), utc(2026, 11, 28))
    assert names(catalog(event, models=models), window) == []
    assert names(catalog({**event, "models": ["fraud", "eta"]}, models=models), window) == ["sale"]


WINDOW = Window(utc(2026, 11, 27, 10), utc(2026, 11, 27, 11))
FIRING = Finding(State.FIRING, "eta calls 40 % of flights late", rows=500)


def events(*effects):
    given_ = [{"name": f"E{at}", "start": "2026-11-27", "effect": effect} for at, effect in enumerate(effects)]
    return events_in(catalog(*given_), one(), WINDOW)


def test_what_is_expected_is_evidence_and_an_outcome_is_not_silenced():
    told, finding = noted(one(severity="SEV1"), FIRING, events("expect"))
    assert finding.sentence == "eta calls 40 % of flights late (expected: E0)"
    assert (told.pages, told.severity, told.key) == (False, None, "eta/late")
    told, finding = noted(one(role="outcome"), FIRING, events("expect"))
    assert (told.pages, finding.sentence) == (True, "eta calls 40 % of flights late (during E0)")


@pytest.mark.parametrize("effect", ["widen", "leave_out"])
def test_what_fires_in_any_other_event_names_it_and_is_told_as_ever(effect):
    told, finding = noted(one(), FIRING, events(effect))
    assert (told.pages, finding.sentence) == (True, "eta calls 40 % of flights late (during E0)")


def test_what_is_calm_stays_as_it_is():
    calm = Finding(State.OK, "as ever")
    assert noted(one(), calm, events("expect"))[1] is calm
    assert noted(one(), FIRING, [])[1] is FIRING


def test_limits_are_wider_only_where_an_event_says_so():
    assert alarm_rate_in(events("expect", "leave_out"), 0.001) == 0.001
    assert alarm_rate_in(events("expect", "widen"), 0.001) == 0.001 * WIDENED


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("calendar:\n  - {name: a, start: 2026-02-30}", "muster.yaml:2: '2026-02-30' is no date: day is out of range"),
        ("calendar:\n  - name: a\n    start: soon", "muster.yaml:3: `calendar.0.start`: 'soon' is no date; write 2026"),
        ("calendar:\n  - {name: a, start: 2026-02-03, end: 2026-02-01}", "muster.yaml:2: `calendar.0`: 'a' ends"),
        ("calendar:\n  - name: a\n    start: 2026-02-03T08:00", "muster.yaml:2: `calendar.0`: 'a' starts at"),
        ("calendar:\n  - {name: a, start: 2026-02-03, repeat: daily}", "muster.yaml:2: `calendar.0.repeat`: Input"),
        ("calendar:\n  - {name: a, start: 2026-02-03, models: [x]}", "event 'a' names the model 'x', which is not"),
        ("\nholidays: XX", "muster.yaml:2: `holidays`: no holidays are known for 'XX'"),
        ("holidays: NO", "muster.yaml:1: `holidays`: name countries by their ISO codes"),
        ("holidays: [DE-QQ]", "muster.yaml:1: `holidays`: DE has no part 'QQ'"),
        ("timezone: Mars", "muster.yaml:1: `timezone`: 'Mars' is no time zone"),
    ],
)
def test_a_date_that_cannot_be_is_told_with_its_line(text, says):
    with pytest.raises(ConfigError) as problem:
        parse_catalog(text)
    assert says in problem.value.message
