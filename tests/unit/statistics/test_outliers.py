"""Single rows: p-values that hold their promise on clean rows, and every planted row named with its reason."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from bot.statistics.outliers import OddRows, learn_rows, odd_rows
from bot.statistics.shortfall import Shortfall
from bot.statistics.tails import category_tail, names_of, numeric_tail

KINDS = {
    "normal": lambda rng, n: rng.normal(0, 1, n),
    "lognormal": lambda rng, n: rng.lognormal(0, 3, n),
    "cauchy": lambda rng, n: rng.standard_cauchy(n),
    "zeros": lambda rng, n: np.where(rng.random(n) < 0.8, 0, rng.exponential(5, n)),
    "counts": lambda rng, n: rng.poisson(3, n).astype(float),
    "words": lambda rng, n: np.array(["a", "b", "c", None], dtype=object)[rng.integers(0, 4, n)],
}
CELLS = st.one_of(
    st.none(), st.floats(allow_nan=True, allow_infinity=True), st.integers(-(2**70), 2**70), st.text(max_size=3)
)


def mixed(rng, count):
    return {name: made(rng, count) for name, made in KINDS.items()}


def objects(cells):
    column = np.empty(len(cells), dtype=object)
    column[:] = cells
    return column


def test_clean_windows_of_any_tails_name_almost_none():
    naming = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        naming += odd_rows(learn_rows(mixed(rng, 3000)), mixed(rng, 600)).count > 0
    assert naming <= 4  # alpha is 1 %; 5 or more of 60 has a chance of 0.04 %


def test_p_values_of_clean_rows_are_never_too_small():
    shares = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        shares.append(np.mean(odd_rows(learn_rows(mixed(rng, 2000)), mixed(rng, 2000)).p_values < 0.05))
    assert 0.02 < np.mean(shares) < 0.055  # two scores are tried, and ties err towards saying nothing


@pytest.mark.parametrize(
    ("column", "value", "why"),
    [
        ("normal", 30.0, "beyond"),
        ("normal", -1e308, "beyond"),
        ("zeros", 9e5, "beyond"),
        ("counts", 4e3, "beyond"),
        ("counts", math.nan, "rare"),
        ("normal", math.inf, "rare"),
    ],
)
def test_one_planted_row_is_named_with_its_reason(column, value, why):
    rng = np.random.default_rng(5)
    usual, now = learn_rows(mixed(rng, 20_000)), mixed(rng, 600)
    now[column][77] = value
    found = odd_rows(usual, now)
    assert [(one.row, one.feature, one.why) for one in found.told] == [(77, column, why)]
    assert found.by_feature == {column: 1}


def test_further_out_is_never_less_strange():
    rng = np.random.default_rng(6)
    tail = numeric_tail(rng.lognormal(0, 2, 5000))
    grid = np.concatenate([np.linspace(tail.middle, 100, 500), np.geomspace(100, 1e308, 500)])
    surprise, scores = tail.place(grid)
    assert (np.diff(surprise) >= 0).all()
    assert (np.diff(scores) >= 0).all()
    down, _ = tail.place(-np.geomspace(1e-3, 1e308, 100))
    assert (np.diff(down) >= 0).all()


def test_inside_the_reference_a_surprise_is_the_empirical_tail_and_outside_hills():
    values = np.sort(np.random.default_rng(7).pareto(1.5, 20_000) + 1)
    tail = numeric_tail(values)
    for at in (100, 9_000, 15_000, 19_000):
        exact = 2 * (min(at + 1, 20_000 - at) + 1) / 20_001
        assert tail.place(values[at : at + 1])[0][0] == pytest.approx(max(0.0, -math.log(exact)), abs=1e-9)
    for times in (10, 1000):
        far = values[-1] * times
        expected = -math.log(2 * stats.pareto.sf(far, 1.5))
        assert tail.place(np.array([far]))[0][0] == pytest.approx(expected, rel=0.35)


def test_values_that_do_not_go_together_are_named_with_what_would():
    rng = np.random.default_rng(8)

    def made(count):
        base = rng.gamma(3, 20, count)
        return {"km": base, "minutes": base * 1.5 + rng.normal(0, 1, count), "other": rng.random(count)}

    usual, now = learn_rows(made(20_000)), made(600)
    now["km"][10], now["minutes"][10], now["other"][10] = 130.0, 20.0, 0.5
    found = odd_rows(usual, now)
    assert [one.row for one in found.told] == [10]
    one = found.told[0]
    assert one.why == "apart"
    goes = {"km": 20 / 1.5, "minutes": 130 * 1.5}[one.feature]
    assert one.expected == pytest.approx(goes, rel=0.25)


def test_the_order_of_rows_does_not_matter():
    rng = np.random.default_rng(9)
    usual, now = learn_rows(mixed(rng, 3000)), mixed(rng, 500)
    now["normal"][3], now["cauchy"][4] = 50, 1e12
    order = rng.permutation(500)
    one, other = odd_rows(usual, now), odd_rows(usual, {name: column[order] for name, column in now.items()})
    np.testing.assert_array_equal(one.p_values[order], other.p_values)
    assert {order[told.row] for told in other.told} == {told.row for told in one.told} >= {3, 4}


@given(
    st.lists(CELLS, min_size=200, max_size=230),
    st.lists(CELLS, max_size=30),
    st.lists(st.sampled_from([0.0, 1e308, -1e308, math.nan, math.inf]), min_size=230, max_size=230),
)
@settings(deadline=None, max_examples=40)
def test_any_columns_get_an_answer(then, now, wild):
    usual = learn_rows({"any": objects(then), "wild": np.array(wild[: len(then)])})
    assert not isinstance(usual, Shortfall)
    found = odd_rows(usual, {"any": objects(now), "wild": np.array(wild[: len(now)])})
    if not now:
        assert isinstance(found, Shortfall)
        return
    assert isinstance(found, OddRows)
    assert ((found.p_values > -1e-12) & (found.p_values <= 1)).all()
    assert found.count == sum(found.by_feature.values())


def test_too_little_to_learn_from_is_an_answer():
    assert "Only 40 rows in the reference; 200 needed" in learn_rows({"x": np.arange(40.0)}).sentence
    assert "null" in learn_rows({"x": np.full(300, np.nan)}).sentence
    usual = learn_rows({"x": np.arange(300.0)})
    assert "Column x" in odd_rows(usual, {"y": np.arange(3.0)}).sentence
    assert learn_rows({}).have == 0


def test_constants_and_one_row():
    usual = learn_rows({"same": np.full(4000, 7.0), "flag": np.array([True, False] * 2000)})
    calm = odd_rows(usual, {"same": np.full(1, 7.0), "flag": np.array([True])})
    assert (calm.count, calm.rows) == (0, 1)
    odd = odd_rows(usual, {"same": np.array([8.0]), "flag": np.array([True])})
    assert [(one.feature, one.value) for one in odd.told] == [("same", 8.0)]


def test_categories_go_by_their_text_and_null_is_one():
    assert names_of(objects([1, 1.0, True, None, math.nan, [2]])) == ["1", "1", "1", "null", "null", "[2]"]
    assert category_tail(["a"] * 99).unseen == pytest.approx(1e-4)
    tail = category_tail(["a"] * 98 + ["b"])
    assert tail.surprise(["a", "b", "c"]).tolist() == pytest.approx(
        [-math.log(99 / 102), -math.log(2 / 102), -math.log(1 / 99)]
    )
