"""Whatever rows a model has, each of these checks answers with one of its own words and a sentence."""

from datetime import timedelta

import duckdb
import numpy as np
import pytest

from bot.catalog.config import Limits
from bot.catalog.load import load_catalog
from bot.checks.catalogue import CHECKS
from bot.checks.contract import CheckRequest
from bot.checks.runner import run_check
from tests.unit.checks import answers, loans
from tests.unit.checks.test_data_checks import NOW, ask, columns

LINES = (
    "row_count",
    "freshness",
    "schema",
    "duplicates",
    "since_when",
    "since_when feature=amount",
    "sample_size",
    "top_shifted",
    "fit_to_train",
)
DATA = """
prediction: answer
labels: {path: labels.parquet, key: id, column: truth}
features: {amount: {}, country: {}}
segments: [country]
"""
CALM = {
    "row_count": "ok",
    "freshness": "fresh",
    "schema": "same",
    "duplicates": "none",
    "since_when": "no change",
    "since_when feature=amount": "no change",
    "sample_size": "enough",
    "top_shifted": "stable",
    "fit_to_train": "fit",
}


def prepare(folder, now, then=None, **options):
    answers.write(folder, now, then, data=DATA, **options)
    earlier = options.get("earlier") or {}
    both = {name: np.concatenate([now[name], earlier.get(name, now[name][:0])]) for name in ("id", "answer")}
    loans.save(folder, "labels", {"id": both["id"], "truth": both["answer"]})
    return folder


@pytest.mark.parametrize("line", LINES)
def test_sound_rows_are_calm(tmp_path, line):
    folder = prepare(tmp_path, columns(1000), columns(5000, 2), earlier=columns(30_000, 3))
    assert ask(folder, line).verdict == CALM[line]


@pytest.mark.parametrize("line", LINES)
def test_a_window_long_before_the_first_row_has_no_data(tmp_path, line):
    found = ask(prepare(tmp_path, columns(1000), columns(5000, 2)), line, at=NOW - timedelta(days=50))
    assert found.verdict in {"no data", "too few windows", "stale"}


@pytest.mark.parametrize("count", [1, 20])
@pytest.mark.parametrize("line", LINES)
def test_a_handful_of_rows_is_too_few(tmp_path, line, count):
    found = ask(prepare(tmp_path, columns(count), columns(5000, 2)), line)
    assert found.verdict in {"too few rows", "too few windows", "not fit", "fresh"}


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize(
    "amount",
    [
        pytest.param(["abc", "", None, "12"] * 250, id="text"),
        pytest.param(np.full(1000, np.nan), id="all null"),
        pytest.param(np.where(np.arange(1000) % 3 == 0, 1e308, np.inf), id="beyond all numbers"),
        pytest.param(np.full(1000, 7.0), id="constant"),
        pytest.param(np.arange(1000) % 2 == 0, id="flags"),
    ],
)
def test_a_column_of_another_kind_gets_an_answer(tmp_path, line, amount):
    now = columns(1000) | {"amount": np.asarray(amount, dtype=object if isinstance(amount, list) else None)}
    found = ask(prepare(tmp_path, now, columns(5000, 2)), line)
    expected = {"schema": {"changed", "same"}, "fit_to_train": {"not fit"}, "duplicates": {"none"}}
    assert found.verdict in expected.get(line, {found.verdict})


@pytest.mark.parametrize("line", LINES)
def test_a_column_that_is_gone_gets_an_answer(tmp_path, line):
    now = columns(1000)
    now.pop("amount")
    found = ask(prepare(tmp_path, now, columns(5000, 2)), line)
    expected = {"schema": "changed", "fit_to_train": "not fit", "since_when feature=amount": "not configured"}
    assert found.verdict == expected.get(line, found.verdict)
    assert "amount" in found.sentence or line not in {*expected, "top_shifted"}


@pytest.mark.parametrize("line", ["schema", "duplicates", "sample_size", "top_shifted", "fit_to_train"])
def test_an_empty_reference_is_said(tmp_path, line):
    empty = {name: column[:0] for name, column in columns(5, 2).items()}
    found = ask(prepare(tmp_path, columns(1000), empty), line)
    assert "to compare with" in found.sentence
    assert found.verdict in {"no data", "not fit"}


def test_text_among_numbers_is_named_as_the_cause(tmp_path):
    cells = [None if at % 50 == 0 else "n/a" if at % 3 == 0 else f"{at}.5" for at in range(1000)]
    now = columns(1000) | {"amount": np.asarray(cells, dtype=object)}
    folder = prepare(tmp_path, now, columns(5000, 2))
    for line in ("cause", "cause feature=amount"):
        found = ask(folder, line)
        assert found.verdict == "fault found"
        assert "amount holds text where the reference has numbers: 33 % of its cells are no number" in found.sentence
        assert "most of them n/a; ask `schema`" in found.sentence


def test_a_feature_that_can_not_be_judged_is_not_passed_over(tmp_path):
    for amount, words in ((np.full(1000, np.nan), "amount has too few values"), (["x"] * 1000, "no longer a number")):
        now = columns(1000) | {"amount": np.asarray(amount, dtype=object if isinstance(amount, list) else None)}
        now["age"] = np.random.default_rng(1).normal(40, 5, 1000)
        then = columns(5000, 2) | {"age": np.random.default_rng(2).normal(40, 5, 5000)}
        folder = prepare(tmp_path, now, then)
        text = (folder / "muster.yaml").read_text().replace("amount: {}", "amount: {unit: EUR}, age: {}")
        (folder / "muster.yaml").write_text(text)
        assert words in ask(folder, "range").sentence
        assert "% EUR" not in ask(folder, "top_shifted").sentence


def test_values_beside_absurd_ones_keep_their_size(tmp_path):
    now = columns(1000)
    now["amount"] = np.where(np.arange(1000) % 3 == 0, 1e308, np.where(np.arange(1000) % 3 == 1, -1e308, now["amount"]))
    said = ask(prepare(tmp_path, now, columns(5000, 2)), "drift feature=amount").sentence
    assert "nine rows in ten 0 to 0" not in said


def test_lists_in_a_column_are_compared_as_text(tmp_path):
    folder = prepare(tmp_path, columns(1000), columns(5000, 2))
    path = folder / "predictions.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"CREATE TABLE rows AS SELECT * REPLACE ([country, 'x'] AS country) FROM '{path}'")
        connection.execute(f"COPY rows TO '{path}'")
    assert ask(folder, "schema").verdict == "changed"
    assert ask(folder, "drift feature=country").verdict == "drifted"


@pytest.mark.parametrize("content", [None, b"no database" * 100])
def test_a_sqlite_file_that_is_gone_or_broken_is_no_fault_of_the_configuration(tmp_path, monkeypatch, content):
    folder = prepare(tmp_path, columns(100), columns(100, 2))
    place = tmp_path / "gone" / "rows.db"
    if content is not None:
        place.parent.mkdir()
        place.write_bytes(content)
    monkeypatch.setenv("WAREHOUSE", f"sqlite:///{place}")
    settings = (folder / "muster.yaml").read_text().replace(".parquet", "")
    settings = settings.replace("data:\n", "data:\n      database: {env: WAREHOUSE}\n", 1)
    (folder / "muster.yaml").write_text(settings)
    check, params = CHECKS.read_line("drift")
    model = load_catalog(folder / "muster.yaml").models[0]
    asked = CheckRequest(check.name, params, model.name, NOW)
    found = run_check(check, asked, model, base=folder, limits=Limits(), isolated=False)
    assert (found.verdict, "Is the file there, whole" in found.sentence) == ("failed", True), found.sentence
