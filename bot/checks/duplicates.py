"""Rows that came more than once: by their key, or alike in every column."""

from collections.abc import Mapping
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from bot.charts import bars
from bot.checks.contract import MOST_ROWS, CheckResult
from bot.checks.registry import Params, Question
from bot.checks.windows import Sides, read_sides
from bot.statistics.columns import Column, as_numbers, is_numeric
from bot.statistics.faults.hypothesis import SURE
from bot.statistics.rates import ShareChange, compare_shares
from bot.statistics.wording import agree, count_of, percent

MOST_READ = 1_000_000
CANT_TELL = "can't tell"
LEAST_CHANGE = 0.005
MINUTE = np.timedelta64(1, "m")
MIX = np.uint64(0x9E3779B97F4A7C15)


class DuplicatesParams(Params):
    """key: a column no two rows share; without one the key of the labels, else whole rows are compared."""

    key: str | None = None


def run(question: Question) -> CheckResult:
    assert isinstance(question.params, DuplicatesParams)
    rows, data = question.rows, question.rows.data
    key = question.params.key or (data.labels.key if data.labels else None)
    counted = read_sides(question, [], most=None)
    if isinstance(counted, CheckResult):
        return counted
    against = counted.against
    assert against is not None
    if counted.now.rows > MOST_READ:
        sentence = f"{counted.now.rows:,} rows are too many to compare with each other ({MOST_READ:,} at most)."
        return counted.answer("too many rows", f"{sentence} Ask for a shorter window.")
    names = [key] if key else rows.columns("predictions")
    asked = list(dict.fromkeys([*names, data.time]))
    now = rows.window("predictions", counted.start, counted.end, asked)
    coarse = {name for name in names if any(note.startswith(f"{name} ") and "2^53" in note for note in now.notes)}
    names = [name for name in names if name not in coarse]
    if not names or names == [data.time]:
        sentence = f"{', '.join(sorted(coarse))} holds whole numbers beyond 2^53, too large to tell apart here."
        return counted.answer(CANT_TELL, f"{sentence} Hand it over as text, or name another column with key=.")
    known = set(rows.columns(against.part))
    wanted = [name for name in names if name in known]
    then = (
        rows.window(against.part, against.start, against.end, wanted, most=None)
        if wanted and counted.then.rows <= MOST_READ
        else None
    )
    repeats = repeated({name: now.columns[name] for name in names})
    usual = int(repeated({name: then.columns[name] for name in wanted}).sum()) if then else 0
    change = compare_shares(usual, then.rows if then else max(1, counted.then.rows), int(repeats.sum()), now.rows)
    return _answer(counted, change, repeats, now.columns[data.time], key)


def _answer(
    sides: Sides, change: ShareChange, repeats: NDArray[np.bool_], times: Column, key: str | None
) -> CheckResult:
    found = int(repeats.sum())
    what = (
        f"{agree(found, 'shares its', 'share their')} {key} with an earlier row"
        if key
        else f"{agree(found, 'repeats', 'repeat')} an earlier row in every column"
    )
    duplicated = change.difference >= LEAST_CHANGE and change.p_value < SURE
    usual = percent(change.reference.value)
    sentence = (
        f"{found:,} of {count_of(repeats.size, 'row')} ({percent(change.current.value)}) {what} (usually {usual})"
    )
    if not found:
        sentence = (
            f"None of {repeats.size:,} rows {'shares its ' + key + ' with another' if key else 'repeats another'}"
        )
    minutes, sizes = _by_minute(times[repeats])
    if duplicated and sizes.size and sizes.max() >= found / 2:
        most, minute = int(sizes.max()), _clock(minutes[int(sizes.argmax())])
        sentence += f"; {most:,} of them {agree(most, 'is', 'are')} of {minute}: delivered twice?"
    order = np.argsort(-sizes, kind="stable")[:MOST_ROWS]
    chart = bars(
        ["usually", "now"],
        [change.reference.value, change.current.value],
        title=sentence,
        highlight=["now"] if duplicated else None,
        percent=True,
        label="repeated rows",
    )
    return sides.answer(
        "duplicated" if duplicated else "none",
        sentence + ".",
        columns=("minute", "repeated rows"),
        rows=[(_clock(minutes[at]), f"{int(sizes[at]):,}") for at in order],
        data={"repeated": found, "share": change.current.value, "usually": change.reference.value, "key": key},
        png=chart.png,
        alt=chart.alt,
    )


def repeated(columns: Mapping[str, Column]) -> NDArray[np.bool_]:
    """Which rows equal an earlier one in all of these columns, shape (rows,); two nulls are equal."""
    mixed = np.zeros(len(next(iter(columns.values()), ())), dtype=np.uint64)
    for column in columns.values():
        with np.errstate(over="ignore"):
            mixed = (mixed ^ (mixed >> np.uint64(29))) * MIX + _codes(column)
    order = np.argsort(mixed, kind="stable")
    same = np.zeros(mixed.size, dtype=np.bool_)
    same[order[1:]] = mixed[order[1:]] == mixed[order[:-1]]
    return same


def _codes(column: Column) -> NDArray[np.uint64]:
    if is_numeric(column):
        return as_numbers(column).view(np.uint64).copy()
    place: dict[object, int] = {}
    codes = (place.setdefault(value if _plain(value) else str(value), len(place)) for value in column.tolist())
    return np.fromiter(codes, dtype=np.uint64, count=column.size)


def _plain(value: object) -> bool:
    return value is None or isinstance(value, str | int | float | bool)


def _by_minute(times: Column) -> tuple[Column, NDArray[np.int64]]:
    stamps = np.asarray(times).astype("datetime64[us]")
    minutes, sizes = np.unique(stamps[~np.isnat(stamps)].astype("datetime64[m]"), return_counts=True)
    return minutes, sizes.astype(np.int64)


def _clock(minute: np.datetime64) -> str:
    moment: datetime = minute.astype("datetime64[s]").item()
    return f"{moment:%d %b %H:%M} UTC"
