"""One DuckDB engine for all that tests write: opening one takes longer than most of what is written."""

from functools import cache

import duckdb


@cache
def _engine():
    return duckdb.connect(config={"threads": 1})


def writing():
    """A connection of one's own to the engine, to be closed; tables made in it should be temporary."""
    return _engine().cursor()


def save(path, columns):
    """Write columns as a Parquet file; text as text, whatever numpy keeps it as."""
    plain = {name: cells.astype(object) if cells.dtype.kind == "U" else cells for name, cells in columns.items()}
    with writing() as connection:
        connection.register("plain", plain)
        connection.execute(f"COPY (SELECT * FROM plain) TO '{path}' (FORMAT parquet)")
