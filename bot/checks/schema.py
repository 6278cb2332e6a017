"""Columns and categories that came, went or changed their type."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from bot.charts import bars
from bot.checks.contract import MOST_ROWS, CheckResult
from bot.checks.registry import Question
from bot.checks.windows import Sides, read_sides
from bot.data.metered import Read, foresee
from bot.statistics.columns import Column, as_numbers, count_categories, is_numeric
from bot.statistics.distances import ks_exact
from bot.statistics.rates import count_nulls
from bot.statistics.texts import holds_numbers, text_among
from bot.statistics.wording import category, percent

MOST_READ = 50_000
FEW_CATEGORIES = 60
LEAST_SHARE, LEAST_SEEN = 0.01, 3
ALIKE_KS, ALIKE_CATEGORIES = 0.1, 0.8


@dataclass(frozen=True, slots=True)
class Change:
    """What happened to one column; `weight` is the share of rows it concerns. What is merely new is told last."""

    column: str
    what: str
    weight: float = 1.0
    mark: str = ""
    urgent: bool = True

    @property
    def short(self) -> str:
        return f"{self.column} {self.mark}"


def run(question: Question) -> CheckResult:
    rows = question.rows
    counted = read_sides(question, [], most=None)
    if isinstance(counted, CheckResult):
        return counted
    against = counted.against
    assert against is not None
    reads: list[Read] = [
        ("predictions", counted.start, counted.end, rows.columns("predictions")),
        (against.part, against.start, against.end, rows.columns(against.part)),
    ]
    foresee(rows, reads)
    now, then = (rows.window(part, start, end, most=MOST_READ) for part, start, end, _ in reads)
    apart = {question.rows.data.time}
    here = {name: column for name, column in now.columns.items() if name not in apart and not _empty(column)}
    there = {name: column for name, column in then.columns.items() if name not in apart and not _empty(column)}
    expected = {name: one for name, one in there.items() if _belongs(question, name, against.part)}
    gone, new = [name for name in expected if name not in here], [name for name in here if name not in there]
    changes = [*_renamed(gone, new, there, here)]
    told = {name for one in changes for name in one.column.split(" → ")}
    changes += [Change(name, "is gone (no row has a value)", mark="gone") for name in gone if name not in told]
    if against.part == "predictions" or _wide(there, here):
        changes += [
            Change(name, f"is new ({_kind(here[name])})", _filled(here[name]), "new", urgent=False)
            for name in new
            if name not in told
        ]
    for name in [name for name in here if name in there]:
        changes += _column_changes(name, there[name], here[name])
    changes.sort(key=lambda one: (not one.urgent, -one.weight))
    return _answer(counted, changes, len(here))


def _answer(sides: Sides, changes: list[Change], columns: int) -> CheckResult:
    if not changes:
        return sides.answer(
            "same", f"All {columns} columns are as in {sides.reference}: same names, types and categories."
        )
    first = changes[0]
    more = f"; {len(changes)} changes in all" if len(changes) > 1 else ""
    sentence = f"{first.column} {first.what}{more}"
    chart = bars(
        [one.short for one in changes[:MOST_ROWS]],
        [one.weight for one in changes[:MOST_ROWS]],
        title=sentence,
        percent=True,
        label="share of rows",
    )
    return sides.answer(
        "changed",
        sentence + ".",
        columns=("column", "change", "rows"),
        rows=[(one.column, one.what, percent(one.weight)) for one in changes[:MOST_ROWS]],
        data={"changes": [[one.column, one.what] for one in changes]},
        png=chart.png,
        alt=chart.alt,
    )


def _belongs(question: Question, name: str, part: str) -> bool:
    """A reference may hold labels and other columns that no prediction ever has; the model's own must be there."""
    data = question.rows.data
    if part == "predictions" or name in question.rows.columns("predictions"):
        return True
    return name in data.features or name in data.segments or not data.features


def _wide(there: Mapping[str, Column], here: Mapping[str, Column]) -> bool:
    """Whether the reference has most of the columns: else it is a selection, and others are no news."""
    return len([name for name in here if name in there]) >= len(here) / 2


def _column_changes(name: str, then: Column, now: Column) -> list[Change]:
    kind, kind_now = _kind(then), _kind(now)
    if kind != kind_now:
        return [Change(name, f"was {kind}, is {kind_now}", mark="type")]
    if kind != "text":
        return []
    if text := text_among(now) if holds_numbers(then) else None:
        usual = text_among(then)
        share = text.count / text.rows
        more = share - (usual.count / usual.rows if usual else 0.0)
        said = f"holds text where numbers are expected ({percent(share)} of rows, e.g. {category(text.example)})"
        return [Change(name, said, share, "text")] if more >= LEAST_SHARE else []
    counts, counts_now = count_categories(then)[0], count_categories(now)[0]
    if len(counts) > FEW_CATEGORIES:
        return []
    rows, rows_now = max(1, sum(counts.values())), max(1, sum(counts_now.values()))
    found = [
        Change(name, f"has the new category {category!r}", size / rows_now, f"+ {category}")
        for category, size in counts_now.items()
        if category not in counts and size >= LEAST_SEEN and size / rows_now >= LEAST_SHARE
    ]
    expected = {category: size / rows for category, size in counts.items() if size / rows >= LEAST_SHARE}
    return found + [
        Change(name, f"has no {category!r} any more", share, f"- {category}")
        for category, share in expected.items()
        if category not in counts_now and share * rows_now >= 10  # noqa: PLR2004
    ]


def _renamed(gone: list[str], new: list[str], then: Mapping[str, Column], now: Mapping[str, Column]) -> list[Change]:
    found, taken = [], set[str]()
    for old in gone:
        likely = [name for name in new if name not in taken and _alike(then[old], now[name])]
        if likely:
            fresh = max(likely, key=lambda name: _shared(old, name))
            taken.add(fresh)
            found.append(Change(f"{old} → {fresh}", f"looks renamed: {old} is gone and {fresh} holds such values"))
    return found


def _alike(then: Column, now: Column) -> bool:
    if _kind(then) != _kind(now):
        return False
    if is_numeric(then):
        sides = [np.sort(side[np.isfinite(side)]) for side in (as_numbers(then), as_numbers(now))]
        return min(side.size for side in sides) > 0 and ks_exact(sides[0], sides[1]) < ALIKE_KS
    counts, counts_now = count_categories(then)[0], count_categories(now)[0]
    rows, rows_now = max(1, sum(counts.values())), max(1, sum(counts_now.values()))
    common = sum(min(size / rows, counts_now.get(name, 0) / rows_now) for name, size in counts.items())
    return common >= ALIKE_CATEGORIES


def _shared(one: str, other: str) -> int:
    return len(set(one.lower().split("_")) & set(other.lower().split("_")))


def _filled(column: Column) -> float:
    """The share of rows that have a value."""
    if column.dtype.kind in "mM":
        return float(1 - np.isnat(column).mean()) if column.size else 0.0
    return 1 - count_nulls(column) / max(1, column.size)


def _empty(column: Column) -> bool:
    return _filled(column) == 0


def _kind(column: Column) -> str:
    if column.dtype.kind in "mM":
        return "a time"
    if is_numeric(column):
        return "a number"
    present = [value for value in column[:1000].tolist() if value is not None]
    return "a flag" if present and all(isinstance(value, (bool, np.bool_)) for value in present) else "text"
