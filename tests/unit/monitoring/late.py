"""Flights whose delay is known later: predictions with labels that arrive on their own time, in memory."""

from datetime import UTC, datetime, timedelta

import numpy as np

from bot.catalog.config import Model
from bot.data import Frame
from tests.unit.monitoring.flights import START, naive

DAY = timedelta(days=1)


def model(*monitors, timed=True, **data):
    labels = {"path": "labels.csv", "key": "id", "column": "late", **({"time": "known_at"} if timed else {})}
    made = {"predictions": "flights.csv", "time": "at", "prediction": "answer", "labels": labels, **data}
    return Model.model_validate({"name": "eta", "data": made, "monitors": list(monitors)})


def days(count, a_day=400, right=0.9, took=0.5, seed=1, positives_took=None):
    """Predictions of `count` days, right so often (a number, or one a day), labelled after about `took` days.

    positives_took: how long labels `late` take instead.
    """
    rng = np.random.default_rng(seed)
    rows = count * a_day
    day = np.repeat(np.arange(count), a_day)
    seconds = np.sort(rng.uniform(0, 86400, (count, a_day)), axis=1).ravel() + day * 86400
    at = naive(START) + (seconds * 1e6).astype("timedelta64[us]")
    truth = np.where(rng.uniform(size=rows) < 0.3, "late", "on time").astype(object)
    hit = rng.uniform(size=rows) < np.broadcast_to(right, count)[day]
    other = np.where(truth == "late", "on time", "late").astype(object)
    mean = np.where((truth == "late") & (positives_took is not None), positives_took or took, took)
    wait = rng.exponential(mean) * 86400
    return {
        "at": at,
        "id": np.arange(rows, dtype=np.float64),
        "answer": np.where(hit, truth, other),
        "score": np.clip(np.where(truth == "late", 0.65, 0.35) + rng.normal(0, 0.2, rows), 0, 1),
        "late": truth,
        "known_at": at + (wait * 1e6).astype("timedelta64[us]"),
    }


class LateTable:
    """Rows as the data room gives them; at `now` nobody sees a row or label from later."""

    def __init__(self, columns, data, now=None):
        self.data = data
        self.now = now
        seen = slice(None) if now is None else columns["at"] < naive(now)
        self.predictions = {name: columns[name][seen] for name in columns if name not in {"late", "known_at"}}
        known = slice(None) if now is None else columns["known_at"] <= naive(now)
        self.labels = {name: columns[name][known] for name in ("id", "late", "known_at")}

    def columns(self, part):
        return list(self.predictions if part == "predictions" else self.labels)

    def has(self, part):
        return part in {"predictions", "labels"}

    def latest(self, part):
        times = self.predictions["at"]
        return times.max().astype(datetime).replace(tzinfo=UTC) if times.size else None

    def window(self, part, start, end, columns, *, most=None):
        table = self.predictions if part == "predictions" else self.labels
        inside = slice(None)
        if start is not None:
            inside = (table["at"] >= naive(start)) & (table["at"] < naive(end))
        return frame({name: table[name][inside] for name in columns})

    def labelled(self, start, end, columns):
        found = self.window("predictions", start, end, list(dict.fromkeys([*columns, "id"]))).columns
        known = dict(zip(self.labels["id"].tolist(), self.labels["late"].tolist(), strict=True))
        return frame({**found, "label": np.array([known.get(key) for key in found["id"].tolist()], dtype=object)})


def frame(columns):
    rows = len(next(iter(columns.values())))
    return Frame(columns, rows)
