"""The rows of two versions of a model, of the same period where they answered side by side."""

import re
from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from bot.checks.contract import NO_DATA, CheckResult
from bot.checks.registry import Question
from bot.checks.windows import LEAST_ROWS, LONGER, Sides, features_of, longer, span, window_of
from bot.core.errors import BotError, unknown
from bot.data import LABEL, Frame
from bot.statistics.columns import Column, category_text
from bot.statistics.wording import percent

ONE_VERSION = "one version"
SHOWN = 4
MOST_ROWS = 200_000
CLEARLY = 0.1


@dataclass(frozen=True, slots=True)
class VersionPair:
    """Rows of the `old` and the `new` version. together: they answered at the same time; labels: a column of each."""

    old: str
    new: str
    sides: Sides
    together: bool
    labelled: bool

    @property
    def then(self) -> Frame:
        return self.sides.then

    @property
    def now(self) -> Frame:
        return self.sides.now


def read_versions(
    question: Question, columns: list[str], old: str | None, new: str | None
) -> VersionPair | CheckResult:
    """Read both versions' rows of the window, of the shortest longer one that has both where none was asked for."""
    version = question.rows.data.version
    if version is None:
        raise BotError(
            f"Name the column that says which version of {question.model.name} answered: `data.version` in muster.yaml."
        )
    usual = question.params.window or question.rows.data.window
    windows = [usual, *(one for one in LONGER if one > usual and question.params.window is None)]
    found: VersionPair | CheckResult | None = None
    for window in windows:
        found = _read(question, columns, version, window, (old, new))
        if isinstance(found, VersionPair):
            break
    assert found is not None
    return found


def compared_columns(question: Question) -> list[str]:
    """Answers, latency, segments and features, as far as the predictions have them."""
    data, there = question.rows.data, question.rows.columns("predictions")
    for name in (data.prediction, data.score, data.latency, data.version):
        if name and name not in there:
            raise unknown("column of the predictions", name, there)
    wanted = [data.prediction, data.score, data.latency, *data.segments, *features_of(question)]
    return list(dict.fromkeys(name for name in wanted if name and name in there))


def _read(
    question: Question, columns: list[str], version: str, window: timedelta, names: tuple[str | None, str | None]
) -> VersionPair | CheckResult:
    data = question.rows.data
    params = question.params.model_copy(update={"window": window})
    start, end, notes = window_of(replace(question, params=params))
    wanted = list(dict.fromkeys([*columns, version, data.time]))
    labelled = data.labels is not None and data.labels.key in question.rows.columns("predictions")
    frame = (
        question.rows.labelled(start, end, wanted)
        if labelled
        else question.rows.window("predictions", start, end, wanted, most=MOST_ROWS)
    )
    said = np.array(
        [None if _blank(one) else category_text(one) for one in frame.columns[version].tolist()], dtype=object
    )
    sides = Sides(frame, frame, "the other version", start, end, (*notes, *frame.notes))
    if frame.rows == 0:
        return sides.answer(NO_DATA, f"{question.model.name} has no rows {span(start, end)}. {longer(window)}")
    counts = Counter(one for one in said.tolist() if one is not None)
    chosen = _chosen(counts, said, frame.columns[data.time], names)
    if chosen is None:
        return sides.answer(ONE_VERSION, _only(question, counts, frame.rows, start, end), data={"rows": dict(counts)})
    first, second = (said == name for name in chosen)
    both, together = _same_period(frame.columns[data.time], first, second)
    then, now = (_part(frame, side & both) for side in (first, second))
    reference = f"version {chosen[0]}"
    return VersionPair(*chosen, replace(sides, then=then, now=now, reference=reference), together, labelled)


def _blank(value: object) -> bool:
    return value is None or (isinstance(value, float) and np.isnan(value))


def _chosen(
    counts: Counter[str], said: Column, times: Column, names: tuple[str | None, str | None]
) -> tuple[str, str] | None:
    """The two asked for; else the two with most rows, the newer one second."""
    for name in names:
        if name is not None and name not in counts:
            raise unknown("version", name, sorted(counts))
    asked = [name for name in names if name is not None]
    usable = [name for name, rows in counts.most_common() if rows >= LEAST_ROWS or name in asked]
    others = [name for name in usable if name not in asked][: 2 - len(asked)]
    pair = [*asked, *others]
    if len(pair) < 2 or min(counts[name] for name in pair) < LEAST_ROWS:  # noqa: PLR2004
        return None
    if names[0] is not None or names[1] is not None:
        old = names[0] if names[0] is not None else others[0]
        return old, next(name for name in pair if name != old)
    return _by_age(pair, said, _micros(times))


def _by_age(pair: list[str], said: Column, moments: NDArray[np.int64]) -> tuple[str, str]:
    """The one whose rows lie earlier first; side by side, as their names count."""
    middles = {name: float(np.median(moments[said == name])) for name in pair}
    first, second = sorted(pair, key=lambda name: middles[name])
    if middles[second] - middles[first] < CLEARLY * float(moments.max() - moments.min()):
        first, second = sorted(pair, key=_counted)
    return first, second


def _counted(name: str) -> list[tuple[int, str]]:
    """`v10` after `v9`: numbers in a name count as numbers."""
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in re.split(r"(\d+)", name)]


def _micros(times: Column) -> NDArray[np.int64]:
    return (
        times.astype("datetime64[us]").astype(np.int64) if times.dtype.kind == "M" else np.zeros(times.size, np.int64)
    )


def _same_period(times: Column, first: NDArray[np.bool_], second: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], bool]:
    """Which rows lie in the time both versions answered in; all, and False, where that holds too few of either."""
    moments = _micros(times)
    start = max(moments[first].min(), moments[second].min())
    end = min(moments[first].max(), moments[second].max())
    both = (moments >= start) & (moments <= end)
    if min((first & both).sum(), (second & both).sum()) >= LEAST_ROWS:
        return both, True
    return np.ones(times.size, dtype=np.bool_), False


def _part(frame: Frame, rows: NDArray[np.bool_]) -> Frame:
    columns = {name: column[rows] for name, column in frame.columns.items()}
    return Frame(columns, int(rows.sum()), frame.start, frame.end, frame.notes)


def labels_in(frame: Frame) -> Column:
    return frame.columns[LABEL]


def _only(question: Question, counts: Counter[str], rows: int, start: datetime, end: datetime) -> str:
    if not counts:
        return f"No row {span(start, end)} says which version answered: `{question.rows.data.version}` is empty."
    lead = counts.most_common(1)[0]
    share = f"All {rows:,}" if lead[1] == rows else f"{percent(lead[1] / rows)} of {rows:,}"
    few = ", ".join(f"{name} {size:,}" for name, size in counts.most_common(SHOWN)[1:])
    rest = f" (too few of others to compare: {few}; {LEAST_ROWS} needed)" if few else ""
    return f"{share} rows {span(start, end)} are answered by version {lead[0]}{rest}. {longer(end - start)}"
