"""A model's rows in a database: windows and sums asked for where they lie, read-only and bounded."""

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, ColumnElement, and_, case, func, literal, null, select, true

from bot.catalog.config import Limits
from bot.catalog.data import ModelData
from bot.data.by_segment import MOST_SEGMENTS, SegmentSums, read_sums, window_starts
from bot.data.contract import LABEL, Frame, OutcomeColumn, Part, Scan, Value, as_number
from bot.data.database import COUNTED_SECONDS, ModelTables, is_number, moment_of
from bot.data.files import DataError
from bot.data.grouped import read_groups
from bot.data.table_profiles import MOST_PROFILED, pushed_profiles, pushes
from bot.statistics.attribution import LARGEST
from bot.statistics.columns import category_text
from bot.statistics.groups import NULL, Groups
from bot.statistics.profiles import Profile, profile_like


class TableRows:
    """Reads one model's tables. Each question is one short read-only transaction on a connection of its own."""

    def __init__(self, data: ModelData, limits: Limits) -> None:
        self.data = data
        self.limits = limits
        self._in = ModelTables(data, limits)
        self._scans: dict[tuple[Part, datetime | None, datetime | None], tuple[float, Scan | None]] = {}

    def has(self, part: Part) -> bool:
        return self._in.name(part) is not None

    def columns(self, part: Part) -> list[str]:
        return list(self._in.table(part).c.keys())

    def is_number(self, part: Part, column: str) -> bool:
        return is_number(self._in.column(part, column))

    def count(self, part: Part, start: datetime | None, end: datetime | None) -> int:
        with self._in.reading(part) as connection:
            return self._in.count(connection, part, start, end)

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
        wanted = [self._in.column(part, name) for name in (columns if columns is not None else self.columns(part))]
        limit = min(most or self.limits.rows, self.limits.rows)
        with self._in.reading(part) as connection:
            total = (self._in.about if wanted else self._in.count)(connection, part, start, end)
            condition, notes = self._in.between(part, start, end), []
            if total > limit:
                condition = and_(condition, self._in.sampled(limit / total))
                notes = [f"a random sample of about {limit:,} of {total:,} rows"]
            found, rows = self._in.arrays(connection, self._in.table(part), wanted, condition)
        return Frame(found, rows if wanted else min(total, limit), start, end, tuple(notes))

    def scan(self, part: Part, start: datetime | None, end: datetime | None, columns: Sequence[str]) -> Scan | None:
        """The window's part of the table's size; rows lie whole, so that columns make no difference."""
        del columns
        until, found = self._scans.get((part, start, end), (0.0, None))
        if until > time.monotonic():
            return found
        table = self._in.table(part)
        asked = select(literal(1)).select_from(table).where(self._in.between(part, start, end))
        with self._in.reading(part) as connection:
            known = self._in.dialect.size(connection, str(table))
            if known is not None:
                size, rows = known
                window = self._in.dialect.expected(connection, asked) if start or end else rows
                found = Scan(min(size, round(size * window / rows)), size)
        self._scans[part, start, end] = time.monotonic() + COUNTED_SECONDS, found
        return found

    def scan_edges(self, part: Part) -> Scan | None:
        """None: an index on the time answers it."""
        del part
        return None

    def class_counts(
        self, column: str, value: Value, start: datetime, end: datetime, step: timedelta
    ) -> list[tuple[datetime, int, int]]:
        named = self._in.column("predictions", column)
        number = as_number(value) if is_number(named) else None
        is_it = self._in.dialect.number(named) == number
        if number is None:
            is_it = self._in.dialect.text(named) == _as_text(value)
        hit = func.sum(case((is_it, 1), else_=0))
        windows = -int(-(end - start) // step)
        edges = [start + place * step for place in range(windows)]
        place = self._in.place(self._in.time("predictions"), edges[1:])
        asked = (
            select(place.label("place"), hit, func.count())
            .where(self._in.between("predictions", start, min(end, start + windows * step)))
            .group_by("place")
        )
        with self._in.reading("predictions") as connection:
            counted = {int(at): (int(hits), int(rows)) for at, hits, rows in connection.execute(asked)}
        return [(edge, *counted.get(at, (0, 0))) for at, edge in enumerate(edges)]

    def sums_by(
        self, by: str, outcome: OutcomeColumn | None, start: datetime, end: datetime, step: timedelta
    ) -> SegmentSums:
        starts = window_starts(start, end, step)
        name = func.coalesce(self._in.dialect.text(self._in.column("predictions", by)), NULL)
        number: ColumnElement[Any] = literal(0.0)
        if outcome is not None:
            column = self._in.column("predictions", outcome.column)
            number = self._in.dialect.number(column)
            if outcome.value is not None:
                number = case((self._in.dialect.text(column) == outcome.value, 1.0), else_=0.0)
            elif outcome.nulls:
                number = case((self._valued(column, outcome).is_(None), 1.0), else_=0.0)
        centre = outcome.centre if outcome is not None else 0.0
        place = self._in.place(self._in.time("predictions"), starts[1:])
        raw = select(name.label("name"), place.label("place"), number.label("y"))
        marked = raw.where(self._in.between("predictions", start, end)).subquery()
        y = case((marked.c.y > LARGEST, LARGEST), (marked.c.y < -LARGEST, -LARGEST), else_=marked.c.y) - centre
        finite = (
            select(marked.c.name, marked.c.place, y.label("y")).where(self._in.dialect.is_finite(marked.c.y)).subquery()
        )
        sums = (
            select(
                finite.c.name,
                finite.c.place,
                func.count().label("n"),
                func.sum(finite.c.y).label("total"),
                func.sum(self._in.dialect.square(finite.c.y)).label("squares"),
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
        with self._in.reading("predictions") as connection:
            found = connection.execute(asked).all()
        names, places, rows, totals, squares, segments = zip(*found, strict=True) if found else ((),) * 6
        return read_sums(names, places, (rows, totals, squares), starts, segments[0] if segments else 0, centre)

    def labelled(self, start: datetime | None, end: datetime | None, columns: list[str]) -> Frame:
        labels = self.data.labels
        if labels is None:
            raise DataError("The model has no `labels:` under `data:` in muster.yaml; add their path, key and column.")
        key, label = self._in.column("labels", labels.key), self._in.column("labels", labels.column)
        order = self._in.column("labels", labels.time) if labels.time else key
        ranked = select(
            key.label("known_key"),
            label.label(LABEL),
            func.row_number().over(partition_by=key, order_by=order.desc()).label("place"),
        ).subquery()
        shown = [self._in.column("predictions", name) for name in dict.fromkeys([*columns, labels.key])]
        with self._in.reading("predictions") as connection:
            total, limit = self._in.about(connection, "predictions", start, end), self.limits.rows
            condition, notes = self._in.between("predictions", start, end), []
            if total > limit:
                condition = and_(condition, self._in.sampled(limit / total))
                notes = [f"a random sample of about {limit:,} of {total:,} rows"]
            # Chosen before they are joined: what a database samples by is a row of one table.
            chosen = select(*shown).where(condition).subquery()
            same = and_(chosen.c[labels.key] == ranked.c.known_key, ranked.c.place == 1)
            wanted: list[Any] = [*(chosen.c[name] for name in columns), ranked.c[LABEL]]
            found, rows = self._in.arrays(connection, chosen.outerjoin(ranked, same), wanted, true())
        return Frame(found, rows, start, end, tuple(notes))

    def profiles(
        self, part: Part, start: datetime | None, end: datetime | None, like: Mapping[str, Profile]
    ) -> dict[str, Profile]:
        pushed = {name: one for name, one in like.items() if pushes(self._in, part, name, one)}
        rest = [name for name in like if name not in pushed]
        brought = self.window(part, start, end, rest, most=MOST_PROFILED).columns if rest else {}
        found = {name: profile_like(like[name], column) for name, column in brought.items()}
        return found | pushed_profiles(self._in, part, start, end, pushed) if pushed else found

    def groups(
        self,
        part: Part,
        start: datetime | None,
        end: datetime | None,
        features: Mapping[str, Sequence[float] | None],
        outcome: OutcomeColumn,
    ) -> Groups:
        column = self._in.column(part, outcome.column)
        number: ColumnElement[Any] = self._in.dialect.number(column)
        known: ColumnElement[bool] = column.is_not(None)
        if outcome.value is not None:
            number = case((self._in.dialect.text(column) == outcome.value, 1.0), else_=0.0)
        if outcome.nulls:
            number, known = case((self._valued(column, outcome).is_(None), 1.0), else_=0.0), true()
        raw = select(number.label("y"), *(self._in.column(part, name).label(name) for name in features))
        kept = raw.where(self._in.between(part, start, end), known).subquery()
        y = case((self._in.dialect.is_finite(kept.c.y), kept.c.y))
        near = case((y > LARGEST, LARGEST), (y < -LARGEST, -LARGEST), else_=y) - outcome.centre
        keys = {
            name: self._key(kept.c[name], edges).label(f"k{at}") for at, (name, edges) in enumerate(features.items())
        }
        asked = self._in.dialect.grouped(select(near.label("y"), *keys.values()))
        with self._in.reading(part) as connection:
            found = [tuple(row) for row in connection.execute(asked)]
        return read_groups(found, features, outcome.centre)

    def _edge(self, part: Part, which: Callable[[Any], Any]) -> datetime | None:
        column = self._in.time(part)
        with self._in.reading(part) as connection:
            return moment_of(connection.execute(select(which(self._in.comparable(column)))).scalar_one())

    def _valued(self, column: Column[Any], outcome: OutcomeColumn) -> ColumnElement[Any]:
        """Null where the column has no value, of text among numbers as well."""
        if not (outcome.numbers or is_number(column)):
            return column
        number: ColumnElement[Any] = self._in.dialect.number(column)
        return number

    def _key(self, column: ColumnElement[Any], edges: Sequence[float] | None) -> ColumnElement[Any]:
        if edges is None:
            text: ColumnElement[Any] = self._in.dialect.text(column)
            return text
        number: ColumnElement[Any] = self._in.dialect.number(column)
        places = [(number < edge, at) for at, edge in enumerate(edges)]
        found: ColumnElement[Any] = case((self._in.dialect.is_missing(number), null()), *places, else_=len(edges))
        return found


def _as_text(value: Value) -> str:
    return category_text(value)
