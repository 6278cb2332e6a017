"""Single odd rows of real files are named with their time, key and value; clean windows name none."""

from datetime import UTC, datetime

import numpy as np

from tests.unit.checks import answers, flights
from tests.unit.checks.asking import ask

DATA = """
prediction: answer
score: score
labels: {path: reference.parquet, key: id, column: answer}
features: {amount: {unit: EUR}, age: {}, country: {}}
"""


def rows(seed, count, **planted):
    rng = np.random.default_rng(seed)
    made = {
        "id": np.arange(seed * 1_000_000, seed * 1_000_000 + count),
        "amount": np.round(rng.lognormal(5, 1, count), 2),
        "age": rng.integers(18, 80, count),
        "country": rng.choice(["DE", "FR", "US"], count, p=[0.5, 0.3, 0.2]).astype(object),
        "score": rng.random(count),
        "answer": np.where(rng.random(count) < 0.1, "decline", "accept").astype(object),
    }
    for name, (places, value) in planted.items():
        made[name][places] = value
    return made


def asked(folder, line="outliers", data=DATA, **planted):
    return ask(answers.write(folder, rows(1, 2000, **planted), rows(2, 20_000), data=data), line)


def test_one_wild_amount_is_named_in_its_own_unit(tmp_path):
    found = asked(tmp_path, amount=([700], 982_000))
    assert found.verdict == "some"
    assert found.sentence.startswith("1 of 2,000 rows from 1 Nov 23:00 to 2 Nov 00:00 UTC is unlike the reference: ")
    assert "amount 982,000 EUR (usually under 1," in found.sentence
    assert found.columns == ("time", "id", "column", "value", "usually")
    assert found.rows[0][:4] == ("1 Nov 23:21:00", "1000700", "amount", "982,000 EUR")
    assert found.data["rows"][0]["at"] == "2026-11-01T23:21:00.900000+00:00"
    assert found.png.startswith(b"\x89PNG")
    assert "982k" in found.alt


def test_a_new_category_a_missing_value_and_a_low_amount_are_named(tmp_path):
    found = asked(tmp_path, country=([3, 4], "XX"), amount=([9, 10, 11], np.nan), age=([20], -4000))
    assert found.verdict == "some"
    assert found.data["by_column"]["amount"] == 3
    said = {(row[2], row[3], row[4].split(" 1")[0]) for row in found.rows}
    assert ("amount", "without a value", "never in the reference") in said
    assert ("age", "-4,000", "usually over") in {(column, value, how) for column, value, how in said}


def test_so_many_are_a_change_and_no_single_rows(tmp_path):
    found = asked(tmp_path, amount=(slice(0, 400), 500_000.0))
    assert found.verdict == "many"
    assert "of them by amount" in found.sentence
    assert 400 <= found.data["by_column"]["amount"] <= 404
    assert "`range feature=amount`" in found.sentence


def test_clean_windows_name_none(tmp_path):
    verdicts = []
    for seed in range(3, 23):
        config = answers.write(tmp_path, rows(seed, 600), rows(2, 20_000), data=DATA)
        verdicts.append(ask(config, "outliers").verdict)
    assert verdicts.count("none") >= 19
    assert "None of" in asked(tmp_path).sentence


def test_the_sound_day_of_flights_and_a_column_that_only_counts_on(tmp_path):
    config = flights.write(tmp_path, faulty=False)
    at = datetime(2026, 11, 2, 3, tzinfo=UTC)
    assert ask(config, "outliers", at=at).verdict == "none"
    sides = [
        {"serial" if name == "id" else name: cells for name, cells in rows(*one).items()}
        for one in ((9, 600), (2, 20_000))
    ]
    later = answers.write(tmp_path, *sides, data="prediction: answer")
    found = ask(later, "outliers")
    assert found.verdict == "none", found.sentence
    assert any("serial left out: it only counts on" in note for note in found.notes)


def test_one_feature_alone(tmp_path):
    found = asked(tmp_path, "outliers feature=age", age=([20], 400), amount=([700], 982_000))
    assert [row[2] for row in found.rows] == ["age"]


def test_what_is_missing_is_named(tmp_path):
    assert "there is `age`" in asked(tmp_path, "outliers feature=agee").sentence
    few = ask(answers.write(tmp_path, rows(1, 30), rows(2, 20_000), data=DATA), "outliers")
    assert (few.verdict, "Only 30 rows" in few.sentence) == ("too few rows", True)
    little = ask(answers.write(tmp_path, rows(1, 300), rows(2, 100), data=DATA), "outliers")
    assert (little.verdict, "200 needed" in little.sentence) == ("too few rows", True)
    config = answers.write(tmp_path, rows(1, 300), rows(2, 1000), data=DATA)
    assert ask(config, "outliers", at=datetime(2026, 1, 1, tzinfo=UTC)).verdict == "no data"
    lost = answers.write(tmp_path, rows(1, 300), {"other": np.zeros(900)}, data="prediction: answer")
    assert ask(lost, "outliers").verdict == "not configured"


def test_text_in_a_numeric_column_is_told(tmp_path):
    now = rows(1, 600)
    now["age"] = np.array([str(one) for one in now["age"][:-1]] + ["old"], dtype=object)
    found = ask(answers.write(tmp_path, now, rows(2, 20_000), data=DATA), "outliers")
    assert found.verdict in {"some", "none"}
