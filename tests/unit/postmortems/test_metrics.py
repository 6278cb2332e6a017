"""TTD, TTA, TTM, TTR: from when to when, and what is not reached."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.postmortems.metrics import Sighting, delays, duration, metrics
from bot.tables import Incident

AT = datetime(2026, 11, 2, 2, 40, tzinfo=UTC)
MINUTES = st.integers(0, 10_000).map(lambda minutes: timedelta(minutes=minutes))


def incident(**times):
    return Incident(
        slug="x", kind="x", severity="SEV2", severity_source="rule", **{"onset_at": AT, "opened_at": AT, **times}
    )


def lengths(one):
    return {metric.key: metric.length for metric in metrics(one)}


def test_users_suffer_from_the_onset_and_people_answer_from_the_detection():
    one = incident(
        detected_at=AT + timedelta(minutes=20),
        acknowledged_at=AT + timedelta(minutes=23),
        mitigated_at=AT + timedelta(minutes=46),
        resolved_at=AT + timedelta(minutes=90),
    )
    assert {key: length.seconds // 60 for key, length in lengths(one).items()} == {
        "ttd": 20,
        "tta": 3,
        "ttm": 46,
        "ttr": 90,
    }


def test_what_did_not_happen_is_not_reached():
    assert lengths(incident(detected_at=AT)) == {"ttd": timedelta(0), "tta": None, "ttm": None, "ttr": None}


@given(st.tuples(*[MINUTES] * 4))
def test_in_order_moments_give_ordered_lengths(gaps):
    detected, acknowledged, mitigated, resolved = (AT + sum(gaps[: n + 1], timedelta(0)) for n in range(4))
    found = lengths(
        incident(detected_at=detected, acknowledged_at=acknowledged, mitigated_at=mitigated, resolved_at=resolved)
    )
    assert timedelta(0) <= found["ttd"] <= found["ttm"] <= found["ttr"]
    assert found["ttd"] + found["tta"] <= found["ttr"]


@given(st.integers(-10_000, 10_000))
def test_no_length_is_negative_however_clocks_disagree(minutes):
    one = incident(detected_at=AT, acknowledged_at=AT + timedelta(minutes=minutes))
    assert lengths(one)["tta"] >= timedelta(0)


@pytest.mark.parametrize(
    ("seconds", "says"),
    [(0, "0 s"), (59, "59 s"), (60, "1 min"), (3599, "59 min"), (3600, "1 h"), (3900, "1 h 5 min"), (97200, "1 d 3 h")],
)
def test_lengths_are_said_in_two_units(seconds, says):
    assert duration(timedelta(seconds=seconds)) == says


def test_the_way_to_a_person_is_split_into_data_detection_and_people():
    """A day's fall seen two days later: the day had to fill, and its labels took most of another."""
    end = AT + timedelta(days=1)
    one = incident(detected_at=AT + timedelta(days=2), acknowledged_at=AT + timedelta(days=2, minutes=4))
    found = {metric.key: metric.length for metric in delays(one, Sighting(end, end + timedelta(hours=20)))}
    assert found == {"data": timedelta(hours=20), "detection": timedelta(hours=28), "human": timedelta(minutes=4)}
    unknown = {metric.key: metric.length for metric in delays(one, None)}
    assert unknown == {"data": timedelta(0), "detection": timedelta(days=2), "human": timedelta(minutes=4)}


@given(st.tuples(*[st.integers(-5000, 5000).map(lambda minutes: timedelta(minutes=minutes))] * 3))
def test_the_parts_of_detection_add_up_whatever_clocks_say(gaps):
    one = incident(detected_at=AT + gaps[0])
    data, detection, human = delays(one, Sighting(AT + gaps[1], AT + gaps[2]))
    assert data.length + detection.length == lengths(one)["ttd"]
    assert min(data.length, detection.length) >= timedelta(0)
    assert human.length is None
