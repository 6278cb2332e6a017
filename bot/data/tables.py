"""A model's rows in a database: windows and sums asked for where they lie, read-only and bounded."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import (
    CTE,
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
    null,
    select,
    true,
    union_all,
)
from sqlalchemy.engine import URL, Engine, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, NoSuchTableError, SQLAlchemyError

from bot.catalog.config import Limits
from bot.catalog.data import ModelData
from bot.data.by_segment import MOST_SEGMENTS, SegmentSums, read_sums, window_starts
from bot.data.contract import LABEL, Frame, OutcomeColumn, Part, Scan, Value, as_number, named, took_too_long
from bot.data.dialects import dialect_of, moments
from bot.data.files import DataError, TooSlowError, UnreadableError
from bot.data.grouped import read_groups
from bot.statistics.attribution import LARGEST
from bot.statistics.cells import MINUS_INFINITY, PLUS_INFINITY
from bot.statistics.columns import category_text
from bot.statistics.groups import NULL, Groups
from bot.statistics.profiles import CategoricalProfile, Profile, SketchProfile, profile_like

MILLISECONDS = 100_000_000_000
MOST_PROFILED = 100_000  # twenty columns' cells of so many rows take PostgreSQL a second
COUNTED_SECONDS = 10.0
EPOCH = datetime.fromtimestamp(0, UTC)
HTTP_FORM = "postgres"


class TableRows:
    """Reads one model's tables. Each question is one short read-only transaction on a connection of its own."""

    def __init__(self, data: ModelData, limits: Limits) -> None:
        self.data = data
        self.limits = limits
        self._tables: dict[str, Table] = {}
        self._counted: dict[tuple[Part, datetime | None, datetime | None], tuple[float, int]] = {}

    def has(self, part: Part) -> bool:
        return self._name(part) is not None

    def columns(self, part: Part) -> list[str]:
        return list(self._table(part).c.keys())

    def is_number(self, part: Part, column: str) -> bool:
        return _is_number(self._column(part, column))

    def count(self, part: Part, start: datetime | None, end: datetime | None) -> int:
        with self._reading(part) as connection:
            return self._count(connection, part, start, end)

    def latest(self, part: Part) -> datetime | None:
        return self._edge(part, func.max)

    def earliest(self, part: Part) -> datetime | None:
        return self._edge(part, func.min)

    def window(
        self,
        part: Part,
        start: datetime | None,
        end: datetime | None,
        columns: list[str] | None = None,
        *,
        most: int | None = None,
    ) -> Frame:
        wanted = [self._column(part, name) for name in (columns if columns is not None else self.columns(part))]
        limit = min(most or self.limits.rows, self.limits.rows)
        with self._reading(part) as connection:
            total = (self._about if wanted else self._count)(connection, part, start, end)
            condition, notes = self._between(part, start, end), []
            if total > limit:
                condition = and_(condition, self._sampled(limit / total))
                notes = [f"a random sample of about {limit:,} of {total:,} rows"]
            found, rows = self._arrays(connection, self._table(part), wanted, condition)
        return Frame(found, rows if wanted else min(total, limit), start, end, tuple(notes))

    def scan(self, part: Part, start: datetime | None, end: datetime | None, columns: Sequence[str]) -> Scan | None:
        """The window's part of the table's size; rows lie whole, so that columns make no difference."""
        del columns
        table = self._table(part)
        with self._reading(part) as connection:
            known = self._dialect.size(connection, str(table))
            if known is None:
                return None
            window = self._about(connection, part, start, end) if start or end else known[1]
        size, rows = known
        return Scan(min(size, round(size * window / rows)), size)

    def class_counts(
        self, column: str, value: Value, start: datetime, end: datetime, step: timedelta
    ) -> list[tuple[datetime, int, int]]:
        named = self._column("predictions", column)
        number = as_number(value) if _is_number(named) else None
        is_it = self._dialect.number(named) == number
        if number is None:
            is_it = self._dialect.text(named) == _as_text(value)
        hit = func.sum(case((is_it, 1), else_=0))
        windows = -int(-(end - start) // step)
        edges = [start + place * step for place in range(windows)]
        place = self._place(self._time("predictions"), edges[1:])
        asked = (
            select(place.label("place"), hit, func.count())
            .where(self._between("predictions", start, min(end, start + windows * step)))
            .group_by("place")
        )
        with self._reading("predictions") as connection:
            counted = {int(at): (int(hits), int(rows)) for at, hits, rows in connection.execute(asked)}
        return [(edge, *counted.get(at, (0, 0))) for at, edge in enumerate(edges)]

    def sums_by(
        self, by: str, outcome: OutcomeColumn | None, start: datetime, end: datetime, step: timedelta
    ) -> SegmentSums:
        starts = window_starts(start, end, step)
        name = func.coalesce(self._dialect.text(self._column("predictions", by)), NULL)
        number: ColumnElement[Any] = literal(0.0)
        if outcome is not None:
            column = self._column("predictions", outcome.column)
            number = self._dialect.number(column)
            if outcome.value is not None:
                number = case((self._dialect.text(column) == outcome.value, 1.0), else_=0.0)
            elif outcome.nulls:
                number = case((self._valued(column, outcome).is_(None), 1.0), else_=0.0)
        centre = outcome.centre if outcome is not None else 0.0
        place = self._place(self._time("predictions"), starts[1:])
        raw = select(name.label("name"), place.label("place"), number.label("y"))
        marked = raw.where(self._between("predictions", start, end)).subquery()
        y = case((marked.c.y > LARGEST, LARGEST), (marked.c.y < -LARGEST, -LARGEST), else_=marked.c.y) - centre
        finite = (
            select(marked.c.name, marked.c.place, y.label("y")).where(self._dialect.is_finite(marked.c.y)).subquery()
        )
        sums = (
            select(
                finite.c.name,
                finite.c.place,
                func.count().label("n"),
                func.sum(finite.c.y).label("total"),
                func.sum(self._dialect.square(finite.c.y)).label("squares"),
            )
            .group_by(finite.c.name, finite.c.place)
            .cte("sums")
        )
        kept = (
            select(sums.c.name, func.count().over().label("segments"))
            .group_by(sums.c.name)
            .order_by(func.sum(sums.c.n).desc(), sums.c.name)
            .limit(MOST_SEGMENTS)
            .cte("kept")
        )
        asked = select(*sums.c, kept.c.segments).join(kept, kept.c.name == sums.c.name).order_by(sums.c.name)
        with self._reading("predictions") as connection:
            found = connection.execute(asked).all()
        names, places, rows, totals, squares, segments = zip(*found, strict=True) if found else ((),) * 6
        return read_sums(names, places, (rows, totals, squares), starts, segments[0] if segments else 0, centre)

    def labelled(self, start: datetime | None, end: datetime | None, columns: list[str]) -> Frame:
        labels = self.data.labels
        if labels is None:
            raise DataError("The model has no `labels:` under `data:` in muster.yaml; add their path, key and column.")
        key, label = self._column("labels", labels.key), self._column("labels", labels.column)
        order = self._column("labels", labels.time) if labels.time else key
        ranked = select(
            key.label("known_key"),
            label.label(LABEL),
            func.row_number().over(partition_by=key, order_by=order.desc()).label("place"),
        ).subquery()
        shown = [self._column("predictions", name) for name in dict.fromkeys([*columns, labels.key])]
        with self._reading("predictions") as connection:
            total, limit = self._about(connection, "predictions", start, end), self.limits.rows
            condition, notes = self._between("predictions", start, end), []
            if total > limit:
                condition = and_(condition, self._sampled(limit / total))
                notes = [f"a random sample of about {limit:,} of {total:,} rows"]
            # Chosen before they are joined: what a database samples by is a row of one table.
            chosen = select(*shown).where(condition).subquery()
            same = and_(chosen.c[labels.key] == ranked.c.known_key, ranked.c.place == 1)
            wanted: list[Any] = [*(chosen.c[name] for name in columns), ranked.c[LABEL]]
            found, rows = self._arrays(connection, chosen.outerjoin(ranked, same), wanted, true())
        return Frame(found, rows, start, end, tuple(notes))

    def profiles(
        self, part: Part, start: datetime | None, end: datetime | None, like: Mapping[str, Profile]
    ) -> dict[str, Profile]:
        pushed = {name: one for name, one in like.items() if self._pushes(part, name, one)}
        rest = [name for name in like if name not in pushed]
        brought = self.window(part, start, end, rest, most=MOST_PROFILED).columns if rest else {}
        found = {name: profile_like(like[name], column) for name, column in brought.items()}
        return found | self._pushed(part, start, end, pushed) if pushed else found

    def groups(
        self,
        part: Part,
        start: datetime | None,
        end: datetime | None,
        features: Mapping[str, Sequence[float] | None],
        outcome: OutcomeColumn,
    ) -> Groups:
        column = self._column(part, outcome.column)
        number: ColumnElement[Any] = self._dialect.number(column)
        known: ColumnElement[bool] = column.is_not(None)
        if outcome.value is not None:
            number = case((self._dialect.text(column) == outcome.value, 1.0), else_=0.0)
        if outcome.nulls:
            number, known = case((self._valued(column, outcome).is_(None), 1.0), else_=0.0), true()
        raw = select(number.label("y"), *(self._column(part, name).label(name) for name in features))
        kept = raw.where(self._between(part, start, end), known).subquery()
        y = case((self._dialect.is_finite(kept.c.y), kept.c.y))
        near = case((y > LARGEST, LARGEST), (y < -LARGEST, -LARGEST), else_=y) - outcome.centre
        keys = {
            name: self._key(kept.c[name], edges).label(f"k{at}") for at, (name, edges) in enumerate(features.items())
        }
        asked = self._dialect.grouped(select(near.label("y"), *keys.values()))
        with self._reading(part) as connection:
            found = [tuple(row) for row in connection.execute(asked)]
        return read_groups(found, features, outcome.centre)

    # how it is asked

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
    def _dialect(self) -> Any:  # noqa: ANN401
        return dialect_of(self._url)

    @cached_property
    def _engine(self) -> Engine:
        try:
            engine: Engine = self._dialect.engine(self._url, self.limits.seconds)
        except (NoSuchModuleError, ModuleNotFoundError) as error:
            name = self._url.get_backend_name()
            raise DataError(f"There is no driver for {name} here; install the SQLAlchemy driver of {name}.") from error
        return engine

    @contextmanager
    def _reading(self, part: Part) -> Iterator[Connection]:
        try:
            with self._engine.connect() as connection, connection.begin():
                self._dialect.begin(connection, self.limits.seconds)
                yield connection
        except DBAPIError as error:
            raise _why(part, self._url, error, self.limits.seconds) from error
        except SQLAlchemyError as error:
            raise DataError(f"The {part} could not be read from {_shown(self._url)}: {_first(error)}") from error

    def _name(self, part: Part) -> str | None:
        if part == "labels":
            return self.data.labels.path if self.data.labels else None
        return getattr(self.data, part, None)

    def _table(self, part: Part) -> Table:
        name = self._name(part)
        if name is None:
            raise DataError(f"The model has no `{part}:` under `data:` in muster.yaml; add the table they lie in.")
        if name not in self._tables:
            schema, _, table = name.rpartition(".")
            with self._reading(part) as connection:
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

    def _column(self, part: Part, name: str) -> Column[Any]:
        known = self._table(part).c
        if name in known:
            return known[name]
        near = get_close_matches(name, known.keys(), n=3, cutoff=0.5) or sorted(known.keys())[:8]
        raise DataError(f"{named(part)} no column `{name}`; there is {', '.join(f'`{one}`' for one in near)}.")

    def _time(self, part: Part) -> Column[Any]:
        column = self._column(part, self.data.time)
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

    def _comparable(self, column: Column[Any]) -> ColumnElement[Any]:
        if isinstance(column.type, DateTime | Date):
            return column
        number = self._dialect.number(column)
        return case((func.abs(number) > MILLISECONDS, number / 1000.0), else_=number)

    def _between(self, part: Part, start: datetime | None, end: datetime | None) -> ColumnElement[bool]:
        if start is None and end is None:
            return true()
        column = self._time(part)
        shown, conditions = self._comparable(column), []
        if start is not None:
            conditions.append(
                shown >= literal(self._bound(column, start), None if shown is not column else column.type)
            )
        if end is not None:
            conditions.append(shown < literal(self._bound(column, end), None if shown is not column else column.type))
        return and_(*conditions)

    def _place(self, column: Column[Any], edges: Sequence[datetime]) -> ColumnElement[Any]:
        """Which stretch between the edges a row lies in, from 0."""
        if not edges:
            return literal(0)
        shown = self._comparable(column)
        kind = column.type if shown is column else None
        return case(
            *((shown < literal(self._bound(column, edge), kind), at) for at, edge in enumerate(edges)), else_=len(edges)
        )

    def _count(self, connection: Connection, part: Part, start: datetime | None, end: datetime | None) -> int:
        asked = select(func.count()).select_from(self._table(part)).where(self._between(part, start, end))
        found = int(connection.execute(asked).scalar_one())
        self._counted[part, start, end] = time.monotonic() + COUNTED_SECONDS, found
        return found

    def _about(self, connection: Connection, part: Part, start: datetime | None, end: datetime | None) -> int:
        """The count for choosing how many of the rows to read: one check asks for it again and again."""
        until, known = self._counted.get((part, start, end), (0.0, 0))
        return known if until > time.monotonic() else self._count(connection, part, start, end)

    def _edge(self, part: Part, which: Callable[[Any], Any]) -> datetime | None:
        column = self._time(part)
        with self._reading(part) as connection:
            return _moment(connection.execute(select(which(self._comparable(column)))).scalar_one())

    def _sampled(self, share: float) -> ColumnElement[bool]:
        condition: ColumnElement[bool] = self._dialect.sampled(share)[0]
        return condition

    def _arrays(
        self, connection: Connection, table: FromClause, wanted: Sequence[Any], condition: ColumnElement[bool]
    ) -> tuple[dict[str, NDArray[Any]], int]:
        if not wanted:
            return {}, 0
        numeric = [_is_number(column) for column in wanted]
        shown = [
            (self._dialect.brought(column) if is_number else column).label(column.name)
            for column, is_number in zip(wanted, numeric, strict=True)
        ]
        asked: Select[Any] = select(*shown).select_from(table).where(condition)
        arrays = self._dialect.arrays(connection, asked, numeric)
        found = {column.name: _stamped(column, values) for column, values in zip(wanted, arrays, strict=True)}
        event = found.get(self.data.time)
        if event is not None and event.dtype.kind == "f":
            found[self.data.time] = _since_1970(event)
        return found, len(arrays[0])

    def _pushed(
        self, part: Part, start: datetime | None, end: datetime | None, pushed: Mapping[str, Profile]
    ) -> dict[str, Profile]:
        with self._reading(part) as connection:
            total = self._about(connection, part, start, end)
            condition = self._between(part, start, end)
            if total > MOST_PROFILED:
                condition = and_(condition, self._sampled(MOST_PROFILED / total))
            chosen = self._chosen(part, list(pushed), condition)
            each = [self._sizes(chosen, at, name, one) for at, (name, one) in enumerate(pushed.items())]
            rows: list[list[tuple[Any, int]]] = [[] for _ in pushed]
            for at, cell, word, size in connection.execute(union_all(*each)):
                rows[at].append((cell if word is None else word, int(size)))
        return {name: self._profile(one, rows[at]) for at, (name, one) in enumerate(pushed.items())}

    def _valued(self, column: Column[Any], outcome: OutcomeColumn) -> ColumnElement[Any]:
        """Null where the column has no value, of text among numbers as well."""
        if not (outcome.numbers or _is_number(column)):
            return column
        number: ColumnElement[Any] = self._dialect.number(column)
        return number

    def _pushes(self, part: Part, name: str, one: Profile) -> bool:
        """A column that no longer holds numbers is brought over, to be counted as without a value."""
        sketched = isinstance(one, SketchProfile) and self.is_number(part, name)
        return bool(self._dialect.pushes_cells) and (sketched or isinstance(one, CategoricalProfile))

    def _chosen(self, part: Part, names: Sequence[str], condition: ColumnElement[bool]) -> CTE:
        """Read once, used by every column."""
        return select(*(self._column(part, name).label(name) for name in names)).where(condition).cte("chosen")

    def _sizes(self, chosen: CTE, at: int, name: str, one: Profile) -> Select[Any]:
        """Rows of each cell, or of each category, of one column."""
        column = chosen.c[name]
        if isinstance(one, SketchProfile):
            cell = self._dialect.cell(self._dialect.number(column), one.scale).label("cell")
            return select(literal(at), cell, null(), func.count()).group_by(cell)
        word = self._dialect.text(column).label("word")
        return select(literal(at), null(), word, func.count()).group_by(word)

    def _profile(self, one: Profile, rows: Sequence[tuple[Any, int]]) -> Profile:
        if isinstance(one, SketchProfile):
            counts, nulls = self._dialect.read_cells(rows)
            counts[:MINUS_INFINITY] = 0
            counts[PLUS_INFINITY + 1 :] = 0
            cells = np.flatnonzero(counts)
            return SketchProfile(one.scale, cells.astype(np.uint16), counts[cells], nulls)
        values = np.repeat(np.asarray([word for word, _ in rows], dtype=object), [size for _, size in rows])
        return profile_like(one, values)

    def _key(self, column: ColumnElement[Any], edges: Sequence[float] | None) -> ColumnElement[Any]:
        if edges is None:
            text: ColumnElement[Any] = self._dialect.text(column)
            return text
        number: ColumnElement[Any] = self._dialect.number(column)
        places = [(number < edge, at) for at, edge in enumerate(edges)]
        found: ColumnElement[Any] = case((self._dialect.is_missing(number), null()), *places, else_=len(edges))
        return found


def _is_number(column: Any) -> bool:  # noqa: ANN401
    return isinstance(column.type, Numeric | Float | Integer) and not isinstance(column.type, Boolean)


def _stamped(column: Any, values: NDArray[Any]) -> NDArray[Any]:  # noqa: ANN401
    """Times as datetime64[us] in UTC; decimals and other objects as they are."""
    if isinstance(column.type, DateTime | Date) and values.dtype.kind != "M":
        naive = [None if one is None else _moment(one).replace(tzinfo=None) for one in values.tolist()]  # type: ignore[union-attr]
        return np.asarray(naive, dtype="datetime64[us]")
    return values


def _since_1970(numbers: NDArray[np.float64]) -> NDArray[Any]:
    """Seconds, or milliseconds, as datetime64[us]; NaT for null."""
    seconds = np.where(np.abs(numbers) > MILLISECONDS, numbers / 1000.0, numbers)
    return moments(seconds)


def _moment(value: Any) -> datetime | None:  # noqa: ANN401
    if value is None:
        return None
    if isinstance(value, datetime):
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    if hasattr(value, "year"):
        return datetime(value.year, value.month, value.day, tzinfo=UTC)
    return EPOCH + timedelta(seconds=float(value))


def _as_text(value: Value) -> str:
    return category_text(value)


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
