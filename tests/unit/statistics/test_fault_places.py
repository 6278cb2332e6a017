"""A fault is found in the one segment it sits in, and two columns that changed places are named."""

import numpy as np
import pytest

from bot.statistics.faults.explain import explain_change
from bot.statistics.faults.hypothesis import FaultKind
from bot.statistics.faults.places import explain_in_segments, explain_swap

COUNTRIES = np.array(["DE", "FR", "US", "IT"], dtype=object)
LEVELS = {"DE": 1.0, "FR": 1.4, "US": 0.7, "IT": 1.1}


def sales(rng, rows):
    country = rng.choice(COUNTRIES, rows, p=[0.2, 0.3, 0.4, 0.1])
    level = np.array([LEVELS[name] for name in country])
    return {
        "country": country,
        "channel": rng.choice(np.array(["web", "shop"], dtype=object), rows),
        "amount": level * rng.lognormal(3, 0.8, rows),
        "items": rng.poisson(4, rows).astype(float),
        "weight": rng.gamma(2, 3, rows),
    }


@pytest.mark.parametrize("factor", [100.0, 0.01, 2.54, 60.0])
def test_a_unit_changed_in_one_segment_is_found_there(factor):
    rng = np.random.default_rng(1)
    then, now = sales(rng, 20_000), sales(rng, 6000)
    hit = now["country"] == "DE"
    now["amount"][hit] *= factor
    found = explain_in_segments(then, now, "amount", ["channel", "country"])
    assert str(found.segment) == "country = DE"
    assert found.fault.kind is FaultKind.SCALED
    assert found.fault.factor == pytest.approx(factor, rel=1e-6)
    assert found.fault.share > 0.95
    assert np.array_equal(found.inside, hit)
    assert found.affected == pytest.approx(hit.mean(), rel=0.05)


def test_a_fill_and_nulls_are_found_in_their_segment():
    rng = np.random.default_rng(2)
    for value, kind in ((-1.0, FaultKind.FILLED), (np.nan, FaultKind.NULLS)):
        then, now = sales(rng, 20_000), sales(rng, 6000)
        now["amount"][now["country"] == "FR"] = value
        found = explain_in_segments(then, now, "amount", ["channel", "country"])
        assert (str(found.segment), found.fault.kind) == ("country = FR", kind)


def test_a_fault_all_over_has_no_segment():
    rng = np.random.default_rng(3)
    then, now = sales(rng, 20_000), sales(rng, 6000)
    now["amount"] = np.where(rng.random(6000) < 0.4, now["amount"] * 100, now["amount"])
    found = explain_in_segments(then, now, "amount", ["channel", "country"])
    assert found.segment is None
    assert found.fault.factor == pytest.approx(100)


def test_nothing_is_found_where_nothing_changed():
    rng = np.random.default_rng(4)
    assert explain_in_segments(sales(rng, 20_000), sales(rng, 6000), "amount", ["channel", "country"]) is None


def test_categories_of_one_segment():
    rng = np.random.default_rng(5)
    then, now = sales(rng, 20_000), sales(rng, 6000)
    now["channel"][now["country"] == "US"] = "unknown"
    found = explain_in_segments(then, now, "channel", ["country"])
    assert str(found.segment) == "country = US"
    assert found.fault.kind is FaultKind.FILLED


def test_categories_that_only_lost_rows_are_null_not_swapped():
    names = np.array(["UA", "MQ", "B6"], dtype=object)
    then = np.repeat(names, [4000, 2000, 4000])
    lost = np.concatenate([np.repeat(names, [17, 36, 56]), np.full(41, None, dtype=object)])
    assert [one.kind for one in explain_change(then, lost)] == [FaultKind.NULLS, FaultKind.SWAPPED]
    swapped = np.concatenate([np.repeat(names, [30, 60, 57]), np.full(3, None, dtype=object)])
    assert explain_change(then, swapped)[0].kind is FaultKind.SWAPPED


def test_swapped_columns_are_named_and_others_are_not():
    rng = np.random.default_rng(6)
    then, now = sales(rng, 10_000), sales(rng, 3000)
    assert explain_swap(then, now) == []
    now["items"], now["amount"] = now["amount"], now["items"]
    (found,) = explain_swap(then, now)
    assert (found.first, found.second) == ("amount", "items")
    assert found.sentence == "amount and items look swapped; swapped back they match the reference"
    assert found.explained > 0.8
    now["amount"] = now["amount"] * 1000
    assert explain_swap(then, now) == []
