import threading
import time
from datetime import datetime, timedelta

import duckdb
import numpy as np
import pytest

from bot.catalog.config import Model
from bot.data import open_model
from bot.demo.rowlog import FILES, STRETCH_SECONDS, RowLog

BEGIN = datetime(2026, 11, 23, 23, 59, 0)  # noqa: DTZ001


def rows(second, count=10, first=0):
    at = np.datetime64(BEGIN + timedelta(seconds=second), "us") + np.arange(count) * np.timedelta64(1, "ms")
    names = np.array([None, "EWR", "JFK"], dtype=object)[np.arange(count) % 3]
    return {"id": np.arange(first, first + count), "at": at, "origin": names, "delay": np.full(count, np.nan)}


def read(folder):
    with duckdb.connect() as connection:
        return connection.execute(f"SELECT id, origin, delay FROM '{folder}/{FILES}' ORDER BY id").fetchall()


def test_every_row_is_there_once_with_its_nulls(tmp_path):
    log = RowLog(tmp_path, "at")
    for second in range(90):
        log.append(rows(second, first=second * 10))
    found = read(tmp_path)
    assert [row[0] for row in found] == list(range(900))
    assert {row[1] for row in found} == {None, "EWR", "JFK"}
    assert {row[2] for row in found} == {None}


def test_a_file_holds_a_stretch_of_one_day(tmp_path):
    log = RowLog(tmp_path, "at")
    for second in range(0, 90, 5):
        log.append(rows(second))
    named = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.glob(FILES))
    day, next_day = "dt=2026-11-23", "dt=2026-11-24"
    assert named == [
        f"{day}/part-235900.parquet",
        f"{day}/part-235930.parquet",
        f"{next_day}/part-000000.parquet",
    ]


def test_no_rows_make_no_file(tmp_path):
    RowLog(tmp_path / "new", "at").append(rows(0, count=0))
    assert list((tmp_path / "new").rglob("*")) == []


def test_a_version_stays_for_its_readers_and_goes_when_they_are_done(tmp_path):
    log = RowLog(tmp_path, "at")
    log.append(rows(0))
    first = next(tmp_path.glob(FILES)).resolve()
    log.append(rows(1, first=10))
    assert next(tmp_path.glob(FILES)).resolve() != first
    assert first.exists()
    log.append(rows(STRETCH_SECONDS, first=20))
    assert first.exists()
    log.append(rows(2 * STRETCH_SECONDS, first=30))
    assert not first.exists()
    assert len(read(tmp_path)) == 40


@pytest.mark.parametrize("readers", [2])
def test_readers_are_never_disturbed_and_never_see_half_a_batch(tmp_path, readers):
    log = RowLog(tmp_path / "predictions", "at")
    log.append(rows(0))
    model = Model.model_validate(
        {"name": "eta", "data": {"predictions": f"predictions/{FILES}", "time": "at", "prediction": "origin"}}
    )
    problems, seen, stop = [], [], threading.Event()

    def look():
        opened = open_model(model, tmp_path)
        while not stop.is_set():
            try:
                frame = opened.window("predictions", None, None, ["id"])
            except Exception as error:
                problems.append(error)
                return
            ids = frame.columns["id"]
            seen.append(ids.size)
            if ids.size % 10 or np.unique(ids).size != ids.size:
                problems.append(AssertionError(f"{ids.size} rows"))

    threads = [threading.Thread(target=look) for _ in range(readers)]
    for thread in threads:
        thread.start()
    for second in range(1, 150):
        log.append(rows(second, first=second * 10))
        time.sleep(0.005)
    stop.set()
    for thread in threads:
        thread.join()
    assert problems == []
    assert len(set(seen)) > 5
