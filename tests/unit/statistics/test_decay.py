"""The sum that sees a slow decay is reached as seldom as was promised, and soon when something slips."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.statistics.decay import ScoreDecay, ShareDecay, chance_of, followed, level_for, run_length

CASES = [(0.1, 0.145, 50, 200), (0.1, 0.145, 200, 370), (0.1, 0.145, 500, 370), (0.3, 0.335, 100, 370)]


def mean_run(draw, level, most, runs=1500):
    """Windows until the sum first stands above the level, averaged over runs."""
    total, standing = np.full(runs, most, dtype=float), np.zeros(runs)
    alive = np.ones(runs, dtype=bool)
    for window in range(1, most + 1):
        standing = np.maximum(0.0, standing + draw(runs))
        over = alive & (standing > level)
        total[over] = window
        alive &= ~over
        if not alive.any():
            break
    return total.mean()


@pytest.mark.parametrize(("usual", "worse", "rows", "windows"), CASES)
def test_run_lengths_are_within_a_third_of_what_was_promised(usual, worse, rows, windows):
    rng = np.random.default_rng(rows)
    decay = ShareDecay(usual, worse, rows)
    level = level_for(decay, windows)
    found = mean_run(lambda runs: decay.step(rng.binomial(rows, usual, runs), rows), level, 12 * windows)
    assert windows / 1.3 < found < 1.3 * windows
    assert run_length(decay, level) == pytest.approx(found, rel=0.2)


@pytest.mark.parametrize("shift", [0.5, 1.0, 2.0])
def test_scores_keep_their_promise_too(shift):
    rng = np.random.default_rng(1)
    decay = ScoreDecay(shift)
    level = level_for(decay, 370)
    found = mean_run(lambda runs: decay.step(rng.normal(size=runs)), level, 4440)
    assert 370 / 1.3 < found < 1.3 * 370


def test_a_slow_slip_is_seen_sooner_than_by_single_windows():
    """Three points worse at 200 labels a day: no day shows it by itself for weeks."""
    rng = np.random.default_rng(7)
    decay = ShareDecay(0.1, 0.145, 200)
    level = level_for(decay, 370)
    slip = mean_run(lambda runs: decay.step(rng.binomial(200, 0.13, runs), 200), level, 2000)
    alone = 1 / (rng.binomial(200, 0.13, 100_000) / 200 > 0.1 + 3.09 * math.sqrt(0.09 / 200)).mean()
    assert slip < 12
    assert slip < alone / 2


@settings(max_examples=60, deadline=None)
@given(st.floats(0.05, 0.4), st.floats(1.05, 2.0), st.integers(60, 2000))
def test_higher_levels_are_rarer(usual, times, rows):
    decay = ShareDecay(usual, usual * times, rows)
    lengths = [run_length(decay, level) for level in (0.0, 1.0, 2.0, 4.0)]
    assert all(one >= 1 for one in lengths)
    assert all(low <= high * 1.1 for low, high in pairwise(lengths))
    assert chance_of(decay, 0.0) == 1.0
    assert 0 < chance_of(decay, 3.0) <= 1


@given(st.lists(st.floats(-10, 10), max_size=50), st.floats(0.1, 20))
def test_the_sum_never_falls_below_nothing_nor_rises_above_its_most(steps, most):
    path = followed(steps, most)
    assert len(path) == len(steps)
    assert all(0 <= level <= most for level in path)
    assert all(free >= capped for free, capped in zip(followed(steps), path, strict=True))


@pytest.mark.parametrize(("usual", "worse", "rows"), [(0, 0.1, 5), (0.2, 0.1, 5), (0.1, 1, 5), (0.1, 0.2, 0)])
def test_shares_that_make_no_sense_are_refused(usual, worse, rows):
    with pytest.raises(ValueError, match="share of wrong rows"):
        ShareDecay(usual, worse, rows)


def test_an_endless_sum_is_as_rare_as_can_be_said():
    assert chance_of(ScoreDecay(0.5), math.inf) == 1e-7
