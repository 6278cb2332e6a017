"""What belongs together: a broken relation is seen and named, calm tables alarm no more than promised, laws hold."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.catalog.monitors import LEAST_RELATED
from bot.statistics.daily import Times
from bot.statistics.drift import compare_frames
from bot.statistics.relations.broken import Broken, changed_words
from bot.statistics.relations.multivariate import LEAST_WINDOWS, judge_multivariate
from bot.statistics.shortfall import Reason
from tests.suites.faults.tables import read
from tests.unit.statistics.related import CALM, less_alike, tenants, turned, wrongly_joined

WINDOWS, ROWS = 15, 400


def past(rng, draw=tenants, windows=WINDOWS, rows=ROWS):
    return [draw(rng, rows) for _ in range(windows)]


def joined(windows):
    return {name: np.concatenate([one[name] for one in windows]) for name in windows[0]}


def swapped(_rng, rows):
    return {**rows, "debt": rows["twin"], "twin": rows["rooms"], "rooms": rows["debt"]}


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        (wrongly_joined, "rent no longer belongs with income (correlation 0.9"),
        (less_alike, "debt and twin no longer belong together (correlation 0."),
        (turned, "debt and twin now run against each other (correlation 0."),
    ],
)
def test_a_broken_relation_is_seen_and_named_while_every_column_looks_as_before(fault, named):
    for seed in (0, 2, 3):
        rng = np.random.default_rng(seed)
        before, now = past(rng), fault(rng, tenants(rng, ROWS))
        assert not any(one.drifted for one in compare_frames(joined(before), now))
        found = judge_multivariate(before, now)
        assert found.outside
        assert found.p_value < 0.001
        assert found.sentence.startswith(named)
        assert found.moved == ()
        assert "as after a wrong join" in found.sentence
    if fault is wrongly_joined:
        assert found.column == "rent"
        assert {frozenset((one.first, one.second)) for one in found.broken} >= {frozenset(("rent", "income"))}


def test_swapped_columns_are_named_as_what_moved():
    rng = np.random.default_rng(4)
    found = judge_multivariate(past(rng), swapped(rng, tenants(rng, ROWS)))
    assert found.outside
    assert {one.column for one in found.moved} >= {"rooms", "twin"}


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_a_few_rows_of_two_rare_values_that_never_met_are_ordinary(rows):
    rng = np.random.default_rng(5)
    windows = [plans(rng, 700) for _ in range(21)]
    for one in windows[:-1]:
        one["plan"][one["site"] == "north"] = "basic"
    for name, value in (("plan", "trial"), ("site", "north")):
        windows[-1][name][:20] = "basic" if name == "plan" else "south"
        windows[-1][name][:rows] = value
    found = judge_multivariate(windows[:-1], windows[-1])
    assert not found.outside
    assert found.distance < found.limit


def plans(rng, rows):
    """Three columns that have nothing to do with each other; `trial` and `north` are rare."""
    return {
        "plan": rng.choice(["basic", "plus", "trial"], rows, p=[0.7, 0.288, 0.012]).astype(object),
        "site": rng.choice(["south", "west", "north"], rows, p=[0.6, 0.388, 0.012]).astype(object),
        "age": rng.normal(40, 10, rows),
    }


def test_swapped_twins_of_one_distribution_are_seen_by_what_they_belong_to():
    rng = np.random.default_rng(4)
    before, now = past(rng), tenants(rng, ROWS)
    now = {**now, "age": now["debt"] * 11 + 45, "debt": (now["age"] - 45) / 11}
    assert not any(one.drifted for one in compare_frames(joined(before), now))
    found = judge_multivariate(before, now)
    assert found.outside
    assert {one.first for one in found.broken} | {one.second for one in found.broken} >= {"age", "debt"}


def test_of_a_single_pair_the_one_that_left_other_columns_too_is_named():
    rng = np.random.default_rng(7)

    def draw(rng, rows):
        shared, own = rng.normal(size=(2, rows))
        side = 0.35 * shared + rng.normal(size=rows)
        return {"deposit": shared, "rent": shared + 0.3 * own, "rooms": side, "age": rng.normal(size=rows)}

    before = [draw(rng, ROWS) for _ in range(WINDOWS)]
    now = draw(rng, ROWS)
    now["rent"] = now["rent"][rng.permutation(ROWS)]
    found = judge_multivariate(before, now)
    assert found.outside
    pairs = [{one.first, one.second} for one in found.broken]
    assert {"deposit", "rent"} in pairs
    assert found.column == "rent"


@pytest.mark.parametrize("of_day", [0.0, 0.5])
def test_hours_of_days_that_differ_are_ordinary_and_a_wrong_join_in_one_of_them_is_not(of_day):
    rng = np.random.default_rng(11)
    hours, days = 8, 5
    by_day = [rng.normal(0, of_day, 2) for _ in range(days + 1)]

    def hour(at):
        return leaning(tenants(rng, 150), by_day[at // hours], rng)

    windows = [hour(at) for at in range(days * hours)]
    starts = np.array([86_400 * (at // hours) + 10_800 * (at % hours) for at in range(days * hours)], dtype=float)
    times = Times(starts, 86_400.0 * days)
    first = hour(days * hours)
    calm = judge_multivariate(windows, first, times=times)
    assert not calm.outside
    assert calm.windows == days * hours
    broken = judge_multivariate(windows, wrongly_joined(rng, first), times=times)
    assert broken.outside
    assert broken.column == "rent"


def leaning(rows, by, rng):
    """Rows drawn anew, those with more income or debt the oftener."""
    weights = np.exp(sum(lean * ranked(rows[name]) for lean, name in zip(by, ("income", "debt"), strict=True)))
    chosen = rng.choice(weights.size, weights.size, p=weights / weights.sum())
    return {name: values[chosen] for name, values in rows.items()}


def ranked(values):
    return 2 * np.argsort(np.argsort(values)) / values.size - 1


@pytest.mark.parametrize("kind", [kind for kind in CALM if kind != "loose"])
def test_calm_windows_alarm_no_more_than_promised(kind):
    """Two of twenty are promised; more than five come by chance one time in ninety."""
    alarms = 0
    for seed in range(20):
        rng = np.random.default_rng(seed)
        found = judge_multivariate(
            past(rng, CALM[kind], 12, 80), CALM[kind](rng, 80), false_alarm_rate=0.1, least_effect=0.0
        )
        alarms += found.outside
    assert alarms <= 5


def test_calm_windows_of_a_real_table_alarm_no_more_than_promised():
    table = read("housing")
    alarms = 0
    for seed in range(10):
        rows = np.random.default_rng(seed).permutation(table.rows)[: 13 * 100].reshape(13, 100)
        windows = [{key: values[part] for key, values in table.columns.items()} for part in rows]
        alarms += judge_multivariate(windows[:-1], windows[-1], false_alarm_rate=0.1, least_effect=0.0).outside
    assert alarms <= 3


def test_a_wrong_join_of_a_real_table_is_named():
    table = read("housing")
    rows = np.random.default_rng(0).permutation(table.rows)[: 13 * 300].reshape(13, 300)
    *before, now = [{key: values[part] for key, values in table.columns.items()} for part in rows]
    now["rooms"] = np.random.default_rng(1).permutation(now["rooms"])
    found = judge_multivariate(before, now)
    assert found.outside
    assert found.column == "rooms"
    assert found.p_value < 1e-3


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 2**31), scale=st.floats(0.01, 1e4), data=st.data())
def test_columns_may_come_in_any_order_and_unit(seed, scale, data):
    rng = np.random.default_rng(seed)
    before, now = past(rng, windows=10, rows=100), tenants(rng, 100)
    order = data.draw(st.permutations(list(now)))

    def changed(rows):
        return {name: rows[name] * scale if name == "rent" else rows[name] for name in order}

    first = judge_multivariate(before, now)
    second = judge_multivariate([changed(one) for one in before], changed(now))
    assert replace(second, sentence="") == replace(first, sentence="")


@settings(max_examples=6, deadline=None)
@given(seed=st.integers(0, 2**31), turns=st.integers(0, 2**31))
def test_the_order_of_rows_changes_little(seed, turns):
    rng = np.random.default_rng(seed)
    before, now = past(rng, windows=10, rows=150), wrongly_joined(rng, tenants(rng, 150))
    order = np.random.default_rng(turns).permutation(150)
    found = [judge_multivariate(before, each) for each in (now, {name: now[name][order] for name in now})]
    assert found[0].outside
    assert found[1].outside
    assert all("rent" in {each.broken[0].first, each.broken[0].second} for each in found)
    assert found[1].distance == pytest.approx(found[0].distance, rel=0.25)


def test_the_distances_of_the_windows_before_are_told_in_their_order():
    rng = np.random.default_rng(0)
    before = [tenants(rng, 20 if at == 3 else 100) for at in range(12)]
    before[5]["rent"] = rng.permutation(before[5]["rent"])
    found = judge_multivariate(before, tenants(rng, 100))
    assert (found.windows, len(found.before), found.before[3]) == (11, 12, None)
    assert max(range(12), key=lambda at: found.before[at] or 0.0) == 5


def test_what_is_not_enough_is_said():
    rng = np.random.default_rng(0)
    assert judge_multivariate(past(rng, windows=9, rows=60), tenants(rng, 60)).reason is Reason.TOO_FEW_WINDOWS
    assert judge_multivariate(past(rng, windows=12, rows=60), tenants(rng, 20)).reason is Reason.TOO_FEW_ROWS
    same = {"one": np.ones(60)}
    assert judge_multivariate([same] * 12, same).reason is Reason.NO_VARIATION
    assert LEAST_RELATED == LEAST_WINDOWS


def test_one_column_alone_a_constant_and_masked_cells_are_no_error():
    rng = np.random.default_rng(0)

    def draw(rows):
        masked = np.ma.array(rng.normal(size=rows), mask=rng.random(rows) < 0.1)
        return {"x": masked, "same": np.ones(rows), "id": np.array([str(value) for value in rng.random(rows)])}

    found = judge_multivariate([draw(100) for _ in range(12)], draw(100))
    assert not found.outside
    assert found.left_out == ("id", "same")
    moved = draw(100)
    moved["x"] = moved["x"] + 3
    told = judge_multivariate([draw(100) for _ in range(12)], moved)
    assert told.outside
    assert told.sentence.startswith("x moved by itself (")
    assert told.column == "x"


def test_columns_that_follow_from_no_single_other_are_named_by_themselves():
    alone = [Broken(name, None, 0.0, 0.0, 7.0) for name in ("rent", "age")]
    assert changed_words(alone) == "rent no longer follows from the other columns; 1 more changed too"
