"""What a model answers, as a number a row: the share of one class, or the score."""

from dataclasses import dataclass

import numpy as np

from bot.catalog.monitors import MonitorMetric
from bot.checks.registry import Question
from bot.checks.windows import BEFORE, window_of
from bot.core.errors import BotError
from bot.statistics.columns import Column, as_numbers, category_text, is_numeric

SEEN = 50_000


@dataclass(frozen=True, slots=True)
class Outcome:
    """`value`: the class whose share is meant; None: the mean of a numeric column."""

    column: str
    value: str | None
    words: str

    @property
    def is_share(self) -> bool:
        return self.value is not None

    def of(self, values: Column) -> Column:
        """Return float64 of the same rows; a row without an answer is NaN."""
        if self.value is None:
            return as_numbers(values)
        wanted = [np.nan if cell is None else float(category_text(cell) == self.value) for cell in values.tolist()]
        return np.asarray(wanted, dtype=np.float64)


def outcome_of(question: Question, value: str | None = None) -> Outcome:
    """The answer to look at: the class asked for, else the one a monitor watches, else the score, else the rarest."""
    data = question.rows.data
    column = data.prediction or data.score
    if column is None:
        raise BotError(
            f"Name the column of {question.model.name}'s answers in muster.yaml: `data.prediction` or `data.score`."
        )
    wanted = value or watched_value(question, column)
    if wanted is not None and data.prediction:
        return Outcome(column, wanted, f"share of {wanted}")
    start, end, _ = window_of(question)
    frame = question.rows.window("predictions", start, end, [column], most=SEEN)
    if frame.rows < SEEN // 10:
        frame = question.rows.window("predictions", start - BEFORE * (end - start), end, [column], most=SEEN)
    sample = frame.columns[column]
    if is_numeric(sample):
        return Outcome(column, None, f"the mean of {column}")
    names, counts = np.unique([category_text(cell) for cell in sample.tolist() if cell is not None], return_counts=True)
    if names.size == 0:
        raise BotError(f"Column `{column}` of {question.model.name} holds no answers.")
    rarest = str(names[np.argmin(counts)])
    return Outcome(column, rarest, f"share of {rarest}")


def watched_value(question: Question, column: str | None) -> str | None:
    """The class whose share a monitor of muster.yaml watches in this column."""
    return next(
        (
            category_text(one.value)
            for one in question.model.monitors
            if one.metric is MonitorMetric.CLASS_SHARE and one.value is not None and one.feature in {None, column}
        ),
        None,
    )
