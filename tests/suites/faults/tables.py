"""Real tables, cut into a reference and windows of other rows."""

from dataclasses import dataclass
from pathlib import Path

import duckdb
import numpy as np

ROOT = Path(__file__).parents[3]
CARRIERS = 8


@dataclass(frozen=True)
class Table:
    """`columns` in the order of time (if `timed`); `segments` are those whose values a fault may be confined to."""

    name: str
    columns: dict
    numbers: tuple
    categories: tuple
    segments: tuple
    hours: tuple = ()
    timed: bool = True

    @property
    def rows(self):
        return len(next(iter(self.columns.values())))


def read(name):
    return {"flights": flights, "health": health, "housing": housing}[name]()


def _columns(query):
    with duckdb.connect() as connection:
        return {
            name: np.ma.filled(values.astype(np.float64), np.nan)
            if isinstance(values, np.ma.MaskedArray) and values.dtype.kind in "iuf"
            else np.asarray(values)
            for name, values in connection.execute(query).fetchnumpy().items()
        }


def flights():
    columns = _columns(f"SELECT * EXCLUDE day FROM '{ROOT}/bot/demo/data/flights.parquet' ORDER BY day, hour")
    return Table(
        "flights",
        columns,
        ("distance", "dep_delay", "arr_delay", "wind_speed", "visibility", "precipitation", "hour"),
        ("origin", "carrier"),
        ("origin", "carrier"),
        ("hour",),
    )


def health():
    columns = _columns(f"SELECT * FROM '{ROOT}/tests/data/health.parquet' ORDER BY year, hash(income + age)")
    columns["site"] = np.array([f"site {int(code)}" for code in columns["site"]], dtype=object)
    columns["plan"] = np.array([f"plan {int(code)}" for code in columns["plan"]], dtype=object)
    return Table(
        "health",
        columns,
        ("age", "income", "education", "outpatient", "drugs", "medical", "visits", "health_index", "diseases"),
        ("site", "plan"),
        ("site",),
    )


def housing():
    """The order is that of places, so no window is later than another: all are split by row."""
    columns = _columns(f"SELECT * EXCLUDE listed FROM '{ROOT}/tests/data/housing.parquet' ORDER BY listed")
    return Table(
        "housing",
        columns,
        ("income", "age", "rooms", "bedrooms", "population", "occupants", "latitude", "longitude"),
        ("region",),
        ("region",),
        timed=False,
    )


def split(table, rng, rows, *, by_time):
    """Row numbers of a reference and of a window: any rows, or a run of rows later than the whole reference."""
    if by_time:
        edge = int(table.rows * rng.uniform(0.4, 0.6))
        start = int(rng.integers(edge, max(edge + 1, table.rows - rows)))
        return np.arange(edge), np.arange(start, min(start + rows, table.rows))
    order = rng.permutation(table.rows)
    return np.sort(order[rows:]), np.sort(order[:rows])
