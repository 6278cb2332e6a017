"""A metric's history from a CSV file: every row is kept, also those without a value."""

import csv
import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from heapq import nsmallest
from pathlib import Path

from bot.core.errors import BotError
from bot.tuning.moments import PLAIN, is_day_first, read_moment

DELIMITERS = ",;\t"
LAST_ROW_NUMBER, HOUR = 1e7, 3600.0


@dataclass(frozen=True, slots=True)
class Point:
    """written: the time as the file has it. at: seconds since 1970. value: NaN where the file has none. numbered: the
    file counts its rows instead of telling times."""

    written: str
    at: float
    value: float
    numbered: bool = False


def read_history(path: Path, time: str, value: str) -> list[Point]:
    """The rows of a CSV file (comma, semicolon or tab; with a header), in the order they stand.

    Times are as `moments` reads them. Where the earliest two are small whole numbers in a row, they number the rows,
    and a row is taken for an hour: as seconds, a thousand rows would be a quarter of an hour, in which no budget
    allows an alert. An empty value, and one that is no number, is a row without a value. Raises BotError with the line
    and what to do.
    """
    rows = list(_read(path, time, value))
    try:
        day_first = is_day_first(written for _, written, _ in rows)
    except BotError as error:
        raise BotError(f"{path} {error.message}") from error
    points = [_point(path, row, day_first=day_first) for row in rows]
    first = nsmallest(2, (point.at for point in points))
    if len(first) > 1 and first[1] - first[0] == 1 and 0 <= first[0] < LAST_ROW_NUMBER:
        return [replace(point, at=point.at * HOUR, numbered=True) for point in points]
    return points


def _read(path: Path, time: str, value: str) -> Iterator[tuple[int, str, str]]:
    """Each row's line, time and value as they are written."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            file.seek(0)
            rows = csv.reader(file, delimiter=max(DELIMITERS, key=first.count))
            header = [name.strip() for name in next(rows, [])]
            at, of = _place(path, header, time), _place(path, header, value)
            for row in rows:
                if row and len(row) <= max(at, of):
                    raise BotError(f"{path}, line {rows.line_num}: only {len(row)} fields; the header has more.")
                if row:
                    yield rows.line_num, row[at].strip(), row[of].strip()
    except FileNotFoundError:
        raise BotError(f"There is no file {path}.") from None
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise BotError(f"{path} can't be read as CSV in UTF-8: {error}") from error


def _place(path: Path, header: list[str], column: str) -> int:
    if column not in header:
        known = ", ".join(header[:12]) or "nothing: the file is empty"
        raise BotError(f"{path} has no column {column}; its header has {known}.")
    return header.index(column)


def _point(path: Path, row: tuple[int, str, str], *, day_first: bool) -> Point:
    line, written, value = row
    try:
        at = read_moment(written, day_first=day_first)
    except ValueError:
        raise BotError(f"{path}, line {line}: {written!r} is no time; {PLAIN}.") from None
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    return Point(written, at, number)
