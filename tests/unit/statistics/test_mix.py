"""Another mix of rows as they were known is told from a broken relation, and large windows from strange ones."""

import numpy as np
import pytest

from bot.statistics.relations.broken import Broken, culprit
from bot.statistics.relations.mix import as_mixed
from bot.statistics.relations.multivariate import judge_multivariate
from bot.statistics.scores.harm import answers_moved
from tests.unit.statistics.related import tenants, wrongly_joined

WINDOWS, ROWS = 14, 400


def past(rng, rows=ROWS):
    return [answered(tenants(rng, rows)) for _ in range(WINDOWS)]


def answered(rows):
    """What a model answers of them."""
    return {**rows, "answer": rows["rent"] + 2 * (rows["city"] == "Oslo")}


INPUTS = tuple(tenants(np.random.default_rng(0), 1))


def mixed(rng, often, rows=ROWS):
    """Tenants of Oslo come so many times as often."""
    every = tenants(rng, 10 * rows)
    weights = 1.0 + (often - 1) * (every["city"] == "Oslo")
    chosen = rng.choice(weights.size, rows, p=weights / weights.sum())
    return {name: values[chosen] for name, values in every.items()}


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_segment_that_comes_more_often_is_a_mix_of_that_column_and_nothing_else(seed):
    rng = np.random.default_rng(seed)
    found = judge_multivariate(past(rng), answered(mixed(rng, 5)), inputs=INPUTS)
    assert found.outside
    assert found.mix is not None
    assert not found.mix.outside
    assert found.mix.mixed == ("city",)
    assert found.mix.distance <= found.mix.limit
    assert found.mix.sentence.startswith("city came in another mix, and all else is as that lets expect (")


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_wrong_join_in_another_mix_is_no_mix(seed):
    rng = np.random.default_rng(seed)
    found = judge_multivariate(past(rng), answered(wrongly_joined(rng, mixed(rng, 5))), inputs=INPUTS)
    assert found.outside
    assert found.mix is None
    assert found.beyond_mix
    assert {found.broken[0].first, found.broken[0].second} == {"rent", "income"}


def test_what_was_never_seen_is_no_mix():
    rng = np.random.default_rng(0)
    now = mixed(rng, 1)
    lost = {**now, "rooms": np.where(rng.random(ROWS) < 0.3, np.nan, now["rooms"])}
    for rows in (
        lost,
        {**now, "rooms": now["rooms"] * 100},
        {**now, "city": np.where(now["city"] == "Oslo", "OSL", now["city"])},
    ):
        found = judge_multivariate(past(rng), answered(rows), inputs=INPUTS)
        assert found.outside
        assert found.mix is None


def test_categories_that_changed_their_names_go_together_in_another_way():
    rng = np.random.default_rng(0)

    def towns(names):
        rows = tenants(rng, ROWS)
        near = rows["income"] > np.median(rows["income"])
        return {**rows, "town": np.where(near, *names).astype(object)}

    found = judge_multivariate([towns(("near", "far")) for _ in range(WINDOWS)], towns(("far", "near")))
    assert found.outside
    assert found.column == "town"
    assert any("go together in another way than before" in one.sentence for one in found.broken)


def test_a_window_of_many_more_rows_is_no_stranger_for_that():
    """Each window has a mix of its own, which many rows show more clearly."""
    alarms = 0
    for seed in range(12):
        rng = np.random.default_rng(seed)
        before = [mixed(rng, np.exp(0.3 * rng.normal()), 150) for _ in range(WINDOWS)]
        now = mixed(rng, np.exp(0.3 * rng.normal()), 1500)
        alarms += judge_multivariate(before, now, false_alarm_rate=0.05).outside
    assert alarms <= 2


def test_rows_are_weighed_to_the_mix_of_now_and_not_beyond_what_they_can_say():
    rng = np.random.default_rng(0)
    now = np.arange(1000) >= 900
    city = np.where(rng.random(1000) < np.where(now, 0.6, 0.3), "Oslo", "Bergen").astype(object)
    size = np.where(city == "Oslo", rng.normal(1, 1, 1000), rng.normal(0, 1, 1000))
    weights = as_mixed({"city": city, "size": size}, now, ["city"])
    assert weights.mean() == pytest.approx(1)
    assert weights[city[~now] == "Oslo"].sum() / weights.sum() == pytest.approx((city[now] == "Oslo").mean(), abs=0.002)
    few = np.where(np.arange(1000) < 2, "Oslo", np.where(now, "Oslo", "Bergen")).astype(object)
    assert as_mixed({"city": few}, now, ["city"]) is None
    assert as_mixed({"city": np.where(now, "Rome", city).astype(object)}, now, ["city"]) is None


def test_the_culprit_is_what_most_of_the_change_has_in_common_and_no_answer():
    pairs = [Broken("a", "b", 0.9, 0.1, 9), Broken("a", "c", 0.8, 0.1, 9), Broken("d", "c", 0.3, 0.15, 9)]
    assert culprit(pairs) == "a"
    assert culprit(pairs[:1]) is None
    assert (
        culprit([*pairs[:2], Broken("answer", "b", 0.9, 0.0, 9), Broken("answer", "c", 0.9, 0.0, 9)], ["answer"]) == "a"
    )
    assert culprit([Broken("a", "b", 0.9, 0.1, 9), Broken("c", "d", 0.9, 0.1, 9)]) is None


def test_how_far_answers_moved_is_in_their_own_spread():
    rng = np.random.default_rng(0)
    then = rng.normal(5, 2, 20_000)
    assert answers_moved(then, then + 0.5) == pytest.approx(0.25, abs=0.01)
    yes, more = (np.where(np.arange(1000) < size, "yes", "no").astype(object) for size in (200, 280))
    assert answers_moved(yes, more) == pytest.approx(0.08 / 0.4)
    assert answers_moved(np.ones(5), np.ones(5)) == 0
    assert answers_moved(np.ones(5), np.array([np.nan])) == np.inf
