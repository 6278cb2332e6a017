"""Profiles add up, survive being stored, and choose the form that can be trusted."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from bot.statistics.columns import as_numbers, count_categories, is_numeric
from bot.statistics.profiles import (
    CATEGORY_CAP,
    CategoricalProfile,
    ExactProfile,
    ProfileError,
    SketchProfile,
    fit_categorical,
    fit_numeric,
    fit_profile,
    profile_like,
    read_profile,
)

ANYTHING = st.one_of(st.floats(width=64), st.sampled_from([np.nan, np.inf, -np.inf, 1e308, -1e308, 0.0, 5e-324]))
COLUMNS = st.integers(0, 200).flatmap(lambda rows: arrays(np.float64, rows, elements=ANYTHING))
WORDS = st.lists(st.one_of(st.none(), st.sampled_from("abcde")), max_size=60)


def same(one, other):
    return one.to_bytes() == other.to_bytes()


@given(COLUMNS, COLUMNS, COLUMNS, st.sampled_from(["exact", "sketch"]))
@settings(max_examples=120, deadline=None)
def test_parts_add_up_to_the_whole(reference, first, second, mode):
    like = fit_numeric(reference, mode=mode)
    parts = profile_like(like, first).merge(profile_like(like, second))
    assert same(parts, profile_like(like, np.concatenate([first, second])))


@given(COLUMNS, st.randoms(use_true_random=False), st.sampled_from(["exact", "sketch"]))
@settings(max_examples=80, deadline=None)
def test_the_order_of_rows_does_not_matter(values, random, mode):
    order = list(range(values.size))
    random.shuffle(order)
    assert same(fit_numeric(values, mode=mode), fit_numeric(values[order], mode=mode))


@given(COLUMNS, st.sampled_from(["exact", "sketch"]))
@settings(max_examples=80, deadline=None)
def test_profiles_survive_storage(values, mode):
    profile = fit_numeric(values, mode=mode)
    again = read_profile(profile.to_bytes())
    assert type(again) is type(profile)
    assert same(again, profile)
    assert (again.rows, again.nulls) == (values.size, int(np.isnan(values).sum()))


@given(COLUMNS.filter(lambda values: np.isfinite(values).any()), st.lists(st.floats(0.001, 1), min_size=2))
@settings(max_examples=80, deadline=None)
def test_quantiles_rise_with_their_share(values, shares):
    for mode in ("exact", "sketch"):
        profile = fit_numeric(values, mode=mode)
        found = [profile.quantile(share) for share in sorted(shares)]
        assert found == sorted(found)


@given(WORDS, WORDS, WORDS)
def test_categories_add_up(reference, first, second):
    like = fit_categorical(np.array(reference, dtype=object))
    columns = [np.array(words, dtype=object) for words in (first, second, first + second)]
    one, two, whole = (profile_like(like, column) for column in columns)
    assert same(one.merge(two), whole)
    assert whole.rows == len(first) + len(second)
    assert same(read_profile(whole.to_bytes()), whole)


def test_a_sketch_reads_quantiles_within_a_percent_of_the_distance_from_the_median():
    values = np.random.default_rng(0).lognormal(3, 1.5, 50_000)
    sketch, exact = (fit_numeric(values, mode=mode) for mode in ("sketch", "exact"))
    middle = exact.quantile(0.5)
    for share in (0.001, 0.1, 0.25, 0.5, 0.9, 0.999):
        true = exact.quantile(share)
        assert abs(sketch.quantile(share) - true) <= 0.008 * abs(true - middle) + 1e-4
        assert sketch.share_at_or_below(true) == pytest.approx(share, abs=0.005)


def test_a_feature_too_coarse_for_cells_keeps_its_values():
    rng = np.random.default_rng(1)
    assert isinstance(fit_numeric(rng.normal(size=20_000)), SketchProfile)
    two_places = np.where(rng.random(20_000) < 0.8, rng.normal(size=20_000), rng.normal(1000, 1, 20_000))
    assert isinstance(fit_numeric(two_places), ExactProfile)
    assert isinstance(fit_numeric(rng.integers(0, 5, 20_000)), SketchProfile)  # full cells, but of one value each


def test_a_sketch_stays_small_whatever_the_rows():
    rng = np.random.default_rng(2)
    few, many = (len(fit_numeric(rng.standard_cauchy(rows), mode="sketch").to_bytes()) for rows in (10_000, 500_000))
    assert many < 2.5 * few
    assert many < 80_000


@pytest.mark.parametrize(
    "values", [np.zeros(50), np.where(np.arange(50) < 45, 0.0, 3.0), np.full(50, 1e308), np.array([-1e308, 1e308] * 25)]
)
def test_a_column_without_spread_still_has_a_scale(values):
    sketch = fit_numeric(values, mode="sketch")
    assert sketch.scale.width > 0
    assert np.isfinite(sketch.scale.width)
    assert sketch.present == 50


def test_both_zeros_are_one_value():
    for mode in ("exact", "sketch"):
        reference = fit_numeric(np.array([0.0, 0.0, 1.0, -1.0, 2.0]), mode=mode)
        minus, plus = (profile_like(reference, np.full(4, zero)) for zero in (-0.0, 0.0))
        assert same(minus, plus)
        assert plus.share_at_or_below(-0.0) == 1


def test_infinities_and_nulls_are_counted_apart():
    values = np.array([np.inf, -np.inf, np.nan, 1.0, 2.0, 1e308, -1e308, np.nan])
    sketch = fit_numeric(values, mode="sketch")
    assert (sketch.rows, sketch.nulls, sketch.present) == (8, 2, 6)
    assert sketch.quantile(1.0) == np.inf
    assert sketch.quantile(0.01) == -np.inf
    assert sketch.share_at_or_below(-np.inf) == pytest.approx(1 / 6)
    assert sketch.share_at_or_below(np.inf) == 1


def test_new_categories_are_seen_and_rare_ones_are_one_count():
    reference = fit_categorical(np.array(["DE", "FR", None, "DE"], dtype=object))
    now = profile_like(reference, np.array(["DE", "XX", None], dtype=object))
    assert now == CategoricalProfile({"DE": 1}, {"XX": 1}, 0, 1)
    crowded = fit_categorical(np.array([f"user-{number}" for number in range(CATEGORY_CAP + 500)]))
    assert (len(crowded.counts), crowded.other) == (CATEGORY_CAP, 500)


def test_bytes_of_something_else_are_refused():
    with pytest.raises(ProfileError, match="no profile"):
        read_profile(b"PK\x03\x04")
    body = bytearray(fit_numeric(np.arange(5.0)).to_bytes())
    body[3] = 99
    with pytest.raises(ProfileError, match="version 99"):
        read_profile(bytes(body))


def test_an_empty_profile_has_no_quantile():
    for profile in (fit_numeric(np.array([]), mode="exact"), fit_numeric(np.array([np.nan]), mode="sketch")):
        with pytest.raises(ProfileError, match="no value"):
            profile.quantile(0.5)


@pytest.mark.parametrize(
    ("column", "numbers"),
    [
        ([1, None, 2.5], [1, np.nan, 2.5]),
        ([Decimal("1.5"), "x", 10**400], [1.5, np.nan, np.inf]),
        ([True, False], [1, 0]),
        (np.ma.masked_array([1, 2], mask=[False, True]), [1, np.nan]),
        (np.array(["2026-01-01", "NaT"], dtype="datetime64[s]"), [1767225600, np.nan]),
        ([2**53 + 1, 2**53], [2**53, 2**53]),
    ],
)
def test_columns_of_every_kind_become_numbers(column, numbers):
    values = column if isinstance(column, np.ndarray) else np.array(column, dtype=object)
    np.testing.assert_array_equal(as_numbers(values), numbers)


def test_what_counts_as_numeric():
    assert is_numeric(np.array([1, None, 2.5], dtype=object))
    assert not is_numeric(np.array([1, "x"], dtype=object))
    assert not is_numeric(np.array([True, False]))
    assert not is_numeric(np.array([None, None], dtype=object))
    assert isinstance(fit_profile(np.array(["a"])), CategoricalProfile)


@pytest.mark.parametrize(
    ("column", "counts", "nulls"),
    [
        (np.array([3, 3, 4], dtype=np.int8), {"3": 2, "4": 1}, 0),
        (np.array([-128, 127], dtype=np.int8), {"-128": 1, "127": 1}, 0),
        (np.array([2**63, 2**63 + 1], dtype=np.uint64), {str(2**63): 1, str(2**63 + 1): 1}, 0),
        (np.array([3.0, np.nan, 3.5]), {"3": 1, "3.5": 1}, 1),
        (np.array([True, False, True]), {"true": 2, "false": 1}, 0),
        (np.array([["a"], None, float("nan"), "b"], dtype=object), {"['a']": 1, "b": 1}, 2),
    ],
)
def test_categories_go_by_their_text(column, counts, nulls):
    assert count_categories(column) == (counts, nulls)
