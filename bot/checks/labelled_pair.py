"""Labelled rows of a window beside those of its reference, and which measures fell between them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Literal

import numpy as np

from bot.checks.contract import NO_DATA, CheckResult
from bot.checks.labelled import (
    Labelled,
    Task,
    arrivals,
    labels_of,
    oriented,
    read_holdout,
    read_now,
    scores_of,
    since,
    task_of,
    turned_note,
)
from bot.checks.registry import Question
from bot.checks.windows import Sides, features_of, longer, span, window_of
from bot.statistics.faults.hypothesis import SURE
from bot.statistics.performance import Measure, PerformanceChange, compare_performance
from bot.statistics.shortfall import Shortfall

NO_LABELS = "no labels"
LEAST_LABELLED = 0.05
LEAST_DROP = 0.02
MONTH = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Pair:
    """Both sides with their labels."""

    sides: Sides
    now: Labelled
    then: Labelled

    @property
    def labelled(self) -> str:
        count = int(self.now.known.sum())
        return f"{count:,} of {self.now.labels.size:,} rows {span(self.sides.start, self.sides.end)} have labels"


def read_pair(
    question: Question, against: Literal["holdout", "before"], *, segmented: bool = True, extra: Sequence[str] = ()
) -> Pair | CheckResult:
    """Read the window and its reference; an answer at once when there are no rows or hardly a label."""
    labels, data = labels_of(question), question.rows.data
    start, end, notes = window_of(question)
    segments = [*(segments_of(question) if segmented else []), *extra]
    keyed = [labels.key, data.time] if against == "before" and labels.time else []
    now = read_now(question, start, end, [*segments, *keyed])
    if against == "holdout":
        then, reference = read_holdout(question, segments), "the hold-out set"
    else:
        then, reference = read_now(question, start - MONTH, start, [*segments, *keyed]), "the 30 days before"
        if keyed:
            now, then = (_at_equal_age(question, side, end - start) for side in (now, then))
            notes = (*notes, "labels count up to the same age on both sides")
    sides = Sides(now.frame, then.frame, reference, start, end, (*notes, *now.frame.notes))
    if now.frame.rows == 0:
        return sides.answer(NO_DATA, f"{question.model.name} has no rows {span(start, end)}. {longer(end - start)}")
    if not then.known.any():
        what = "row with a label yet" if then.frame.rows else "rows"
        place = "data.holdout" if against == "holdout" else "data.labels"
        hint = f"Look at what `{place}` in muster.yaml points to."
        return sides.answer(NO_DATA, f"There is nothing to compare with: {reference} has no {what}. {hint}")
    pair = Pair(sides, now, then)
    if now.share < LEAST_LABELLED:
        hint = f"Only {pair.labelled} yet; a fall seen in so few would be label delay."
        return sides.answer(NO_LABELS, f"{hint} {longer(end - start)}", data={"labelled": now.share})
    return pair


def segments_of(question: Question) -> list[str]:
    data = question.rows.data
    there = set(question.rows.columns("predictions"))
    return [name for name in (data.segments or list(data.features) or features_of(question)) if name in there]


def _at_equal_age(question: Question, side: Labelled, length: timedelta) -> Labelled:
    """Forget labels that came later than the current window could have seen: each earlier window as it looked then."""
    labels, data = labels_of(question), question.rows.data
    if side.frame.rows == 0:
        return side
    times = side.frame.columns[data.time]
    _, end, _ = window_of(question)
    age = since(question.at, times)
    back = np.maximum(0.0, np.ceil((since(end, times) - length.total_seconds()) / length.total_seconds()))
    took = age - since(question.at, arrivals(question, side.frame.columns[labels.key]))
    seen = took <= age - back * length.total_seconds()
    known = side.labels.astype(object)
    known[~seen] = None
    kept = np.asarray([np.nan if cell is None else cell for cell in known]) if side.labels.dtype.kind == "f" else known
    return replace(side, labels=kept)


def task_and_pair(question: Question, value: str | None, pair: Pair) -> tuple[Task, Pair]:
    """What is answered, and the pair with scores that rise with the positive class."""
    task = task_of(question, value, pair.then, pair.now)
    then, now, turned = oriented(task, pair.then, pair.now)
    sides = replace(pair.sides, notes=(*pair.sides.notes, *turned_note(task, turned=turned)))
    return task, Pair(sides, now, then)


def changes_of(task: Task, pair: Pair) -> dict[Measure, PerformanceChange | Shortfall]:
    return compare_performance(scores_of(task, pair.then), scores_of(task, pair.now))


def matters(change: PerformanceChange) -> bool:
    """Tell whether a drop is beyond chance and worth acting on: of many labels every difference is beyond chance."""
    return change.p_value < SURE and change.drop >= LEAST_DROP * abs(change.reference.value)
