"""What a window takes of Parquet files, by their footers: the columns of the row groups that may hold it."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from bot.data.contract import Part


def footers(part: Part) -> str:
    """SQL that keeps the footers of `{paths}`: bytes of each column of each row group, with its edges if it is the
    time, whose name is the one value."""
    edges = ", ".join(
        f"CASE WHEN path_in_schema = asked.time THEN try_cast({said} AS TIMESTAMPTZ) END AS {name}"
        for said, name in (("stats_min_value", "lowest"), ("stats_max_value", "highest"))
    )
    return (
        f"CREATE OR REPLACE TABLE {_table(part)} AS SELECT hash(file_name, row_group_id) AS row_group,"
        f" path_in_schema AS name, total_compressed_size AS size, {edges}"
        " FROM parquet_metadata({paths}), (SELECT CAST(? AS VARCHAR) AS time) asked"
    )


def size_of_window(part: Part) -> str:
    """SQL of the bytes that a window takes, and of all; a row group without edges may hold any time."""
    table = _table(part)
    inside = "coalesce(highest >= CAST(? AS TIMESTAMPTZ), true) AND coalesce(lowest < CAST(? AS TIMESTAMPTZ), true)"
    touched = f"SELECT row_group FROM {table} WHERE name = ? AND {inside}"
    return (
        f"SELECT coalesce(sum(size) FILTER (row_group IN ({touched}) AND name IN (SELECT unnest(?))), 0),"
        f" coalesce(sum(size), 0) FROM {table}"
    )


def values_of_window(at: str, start: datetime | None, end: datetime | None, columns: Sequence[str]) -> list[Any]:
    """at: the column of the time."""
    edges = [None if edge is None else edge.astimezone(UTC).isoformat() for edge in (start, end)]
    return [at, *edges, list(dict.fromkeys([at, *columns]))]


def _table(part: Part) -> str:
    return f"footers_of_{part}"
