"""A monitor run over a model's past: the same findings as live, and what would have been one alert."""

from datetime import UTC, timedelta

import numpy as np
import pytest

from bot.catalog.config import Model
from bot.core.errors import BotError
from bot.data import open_model
from bot.data.held import HeldRows
from bot.monitoring.finding import Finding, State
from bot.monitoring.judges.judging import judge
from bot.monitoring.judges.terms import Terms
from bot.monitoring.rehearsal import Rehearsed, episodes, rehearse, windows_between, windows_of
from bot.monitoring.watched import Watched
from bot.monitoring.windows import Window
from tests.unit.monitoring.flights import HOUR, START, hours, since, write

RATE = 0.5 / 168
MONITORS = [
    {"name": "late", "metric": "class_share", "value": "late"},
    {"name": "rows", "metric": "row_count"},
    {"name": "range", "metric": "range", "feature": "dep_delay"},
    {"name": "drift", "metric": "drift"},
]


@pytest.fixture(scope="module")
def flights(tmp_path_factory):
    """Sixty hours of flights in files; from hour 48 to 52 every other one is called late."""
    folder = tmp_path_factory.mktemp("flights")
    columns = hours(60, a_window=250)
    trouble = since(columns, START + 48 * HOUR) & ~since(columns, START + 52 * HOUR)
    rng = np.random.default_rng(5)
    columns["answer"] = np.where(trouble & (rng.uniform(size=trouble.size) < 0.4), "late", columns["answer"])
    write(folder / "flights.parquet", columns)
    write(folder / "reference.parquet", {name: values for name, values in hours(40, seed=9).items() if name != "at"})
    settings = {
        "predictions": "flights.parquet",
        "reference": "reference.parquet",
        "time": "at",
        "prediction": "answer",
    }
    features = {"dep_delay": {}, "distance": {}, "carrier": {}}
    return folder, Model.model_validate(
        {"name": "eta", "data": {**settings, "features": features, "segments": ["origin"]}, "monitors": MONITORS}
    )


def watched(model, name):
    return Watched(model, next(one for one in model.monitors if one.name == name))


@pytest.mark.parametrize("name", ["late", "rows", "range", "drift"])
def test_a_rehearsal_finds_what_the_monitor_finds_live(flights, name):
    folder, model = flights
    rows, one = open_model(model, folder), watched(model, name)
    windows = windows_of(rows, one)[40:56]
    fired = set()
    for seen in rehearse(one, rows, windows_of(rows, one), alarm_rate=RATE):
        if seen.finding.state is State.FIRING:
            fired.add(seen.window)
        if seen.window in windows:
            live = judge(one, rows, seen.window, Terms(fired.difference({seen.window}).__contains__, RATE))
            assert seen.finding == live


def test_four_hours_of_trouble_are_one_alert_that_ends(flights):
    folder, model = flights
    rows, one = open_model(model, folder), watched(model, "late")
    (found,) = episodes(rehearse(one, rows, windows_of(rows, one), alarm_rate=RATE))
    assert START + 47.9 * HOUR <= found.start <= START + 48.5 * HOUR
    assert found.seen == START + 49 * HOUR
    assert found.end == START + 54 * HOUR, "two clean windows end it"
    assert "answers late in" in found.sentence


def test_progress_is_told_window_by_window(flights):
    folder, model = flights
    rows, one, told = open_model(model, folder), watched(model, "rows"), []
    list(rehearse(one, rows, windows_of(rows, one), progress=lambda done, of: told.append((done, of))))
    assert told == [(at, len(told)) for at in range(1, len(told) + 1)]
    assert len(told) >= 58


def test_what_cannot_be_judged_is_broken_with_its_reason(flights):
    folder, model = flights
    missing = Watched(model, model.monitors[2].model_copy(update={"feature": "gone"}))
    rows = open_model(model, folder)
    found = list(rehearse(missing, rows, windows_of(rows, missing)[:3]))
    assert {seen.finding.state for seen in found} == {State.BROKEN}
    assert "no column `gone`" in found[0].finding.sentence


def test_rows_held_in_memory_answer_as_the_files_do(flights):
    folder, model = flights
    source = open_model(model, folder)
    held = HeldRows(source, START, START + 60 * HOUR)
    for first, last in ((0, 1), (7, 12), (59, 60), (70, 80)):
        window = (START + first * HOUR, START + last * HOUR)
        ours = held.window("predictions", *window, ["dep_delay", "answer"])
        theirs = source.window("predictions", *window, ["dep_delay", "answer"])
        assert ours.rows == theirs.rows
        assert sorted(ours.columns["dep_delay"]) == sorted(theirs.columns["dep_delay"])
        counted = held.class_counts("answer", "late", *window, HOUR)
        assert counted == source.class_counts("answer", "late", *window, HOUR)
    assert held.window("reference", None, None, ["distance"]).rows == 24_000
    assert held.window("predictions", START, START + 60 * HOUR, ["distance"], most=100).rows == 100


def finding(state):
    return Finding(state, state.value)


def test_a_gap_or_a_small_window_neither_ends_nor_lengthens_an_alert():
    states = [State.FIRING, State.OK, State.FIRING, State.NO_DATA, State.OK, State.TOO_FEW, State.OK, State.OK]
    made = [
        Rehearsed(Window(START + at * HOUR, START + (at + 1) * HOUR), finding(state)) for at, state in enumerate(states)
    ]
    (found,) = episodes(made)
    assert (found.start, found.end) == (START, START + 7 * HOUR)
    (open_still,) = episodes(made[:3])
    assert open_still.end == START + 3 * HOUR


def test_windows_lie_on_the_clock_and_too_many_are_refused():
    first = (START + timedelta(minutes=20)).astimezone(UTC)
    found = windows_between(first, START + 5 * HOUR, HOUR)
    assert [window.start for window in found] == [START + at * HOUR for at in (1, 2, 3, 4)]
    with pytest.raises(BotError, match="shorter stretch"):
        windows_between(START, START + timedelta(days=3), timedelta(seconds=1))
    assert windows_between(START, START, HOUR) == []
