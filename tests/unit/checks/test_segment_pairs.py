"""Two conditions together, where neither alone explains the change; and columns that are no features."""

from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.catalog.config import Limits, Model
from bot.checks.catalogue import CHECKS
from bot.checks.contract import CheckRequest
from bot.checks.runner import run_check
from bot.statistics.attribution import attribute
from bot.statistics.pairs import narrowest
from tests.parquet import writing
from tests.unit.checks.asking import NOW

HOUR = timedelta(hours=1)
ROWS = 12_000


def table(seed, rows=ROWS):
    rng = np.random.default_rng(seed)
    return {
        "carrier": rng.choice(
            np.array(["AA", "UA", "DL", "B6", "WN"], dtype=object), rows, p=[0.25, 0.25, 0.2, 0.2, 0.1]
        ),
        "origin": rng.choice(np.array(["ORD", "JFK", "EWR", "LGA"], dtype=object), rows, p=[0.3, 0.3, 0.2, 0.2]),
        "distance": rng.gamma(2, 400, rows),
        "delay": rng.gamma(2, 8, rows),
        "late": rng.uniform(size=rows) < 0.15,
    }


def pair(rows):
    return (rows["carrier"] == "AA") & (rows["origin"] == "ORD")


def single(rows):
    return rows["carrier"] == "AA"


def searched(fault, seed, strength=0.5):
    then, now = table(seed), table(seed + 1000)
    rng = np.random.default_rng(seed)
    hit = fault(now) & (rng.uniform(size=ROWS) < strength)
    outcome = (now["late"] | hit).astype(float)
    features = ["carrier", "origin", "distance"]
    return attribute(
        {name: then[name] for name in features},
        then["late"].astype(float),
        {name: now[name] for name in features},
        outcome,
        pairs=True,
    )


@pytest.mark.parametrize("seed", range(8))
def test_a_fault_of_two_conditions_is_named_with_both(seed):
    found = narrowest(searched(pair, seed))
    assert found is not None
    assert dict(found.effect.segment.conditions) == {"carrier": "AA", "origin": "ORD"}
    assert found.effect.p_value < 0.001
    assert found.effect.interval.lower > 0
    assert {(rest.feature, rest.value, rest.other) for rest in found.rests} == {
        ("carrier", "AA", "origin"),
        ("origin", "ORD", "carrier"),
    }
    assert all(rest.interval.lower / found.effect.lift < 0.15 for rest in found.rests)


@pytest.mark.parametrize("seed", range(20))
def test_a_fault_of_one_condition_is_never_told_as_a_pair(seed):
    assert narrowest(searched(single, seed, strength=0.3)) is None


@pytest.mark.parametrize("seed", range(20))
def test_rows_that_did_not_change_have_no_pair(seed):
    assert narrowest(searched(lambda rows: np.zeros(ROWS, dtype=bool), seed)) is None


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 10_000))
def test_the_order_of_rows_and_the_names_of_values_change_nothing(seed):
    then, now = table(1), table(2)
    outcome = (now["late"] | (pair(now) & (now["delay"] > 8))).astype(float)
    rng = np.random.default_rng(seed)
    order = rng.permutation(ROWS)
    renamed = {"AA": "x7", "UA": "a", "DL": "q", "B6": "0", "WN": "zz"}

    def carriers(rows):
        return np.array([renamed[name] for name in rows["carrier"]], dtype=object)

    plain = attribute(
        {"carrier": then["carrier"], "origin": then["origin"]},
        then["late"].astype(float),
        {"carrier": now["carrier"], "origin": now["origin"]},
        outcome,
        pairs=True,
    )
    other = attribute(
        {"carrier": carriers(then), "origin": then["origin"]},
        then["late"].astype(float),
        {"carrier": carriers(now)[order], "origin": now["origin"][order]},
        outcome[order],
        pairs=True,
    )
    first, second = narrowest(plain).effect, narrowest(other).effect
    assert dict(second.segment.conditions) == {"carrier": "x7", "origin": "ORD"}
    assert second.lift == pytest.approx(first.lift)


@pytest.fixture
def write(tmp_path):
    def one(now, then, **data):
        for part, rows, start in (("now", now, NOW - HOUR), ("then", then, NOW - 2 * HOUR)):
            size = len(next(iter(rows.values())))
            times = np.datetime64(start.replace(tzinfo=None), "us") + (np.arange(size) * 3_599_000_000 // size).astype(
                "timedelta64[us]"
            )
            with writing() as connection:
                plain = {name: cells.astype(str) if cells.dtype == object else cells for name, cells in rows.items()}
                connection.register("part", {"at": times, **plain})
                connection.execute(f"COPY (SELECT * FROM part) TO '{tmp_path}/{part}.parquet'")
        settings_ = {"predictions": "*.parquet", "time": "at", "prediction": "answer", "window": "1h", **data}
        return tmp_path, Model.model_validate({"name": "eta", "data": settings_})

    return one


def ask(place, line):
    folder, model = place
    check, params = CHECKS.read_line(line)
    request = CheckRequest(check.name, params, model.name, NOW)
    return run_check(check, request, model, base=folder, limits=Limits(), isolated=False)


def answers(seed, fault=None):
    rows = table(seed)
    late = rows.pop("late")
    if fault is not None:
        late = late | (fault(rows) & (np.arange(ROWS) % 2 == 0))
    return {**rows, "answer": np.where(late, "late", "on time").astype(object)}


def test_the_check_names_the_pair_with_its_part_of_the_rows(write):
    place = write(answers(1, pair), answers(2), segments=["carrier", "origin", "distance"])
    found = ask(place, "segments")
    assert found.verdict == "concentrated"
    assert "carrier = AA and origin = ORD explains" in found.sentence
    assert found.sentence.endswith(" % of the rows (16 % → 58 % there).")
    assert found.rows[0][0] == "carrier = AA and origin = ORD"
    assert found.data["affected"] == pytest.approx(0.075, abs=0.01)
    assert any("pairs of carrier, origin, distance searched" in note for note in found.notes)


def test_a_numeric_outcome_has_pairs_too(write):
    now = answers(1)
    now["delay"] = now["delay"] + np.where(pair(now), 30.0, 0.0)
    found = ask(write(now, answers(2), segments=["carrier", "origin"]), "segments feature=delay")
    assert "carrier = AA and origin = ORD explains" in found.sentence


def test_the_check_keeps_to_one_condition_where_one_will_do(write):
    found = ask(write(answers(3, single), answers(4), segments=["carrier", "origin", "distance"]), "segments")
    assert "carrier = AA explains" in found.sentence
    assert any("none explains it clearly better" in note for note in found.notes)


def test_without_a_change_no_pair_is_looked_for(write):
    found = ask(write(answers(5), answers(6), segments=["carrier", "origin"]), "segments")
    assert found.verdict == "no change"
    assert not any("pairs of" in note for note in found.notes)


def test_what_says_which_row_it_is_and_not_what_it_is_is_no_feature(write):
    def with_more(rows, first):
        more = {
            "booking_id": np.arange(first, first + ROWS),
            "trace": np.array([f"t{at}" for at in range(first, first + ROWS)], dtype=object),
            "merchant_id": np.arange(ROWS) % 40,
            "took": np.full(ROWS, 20.0),
            "p_late": np.full(ROWS, 0.5),
        }
        return {**rows, **more}

    place = write(
        with_more(answers(1, pair), 0),
        with_more(answers(2), ROWS),
        latency="took",
        probabilities=["p_late"],
    )
    found = ask(place, "drift")
    assert set(found.data) == {"carrier", "origin", "distance", "delay", "merchant_id"}
