"""A model's rows, read through DuckDB: windows of event time, pushed down to the files, bounded and read-only."""

import threading
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from bot.catalog.config import Limits
from bot.catalog.data import ModelData
from bot.data.by_segment import MOST_SEGMENTS, SegmentSums, read_sums, window_starts
from bot.data.contract import LABEL, SEED, Frame, OutcomeColumn, Part, Scan, Value, as_number, named, took_too_long
from bot.data.files import DataError, Files, TooSlowError, UnreadableError, find_files
from bot.data.footers import footers, size_of_window, values_of_window
from bot.data.grouped import read_groups
from bot.data.objects import reader_of, scheme_of
from bot.statistics.attribution import LARGEST
from bot.statistics.groups import NULL, Groups
from bot.statistics.profiles import Profile, profile_like

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_NAIVE = ("TIMESTAMP", "TIMESTAMP_S", "TIMESTAMP_MS", "TIMESTAMP_NS", "DATE")
_IN_ORDER = (*_NAIVE, "TIMESTAMP WITH TIME ZONE")
_NUMBERS = (
    "TINYINT",
    "SMALLINT",
    "INTEGER",
    "BIGINT",
    "UTINYINT",
    "USMALLINT",
    "UINTEGER",
    "UBIGINT",
    "DOUBLE",
    "FLOAT",
)
_MILLISECONDS = 100_000_000_000
MOST_PROFILED = 100_000
LISTED_SECONDS = 30.0
_WHOLE_IN_FLOAT = 2**53
_SUMS = "count(*), sum(y), sum(y * y)"


class FileRows:
    """Reads one model's parts. Safe to share between threads; each query stands alone and sees the newest files."""

    def __init__(self, data: ModelData, base: Path, limits: Limits) -> None:
        self.data = data
        self.base = base
        self.limits = limits
        self._types: dict[str, dict[str, str]] = {}
        self._connections: dict[frozenset[str], DuckDBPyConnection] = {}
        self._listed: dict[Part, tuple[float, Files]] = {}
        self._footers: dict[Part, Files] = {}
        self._lock = threading.Lock()

    def has(self, part: Part) -> bool:
        return self._path(part) is not None

    def columns(self, part: Part) -> list[str]:
        return list(self._described(part))

    def is_number(self, part: Part, column: str) -> bool:
        return self._described(part)[self._known(part, column)].split("(")[0] in (*_NUMBERS, "DECIMAL", "HUGEINT")

    def count(self, part: Part, start: datetime | None, end: datetime | None) -> int:
        condition, values = self._between(part, start, end)
        return int(self._query(part, f"SELECT count(*) FROM {{rows}} WHERE {condition}", values)[0][0])

    def window(
        self,
        part: Part,
        start: datetime | None,
        end: datetime | None,
        columns: list[str] | None = None,
        *,
        most: int | None = None,
    ) -> Frame:
        """Read rows with start <= event time < end; None leaves that side open. More than the limit is sampled."""
        wanted = [self._known(part, name) for name in (columns if columns is not None else self.columns(part))]
        condition, values = self._between(part, start, end)
        total, limit = self.count(part, start, end), min(most or self.limits.rows, self.limits.rows)
        sample = f" USING SAMPLE reservoir({limit} ROWS) REPEATABLE ({SEED})"
        sampled = total > limit
        found: dict[str, NDArray[Any]] = {}
        notes: list[str] = []
        if wanted:
            shown = ", ".join(self._shown(part, name) for name in wanted)
            statement = f"SELECT {shown} FROM (SELECT * FROM {{rows}} WHERE {condition}){sample if sampled else ''}"
            found, notes = self._arrays(part, statement, values)
        if sampled:
            notes = [f"a random sample of {limit:,} of {total:,} rows", *notes]
        return Frame(found, min(total, limit), start, end, tuple(notes))

    def scan(self, part: Part, start: datetime | None, end: datetime | None, columns: Sequence[str]) -> Scan | None:
        """Tell from Parquet's own footers; files of text are read as a whole, whatever is asked."""
        files = self._files(part)
        if not files.are_parquet:
            return Scan(files.size, files.size, whole=True)
        known = self._described(part)
        whole = start is None and end is None  # a reference needs no time
        at = next(iter(known)) if whole and self.data.time not in known else self._known(part, self.data.time)
        try:
            self._keep_footers(part, files)
            found = self._query(part, size_of_window(part), values_of_window(at, start, end, columns))
        except DataError:
            return None
        ((size, of),) = found
        return Scan(int(size), int(of))

    def scan_edges(self, part: Part) -> Scan | None:
        files = self._files(part)
        if files.are_parquet and self._described(part)[self._known(part, self.data.time)] in _IN_ORDER:
            return None  # its footers know
        return self.scan(part, None, None, [self.data.time])

    def class_counts(
        self, column: str, value: Value, start: datetime, end: datetime, step: timedelta
    ) -> list[tuple[datetime, int, int]]:
        """Count rows, and those of one class, in each window of `step` from start to end; also the empty ones."""
        name = _quoted(self._known("predictions", column))
        condition, values = self._between("predictions", start, end)
        moment = self._moment("predictions")
        length = int(step / timedelta(microseconds=1))
        number = as_number(value) if self.is_number("predictions", column) else None
        is_it = f"CAST({name} AS VARCHAR) = ?" if number is None else f"{name} = CAST(? AS DOUBLE)"
        wanted = _as_text(value) if number is None else number
        statement = (
            f"SELECT (epoch_us({moment}) - ?) // ? AS place, count(*) FILTER (WHERE {is_it}),"
            f" count(*) FROM {{rows}} WHERE {condition} GROUP BY place"
        )
        first = int(start.timestamp() * 1_000_000)
        counted = {
            int(place): (int(hits), int(rows))
            for place, hits, rows in self._query("predictions", statement, [first, length, wanted, *values])
        }
        windows = -int(-(end - start) // step)
        return [(start + place * step, *counted.get(place, (0, 0))) for place in range(windows)]

    def sums_by(
        self, by: str, outcome: OutcomeColumn | None, start: datetime, end: datetime, step: timedelta
    ) -> SegmentSums:
        """Count rows, and sum an outcome, for each value of `by` in each window of `step`."""
        name = _quoted(self._known("predictions", by))
        condition, values = self._between("predictions", start, end)
        number, asked = "0.0", []
        if outcome is not None:
            column = _quoted(self._known("predictions", outcome.column))
            number = f"TRY_CAST({column} AS DOUBLE)"
            if outcome.value is not None:
                number, asked = f"CASE WHEN CAST({column} AS VARCHAR) = ? THEN 1.0 ELSE 0.0 END", [outcome.value]
            elif outcome.nulls:
                number = f"CASE WHEN {_valued(column, outcome)} IS NULL THEN 1.0 ELSE 0.0 END"
        centre = outcome.centre if outcome is not None else 0.0
        near = f"least(greatest(y, {-LARGEST!r}), {LARGEST!r}) - {centre!r}"
        marked = (
            f"SELECT coalesce(CAST({name} AS VARCHAR), '{NULL}') AS name,"
            f" (epoch_us({self._moment('predictions')}) - ?) // ? AS place, {number} AS y"
            f" FROM {{rows}} WHERE {condition}"
        )
        statement = (
            f"WITH marked AS ({marked}), near AS (SELECT name, place, {near} AS y FROM marked WHERE isfinite(y)),"
            " sums AS (SELECT name, place, count(*) AS n, sum(y) AS total, sum(y * y) AS squares FROM near"
            " GROUP BY name, place),"
            " kept AS (SELECT name, count(*) OVER () AS segments FROM sums GROUP BY name"
            f" ORDER BY sum(n) DESC, name LIMIT {MOST_SEGMENTS})"
            " SELECT s.name, s.place, s.n, s.total, s.squares, k.segments FROM sums s JOIN kept k ON s.name = k.name"
            " ORDER BY s.name"
        )
        first, length = int(start.timestamp() * 1_000_000), int(step / timedelta(microseconds=1))
        found = self._run("predictions", statement, [first, length, *asked, *values], arrays=True)
        names, places, rows, totals, squares, segments = (np.ma.getdata(column) for column in found.values())
        of = int(segments[0]) if segments.size else 0
        return read_sums(names.tolist(), places, (rows, totals, squares), window_starts(start, end, step), of, centre)

    def latest(self, part: Part) -> datetime | None:
        """Return the newest event time, UTC; None: no row."""
        return self._edge(part, "max")

    def earliest(self, part: Part) -> datetime | None:
        return self._edge(part, "min")

    def labelled(self, start: datetime | None, end: datetime | None, columns: list[str]) -> Frame:
        """Read predictions of a window with their labels as the column `label`; rows without one have null there.

        A prediction's newest label counts when it has several.
        """
        labels = self.data.labels
        if labels is None:
            raise DataError("The model has no `labels:` under `data:` in muster.yaml; add their path, key and column.")
        key, label = self._known("labels", labels.key), self._known("labels", labels.column)
        self._known("predictions", key)
        condition, values = self._between("predictions", start, end)
        order = f" ORDER BY {_quoted(self._known('labels', labels.time))} DESC" if labels.time else ""
        newest = (
            f"SELECT {_quoted(key)} AS known_key, first({_quoted(label)}{order}) AS {_quoted(LABEL)}"
            f" FROM {{labels}} GROUP BY {_quoted(key)}"
        )
        shown = ", ".join(self._shown("predictions", name, of="p.") for name in columns)
        total, limit = self.count("predictions", start, end), self.limits.rows
        sample = f" USING SAMPLE reservoir({limit} ROWS) REPEATABLE ({SEED})" if total > limit else ""
        statement = (
            f"SELECT {shown}{', ' if shown else ''}l.{_quoted(LABEL)} FROM (SELECT * FROM (SELECT * FROM {{rows}} WHERE"
            f" {condition}){sample}) p LEFT JOIN ({newest}) l ON p.{_quoted(key)} = l.known_key"
        )
        found, notes = self._arrays("predictions", statement, values)
        if sample:
            notes = [f"a random sample of {limit:,} of {total:,} rows", *notes]
        return Frame(found, len(found[LABEL]), start, end, tuple(notes))

    def profiles(
        self, part: Part, start: datetime | None, end: datetime | None, like: Mapping[str, Profile]
    ) -> dict[str, Profile]:
        """Profile the window's columns like those given."""
        frame = self.window(part, start, end, list(like), most=MOST_PROFILED)
        return {name: profile_like(like[name], column) for name, column in frame.columns.items()}

    def groups(
        self,
        part: Part,
        start: datetime | None,
        end: datetime | None,
        features: Mapping[str, Sequence[float] | None],
        outcome: OutcomeColumn,
    ) -> Groups:
        """Sum the outcome by the values of each feature, over all rows of the window."""
        condition, values = self._between(part, start, end)
        column = _quoted(self._known(part, outcome.column))
        number, known = f"TRY_CAST({column} AS DOUBLE)", f"{column} IS NOT NULL"
        if outcome.value is not None:
            number, values = f"CASE WHEN CAST({column} AS VARCHAR) = ? THEN 1.0 ELSE 0.0 END", [outcome.value, *values]
        if outcome.nulls:
            number, known = f"CASE WHEN {_valued(column, outcome)} IS NULL THEN 1.0 ELSE 0.0 END", "true"
        keys = {f"k{at}": self._key(part, name, edges) for at, (name, edges) in enumerate(features.items(), start=1)}
        shown = "".join(f", {key} AS {name}" for name, key in keys.items())
        # Beyond LARGEST a square is no float64.
        near = f"least(greatest(y, {-LARGEST!r}), {LARGEST!r}) - {outcome.centre!r}"
        rows = f"SELECT {number} AS y{shown} FROM {{rows}} WHERE {condition} AND {known}"
        chosen = f"SELECT * REPLACE ({near} AS y) FROM ({rows}) WHERE isfinite(y)"
        each = [f"SELECT {name[1:]}, CAST({name} AS VARCHAR), {_SUMS} FROM chosen GROUP BY {name}" for name in keys]
        statement = " UNION ALL ".join([f"SELECT 0, '', {_SUMS} FROM chosen", *each])
        found = self._query(part, f"WITH chosen AS MATERIALIZED ({chosen}) {statement}", values)
        return read_groups(found, features, outcome.centre)

    def _key(self, part: Part, feature: str, edges: Sequence[float] | None) -> str:
        name = _quoted(self._known(part, feature))
        if edges is None:
            return name
        number = f"TRY_CAST({name} AS DOUBLE)"
        places = " ".join(f"WHEN {number} < {edge!r} THEN {at}" for at, edge in enumerate(edges))
        return f"CASE WHEN {number} IS NULL OR isnan({number}) THEN NULL {places} ELSE {len(edges)} END"

    # how it is asked

    def _path(self, part: Part) -> str | None:
        if part == "labels":
            return self.data.labels.path if self.data.labels else None
        return getattr(self.data, part, None)

    def _files(self, part: Part) -> Files:
        path = self._path(part)
        if path is None:
            raise DataError(f"The model has no `{part}:` under `data:` in muster.yaml; add where they lie.")
        kept = self._listed.get(part)
        if kept and kept[0] > time.monotonic():
            return kept[1]
        found = find_files(f"data.{part}", path, self.base)
        if found.scheme:  # a listing there is a request, or many
            self._listed[part] = (time.monotonic() + LISTED_SECONDS, found)
        return found

    def _keep_footers(self, part: Part, files: Files) -> None:
        """Read them once for all windows: one file's take longer than a question about them."""
        if self._footers.get(part) != files:
            self._query(part, footers(part), [self.data.time])
            self._footers[part] = files

    def _described(self, part: Part) -> dict[str, str]:
        if part not in self._types:
            rows = self._query(part, "DESCRIBE SELECT * FROM {rows}", [])
            self._types[part] = {str(row[0]): str(row[1]) for row in rows}
        return self._types[part]

    def _known(self, part: Part, column: str) -> str:
        known = self._described(part)
        if column in known:
            return column
        near = get_close_matches(column, known, n=3, cutoff=0.5) or sorted(known)[:8]
        raise DataError(f"{named(part)} no column `{column}`; there is {', '.join(f'`{one}`' for one in near)}.")

    def _moment(self, part: Part) -> str:
        """SQL of the event time as a time zoned UTC: naive times are UTC, numbers are seconds or milliseconds."""
        name = self._known(part, self.data.time)
        kind = self._described(part)[name].split("(")[0]
        if kind in _NUMBERS:
            return f"to_timestamp(CASE WHEN abs({_quoted(name)}) > {_MILLISECONDS} THEN {_quoted(name)} / 1000 ELSE {_quoted(name)} END)"  # noqa: E501
        return f"CAST({_quoted(name)} AS TIMESTAMPTZ)"

    def _between(self, part: Part, start: datetime | None, end: datetime | None) -> tuple[str, list[Any]]:
        """SQL of the window; a naive time column is compared as it is, so that files outside are never read."""
        if start is None and end is None:
            return "true", []
        name = self._known(part, self.data.time)
        naive = self._described(part)[name] in _NAIVE
        moment = f"CAST({_quoted(name)} AS TIMESTAMP)" if naive else f"timezone('UTC', {self._moment(part)})"
        if self._described(part)[name] == "TIMESTAMP":
            moment = _quoted(name)
        conditions, values = [], []
        for sign, edge in ((">=", start), ("<", end)):
            if edge is not None:
                conditions.append(f"{moment} {sign} CAST(? AS TIMESTAMP)")
                values.append(edge.astimezone(UTC).replace(tzinfo=None))
        return " AND ".join(conditions), values

    def _edge(self, part: Part, which: Literal["min", "max"]) -> datetime | None:
        name = self._known(part, self.data.time)
        moment = f"{which}({self._moment(part)})"
        if self._described(part)[name] in _IN_ORDER:  # the cast keeps their order, and the files know their own edges
            moment = f"CAST({which}({_quoted(name)}) AS TIMESTAMPTZ)"
        micros = self._query(part, f"SELECT epoch_us({moment}) FROM {{rows}}", [])[0][0]
        return None if micros is None else datetime.fromtimestamp(0, UTC) + timedelta(microseconds=int(micros))

    def _shown(self, part: Part, column: str, of: str = "") -> str:
        kind = self._described(part)[column].split("(")[0]
        name = of + _quoted(column)
        if column == self.data.time:
            return f"timezone('UTC', {self._moment(part).replace(_quoted(column), name)}) AS {_quoted(column)}"
        if kind in {"DECIMAL", "HUGEINT", "UHUGEINT"}:
            return f"CAST({name} AS DOUBLE) AS {_quoted(column)}"
        if kind == "TIMESTAMP WITH TIME ZONE":
            return f"timezone('UTC', {name}) AS {_quoted(column)}"
        return f"{name} AS {_quoted(column)}"

    def _arrays(self, part: Part, statement: str, values: list[Any]) -> tuple[dict[str, NDArray[Any]], list[str]]:
        raw = self._run(part, statement, values, arrays=True)
        notes: list[str] = []
        return {name: _plain(name, column, notes) for name, column in raw.items()}, notes

    def _query(self, part: Part, statement: str, values: list[Any]) -> list[tuple[Any, ...]]:
        found: list[tuple[Any, ...]] = self._run(part, statement, values, arrays=False)
        return found

    def _run(self, part: Part, statement: str, values: list[Any], *, arrays: bool) -> Any:  # noqa: ANN401
        import duckdb  # noqa: PLC0415

        files = self._files(part)
        named = {"rows": files.reader, "paths": files.listed}
        folders = {files.folder}
        if "{labels}" in statement:
            labels = self._files("labels")
            named["labels"] = labels.reader
            folders.add(labels.folder)
        with self._lock:
            cursor = self._connection(frozenset(folders)).cursor()
        over = threading.Timer(self.limits.seconds, cursor.interrupt)
        over.daemon = True
        over.start()
        try:
            done = cursor.execute(statement.format_map(named), values)
            return done.fetchnumpy() if arrays else done.fetchall()
        except duckdb.OutOfMemoryException as error:
            raise UnreadableError(
                "The rows need more memory than `limits.memory_mib` allows; ask for a shorter window or fewer features."
            ) from error
        except duckdb.InterruptException as error:
            raise TooSlowError(took_too_long(part, self.limits.seconds)) from error
        except (duckdb.IOException, duckdb.InvalidInputException) as error:
            said = f"The {part} of `data.{part}` could not be read: {_first(error)} Is the file whole?"
            raise UnreadableError(said) from error
        except duckdb.Error as error:
            raise DataError(f"The {part} of `data.{part}` could not be read: {_first(error)}") from error
        finally:
            over.cancel()
            cursor.close()

    def _connection(self, folders: frozenset[str]) -> "DuckDBPyConnection":
        """Open an engine that sees these folders and nothing else."""
        import duckdb  # noqa: PLC0415

        if folders not in self._connections:
            connection = duckdb.connect()
            for scheme in sorted({scheme for folder in folders if (scheme := scheme_of(folder))}):
                connection.register_filesystem(reader_of(scheme))
            quoted = ", ".join("'" + folder.replace("'", "''") + "'" for folder in folders)
            connection.execute(f"SET allowed_directories = [{quoted}]")
            connection.execute("SET TimeZone = 'UTC'")
            connection.execute(f"SET memory_limit = '{max(256, self.limits.memory_mib // 2)}MiB'")
            connection.execute("SET threads = 2")
            connection.execute("SET temp_directory = ''")  # nothing is written where Muster runs
            connection.execute("SET enable_external_access = false")
            connection.execute("SET lock_configuration = true")
            self._connections[folders] = connection
        return self._connections[folders]


def _valued(column: str, outcome: OutcomeColumn) -> str:
    """Null where the column has no value; text is none where numbers are expected."""
    return f"TRY_CAST({column} AS DOUBLE)" if outcome.numbers else column


def _quoted(name: str) -> str:
    # Braces are doubled, because the statement is a format string until the files are named.
    return '"' + name.replace('"', '""').replace("{", "{{").replace("}", "}}") + '"'


def _first(error: Exception) -> str:
    lines = str(error).splitlines()
    if lines[0].startswith("Traceback"):  # of a file system that is read through Python
        return next((line for line in lines[1:] if line and not line.startswith(" ")), lines[0])[:300]
    return lines[0][:300]


def _as_text(value: Value) -> str:
    """Write a class as DuckDB writes it when cast to text."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _plain(name: str, column: Any, notes: list[str]) -> NDArray[Any]:  # noqa: ANN401
    values: NDArray[Any] = np.ma.getdata(column)
    missing = np.ma.getmaskarray(column)
    if values.dtype.kind in "iu":
        if values.size and max(abs(int(values.max())), abs(int(values.min()))) > _WHOLE_IN_FLOAT:
            notes.append(f"{name} holds whole numbers beyond 2^53; their last digits are not compared")
        values = values.astype(np.float64)
    if values.dtype.kind == "f":
        values = values.astype(np.float64)
        values[missing] = np.nan
        return values
    if values.dtype.kind == "M":
        values = values.astype("datetime64[us]")
        values[missing] = np.datetime64("NaT")
        return values
    return _as_cells(values, missing)


def _as_cells(values: NDArray[Any], missing: NDArray[np.bool_]) -> NDArray[Any]:
    """Text, flags and the like as they are; lists and records as text, since cells are compared one by one."""
    cells = values.astype(object)
    cells[missing] = None
    known = np.flatnonzero(~missing)
    if known.size and isinstance(cells[known[0]], (list, dict, np.ndarray)):
        for at in known.tolist():
            cells[at] = str(cells[at].tolist() if isinstance(cells[at], np.ndarray) else cells[at])
    return cells
