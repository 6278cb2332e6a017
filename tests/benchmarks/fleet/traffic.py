"""Windows of traffic as services see it: real rows drawn anew, with days that differ by more than chance.

The mix of each category wanders (half of it from day to day, half by itself each day), as does the level of two
features; weekends have fewer rows and another mix; the number of rows grows slowly and swings from window to window.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from tests.benchmarks.fleet.models import DAY, HOUR

START = datetime(2026, 3, 2, tzinfo=UTC)
"""A Monday."""
MIX, OWN_MIX, WEEKEND_MIX, KEPT = 0.12, 0.10, 0.2, 0.8
TILT, OWN_TILT, TILTED = 0.05, 0.03, 2
FEWER, GROWTH, SWING = 0.6, 0.002, 0.06
NEVER = np.datetime64("2100-01-01", "us")


@dataclass(frozen=True)
class Traffic:
    """A model's ordinary life. weights: how likely each row of its table is on each day, shape (days, rows). sizes:
    rows a window. seed: of the rows drawn."""

    model: object
    weights: np.ndarray
    sizes: np.ndarray
    seed: tuple

    @property
    def windows(self):
        return self.sizes.size

    def moment(self, window):
        return START + window * self.model.spec.window

    def rows(self, first, last, *, times=None, more=None, anew=0):
        """Rows of the windows from `first` up to `last`: features, times, keys, and labels when they come.

        The same each time, unless drawn `anew`. times: how many times as many rows, a number a window. more: how many
        times as likely each row of the table is.
        """
        parts = [
            self._window(
                at, np.random.default_rng([*self.seed, at, anew]), 1.0 if times is None else times[at - first], more
            )
            for at in range(first, last)
        ]
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}

    def _window(self, at, rng, times, more):
        length = self.model.spec.window
        weights = self.weights[at // (DAY // length)] * (1.0 if more is None else more)
        size = max(1, round(self.sizes[at] * times))
        # By places on the running sum, which `choice` would make anew, checked and in float64.
        total = np.cumsum(weights, dtype=np.float64)
        chosen = np.minimum(np.searchsorted(total, rng.random(size) * total[-1], side="right"), weights.size - 1)
        found = {name: values[chosen] for name, values in self.model.rows.items()}
        inside = np.sort(rng.integers(0, int(length / timedelta(microseconds=1)), size))
        found["scored_at"] = np.datetime64(self.moment(at).replace(tzinfo=None), "us") + inside.astype(
            "timedelta64[us]"
        )
        return found | self._beside(found["scored_at"], rng)

    def _beside(self, times, rng):
        """What is logged beside the features: a key, the time labels come, how long an answer took."""
        size = times.size
        found = {"request_id": np.array([f"r{number:016x}" for number in rng.integers(0, 2**62, size)], dtype=object)}
        found["version"] = np.full(size, "v1", dtype=object)
        if self.model.spec.latency:
            found["latency_ms"] = np.round(40 * rng.lognormal(0, 0.4, size), 2)
        if self.model.spec.delay is not None:
            late = self.model.spec.delay * 86_400e6 * rng.lognormal(0, 0.6, size)
            found["label_at"] = np.where(rng.random(size) < 0.95, times + late.astype("timedelta64[us]"), NEVER)
        return found


def live(model, windows, seed):
    """The ordinary life of a model over so many windows from START on. seed: whole numbers."""
    rng = np.random.default_rng(seed)
    days = windows if model.spec.window == DAY else -(-windows // 24)
    weekend = np.isin(np.arange(days) % 7, (5, 6))
    logs = _mix(model, rng, days, weekend) + _tilts(model, rng, days)
    logs -= logs.max(axis=1, keepdims=True)
    sizes = np.where(weekend, FEWER, 1.0) * (1 + GROWTH) ** np.arange(days) * rng.lognormal(0, SWING, days)
    per_window = np.arange(windows) // (1 if model.spec.window == DAY else 24)
    sizes = model.spec.rows * sizes[per_window]
    if model.spec.window == HOUR:
        hours = np.arange(windows) % 24
        sizes *= (1.1 + 0.5 * np.sin((hours - 9) / 24 * 2 * np.pi)) * rng.lognormal(0, SWING / 2, windows)
    return Traffic(model, np.exp(logs).astype(np.float32), np.round(sizes).astype(int), tuple(seed))


def _path(rng, days, lasting, own):
    """Half lasting from day to day, half each day's own."""
    path = np.zeros(days)
    level = rng.normal(0, lasting)
    for day in range(days):
        level = KEPT * level + np.sqrt(1 - KEPT**2) * rng.normal(0, lasting)
        path[day] = level + rng.normal(0, own)
    return path


def _mix(model, rng, days, weekend):
    """Of many categories each wanders less, so that the rows as a whole wander alike."""
    logs = np.zeros((days, model.rows["truth"].size))
    part = 1 / np.sqrt(max(1, len(model.words)))
    for name in model.words:
        for value in sorted({cell for cell in model.rows[name].tolist() if cell is not None}):
            path = part * (_path(rng, days, MIX, OWN_MIX) + weekend * rng.normal(0, WEEKEND_MIX))
            logs += path[:, None] * (model.rows[name] == value)[None, :]
    return logs


def _tilts(model, rng, days):
    logs = np.zeros((days, model.rows["truth"].size))
    for name in rng.permutation(model.numbers)[:TILTED]:
        logs += _path(rng, days, TILT, OWN_TILT)[:, None] * ranked(model.rows[name])[None, :]
    return logs


def ranked(values):
    """Numbers as normal-like ranks from -1.7 to 1.7, 0 for nulls."""
    order = np.argsort(np.argsort(np.nan_to_num(values, nan=np.nanmedian(values)), kind="stable"), kind="stable")
    return (order / max(1, values.size - 1) - 0.5) * 3.46


def logged(model, rows, until):
    """Rows as the service's table holds them at a moment: answered (unless they are), with the labels come by then."""
    found = {name: values for name, values in rows.items() if name not in {"truth", "label_at"}}
    found = found if "prediction" in found else model.answered(found)
    if "label_at" in rows:
        there = rows["label_at"] <= np.datetime64(until.replace(tzinfo=None), "us")
        found["label"] = _known(rows["truth"], there)
        found["label_at"] = np.where(there, rows["label_at"], np.datetime64("NaT"))
    return found


def _known(truth, there):
    if truth.dtype == object:
        return np.where(there, truth, None)
    return np.where(there, truth, np.nan)
