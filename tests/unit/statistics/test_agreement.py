"""Each distance against its definition or scipy, on random and on adversarial columns; and the laws they keep."""

from datetime import datetime
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats
from scipy.spatial.distance import jensenshannon

from bot.statistics.distances import (
    categorical_distance,
    chi_square_test,
    jensen_shannon,
    ks_statistic,
    numeric_distance,
    wasserstein_exact,
)
from bot.statistics.drift import compare_frames
from bot.statistics.profiles import CategoricalProfile, fit_categorical, fit_numeric, profile_like, read_profile

TIED = st.sampled_from([-3.0, -1.0, 0.0, 0.5, 2.0, 2.0**40])
WIDE = st.one_of(st.floats(-1e6, 1e6), TIED, st.sampled_from([1e-300, 2.0**53, 2.0**53 + 2]))
COUNTS = st.lists(st.integers(0, 400), min_size=2, max_size=12)
BOTH = ["exact", "sketch"]


def columns(elements, least=1, most=120):
    return st.integers(least, most).flatmap(lambda rows: arrays(np.float64, rows, elements=elements))


def distances(then, now, mode="exact"):
    reference = fit_numeric(then, mode=mode)
    return numeric_distance(reference, profile_like(reference, now))


def categories(counts):
    return CategoricalProfile({f"k{at}": size for at, size in enumerate(counts) if size})


@given(columns(WIDE), columns(WIDE))
@settings(max_examples=200, deadline=None)
def test_wasserstein_equals_scipy_whatever_the_rows_and_ties(then, now):
    expected = stats.wasserstein_distance(then, now)
    size = max(np.abs(then).max(), np.abs(now).max())
    assert wasserstein_exact(np.sort(then), np.sort(now)) == pytest.approx(expected, rel=1e-9, abs=1e-12 * size)


@pytest.mark.parametrize("rows", [(1, 1), (1, 40_000), (40_000, 16_384), (33_000, 33_000), (16_385, 49_999)])
def test_wasserstein_of_long_columns_equals_scipy(rows):
    rng = np.random.default_rng(sum(rows))
    then, now = rng.standard_cauchy(rows[0]), rng.standard_cauchy(rows[1])
    found = wasserstein_exact(np.sort(then), np.sort(now))
    assert found == pytest.approx(stats.wasserstein_distance(then, now), rel=1e-9)
    assert found == pytest.approx(wasserstein_exact(np.sort(now), np.sort(then)), rel=1e-12)


def by_definition(then, now):
    """PSI and Jensen-Shannon between the reference's deciles, value by value."""
    ordered = sorted(then)
    edges = sorted({ordered[max(0, -(-len(ordered) * step // 10) - 1)] for step in range(1, 10)})
    sides = []
    for side in (then, now):
        bins = [0] * (len(edges) + 1)
        for value in side:
            bins[sum(value > edge for edge in edges)] += 1
        sides.append(np.array(bins, dtype=float))
    p, q = ((side + 0.5) / (side.sum() + 0.5 * side.size) for side in sides)
    shares = [side / side.sum() for side in sides]
    return float(sum((q - p) * np.log(q / p))), float(jensenshannon(*shares, base=2))


@given(columns(WIDE), columns(WIDE))
@settings(max_examples=150, deadline=None)
def test_psi_and_jensen_shannon_are_what_their_definition_says(then, now):
    psi, js = by_definition(then.tolist(), now.tolist())
    found = distances(then, now)
    assert found.psi == pytest.approx(psi, rel=1e-9, abs=1e-12)
    assert found.jensen_shannon == pytest.approx(js, rel=1e-6, abs=1e-7)


@given(COUNTS, st.data())
@settings(max_examples=150, deadline=None)
def test_chi_square_and_cramers_v_equal_scipy_on_any_table(then, data):
    now = data.draw(st.lists(st.integers(0, 400), min_size=len(then), max_size=len(then)))
    first, second = np.array(then, dtype=float), np.array(now, dtype=float)
    assume(first.sum() > 0 and second.sum() > 0)
    kept = first + second > 0
    statistic, degrees, p_value = chi_square_test(first, second, least_expected=0.0)
    if kept.sum() < 2:
        assert (statistic, degrees, p_value) == (0.0, 0, 1.0)
        return
    expected = stats.chi2_contingency([first[kept], second[kept]], correction=False)
    assert statistic == pytest.approx(expected.statistic, rel=1e-9, abs=1e-9)
    assert degrees == expected.dof
    assert p_value == pytest.approx(expected.pvalue, rel=1e-6, abs=1e-12)
    whole = categorical_distance(categories(then), categories(now))
    assert whole.cramers_v == pytest.approx(np.sqrt(whole.chi_square / (first.sum() + second.sum())), abs=1e-12)
    assert whole.jensen_shannon == pytest.approx(
        jensenshannon(first / first.sum(), second / second.sum(), base=2), rel=1e-6, abs=1e-6
    )
    shares = jensen_shannon(first / first.sum(), second / second.sum())
    assert 0 <= shares <= 1


@given(COUNTS, st.permutations(range(12)))
@settings(max_examples=60, deadline=None)
def test_names_of_categories_do_not_matter(counts, order):
    assume(sum(counts) > 0)
    now = counts[::-1]
    renamed = [CategoricalProfile({f"z{order[at]}": n for at, n in enumerate(side) if n}) for side in (counts, now)]
    found, again = categorical_distance(categories(counts), categories(now)), categorical_distance(*renamed)
    for name in ("chi_square", "cramers_v", "effect", "psi", "jensen_shannon"):
        assert getattr(found, name) == pytest.approx(getattr(again, name), rel=1e-9, abs=1e-9)


@given(columns(WIDE, least=2), columns(WIDE, least=2), st.randoms(use_true_random=False), st.sampled_from(BOTH))
@settings(max_examples=80, deadline=None)
def test_the_order_of_rows_changes_no_distance(then, now, random, mode):
    shuffled = [side.tolist() for side in (then, now)]
    for side in shuffled:
        random.shuffle(side)
    assert distances(then, now, mode) == distances(*map(np.array, shuffled), mode)


@given(columns(st.floats(-1e3, 1e3), least=20), st.floats(0.1, 50), st.floats(0, 50))
@settings(max_examples=80, deadline=None)
def test_a_larger_shift_is_never_a_smaller_distance(values, step, more):
    near, far = (distances(values, values + size) for size in (step, step + more))
    assert far.ks >= near.ks - 1e-12
    if near.wasserstein is not None:
        assert far.wasserstein >= near.wasserstein * (1 - 1e-9)
        assert near.wasserstein == pytest.approx(abs(near.mean_shift), rel=1e-6)
        assert near.wasserstein == pytest.approx(step / values.std(), rel=1e-6)


@given(columns(TIED, least=2), columns(TIED, least=2))
@settings(max_examples=80, deadline=None)
def test_doubling_both_columns_changes_nothing_in_sigmas_or_shares(then, now):
    once, twice = distances(then, now), distances(then * 4, now * 4)
    assert twice.ks == pytest.approx(once.ks, abs=1e-12)
    assert twice.psi == pytest.approx(once.psi, abs=1e-9)
    if once.wasserstein is not None:
        assert twice.wasserstein == pytest.approx(once.wasserstein, rel=1e-9, abs=1e-12)


@given(st.lists(columns(WIDE), min_size=2, max_size=5), columns(WIDE), st.sampled_from(BOTH))
@settings(max_examples=60, deadline=None)
def test_parts_profiled_apart_give_the_distance_of_the_whole(parts, reference, mode):
    like = fit_numeric(reference, mode=mode)
    merged = profile_like(like, parts[0])
    for part in parts[1:]:
        merged = merged.merge(profile_like(like, part))
    stored = read_profile(merged.to_bytes())
    whole = profile_like(like, np.concatenate(parts))
    assert numeric_distance(like, stored) == numeric_distance(like, whole)
    assert ks_statistic(like, merged) == ks_statistic(like, whole)


ODD = {
    "heavy tails": (np.random.default_rng(1).lognormal(0, 4, 400), np.random.default_rng(2).lognormal(1, 4, 300)),
    "constant": (np.full(300, 7.0), np.full(200, 7.0)),
    "another constant": (np.full(300, 7.0), np.full(200, 8.0)),
    "all null": (np.full(300, np.nan), np.full(200, np.nan)),
    "one row": (np.array([1.0]), np.array([2.0])),
    "the edge of float64": (np.array([1e308, -1e308] * 100), np.array([1e308, 1.0] * 100)),
    "integers beyond 2**53": (2**60 + np.arange(300), 2**60 + 5000 + np.arange(300)),
    "Python integers beyond int64": (np.array([10**30 + n for n in range(99)], dtype=object),) * 2,
    "mixed types": (np.array([1, "x", None, 2.5] * 50, dtype=object), np.array([1, "y", None, 2.5] * 50, dtype=object)),
    "decimals and nulls": (
        np.array([Decimal("1.5"), None] * 100, dtype=object),
        np.array([Decimal(2)] * 100, dtype=object),
    ),
    "new categories": (np.array(["a", "b"] * 100), np.array(["c", "d"] * 100)),
    "times without a zone": (
        np.datetime64("2026-11-01") + np.arange(200).astype("timedelta64[m]"),
        np.datetime64("2026-11-02") + np.arange(200).astype("timedelta64[m]"),
    ),
    "times with nulls": (np.array(["2026-11-01", "NaT"] * 60, dtype="datetime64[s]"),) * 2,
    "Python times": (np.array([datetime(2026, 11, 1)] * 90, dtype=object),) * 2,  # noqa: DTZ001
    "flags": (np.array([True, False] * 50), np.array([True] * 100)),
    "text of numbers": (np.array(["1", "2"] * 50), np.array([1, 2] * 50)),
}
MOVED = {
    "heavy tails": True,
    "constant": False,
    "another constant": True,
    "the edge of float64": True,
    "integers beyond 2**53": True,
    "Python integers beyond int64": False,
    "mixed types": True,
    "new categories": True,
    "times without a zone": True,
    "times with nulls": False,
    "flags": True,
}


@pytest.mark.parametrize("mode", [*BOTH, "auto"])
@pytest.mark.parametrize("name", ODD)
def test_odd_columns_get_a_finding_a_sentence_and_finite_numbers(name, mode):
    then, now = ODD[name]
    (found,) = compare_frames({"x": then}, {"x": now}, mode=mode)
    assert found.sentence
    assert "nan" not in found.sentence.lower().split()
    assert np.isfinite([found.p_value, found.adjusted, found.strength]).all()
    if name in MOVED:
        assert found.drifted is MOVED[name], found.sentence
    profile = fit_categorical(then) if found.categorical else fit_numeric(then, mode=mode)
    assert read_profile(profile.to_bytes()).to_bytes() == profile.to_bytes()


def test_over_dispersed_batches_alarm_less_than_promised_and_a_shift_is_still_seen():
    rng = np.random.default_rng(20261123)
    runs, alarms, seen = 150, 0, 0
    for _ in range(runs):
        parts = [rng.normal(rng.normal(0, 0.1), 1, 500) for _ in range(30)]
        then = {"x": np.concatenate(parts)}
        usual, far = (rng.normal(rng.normal(centre, 0.1), 1, 500) for centre in (0, 0.8))
        alarms += compare_frames(then, {"x": usual}, batches={"x": parts})[0].drifted
        seen += compare_frames(then, {"x": far}, batches={"x": parts})[0].drifted
    assert alarms <= 14  # 7.5 expected at .05; more than 14 has a chance of one in 100
    assert seen >= 0.9 * runs
