"""Tables as people bring them: scored payments, with a fault in them, in the shapes files and databases give."""

import csv
from datetime import UTC, datetime, timedelta

import numpy as np

from bot.data import Frame

START = datetime(2026, 7, 1, tzinfo=UTC)
DAY = timedelta(days=1)
LATE = 10.0
"""Days until half of the labels are known."""


def payments(days=60, a_day=250, *, fault=(40, 43), seed=7):
    """Payments of `days` days; in the days of `fault` amounts in Germany come in cents, and far more are declined."""
    random = np.random.default_rng(seed)
    n = days * a_day
    at = np.sort(random.uniform(0, days, n))
    country = random.choice(["DE", "FR", "US"], n, p=[0.5, 0.3, 0.2])
    amount = random.lognormal(3.6, 0.9, n).round(2)
    broken = (at >= fault[0]) & (at < fault[1]) & (country == "DE")
    seen = np.where(broken, amount * 100, amount)
    risk, score = (1 / (1 + np.exp(3.2 - 1.1 * (np.log(one) - 3.6))) for one in (amount, seen))
    truth = np.where(random.uniform(size=n) < risk, "decline", "approve").astype(object)
    known_at = at + random.uniform(LATE - 2, LATE + 2, n)
    truth[known_at > days] = None
    return {
        "id": np.array([f"tx{one:06d}" for one in range(n)], dtype=object),
        "scored_at": stamps(at),
        "amount": seen,
        "age": random.integers(18, 80, n).astype(np.float64),
        "country": country.astype(object),
        "model_version": np.where(at < days / 2, "3.1", "3.2").astype(object),
        "score": score.round(4),
        "answer": np.where(score > 0.1, "decline", "approve").astype(object),
        "label": truth,
        "label_known_at": np.where(known_at > days, np.datetime64("NaT"), stamps(known_at)),
    }


def stamps(days):
    first = np.datetime64(START.replace(tzinfo=None), "us")
    return first + (np.asarray(days) * 86_400e6).astype("timedelta64[us]")


def as_frame(columns):
    return Frame(columns, len(next(iter(columns.values()))))


def write_csv(path, columns):
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows(zip(*(map(written, values.tolist()) for values in columns.values()), strict=True))
    return path


def written(value):
    return "" if value is None else value.strftime("%Y-%m-%d %H:%M:%S") if hasattr(value, "strftime") else value
