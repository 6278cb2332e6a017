"""A log of rows as Parquet files, one for every stretch of time, that grow while they are read."""

import threading
from collections import deque
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from bot.demo.flights import Columns, size, take

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

STRETCH_SECONDS = 30
VERSIONS = ".versions"
FILES = "dt=*/*.parquet"


class RowLog:
    """Files `dt=2026-11-23/part-142030.parquet` below a folder (FILES finds them), by the time in one column.

    Such a name is a link to the newest version of its rows. A version is never written to again, and is there for
    another stretch after it was replaced, so whoever resolved the link reads on undisturbed. A second's rows in a file
    of their own would be 3600 files an hour to open for every question; replacing a file under its name breaks readers
    that open it twice. What is older than `kept` goes, so that a demo left on fills no disk.
    """

    def __init__(self, folder: Path, time: str, *, kept: timedelta | None = None) -> None:
        self.folder = folder
        self._time = time
        self._rows: dict[int, list[Columns]] = {}
        self._replaced: dict[int, list[Path]] = {}
        self._kept = None if kept is None else int(kept.total_seconds()) // STRETCH_SECONDS
        self._there: deque[tuple[int, Path]] = deque()
        self._gone: deque[tuple[int, Path]] = deque()
        self._lock = threading.Lock()
        folder.mkdir(parents=True, exist_ok=True)

    def append(self, rows: Columns) -> None:
        """Add rows, whose times are not before the newest stretch of the rows added earlier."""
        if size(rows) == 0:
            return
        with self._lock:
            stretches = rows[self._time].astype("datetime64[s]").astype(np.int64) // STRETCH_SECONDS
            for stretch in np.unique(stretches).tolist():
                self._rows.setdefault(stretch, []).append(take(rows, stretches == stretch))
                self._publish(stretch)
            self._tidy(int(stretches.max()))

    def _publish(self, stretch: int) -> None:
        began = np.datetime64(stretch * STRETCH_SECONDS, "s").astype(datetime)
        day, name = f"dt={began:%Y-%m-%d}", f"part-{began:%H%M%S}"
        older = self._replaced.setdefault(stretch, [])
        version = self.folder / VERSIONS / day / f"{name}.{len(older)}.parquet"
        write_rows(version, self._rows[stretch])
        link = self.folder / day / f"{name}.parquet"
        link.parent.mkdir(exist_ok=True)
        new_link = link.with_name(f".{link.name}.tmp")
        new_link.unlink(missing_ok=True)
        new_link.symlink_to(Path("..", VERSIONS, day, version.name))
        new_link.replace(link)
        if not older:
            self._there.append((stretch, link))
        older.append(version)

    def _tidy(self, newest: int) -> None:
        self._rows = {newest: self._rows[newest]}
        for stretch in [one for one in self._replaced if one < newest - 1]:
            for version in self._replaced.pop(stretch)[:-1]:
                version.unlink(missing_ok=True)
            self._forget(newest)

    def _forget(self, newest: int) -> None:
        """Take the oldest links away; the rows they led to stay for another stretch."""
        while self._gone and self._gone[0][0] < newest:
            self._gone.popleft()[1].unlink(missing_ok=True)
        while self._kept is not None and self._there[0][0] < newest - self._kept:
            link = self._there.popleft()[1]
            self._gone.append((newest, link.resolve()))
            link.unlink()


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
