"""Performance without labels, from the scores alone. VALID UNDER COVARIATE SHIFT ONLY.

Confidence-based: on labelled rows a rising curve turns a score into the chance that the row is positive. Where that
curve still holds, unlabelled rows have an expected table of answers and truths, and so expected measures. It sees that
rows became harder (more of them near the threshold). It can't see that the same score came to mean something else
(concept drift), nor a fault of the label itself; the expected measures then stay where they are while the true ones
fall.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from bot.statistics.columns import Floats
from bot.statistics.isotonic import pool_adjacent
from bot.statistics.performance.measures import Measure
from bot.statistics.rates import CONFIDENCE, Interval
from bot.statistics.shortfall import Shortfall, one_class, too_few_rows

ASSUMPTION = "valid under covariate shift only"
LEAST_ROWS = 200
LEAST_CURRENT = 30
CELLS = 256
DRAWS = 200
SEED = 20261123
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Estimate:
    """A measure of unlabelled rows as expected. interval: where the true value lies once labels come, if the score
    still means what it meant. usual: what it really was on the labelled rows. drop: how far it is expected below
    that, with its interval."""

    measure: Measure
    value: float
    interval: Interval
    usual: float
    drop: float
    drop_interval: Interval
    rows: int


@dataclass(frozen=True, slots=True)
class Estimates:
    """outside: the share of rows whose score is beyond any that was ever labelled, where the curve is a guess."""

    measures: dict[Measure, Estimate]
    outside: float
    assumption: str = ASSUMPTION


class ScoreCurve:
    """From a score to the chance that the row is positive, learnt from labelled rows.

    Rows are gathered in up to 512 cells of scores: equal parts of all rows, and equal parts of the positive ones, so
    that a rare class keeps its detail. Tied scores share a cell.
    """

    def __init__(self, scores: Floats, truth: Bools) -> None:
        ordered, positive = np.sort(scores), np.sort(scores[truth])
        parts = np.linspace(0, 1, CELLS + 1)[1:-1]
        edges = [one[np.minimum((parts * one.size).astype(int), one.size - 1)] for one in (ordered, positive)]
        self.edges: Floats = np.unique(np.concatenate([*edges, ordered[:1]]))
        self.low, self.high = float(ordered[0]), float(ordered[-1])
        self.size: Floats = self.counts(scores, np.ones(scores.size, dtype=np.bool_))
        self.hits: Floats = self.counts(scores, truth)

    def place(self, scores: Floats) -> NDArray[np.intp]:
        """The cell of each score; beyond the ends the nearest."""
        return np.maximum(np.searchsorted(self.edges, scores, side="right") - 1, 0)

    def counts(self, scores: Floats, which: Bools) -> Floats:
        """How many of the rows told by `which` lie in each cell; shape (cells,)."""
        return np.bincount(self.place(scores[which]), minlength=self.edges.size).astype(np.float64)

    @cached_property
    def chance(self) -> Floats:
        """The chance of each cell, rising; shape (cells,)."""
        return self.fitted(self.size, self.hits)

    @staticmethod
    def fitted(size: Floats, hits: Floats) -> Floats:
        """Pooled neighbours. A cell drawn empty takes the curve of its neighbours by weighing next to nothing."""
        weight = np.maximum(size, 1e-9)
        overall = float(hits.sum() / max(1.0, size.sum()))
        return pool_adjacent(np.where(size > 0, hits / weight, overall), weight)

    def of(self, scores: Floats) -> Floats:
        """The chance that each row is positive, shape of `scores`."""
        return self.chance[self.place(scores)]


def estimate_performance(
    reference_scores: Floats,
    reference_truth: Bools,
    scores: Floats,
    *,
    reference_said: Bools | None = None,
    said: Bools | None = None,
    threshold: float = 0.5,
    confidence: float = CONFIDENCE,
    draws: int = DRAWS,
) -> Estimates | Shortfall:
    """Expected accuracy, precision, recall, F1 and AUC of unlabelled rows.

    reference_*: labelled rows the model did not train on, shape (reference rows,). scores, said: the rows to judge,
    shape (rows,); `said` is whether the answer was the positive class, without it score >= `threshold`. Rows with a NaN
    score don't count. Intervals hold both the chance in which rows are positive and that in the curve: `draws`
    bootstrap draws of the labelled rows and of the labels to come, always the same ones.
    """
    then, now = np.isfinite(reference_scores), np.isfinite(scores)
    truth = np.asarray(reference_truth, dtype=np.bool_)[then]
    short = _shortfall(truth, int(now.sum()))
    if short:
        return short
    past, here = reference_scores[then], scores[now]
    past_said = past >= threshold if reference_said is None else reference_said[then]
    here_said = here >= threshold if said is None else said[now]
    curve = ScoreCurve(past, truth)
    yes, no = curve.counts(here, here_said), curve.counts(here, ~here_said)
    was = np.stack([curve.counts(past, mask & side) for mask in (past_said, ~past_said) for side in (truth, ~truth)])
    expected = _measures(yes, no, yes * curve.chance, no * curve.chance)
    realised = _realised(was)
    drawn, drawn_past = _draw(was, yes, no, draws)
    tails = (1 - confidence) / 2, (1 + confidence) / 2
    found = {
        measure: _estimate(measure, realised[measure], value, drawn_past[measure], drawn[measure], tails, here.size)
        for measure, value in expected.items()
        if np.isfinite([value, realised[measure]]).all() and np.isfinite(drawn[measure] + drawn_past[measure]).any()
    }
    return Estimates(found, float(((here < curve.low) | (here > curve.high)).mean()))


def _shortfall(truth: Bools, rows: int) -> Shortfall | None:
    if truth.size < LEAST_ROWS:
        return too_few_rows(truth.size, LEAST_ROWS, "the labelled reference")
    if rows < LEAST_CURRENT:
        return too_few_rows(rows, LEAST_CURRENT)
    if truth.all() or not truth.any():
        return one_class("positive" if truth.all() else "negative")
    return None


def _estimate(
    measure: Measure,
    usual: float,
    value: float,
    drawn_past: Floats,
    drawn: Floats,
    tails: tuple[float, float],
    rows: int,
) -> Estimate:
    """Intervals are the reach of the draws around their middle, laid around the estimate: the middle of the draws
    itself carries some of the curve's overfit."""
    lower, middle, upper = np.nanquantile(drawn, (tails[0], 0.5, tails[1])).tolist()
    least, half, most = np.nanquantile(drawn_past - drawn, (tails[0], 0.5, tails[1])).tolist()
    drop = usual - value
    ends = Interval(max(0.0, value + lower - middle), min(1.0, value + upper - middle))
    return Estimate(measure, value, ends, usual, drop, Interval(drop + least - half, drop + most - half), rows)


def _realised(was: Floats) -> dict[Measure, float]:
    """Measures of labelled rows; `was`, shape (4, cells): rows answered positive and truly so, answered positive and
    not, missed, and rightly left."""
    return _measures(was[0] + was[1], was[2] + was[3], was[0], was[2])


def _draw(was: Floats, yes: Floats, no: Floats, draws: int) -> tuple[dict[Measure, Floats], dict[Measure, Floats]]:
    """Measures of labels still to come, and of the labelled rows, in each draw; shape (draws,) each."""
    rng = np.random.default_rng(SEED)
    found: dict[Measure, list[float]] = {}
    past: dict[Measure, list[float]] = {}
    yes_whole, no_whole = yes.astype(np.int64), no.astype(np.int64)
    for _ in range(draws):
        counts = rng.poisson(was).astype(np.float64)  # each labelled row drawn a Poisson number of times
        size, hits = counts.sum(axis=0), counts[0] + counts[2]
        chance = np.clip(ScoreCurve.fitted(size, hits), 0.0, 1.0)
        now = _measures(
            yes,
            no,
            rng.binomial(yes_whole, chance).astype(np.float64),
            rng.binomial(no_whole, chance).astype(np.float64),
        )
        then = _realised(counts)
        for measure, value in now.items():
            found.setdefault(measure, []).append(value)
            past.setdefault(measure, []).append(then[measure])
    arrays = [{name: np.asarray(values) for name, values in side.items()} for side in (found, past)]
    return arrays[0], arrays[1]


def _measures(yes: Floats, no: Floats, yes_positive: Floats, no_positive: Floats) -> dict[Measure, float]:
    """Measures from rows per cell answered positive and not, and how many of those are; NaN where there is none."""
    rows = float((yes + no).sum())
    hits, missed = float(yes_positive.sum()), float(no_positive.sum())
    called = float(yes.sum())
    right = hits + float(no.sum()) - missed
    positive = yes_positive + no_positive
    negative = yes + no - positive
    pairs = float(positive.sum()) * float(negative.sum())
    below = np.cumsum(negative) - negative / 2
    return {
        Measure.ACCURACY: right / rows if rows else np.nan,
        Measure.PRECISION: hits / called if called else np.nan,
        Measure.RECALL: hits / (hits + missed) if hits + missed else np.nan,
        Measure.F1: 2 * hits / (called + hits + missed) if called + hits + missed else np.nan,
        Measure.AUC: float((positive * below).sum()) / pairs if pairs > 0 else np.nan,
    }
