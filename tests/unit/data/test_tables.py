"""Rows in a database: the same answers from PostgreSQL, SQLite and files, and the sentences of what goes wrong."""

import json
from datetime import UTC, datetime, timedelta

import duckdb
import numpy as np
import pytest
from sqlalchemy import create_engine, text

from bot.catalog.config import Limits, Model
from bot.checks.catalogue import CHECKS
from bot.checks.contract import CheckRequest
from bot.checks.runner import run_check
from bot.data import DataError, OutcomeColumn, open_model
from bot.data.database import ModelTables
from bot.statistics.drift import fit_frame

SEED = 20261123
START = datetime(2026, 11, 2, tzinfo=UTC)
END = START + timedelta(hours=4)
HOUR = timedelta(hours=1)
ROWS = 4000
COLUMNS = ["amount", "heavy", "whole", "country", "flagged"]


def content():
    """Nulls, infinities, heavy tails, whole numbers beyond 2^53, and text that looks like markup."""
    random = np.random.default_rng(SEED)
    amount = random.normal(40, 5, ROWS)
    amount[:200] = np.nan
    heavy = np.exp(random.normal(0, 12, ROWS)) * random.choice([-1, 1], ROWS)
    heavy[:3] = [np.inf, -np.inf, 0.0]
    heavy[3:6] = [1e308, -1e308, 1e-300]
    return {
        "id": np.arange(ROWS),
        "amount": amount,
        "heavy": heavy,
        "whole": 2**53 + random.integers(0, 100, ROWS),
        "country": random.choice(["DE", "FR", "it's", None], ROWS, p=[0.5, 0.3, 0.1, 0.1]),
        "flagged": random.random(ROWS) < 0.2,
        "answer": random.choice(["late", "on time"], ROWS, p=[0.2, 0.8]),
        "score": random.random(ROWS),
    }


def written(value):
    if value is None or (isinstance(value, float) and np.isnan(value)):
        return None
    return value.item() if isinstance(value, np.generic) else value


def rows():
    columns = content()
    found = []
    for at in range(ROWS):
        row = {name: written(column[at]) for name, column in columns.items()}
        found.append(row | {"moment": START + timedelta(seconds=3.6 * at)})
    return found


KINDS = {
    "postgres": ("TIMESTAMPTZ", "DOUBLE PRECISION", "BIGINT", "BOOLEAN"),
    "sqlite": ("TIMESTAMP", "DOUBLE", "BIGINT", "BOOLEAN"),
}
FILL = "INSERT INTO rows VALUES (:id, :moment, :amount, :heavy, :whole, :country, :flagged, :answer, :score)"


def fill(url, kind):
    time, number, whole, flag = KINDS[kind]
    engine = create_engine(url)
    values = rows()
    if kind == "sqlite":
        values = [row | {"moment": row["moment"].strftime("%Y-%m-%d %H:%M:%S.%f")} for row in values]
    with engine.begin() as connection:
        connection.execute(
            text(
                f"CREATE TABLE rows (id {whole}, moment {time}, amount {number}, heavy {number}, whole {whole},"
                f" country TEXT, flagged {flag}, answer TEXT, score {number})"
            )
        )
        connection.execute(text("CREATE TABLE labels (id BIGINT, truth TEXT, v BIGINT)"))
        connection.execute(text(FILL), values)
        labels = [{"id": at * 2, "truth": "late", "v": 1} for at in range(60)] + [{"id": 0, "truth": "on time", "v": 2}]
        connection.execute(text("INSERT INTO labels VALUES (:id, :truth, :v)"), labels)
        connection.execute(text("ANALYZE"))
    engine.dispose()


def model(**data):
    settings = {"predictions": "rows", "time": "moment", "prediction": "answer", "score": "score"}
    labels = {"path": "labels", "key": "id", "column": "truth", "time": "v"}
    return Model.model_validate({"name": "eta", "data": {**settings, "labels": labels, **data}})


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def table_url(request, tmp_path_factory):
    """Filled once: nothing here can write to it, which a test shows."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('warehouse')}/warehouse.db"
        fill(url, "sqlite")
        yield url
        return
    databases = request.getfixturevalue("postgres_databases")
    url = databases.fresh("template0")
    fill(url, "postgres")
    yield url.replace("postgresql+psycopg:", "postgres:")
    databases.drop(url)


@pytest.fixture
def tables(table_url, tmp_path, monkeypatch):
    monkeypatch.setenv("WAREHOUSE", table_url)
    return open_model(model(database={"env": "WAREHOUSE"}), tmp_path)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    lines = folder / "rows.jsonl"
    plain = [{name: said(value) for name, value in row.items()} for row in rows()]
    lines.write_text("\n".join(json.dumps(row) for row in plain))
    columns = (
        "{id: 'BIGINT', moment: 'TIMESTAMPTZ', amount: 'DOUBLE', heavy: 'DOUBLE', whole: 'BIGINT', country: 'VARCHAR',"
        " flagged: 'BOOLEAN', answer: 'VARCHAR', score: 'DOUBLE'}"
    )
    with duckdb.connect() as connection:
        read = f"SELECT * FROM read_json('{lines}', format='newline_delimited', columns={columns})"
        connection.execute(f"COPY ({read}) TO '{folder}/rows.parquet'")
        labels = "SELECT range * 2 AS id, 'late' AS truth, 1 AS v FROM range(60) UNION ALL SELECT 0, 'on time', 2"
        connection.execute(f"COPY ({labels}) TO '{folder}/labels.parquet'")
    lines.unlink()
    named = {"path": "labels.parquet", "key": "id", "column": "truth", "time": "v"}
    return open_model(model(predictions="rows.parquet", labels=named), folder)


def said(value):
    """As JSON has it: no infinity, so as text."""
    if isinstance(value, datetime):
        return value.isoformat()
    return str(value) if isinstance(value, float) and np.isinf(value) else value


def test_a_table_answers_as_files_do(tables, files):
    assert tables.columns("predictions") == files.columns("predictions")
    assert tables.count("predictions", START, END) == files.count("predictions", START, END) == ROWS
    assert tables.latest("predictions") == files.latest("predictions")
    assert tables.earliest("predictions") == START
    for name in COLUMNS:
        assert tables.is_number("predictions", name) == files.is_number("predictions", name)
    one, other = (
        source.window("predictions", START + HOUR, START + 2 * HOUR, ["id", *COLUMNS]) for source in (tables, files)
    )
    assert one.rows == other.rows == 1000
    order, order_other = (np.argsort(frame.columns["id"]) for frame in (one, other))
    for name in ["id", "amount", "heavy", "whole"]:
        np.testing.assert_array_equal(one.columns[name][order], other.columns[name][order_other])
    for name in ["country", "flagged"]:
        assert one.columns[name][order].tolist() == other.columns[name][order_other].tolist()
    assert tables.window("predictions", START, END, ["moment"]).columns["moment"].dtype == "datetime64[us]"


@pytest.mark.postgres
def test_times_come_over_to_the_microsecond_and_what_is_no_time_as_none(postgres_databases, tmp_path, monkeypatch):
    url = postgres_databases.fresh("template0")
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE rows (moment TIMESTAMPTZ, naive TIMESTAMP, day DATE, small REAL)"))
        connection.execute(
            text(
                "INSERT INTO rows VALUES ('2026-11-02 01:02:03.456789+02', '1969-12-31 23:59:59.999999', '2026-11-02',"
                " 0.5), ('infinity', '-infinity', NULL, NULL), (NULL, NULL, 'infinity', 'NaN')"
            )
        )
    engine.dispose()
    monkeypatch.setenv("WAREHOUSE", url)
    found = open_model(model(database={"env": "WAREHOUSE"}), tmp_path).window("predictions", None, None).columns
    none = np.datetime64("NaT")
    expected = {
        "moment": [np.datetime64("2026-11-01T23:02:03.456789"), none, none],
        "naive": [np.datetime64("1969-12-31T23:59:59.999999"), none, none],
        "day": [np.datetime64("2026-11-02"), none, none],
        "small": [0.5, np.nan, np.nan],
    }
    for name, values in expected.items():
        np.testing.assert_array_equal(found[name], np.array(values, dtype=found[name].dtype))
    postgres_databases.drop(url)


def test_counts_of_a_class_are_the_same_by_window(tables, files):
    asked = ("answer", "late", START - HOUR, END, 30 * timedelta(minutes=1))
    assert tables.class_counts(*asked) == files.class_counts(*asked)
    flags = ("flagged", True, START, END, HOUR)
    assert tables.class_counts(*flags) == files.class_counts(*flags)


def test_profiles_made_in_the_database_are_those_made_of_the_rows(tables, files):
    frame = files.window("predictions", START, START + 2 * HOUR, COLUMNS)
    reference = fit_frame(frame.columns, mode="sketch")
    exact = fit_frame({"amount": frame.columns["amount"]}, mode="exact")
    for like in (reference, exact):
        golden, found = (source.profiles("predictions", START + HOUR, END, like) for source in (files, tables))
        assert {name: one.to_bytes() for name, one in found.items()} == {
            name: one.to_bytes() for name, one in golden.items()
        }


@pytest.mark.parametrize(
    "outcome", [OutcomeColumn("answer", "late"), OutcomeColumn("amount"), OutcomeColumn("country", nulls=True)]
)
def test_sums_by_segment_are_those_of_the_files(tables, files, outcome):
    features = {"country": None, "flagged": None, "score": [0.2, 0.4, 0.6, 0.8]}
    found, golden = (source.groups("predictions", START, END, features, outcome) for source in (tables, files))
    assert found.whole.rows == golden.whole.rows > 0
    assert {name: set(values) for name, values in found.of.items()} == {
        name: set(values) for name, values in golden.of.items()
    }
    for feature, values in golden.of.items():
        for name, sums in values.items():
            other = found.of[feature][name]
            assert other.rows == sums.rows
            assert (other.total, other.squares) == pytest.approx((sums.total, sums.squares))


def test_a_predictions_newest_label_counts(tables, files):
    for source in (tables, files):
        frame = source.labelled(START, START + HOUR, ["id"])
        labels = dict(zip(frame.columns["id"].tolist(), frame.columns["label"].tolist(), strict=True))
        assert (labels[0], labels[2], labels[3]) == ("on time", "late", None)


def test_more_rows_than_asked_for_are_sampled_the_same_each_time(tables):
    first, second = (tables.window("predictions", START, END, ["id"], most=800) for _ in range(2))
    assert 650 < first.rows < 950
    assert first.columns["id"].tolist() == second.columns["id"].tolist()
    assert first.notes == ("a random sample of about 800 of 4,000 rows",)


def test_labels_of_more_rows_than_may_be_read_are_those_of_a_sample_of_all(tables):
    whole = tables.labelled(START, END, ["id"])
    assert (whole.rows, whole.notes) == (4000, ())
    tables.limits = Limits.model_construct(rows=800, seconds=30, memory_mib=2048, scan_gib=20)
    first, second = (tables.labelled(START, END, ["id"]) for _ in range(2))
    assert 650 < first.rows < 950
    assert first.notes == ("a random sample of about 800 of 4,000 rows",)
    assert sorted(first.columns["id"].tolist()) == sorted(second.columns["id"].tolist())
    known = dict(zip(whole.columns["id"].tolist(), whole.columns["label"].tolist(), strict=True))
    assert all(known[one] == label for one, label in zip(first.columns["id"], first.columns["label"], strict=True))
    quarter = np.histogram(np.searchsorted(np.sort(whole.columns["id"]), first.columns["id"]), 4, (0, 4000))[0]
    assert quarter.min() > 120, "no part of the window is left out"


def test_nothing_can_be_written(tables, table_url):
    engine = create_engine(table_url.replace("postgres:", "postgresql+psycopg:"))
    with pytest.raises(DataError, match=r"read-?only"):
        asked(tables, "DELETE FROM rows")
    with engine.connect() as connection:
        assert connection.execute(text("SELECT count(*) FROM rows")).scalar_one() == ROWS
    engine.dispose()


def test_what_is_missing_is_named_with_what_there_is(tables, tmp_path, monkeypatch):
    with pytest.raises(DataError, match="no column `amont`; there is `amount`"):
        tables.window("predictions", START, END, ["amont"])
    with pytest.raises(DataError, match=r"no `holdout:` under `data:`"):
        tables.window("holdout", None, None)
    gone = open_model(model(database={"env": "WAREHOUSE"}, predictions="rowz"), tmp_path)
    with pytest.raises(DataError, match=r"no table `rowz` in .* there is `rows`"):
        gone.columns("predictions")
    words = open_model(model(database={"env": "WAREHOUSE"}, time="country"), tmp_path)
    with pytest.raises(DataError, match="`country` of the predictions holds text"):
        words.latest("predictions")
    monkeypatch.delenv("WAREHOUSE")
    unset = open_model(model(database={"env": "WAREHOUSE"}), tmp_path)
    with pytest.raises(DataError, match=r"The variable \$WAREHOUSE is not set"):
        unset.columns("predictions")


def test_an_address_that_is_none_and_a_driver_that_is_missing(tmp_path, monkeypatch):
    for address, complaint in (("nonsense", "no database URL"), ("oracle+nodriver://x/y", "no driver for oracle")):
        monkeypatch.setenv("WAREHOUSE", address)
        with pytest.raises(DataError, match=complaint):
            open_model(model(database={"env": "WAREHOUSE"}), tmp_path).columns("predictions")


def asked(source, statement):
    with ModelTables(source.data, source.limits).reading("predictions") as connection:
        return connection.execute(text(statement)).scalar_one()


def killed(source, url):
    with ModelTables(source.data, source.limits).reading("predictions") as connection:
        pid = connection.execute(text("SELECT pg_backend_pid()")).scalar_one()
        killer = create_engine(url)
        with killer.connect() as other:
            other.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": pid})
        killer.dispose()
        connection.execute(text("SELECT 1"))


@pytest.mark.postgres
def test_a_database_that_goes_away_in_the_middle_is_said(postgres_databases, tmp_path, monkeypatch):
    url = postgres_databases.fresh("template0")
    fill(url, "postgres")
    monkeypatch.setenv("WAREHOUSE", url)
    source = open_model(model(database={"env": "WAREHOUSE"}), tmp_path, Limits(seconds=1))
    source.columns("predictions")
    with pytest.raises(DataError, match="ended the connection"):
        killed(source, url)
    with pytest.raises(DataError, match="took longer than the 1 s allowed"):
        asked(source, "SELECT pg_sleep(3)")
    postgres_databases.drop(url)
    with pytest.raises(DataError, match="Is it up"):
        source.count("predictions", START, END)


@pytest.mark.parametrize("line", ["null_rate", "drift", "segments", "schema", "row_count", "duplicates key=id"])
def test_checks_answer_from_a_table_in_a_process_of_their_own(table_url, tmp_path, monkeypatch, line):
    """The process knows the one secret it needs."""
    monkeypatch.setenv("WAREHOUSE", table_url)
    one = model(database={"env": "WAREHOUSE"}, segments=["country"], window="1h")
    check, params = CHECKS.read_line(line)
    found = run_check(check, CheckRequest(check.name, params, "eta", END), one, base=tmp_path, limits=Limits())
    assert found.verdict in check.verdicts, found.sentence
    assert (
        "row" in found.sentence
        or "feature" in found.sentence
        or "column" in found.sentence
        or "share" in found.sentence
    )


def test_what_a_window_takes_is_known_beforehand(tables, files, table_url):
    whole = files.scan("predictions", None, None, COLUMNS)
    assert whole.size < whole.of
    narrow = files.scan("predictions", START, END, ["amount"])
    assert 0 < narrow.size < whole.size
    assert files.scan("predictions", END + HOUR, END + 2 * HOUR, COLUMNS).size == 0
    found = tables.scan("predictions", START, START + HOUR, COLUMNS)
    if table_url.startswith("sqlite"):
        assert found is None
    else:
        assert found.of >= ROWS * 50
        assert found.size == pytest.approx(found.of / 4, rel=0.05)


@pytest.mark.parametrize("name", ["null_rate", "duplicates", "fit_to_train", "schema", "since_when"])
def test_a_check_that_would_read_too_much_is_refused_before_it_starts(files, name):
    check, _ = CHECKS.read_line(name)
    limits = Limits(scan_gib=1e-6)
    one = Model(name="eta", data=files.data)
    asked = CheckRequest(name, {"window": "1h"}, "eta", END)
    found = run_check(check, asked, one, base=files.base, limits=limits, isolated=False)
    assert found.verdict == "not configured"
    assert "`limits.scan_gib` in muster.yaml allows 1e-06 GiB" in found.sentence
    assert "Ask for a shorter window" in found.sentence
