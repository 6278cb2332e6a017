"""Measures of answers among three or more classes: accuracy, and averages over the classes.

`macro`: every class counts alike, so that a rare one that is always missed shows. `weighted`: a class counts by its
rows of truth. A class that is never answered has precision 0, one that never is the truth recall 0. Standard errors
are of the delta method on the table of (truth, answer), a multinomial, from each cell's influence on the measure.
"""

import math
from dataclasses import dataclass

import numpy as np

from bot.statistics.columns import Column, Counts, Floats, category_text
from bot.statistics.performance.measures import (
    LEAST_ROWS,
    Measure,
    Performance,
    Scores,
    null_rows,
    share_measure,
    within_unit,
)
from bot.statistics.rates import CONFIDENCE
from bot.statistics.shortfall import too_few_rows, unequal_length

MACRO = (Measure.MACRO_PRECISION, Measure.MACRO_RECALL, Measure.MACRO_F1)
WEIGHTED = (Measure.WEIGHTED_PRECISION, Measure.WEIGHTED_RECALL, Measure.WEIGHTED_F1)


@dataclass(frozen=True, slots=True)
class _Table:
    """Rows by truth and answer. truth, said: a class number per cell. size: rows per cell. trues, answers, hits: rows
    per class."""

    truth: Counts
    said: Counts
    size: Floats
    trues: Floats
    answers: Floats
    hits: Floats

    @property
    def rows(self) -> int:
        return int(self.size.sum())


def multiclass(
    labels: Column, predictions: Column, *, confidence: float = CONFIDENCE, least_rows: int = LEAST_ROWS
) -> Scores:
    """Accuracy and macro and weighted precision, recall and F1 of classes by their text, shape (rows,) each.

    Rows with a null on either side don't count. Fewer than `least_rows` or columns of unequal length: a Shortfall each.
    """
    names = [Measure.ACCURACY, *MACRO, *WEIGHTED]
    if len(labels) != len(predictions):
        return dict.fromkeys(names, unequal_length(len(labels), len(predictions)))
    known = ~(null_rows(labels) | null_rows(predictions))
    if known.sum() < least_rows:
        return dict.fromkeys(names, too_few_rows(int(known.sum()), least_rows, "the labelled window"))
    table = _table(np.asarray(labels)[known], np.asarray(predictions)[known])
    right = int(table.hits.sum())
    scores: Scores = {Measure.ACCURACY: share_measure(Measure.ACCURACY, right, table.rows, confidence)}
    zeros = np.zeros(table.trues.size)
    for place, (over_truth, over_said) in enumerate(((0.0, 1.0), (1.0, 0.0), (0.5, 0.5))):
        # precision, recall and F1 of a class are hits / (a * trues + b * answers)
        base = over_truth * table.trues + over_said * table.answers
        each = np.divide(table.hits, base, out=zeros.copy(), where=base > 0)
        slope = np.divide(1.0, base, out=zeros.copy(), where=base > 0)
        even = np.full(each.size, 1 / each.size)
        by_rows = table.trues / table.rows
        for measure, weight in ((MACRO[place], even), (WEIGHTED[place], by_rows)):
            value = float((weight * each).sum())
            part = weight * slope
            influence = -each[table.truth] * part[table.truth] * over_truth
            influence -= each[table.said] * part[table.said] * over_said
            influence += np.where(table.truth == table.said, part[table.truth], 0.0)
            if weight is by_rows:
                influence += (each[table.truth] - value) / table.rows
            scores[measure] = _averaged(measure, min(1.0, value), influence, table, confidence)
    return scores


def _averaged(measure: Measure, value: float, influence: Floats, table: _Table, confidence: float) -> Performance:
    centred = influence - (influence * table.size).sum() / table.rows
    error = math.sqrt(float((table.size * centred**2).sum()))
    noise = 1e-12  # an error of rounding is none
    interval, shown = within_unit(value, error if error > noise else 0.0, table.rows, confidence)
    return Performance(measure, value, interval, shown, table.rows)


def _table(labels: Column, predictions: Column) -> _Table:
    both = np.concatenate([_texts(labels), _texts(predictions)])
    names, codes = np.unique(both, return_inverse=True)
    truth, said = codes[: labels.size], codes[labels.size :]
    cells, sizes = np.unique(truth.astype(np.int64) * names.size + said, return_counts=True)
    of_truth, of_said, size = cells // names.size, cells % names.size, sizes.astype(np.float64)
    return _Table(
        of_truth,
        of_said,
        size,
        *(
            np.bincount(place, weight, names.size).astype(np.float64)
            for place, weight in (
                (of_truth, size),
                (of_said, size),
                (of_truth, np.where(of_truth == of_said, size, 0.0)),
            )
        ),
    )


def _texts(column: Column) -> Column:
    """The classes by name, whatever they arrived as: `3`, `3.0` and "3" are one."""
    if column.dtype.kind in "US":
        return column.astype(str)
    values, places = np.unique(column, return_inverse=True) if column.dtype.kind != "O" else _distinct(column)
    return np.asarray([category_text(value) for value in values.tolist()], dtype=str)[places]


def _distinct(column: Column) -> tuple[Column, Counts]:
    seen: dict[object, int] = {}
    places = np.fromiter((seen.setdefault(value, len(seen)) for value in column.tolist()), np.int64, count=column.size)
    values = np.empty(len(seen), dtype=object)
    values[:] = list(seen)
    return values, places
