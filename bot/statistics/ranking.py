"""How well answers are ordered: normalised discounted cumulative gain (Järvelin and Kekäläinen 2002), with ties.

Rows of equal score have no order of their own. Their gain is the mean over all orders they could have (McSherry and
Najork 2008), so that a constant score is worth what a random order is, and the order of a file makes no difference.
"""

from typing import Literal

import numpy as np

from bot.statistics.columns import Column, Counts, Floats, as_numbers
from bot.statistics.performance.measures import Measure, Performance, Scores, mean_measure, null_rows
from bot.statistics.rates import CONFIDENCE, Interval
from bot.statistics.shortfall import too_few_rows, unequal_length

LEAST_QUERIES = 30
MOST_GAIN = 1000.0  # 2 to the power of a larger grade is no float64

Gain = Literal["exponential", "linear"]


def ndcg(
    queries: Column,
    relevance: Column,
    scores: Column,
    *,
    k: int = 10,
    gain: Gain = "exponential",
    confidence: float = CONFIDENCE,
    least_queries: int = LEAST_QUERIES,
) -> Scores:
    """Mean NDCG@k over queries with Student's t interval over them; `rows` of the answer counts queries.

    queries: which query a row belongs to. relevance: its grade, 0 or more (lower counts as 0). scores: what it was
    ordered by, highest first. Shape (rows,) each; rows with a null don't count. gain: 2^grade - 1, or the grade itself.
    Queries without a relevant row have no ideal order to compare with, and are left out.
    """
    lengths = {len(column) for column in (queries, relevance, scores)}
    if len(lengths) > 1:
        return {Measure.NDCG: unequal_length(min(lengths), max(lengths))}
    each = ndcg_of_each(queries, relevance, scores, k=k, gain=gain)
    if each.size < least_queries:
        return {Measure.NDCG: too_few_rows(each.size, least_queries, "the labelled window (one a query)")}
    found = mean_measure(Measure.NDCG, each, confidence)
    ends = Interval(found.interval.lower, min(1.0, found.interval.upper))
    return {Measure.NDCG: Performance(Measure.NDCG, found.value, ends, found.error, found.rows)}


def ndcg_of_each(
    queries: Column, relevance: Column, scores: Column, *, k: int = 10, gain: Gain = "exponential"
) -> Floats:
    """NDCG@k of each query that has a relevant row, by the order of the queries' names; shape (queries,)."""
    grades, order_by = as_numbers(relevance), as_numbers(scores)
    usable = np.isfinite(grades) & ~np.isnan(order_by) & ~null_rows(queries)
    grades, order_by = np.clip(grades[usable], 0.0, MOST_GAIN), order_by[usable]
    names = np.asarray(queries)[usable]
    if names.size == 0:
        return np.zeros(0)
    _, inverse = np.unique(names.astype(str) if names.dtype.kind == "O" else names, return_inverse=True)
    group = np.asarray(inverse, dtype=np.int64)
    value = np.exp2(grades) - 1 if gain == "exponential" else grades
    # Both gains of a query are divided by its largest, which the ratio does not see and float64 does.
    largest = np.zeros(int(group.max()) + 1)
    np.maximum.at(largest, group, value)
    value = value / np.where(largest > 0, largest, 1.0)[group]
    ideal = _gained(group, value, value, k)
    got = _gained(group, order_by, value, k)
    return np.asarray((got / np.where(ideal > 0, ideal, 1.0))[ideal > 0], dtype=np.float64)


def _gained(group: Counts, order_by: Floats, value: Floats, k: int) -> Floats:
    """Discounted gain of the first k rows of each group; tied rows share the discounts of the places they hold."""
    order = np.lexsort((-order_by, group))
    group, order_by, value = group[order], order_by[order], value[order]
    starts = np.flatnonzero(np.r_[True, group[1:] != group[:-1]])
    place = np.arange(group.size) - starts[group]
    discount = np.where(place < k, 1 / np.log2(place + 2.0), 0.0)
    tie = np.cumsum(np.r_[True, (group[1:] != group[:-1]) | (order_by[1:] != order_by[:-1])]) - 1
    shared = np.bincount(tie, discount) / np.bincount(tie)
    return np.bincount(group, value * shared[tie]).astype(np.float64)
