"""Profiles of columns as sums that a database makes where the rows lie."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import CTE, ColumnElement, Select, and_, func, literal, null, select, union_all

from bot.data.contract import Part
from bot.data.database import ModelTables, is_number
from bot.statistics.cells import MINUS_INFINITY, PLUS_INFINITY
from bot.statistics.profiles import CategoricalProfile, Profile, SketchProfile, profile_like

MOST_PROFILED = 100_000  # twenty columns' cells of so many rows take PostgreSQL a second


def pushes(tables: ModelTables, part: Part, name: str, one: Profile) -> bool:
    """Whether the database can make it. A column that no longer holds numbers is brought over, to be counted as
    without a value."""
    sketched = isinstance(one, SketchProfile) and is_number(tables.column(part, name))
    return bool(tables.dialect.pushes_cells) and (sketched or isinstance(one, CategoricalProfile))


def pushed_profiles(
    tables: ModelTables, part: Part, start: datetime | None, end: datetime | None, like: Mapping[str, Profile]
) -> dict[str, Profile]:
    """Profiles like those given, of all rows or of a random sample of `MOST_PROFILED`."""
    with tables.reading(part) as connection:
        total = tables.about(connection, part, start, end)
        condition = tables.between(part, start, end)
        if total > MOST_PROFILED:
            condition = and_(condition, tables.sampled(MOST_PROFILED / total))
        chosen = _chosen(tables, part, list(like), condition)
        each = [_sizes(tables, chosen, at, name, one) for at, (name, one) in enumerate(like.items())]
        rows: list[list[tuple[Any, int]]] = [[] for _ in like]
        for at, cell, word, size in connection.execute(union_all(*each)):
            rows[at].append((cell if word is None else word, int(size)))
    return {name: _profile(tables, one, rows[at]) for at, (name, one) in enumerate(like.items())}


def _chosen(tables: ModelTables, part: Part, names: Sequence[str], condition: ColumnElement[bool]) -> CTE:
    """Read once, used by every column."""
    return select(*(tables.column(part, name).label(name) for name in names)).where(condition).cte("chosen")


def _sizes(tables: ModelTables, chosen: CTE, at: int, name: str, one: Profile) -> Select[Any]:
    """Rows of each cell, or of each category, of one column."""
    column = chosen.c[name]
    if isinstance(one, SketchProfile):
        cell = tables.dialect.cell(tables.dialect.number(column), one.scale).label("cell")
        return select(literal(at), cell, null(), func.count()).group_by(cell)
    word = tables.dialect.text(column).label("word")
    return select(literal(at), null(), word, func.count()).group_by(word)


def _profile(tables: ModelTables, one: Profile, rows: Sequence[tuple[Any, int]]) -> Profile:
    if isinstance(one, SketchProfile):
        counts, nulls = tables.dialect.read_cells(rows)
        counts[:MINUS_INFINITY] = 0
        counts[PLUS_INFINITY + 1 :] = 0
        cells = np.flatnonzero(counts)
        return SketchProfile(one.scale, cells.astype(np.uint16), counts[cells], nulls)
    values = np.repeat(np.asarray([word for word, _ in rows], dtype=object), [size for _, size in rows])
    return profile_like(one, values)
