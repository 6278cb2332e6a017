"""Distances agree with scipy.stats where it has them, and keep the laws they should."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from bot.statistics.distances import (
    categorical_distance,
    chi_square_test,
    jensen_shannon,
    ks_exact,
    ks_p_value,
    ks_statistic,
    numeric_distance,
    wasserstein_exact,
)
from bot.statistics.profiles import ProfileError, fit_categorical, fit_numeric, profile_like, sketch_error_bound

ANY = st.floats(allow_nan=False, width=64)
TIED = st.sampled_from([-np.inf, -1e308, -1.0, 0.0, 0.5, 2.0**53, 1e308, np.inf])


def columns(elements: st.SearchStrategy[float]) -> st.SearchStrategy[np.ndarray]:
    return st.integers(1, 300).flatmap(lambda rows: arrays(np.float64, rows, elements=elements))


def shapes(rng: np.random.Generator, rows: int) -> list[np.ndarray]:
    return [
        rng.normal(size=rows),
        rng.integers(0, 5, rows).astype(float),
        np.where(rng.random(rows) < 0.8, 0.0, rng.lognormal(0, 2, rows)),
        rng.standard_cauchy(rows),
        rng.choice([-np.inf, np.inf, 1.0, 1e308, -1e308], rows),
        1.7e9 + rng.normal(0, 1000, rows),
    ]


@pytest.mark.parametrize("seed", range(20))
def test_exact_ks_equals_scipy(seed):
    rng = np.random.default_rng(seed)
    rows, current_rows = rng.integers(1, 3000, 2)
    for then, now in zip(shapes(rng, rows), shapes(rng, current_rows), strict=True):
        expected = stats.ks_2samp(then, now, method="asymp").statistic
        assert ks_exact(np.sort(then), np.sort(now)) == pytest.approx(expected, abs=1e-12)


@given(columns(st.one_of(ANY, TIED)), columns(st.one_of(ANY, TIED)))
@settings(max_examples=150, deadline=None)
def test_exact_ks_equals_scipy_on_adversarial_values(then, now):
    with np.errstate(divide="ignore"):
        expected = stats.ks_2samp(then, now, method="asymp").statistic
    assert ks_exact(np.sort(then), np.sort(now)) == pytest.approx(expected, abs=1e-12)


@given(columns(TIED), columns(TIED))
@settings(max_examples=60, deadline=None)
def test_ks_is_symmetric_and_no_more_than_one(then, now):
    forth, back = ks_exact(np.sort(then), np.sort(now)), ks_exact(np.sort(now), np.sort(then))
    assert forth == pytest.approx(back, abs=1e-12)
    assert 0 <= forth <= 1


def test_ks_p_value_is_scipys_asymptotic_one():
    for gap, rows, current_rows in ((0.02, 1000, 5000), (0.1, 300, 300), (0.3, 50, 80)):
        exact = stats.ks_2samp(np.arange(10.0), np.arange(10.0)).pvalue
        assert exact == pytest.approx(1.0)
        expected = stats.kstwobign.sf(gap * np.sqrt(rows * current_rows / (rows + current_rows)))
        assert ks_p_value(gap, rows, current_rows) == pytest.approx(expected, rel=1e-9)


@given(columns(ANY), columns(ANY))
@settings(max_examples=100, deadline=None)
def test_a_sketch_never_overstates_ks_and_understates_it_by_its_fullest_mixed_cell_at_most(then, now):
    sketch, exact = fit_numeric(then, mode="sketch"), fit_numeric(then, mode="exact")
    like = profile_like(sketch, now)
    sketched, true = ks_statistic(sketch, like), ks_statistic(exact, profile_like(exact, now))
    both, values = sketch.merge(like), np.sort(np.concatenate([then, now]))
    mixed = both.cells[values[both.cumulative - both.counts] != values[both.cumulative - 1]]
    fullest = max(np.max(one.dense()[mixed], initial=0) / one.present for one in (sketch, like))
    assert true - fullest - 1e-9 <= sketched <= true + 1e-9


@pytest.mark.parametrize(("rows", "current_rows"), [(1000, 1000), (1000, 733), (17, 900)])
def test_wasserstein_equals_scipy(rows, current_rows):
    rng = np.random.default_rng(4)
    then, now = rng.lognormal(0, 1, rows), rng.lognormal(0.2, 1, current_rows)
    expected = stats.wasserstein_distance(then, now)
    assert wasserstein_exact(np.sort(then), np.sort(now)) == pytest.approx(expected, rel=1e-9)
    exact = fit_numeric(then, mode="exact")
    distance = numeric_distance(exact, profile_like(exact, now))
    assert distance.wasserstein == pytest.approx(expected / then.std(), rel=1e-9)
    assert distance.mean_shift == pytest.approx((now.mean() - then.mean()) / then.std(), rel=1e-9)


@pytest.mark.parametrize("seed", range(5))
def test_sketch_and_exact_agree_on_every_distance(seed):
    rng = np.random.default_rng(seed)
    then, now = rng.gamma(2, 3, 40_000), rng.gamma(2.3, 3, 20_000)
    sketch, exact = fit_numeric(then, mode="sketch"), fit_numeric(then, mode="exact")
    near, true = (numeric_distance(one, profile_like(one, now)) for one in (sketch, exact))
    assert near.ks == pytest.approx(true.ks, abs=0.002)
    assert near.wasserstein == pytest.approx(true.wasserstein, rel=0.01)
    assert near.mean_shift == pytest.approx(true.mean_shift, rel=0.01)
    assert near.psi == pytest.approx(true.psi, rel=0.02)
    assert near.jensen_shannon == pytest.approx(true.jensen_shannon, rel=0.02)


def test_distance_of_a_window_from_itself_is_zero():
    values = np.random.default_rng(0).normal(size=999)
    for mode in ("exact", "sketch"):
        profile = fit_numeric(values, mode=mode)
        distance = numeric_distance(profile, profile_like(profile, values[::-1]))
        assert (distance.ks, distance.psi, distance.jensen_shannon) == (0, 0, 0)
        assert (distance.wasserstein, distance.mean_shift) == (0, 0)


@pytest.mark.parametrize("mode", ["exact", "sketch"])
def test_values_at_the_edge_of_float64_have_finite_distances(mode):
    rng = np.random.default_rng(1)
    then = rng.choice([1e308, -1e308, 1.0, 0.0], 500)
    now = rng.choice([1e308, -1e308, np.inf, 3.0], 500)
    profile = fit_numeric(then, mode=mode)
    distance = numeric_distance(profile, profile_like(profile, now))
    assert all(np.isfinite([distance.ks, distance.psi, distance.wasserstein, distance.mean_shift]))


def test_a_constant_reference_has_no_sigma_but_a_ks():
    for mode in ("exact", "sketch"):
        profile = fit_numeric(np.full(100, 7.0), mode=mode)
        distance = numeric_distance(profile, profile_like(profile, np.full(100, 8.0)))
        assert (distance.ks, distance.wasserstein, distance.mean_shift) == (1.0, None, None)


def test_a_heavy_tail_does_not_blind_ks():
    rng = np.random.default_rng(2)
    then = np.append(rng.normal(size=20_000), 1e9)
    now = rng.normal(0.3, 1, 20_000)
    sketch = fit_numeric(then, mode="sketch")
    expected = stats.ks_2samp(then, now, method="asymp").statistic
    assert ks_statistic(sketch, profile_like(sketch, now)) == pytest.approx(expected, abs=0.002)


def test_profiles_of_different_form_are_refused():
    values = np.arange(100.0)
    with pytest.raises(ProfileError, match="like the reference"):
        numeric_distance(fit_numeric(values, mode="exact"), fit_numeric(values, mode="sketch"))
    with pytest.raises(ProfileError, match="different scales"):
        ks_statistic(fit_numeric(values, mode="sketch"), fit_numeric(values * 3, mode="sketch"))


def test_chi_square_and_cramers_v_equal_scipy():
    then, now = np.array([300.0, 200.0, 100.0, 50.0]), np.array([250.0, 260.0, 90.0, 50.0])
    expected = stats.chi2_contingency([then, now], correction=False)
    statistic, degrees, p_value = chi_square_test(then, now)
    assert (statistic, p_value) == (pytest.approx(expected.statistic), pytest.approx(expected.pvalue))
    assert degrees == expected.dof
    words = np.array(["a", "b", "c", "d"])
    distance = categorical_distance(
        fit_categorical(np.repeat(words, then.astype(int))), fit_categorical(np.repeat(words, now.astype(int)))
    )
    cramer = stats.contingency.association(np.array([then, now]).astype(int), method="cramer")
    assert distance.cramers_v == pytest.approx(cramer)
    assert distance.effect == pytest.approx(cramer)  # rows are equal on both sides


def test_effect_does_not_depend_on_the_length_of_the_reference():
    short, long = np.repeat(["a", "b"], [500, 500]), np.repeat(["a", "b"], [50_000, 50_000])
    now = fit_categorical(np.repeat(["a", "b"], [700, 300]))
    effects = [categorical_distance(fit_categorical(then), now).effect for then in (short, long)]
    assert effects[0] == pytest.approx(effects[1])


def test_jensen_shannon_is_a_distance_between_zero_and_one():
    p, q = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    assert jensen_shannon(p, q) == pytest.approx(1.0)
    assert jensen_shannon(p, p) == 0
    from scipy.spatial.distance import jensenshannon

    p, q = np.array([0.2, 0.5, 0.3]), np.array([0.1, 0.6, 0.3])
    assert jensen_shannon(p, q) == pytest.approx(jensenshannon(p, q, base=2))


def test_rare_categories_are_pooled_not_trusted():
    then, now = np.array([1000.0, *np.zeros(40)]), np.array([960.0, *np.ones(40)])
    statistic, degrees, _ = chi_square_test(then, now)
    assert degrees == 1
    assert statistic == pytest.approx(40.8, abs=0.5)


def test_a_coarse_sketch_is_recognised_by_its_bound():
    rng = np.random.default_rng(3)
    far = np.where(rng.random(20_000) < 0.85, rng.normal(size=20_000), rng.normal(1000, 1, 20_000))
    exact = fit_numeric(far, mode="exact")
    assert sketch_error_bound(fit_numeric(far, mode="sketch"), exact) > 0.05
