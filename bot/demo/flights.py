"""The flights that ship with the demo, and who gets which: months to learn from, and later ones the model never saw."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Columns = dict[str, NDArray[Any]]

SHIPPED = Path(__file__).parent / "data" / "flights.parquet"
NUMBERS = ("dep_delay", "distance", "hour", "wind_speed", "visibility", "precipitation")
NAMES = ("carrier", "origin", "dest")
LATE, ON_TIME = "late", "on time"
LATE_MINUTES = 15
HELD_OUT_SINCE = np.datetime64("2013-11-01")
REFERENCE_ROWS = HOLDOUT_ROWS = 6_000
SEED = 20131101


@dataclass(frozen=True, slots=True)
class Split:
    """Rows by use, no row in two. training: September and October 2013. The rest is of the six weeks after them:
    reference: what traffic looked like before it was watched. holdout: judged, never learnt from. traffic: replayed.
    """

    training: Columns
    reference: Columns
    holdout: Columns
    traffic: Columns


def size(rows: Columns) -> int:
    return len(next(iter(rows.values())))


def take(rows: Columns, places: NDArray[Any]) -> Columns:
    """Return these rows: places are positions or a mask."""
    return {name: column[places] for name, column in rows.items()}


def load(path: Path = SHIPPED) -> Columns:
    """Read the shipped flights. Numbers are float64 with NaN for null; `arr_delay` are the minutes a flight came after
    its time, `truth` is late, on time, or None (diverted)."""
    import duckdb  # noqa: PLC0415

    with duckdb.connect() as connection:
        raw = connection.execute("SELECT * FROM read_parquet(?)", [str(path)]).fetchnumpy()
    rows: Columns = {"day": np.ma.getdata(raw["day"]).astype("datetime64[D]")}
    for name in (*NUMBERS, "arr_delay"):
        rows[name] = np.ma.filled(np.ma.asarray(raw[name], dtype=np.float64), np.nan)
    for name in NAMES:
        rows[name] = np.ma.getdata(raw[name]).astype(object)
    delay = rows["arr_delay"]
    truth = np.where(delay > LATE_MINUTES, LATE, ON_TIME).astype(object)
    truth[np.isnan(delay)] = None
    return {**rows, "truth": truth}


def split(rows: Columns) -> Split:
    """Divide by time, then the later rows at random with a fixed seed."""
    known = rows["truth"] != None  # noqa: E711
    training = np.flatnonzero((rows["day"] < HELD_OUT_SINCE) & known)
    later = np.random.default_rng(SEED).permutation(np.flatnonzero(rows["day"] >= HELD_OUT_SINCE))
    reference, holdout, traffic = np.split(later, [REFERENCE_ROWS, REFERENCE_ROWS + HOLDOUT_ROWS])
    holdout = holdout[known[holdout]]
    rows = {name: column for name, column in rows.items() if name != "day"}
    return Split(*(take(rows, places) for places in (training, reference, holdout, traffic)))
