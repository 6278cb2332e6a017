"""A metric's history from a CSV file: every row is kept, also those without a value."""

import csv
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import chain, islice
from pathlib import Path

from bot.core.errors import BotError

DELIMITERS = ",;\t"
MILLISECONDS, MICROSECONDS, NANOSECONDS = 1e11, 1e14, 1e17
LAST_ROW_NUMBER, HOUR = 1e7, 3600.0
_NUMBER = re.compile(r"[-+]?\d+(\.\d*)?([eE][-+]?\d+)?")


@dataclass(frozen=True, slots=True)
class Point:
    """written: the time as the file has it. at: seconds since 1970. value: NaN where the file has none. numbered: the
    file counts its rows instead of telling times."""

    written: str
    at: float
    value: float
    numbered: bool = False


def read_history(path: Path, time: str, value: str) -> Iterator[Point]:
    """The rows of a CSV file (comma, semicolon or tab; with a header), in the order they stand.

    Times are ISO 8601 (naive is UTC) or a number of seconds, milli-, micro- or nanoseconds since 1970. Where the first
    two are small whole numbers in a row, they number the rows, and a row is taken for an hour: as seconds, a thousand
    rows would be a quarter of an hour, in which no budget allows an alert. An empty value, and one that is no
    number, is a row without a value. Raises BotError with the line and what to do.
    """
    points = _read(path, time, value)
    first = list(islice(points, 2))
    numbered = len(first) > 1 and first[1].at - first[0].at == 1 and 0 <= first[0].at < LAST_ROW_NUMBER
    for point in chain(first, points):
        yield replace(point, at=point.at * HOUR, numbered=True) if numbered else point


def _read(path: Path, time: str, value: str) -> Iterator[Point]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            file.seek(0)
            rows = csv.reader(file, delimiter=max(DELIMITERS, key=first.count))
            header = [name.strip() for name in next(rows, [])]
            places = _place(path, header, time), _place(path, header, value)
            for row in rows:
                if row:
                    yield _point(path, rows.line_num, row, places)
    except FileNotFoundError:
        raise BotError(f"There is no file {path}.") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BotError(f"{path} can't be read as CSV in UTF-8: {error}") from error


def _place(path: Path, header: list[str], column: str) -> int:
    if column not in header:
        known = ", ".join(header[:12]) or "nothing: the file is empty"
        raise BotError(f"{path} has no column {column}; its header has {known}.")
    return header.index(column)


def _point(path: Path, line: int, row: list[str], places: tuple[int, int]) -> Point:
    if len(row) <= max(places):
        raise BotError(f"{path}, line {line}: only {len(row)} fields; the header has more.")
    written, value = row[places[0]].strip(), row[places[1]].strip()
    try:
        at = _moment(written)
    except ValueError:
        raise BotError(
            f"{path}, line {line}: {written!r} is no time; write 2026-11-02T03:00:00Z or seconds since 1970."
        ) from None
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    return Point(written, at, number)


def _moment(written: str) -> float:
    if _NUMBER.fullmatch(written):
        number = float(written)
        for limit, unit in ((NANOSECONDS, 1e9), (MICROSECONDS, 1e6), (MILLISECONDS, 1e3)):
            if abs(number) >= limit:
                return number / unit
        return number
    found = datetime.fromisoformat(written.replace("/", "-"))
    return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
