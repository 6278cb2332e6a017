"""Segments judged together: false alarms as promised, one bad segment of ten thousand seen, and laws that hold."""

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.statistics.families import COUNTS, MEANS, SHARES
from bot.statistics.pooling import Standing, pool

WINDOWS = 31
LEARN = np.ones(WINDOWS, dtype=bool)
NOMINAL = 0.05


def shares(rng, segments, *, rows=200, between=0.01, move=0.1, usual=(2, 60)):
    """Hits and rows: each segment's rate, a move of all in each window, and an over-dispersion of each in time."""
    sizes = rng.poisson(rows, (segments, WINDOWS)).astype(float)
    level = rng.beta(*usual, segments)
    odds = (level / (1 - level))[:, None] * np.exp(rng.normal(0, move, WINDOWS))
    mean = np.clip(odds / (1 + odds), 1e-4, 1 - 1e-4)
    scale = 1 / between - 1
    return rng.binomial(sizes.astype(int), rng.beta(mean * scale, (1 - mean) * scale)).astype(float), sizes


def counts(rng, segments, *, between=0.05):
    level = rng.gamma(1.0, 100, segments) + 2
    mean = level[:, None] * np.exp(rng.normal(0, 0.2, WINDOWS)) * rng.gamma(1 / between, between, (segments, WINDOWS))
    return rng.poisson(mean).astype(float), np.ones((segments, WINDOWS))


def means(rng, segments, *, between=0.05):
    sizes = rng.poisson(200, (segments, WINDOWS)).astype(float)
    level = rng.normal(0, 1, segments)[:, None] + rng.normal(0, 0.05, WINDOWS)
    found = level + rng.normal(0, between, sizes.shape) + rng.normal(0, 1, sizes.shape) / np.sqrt(sizes)
    return found * sizes, sizes


def test_means_of_skewed_rows_alarm_no_more_than_promised():
    """Two hundred lognormal amounts don't make a normal mean: by its tail 35 of 100 windows would alarm."""
    alarms = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        sizes = np.full((60, WINDOWS), 200.0)
        amounts = rng.lognormal(0, 1, (60, WINDOWS, 200)).sum(axis=2) / 2.16
        alarms += pool(MEANS, amounts, sizes, LEARN).chance() <= NOMINAL
    assert alarms <= 8  # 3 expected


@pytest.mark.slow
@pytest.mark.parametrize(
    ("family", "draw", "options"),
    [
        (SHARES, shares, {}),
        (SHARES, lambda rng, n: shares(rng, n, rows=20), {}),
        (SHARES, lambda rng, n: shares(rng, n, between=0.05), {}),
        (SHARES, lambda rng, n: shares(rng, n, rows=rng.gamma(1, 150, (n, 1))), {}),
        (COUNTS, counts, {"least_rows": 20}),
        (MEANS, means, {}),
    ],
    ids=["shares", "small", "restless", "sizes", "counts", "means"],
)
def test_a_fleet_in_order_alarms_no_more_than_promised(family, draw, options):
    runs = 400
    chances, moves = [], []
    for seed in range(runs):
        totals, sizes = draw(np.random.default_rng(seed), 300)
        found = pool(family, totals, sizes, LEARN, **options)
        chances.append(found.chance())
        moves.append(found.fleet.p_value)
    # 1.2 times the nominal rate, and what a thousand runs of it may show more (two standard errors), in fewer.
    most = 1.2 * NOMINAL + 2 * np.sqrt(NOMINAL / 1000)
    assert np.mean(np.array(chances) <= NOMINAL) <= most
    assert np.mean(np.array(moves) <= NOMINAL) <= most


def test_one_bad_segment_of_ten_thousand_is_the_one_named():
    seen = 0
    for seed in range(8):
        rng = np.random.default_rng(seed)
        totals, sizes = shares(rng, 10_000, between=0.003, usual=(20, 980))
        sizes[17, -1] = 200
        totals[17, -1] = rng.binomial(200, 0.2)
        found = pool(SHARES, totals, sizes, LEARN)
        seen += found.chance() < 1e-4 and found.named(0.01).tolist() == [17]
        assert found.usual[17] == pytest.approx(0.02, abs=0.01)
    assert seen >= 7


def test_ten_thousand_segments_take_under_a_second():
    totals, sizes = shares(np.random.default_rng(1), 10_000)
    pool(SHARES, totals[:10], sizes[:10], LEARN)
    start = time.process_time()
    pool(SHARES, totals, sizes, LEARN)
    assert time.process_time() - start < 1


def test_segments_that_swing_by_themselves_are_given_room():
    """A tenth of the fleet varies ten times as much; pooled alone it would alarm every few windows."""
    alarms = 0
    for seed in range(150):
        rng = np.random.default_rng(seed)
        totals, sizes = shares(rng, 300, between=0.002)
        restless = shares(rng, 30, between=0.02)
        totals[:30], sizes[:30] = restless
        alarms += pool(SHARES, totals, sizes, LEARN).chance() <= NOMINAL
    assert alarms <= 18  # 7.5 expected at .05


def test_what_all_do_is_the_fleets_move_and_no_segments():
    rng = np.random.default_rng(3)
    totals, sizes = shares(rng, 500, between=0.003)
    totals[:, -1] = rng.binomial(sizes[:, -1].astype(int), np.clip(4 * totals.sum(axis=1) / sizes.sum(axis=1), 0, 1))
    found = pool(SHARES, totals, sizes, LEARN)
    assert found.fleet.matters
    assert found.fleet.p_value < 1e-6
    assert found.fleet.now == pytest.approx(4 * found.fleet.usual, rel=0.15)
    assert found.chance() > 0.001


@pytest.mark.parametrize("bad", [1, 25, 100])
def test_bad_segments_do_not_pass_for_the_fleets_move(bad):
    rng = np.random.default_rng(4)
    totals, sizes = shares(rng, 500, between=0.003, move=0.02)
    totals[:bad, -1] = rng.binomial(sizes[:bad, -1].astype(int), 0.5)
    found = pool(SHARES, totals, sizes, LEARN)
    assert set(range(bad)) <= set(found.named(0.01).tolist())
    assert len(found.named(0.01)) <= bad + 3
    assert abs(found.fleet.now - found.fleet.usual) < 0.02


def test_a_trifle_at_many_rows_is_below_the_floor():
    rng = np.random.default_rng(5)
    totals, sizes = shares(rng, 50, rows=200_000, between=1e-6, move=0.001, usual=(200, 1800))
    totals[7, -1] *= 1.1
    found = pool(SHARES, totals, sizes, LEARN)
    assert found.p_values[7] == 1
    totals[7, -1] *= 1.3
    assert pool(SHARES, totals, sizes, LEARN).named(0.01).tolist() == [7]


def test_new_gone_small_and_absent_segments_have_no_chance():
    rng = np.random.default_rng(6)
    totals, sizes = shares(rng, 20)
    totals[0, :-1] = sizes[0, :-1] = 0  # new
    totals[1, -1] = sizes[1, -1] = 0  # gone
    sizes[2], totals[2] = 3, 3  # small, all hits
    sizes[3], totals[3] = 0, 0  # never there
    found = pool(SHARES, totals, sizes, LEARN)
    assert [Standing(one) for one in found.standing[:4]] == [
        Standing.NEW,
        Standing.GONE,
        Standing.SMALL,
        Standing.ABSENT,
    ]
    assert np.isnan(found.p_values[:4]).all()
    assert not np.isnan(found.p_values[4:]).any()


def test_small_segments_look_back_until_they_have_rows_enough():
    rng = np.random.default_rng(7)
    totals, sizes = shares(rng, 20)
    sizes[0] = 40
    totals[0] = rng.binomial(40, 0.03, WINDOWS)
    totals[0, -5:] = 20
    found = pool(SHARES, totals, sizes, LEARN)
    assert (found.windows[0], found.sizes[0], found.now[0]) == (5, 200, 0.5)
    assert found.named(0.01).tolist() == [0]


def test_a_segment_that_stops_sending_stands_out_once_twenty_rows_were_due():
    totals, sizes = counts(np.random.default_rng(8), 200)
    totals[0], totals[1] = 8, 300
    totals[0, -1] = totals[1, -1] = 0
    found = pool(COUNTS, totals, sizes, LEARN, least_rows=20)
    assert found.named(0.01).tolist() == [1]
    totals[0, -3:] = 0
    assert 0 in pool(COUNTS, totals, sizes, LEARN, least_rows=20).named(0.01).tolist()


def test_only_rises_are_asked_for():
    rng = np.random.default_rng(9)
    totals, sizes = shares(rng, 100, usual=(40, 60), between=0.002)
    totals[3, -1] = 0
    assert pool(SHARES, totals, sizes, LEARN).named(0.01).tolist() == [3]
    assert pool(SHARES, totals, sizes, LEARN, only_rises=True).named(0.01).tolist() == []


def test_tails_are_those_of_scipy():
    from scipy.stats import betabinom, binom, nbinom

    size, alpha, beta = 500.0, 4.0, 96.0
    mean, spread = betabinom.mean(size, alpha, beta), betabinom.std(size, alpha, beta)
    total = np.array([45.0, 60.0, 100.0, 150.0])
    up, down = SHARES.tails(total, np.full(4, size), np.full(4, mean), np.full(4, spread))
    assert up[1:] == pytest.approx(betabinom.sf(total[1:] - 1, size, alpha, beta), rel=1e-6)
    low, high = np.full(1, 0.0), np.full(1, 400.0)
    mirrored = SHARES.tails(low, high, high * 0.05, np.sqrt(high * 0.05 * 0.95))[1]
    assert mirrored == pytest.approx(binom.cdf(0, 400, 0.05), rel=1e-3)
    shape, mean = 5.0, 40.0
    spread = np.sqrt(mean + mean**2 / shape)
    up, down = COUNTS.tails(np.array([0.0, 3.0, 200.0]), np.ones(3), np.full(3, mean), np.full(3, spread))
    law = nbinom(shape, shape / (shape + mean))
    assert up == pytest.approx(law.sf([-1, 2, 199]), rel=1e-8)
    assert down == pytest.approx(law.cdf([0, 3, 200]), rel=1e-8)


@settings(deadline=None, max_examples=60)
@given(
    seed=st.integers(0, 10_000),
    segments=st.integers(1, 12),
    windows=st.integers(2, 12),
    family=st.sampled_from([SHARES, COUNTS, MEANS]),
    fill=st.sampled_from([0.0, 0.3, 1.0]),
    rate=st.sampled_from([0.0, 0.02, 0.5, 1.0]),
)
def test_any_table_gets_chances_and_no_warning(seed, segments, windows, family, fill, rate):
    """Whatever the table: no error, chances within (0, 1], and only segments with rows enough have one."""
    rng = np.random.default_rng(seed)
    sizes = rng.poisson(300, (segments, windows)) * (rng.uniform(size=(segments, windows)) < fill).astype(float)
    totals = rng.binomial(sizes.astype(int), rate).astype(float)
    if family is MEANS:
        totals = sizes * rng.normal(0, 3, sizes.shape)
    if family is COUNTS:
        totals, sizes = sizes, np.ones_like(sizes)
    found = pool(family, totals, sizes, rng.uniform(size=windows) < 0.8)
    known = found.p_values[found.judged]
    assert np.isfinite(known).all()
    assert ((known > 0) & (known <= 1)).all()
    assert np.isnan(found.p_values[~found.judged]).all()
    assert 0 < found.chance() <= 1
    assert 0 <= found.fleet.p_value <= 1


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 1000), more=st.integers(1, 60))
def test_more_hits_are_never_less_surprising(seed, more):
    rng = np.random.default_rng(seed)
    totals, sizes = shares(rng, 40)
    totals[0, -1] = np.floor(0.1 * sizes[0, -1])
    less = pool(SHARES, totals, sizes, LEARN, only_rises=True).p_values[0]
    totals[0, -1] += more
    assert pool(SHARES, totals, sizes, LEARN, only_rises=True).p_values[0] <= less * (1 + 1e-6)


def test_the_order_of_segments_makes_no_difference():
    rng = np.random.default_rng(10)
    totals, sizes = shares(rng, 60)
    order = rng.permutation(60)
    one, other = pool(SHARES, totals, sizes, LEARN), pool(SHARES, totals[order], sizes[order], LEARN)
    assert other.p_values == pytest.approx(one.p_values[order], rel=1e-6)
