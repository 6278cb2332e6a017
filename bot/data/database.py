"""The tables of one model in a database: the connection, its tables and columns, and windows of event time as SQL."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    Boolean,
    Column,
    ColumnElement,
    Connection,
    Date,
    DateTime,
    Float,
    FromClause,
    Integer,
    MetaData,
    Numeric,
    Select,
    Table,
    and_,
    case,
    func,
    inspect,
    literal,
    select,
    true,
)
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, NoSuchTableError, SQLAlchemyError

from bot.catalog.config import Limits
from bot.catalog.data import ModelData
from bot.data.contract import Part, named, took_too_long
from bot.data.dialects import dialect_of, moments
from bot.data.files import DataError, TooSlowError, UnreadableError

MILLISECONDS = 100_000_000_000
COUNTED_SECONDS = 10.0
EPOCH = datetime.fromtimestamp(0, UTC)
HTTP_FORM = "postgres"


class ModelTables:
    """Where the parts of a model lie, and how its rows are asked for. Raises DataError with what to do."""

    def __init__(self, data: ModelData, limits: Limits) -> None:
        self.data = data
        self.limits = limits
        self._tables: dict[str, Table] = {}
        self._counted: dict[tuple[Part, datetime | None, datetime | None], tuple[float, int]] = {}

    @cached_property
    def _url(self) -> URL:
        written = self.data.database.read() if self.data.database else None
        if not written:
            raise DataError(f"The variable {self.data.database} is not set; it holds the address of `data.database`.")
        if written.startswith(f"{HTTP_FORM}://"):
            written = written.replace(HTTP_FORM, "postgresql", 1)
        try:
            return make_url(written)
        except ArgumentError as error:
            raise DataError(f"{self.data.database} holds no database URL such as postgresql://host/name.") from error

    @cached_property
    def dialect(self) -> Any:  # noqa: ANN401
        return dialect_of(self._url)

    @cached_property
    def _engine(self) -> Engine:
        try:
            engine: Engine = self.dialect.engine(self._url, self.limits.seconds)
        except (NoSuchModuleError, ModuleNotFoundError) as error:
            name = self._url.get_backend_name()
            raise DataError(f"There is no driver for {name} here; install the SQLAlchemy driver of {name}.") from error
        return engine

    @contextmanager
    def reading(self, part: Part) -> Iterator[Connection]:
        try:
            with self._engine.connect() as connection, connection.begin():
                self.dialect.begin(connection, self.limits.seconds)
                yield connection
        except DBAPIError as error:
            raise _why(part, self._url, error, self.limits.seconds) from error
        except SQLAlchemyError as error:
            raise DataError(f"The {part} could not be read from {_shown(self._url)}: {_first(error)}") from error

    def name(self, part: Part) -> str | None:
        if part == "labels":
            return self.data.labels.path if self.data.labels else None
        return getattr(self.data, part, None)

    def table(self, part: Part) -> Table:
        name = self.name(part)
        if name is None:
            raise DataError(f"The model has no `{part}:` under `data:` in muster.yaml; add the table they lie in.")
        if name not in self._tables:
            schema, _, table = name.rpartition(".")
            with self.reading(part) as connection:
                about = inspect(connection)
                try:
                    found = about.get_columns(table, schema=schema or None)
                except NoSuchTableError:
                    known = [*about.get_table_names(schema or None), *about.get_view_names(schema or None)]
                    near = get_close_matches(table, known, n=3, cutoff=0.4) or sorted(known)[:8]
                    there = ", ".join(f"`{one}`" for one in near) or "none at all"
                    raise DataError(f"There is no table `{name}` in {_shown(self._url)}; there is {there}.") from None
            columns = [Column(one["name"], one["type"]) for one in found]
            self._tables[name] = Table(table, MetaData(), *columns, schema=schema or None)
        return self._tables[name]

    def column(self, part: Part, name: str) -> Column[Any]:
        known = self.table(part).c
        if name in known:
            return known[name]
        near = get_close_matches(name, known.keys(), n=3, cutoff=0.5) or sorted(known.keys())[:8]
        raise DataError(f"{named(part)} no column `{name}`; there is {', '.join(f'`{one}`' for one in near)}.")

    def time(self, part: Part) -> Column[Any]:
        column = self.column(part, self.data.time)
        if not isinstance(column.type, DateTime | Date | Numeric | Float | Integer):
            raise DataError(
                f"`{column.name}` of the {part} holds text; name a column of timestamps as `data.time`, or make a view."
            )
        return column

    def _bound(self, column: Column[Any], moment: datetime) -> Any:  # noqa: ANN401
        """A moment as the column writes it: aware, naive UTC, or seconds (milliseconds) since 1970."""
        if isinstance(column.type, DateTime):
            return moment.astimezone(UTC) if column.type.timezone else moment.astimezone(UTC).replace(tzinfo=None)
        if isinstance(column.type, Date):
            return moment.astimezone(UTC).date()
        return moment.timestamp()

    def comparable(self, column: Column[Any]) -> ColumnElement[Any]:
        if isinstance(column.type, DateTime | Date):
            return column
        number = self.dialect.number(column)
        return case((func.abs(number) > MILLISECONDS, number / 1000.0), else_=number)

    def between(self, part: Part, start: datetime | None, end: datetime | None) -> ColumnElement[bool]:
        if start is None and end is None:
            return true()
        column = self.time(part)
        shown, conditions = self.comparable(column), []
        if start is not None:
            conditions.append(
                shown >= literal(self._bound(column, start), None if shown is not column else column.type)
            )
        if end is not None:
            conditions.append(shown < literal(self._bound(column, end), None if shown is not column else column.type))
        return and_(*conditions)

    def place(self, column: Column[Any], edges: Sequence[datetime]) -> ColumnElement[Any]:
        """Which stretch between the edges a row lies in, from 0."""
        if not edges:
            return literal(0)
        shown = self.comparable(column)
        kind = column.type if shown is column else None
        return case(
            *((shown < literal(self._bound(column, edge), kind), at) for at, edge in enumerate(edges)), else_=len(edges)
        )

    def count(self, connection: Connection, part: Part, start: datetime | None, end: datetime | None) -> int:
        asked = select(func.count()).select_from(self.table(part)).where(self.between(part, start, end))
        found = int(connection.execute(asked).scalar_one())
        self._counted[part, start, end] = time.monotonic() + COUNTED_SECONDS, found
        return found

    def about(self, connection: Connection, part: Part, start: datetime | None, end: datetime | None) -> int:
        """The count for choosing how many of the rows to read: one check asks for it again and again."""
        until, known = self._counted.get((part, start, end), (0.0, 0))
        return known if until > time.monotonic() else self.count(connection, part, start, end)

    def sampled(self, share: float) -> ColumnElement[bool]:
        condition: ColumnElement[bool] = self.dialect.sampled(share)[0]
        return condition

    def arrays(
        self, connection: Connection, table: FromClause, wanted: Sequence[Any], condition: ColumnElement[bool]
    ) -> tuple[dict[str, NDArray[Any]], int]:
        if not wanted:
            return {}, 0
        numeric = [is_number(column) for column in wanted]
        shown = [
            (self.dialect.brought(column) if is_number else column).label(column.name)
            for column, is_number in zip(wanted, numeric, strict=True)
        ]
        asked: Select[Any] = select(*shown).select_from(table).where(condition)
        arrays = self.dialect.arrays(connection, asked, numeric)
        found = {column.name: _stamped(column, values) for column, values in zip(wanted, arrays, strict=True)}
        event = found.get(self.data.time)
        if event is not None and event.dtype.kind == "f":
            found[self.data.time] = _since_1970(event)
        return found, len(arrays[0])


def is_number(column: Any) -> bool:  # noqa: ANN401
    return isinstance(column.type, Numeric | Float | Integer) and not isinstance(column.type, Boolean)


def _stamped(column: Any, values: NDArray[Any]) -> NDArray[Any]:  # noqa: ANN401
    """Times as datetime64[us] in UTC; decimals and other objects as they are."""
    if isinstance(column.type, DateTime | Date) and values.dtype.kind != "M":
        naive = [None if one is None else moment_of(one).replace(tzinfo=None) for one in values.tolist()]  # type: ignore[union-attr]
        return np.asarray(naive, dtype="datetime64[us]")
    return values


def _since_1970(numbers: NDArray[np.float64]) -> NDArray[Any]:
    """Seconds, or milliseconds, as datetime64[us]; NaT for null."""
    seconds = np.where(np.abs(numbers) > MILLISECONDS, numbers / 1000.0, numbers)
    return moments(seconds)


def moment_of(value: Any) -> datetime | None:  # noqa: ANN401
    if value is None:
        return None
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    if hasattr(value, "year"):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    return EPOCH + timedelta(seconds=float(value))


def _shown(url: URL) -> str:
    return f"{url.get_backend_name()} database {url.database or ''}".strip()


def _first(error: Exception) -> str:
    return str(getattr(error, "orig", error)).strip().splitlines()[0][:300]


_BROKEN_FILE = ("unable to open database file", "not a database", "disk image is malformed", "disk I/O error")


def _why(part: Part, url: URL, error: DBAPIError, seconds: float) -> DataError:
    said = _first(error)
    if "statement timeout" in said or said == "interrupted":
        return TooSlowError(took_too_long(part, seconds))
    if error.connection_invalidated or "connect" in said.lower() or "terminating" in said.lower():
        return UnreadableError(
            f"The {_shown(url)} can't be reached or ended the connection: {said}. Is it up? Then run the check again."
        )
    if any(words in said for words in _BROKEN_FILE):
        return UnreadableError(
            f"The {_shown(url)} could not be read: {said}. Is the file there, whole and readable for Muster? Then run"
            " the check again."
        )
    return DataError(f"The {part} could not be read from the {_shown(url)}: {said}. Look at `data` in muster.yaml.")
