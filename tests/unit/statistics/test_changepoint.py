"""The moment of a change is found with its margin, and none in noise."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.statistics.changepoint import change_point

SEED = 20261123
BUCKETS, ROWS = 144, 50.0


def noise(random, *, memory=0.0):
    found, last = np.empty(BUCKETS), 0.0
    for at, news in enumerate(random.normal(0, np.sqrt(1 - memory**2), BUCKETS)):
        last = found[at] = memory * last + news
    return found / np.sqrt(ROWS)


@pytest.mark.parametrize("memory", [0.0, 0.6])
def test_noise_seldom_has_a_moment(memory):
    random = np.random.default_rng(SEED)
    found = [change_point(noise(random, memory=memory), np.full(BUCKETS, ROWS)) for _ in range(300)]
    alarms = sum(one is not None and one.p_value < 0.001 for one in found)
    print(f"seed {SEED}: {alarms} of 300 at a memory of {memory}")
    assert alarms <= 6


def test_a_step_is_dated_within_its_margin():
    random = np.random.default_rng(SEED)
    covered = seen = 0
    for _ in range(200):
        means = noise(random)
        means[100:] += 0.15
        found = change_point(means, np.full(BUCKETS, ROWS))
        seen += found.p_value < 0.001
        covered += found.earliest <= 100 <= found.latest
    assert seen >= 180
    assert covered >= 175


def test_empty_buckets_are_passed_over_and_weights_count():
    means = np.concatenate([np.zeros(60), np.ones(60)])
    rows = np.full(120, 30.0)
    means[::7], rows[::7] = np.nan, 0
    means[5] = 50.0
    rows[5] = 0.001
    found = change_point(means, rows)
    assert found.at in {60, 61}
    assert (found.before, found.after) == pytest.approx((0, 1), abs=0.01)


def test_too_few_buckets_and_constants_have_none():
    assert change_point(np.arange(5.0), np.ones(5)) is None
    assert change_point(np.full(50, 3.0), np.ones(50)) is None
    clean = change_point(np.repeat([1.0, 2.0], 20), np.ones(40))
    assert (clean.at, clean.p_value) == (20, 0.0)


@given(st.floats(-1e6, 1e6), st.integers(-10, 10), st.integers(0, 2**32 - 1))
def test_unit_and_level_do_not_matter(level, power, seed):
    random = np.random.default_rng(seed)
    means = noise(random)
    means[90:] += 0.5
    plain = change_point(means, np.full(BUCKETS, ROWS))
    moved = change_point(means * 2.0**power + level * 2.0**power / 1e3, np.full(BUCKETS, ROWS))
    assert abs(plain.at - moved.at) <= 1
    assert moved.p_value == pytest.approx(plain.p_value, rel=1e-3, abs=1e-12)


def test_slow_wandering_is_seldom_called_a_change():
    rng = np.random.default_rng(12)
    wrong = 0
    for _ in range(600):
        noise, walk = rng.normal(size=144), np.zeros(144)
        for at in range(1, 144):
            walk[at] = 0.5 * walk[at - 1] + noise[at]
        wrong += change_point(walk, np.full(144, 10.0)).p_value < 0.001
    assert wrong <= 6


def test_the_true_moment_lies_within_a_bucket_of_the_interval():
    rng = np.random.default_rng(13)
    inside = 0
    for _ in range(400):
        means, true = rng.normal(size=144), int(rng.integers(100, 140))
        means[true:] += 1.5
        found = change_point(means, np.full(144, 10.0))
        inside += found.earliest - 1 <= true <= found.latest + 1
    assert inside / 400 > 0.92
