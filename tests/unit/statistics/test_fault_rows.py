"""Which rows a fault hit, and what they were before."""

import numpy as np
import pytest

from bot.statistics.faults.explain import explain_change
from bot.statistics.faults.rows import rows_hit, undone


@pytest.mark.parametrize("factor", [100.0, 0.001, -1.0])
def test_rows_hit_are_told_and_mended(factor):
    random = np.random.default_rng(1)
    then, sound = random.lognormal(3, 0.5, 20_000), random.lognormal(3, 0.5, 5000)
    hit = random.random(5000) < 0.4
    now = np.where(hit, sound * factor, sound)
    fault = explain_change(then, now)[0]
    assert np.mean(rows_hit(then, now, fault) == hit) > 0.99
    assert np.mean(np.isclose(undone(then, now, fault), sound)) > 0.99


def test_fills_and_nulls_are_told_but_not_mended():
    random = np.random.default_rng(2)
    then, now = random.gamma(2, 30, 20_000), random.gamma(2, 30, 5000)
    for value in (-1.0, np.nan):
        faulty = np.where(np.arange(5000) % 4 == 0, value, now)
        fault = explain_change(then, faulty)[0]
        assert np.array_equal(rows_hit(then, faulty, fault), np.arange(5000) % 4 == 0)
        assert undone(then, faulty, fault) is None


def test_where_single_rows_do_not_tell_none_is_marked():
    random = np.random.default_rng(3)
    then, now = random.lognormal(3, 1, 20_000), random.lognormal(3, 1, 5000)
    now[:2500] *= 2.54
    fault = explain_change(then, now)[0]
    assert fault.factor == pytest.approx(2.54)
    assert rows_hit(then, now, fault) is None
    assert undone(then, now, fault) is None
