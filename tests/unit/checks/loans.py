"""Loans with a score, an answer and labels that come late, as Parquet; faults are keywords."""

import numpy as np

from tests import parquet

END = np.datetime64("2026-11-02T00:00:00", "us")
DAY = np.timedelta64(1, "D")

YAML = """
models:
  - name: loans
    tier: 1
    data:
      predictions: predictions.parquet
      holdout: holdout.parquet
      labels: {{path: labels.parquet, key: id, column: paid{time}}}
      time: at
      prediction: answer
      score: score
      segments: [state, age]
      window: 1d
"""


def rows(rng, count, days, *, wrong_in=None, since=None, shift=0.0):
    """Score is the probability of a default; from `since` days before the end labels in one state are inverted."""
    back = np.sort(rng.random(count))[::-1] * days
    at = END - (back * 86400e6).astype("timedelta64[us]") - np.timedelta64(1, "us")
    logit = rng.normal(-0.3, 2.0, count) + shift
    score = 1 / (1 + np.exp(-logit))
    state = rng.choice(["CA", "NY", "TX", "WA"], count)
    defaulted = rng.random(count) < score
    if wrong_in is not None:
        hit = (state == wrong_in) & (back < since)
        defaulted = np.where(hit, rng.random(count) < 0.5, defaulted)
    return {
        "id": np.arange(count),
        "at": at,
        "state": state,
        "age": rng.integers(18, 80, count),
        "score": score,
        "answer": np.where(score >= 0.5, "default", "paid"),
        "paid": np.where(defaulted, "default", "paid"),
    }


def write(folder, *, count=60_000, days=60.0, delay=3.0, until=None, timed=True, seed=1, **faults):
    """Labels come after an exponential delay of `delay` days; those later than the end have not come."""
    rng = np.random.default_rng(seed)
    made, holdout = rows(rng, count, days, **faults), rows(rng, 20_000, 10)
    came = made["at"] + (rng.exponential(delay, count) * 86400e6).astype("timedelta64[us]")
    seen = came <= (END if until is None else until)
    labels = {"id": made["id"][seen], "paid": made["paid"][seen], "came": came[seen]}
    save(folder, "predictions", {name: one for name, one in made.items() if name != "paid"})
    save(folder, "holdout", holdout)
    save(folder, "labels", labels)
    (folder / "muster.yaml").write_text(YAML.format(time=", time: came" if timed else ""))
    return folder / "muster.yaml"


def save(folder, name, table):
    parquet.save(folder / f"{name}.parquet", table)
