"""Rows in object storage and at an address, from a real S3 server and a real web server on this machine."""

import functools
import http.server
import threading
from datetime import UTC, datetime, timedelta

import duckdb
import httpx
import pytest
from moto.server import ThreadedMotoServer

from bot.catalog.config import Limits, Model
from bot.checks.catalogue import CHECKS
from bot.checks.contract import CheckRequest
from bot.checks.runner import run_check
from bot.data import DataError, UnreadableError, open_model
from bot.data.objects import secrets_for

START = datetime(2026, 11, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
ROWS = (
    "SELECT range AS id, TIMESTAMP '2026-11-02 00:00:00' + INTERVAL (range) MINUTE AS at_, range * 1.5 AS amount,"
    " CASE WHEN range % 3 = 0 THEN 'late' ELSE 'on time' END AS answer, range // 60 AS part FROM range(180)"
)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("rows")
    with duckdb.connect() as connection:
        connection.execute(f"COPY ({ROWS}) TO '{folder / 'rows.parquet'}'")
        connection.execute(f"COPY ({ROWS}) TO '{folder / 'rows.csv'}'")
        connection.execute(f"COPY ({ROWS}) TO '{folder / 'parts'}' (FORMAT parquet, PARTITION_BY (part))")
    (folder / "parts" / "_temporary.parquet").write_text("half written")
    return folder


@pytest.fixture(scope="module")
def storage(files):
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    httpx.put(f"{address}/rows").raise_for_status()
    for path in files.rglob("*.*"):
        if path.is_file():
            where, readable = f"{address}/rows/lake/{path.relative_to(files)}", {"x-amz-acl": "public-read"}
            httpx.put(where, content=path.read_bytes(), headers=readable).raise_for_status()
    yield address
    server.stop()


@pytest.fixture
def credentials(storage, monkeypatch):
    for name, value in {
        "AWS_ACCESS_KEY_ID": "reader",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": storage,
    }.items():
        monkeypatch.setenv(name, value)


def model_of(path, **data):
    return Model.model_validate({"name": "m", "data": {"predictions": path, "time": "at_", **data}})


def rows_of(path, base, **data):
    return open_model(model_of(path, **data), base, Limits())


@pytest.mark.parametrize(
    "path",
    [
        "s3://rows/lake/rows.parquet",
        "s3://rows/lake/rows.csv",
        "s3://rows/lake/parts",
        "s3://rows/lake/parts/",
        "s3://rows/lake/parts/**/*.parquet",
        "s3://rows/lake/parts/part=*/*.parquet",
    ],
)
@pytest.mark.usefixtures("credentials")
def test_a_bucket_gives_the_rows_a_folder_gives(path, files, tmp_path):
    there = rows_of(path, tmp_path)
    here = rows_of(path.removeprefix("s3://rows/lake/"), files)
    window = (START + HOUR, START + 2 * HOUR)
    assert there.count("predictions", *window) == 60
    assert set(there.columns("predictions")) == set(here.columns("predictions"))
    far, near = (side.window("predictions", *window, ["amount", "answer"]) for side in (there, here))
    assert sorted(far.columns["amount"]) == sorted(near.columns["amount"])
    assert there.latest("predictions") == here.latest("predictions")
    assert there.scan("predictions", *window, ["amount"]) == here.scan("predictions", *window, ["amount"])


@pytest.mark.usefixtures("credentials")
def test_one_folder_of_a_glob_is_read_alone(tmp_path):
    assert rows_of("s3://rows/lake/parts/part=1/*.parquet", tmp_path).count("predictions", None, None) == 60
    with pytest.raises(DataError, match="no file Muster can read is there"):
        rows_of("s3://rows/lake/*.parquet.gz", tmp_path).columns("predictions")


@pytest.mark.usefixtures("credentials")
def test_the_engine_sees_nothing_else_of_the_bucket(tmp_path):
    rows = rows_of("s3://rows/lake/parts/part=1", tmp_path)
    assert rows.count("predictions", None, None) == 60
    engine = next(iter(rows._connections.values())).cursor()
    with pytest.raises(duckdb.PermissionException):
        engine.execute("SELECT * FROM read_parquet('s3://rows/lake/rows.parquet')")


@pytest.mark.parametrize("place", ["s3://nowhere/x", "s3://nowhere/403/x", "s3://nowhere-401/latest/x"])
@pytest.mark.usefixtures("credentials")
def test_a_bucket_that_is_not_there_is_said_whatever_it_is_called(place, tmp_path):
    with pytest.raises(UnreadableError, match=f"{place} does not exist"):
        rows_of(place, tmp_path).columns("predictions")


@pytest.mark.usefixtures("credentials")
def test_a_file_that_is_not_there_is_said(tmp_path):
    with pytest.raises(DataError, match="no file Muster can read is there"):
        rows_of("s3://rows/lake/other.parquet", tmp_path).columns("predictions")


def test_without_credentials_the_ones_that_are_missing_are_named(storage, monkeypatch, tmp_path):
    for name in list(secrets_for("s3://rows/lake")):
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_METADATA_ENDPOINT", storage + "/nothing-here")
    with pytest.raises(UnreadableError, match=r"AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION"):
        rows_of("s3://rows/lake/rows.parquet", tmp_path).columns("predictions")


def test_a_storage_that_is_down_is_said_within_the_patience_of_a_check(monkeypatch, tmp_path):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "reader")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    with pytest.raises(UnreadableError, match=r"could not be reached"):
        rows_of("s3://rows/lake/rows.parquet", tmp_path).columns("predictions")


def test_an_address_on_the_web_is_read(storage, tmp_path):
    assert rows_of(f"{storage}/rows/lake/rows.csv", tmp_path).count("predictions", START, START + HOUR) == 60
    assert rows_of(f"{storage}/rows/lake/rows.parquet", tmp_path).count("predictions", START, START + HOUR) == 60
    with pytest.raises(UnreadableError, match="does not exist"):
        rows_of(f"{storage}/rows/lake/none.csv", tmp_path).columns("predictions")


def test_a_web_server_that_gives_no_part_of_a_file_is_said(files, tmp_path):
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(files))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        rows = rows_of(f"http://127.0.0.1:{server.server_port}/rows.csv", tmp_path)
        with pytest.raises(DataError, match="Range request not supported by rows"):
            rows.columns("predictions")
        server.shutdown()


def test_an_unknown_kind_of_storage_is_refused(tmp_path):
    with pytest.raises(DataError, match="ftp://host/x; Muster reads s3://"):
        rows_of("ftp://host/x", tmp_path).columns("predictions")


@pytest.mark.usefixtures("credentials")
def test_a_check_in_its_own_process_reads_a_bucket(monkeypatch, tmp_path):
    monkeypatch.setenv("SLACK_BOT_TOKEN", "not for checks")
    request = CheckRequest("row_count", {"window": "1h"}, "m", START + 3 * HOUR)
    model = model_of("s3://rows/lake/parts")
    found = run_check(CHECKS.by_name["row_count"], request, model, base=tmp_path, limits=Limits())
    assert found.rows_read == 60, found.sentence


def test_only_what_a_cloud_takes_of_the_environment_is_handed_on(monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a")
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT_KEY", "b")
    monkeypatch.setenv("SLACK_BOT_TOKEN", "c")
    assert secrets_for("s3://rows/x")["AWS_SECRET_ACCESS_KEY"] == "a"
    assert not {"AZURE_STORAGE_ACCOUNT_KEY", "SLACK_BOT_TOKEN"} & set(secrets_for("s3://rows/x"))
    assert secrets_for("az://rows/x")["AZURE_STORAGE_ACCOUNT_KEY"] == "b"
    assert secrets_for("rows/x.parquet") == {}
