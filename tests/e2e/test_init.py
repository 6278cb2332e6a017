"""`muster init` as a newcomer types it: own rows in, a file that `muster serve` takes unchanged."""

import json
import os
import subprocess
import sys
from pathlib import Path

import psycopg
import pytest

from bot.catalog.load import load_catalog
from tests.ports import answers, free_port, until
from tests.unit.tuning.own_tables import payments, write_csv

pytestmark = pytest.mark.slow
MUSTER = [sys.executable, "-m", "bot.entrypoints"]
FEW = {"days": 45, "a_day": 220, "fault": (32, 34)}


def muster(folder, *words, **environment):
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("MUSTER", "SLACK", "DATABASE"))}
    root = {"PYTHONPATH": str(Path.cwd()), **environment}
    return subprocess.run(
        [*MUSTER, *words],
        cwd=folder,
        env=kept | root,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        stdin=subprocess.DEVNULL,
    )


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clean")
    write_csv(folder / "fraud.csv", payments(**FEW))
    return folder, muster(folder, "init", "fraud.csv")


def test_a_file_becomes_a_monitor_without_a_question(done):
    folder, ran = done
    assert ran.returncode == 0, ran.stderr
    assert ran.stderr == ""
    assert "9,900 rows, 10 columns" in ran.stdout
    assert "1 page in " in ran.stdout
    assert "because: amount looks 100 times too large at country=DE" in ran.stdout
    assert "before the labels" in ran.stdout
    assert ran.stdout.rstrip().endswith("MUSTER_CONFIG=muster.yaml muster serve")
    assert sorted(one.name for one in folder.iterdir()) == ["fraud.csv", "muster-init.png", "muster.yaml"]
    assert (folder / "muster-init.png").read_bytes().startswith(b"\x89PNG")


def test_serve_takes_the_file_unchanged(done):
    folder, _ = done
    port = free_port()
    settings = {"MUSTER_CONFIG": "muster.yaml", "PORT": str(port)}
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SLACK", "DATABASE"))}
    with (folder / "serve.log").open("w") as log:
        running = subprocess.Popen(
            [*MUSTER, "serve"],
            cwd=folder,
            env=kept | settings | {"PYTHONPATH": str(Path.cwd())},
            stdout=log,
            stderr=log,
        )
        try:
            until(lambda: answers(f"http://127.0.0.1:{port}/readyz"), 60)
        finally:
            running.terminate()
            running.wait(30)
    seen = muster(folder, "monitor", "run", "--json", MUSTER_CONFIG="muster.yaml")
    assert seen.returncode in {0, 1}, seen.stderr
    monitors = {one["monitor"]: one["state"] for one in json.loads(seen.stdout)}
    assert set(monitors) == {one.name for one in load_catalog(folder / "muster.yaml").models[0].monitors}
    assert "broken" not in monitors.values()


def test_a_file_that_is_there_is_left_as_it_is(done):
    folder, _ = done
    before = (folder / "muster.yaml").read_text()
    ran = muster(folder, "init", "fraud.csv")
    assert ran.returncode == 2
    assert "`--force`" in ran.stderr
    assert (folder / "muster.yaml").read_text() == before


def test_what_it_can_not_know_is_asked_for_by_the_option_that_answers(tmp_path):
    columns = payments(**FEW)
    columns["outcome_code"] = columns.pop("answer")
    write_csv(
        tmp_path / "rows.csv", {name: columns[name] for name in columns if name not in {"label", "label_known_at"}}
    )
    ran = muster(tmp_path, "init", "rows.csv")
    assert ran.returncode == 2
    assert "`--prediction NAME`" in ran.stderr
    assert not (tmp_path / "muster.yaml").exists()
    said = muster(tmp_path, "init", "rows.csv", "--prediction", "outcome_code", "--label", "none", "--name", "cards")
    assert said.returncode == 0, said.stderr
    assert load_catalog(tmp_path / "muster.yaml").models[0].name == "cards"


def test_real_tables_without_answers(tmp_path):
    tables = Path.cwd() / "tests" / "data"
    timeless = muster(tmp_path, "init", str(tables / "health.parquet"), "--yes")
    assert timeless.returncode == 2
    assert "No column holds times" in timeless.stderr
    asked = muster(tmp_path, "init", str(tables / "housing.parquet"))
    assert asked.returncode == 2
    assert "`--prediction none` where there is none" in asked.stderr
    flights = Path.cwd() / "bot" / "demo" / "data" / "flights.parquet"
    ran = muster(tmp_path, "init", str(flights), "--prediction", "none")
    assert ran.returncode == 0, ran.stderr
    assert "28 Nov  flights got 634 rows" in ran.stdout, "on Thanksgiving fewer fly"
    assert load_catalog(tmp_path / "muster.yaml").models[0].name == "flights"


@pytest.mark.postgres
def test_a_table_of_a_database_is_read_and_its_address_kept_nowhere(postgres_databases, tmp_path):
    url = postgres_databases.fresh("template0")
    columns = payments(**FEW)
    path = write_csv(tmp_path / "rows.csv", columns)
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as connection:
        connection.execute(
            "CREATE TABLE scores (id text, scored_at timestamp, amount float8, age float8, country text,"
            " model_version text, score float8, answer text, label text, label_known_at timestamptz)"
        )
        with connection.cursor().copy("COPY scores FROM STDIN WITH (FORMAT csv, HEADER)") as copied:
            copied.write(path.read_text())
        connection.execute(
            "CREATE TABLE ticks AS SELECT extract(epoch FROM scored_at)::bigint AS ts, answer, amount FROM scores"
        )
    out = tmp_path / "out"
    out.mkdir()
    typed = muster(out, "init", url.replace("+psycopg", ""), "--table", "scores")
    assert typed.returncode == 0, typed.stderr
    assert "amount looks 100 times too large" in typed.stdout
    named = muster(out, "init", "ticks", "--database", "WAREHOUSE", "--force", WAREHOUSE=url)
    assert named.returncode == 0, named.stderr
    assert "seconds since 1970" in named.stdout
    assert "amount looks" in named.stdout
    postgres_databases.drop(url)
    assert load_catalog(out / "muster.yaml").models[0].data.database.env == "WAREHOUSE"
    assert url not in (out / "muster.yaml").read_text() + typed.stdout + named.stdout
