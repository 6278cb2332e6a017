"""A model that estimates delays of flights, its rows in memory, and the faults that befall them."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import numpy as np

from bot.catalog.config import Limits, Model
from tests.parquet import writing

START = datetime(2026, 11, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)


def model(*monitors, **data):
    return Model.model_validate(
        {
            "name": "eta",
            "outcome": "calls {share} of flights late",
            "data": {
                "predictions": "flights.csv",
                "reference": "reference.csv",
                "time": "at",
                "prediction": "answer",
                "features": {"dep_delay": {"unit": "min", "importance": 0.8}, "distance": {}, "carrier": {}},
                "segments": ["origin"],
                **data,
            },
            "monitors": list(monitors),
        }
    )


def naive(moment):
    return np.datetime64(moment.replace(tzinfo=None), "us")


def hours(count, a_window=600, seed=1, start=START, late=0.2):
    """Rows of `count` hours from `start` on."""
    rng = np.random.default_rng(seed)
    rows = count * a_window
    seconds = np.sort(rng.uniform(0, count * 3600, rows))
    delay = np.round(rng.gamma(1.4, 16, rows))
    return {
        "at": naive(start) + (seconds * 1e6).astype("timedelta64[us]"),
        "dep_delay": delay,
        "distance": rng.normal(900, 250, rows),
        "carrier": rng.choice(np.array(["UA", "DL", "AA"], dtype=object), rows, p=[0.5, 0.3, 0.2]),
        "origin": rng.choice(np.array(["EWR", "JFK", "LGA"], dtype=object), rows, p=[0.4, 0.35, 0.25]),
        "answer": np.where(rng.uniform(size=rows) < late, "late", "on time").astype(object),
    }


def write(path, columns):
    """A Parquet file of these columns: a CSV file would be guessed at anew with each question."""
    texts = {name: cells.astype(str) if cells.dtype == object else cells for name, cells in columns.items()}
    with writing() as connection:
        connection.register("texts", texts)
        connection.execute(f"COPY (SELECT * FROM texts) TO '{path}' (FORMAT parquet)")


def since(columns, moment):
    return columns["at"] >= naive(moment)


class Table:
    """Rows as the data room gives them, from arrays; `opened` counts how often it was asked."""

    def __init__(self, predictions, reference=None):
        self.parts = {"predictions": predictions, "reference": reference}

    data = None
    limits = Limits()

    def scan(self, part, start, end, columns):
        return None

    def scan_edges(self, part):
        return None

    def columns(self, part):
        return list(self.parts[part])

    def window(self, part, start, end, columns, most=None):
        table = self.parts[part]
        if start is None:
            inside = np.ones(len(next(iter(table.values()))), dtype=bool)
        else:
            inside = (table["at"] >= naive(start)) & (table["at"] < naive(end))
        return SimpleNamespace(columns={name: table[name][inside] for name in columns}, rows=int(inside.sum()))

    def class_counts(self, column, value, start, end, step):
        found, table = [], self.parts["predictions"]
        while start < end:
            inside = (table["at"] >= naive(start)) & (table["at"] < naive(start + step))
            found.append((start, int((table[column][inside] == value).sum()), int(inside.sum())))
            start += step
        return found

    def latest(self, part):
        times = self.parts[part]["at"]
        return times.max().astype("datetime64[us]").astype(datetime).replace(tzinfo=UTC) if times.size else None
