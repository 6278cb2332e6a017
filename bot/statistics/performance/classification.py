"""Measures of answers among two classes, and of the probabilities behind them."""

import math

import numpy as np

from bot.statistics.columns import Column, Floats, as_numbers
from bot.statistics.performance.measures import (
    LEAST_ROWS,
    Measure,
    Performance,
    Scores,
    mean_measure,
    null_rows,
    share_measure,
    within_unit,
)
from bot.statistics.rates import CONFIDENCE, Interval, wilson
from bot.statistics.shortfall import Reason, Shortfall, one_class, too_few_rows, unequal_length

CLEAREST = 1e-15  # a probability of 0 or 1 that is wrong costs this much in log loss, not infinitely much


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
    known = np.logical_and.reduce([~null_rows(column) for column in columns])
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


def _decisions(truth: Column, said: Column, confidence: float) -> Scores:
    hits, missed = int((truth & said).sum()), int((truth & ~said).sum())
    false_alarms = int((~truth & said).sum())
    no_positive = Shortfall(Reason.ONE_CLASS, "No row is predicted positive, so precision says nothing.")
    return {
        Measure.ACCURACY: share_measure(Measure.ACCURACY, int((truth == said).sum()), truth.size, confidence),
        Measure.PRECISION: share_measure(Measure.PRECISION, hits, hits + false_alarms, confidence)
        if hits + false_alarms
        else no_positive,
        Measure.RECALL: share_measure(Measure.RECALL, hits, hits + missed, confidence)
        if hits + missed
        else one_class("negative"),
        Measure.F1: _f1(hits, missed + false_alarms, truth.size, confidence)
        if hits + missed
        else one_class("negative"),
    }


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
        Measure.LOG_LOSS: mean_measure(Measure.LOG_LOSS, -np.log(said), confidence),
        Measure.BRIER: mean_measure(Measure.BRIER, (chance - truth) ** 2, confidence),
    }


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
    flat = error == 0 or value in {0.0, 1.0}
    few = min(positive.size, negative.size) if flat else chance.size
    interval, shown = within_unit(value, error, few, confidence)
    return Performance(Measure.AUC, value, interval, shown, chance.size)


def _variance(placements: Floats) -> float:
    return float(placements.var(ddof=1)) if placements.size > 1 else 0.0


def _share_below(ordered: Floats, values: Floats) -> Floats:
    """For each value the share of `ordered` below it, equal ones counted half."""
    left = np.searchsorted(ordered, values, side="left")
    right = np.searchsorted(ordered, values, side="right")
    return (left + right) / (2 * ordered.size)


def _is_positive(column: Column, positive: object) -> Column:
    return np.asarray(column == positive, dtype=np.bool_) & np.ones(column.size, dtype=np.bool_)
