"""`n/a` among amounts is no value, is told as what it is, and is the same from every source of rows."""

from datetime import timedelta

import duckdb
import numpy as np
import psycopg
import pytest
from sqlalchemy import create_engine, text

from bot.catalog.config import Limits, Model
from bot.checks.catalogue import CHECKS
from bot.checks.contract import CheckRequest
from bot.checks.runner import run_check
from bot.statistics.texts import holds_numbers, text_among
from tests.unit.data.test_golden import END, START

ROWS = 2000
SOURCES = ["parquet", "csv", "sqlite", "sqlite-text", pytest.param("postgres", marks=pytest.mark.postgres)]


def rows():
    """A calm hour, then one in which every tenth amount is text."""
    random = np.random.default_rng(20261201)
    amounts = [f"{one:.2f}" for one in random.lognormal(4, 1, ROWS)]
    texts = {at: ("-" if at % 40 == 0 else "n/a") for at in range(ROWS // 2, ROWS, 10)}
    moments = [(START + at * (END - START) / ROWS).strftime("%Y-%m-%d %H:%M:%S.%f") for at in range(ROWS)]
    countries = random.choice(["DE", "FR"], ROWS).tolist()
    return [(moments[at], texts.get(at, amounts[at]), countries[at]) for at in range(ROWS)]


@pytest.fixture(scope="module", params=SOURCES)
def source(request, tmp_path_factory):
    """The folder and the part of `data:` that says where the rows lie."""
    folder = tmp_path_factory.mktemp("texts")
    kind = request.param
    if kind in {"parquet", "csv"}:
        with duckdb.connect() as connection:
            cells = ", ".join(f"('{moment}', '{amount}', '{country}')" for moment, amount, country in rows())
            table = f"SELECT a::TIMESTAMP AS moment, b AS amount, c AS country FROM (VALUES {cells}) AS t(a, b, c)"
            connection.execute(f"COPY ({table}) TO '{folder}/rows.{kind}'")
        yield folder, {"predictions": f"rows.{kind}"}
        return
    url = f"sqlite:///{folder}/rows.db"
    if kind == "postgres":
        databases = request.getfixturevalue("postgres_databases")
        url = databases.fresh("template0")
        with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
            connection.execute("CREATE TABLE rows (moment timestamp, amount text, country text)")
            connection.cursor().executemany("INSERT INTO rows VALUES (%s, %s, %s)", rows())
    else:
        with create_engine(url).begin() as connection:
            amount = "TEXT" if kind == "sqlite-text" else "REAL"
            connection.execute(text(f"CREATE TABLE rows (moment DATETIME, amount {amount}, country TEXT)"))
            insert = text("INSERT INTO rows VALUES (:a, :b, :c)")
            connection.execute(insert, [dict(zip("abc", row, strict=True)) for row in rows()])
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WAREHOUSE", url)
        yield folder, {"predictions": "rows", "database": {"env": "WAREHOUSE"}}
    if kind == "postgres":
        databases.drop(url)


def ask(source, line, at=END, **more):
    folder, where = source
    check, params = CHECKS.read_line(line)
    data = {"time": "moment", "features": {"amount": {}, "country": {}}, "segments": ["country"], "window": "1h"}
    one = Model.model_validate({"name": "eta", "data": data | where | more})
    return run_check(
        check, CheckRequest(check.name, params, "eta", at), one, base=folder, limits=Limits(), isolated=False
    )


def test_the_sentence_tells_the_text(source):
    found = ask(source, "null_rate")
    assert found.verdict == "high"
    assert found.sentence == "10 % of amount is text where numbers are expected, e.g. 'n/a'."
    assert found.data["amount"]["now"] == 0.1
    assert ask(source, "null_rate", at=END - timedelta(hours=1), window="30m").verdict == "ok"


def test_drift_and_range_agree(source):
    found = ask(source, "drift feature=amount")
    assert found.verdict == "drifted"
    assert "nulls 0 % → 10 %" in found.sentence
    assert "10 % of amount is text where numbers are expected, e.g. 'n/a'" in found.sentence
    assert ask(source, "range feature=amount").verdict == "ok"


def test_schema_and_cause_name_the_column(source):
    assert "amount holds text where" in ask(source, "cause").sentence
    found = ask(source, "schema")
    assert found.sentence.startswith(("amount holds text", "amount was a number, is text"))


def test_what_numbers_are_and_what_codes():
    many = np.arange(1000)
    assert holds_numbers(many.astype(float))
    assert holds_numbers(np.array([str(one) for one in many], dtype=object))
    assert holds_numbers(np.array([*(f"{one}.5" for one in many), *["n/a"] * 50], dtype=object))
    for codes in (
        [f"{one:05d}" for one in many],
        [str(one % 50) for one in many],
        [*map(str, many), *["n/a"] * 200],
        [f"A{one}" for one in many],
        [True, False] * 100,
        [None] * 100,
    ):
        assert not holds_numbers(np.array(codes, dtype=object))
    assert text_among(many) is None
    assert text_among(np.array([None, "1.5", "", " ", "-"], dtype=object)).example == "-"
