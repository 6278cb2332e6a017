"""NDCG has its published value, is the mean over all orders of ties, and covers."""

from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.statistics.performance import Measure
from bot.statistics.ranking import ndcg, ndcg_of_each
from bot.statistics.shortfall import Reason


def dcg(grades, k, gain):
    worth = [2**grade - 1 if gain == "exponential" else grade for grade in grades[:k]]
    return sum(one / np.log2(place + 2) for place, one in enumerate(worth))


def by_definition(grades, scores, k, gain):
    """The mean over all orders that the scores allow."""
    ideal = dcg(sorted(grades, reverse=True), k, gain)
    rows = range(len(grades))
    found = [
        dcg([grades[row] for row in order], k, gain)
        for order in permutations(rows)
        if all(scores[a] >= scores[b] for a, b in pairwise(order))
    ]
    return np.mean(found) / ideal


def test_the_published_example_has_its_published_value():
    """Six documents of grades 3 2 3 0 1 2, as shown: DCG 6.861 of an ideal 7.141, 0.961."""
    grades = np.array([3, 2, 3, 0, 1, 2])
    found = ndcg_of_each(np.zeros(6), grades, -np.arange(6.0), k=6, gain="linear")
    assert found == pytest.approx([0.961], abs=5e-4)
    assert dcg(grades, 6, "linear") == pytest.approx(6.861, abs=1e-3)


@given(
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), min_size=1, max_size=6),
    st.integers(1, 7),
    st.sampled_from(["exponential", "linear"]),
)
@settings(max_examples=80, deadline=None)
def test_it_is_the_mean_over_all_orders_of_ties(rows, k, gain):
    grades, scores = (np.array(side) for side in zip(*rows, strict=True))
    found = ndcg_of_each(np.zeros(len(rows)), grades, scores, k=k, gain=gain)
    if grades.max() == 0:
        assert found.size == 0
    else:
        assert found == pytest.approx([by_definition(grades.tolist(), scores.tolist(), k, gain)])


def draw(rng, queries, noise=1.0):
    query = np.repeat(np.arange(queries), 12)
    grades = rng.choice(4, query.size, p=[0.6, 0.2, 0.15, 0.05])
    return query, grades, grades + rng.normal(0, noise, query.size)


def test_the_order_of_rows_makes_no_difference():
    rng = np.random.default_rng(1)
    query, grades, scores = draw(rng, 200)
    scores = np.round(scores)
    other = rng.permutation(query.size)
    first, second = (ndcg(query[at], grades[at], scores[at])[Measure.NDCG] for at in (slice(None), other))
    assert first.value == pytest.approx(second.value)
    assert first.error == pytest.approx(second.error)


def test_queries_named_by_text_or_number_are_the_same():
    query, grades, scores = draw(np.random.default_rng(2), 60)
    named = np.array([f"q{one:03d}" for one in query], dtype=object)
    np.testing.assert_allclose(ndcg_of_each(query, grades, scores), ndcg_of_each(named, grades, scores))


def test_intervals_cover_and_a_worse_order_is_worse():
    rng = np.random.default_rng(3)
    true = ndcg(*draw(rng, 50_000))[Measure.NDCG].value
    found = [ndcg(*draw(rng, 150))[Measure.NDCG] for _ in range(200)]
    covered = np.mean([one.interval.lower <= true <= one.interval.upper for one in found])
    assert 0.91 <= covered <= 0.99
    assert ndcg(*draw(rng, 500, noise=4.0))[Measure.NDCG].interval.upper < true
    assert ndcg(*draw(rng, 500, noise=0.0))[Measure.NDCG].value == pytest.approx(1)


def test_too_few_queries_unequal_lengths_nulls_and_extremes_are_states():
    query, grades, scores = draw(np.random.default_rng(4), 40)
    assert ndcg(query[:24], grades[:24], scores[:24])[Measure.NDCG].reason == Reason.TOO_FEW_ROWS
    assert ndcg(query, grades[1:], scores)[Measure.NDCG].reason == Reason.UNEQUAL_LENGTH
    assert ndcg(query, np.zeros(query.size), scores)[Measure.NDCG].have == 0
    assert ndcg_of_each(np.array([None, None], dtype=object), np.ones(2), np.ones(2)).size == 0
    odd = ndcg(query, np.where(grades == 3, 1e308, grades), np.where(scores > 2, np.inf, scores))[Measure.NDCG]
    assert 0 <= odd.interval.lower <= odd.value <= odd.interval.upper <= 1
