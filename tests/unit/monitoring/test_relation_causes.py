"""Where a window differs from those before: a campaign that harms nobody, a mix that does, a version, a segment."""

import numpy as np
import pytest

from bot.monitoring.finding import HARMLESS, WHAT, State
from bot.monitoring.judges.terms import Terms
from tests.unit.monitoring.flights import HOUR, START, since
from tests.unit.monitoring.test_relations import FEATURES, air, found, wrongly_joined

LAST = START + 15 * HOUR
ROWS = 400
LEARNT = {"prediction": None, "score": "score", "version": "version", "features": {**FEATURES, "origin": {}}}


def answered(seed=1, count=16, rows=ROWS, **leans):
    """Flights with a score that leans on their columns, all answered by version v1."""
    columns = air(count, seed=seed, rows=rows)
    columns["score"] = scores(columns, **leans)
    columns["version"] = np.full(columns["at"].size, "v1", dtype=object)
    return columns


def scores(columns, on_carrier=0.0):
    seen = columns["dep_delay"] / 40 + (columns["distance"] - 900) / 500
    return seen + on_carrier * (columns["carrier"] == "AA")


def more_of(columns, name, value, times=4):
    """From the last hour on rows of that value come more often, in place of others."""
    rng = np.random.default_rng(9)
    last = np.flatnonzero(since(columns, LAST))
    weights = 1.0 + (times - 1) * (columns[name][last] == value)
    chosen = rng.choice(last, last.size, p=weights / weights.sum())
    for each in columns:
        if each != "at":
            columns[each][last] = columns[each][chosen]
    return columns


def test_a_campaign_that_hardly_moves_the_answers_pages_nobody_and_is_told():
    columns = more_of(answered(), "carrier", "AA")
    finding = found(columns, **LEARNT)
    assert finding.state is State.OK
    assert finding.sentence.startswith("eta: carrier came in another mix, and all else is as that lets expect (")
    assert finding.data[HARMLESS] is True
    assert finding.data["mixed"] == ["carrier"]
    assert finding.value <= finding.upper


def test_a_mix_that_moves_the_answers_pages_with_the_column_it_is_of():
    finding = found(more_of(answered(on_carrier=3.0), "carrier", "AA"), **LEARNT)
    assert finding.state is State.FIRING
    assert finding.feature == "carrier"
    assert finding.sentence.endswith("; the answers moved with it")
    assert HARMLESS not in finding.data


def test_a_mix_of_one_segment_is_placed_there():
    columns = answered()
    far = (columns["origin"] == "JFK") & (columns["distance"] > np.median(columns["distance"]))
    last = np.flatnonzero(since(columns, LAST))
    weights = 1.0 + 7.0 * far[last]
    chosen = np.random.default_rng(9).choice(last, last.size, p=weights / weights.sum())
    for name in columns.keys() - {"at"}:
        columns[name][last] = columns[name][chosen]
    finding = found(columns, segments=["origin", "carrier"], **LEARNT)
    assert finding.state is State.FIRING
    assert (finding.feature, finding.segment) == ("distance", "origin=JFK")
    assert finding.sentence.startswith("eta: distance moved at origin=JFK alone; ")


def test_a_number_that_is_filled_in_is_no_mix_though_the_answers_hardly_move():
    columns = answered()
    last = np.flatnonzero(since(columns, LAST))
    hit = last[np.random.default_rng(3).random(last.size) < 0.3]
    columns["dep_delay"][hit] = columns["arr_delay"][hit] = np.median(columns["dep_delay"])
    finding = found(columns, **LEARNT)
    assert finding.state is State.FIRING
    assert "another mix" not in finding.sentence or finding.sentence.endswith("; the answers moved with it")


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_a_new_version_that_answers_otherwise_is_the_cause(share):
    columns = answered()
    new = since(columns, LAST) & (np.random.default_rng(2).random(columns["at"].size) < share)
    columns["version"][new] = "v2"
    columns["score"][new] = np.random.default_rng(4).permutation(columns["score"][new])
    finding = found(columns, **LEARNT)
    assert finding.state is State.FIRING
    assert (finding.feature, finding.segment) == ("version", "version=v2")
    assert finding.sentence.startswith("eta: version v2 answers otherwise than those before: ")


def test_an_ordinary_window_keeps_what_its_run_would_say():
    columns = answered()
    hit = since(columns, LAST) & (np.random.default_rng(3).random(columns["at"].size) < 0.3)
    columns["version"][hit] = "v2"
    columns["score"][hit] = scores({name: values[::-1] for name, values in columns.items()})[hit]
    finding = found(columns, terms=Terms(alarm_rate=1e-9), **LEARNT)
    assert finding.state is State.OK
    assert finding.sentence.startswith("eta: the columns belong together as before (")
    what = finding.data[WHAT]
    assert what["said"].startswith("version v2 answers otherwise than those before: ")
    assert "sigmas" not in what["said"]
    assert (what["feature"], what["segment"]) == ("version", "version=v2")
    assert finding.segment is None


def test_a_version_that_came_with_a_wrong_join_is_not_its_cause():
    columns = wrongly_joined(answered(), LAST)
    new = since(columns, LAST) & (np.random.default_rng(2).random(columns["at"].size) < 0.5)
    columns["version"][new] = "v2"
    finding = found(columns, **LEARNT)
    assert finding.state is State.FIRING
    assert finding.segment is None
    assert finding.sentence.startswith("eta: air_time no longer belongs with distance (correlation 0.9")


def test_a_wrong_join_of_all_rows_is_put_into_no_segment():
    for seed in (1, 2, 3):
        columns = wrongly_joined(answered(seed), LAST)
        assert found(columns, **LEARNT).segment is None


def test_what_breaks_in_a_segment_too_small_to_show_among_all_rows_is_found_there():
    """The correlation of all rows falls from .09 to 0, within a tenth of them from .98."""
    columns = answered(2, rows=2400)
    rng = np.random.default_rng(9)
    near = rng.random(columns["at"].size) < 0.1
    columns["origin"] = np.where(near, "LGA", np.where(columns["origin"] == "LGA", "JFK", columns["origin"]))
    columns["taxi"] = rng.normal(size=near.size)
    hit = np.flatnonzero(since(columns, LAST) & near)
    lost = rng.permutation(hit)
    followers = ("queue", "stand", "gate")
    for name in followers:
        columns[name] = np.where(near, columns["taxi"] + 0.2 * rng.normal(size=near.size), rng.normal(size=near.size))
    columns["taxi"][hit] = columns["taxi"][lost]
    more = {name: {} for name in ("taxi", *followers)}
    finding = found(columns, **{**LEARNT, "features": {**LEARNT["features"], **more}})
    assert finding.state is State.FIRING
    assert (finding.feature, finding.segment) == ("taxi", "origin=LGA")
    assert finding.sentence.startswith("eta: taxi no longer belongs with ")
    assert "; it is so at origin=LGA (" in finding.sentence


def test_of_twice_as_many_rows_as_many_as_usual_are_judged():
    columns = air(16, rows=300)
    last = np.flatnonzero(since(columns, LAST))
    more = {name: np.concatenate([values, values[last]]) for name, values in columns.items()}
    finding = found(more)
    assert finding.state is State.OK
    assert finding.rows == 2 * last.size
