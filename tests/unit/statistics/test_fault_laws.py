"""Laws of fault hypotheses: they never fail, do not depend on the order of rows, and read the same from profiles."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bot.statistics.faults.explain import explain_change, explain_profiles
from bot.statistics.faults.hypothesis import FaultKind
from bot.statistics.profiles import fit_numeric, profile_like

SIZES = st.integers(0, 300)
NUMBERS = st.sampled_from([0.0, -0.0, 1.0, -1.0, 1e308, -1e308, 5e-324, 2.0**53, 2.0**53 + 2, np.inf, -np.inf, np.nan])
CELLS = st.sampled_from([None, "", "DE", "de ", 3, 3.0, True, 2**70, Decimal("1.5"), float("nan"), "null", 1e308])


@st.composite
def columns(draw):
    """Heavy tails, ties, constants, nulls, huge and tiny numbers, or anything at all in cells."""
    rows, random = draw(SIZES), np.random.default_rng(draw(st.integers(0, 2**32)))
    family = draw(st.integers(0, 6))
    if family == 0:
        return np.array(draw(st.lists(NUMBERS, max_size=60)), dtype=np.float64)
    if family == 1:
        pool = np.empty(4, dtype=object)
        pool[:] = draw(st.lists(CELLS, min_size=4, max_size=4))
        return pool[random.integers(0, 4, rows)]
    return (
        random.standard_cauchy(rows),
        random.integers(2**53, 2**62, rows),
        np.full(rows, draw(NUMBERS)),
        random.poisson(0.3, rows),
        random.lognormal(600, 80, rows),
    )[family - 2]


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(columns(), columns())
def test_no_column_makes_it_fail(then, now):
    for fault in explain_change(then, now):
        assert 0 <= fault.share <= 1
        assert 0 <= fault.explained <= 1
        assert fault.sentence
        assert fault.undo


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([1.0, 100.0, -1.0, 1.609344]), st.floats(0.1, 1))
def test_the_order_of_rows_does_not_matter(seed, factor, share):
    random = np.random.default_rng(seed)
    then, now = random.gamma(2, 30, 2000), random.gamma(2, 30, 800)
    now = np.where(random.random(800) < share, now * factor, now)
    assert explain_change(then, now) == explain_change(random.permutation(then), random.permutation(now))


@pytest.mark.parametrize("mode", ["exact", "sketch"])
@pytest.mark.parametrize(
    ("kind", "factor", "change"),
    [
        (FaultKind.SCALED, 100, lambda x: x * 100),
        (FaultKind.SCALED, 3600, lambda x: x * 3600),
        (FaultKind.SCALED, 2.54, lambda x: x * 2.54),
        (FaultKind.SIGN_FLIPPED, -1, lambda x: -x),
        (FaultKind.NULLS, None, lambda x: x * np.nan),
    ],
)
def test_profiles_alone_are_enough(mode, kind, factor, change):
    random = np.random.default_rng(20261124)
    then, now = random.lognormal(3, 1, 50_000), random.lognormal(3, 1, 20_000)
    now[:8000] = change(now[:8000])
    reference = fit_numeric(then, mode=mode)
    first = explain_profiles(reference, profile_like(reference, now))[0]
    assert first.kind is kind
    assert first.factor == (None if factor is None else pytest.approx(factor))
    assert first.share == pytest.approx(0.4, abs=0.02)


def test_a_repeated_window_is_stale_and_a_shuffled_one_is_not():
    random = np.random.default_rng(3)
    then, now = random.normal(0, 1, 5000), random.normal(0, 1, 2000)
    now[1000:] = np.tile(now[900:1000], 10)
    first = explain_change(then, now)[0]
    assert first.kind is FaultKind.STALE
    assert first.share == pytest.approx(0.5, abs=0.05)
    assert explain_change(then, random.permutation(then)[:2000]) == []


def test_a_sketch_sees_that_values_shrank_though_not_exactly_how_far():
    """Its cells are fine round the reference's median, not round zero."""
    random = np.random.default_rng(20261124)
    then, now = random.lognormal(3, 1, 50_000), random.lognormal(3, 1, 20_000)
    now[:8000] /= 60
    exact = explain_profiles(fit_numeric(then, mode="exact"), fit_numeric(now, mode="exact"))[0]
    assert exact.factor == pytest.approx(1 / 60)
    reference = fit_numeric(then, mode="sketch")
    sketch = explain_profiles(reference, profile_like(reference, now))[0]
    assert sketch.kind is FaultKind.SCALED
    assert 1 / 1000 <= sketch.factor <= 1 / 24
