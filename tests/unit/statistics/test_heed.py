"""What another version still makes of each feature: laws on generated models, and how often none is called changed."""

import numpy as np
import pytest

from bot.statistics.scores.heed import Answered, compare_heed
from bot.statistics.shortfall import Reason, Shortfall

SEED = 20261201


def traffic(rng, rows, *, more=0.0):
    """Three numbers, two of them related, and a text."""
    size = rng.normal(more, 1, rows)
    return {
        "size": size,
        "price": 0.6 * size + 0.8 * rng.normal(0, 1, rows),
        "age": rng.gamma(3, 10, rows),
        "town": rng.choice(["north", "south", "west"], rows, p=[0.5, 0.3, 0.2]).astype(object),
    }


def model(rng, rows, *, lost=None, turned=None, noise=0.3):
    """Bends and jumps, as trees make them."""
    seen = dict(rows)
    if lost:
        seen[lost] = rng.permutation(rows[lost])
    if turned:
        seen[turned] = -rows[turned]
    score = np.tanh(seen["size"]) + 0.5 * (seen["price"] > 0.3) - 0.02 * np.minimum(seen["age"], 60)
    return score + 0.6 * (seen["town"] == "south") + noise * rng.normal(0, 1, score.size)


def compared(seed, rows=400, *, more=0.0, **other):
    rng = np.random.default_rng([SEED, seed])
    sides = []
    for count, shift, change in ((3000, 0.0, {}), (rows, 0.0, {}), (rows, more, other)):
        features = traffic(rng, count, more=shift)
        sides.append(Answered(features, model(rng, features, **change)))
    return compare_heed(*sides)


@pytest.mark.parametrize("feature", ["size", "price", "age", "town"])
def test_the_feature_a_version_lost_is_named_first_and_alone(feature):
    found = [compared(seed, lost=feature) for seed in range(5)]
    for one in found:
        assert [each.feature for each in one if each.differs] == [feature]
        assert one[0].sentence == f"no longer heeds {feature}"
        assert one[0].interval.lower < one[0].kept < one[0].interval.upper < 0.6


def test_a_feature_turned_round_is_told():
    assert compared(1, turned="size")[0].sentence == "heeds size the other way round"


def test_the_same_model_hangs_on_the_same_features_whatever_its_traffic():
    differing = [one for seed in range(60) for one in compared(seed, rows=150, more=0.5) if one.differs]
    assert len(differing) <= 1


def test_what_can_not_be_told_says_why():
    rng = np.random.default_rng(SEED)
    features = traffic(rng, 1000)
    noise = Answered(features, rng.normal(0, 1, 1000))
    unexplained = compare_heed(noise, noise, noise)
    assert isinstance(unexplained, Shortfall)
    assert unexplained.reason is Reason.UNEXPLAINED
    few = compared(1, rows=60)
    assert isinstance(few, Shortfall)
    assert (few.have, few.need) == (60, 100)


def test_holes_and_freaks_in_the_answers_change_nothing():
    rng = np.random.default_rng(SEED)
    features = [traffic(rng, rows) for rows in (3000, 400, 400)]
    answers = [model(rng, one) for one in features]
    for one in answers:
        one[:20] = [np.nan, 1e308, -np.inf, np.inf] * 5
    found = compare_heed(*(Answered(*pair) for pair in zip(features, answers, strict=True)))
    assert not isinstance(found, Shortfall)
    assert not any(one.differs for one in found)
