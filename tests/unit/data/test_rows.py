"""Windows of event time from files of every kind, and the sentences of what goes wrong."""

import re
from datetime import UTC, datetime, timedelta

import duckdb
import numpy as np
import pytest

from bot.catalog.config import Limits, Model
from bot.data import DataError, open_model

START = datetime(2026, 11, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)

ROWS = """
SELECT range AS id, TIMESTAMP '2026-11-02 00:00:00' + INTERVAL (range) MINUTE AS at_,
  CASE WHEN range % 10 = 0 THEN NULL ELSE range * 1.5 END::DOUBLE AS amount,
  CASE WHEN range % 3 = 0 THEN 'late' ELSE 'on time' END AS answer,
  range % 2 = 0 AS flagged, 9007199254740993 + range AS big, '<x>"{}' AS "odd ""{name}"
FROM range(180)
"""


@pytest.fixture
def folder(tmp_path):
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        for name, options in {
            "rows.parquet": "",
            "rows.csv": "(HEADER)",
            "rows.jsonl": "(FORMAT json)",
        }.items():
            connection.execute(f"COPY ({ROWS}) TO '{tmp_path / name}' {options}")
        zoned = f"SELECT * EXCLUDE (at_), timezone('UTC', at_) AS at_ FROM ({ROWS})"
        connection.execute(f"COPY ({zoned}) TO '{tmp_path / 'zoned.parquet'}'")
        seconds = f"SELECT * EXCLUDE (at_), epoch(at_)::BIGINT AS at_ FROM ({ROWS})"
        connection.execute(f"COPY ({seconds}) TO '{tmp_path / 'seconds.parquet'}'")
        local = "strftime(at_ + INTERVAL 2 HOUR, '%Y-%m-%dT%H:%M:%S+02:00')"
        words = f"SELECT * EXCLUDE (at_), {local} AS at_ FROM ({ROWS})"
        connection.execute(f"COPY ({words}) TO '{tmp_path / 'words.parquet'}'")
        (tmp_path / "many").mkdir()
        for part in range(3):
            some = f"SELECT * FROM ({ROWS}) WHERE id // 60 = {part}"
            connection.execute(f"COPY ({some}) TO '{tmp_path / 'many' / f'p{part}.parquet'}'")
        (tmp_path / "many" / "p9.parquet.tmp").write_text("half written")
        labels = "SELECT range * 2 AS id, 'late' AS truth, 1 AS v FROM range(60) UNION ALL SELECT 0, 'on time', 2"
        connection.execute(f"COPY ({labels}) TO '{tmp_path / 'labels.parquet'}'")
    return tmp_path


def rows_of(folder, path="rows.parquet", limits=None, **data):
    model = {"name": "m", "data": {"predictions": path, "time": "at_", **data}}
    return open_model(Model.model_validate(model), folder, limits)


ALL = ["rows.parquet", "rows.csv", "rows.jsonl", "zoned.parquet", "seconds.parquet", "words.parquet", "many", "many/*"]


@pytest.mark.parametrize("path", ALL)
def test_a_window_holds_its_start_and_not_its_end(folder, path):
    rows = rows_of(folder, path)
    frame = rows.window("predictions", START + HOUR, START + 2 * HOUR, ["id", "amount", "answer", "at_"])
    assert frame.rows == 60
    assert frame.columns["id"].tolist() == [float(number) for number in range(60, 120)]
    assert np.isnan(frame.columns["amount"][0])
    assert frame.columns["amount"][1] == 91.5
    assert frame.columns["answer"][0] == "late"
    assert frame.columns["at_"][0] == np.datetime64("2026-11-02T01:00:00", "us")
    assert rows.latest("predictions") == START + timedelta(minutes=179)
    assert rows.earliest("predictions") == START


@pytest.mark.parametrize("path", ALL)
def test_classes_are_counted_also_in_empty_windows(folder, path):
    rows = rows_of(folder, path)
    counted = rows.class_counts("answer", "late", START - HOUR, START + 4 * HOUR, HOUR)
    assert counted == [
        (START - HOUR, 0, 0),
        (START, 20, 60),
        (START + HOUR, 20, 60),
        (START + 2 * HOUR, 20, 60),
        (START + 3 * HOUR, 0, 0),
    ]


def test_a_class_may_be_true(folder):
    assert rows_of(folder).class_counts("flagged", True, START, START + HOUR, HOUR) == [(START, 30, 60)]


def test_columns_of_any_name_are_read(folder):
    frame = rows_of(folder).window("predictions", None, None, ['odd "{name}'])
    assert frame.columns['odd "{name}'][0] == '<x>"{}'


def test_lost_digits_are_said(folder):
    frame = rows_of(folder).window("predictions", START, START + HOUR, ["big"])
    assert "last digits" in frame.notes[0]


def test_more_rows_than_allowed_are_sampled_and_said(folder):
    frame = rows_of(folder, limits=Limits(rows=1000)).window("predictions", None, None)
    assert frame.notes[-1].startswith("big holds")
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT range AS id, now()::TIMESTAMP AS at_ FROM range(5000)) TO '{folder}/5k.parquet'"
        )
    frame = rows_of(folder, "5k.parquet", Limits(rows=1000)).window("predictions", None, None)
    assert frame.rows == len(frame.columns["id"]) == 1000
    assert frame.notes == ("a random sample of 1,000 of 5,000 rows",)


def test_labels_join_by_key_and_the_newest_counts(folder):
    rows = rows_of(folder, labels={"path": "labels.parquet", "key": "id", "column": "truth", "time": "v"})
    frame = rows.labelled(START, START + HOUR, ["id", "answer"])
    assert frame.rows == 60
    known = dict(zip(frame.columns["id"], frame.columns["label"], strict=True))
    assert (known[0], known[2], known[3]) == ("on time", "late", None)


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda folder: rows_of(folder, "gone.parquet").columns("predictions"), "gone.parquet, and nothing is there"),
        (
            lambda folder: rows_of(folder).window("predictions", None, None, ["amuont"]),
            "no column `amuont`; there is `amount`",
        ),
        (lambda folder: rows_of(folder).columns("holdout"), "no `holdout:` under `data:`"),
        (lambda folder: rows_of(folder, time="when").latest("predictions"), "no column `when`"),
        (lambda folder: rows_of(folder).labelled(None, None, []), "no `labels:`"),
    ],
)
def test_what_is_wrong_is_said_with_what_to_do(folder, ask, says):
    with pytest.raises(DataError, match=re.escape(says)):
        ask(folder)


def test_a_broken_file_is_a_sentence(folder):
    (folder / "broken.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(DataError, match="could not be read"):
        rows_of(folder, "broken.parquet").columns("predictions")


def test_a_model_without_data_says_what_to_add(tmp_path):
    with pytest.raises(DataError, match=r"has no `data:` in muster\.yaml"):
        open_model(Model(name="m"), tmp_path)


def test_the_engine_reads_nothing_outside(folder):
    rows = rows_of(folder)
    with pytest.raises(DataError, match="could not be read"):
        rows._query("predictions", "SELECT * FROM read_csv('/etc/passwd')", [])


def test_labels_of_very_many_rows_are_those_of_a_sample_not_of_the_first(folder):
    labels = {"path": "labels.parquet", "key": "id", "column": "truth", "time": "v"}
    rows = rows_of(folder, limits=Limits(rows=1000), labels=labels)
    rows.limits = Limits.model_construct(rows=60, seconds=30, memory_mib=2048, scan_gib=20)
    frame = rows.labelled(None, None, ["id", "at_"])
    assert frame.rows == 60
    assert frame.columns["id"].max() > 120, "the last rows are as likely as the first"
    assert frame.notes[0] == "a random sample of 60 of 180 rows"
    again = rows.labelled(None, None, ["id", "at_"])
    assert sorted(again.columns["id"]) == sorted(frame.columns["id"])


@pytest.mark.parametrize("value", [1, "1", "1.0"])
def test_a_class_written_as_a_number_is_found_in_a_column_of_numbers(tmp_path, value):
    with duckdb.connect() as connection:
        made = "SELECT TIMESTAMP '2026-11-02 00:00:00' AS at_, (range % 4 = 0)::DOUBLE AS answer FROM range(100)"
        connection.execute(f"COPY ({made}) TO '{tmp_path / 'rows.parquet'}'")
    rows = rows_of(tmp_path)
    assert rows.class_counts("answer", value, START, START + HOUR, HOUR) == [(START, 25, 100)]
    assert rows.class_counts("answer", "yes", START, START + HOUR, HOUR) == [(START, 0, 100)]
