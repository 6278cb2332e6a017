"""`muster backtest`: through the command, on files as people have them."""

import csv
import json
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from bot.core.errors import BotError
from bot.entrypoints.cli import app, main
from bot.tuning.backtest import read_budget
from bot.tuning.history import read_history

SEED = 20261123
ROWS = 1500


def series(path: Path, *, spike: int | None = None, stamps: str = "iso", header: str = "timestamp,value") -> Path:
    random = np.random.default_rng(SEED)
    values = 40 + random.normal(size=ROWS)
    if spike is not None:
        values[spike : spike + 5] = 90.0
    moments = np.datetime64("2026-09-01T00:00:00") + np.arange(ROWS) * np.timedelta64(300, "s")
    written = [str(one).replace("T", " ") if stamps == "iso" else str(one.astype(int)) for one in moments]
    lines = [header, *(f"{at},{value:.3f}" for at, value in zip(written, values, strict=True))]
    path.write_text("\n".join(lines) + "\n")
    return path


def run(*words: str | Path) -> str:
    result = CliRunner().invoke(app, ["backtest", *map(str, words), "--time", "timestamp", "--value", "value"])
    assert result.exit_code == 0, result.output
    return result.output


def test_each_row_of_the_file_gets_a_row_of_scores(tmp_path: Path) -> None:
    said = run(series(tmp_path / "cpu.csv", spike=1200), "--scores", tmp_path / "out")
    assert "cpu.csv: 1,500 rows, 2026-09-01 00:00:00 to 2026-09-06 04:55:00" in said
    assert "2026-09-05 04:00:00  page" in said
    assert "90 is the highest in 4 days" in said
    with (tmp_path / "out" / "cpu.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["time"] for row in rows] == [
        point.written for point in read_history(tmp_path / "cpu.csv", "timestamp", "value")
    ]
    assert {row["tier"] for row in rows} <= {"none", "notify", "page"}
    assert all(0 <= float(row["score"]) <= 1 for row in rows)
    assert [at for at, row in enumerate(rows) if row["alert"] == "1" and row["tier"] == "page"] == [1200]
    assert all(float(row["score"]) == 0 for row in rows[1201:1300])
    assert not list((tmp_path / "out").glob(".*"))


def test_it_judges_by_what_was_before_only(tmp_path: Path) -> None:
    whole = series(tmp_path / "whole.csv", spike=1200)
    part = tmp_path / "part.csv"
    part.write_text("\n".join(whole.read_text().splitlines()[:1001]) + "\n")
    run(whole, part, "--scores", tmp_path / "out")
    scored = (tmp_path / "out" / "whole.csv").read_text().splitlines()
    assert (tmp_path / "out" / "part.csv").read_text().splitlines() == scored[:1001]


def test_seconds_since_1970_and_iso_times_say_the_same(tmp_path: Path) -> None:
    for name, stamps in (("iso", "iso"), ("seconds", "seconds")):
        series(tmp_path / f"{name}.csv", spike=1200, stamps=stamps)
    run(tmp_path / "iso.csv", tmp_path / "seconds.csv", "--scores", tmp_path / "out")
    scores = [
        [line.partition(",")[2] for line in (tmp_path / "out" / name).read_text().splitlines()]
        for name in ("iso.csv", "seconds.csv")
    ]
    assert scores[0] == scores[1]


def test_numbers_of_rows_are_no_seconds(tmp_path: Path) -> None:
    random = np.random.default_rng(SEED)
    values = 40 + random.normal(size=600)
    values[400] = 60.0
    rows = [f"{at + 1},{value:.3f}" for at, value in enumerate(values)]
    (tmp_path / "counted.csv").write_text("\n".join(["timestamp,value", *rows]) + "\n")
    said = run(tmp_path / "counted.csv")
    assert "the times number the rows; a row is taken for an hour" in said
    assert "  401  page" in said
    assert "60 is the highest in 15 days" in said


def test_json_is_for_scripts(tmp_path: Path) -> None:
    found = json.loads(run(series(tmp_path / "cpu.csv", spike=1200), "--json", "--budget", "2/week"))
    assert found["budget_per_week"] == 2
    (one,) = found["series"]
    assert one["rows"] == ROWS
    assert {"time", "value", "score", "tier", "reason"} == set(one["alerts"][0])


def test_a_larger_budget_tells_no_less(tmp_path: Path) -> None:
    random = np.random.default_rng(SEED)
    path = tmp_path / "noisy.csv"
    values = random.standard_t(3, 6000)
    path.write_text("timestamp,value\n" + "".join(f"{at * 1800},{value}\n" for at, value in enumerate(values.tolist())))
    told = [
        len(json.loads(run(path, "--json", "--budget", text))["series"][0]["alerts"])
        for text in ("0.2/week", "1/week", "5/week")
    ]
    assert told == sorted(told)
    assert told[0] < told[-1]


def test_rows_without_a_value_are_kept_and_counted(tmp_path: Path) -> None:
    path = series(tmp_path / "holes.csv")
    lines = path.read_text().splitlines()
    lines[500] = lines[500].split(",")[0] + ","
    lines[501] = lines[501].split(",")[0] + ",n/a"
    path.write_text("\n".join(lines))
    assert "2 rows have no value" in run(path, "--scores", tmp_path / "out")
    assert len((tmp_path / "out" / "holes.csv").read_text().splitlines()) == ROWS + 1


def test_one_bad_file_does_not_stop_the_others(tmp_path: Path) -> None:
    good, bad = series(tmp_path / "good.csv"), tmp_path / "bad.csv"
    bad.write_text("timestamp,value\n2026-09-01,1\nyesterday,2\n")
    words = [
        "backtest",
        str(bad),
        str(good),
        "--time",
        "timestamp",
        "--value",
        "value",
        "--scores",
        str(tmp_path / "out"),
    ]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 2
    assert "bad.csv, line 3: 'yesterday' is no time; write 2026-11-02T03:00:00Z" in result.output
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["good.csv"]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("", "no column timestamp; its header has nothing: the file is empty"),
        ("time,value\n1,2\n", "no column timestamp; its header has time, value"),
        ("timestamp,value\n1\n", "line 2: only 1 fields; the header has more"),
        ("timestamp,value\n1,2\n\xff", "can't be read as CSV in UTF-8"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_the_line(tmp_path: Path, content: str, complaint: str) -> None:
    path = tmp_path / "bad.csv"
    path.write_bytes(content.encode("latin-1"))
    with pytest.raises(BotError) as refused:
        list(read_history(path, "timestamp", "value"))
    assert complaint in refused.value.message


def test_semicolons_a_byte_order_mark_and_slashes_in_dates_are_read(tmp_path: Path) -> None:
    path = tmp_path / "excel.csv"
    path.write_text("\ufefftimestamp;value\n2026/09/01 00:00;1\n2026-09-01T02:00+02:00;2\n")
    first, second = read_history(path, "timestamp", "value")
    assert first.at == second.at


@pytest.mark.parametrize("text", ["1", "week", "0/week", "-1/week", "1/fortnight", "1e9/week"])
def test_what_is_no_budget_is_refused_with_examples(text: str) -> None:
    with pytest.raises(BotError, match=r"such as 1/week, 2/day or 0\.5/month"):
        read_budget(text)


def test_two_files_of_one_name_would_overwrite_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "b").mkdir()
    one, two = series(tmp_path / "cpu.csv"), series(tmp_path / "b" / "cpu.csv")
    words = ["backtest", str(one), str(two), "--time", "timestamp", "--value", "value", "--scores", str(tmp_path / "o")]
    monkeypatch.setattr("sys.argv", ["muster", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert "Two files are called cpu.csv" in said
    assert "with a folder of its own after --scores" in said


def scores_of(path: Path) -> list[str]:
    return path.read_text().splitlines()[1:]


def test_rows_out_of_order_are_judged_by_their_times_and_written_where_they_stand(tmp_path: Path) -> None:
    path = series(tmp_path / "cpu.csv", spike=1200)
    header, *rows = path.read_text().splitlines()
    order = np.random.default_rng(SEED).permutation(ROWS)
    mixed = tmp_path / "mixed.csv"
    mixed.write_text("\n".join([header, *(rows[at] for at in order)]) + "\n")
    said = run(path, mixed, "--scores", tmp_path / "out")
    straight, crooked = (scores_of(tmp_path / "out" / name) for name in ("cpu.csv", "mixed.csv"))
    assert crooked == [straight[at] for at in order]
    assert said.count("all were judged in the order of their times") == 1
    assert "mixed.csv: 1,500 rows, 2026-09-01 00:00:00 to 2026-09-06 04:55:00" in said


def test_one_absurd_value_hides_nothing_later(tmp_path: Path) -> None:
    path = series(tmp_path / "cpu.csv", spike=1200)
    lines = path.read_text().splitlines()
    freak = tmp_path / "freak.csv"
    freak.write_text("\n".join([*lines[:101], lines[101].split(",")[0] + ",1e308", *lines[102:]]) + "\n")
    found = json.loads(run(path, freak, "--json"))["series"]
    told = [[(alert["time"], alert["tier"], alert["reason"]) for alert in one["alerts"]] for one in found]
    assert told[0] == told[1]
    assert told[0][0][:2] == ("2026-09-05 04:00:00", "page")


@pytest.mark.parametrize("share", [1 / 7, 1 / 3])
def test_a_day_is_found_where_rows_are_missing(tmp_path: Path, share: float) -> None:
    random = np.random.default_rng(SEED)
    at = np.arange(288 * 10)
    values = 3 * np.sin(at * 2 * np.pi / 288) + random.normal(size=at.size)
    kept = random.random(at.size) > share
    rows = [f"{1_767_571_200 + 300 * row},{value:.3f}" for row, value in zip(at[kept], values[kept], strict=True)]
    path = tmp_path / "holes.csv"
    path.write_text("\n".join(["timestamp,value", *rows]) + "\n")
    assert json.loads(run(path, "--json"))["series"][0]["period_seconds"] == 86_400


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("11/14/2023 22:13", "2023-11-14T22:13Z"),
        ("14/11/2023 22:13:05", "2023-11-14T22:13:05Z"),
        ("14.11.2023 9:05", "2023-11-14T09:05Z"),
        ("02.11.2023", "2023-11-02"),
        ("11/14/2023, 9:05 PM", "2023-11-14T21:05Z"),
        ("11/14/2023 12:30 am", "2023-11-14T00:30Z"),
        ("2023/1/4 9:05", "2023-01-04T09:05Z"),
        ("2023-11-14 22:13:05.250+01:00", "2023-11-14T21:13:05.250Z"),
    ],
)
def test_dates_are_read_as_people_write_them(tmp_path: Path, first: str, second: str) -> None:
    path = tmp_path / "dates.csv"
    path.write_text(f'timestamp,value\n"{first}",1\n')
    (point,) = read_history(path, "timestamp", "value")
    expected = datetime.fromisoformat(second)
    assert point.at == (expected if expected.tzinfo else expected.replace(tzinfo=UTC)).timestamp()
    assert point.written == first


@pytest.mark.parametrize(
    ("dates", "complaint"),
    [
        (["11/02/2023", "11/03/2023"], "does not say whether '11/02/2023' begins with the day or the month"),
        (["11/14/2023", "14/11/2023"], "dates with the day first and others with the month first"),
        (["11/14/2023", "2023-11-15x"], "line 3: '2023-11-15x' is no time"),
        (["11/14/2023 25:00", "11/14/2023"], "line 2: '11/14/2023 25:00' is no time"),
        (["1e999"], "line 2: '1e999' is no time"),
    ],
)
def test_dates_that_can_be_read_in_two_ways_are_refused(tmp_path: Path, dates: list[str], complaint: str) -> None:
    path = tmp_path / "dates.csv"
    path.write_text("timestamp,value\n" + "".join(f"{date},1\n" for date in dates))
    with pytest.raises(BotError) as refused:
        read_history(path, "timestamp", "value")
    assert complaint in refused.value.message
    assert "write 2026-11-02T03:00:00Z" in refused.value.message
