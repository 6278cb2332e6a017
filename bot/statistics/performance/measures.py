"""What is measured, and what one measurement is."""

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from bot.statistics.columns import Column, Floats, as_numbers, is_numeric
from bot.statistics.rates import Interval, normal_quantile, wilson
from bot.statistics.shortfall import Shortfall

LEAST_ROWS = 30


class Measure(StrEnum):
    ACCURACY = "accuracy"
    PRECISION = "precision"
    RECALL = "recall"
    F1 = "f1"
    AUC = "auc"
    LOG_LOSS = "log_loss"
    BRIER = "brier"
    MACRO_PRECISION = "macro_precision"
    MACRO_RECALL = "macro_recall"
    MACRO_F1 = "macro_f1"
    WEIGHTED_PRECISION = "weighted_precision"
    WEIGHTED_RECALL = "weighted_recall"
    WEIGHTED_F1 = "weighted_f1"
    NDCG = "ndcg"
    MAE = "mae"
    RMSE = "rmse"


LOWER_IS_BETTER = frozenset({Measure.LOG_LOSS, Measure.BRIER, Measure.MAE, Measure.RMSE})


@dataclass(frozen=True, slots=True)
class Performance:
    """One measure over `rows` labelled rows (queries, for NDCG). `error` is its standard error, in its own unit."""

    measure: Measure
    value: float
    interval: Interval
    error: float
    rows: int


Scores = dict[Measure, Performance | Shortfall]


def share_measure(measure: Measure, count: int, rows: int, confidence: float) -> Performance:
    # Half a row added to each side keeps the error of a perfect score above zero.
    smooth = (count + 0.5) / (rows + 1)
    error = math.sqrt(smooth * (1 - smooth) / rows)
    return Performance(measure, count / rows, wilson(count, rows, confidence), error, rows)


def mean_measure(measure: Measure, losses: Floats, confidence: float) -> Performance:
    """The mean of losses (two or more, none below 0) with Student's t interval."""
    from scipy.special import stdtrit  # noqa: PLC0415

    value = float(losses.mean())
    error = float(losses.std(ddof=1)) / math.sqrt(losses.size)
    reach = float(stdtrit(losses.size - 1, 0.5 + confidence / 2)) * error
    return Performance(measure, value, Interval(max(0.0, value - reach), value + reach), error, losses.size)


def within_unit(value: float, error: float, rows: int, confidence: float) -> tuple[Interval, float]:
    """The interval, and a standard error above zero, of a measure that lies between 0 and 1: on the logit scale, so
    that limits stay within; where the rows show no variation (all right, all wrong), Wilson's."""
    if error == 0 or value in {0.0, 1.0}:
        whole = wilson(round(value * rows), rows, confidence)
        return whole, (whole.upper - whole.lower) / 4
    reach = normal_quantile(0.5 + confidence / 2) * error / (value * (1 - value))
    logit = math.log(value / (1 - value))
    lower, upper = (1 / (1 + math.exp(-max(-700.0, min(700.0, end)))) for end in (logit - reach, logit + reach))
    return Interval(lower, upper), error


def null_rows(column: Column) -> Column:
    """Tell which rows hold None or NaN; shape (rows,), bool."""
    plain = np.asarray(column)
    if plain.dtype.kind != "O" and is_numeric(plain):
        return np.isnan(as_numbers(plain))
    if plain.dtype.kind != "O":
        return np.zeros(plain.size, dtype=np.bool_)
    return np.asarray((plain == None) | (plain != plain), dtype=np.bool_)  # noqa: E711, PLR0124 -- cell by cell
