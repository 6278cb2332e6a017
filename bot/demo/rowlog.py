"""A log of rows as Parquet files that grow: one file for every stretch of time, replaced whole when rows are added."""

import threading
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bot.demo.flights import Columns, size, take

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

STRETCH_SECONDS = 20


class RowLog:
    """Files `dt=2026-11-23/part-142020.parquet` below a folder, by the time in one column.

    A reader sees a file before or after rows were added, never half of one: it is written under a hidden name, then
    renamed. One file for twenty seconds keeps an hour at 180 files. One thread at a time may append.
    """

    def __init__(self, folder: Path, time: str) -> None:
        self.folder = folder
        self._time = time
        self._open: dict[Path, list[Columns]] = {}
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)

    def append(self, rows: Columns) -> None:
        """Add rows, whose times are not before the newest stretch of rows added earlier."""
        if size(rows) == 0:
            return
        with self._lock:
            stretch = rows[self._time].astype("datetime64[s]").astype(np.int64) // STRETCH_SECONDS
            for one in np.unique(stretch):
                path = self._path(int(one) * STRETCH_SECONDS)
                self._open.setdefault(path, []).append(take(rows, stretch == one))
                write_rows(path, self._open[path])
            newest = self._path(int(stretch.max()) * STRETCH_SECONDS)
            self._open = {newest: self._open[newest]}

    def _path(self, second: int) -> Path:
        began = np.datetime64(second, "s").astype(datetime)
        return self.folder / f"dt={began:%Y-%m-%d}" / f"part-{began:%H%M%S}.parquet"


def write_rows(path: Path, batches: list[Columns]) -> None:
    """Write batches of rows as one Parquet file, at once or not at all. NaN becomes null."""
    path.parent.mkdir(parents=True, exist_ok=True)
    joined = {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}
    half_written = path.with_name(f".{path.name}.tmp")
    quoted = str(half_written).replace("'", "''")
    with _engine().cursor() as cursor:
        cursor.register("joined", joined)
        cursor.execute(f"COPY joined TO '{quoted}' (FORMAT parquet, COMPRESSION zstd)")
    half_written.replace(path)


@cache
def _engine() -> "DuckDBPyConnection":
    import duckdb  # noqa: PLC0415

    return duckdb.connect(config={"threads": 1})
