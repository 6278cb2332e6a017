"""The monitors on real files, the commands that show them, and rows that are pushed."""

import json
from datetime import timedelta

import numpy as np
import pytest
import yaml
from fastapi import FastAPI
from fastapi.responses import JSONResponse
from sqlmodel import col, select
from starlette.testclient import TestClient
from typer.testing import CliRunner

from bot.catalog.config import Catalog
from bot.core.database import Database
from bot.core.errors import BotError
from bot.core.migrations import migrate
from bot.data import open_model
from bot.entrypoints.monitors import monitor_app
from bot.monitoring.batches import routes
from bot.monitoring.jobs import Monitors
from bot.tables import Alert, Incident, MonitorState
from tests.parquet import writing
from tests.unit.monitoring.flights import HOUR, START, hours, model, since

SHARE = {"name": "late", "metric": "class_share", "value": "late"}
RANGE = {"name": "delay-range", "metric": "range", "feature": "dep_delay"}
DRIFT = {"name": "drift", "metric": "drift"}


def write(columns, path):
    """One Parquet (or CSV) file of these columns."""
    connection = writing()
    connection.register("arrays", {name: values for name, values in columns.items() if name != "at"})
    connection.register("times", {"at": columns["at"].astype("datetime64[us]").astype(np.int64)})
    kind = "PARQUET" if path.suffix == ".parquet" else "CSV"
    rows = 'SELECT make_timestamp("at") AS "at", arrays.* FROM times POSITIONAL JOIN arrays'
    connection.execute(f"COPY ({rows}) TO '{path}' (FORMAT {kind})")
    connection.close()


@pytest.fixture
def folder(tmp_path):
    """Forty hours of flights in Parquet files of ten hours, the fault of the last eighty minutes, and a reference."""
    columns = hours(40)
    hit = since(columns, START + timedelta(hours=38, minutes=40)) & (columns["origin"] == "EWR")
    columns["dep_delay"][hit] *= 60
    columns["answer"][hit] = "late"
    (tmp_path / "flights").mkdir()
    for number in range(4):
        part = since(columns, START + 10 * number * HOUR) & ~since(columns, START + 10 * (number + 1) * HOUR)
        write({name: values[part] for name, values in columns.items()}, tmp_path / "flights" / f"{number}.parquet")
    write(hours(150, seed=9), tmp_path / "reference.csv")
    return tmp_path


def flights(*monitors):
    told = [{"shadow": False, **one} for one in monitors]
    return model(*told, predictions="flights/*.parquet", reference="reference.csv")


def test_files_become_an_incident(make_world, folder):
    world = make_world(Catalog(models=[flights(SHARE, RANGE, DRIFT)]))
    muster = world.muster
    world.clock.at = START + timedelta(hours=40, minutes=1)
    monitors = Monitors(muster.database, muster.house, folder, muster.clock, open_model)
    assert monitors.tick() == 3
    with muster.database.reading() as session:
        assert {state.state for state in session.exec(select(MonitorState))} == {"firing"}
        alerts = session.exec(select(Alert).order_by(col(Alert.id))).all()
        (incident,) = session.exec(select(Incident)).all()
    assert alerts[0].summary.startswith("eta calls ")
    assert {alert.incident_id for alert in alerts} == {incident.id}
    assert incident.cause.startswith("dep_delay looks 60 times too large at origin=EWR since 14:40 UTC (median 1")


def test_a_window_that_would_take_too_much_is_not_read_and_its_monitor_says_so(make_world, folder):
    world = make_world(Catalog(models=[flights(SHARE)], limits={"scan_gib": 1e-9}))
    muster = world.muster
    world.clock.at = START + timedelta(hours=40, minutes=1)
    monitors = Monitors(muster.database, muster.house, folder, muster.clock, open_model)
    assert monitors.tick() == 0
    with muster.database.reading() as session:
        [state] = session.exec(select(MonitorState)).all()
        assert state.state == "broken"
        assert state.sentence.startswith("This would read ")
        assert state.sentence.endswith("Ask for a shorter window or fewer features, or raise the limit.")
        assert session.exec(select(Alert)).all() == []


@pytest.fixture
def configured(folder, monkeypatch):
    """Environment of a command: a muster.yaml beside the files, and a fresh database."""
    made = flights(SHARE, RANGE).model_dump(mode="json", exclude_defaults=True)
    (folder / "muster.yaml").write_text(yaml.safe_dump({"models": [made]}))
    url = f"sqlite:///{folder}/muster.db"
    monkeypatch.setenv("MUSTER_CONFIG", str(folder / "muster.yaml"))
    monkeypatch.setenv("DATABASE_URL", url)
    database = Database(url)
    migrate(database)
    database.close()
    return folder


def test_a_look_by_hand_says_what_fires_and_keeps_nothing(configured):
    answer = CliRunner().invoke(monitor_app, ["run"])
    assert answer.exit_code == 1, answer.output
    assert "!!   eta/late  firing: eta calls 32 % of flights late (usually " in answer.output
    assert "dep_delay looks 60 times too large at origin=EWR since 14:40 UTC" in answer.output
    assert "window 2026-11-03 14:00 to 15:00 UTC, 6" in answer.output
    listed = CliRunner().invoke(monitor_app, ["list"])
    assert listed.exit_code == 0
    assert "eta/late  waiting" in listed.output
    assert "no window judged yet" in listed.output


def test_a_look_for_scripts_and_at_what_is_broken(configured):
    answer = CliRunner().invoke(monitor_app, ["run", "--model", "eta", "--json"])
    found = json.loads(answer.output)
    assert [(row["monitor"], row["state"]) for row in found] == [("late", "firing"), ("delay-range", "firing")]
    assert found[0]["lower"] < 0.2 < found[0]["upper"] < found[0]["value"]
    (configured / "reference.csv").unlink()
    answer = CliRunner().invoke(monitor_app, ["run"])
    assert answer.exit_code == 2
    assert "??   eta/delay-range  broken: " in answer.output
    assert "reference.csv" in answer.output
    answer = CliRunner().invoke(monitor_app, ["run", "--model", "eat"])
    assert isinstance(answer.exception, BotError)
    assert "`eta`" in answer.exception.message


def test_without_monitors_a_person_is_told_where_they_go(tmp_path, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/muster.db")
    monkeypatch.delenv("MUSTER_CONFIG", raising=False)
    answer = CliRunner().invoke(monitor_app, ["list"])
    assert isinstance(answer.exception, BotError)
    assert "`monitors:`" in answer.exception.message


@pytest.fixture
def batches(tmp_path):
    catalog = Catalog(models=[model(predictions="spool/eta/*.jsonl", reference=None)])
    app = FastAPI()
    app.include_router(routes(catalog, tmp_path / "spool", lambda: None))

    @app.exception_handler(BotError)
    async def said(_request, error):
        return JSONResponse({"error": error.message}, status_code=error.status)

    with TestClient(app) as client:
        yield tmp_path, catalog, lambda body: client.post("/v1/batches", content=json.dumps(body).encode())


def batch(**changes):
    rows = [{"at": f"2026-11-02T00:0{minute}:00Z", "answer": "late", "dep_delay": minute} for minute in range(3)]
    window = {"start": "2026-11-02T00:00:00Z", "end": "2026-11-02T01:00:00Z"}
    return {"model": "eta", "window": window, "rows": rows, **changes}


def test_pushed_rows_are_kept_once_and_can_be_read(batches):
    base, catalog, push = batches
    answer = push(batch())
    assert answer.status_code == 202
    assert answer.json()["new"] is True
    assert push(batch()).json() == {**answer.json(), "new": False}
    rows = open_model(catalog.models[0], base, catalog.limits)
    assert rows.latest("predictions") == START + timedelta(minutes=2)
    assert rows.window("predictions", START, START + HOUR, ["dep_delay"]).columns["dep_delay"].tolist() == [0, 1, 2]
    more = batch(rows=[{"at": "2026-11-02T00:59:00", "answer": "on time", "dep_delay": None}])
    assert push(more).status_code == 202
    assert rows.window("predictions", START, START + HOUR, ["answer"]).rows == 4
    assert [path.suffix for path in (base / "spool" / "eta").iterdir()] == [".jsonl", ".jsonl"]


@pytest.mark.parametrize(
    ("changes", "status", "says"),
    [
        ({"rows": []}, 400, "/rows"),
        ({"rows": [{"at": "2026-11-02T02:00:00Z"}]}, 400, "/rows/0/at: 2026-11-02 02:00:00 UTC lies outside"),
        ({"rows": [{"at": "noon"}]}, 400, "'noon' is no ISO 8601 time"),
        ({"rows": [{"answer": "late"}]}, 400, "/rows/0/at: the event time is missing"),
        ({"rows": [{"at": "2026-11-02T00:00:00Z", "x": [1]}]}, 400, "/rows/0/x"),
        ({"window": {"start": "2026-11-02T01:00:00Z", "end": "2026-11-02T01:00:00Z"}}, 400, "later than `start`"),
        ({"extra": 1}, 400, "/extra"),
        ({"model": "../../etc"}, 404, "`eta`"),
    ],
)
def test_bad_batches_leave_no_file(batches, changes, status, says):
    base, _, push = batches
    answer = push(batch(**changes))
    assert answer.status_code == status
    assert says in answer.json()["error"]
    assert not (base / "spool").exists()


@pytest.mark.parametrize("name", ["../../etc/passwd", "a/b", "..", ".", "ünï", "x" * 200])
def test_no_model_name_leaves_the_spool(tmp_path, name):
    app = FastAPI()
    app.include_router(routes(Catalog(), tmp_path / "spool", lambda: None))
    with TestClient(app) as client:
        assert client.post("/v1/batches", content=json.dumps(batch(model=name)).encode()).status_code == 202
    (kept,) = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert kept.parent.parent == tmp_path / "spool"
