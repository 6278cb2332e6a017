"""The right fault is named first, and none on clean data."""

import numpy as np
import pytest

from bot.statistics.faults.explain import FaultKind, explain_change
from bot.statistics.wording import number, percent

THEN, NOW = 20_000, 5_000


def shapes(rng, rows):
    return {
        "normal": rng.normal(50, 10, rows),
        "lognormal": rng.lognormal(3, 1, rows),
        "gamma": rng.gamma(2, 30, rows),
        "temperature": rng.normal(18, 6, rows),
        "half_zeros": np.where(rng.random(rows) < 0.5, 0, rng.lognormal(2, 0.8, rows)),
        "heavy": rng.standard_t(3, rows) * 4 + 20,
        "counts": rng.poisson(20, rows).astype(float),
    }


def part(share, change):
    def hit(values, rng):
        chosen = rng.random(values.size) < share
        return np.where(chosen, change(values), values)

    return hit


def whole(change):
    return lambda values, _: change(values)


FAULTS = {
    **{f"times {k}": (FaultKind.SCALED, k, whole(lambda x, k=k: x * k)) for k in (10, 100, 1000, 60, 3600, 1.609344)},
    **{f"times {k}": (FaultKind.SCALED, k, whole(lambda x, k=k: x * k)) for k in (2.54, 0.45359237, 0.01, 0.001)},
    **{f"40 % times {k}": (FaultKind.SCALED, k, part(0.4, lambda x, k=k: x * k)) for k in (10, 60, 100, 0.01)},
    "sign": (FaultKind.SIGN_FLIPPED, -1, whole(lambda x: -x)),
    "30 % sign": (FaultKind.SIGN_FLIPPED, -1, part(0.3, lambda x: -x)),
    "default": (FaultKind.FILLED, -1, part(0.25, lambda x: np.full(x.size, -1.0))),
    "constant": (FaultKind.FILLED, 7, whole(lambda x: np.full(x.size, 7.0))),
    "nulls": (FaultKind.NULLS, None, part(0.2, lambda x: np.full(x.size, np.nan))),
    "clip": (FaultKind.CLIPPED, None, whole(lambda x: np.minimum(x, np.quantile(x, 0.8)))),
    "truncate": (FaultKind.TRUNCATED, None, whole(lambda x: x[x < np.quantile(x, 0.8)])),
    "kelvin": (FaultKind.CONVERTED, None, whole(lambda x: x + 273.15)),
    "fahrenheit": (FaultKind.CONVERTED, None, whole(lambda x: x * 1.8 + 32)),
    "stale": (FaultKind.STALE, None, whole(lambda x: np.repeat(x[::5], 5)[: x.size])),
}


def test_injected_faults_are_named_first():
    rng = np.random.default_rng(20261123)
    missed, tried = [], 0
    for shape in shapes(rng, 1):
        for name, (kind, factor, change) in FAULTS.items():
            then, now = shapes(rng, THEN)[shape], change(shapes(rng, NOW)[shape], rng)
            first = next(iter(explain_change(then, now)), None)
            tried += 1
            right = first and first.kind == kind and (factor is None or first.factor == pytest.approx(factor))
            if not right:
                missed.append((shape, name, first))
    assert tried >= 60
    assert len(missed) <= 0.1 * tried, missed


def test_no_fault_is_named_on_clean_windows():
    rng = np.random.default_rng(7)
    named = tried = 0
    for _ in range(40):
        for shape, then in shapes(rng, 4000).items():
            tried += 1
            named += bool(explain_change(then, shapes(rng, 1500)[shape]))
    assert named <= 0.02 * tried


def test_real_movement_is_seldom_called_a_fault():
    rng = np.random.default_rng(8)
    named = []
    for _ in range(10):
        for shape, then in shapes(rng, 10_000).items():
            now = shapes(rng, 4000)[shape]
            named += [bool(explain_change(then, now * 1.15)), bool(explain_change(then, now + 0.4 * now.std()))]
    assert np.mean(named) <= 0.2


def test_the_share_of_rows_hit_is_estimated():
    rng = np.random.default_rng(9)
    then = rng.gamma(2, 30, THEN)
    now = part(0.38, lambda x: x * 60)(rng.gamma(2, 30, NOW), rng)
    first = explain_change(then, now)[0]
    assert first.share == pytest.approx(0.38, abs=0.03)
    assert first.explained > 0.9
    assert first.sentence.endswith("% of rows are multiplied by 60; divided by 60 they match the reference")
    assert first.undo == "divided by 60"


def test_what_every_row_suffered_is_said_without_a_share():
    rng = np.random.default_rng(10)
    first = explain_change(rng.lognormal(3, 1, THEN), rng.lognormal(3, 1, NOW) * 100)[0]
    assert first.sentence == "multiplied by 100; divided by 100 it matches the reference"
    first = explain_change(rng.lognormal(3, 1, THEN), rng.lognormal(3, 1, NOW) / 1000)[0]
    assert first.sentence == "divided by 1,000; multiplied by 1,000 it matches the reference"


def test_hours_of_day_moved_by_a_time_zone():
    rng = np.random.default_rng(11)

    def hours(rows):
        return np.floor(rng.normal(14, 4, rows)) % 24

    first = explain_change(hours(THEN), (hours(NOW) - 5) % 24)[0]
    assert (first.kind, first.factor) == (FaultKind.CLOCK_SHIFTED, -5)


def test_a_generic_factor_and_offset_are_measured():
    rng = np.random.default_rng(12)
    first = explain_change(rng.lognormal(3, 0.3, THEN), rng.lognormal(3, 0.3, NOW) * 7.3)[0]
    assert (first.kind, first.factor) == (FaultKind.SCALED, pytest.approx(7.3, rel=0.02))
    first = explain_change(rng.normal(0, 1, THEN), rng.normal(0, 1, NOW) + 40)[0]
    assert (first.kind, first.factor) == (FaultKind.OFFSET, pytest.approx(40, rel=0.02))


WORDS = ["DE", "FR", "US", "IT"]
SHARES = [0.5, 0.25, 0.15, 0.1]


def words(rng, rows):
    return rng.choice(WORDS, rows, p=SHARES).astype(object)


@pytest.mark.parametrize(
    ("change", "kind", "text"),
    [
        (lambda x: np.where(x == "DE", "US", np.where(x == "US", "DE", x)), FaultKind.SWAPPED, "DE and US are swapped"),
        (lambda x: np.array([word.lower() for word in x]), FaultKind.RENAMED, "DE is now written 'de'"),
        (lambda x: np.where(x == "FR", "France", x), FaultKind.RENAMED, "FR is now called France"),
        (
            lambda x: np.where(np.arange(x.size) % 3 == 0, "unknown", x),
            FaultKind.FILLED,
            "33 % of rows are filled with unknown",
        ),
        (lambda x: np.where(np.arange(x.size) % 4 == 0, None, x), FaultKind.NULLS, "25 % of rows are null"),
        (lambda x: x[x != "FR"], FaultKind.LOST, "FR is missing (usually 25"),
    ],
)
def test_faults_of_categories(change, kind, text):
    rng = np.random.default_rng(13)
    first = explain_change(words(rng, THEN), change(words(rng, NOW)))[0]
    assert first.kind == kind
    assert first.sentence.startswith(text)
    assert first.explained > 0.7


def test_clean_categories_have_no_fault():
    rng = np.random.default_rng(14)
    assert not any(explain_change(words(rng, 3000), words(rng, 1000)) for _ in range(100))


def test_adversarial_columns_have_no_fault_and_raise_nothing():
    rng = np.random.default_rng(15)
    pool = [0.0, 1e308, -1e308, np.inf, -np.inf, 5e-324, 2.0**53, np.nan]
    for _ in range(30):
        assert explain_change(rng.choice(pool, 300), rng.choice(pool, 200)) == []
    for column in (np.array([]), np.array([1.0]), np.full(100, np.nan), np.array([None] * 80), np.zeros(100)):
        assert explain_change(column, column) == []
    assert explain_change(np.arange(100.0), np.array([])) == []


def test_two_faults_at_once_are_both_named_the_wider_first():
    rng = np.random.default_rng(16)
    now = rng.lognormal(3, 1, NOW) * 100
    now[:300] = np.nan
    kinds = [one.kind for one in explain_change(rng.lognormal(3, 1, THEN), now)]
    assert kinds[0] is FaultKind.SCALED
    assert FaultKind.NULLS in kinds


def test_text_where_numbers_were_is_no_fault_of_values():
    assert explain_change(np.arange(100.0), np.full(100, "x")) == []
    assert explain_change(np.arange(100.0), np.full(100, None))[0].kind == FaultKind.NULLS


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (3790, "3,790"), (38.2, "38.2"), (0.00421, "0.00421"), (-12.34, "-12.3"), (1e20, "1e+20"), (100, "100")],
)
def test_numbers_in_words(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    ("share", "text"),
    [(0.97, "97 %"), (0.004, "0.4 %"), (0, "0 %"), (1, "100 %"), (0.998, "99.8 %"), (0.00002, "under 0.01 %")],
)
def test_shares_in_words(share, text):
    assert percent(share) == text
