"""How far numeric answers are off."""

import math

import numpy as np

from bot.statistics.columns import Column, as_numbers
from bot.statistics.performance.measures import LEAST_ROWS, Measure, Performance, Scores, mean_measure
from bot.statistics.rates import CONFIDENCE, Interval
from bot.statistics.shortfall import too_few_rows, unequal_length

LARGEST = 1e70  # fourth powers of larger errors are no float64


def regression(
    labels: Column, predictions: Column, *, confidence: float = CONFIDENCE, least_rows: int = LEAST_ROWS
) -> Scores:
    """Mean absolute and root mean squared error, in the label's unit. Rows with a null or infinity don't count."""
    names = [Measure.MAE, Measure.RMSE]
    if len(labels) != len(predictions):
        return dict.fromkeys(names, unequal_length(len(labels), len(predictions)))
    truth, said = as_numbers(labels), as_numbers(predictions)
    known = np.isfinite(truth) & np.isfinite(said)
    if known.sum() < least_rows:
        return dict.fromkeys(names, too_few_rows(int(known.sum()), least_rows, "the labelled window"))
    with np.errstate(over="ignore"):
        errors = np.minimum(np.abs(said[known] - truth[known]), LARGEST)
    square = mean_measure(Measure.RMSE, errors**2, confidence)
    root = math.sqrt(square.value)
    ends = Interval(math.sqrt(max(square.interval.lower, 0.0)), math.sqrt(square.interval.upper))
    return {
        Measure.MAE: mean_measure(Measure.MAE, errors, confidence),
        Measure.RMSE: Performance(Measure.RMSE, root, ends, square.error / (2 * root) if root else 0.0, errors.size),
    }
