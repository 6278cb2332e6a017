"""What checks read of a model's rows is told and capped, whichever check it is and wherever the rows lie."""

import json
from dataclasses import dataclass
from datetime import UTC, timedelta
from pathlib import Path

import duckdb
import numpy as np
import psycopg
import pytest
from typer.testing import CliRunner

from bot.catalog.config import Limits, Model
from bot.checks.catalogue import CHECKS
from bot.checks.contract import CheckRequest
from bot.checks.runner import run_check
from bot.core.errors import BotError
from bot.data import metered, open_model
from bot.data.rows import FileRows
from bot.data.tables import TableRows
from bot.entrypoints.cli import app
from tests.unit.checks import loans

NOW = loans.END.item().replace(tzinfo=UTC)
DAY = timedelta(days=1)
NOTHING = Limits(scan_gib=1e-12)
READS = ("count", "window", "class_counts", "sums_by", "labelled", "profiles", "groups")
EDGES = ("latest", "earliest")  # an index or the footers of Parquet know them
PARTS = ("predictions", "reference", "holdout", "labels")
WITH_ROWS = sorted(name for name, check in CHECKS.by_name.items() if check.needs_rows)
ALIKE = "SELECT *, 80 + 40 * random() AS ms, CASE WHEN random() < .5 THEN 'v1' ELSE 'v2' END AS build FROM "


@dataclass(frozen=True)
class Place:
    kind: str
    folder: Path

    @property
    def model(self):
        there = {"postgres": "{}", "csv": "{}.csv", "parquet": "{}.parquet"}[self.kind]
        parts = {name: there.format(name) for name in PARTS}
        labels = {"path": parts.pop("labels"), "key": "id", "column": "paid", "time": "came"}
        columns = {"time": "at", "prediction": "answer", "score": "score", "version": "build", "latency": "ms"}
        data = {**parts, **columns, "labels": labels, "segments": ["state", "age"], "window": "1d"}
        if self.kind == "postgres":
            data["database"] = {"env": "WAREHOUSE"}
        return Model.model_validate({"name": "loans", "data": data})

    def ask(self, line, limits=NOTHING):
        check, params = CHECKS.read_line(line)
        asked = CheckRequest(check.name, params, "loans", NOW)
        return run_check(check, asked, self.model, base=self.folder, limits=limits, isolated=False)


@pytest.fixture(scope="module")
def tables(tmp_path_factory):
    """The same rows as Parquet and as CSV."""
    folder = tmp_path_factory.mktemp("scanned")
    loans.write(folder, count=20_000)
    loans.save(folder, "reference", loans.rows(np.random.default_rng(2), 5000, 10))
    with duckdb.connect() as connection:
        connection.execute("SELECT setseed(.5)")
        for name in PARTS:
            path = f"{folder}/{name}.parquet"
            rows = f"'{path}'" if name == "labels" else f"({ALIKE} '{path}')"
            connection.execute(f"CREATE TABLE {name} AS SELECT * FROM {rows}")
            connection.execute(f"COPY {name} TO '{path}' (ROW_GROUP_SIZE 2048)")
            connection.execute(f"COPY {name} TO '{folder}/{name}.csv'")
    return folder


@pytest.fixture(scope="module", params=["parquet", "csv", pytest.param("postgres", marks=pytest.mark.postgres)])
def place(request, tables):
    if request.param != "postgres":
        yield Place(request.param, tables)
        return
    databases = request.getfixturevalue("postgres_databases")
    url = databases.fresh("template0")
    fill(url.replace("postgresql+psycopg:", "postgresql:"), tables)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WAREHOUSE", url)
        yield Place("postgres", tables)
    databases.drop(url)


def fill(url, folder):
    kinds = {"VARCHAR": "TEXT", "DOUBLE": "DOUBLE PRECISION"}
    with psycopg.connect(url, autocommit=True) as database, duckdb.connect() as connection:
        for name in PARTS:
            described = connection.execute(f"DESCRIBE SELECT * FROM '{folder}/{name}.parquet'").fetchall()
            columns = ", ".join(f"{column} {kinds.get(kind, kind)}" for column, kind, *_ in described)
            database.execute(f"CREATE TABLE {name} ({columns})")
            with database.cursor().copy(f"COPY {name} FROM STDIN (FORMAT csv, HEADER)") as into:
                into.write((folder / f"{name}.csv").read_bytes())
        database.execute("ANALYZE")


@pytest.fixture
def read(monkeypatch, place):
    """What the engine was asked to read, by name."""
    asked = []

    def watched(kind, name):
        whole = getattr(kind, name)

        def reading(self, *args, **options):
            asked.append(name)
            return whole(self, *args, **options)

        monkeypatch.setattr(kind, name, reading)

    for name in (*READS, *(EDGES if place.kind == "csv" else ())):
        for kind in (FileRows, TableRows):
            watched(kind, name)
    return asked


@pytest.mark.parametrize("name", WITH_ROWS)
def test_no_check_escapes_the_limit(place, read, name):
    found = place.ask(name)
    assert found.verdict == "not configured"
    assert "`limits.scan_gib` in muster.yaml allows 1e-12 GiB" in found.sentence
    assert read == []
    found = place.ask(name, Limits())
    assert found.verdict in CHECKS.find(name).verdicts, found.sentence
    assert read != []


@pytest.mark.parametrize("line", ["freshness", "label_delay", "drift", "segments"])
def test_large_reads_are_told_once(place, monkeypatch, line):
    assert not any("scanned" in note for note in place.ask(line, Limits()).notes)
    monkeypatch.setattr(metered, "LEAST_SAID", 1)
    [note] = [note for note in place.ask(line, Limits()).notes if "scanned" in note]
    if place.kind == "csv":
        assert note.endswith("MiB, some of it more than once")
    assert " MiB scanned of " in note


def command(place, monkeypatch, *words, limit=1e-6):
    one = place.model.model_dump(mode="json", exclude_defaults=True)
    config = place.folder / "muster.yaml"
    config.write_text(json.dumps({"models": [one], "limits": {"scan_gib": limit}}))
    monkeypatch.setenv("MUSTER_CONFIG", str(config))
    told = CliRunner().invoke(app, ["check", "run", *words, "--model", "loans", "--at", NOW.isoformat(), "--json"])
    return json.loads(told.stdout)


@pytest.mark.parametrize("name", ["freshness", "label_delay"])
def test_the_terminal_says_what_to_do(place, monkeypatch, name):
    found = command(place, monkeypatch, name)
    assert found["verdict"] == "not configured"
    what, todo = found["sentence"].split("; ")
    assert what.startswith("This would read ")
    assert what.endswith(" MiB")
    if place.kind == "csv":
        expected = "Files of text are read as a whole each time: keep the rows as Parquet, or raise the limit."
    else:
        expected = "Ask for a shorter window or fewer features, or raise the limit."
    assert todo == f"`limits.scan_gib` in muster.yaml allows 1e-06 GiB. {expected}"
    assert command(place, monkeypatch, name, limit=1)["verdict"] in CHECKS.find(name).verdicts


def test_all_reads_of_a_check_count_together(tables):
    place = Place("csv", tables)
    size = (tables / "predictions.csv").stat().st_size
    limits = Limits(scan_gib=3.5 * size / 2**30)
    source = open_model(place.model, tables, limits)
    rows = metered.MeteredRows(source)
    assert rows.latest("predictions") == rows.latest("predictions") == source.latest("predictions")
    assert rows.count("predictions", NOW - DAY, NOW) == rows.count("predictions", NOW - DAY, NOW) > 0
    assert rows.scanned == 2 * size
    with pytest.raises(BotError, match=r"`limits.scan_gib`"):  # its rows are counted, then read
        rows.window("predictions", NOW - DAY, NOW, ["score"])
    assert rows.scanned == 2 * size
    rows.class_counts("answer", "paid", NOW - DAY, NOW, DAY)
    assert rows.scanned == 3 * size


def test_what_is_foreseen_is_refused_as_a_whole_and_not_counted(tables):
    source = open_model(Place("parquet", tables).model, tables, Limits())
    rows = metered.MeteredRows(source)
    reads = [("predictions", NOW - DAY, NOW, ["score"]), ("reference", None, None, ["score"])]
    rows.foresee(reads)
    assert rows.scanned == 0
    sizes = [source.scan(*read).size for read in reads]
    source.limits = Limits(scan_gib=(sum(sizes) - 1) / 2**30)
    rows = metered.MeteredRows(source)
    with pytest.raises(BotError, match="shorter window"):
        rows.foresee(reads)
    rows.window("reference", None, None, ["score"])
    assert rows.scanned == sizes[1]
    assert rows.notes() == ()


def test_one_window_is_weighed_once(tables, monkeypatch):
    source = open_model(Place("parquet", tables).model, tables, Limits())
    asked = []
    scan = source.scan
    monkeypatch.setattr(source, "scan", lambda *args: asked.append(args) or scan(*args))
    rows = metered.MeteredRows(source)
    for columns in (["score", "age"], ["age", "score"]):
        rows.window("predictions", NOW - DAY, NOW, columns)
    assert len(asked) == 1
    assert rows.scanned == 2 * scan(*asked[0]).size
