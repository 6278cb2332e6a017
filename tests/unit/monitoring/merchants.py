"""Payments of many merchants, an hour a window: each with a rate, a volume and an amount of its own."""

from dataclasses import dataclass, field

import numpy as np

from bot.catalog.config import Model
from tests.parquet import writing
from tests.unit.monitoring.flights import START

HOURS = 32


@dataclass
class Merchants:
    """Rates, expected rows and mean amounts, shape (merchants, hours), to be changed before rows are drawn."""

    count: int = 120
    hours: int = HOURS
    rows: float = 60
    seed: int = 1
    share: np.ndarray = field(init=False)
    sizes: np.ndarray = field(init=False)
    amount: np.ndarray = field(init=False)
    nulls: np.ndarray = field(init=False)

    def __post_init__(self):
        rng = np.random.default_rng(self.seed)
        shape = (self.count, self.hours)
        usual = rng.beta(8, 150, (self.count, 1))
        self.share = rng.beta(usual * 300, (1 - usual) * 300, shape)
        self.sizes = np.repeat(rng.gamma(8, self.rows / 8, (self.count, 1)), self.hours, axis=1)
        self.amount = np.repeat(np.exp(rng.normal(3.5, 0.5, (self.count, 1))), self.hours, axis=1)
        self.nulls = np.full(shape, 0.01)

    def write(self, path):
        rng = np.random.default_rng(self.seed + 1000)
        sizes = rng.poisson(self.sizes)
        merchant, hour = np.indices(sizes.shape).reshape(2, -1).repeat(sizes.ravel(), axis=1)
        rows = merchant.size
        columns = {
            "moment": (hour + rng.uniform(0, 1, rows)) * 3600,
            "number": merchant,
            "declined": rng.uniform(size=rows) < self.share[merchant, hour],
            "amount": self.amount[merchant, hour] * rng.gamma(4, 0.25, rows),
            "gone": rng.uniform(size=rows) < self.nulls[merchant, hour],
        }
        with writing() as connection:
            connection.register("columns", columns)
            asked = (
                f"SELECT TIMESTAMP '{START:%Y-%m-%d %H:%M:%S}' + to_microseconds(CAST(moment * 1e6 AS BIGINT)) AS at,"
                " 'M' || number AS merchant, CASE WHEN declined THEN 'decline' ELSE 'accept' END AS answer,"
                " CASE WHEN gone THEN NULL ELSE amount END AS amount FROM columns"
            )
            connection.execute(f"COPY ({asked}) TO '{path}' (FORMAT parquet)")
        return path


def payments(*monitors, **data):
    settings = {"predictions": "rows.parquet", "time": "at", "prediction": "answer"}
    settings["features"] = {"amount": {"unit": "EUR"}}
    return Model.model_validate(
        {
            "name": "fraud",
            "tier": 1,
            "data": {**settings, **data},
            "monitors": [{"window": "1h", **m} for m in monitors],
        }
    )
