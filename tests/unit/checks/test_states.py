"""What can't be answered has a state of its own and says what to do, from files and from PostgreSQL alike."""

import threading
import time
from datetime import timedelta

import numpy as np
import psycopg
import pytest

from bot.catalog.config import Limits, Model
from bot.checks.catalogue import CHECKS
from bot.checks.contract import CheckRequest
from bot.checks.runner import run_check
from tests.parquet import writing
from tests.unit.data.test_golden import END, HALF, START, fill, write

LINES = ["drift", "segments", "null_rate", "cause"]
FEATURES = {name: {} for name in ("amount", "price", "country", "code")}
SLOW = "CREATE VIEW slow AS SELECT rows.* FROM rows, (SELECT pg_sleep(20)) AS nap"


def model(**data):
    settings = {
        "time": "moment",
        "prediction": "flagged",
        "features": FEATURES,
        "segments": ["country"],
        "window": "1h",
    }
    return Model.model_validate({"name": "eta", "data": settings | data})


@pytest.fixture(scope="module", params=["files", pytest.param("postgres", marks=pytest.mark.postgres)])
def place(request, tmp_path_factory):
    """The folder, and what to add to `data:` so that `name` is read from this source."""
    folder = tmp_path_factory.mktemp("states")
    if request.param == "files":
        write(folder)
        yield folder, lambda name: f"{name}.parquet", {}
        return
    databases = request.getfixturevalue("postgres_databases")
    url = databases.fresh("template0")
    fill(url, zoned=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WAREHOUSE", url)
        yield folder, lambda name: name, {"database": {"env": "WAREHOUSE"}}
    databases.drop(url)


def derive(place, name, query):
    """A further table of the source."""
    folder, _, database = place
    if database:
        with psycopg.connect(address(database), autocommit=True) as connection:
            connection.execute(f"DROP TABLE IF EXISTS {name}")
            connection.execute(f"CREATE TABLE {name} AS {query}")
        return
    with writing() as connection:
        rows = f"(SELECT * FROM '{folder}/rows.parquet')"
        connection.execute(f"COPY ({query.replace('FROM rows', f'FROM {rows}')}) TO '{folder}/{name}.parquet'")


def address(database):
    import os

    return os.environ[database["database"]["env"]].replace("postgresql+psycopg:", "postgresql:")


def ask(place, line, *, limits=None, **data):
    folder, named, database = place
    check, params = CHECKS.read_line(line)
    parts = {name: named(value) if name in {"predictions", "reference"} else value for name, value in data.items()}
    one = model(**{"predictions": named("rows"), **parts}, **database)
    limits = limits or Limits()
    found = run_check(
        check, CheckRequest(check.name, params, "eta", END), one, base=folder, limits=limits, isolated=False
    )
    assert found.verdict in (*check.verdicts, "not configured", "failed", "timed out")
    return found


@pytest.mark.parametrize("line", LINES)
def test_an_empty_reference(place, line):
    derive(place, "empty", "SELECT * FROM rows WHERE code > 99")
    found = ask(place, line, reference="empty")
    assert (found.verdict, "the reference has no rows" in found.sentence) == ("no data", True), found.sentence


@pytest.mark.parametrize("line", LINES)
def test_a_window_without_rows(place, line):
    cut = (START + HALF).strftime("%Y-%m-%d %H:%M:%S")
    derive(place, "gap", f"SELECT * FROM rows WHERE moment < TIMESTAMP '{cut}' OR code = 99")
    derive(place, "nothing", "SELECT * FROM rows WHERE code > 99")
    found = ask(place, line, predictions="nothing", reference="gap")
    assert (found.verdict, "Try a longer window" in found.sentence) == ("no data", True), found.sentence


@pytest.mark.parametrize("line", ["drift", "drift feature=price", "null_rate", "cause"])
def test_a_renamed_column(place, line):
    derive(place, "renamed", "SELECT moment, amount, price AS prices, country, code, flagged FROM rows")
    found = ask(place, line, predictions="renamed", reference="rows")
    assert found.verdict == "not configured"
    assert "no column `price`; there is `prices`" in found.sentence


@pytest.mark.parametrize(
    "line", ["drift", "drift feature=price", "segments", "null_rate", "cause", "range feature=price"]
)
def test_text_in_a_numeric_column(place, line):
    texts = "CASE WHEN code = 1 THEN 'n/a' ELSE CAST(price AS VARCHAR) END AS price"
    derive(place, "texts", f"SELECT moment, amount, {texts}, country, code, flagged FROM rows")
    found = ask(place, line, predictions="texts", reference="rows")
    assert found.verdict not in {"failed", "timed out"}, found.sentence
    if line == "drift feature=price":
        assert found.verdict == "drifted"
        assert "null" in found.sentence or "missing" in found.sentence or "text" in found.sentence, found.sentence


@pytest.mark.parametrize("line", LINES)
def test_a_broken_file(tmp_path, line):
    (tmp_path / "rows.parquet").write_bytes(b"PAR1" + bytes(200))
    found = ask((tmp_path, lambda name: f"{name}.parquet", {}), line)
    assert (found.verdict, "Is the file whole?" in found.sentence) == ("failed", True), found.sentence


@pytest.mark.parametrize("place", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
def test_a_database_killed_in_the_middle(place):
    """Files have no server."""
    _, _, database = place
    with psycopg.connect(address(database), autocommit=True) as connection:
        connection.execute(SLOW)
        found = []
        asking = threading.Thread(target=lambda: found.append(ask(place, "drift", predictions="slow")))
        asking.start()
        end = time.monotonic() + 10
        while time.monotonic() < end and asking.is_alive():
            ours = "datname = current_database() AND wait_event = 'PgSleep'"
            connection.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE {ours}")
            time.sleep(0.05)
        asking.join(20)
        limits = Limits(seconds=1)
        late = ask(place, "drift", predictions="slow", limits=limits)
    assert (found[0].verdict, "run the check again" in found[0].sentence) == ("failed", True), found[0].sentence
    assert (late.verdict, "longer than the 1 s allowed" in late.sentence) == ("timed out", True), late.sentence


@pytest.mark.parametrize("place", ["files"], indirect=True)
def test_a_file_that_takes_too_long(place):
    """A database ends a statement itself."""
    count = 3_000_000
    with writing() as connection:
        made = f"SELECT TIMESTAMP '{START:%Y-%m-%d %H:%M:%S}' + to_milliseconds(range) AS moment, hash(range) AS amount"
        connection.execute(f"COPY ({made} FROM range({count})) TO '{place[0]}/long.csv'")
    one = model(predictions="long.csv", features={"amount": {}})
    check, params = CHECKS.read_line("drift")
    limits = Limits(seconds=0.02)
    request = CheckRequest(check.name, params, "eta", START + timedelta(hours=1))
    found = run_check(check, request, one, base=place[0], limits=limits, isolated=False)
    assert (found.verdict, "shorter window" in found.sentence) == ("timed out", True), found.sentence
    assert np.isfinite(found.seconds)
