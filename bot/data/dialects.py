"""What differs between databases: how a reader is kept from writing, how rows are sampled and brought over, and how a
value finds its cell of a sketch. Everything else is SQLAlchemy's."""

import sys
import time
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    Boolean,
    ColumnElement,
    Connection,
    Date,
    DateTime,
    Double,
    Executable,
    FromClause,
    Integer,
    LargeBinary,
    Select,
    String,
    Text,
    and_,
    case,
    cast,
    create_engine,
    event,
    func,
    literal,
    literal_column,
    not_,
    null,
    or_,
    select,
    text,
    tuple_,
    type_coerce,
    union_all,
)
from sqlalchemy.dialects.postgresql import DOUBLE_PRECISION, REAL
from sqlalchemy.engine import URL, Engine
from sqlalchemy.pool import NullPool
from sqlalchemy.types import NullType

from bot.statistics.cells import CELLS, Scale

SAMPLED_OF = 65_536
LARGEST_FLOAT64 = sys.float_info.max
SMALLEST_SQUARED = 1e-150
LARGEST_FLOAT32 = 3.4e38
SMALLEST_FLOAT32 = 1.2e-38
PREFETCH = 10_000
STEPS_BETWEEN_LOOKS = 100_000
NO_NUMBERS = ("*[^-+.0-9eE]*", "*[0-9.][-+]*", "*.*.*", "[eE]*", "*[eE]*[eE]*", "*[eE]")
"""As patterns of SQLite's GLOB: foreign signs, a sign behind a digit (dates), two points, an exponent of nothing."""
NUMBER = r"^\s*[-+]?([0-9]{1,200}\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,2})?\s*$"


class Dialect:
    """Any database SQLAlchemy knows. Sketches are made from rows that come over; there is no cell in plain SQL."""

    pushes_cells = False

    def engine(self, url: URL, seconds: float) -> Engine:
        del seconds
        return create_engine(url, poolclass=NullPool)

    def begin(self, connection: Connection, seconds: float) -> None:
        """Make what follows read-only and end it after so many seconds, where the database can."""

    def number(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """The column as float64; of a column of text, null where it can't be known which texts are numbers."""
        return null() if isinstance(column.type, String) else cast(column, Double)

    def brought(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        """A numeric column as it is read: text that stands among its numbers, where that can be, stays what it is."""
        return self.number(column)

    def text(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        if isinstance(column.type, Boolean):
            return case((column.is_(None), null()), (column, "true"), else_="false")
        return cast(column, Text)

    def is_finite(self, number: ColumnElement[Any]) -> ColumnElement[bool]:
        """NaN lies between nothing, whether a database takes it as unordered or as the largest."""
        return number.between(-LARGEST_FLOAT64, LARGEST_FLOAT64)

    def is_missing(self, number: ColumnElement[Any]) -> ColumnElement[bool]:
        return number.is_(None)

    def square(self, number: ColumnElement[Any]) -> ColumnElement[Any]:
        return number * number

    def sampled(self, share: float) -> tuple[ColumnElement[bool], bool]:
        """The condition that keeps about this share of rows, and whether it keeps the same ones each time."""
        return func.random() < literal(share), False

    def grouped(self, rows: Select[Any]) -> Executable:
        """Rows of (place, value, count, sum, sum of squares) of the first column by each other, and of all as place 0.

        Each column is grouped by in a pass of its own over rows kept once.
        """
        chosen = rows.cte("chosen")
        sums = self._sums(chosen)
        known = chosen.c.y.is_not(None)
        each = [select(literal(0), literal(""), *sums).where(known)]
        for at, key in enumerate(list(chosen.c)[1:], start=1):
            each.append(select(literal(at), cast(key, Text), *sums).where(known).group_by(key))
        return union_all(*each)

    def _sums(self, rows: FromClause) -> tuple[ColumnElement[Any], ...]:
        return func.count(), func.sum(rows.c.y), func.sum(self.square(rows.c.y))

    def size(self, connection: Connection, table: str) -> tuple[int, int] | None:
        """Bytes and about how many rows of a table; None where it can't be said, as of a view."""
        del connection, table
        return None

    def expected(self, connection: Connection, asked: Select[Any]) -> int:
        """About how many rows a query finds, where `size` can say how large a table is."""
        raise NotImplementedError

    def arrays(self, connection: Connection, asked: Select[Any], numeric: Sequence[bool]) -> list[NDArray[Any]]:
        """The columns of a query: float64 with NaN for null where numeric, else objects."""
        parts: list[list[Any]] = [[] for _ in numeric]
        result = connection.execution_options(stream_results=True, max_row_buffer=PREFETCH).execute(asked)
        for rows in result.partitions(PREFETCH):
            for part, column in zip(parts, zip(*rows, strict=True), strict=True):
                part.extend(column)
        return [_as_array(part, is_number) for part, is_number in zip(parts, numeric, strict=True)]

    def cell(self, number: ColumnElement[Any], scale: Scale) -> ColumnElement[Any]:
        raise NotImplementedError

    def read_cells(self, rows: Iterable[tuple[Any, int]]) -> tuple[NDArray[np.int64], int]:
        raise NotImplementedError


class Sqlite(Dialect):
    """Any column of SQLite may hold text, whatever its type; cast to a number it would be 0."""

    def number(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        held: ColumnElement[bool] = func.typeof(column).in_(("integer", "real"))
        if isinstance(column.type, String):
            plain = type_coerce(column, Text)
            written = (
                plain.op("GLOB", is_comparison=True)("*[0-9]*"),
                *(not_(plain.op("GLOB", is_comparison=True)(one)) for one in NO_NUMBERS),
            )
            held = or_(held, and_(*written))
        return case((held, cast(column, Double)))

    def brought(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        return type_coerce(column, NullType())

    def engine(self, url: URL, seconds: float) -> Engine:
        engine = super().engine(url, seconds)
        event.listen(engine, "connect", _only_read_sqlite)
        return engine

    def begin(self, connection: Connection, seconds: float) -> None:
        end = time.monotonic() + seconds
        driver: Any = connection.connection.driver_connection
        driver.set_progress_handler(lambda: time.monotonic() > end, STEPS_BETWEEN_LOOKS)

    def sampled(self, share: float) -> tuple[ColumnElement[bool], bool]:
        """Knuth's multiplicative hash of the row's number: the same rows each time."""
        mixed = literal_column("((rowid * 2654435761) & 4294967295) >> 16", Integer)
        return mixed < round(share * SAMPLED_OF), True


class Postgres(Dialect):
    pushes_cells = True

    def grouped(self, rows: Select[Any]) -> Executable:
        """All groupings in one pass over the rows (`GROUPING SETS`): half the time of one after the other."""
        chosen = rows.subquery("chosen")
        keys = list(chosen.c)[1:]
        if not keys:
            return super().grouped(rows)
        place = case(*((func.grouping(key) == 0, at) for at, key in enumerate(keys, start=1)), else_=0)
        value = func.coalesce(*(cast(key, Text) for key in keys))
        sets = func.grouping_sets(literal_column("()"), *(tuple_(key) for key in keys))
        return select(place, value, *self._sums(chosen)).where(chosen.c.y.is_not(None)).group_by(sets)

    def engine(self, url: URL, seconds: float) -> Engine:
        url = url.set(drivername="postgresql+psycopg")
        arguments = {"connect_timeout": max(2, round(min(seconds, 10)))}
        return create_engine(url, poolclass=NullPool, connect_args=arguments)

    def begin(self, connection: Connection, seconds: float) -> None:
        connection.execute(text("SET TRANSACTION READ ONLY"))
        connection.execute(text(f"SET LOCAL statement_timeout = {round(seconds * 1000)}"))
        connection.execute(text("SET LOCAL TimeZone = 'UTC'"))
        connection.execute(text("SET LOCAL jit = off"))  # compiling costs more than a window's scan
        connection.execute(text("SET LOCAL work_mem = '64MB'"))

    def number(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        if isinstance(column.type, String):
            return case((column.regexp_match(NUMBER), cast(column, DOUBLE_PRECISION)))
        return cast(column, DOUBLE_PRECISION)

    def is_finite(self, number: ColumnElement[Any]) -> ColumnElement[bool]:
        return and_(number > literal_column("'-Infinity'::float8"), number < literal_column("'Infinity'::float8"))

    def is_missing(self, number: ColumnElement[Any]) -> ColumnElement[bool]:
        return or_(number.is_(None), number == literal_column("'NaN'::float8"))

    def square(self, number: ColumnElement[Any]) -> ColumnElement[Any]:
        """A product too small for a float8 is an error here."""
        return case((func.abs(number) < SMALLEST_SQUARED, literal_column("0::float8")), else_=number * number)

    def sampled(self, share: float) -> tuple[ColumnElement[bool], bool]:
        """A hash of where the row lies: the same rows each time, for as long as nothing is rewritten."""
        mixed = literal_column("hashtid(ctid)", Integer).op("&")(SAMPLED_OF - 1)
        return mixed < round(share * SAMPLED_OF), True

    def size(self, connection: Connection, table: str) -> tuple[int, int] | None:
        """As the last `ANALYZE` saw it; counting the rows would take as long as reading them."""
        asked = text("SELECT pg_table_size(oid), reltuples FROM pg_class WHERE oid = to_regclass(:name)")
        found = connection.execute(asked, {"name": table}).one_or_none()
        return (int(found[0]), int(found[1])) if found and found[0] and found[1] > 0 else None

    def expected(self, connection: Connection, asked: Select[Any]) -> int:
        """As the planner expects: to count them would take as long as many a check does."""
        compiled = asked.compile(dialect=connection.dialect)
        plan = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {compiled}", compiled.params).scalar_one()
        return int(plan[0]["Plan"]["Plan Rows"])

    def arrays(self, connection: Connection, asked: Select[Any], numeric: Sequence[bool]) -> list[NDArray[Any]]:
        """One row of whole columns, numbers and times as their bytes: a fortieth of the time that rows take."""
        rows = asked.subquery()
        timed = [isinstance(column.type, DateTime | Date) for column in rows.c]
        each = list(zip(rows.c, numeric, timed, strict=True))
        whole = [
            _bytes_of(cast(func.extract("epoch", column), DOUBLE_PRECISION) if is_time else column)
            if is_number or is_time
            else func.array_agg(column)
            for column, is_number, is_time in each
        ]
        found = connection.execute(select(*whole)).one()
        return [_read(values, is_number, is_time) for values, (_, is_number, is_time) in zip(found, each, strict=True)]

    def cell(self, number: ColumnElement[Any], scale: Scale) -> ColumnElement[Any]:
        """The upper two bytes of the value as float32, placed as `bot.statistics.cells.place` does; null for null."""
        z = (number - literal(scale.centre, DOUBLE_PRECISION)) / literal(scale.width, DOUBLE_PRECISION)
        # A cast that overflows or underflows is an error here; numpy goes to infinity and to zero.
        held = case(
            (func.abs(z) < SMALLEST_FLOAT32, literal_column("0::float8")),
            (func.abs(number) == literal_column("'Infinity'::float8"), number),
            (z > LARGEST_FLOAT32, literal_column(f"{LARGEST_FLOAT32!r}::float8")),
            (z < -LARGEST_FLOAT32, literal_column(f"-{LARGEST_FLOAT32!r}::float8")),
            else_=z,
        )
        plain = case((number == literal_column("'NaN'::float8"), None), else_=held)
        sent = func.float4send(cast(plain, REAL), type_=LargeBinary)
        return func.substring(sent, 1, 2, type_=LargeBinary)

    def read_cells(self, rows: Iterable[tuple[Any, int]]) -> tuple[NDArray[np.int64], int]:
        """Rows of each cell in ascending order of value, shape (65536,), and the rows without a value."""
        counts, nulls, half = np.zeros(CELLS, dtype=np.int64), 0, CELLS // 2
        for sent, size in rows:
            if sent is None:
                nulls += size
                continue
            raw = int.from_bytes(bytes(sent), "big")
            counts[half if raw == half else CELLS - 1 - raw if raw > half else raw + half] += size
        return counts, nulls


def dialect_of(url: URL) -> Dialect:
    known: dict[str, type[Dialect]] = {"postgresql": Postgres, "sqlite": Sqlite}
    return known.get(url.get_backend_name(), Dialect)()


def _bytes_of(number: ColumnElement[Any]) -> ColumnElement[Any]:
    known = func.coalesce(number, literal_column("'NaN'::float8"))
    return func.string_agg(func.float8send(known), literal_column("''::bytea"), type_=LargeBinary)


def _read(values: Any, is_number: bool, is_time: bool) -> NDArray[Any]:  # noqa: ANN401, FBT001
    if not (is_number or is_time):
        return _as_array(values or [], is_number)
    sent = np.frombuffer(values or b"", ">f8").astype(np.float64)
    return moments(sent) if is_time else sent


def moments(seconds: NDArray[np.float64]) -> NDArray[Any]:
    """Since 1970, as datetime64[us]; NaT for null and for infinity."""
    found = np.full(seconds.size, np.datetime64("NaT"), dtype="datetime64[us]")
    known = np.isfinite(seconds)
    found[known] = np.round(seconds[known] * 1e6).astype(np.int64).astype("datetime64[us]")
    return found


def _as_array(values: Sequence[Any], is_number: bool) -> NDArray[Any]:  # noqa: FBT001
    if is_number:
        if any(isinstance(one, str) for one in values):
            return _as_objects(values)
        return np.asarray(values, dtype=np.float64)  # None becomes NaN
    return _as_objects(values)


def _as_objects(values: Sequence[Any]) -> NDArray[Any]:
    found = np.empty(len(values), dtype=object)
    found[:] = values
    return found


def _only_read_sqlite(connection: Any, _: Any) -> None:  # noqa: ANN401
    connection.execute("PRAGMA query_only = ON")
