"""Faults that the order of rows, their decimals or their names tell; and what must not be taken for one."""

import numpy as np
import pytest

from bot.statistics.faults.explain import FaultKind, explain_change

THEN, NOW = 8000, 1000


def first(then, now):
    return next(iter(explain_change(then, now)), None)


@pytest.fixture
def rng():
    return np.random.default_rng(20261130)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
def test_a_feed_that_stops_is_stale_not_filled(rng, share):
    now = rng.lognormal(3, 1, NOW)
    start = int(NOW * (1 - share))
    now[start:] = now[start - 1]
    found = first(rng.lognormal(3, 1, THEN), now)
    assert found.kind is FaultKind.STALE
    assert found.share == pytest.approx(share, abs=0.01)
    assert f"{100 * found.share:.0f} % of rows stand in long runs of one value" in found.sentence


def test_a_frequent_value_that_stays_is_stale(rng):
    now = rng.choice([6.0, 12, 16, 21], NOW)
    now[NOW // 2 :] = 16
    assert first(rng.choice([6.0, 12, 16, 21], THEN), now).kind is FaultKind.STALE


@pytest.mark.parametrize("value", [0.0, -1.0, 9999.0])
def test_a_default_from_some_moment_on_is_filled(rng, value):
    now = rng.lognormal(3, 1, NOW)
    now[NOW // 2 :] = value
    found = first(rng.lognormal(3, 1, THEN), now)
    assert (found.kind, found.factor) == (FaultKind.FILLED, value)


def test_a_value_scattered_over_the_window_is_filled(rng):
    now = rng.lognormal(3, 1, NOW)
    now[rng.random(NOW) < 0.8] = 21.5
    assert first(rng.lognormal(3, 1, THEN), now).kind is FaultKind.FILLED


def test_what_stands_in_runs_anyway_is_not_stale(rng):
    then, now = (np.repeat(rng.gamma(2, 4, rows // 40).round(1), 40) for rows in (THEN, NOW))
    assert first(then, now) is None
    hours = np.repeat(np.arange(96) % 24, 20).astype(float)
    assert first(np.repeat(np.arange(2400) % 24, 5).astype(float), hours[hours != 3]) is None


@pytest.mark.parametrize(("change", "kind", "word"), [(np.trunc, "truncated", "cut"), (np.round, "rounded", "rounded")])
def test_lost_decimals_are_told_from_fewer_values(rng, change, kind, word):
    then, now = (rng.gamma(3, 1.2, rows).round(3) for rows in (THEN, 2 * NOW))
    found = first(then, np.where(rng.random(2 * NOW) < 0.6, change(now), now))
    assert found.kind.value == kind
    assert f"% of rows are {word} to whole numbers" in found.sentence
    assert first(then * 100, change(now) * 100).sentence == f"{word} to hundreds"
    assert first(then, now) is None


def test_whole_numbers_from_another_unit_are_no_lost_decimals(rng):
    then, now = (rng.gamma(3, 12, rows).round(2) for rows in (THEN, NOW))
    assert first(then, now * 100).kind is FaultKind.SCALED


def test_names_cut_short(rng):
    names = np.array(["Partner1", "Partner2", "Organic", "Referral"], dtype=object)
    then, now = (rng.choice(names, rows, p=[0.3, 0.3, 0.25, 0.15]) for rows in (THEN, NOW))
    found = first(then, np.array([name[:3] for name in now], dtype=object))
    assert found.kind is FaultKind.TRUNCATED
    assert found.sentence == "names are cut after 3 letters"
    assert found.undo == "read the names from their source again"


@pytest.mark.parametrize("share", [0.05, 0.1])
def test_a_default_in_few_rows_is_no_renaming(rng, share):
    then, now = (rng.choice(np.array(["yes", "no"], dtype=object), rows, p=[0.4, 0.6]) for rows in (40_000, 5000))
    now[rng.random(5000) < share] = "unknown"
    assert first(then, now).kind is FaultKind.FILLED


def test_most_values_filled_with_a_usual_one(rng):
    then, now = (rng.choice([300.0, 350, 400, 500, 550, 600, 750], rows) for rows in (THEN, NOW))
    now[rng.random(NOW) < 0.5] = 500
    found = first(then, now)
    assert (found.kind, found.factor) == (FaultKind.FILLED, 500)


def test_half_of_the_rows_gone(rng):
    then, now = (rng.gamma(3, 12, rows) for rows in (THEN, 4 * NOW))
    assert first(then, now[now < np.quantile(then, 0.5)]).kind is FaultKind.TRUNCATED


REAL = {
    "moved": lambda x, rng: x + 0.25 * x.std(),
    "broader": lambda x, rng: np.median(x) + (x - np.median(x)) * 1.25,
    "noisier": lambda x, rng: x * np.exp(rng.normal(0, 0.3, x.size)),
    "grown": lambda x, rng: x * 1.2,
    "more high ones": lambda x, rng: x[rng.random(x.size) < np.where(x > np.median(x), 1, 0.4)],
    "a new kind of rows": lambda x, rng: np.where(
        rng.random(x.size) < 0.15, np.median(x) + 1.5 * x.std() + rng.normal(0, 0.3 * x.std(), x.size), x
    ),
}


def test_real_changes_are_seldom_called_faults(rng):
    shapes = {
        "normal": lambda rows: rng.normal(50, 10, rows),
        "lognormal": lambda rows: rng.lognormal(3, 1, rows),
        "bounded": lambda rows: rng.beta(0.6, 0.8, rows).round(2),
        "two humps": lambda rows: np.where(rng.random(rows) < 0.4, rng.normal(1, 0.4, rows), rng.normal(6, 0.5, rows)),
        "counts": lambda rows: rng.poisson(12, rows).astype(float),
    }
    named = []
    for shape, draw in shapes.items():
        for name, change in REAL.items():
            found = first(draw(THEN), change(draw(NOW), rng))
            named += [(shape, name, found.sentence)] if found else []
    assert len(named) <= 0.1 * len(shapes) * len(REAL), named


def test_tens_that_repeat_more_often_are_cut_and_not_stale():
    rng = np.random.default_rng(42)
    then, now = (rng.integers(1, 40, rows) * 1.0 for rows in (8000, 4000))
    seen = np.where(np.arange(now.size) >= 2000, np.floor(now / 10) * 10, now)
    found = explain_change(then, seen)
    assert found[0].kind is FaultKind.TRUNCATED
    assert "cut to tens" in found[0].sentence


@pytest.mark.parametrize("begin", [2.0**53, 2.0**60])
def test_whole_numbers_too_large_to_tell_apart_are_not_stale(begin):
    rows = np.arange(4000.0)
    found = explain_change(np.random.default_rng(7).permutation(begin + rows), begin + 4000 + rows)
    assert [one.kind for one in found] == [FaultKind.OFFSET]
