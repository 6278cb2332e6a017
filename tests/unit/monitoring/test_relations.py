"""Whether features belong together, as a monitor: learning, firing with its words, leaving out, and odd columns."""

from datetime import timedelta

import numpy as np
import pytest
from pydantic import ValidationError

from bot.catalog.kinds import AlertKind, AlertRole
from bot.catalog.monitors import Monitor
from bot.monitoring.budgets.runs import scored
from bot.monitoring.finding import State
from bot.monitoring.judges.judging import judge
from bot.monitoring.judges.terms import Terms
from bot.monitoring.watched import Watched
from bot.monitoring.windows import Window
from tests.unit.monitoring.flights import HOUR, START, Table, hours, model, since

TOGETHER = {"name": "together", "metric": "multivariate", "baseline": 14, "min_rows": 100}


def air(count, seed=1, rows=250):
    """Flights whose arrival follows their departure, and whose time in the air follows the distance."""
    columns = hours(count, a_window=rows, seed=seed)
    rng = np.random.default_rng(seed + 100)
    columns["arr_delay"] = columns["dep_delay"] + rng.normal(0, 8, columns["at"].size)
    columns["air_time"] = columns["distance"] / 8 + rng.normal(0, 10, columns["at"].size)
    return columns


FEATURES = {name: {} for name in ("dep_delay", "arr_delay", "distance", "air_time", "carrier")}


def wrongly_joined(columns, moment, only=None):
    hit = np.flatnonzero(since(columns, moment) & (True if only is None else columns["origin"] == only))
    columns["air_time"][hit] = columns["air_time"][np.random.default_rng(5).permutation(hit)]
    return columns


def found(columns, hour=15, monitor=TOGETHER, terms=None, **data):
    made = model(monitor, **{"features": FEATURES, "reference": None, **data})
    window = Window(START + hour * HOUR, START + (hour + 1) * HOUR)
    return judge(Watched(made, made.monitors[0]), Table(columns), window, terms or Terms())


def test_an_ordinary_window_is_ok_and_says_how_far_it_lies():
    finding = found(air(16))
    assert finding.state is State.OK
    assert finding.sentence.startswith("eta: the columns belong together as before (")
    assert finding.value < finding.upper
    assert finding.reference == "14 windows before"
    assert len(finding.data["before"]) == 14
    assert finding.surprise < 2.5


def test_a_wrong_join_fires_with_the_column_to_look_at():
    finding = found(wrongly_joined(air(16), START + 15 * HOUR))
    assert finding.state is State.FIRING
    assert finding.sentence.startswith("eta: air_time and distance no longer belong together (correlation 0.9")
    assert "each column by itself looks as before, as after a wrong join" in finding.sentence
    assert finding.surprise > 3
    assert finding.data["broken"][0][:2] == ["air_time", "distance"]
    assert finding.segment is None


def test_the_segment_of_a_wrong_join_is_named():
    finding = found(wrongly_joined(air(16, rows=400), START + 15 * HOUR, "EWR"))
    assert finding.state is State.FIRING
    assert finding.segment == "origin=EWR"
    assert finding.sentence.endswith("; it is so at origin=EWR")
    assert finding.affected in {"38 %", "39 %", "40 %", "41 %", "42 %"}


def test_what_is_looser_hour_after_hour_is_seen_by_its_run():
    columns = air(44)
    rng = np.random.default_rng(3)
    looser = columns["air_time"] + 8 * rng.normal(size=columns["at"].size)
    columns["air_time"] = np.where(since(columns, START + 34 * HOUR), looser, columns["air_time"])
    past, findings = [], []
    for hour in range(30, 40):
        terms = Terms(alarm_rate=1e-6, lasting_rate=0.01, scored=tuple(past))
        findings.append(found(columns, hour, monitor={**TOGETHER, "baseline": 30}, terms=terms))
        window = Window(START + hour * HOUR, START + (hour + 1) * HOUR)
        past.append(scored(window, findings[-1].value, findings[-1].data))
    fired = [at for at, one in enumerate(findings) if one.state is State.FIRING]
    assert fired
    assert fired[0] > 4
    first = findings[fired[0]]
    assert first.value < first.upper
    assert first.onset >= START + 34 * HOUR
    assert " since 3 Nov 1" in first.sentence
    assert " sigmas from the windows before on average, usually " in first.sentence


def test_it_learns_until_it_has_windows_enough():
    finding = found(air(16), hour=6)
    assert finding.state is State.LEARNING
    assert finding.sentence == "Learning: 6 of 10 baseline windows seen, 4 to go."
    assert finding.data["missing"] == 4


def test_nothing_is_learnt_from_windows_of_trouble():
    columns = wrongly_joined(air(16), START + 11 * HOUR)
    known = found(columns, hour=14, terms=Terms(lambda window: window.start >= START + 11 * HOUR))
    assert known.state is State.FIRING
    assert known.reference == "11 windows before"
    assert found(columns, hour=14).value < known.value / 3


def test_few_rows_and_none_are_said():
    columns = air(16, rows=20)
    assert found(columns).state is State.TOO_FEW
    assert found(columns, hour=40).state is State.NO_DATA


def test_keys_that_rise_and_names_that_are_new_each_hour_are_no_change():
    columns = air(16, rows=200)
    rows = columns["at"].size
    columns["id"] = np.arange(rows, dtype=float)
    columns["build"] = ((columns["at"] - columns["at"][0]) // np.timedelta64(1, "h")).astype(str).astype(object)
    finding = found(columns, features={**FEATURES, "id": {}, "build": {}})
    assert finding.state is State.OK


def test_it_is_a_guardrail_of_the_inputs():
    one = Watched(made := model(TOGETHER), made.monitors[0])
    assert (one.kind, one.role, one.pages) == (AlertKind.DRIFT, AlertRole.GUARDRAIL, True)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"feature": "distance"}, "looks at all features at once, without `feature` or `rule`"),
        ({"rule": {"above": 5}}, "looks at all features at once, without `feature` or `rule`"),
        ({"baseline": 9}, "learns from a `baseline` of at least 10 windows"),
        ({"by": "origin"}, "`by` goes with "),
        ({"reference": "pinned"}, "`reference` can be chosen for "),
    ],
)
def test_settings_it_cannot_follow_are_refused(change, says):
    with pytest.raises(ValidationError, match=says):
        Monitor.model_validate({**TOGETHER, **change})


def test_hours_far_apart_are_judged_by_rows_of_all_of_them():
    columns = air(16)
    kept = (columns["at"] - columns["at"][0]) // timedelta(hours=1) != 7
    finding = found({name: values[kept] for name, values in columns.items()})
    assert finding.reference == "13 windows before"
