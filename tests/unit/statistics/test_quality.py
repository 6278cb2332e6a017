"""Baselines of row counts keep what is usual and lose what was an outage."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.statistics.quality import without_upsets
from bot.statistics.volumes import count_band

COUNTS = st.lists(st.integers(0, 10**6), min_size=1, max_size=40)


def test_an_outage_and_a_flood_are_left_out():
    assert without_upsets([1000, 980, 1030, 12, 1010, 995, 400_000]) == [1000, 980, 1030, 1010, 995]


def test_windows_that_differ_by_themselves_are_kept():
    counts = [int(1000 * 2**power) for power in np.random.default_rng(1).normal(0, 1, 40)]
    assert len(without_upsets(counts)) >= 39


@given(COUNTS)
@settings(deadline=None)
def test_at_least_half_is_kept_whatever_the_order(counts):
    kept = without_upsets(counts)
    assert 2 * len(kept) >= len(counts)
    assert sorted(without_upsets(counts[::-1])) == sorted(kept)
    assert without_upsets([counts[0]] * len(counts)) == [counts[0]] * len(counts)


def test_nothing_has_no_upsets():
    assert without_upsets([]) == []


def test_leaving_out_costs_few_false_alarms():
    rng, wrong = np.random.default_rng(2), 0
    for _ in range(2000):
        *before, now = rng.poisson(1000 * np.exp(rng.normal(0, 0.2, 15))).tolist()
        band = count_band(without_upsets(before), false_alarm_rate=0.001, least_windows=6)
        wrong += not band.lower <= now <= band.upper
    assert wrong / 2000 < 0.006
