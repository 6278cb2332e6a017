"""How well predictions fit their labels, each measure with an interval, and how much it fell since a hold-out set.

Shares of rows (accuracy, precision, recall) have Wilson's interval, means over rows (log loss, Brier, MAE) Student's t,
the area under the ROC curve DeLong's, F1 and RMSE the delta method. No resampling: the same rows give the same answer.
"""

import math
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from bot.statistics.columns import Column, Floats, as_numbers, is_numeric
from bot.statistics.rates import CONFIDENCE, Interval, normal_quantile, wilson
from bot.statistics.shortfall import Reason, Shortfall, one_class, too_few_rows, unequal_length
from bot.statistics.wording import number

LEAST_ROWS = 30
LARGEST = 1e70  # fourth powers of larger errors are no float64
CLEAREST = 1e-15  # a probability of 0 or 1 that is wrong costs this much in log loss, not infinitely much


class Measure(StrEnum):
    ACCURACY = "accuracy"
    PRECISION = "precision"
    RECALL = "recall"
    F1 = "f1"
    AUC = "auc"
    LOG_LOSS = "log_loss"
    BRIER = "brier"
    MAE = "mae"
    RMSE = "rmse"


LOWER_IS_BETTER = frozenset({Measure.LOG_LOSS, Measure.BRIER, Measure.MAE, Measure.RMSE})


@dataclass(frozen=True, slots=True)
class Performance:
    """One measure over `rows` labelled rows. `error` is its standard error, in its own unit."""

    measure: Measure
    value: float
    interval: Interval
    error: float
    rows: int


@dataclass(frozen=True, slots=True)
class PerformanceChange:
    """`drop` is positive when performance got worse, whichever way the measure counts; with its interval."""

    measure: Measure
    reference: Performance
    current: Performance
    drop: float
    interval: Interval
    p_value: float
    worse: bool
    sentence: str


Scores = dict[Measure, Performance | Shortfall]


def classification(
    labels: Column,
    predictions: Column | None = None,
    probabilities: Column | None = None,
    *,
    positive: object = 1,
    threshold: float = 0.5,
    confidence: float = CONFIDENCE,
    least_rows: int = LEAST_ROWS,
) -> Scores:
    """Two-class measures. `labels` and `predictions`, shape (rows,), are `positive` or anything else; `probabilities`
    are of the positive class, 0 to 1. Without predictions they are probabilities >= `threshold`. Rows with a null in
    any given column don't count. A measure that can't be had is a Shortfall; those of probabilities need them.
    """
    columns = [column for column in (labels, predictions, probabilities) if column is not None]
    lengths = {len(column) for column in columns}
    names = [Measure.ACCURACY, Measure.PRECISION, Measure.RECALL, Measure.F1]
    names += [Measure.AUC, Measure.LOG_LOSS, Measure.BRIER] if probabilities is not None else []
    if len(lengths) > 1:
        return dict.fromkeys(names, unequal_length(min(lengths), max(lengths)))
    known = np.logical_and.reduce([~_null(column) for column in columns])
    if known.sum() < least_rows:
        return dict.fromkeys(names, too_few_rows(int(known.sum()), least_rows, "the labelled window"))
    truth = _is_positive(np.asarray(labels)[known], positive)
    scores: Scores = {}
    chance = None if probabilities is None else np.clip(as_numbers(probabilities)[known], 0.0, 1.0)
    if predictions is not None or chance is not None:
        scores |= _decisions(truth, _said(predictions, chance, known, positive, threshold), confidence)
    if chance is not None:
        scores |= _probabilities(truth, chance, confidence)
    return scores


def _said(
    predictions: Column | None, chance: Floats | None, known: Column, positive: object, threshold: float
) -> Column:
    if predictions is not None:
        return _is_positive(np.asarray(predictions)[known], positive)
    assert chance is not None
    return chance >= threshold


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
    square = _mean(Measure.RMSE, errors**2, confidence)
    root = math.sqrt(square.value)
    ends = Interval(math.sqrt(max(square.interval.lower, 0.0)), math.sqrt(square.interval.upper))
    return {
        Measure.MAE: _mean(Measure.MAE, errors, confidence),
        Measure.RMSE: Performance(Measure.RMSE, root, ends, square.error / (2 * root) if root else 0.0, errors.size),
    }


def compare_performance(
    reference: Scores, current: Scores, *, confidence: float = CONFIDENCE, alpha: float = 0.05
) -> dict[Measure, PerformanceChange | Shortfall]:
    """Each measure now against the hold-out set: the drop, its interval, and whether it is beyond chance."""
    changes: dict[Measure, PerformanceChange | Shortfall] = {}
    for measure in [measure for measure in reference if measure in current]:
        then, now = reference[measure], current[measure]
        if isinstance(then, Shortfall):
            changes[measure] = then
        elif isinstance(now, Shortfall):
            changes[measure] = now
        else:
            changes[measure] = _change(measure, then, now, confidence, alpha)
    return changes


def _change(
    measure: Measure, then: Performance, now: Performance, confidence: float, alpha: float
) -> PerformanceChange:
    drop = now.value - then.value if measure in LOWER_IS_BETTER else then.value - now.value
    error = math.hypot(then.error, now.error)
    reach = normal_quantile(0.5 + confidence / 2) * error
    p_value = math.erfc(drop / error / math.sqrt(2)) / 2 if error else float(drop <= 0)
    sentence = f"{measure.replace('_', ' ')} {number(then.value)} → {number(now.value)}"
    return PerformanceChange(
        measure, then, now, drop, Interval(drop - reach, drop + reach), p_value, p_value < alpha and drop > 0, sentence
    )


def _decisions(truth: Column, said: Column, confidence: float) -> Scores:
    hits, missed = int((truth & said).sum()), int((truth & ~said).sum())
    false_alarms = int((~truth & said).sum())
    no_positive = Shortfall(Reason.ONE_CLASS, "No row is predicted positive, so precision says nothing.")
    return {
        Measure.ACCURACY: _share(Measure.ACCURACY, int((truth == said).sum()), truth.size, confidence),
        Measure.PRECISION: _share(Measure.PRECISION, hits, hits + false_alarms, confidence)
        if hits + false_alarms
        else no_positive,
        Measure.RECALL: _share(Measure.RECALL, hits, hits + missed, confidence)
        if hits + missed
        else one_class("negative"),
        Measure.F1: _f1(hits, missed + false_alarms, truth.size, confidence)
        if hits + missed
        else one_class("negative"),
    }


def _share(measure: Measure, count: int, rows: int, confidence: float) -> Performance:
    # Half a row added to each side keeps the error of a perfect score above zero.
    smooth = (count + 0.5) / (rows + 1)
    error = math.sqrt(smooth * (1 - smooth) / rows)
    return Performance(measure, count / rows, wilson(count, rows, confidence), error, rows)


def _f1(hits: int, wrong: int, rows: int, confidence: float) -> Performance:
    """F1 = 2 h / (2 h + w) is a monotone function of the share h / (h + w), so Wilson's limits of that carry over."""
    inner = wilson(hits, hits + wrong, confidence)
    lower, upper = (2 * share / (1 + share) for share in (inner.lower, inner.upper))
    jaccard = (hits + 0.5) / (hits + wrong + 1)
    error = 2 / (1 + jaccard) ** 2 * math.sqrt(jaccard * (1 - jaccard) / (hits + wrong))
    return Performance(Measure.F1, 2 * hits / (2 * hits + wrong), Interval(lower, upper), error, rows)


def _probabilities(truth: Column, chance: Floats, confidence: float) -> Scores:
    said = np.clip(np.where(truth, chance, 1 - chance), CLEAREST, 1.0)
    return {
        Measure.AUC: _auc(truth, chance, confidence),
        Measure.LOG_LOSS: _mean(Measure.LOG_LOSS, -np.log(said), confidence),
        Measure.BRIER: _mean(Measure.BRIER, (chance - truth) ** 2, confidence),
    }


def _mean(measure: Measure, losses: Floats, confidence: float) -> Performance:
    from scipy.special import stdtrit  # noqa: PLC0415

    value = float(losses.mean())
    error = float(losses.std(ddof=1)) / math.sqrt(losses.size)
    reach = float(stdtrit(losses.size - 1, 0.5 + confidence / 2)) * error
    return Performance(measure, value, Interval(max(0.0, value - reach), value + reach), error, losses.size)


def _auc(truth: Column, chance: Floats, confidence: float) -> Performance | Shortfall:
    """The chance that a positive row scores above a negative one, ties counting half; variance by DeLong (1988) from
    mid-ranks, limits on the logit scale so that they stay within 0 and 1. A perfect order takes Wilson's interval."""
    positive, negative = np.sort(chance[truth]), np.sort(chance[~truth])
    if positive.size == 0 or negative.size == 0:
        return one_class("positive" if negative.size == 0 else "negative")
    above = _share_below(negative, positive)
    below = 1 - _share_below(positive, negative)
    value = float(above.mean())
    variance = _variance(above) / positive.size + _variance(below) / negative.size
    error = math.sqrt(variance)
    if error == 0 or value in {0.0, 1.0}:
        few = min(positive.size, negative.size)
        whole = wilson(round(value * few), few, confidence)
        return Performance(Measure.AUC, value, whole, (whole.upper - whole.lower) / 4, chance.size)
    reach = normal_quantile(0.5 + confidence / 2) * error / (value * (1 - value))
    logit = math.log(value / (1 - value))
    lower, upper = (1 / (1 + math.exp(-max(-700.0, min(700.0, end)))) for end in (logit - reach, logit + reach))
    return Performance(Measure.AUC, value, Interval(lower, upper), error, chance.size)


def _variance(placements: Floats) -> float:
    return float(placements.var(ddof=1)) if placements.size > 1 else 0.0


def _share_below(ordered: Floats, values: Floats) -> Floats:
    """For each value the share of `ordered` below it, equal ones counted half."""
    left = np.searchsorted(ordered, values, side="left")
    right = np.searchsorted(ordered, values, side="right")
    return (left + right) / (2 * ordered.size)


def _null(column: Column) -> Column:
    plain = np.asarray(column)
    if plain.dtype.kind != "O" and is_numeric(plain):
        return np.isnan(as_numbers(plain))
    if plain.dtype.kind != "O":
        return np.zeros(plain.size, dtype=np.bool_)
    return np.fromiter((value is None or value != value for value in plain.tolist()), np.bool_, count=plain.size)  # noqa: PLR0124


def _is_positive(column: Column, positive: object) -> Column:
    if column.dtype.kind != "O":
        return np.asarray(column == positive, dtype=np.bool_) & np.ones(column.size, dtype=np.bool_)
    return np.fromiter((value == positive for value in column.tolist()), np.bool_, count=column.size)


__all__ = [
    "LOWER_IS_BETTER",
    "Measure",
    "Performance",
    "PerformanceChange",
    "Scores",
    "classification",
    "compare_performance",
    "regression",
]
