import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.demo import eta, flights
from bot.demo.eta import ACTIVE, FALLBACK, LATE_SHARE, area


def test_the_months_it_learns_from_come_before_the_rest():
    rows = flights.load()
    divided = flights.split(rows)
    training = int(np.count_nonzero((rows["day"] < flights.HELD_OUT_SINCE) & (rows["truth"] != None)))  # noqa: E711
    assert flights.size(divided.training) == training > 50_000
    later = [flights.size(part) for part in (divided.reference, divided.holdout, divided.traffic)]
    diverted = np.count_nonzero((rows["day"] >= flights.HELD_OUT_SINCE) & (rows["truth"] == None))  # noqa: E711
    total = np.count_nonzero(rows["day"] >= flights.HELD_OUT_SINCE)
    assert total - diverted <= sum(later) <= total
    assert min(later) > 5_000


def test_the_data_is_small_enough_to_ship():
    assert flights.SHIPPED.stat().st_size < 1_500_000


def test_it_is_a_real_model_and_the_fallback_a_worse_one(shipped, models):
    usual, fallback = (eta.evaluate(models[version], shipped.holdout) for version in (ACTIVE, FALLBACK))
    assert 0.87 < usual.auc < 0.92
    assert 0.63 < fallback.auc < 0.72
    assert usual.accuracy > max(0.85, 1 - usual.late)
    assert usual.importance["dep_delay"] > 0.8
    assert sum(usual.importance.values()) == pytest.approx(1)
    assert "dep_delay" not in fallback.importance


@pytest.mark.parametrize("version", [ACTIVE, FALLBACK])
def test_the_threshold_calls_the_chosen_share_of_the_reference_late(shipped, models, version):
    said = models[version].answer(models[version].score(shipped.reference))
    assert np.mean(said == "late") == pytest.approx(LATE_SHARE, abs=0.002)


def test_a_longer_delay_is_never_less_likely_to_be_late(shipped, models):
    rows = flights.take(shipped.holdout, np.arange(500))
    scores = models[ACTIVE].score(rows)
    more = models[ACTIVE].score({**rows, "dep_delay": rows["dep_delay"] + 20})
    assert (more > scores).all()
    assert ((scores > 0) & (scores < 1)).all()


@given(st.lists(st.floats(-1e6, 1e6) | st.just(float("nan")), min_size=50, max_size=50))
def test_no_delay_whatever_misleads_the_fallback(shipped, models, delays):
    rows = flights.take(shipped.holdout, np.arange(50))
    misled = {**rows, "dep_delay": np.array(delays)}
    assert np.array_equal(models[FALLBACK].score(rows), models[FALLBACK].score(misled))


def test_what_it_never_saw_gets_an_answer_all_the_same(shipped, models):
    row = flights.take(shipped.holdout, np.arange(1))
    strange = {**row, "carrier": np.array(["ZZ"], dtype=object), "wind_speed": np.array([np.nan])}
    assert 0 < models[ACTIVE].score(strange)[0] < 1


@given(st.lists(st.tuples(st.integers(0, 8), st.booleans()), min_size=2, max_size=60))
def test_the_area_is_the_chance_that_a_late_flight_scores_higher(pairs):
    scores = np.array([float(score) for score, _ in pairs])
    late = np.array([hit for _, hit in pairs])
    if late.all() or not late.any():
        return
    wins = [(a > b) + 0.5 * (a == b) for a in scores[late] for b in scores[~late]]
    assert area(scores, late) == pytest.approx(np.mean(wins))
