"""How much a column weighs in the model's answers, in a sample: by shuffling it, or else by itself."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.statistics.columns import Column, category_text
from bot.statistics.scores.harm import answers_of
from bot.statistics.scores.importance import Surrogate, fit_surrogate, importance_words
from bot.statistics.wording import percent
from bot.tuning.proposals.facts import Facts, Kind

BINS, MOST_GROUPS = 12, 60
LEAST = 0.005
MOST_RELATED, RELATED_ROWS = 12, 5000


@dataclass(frozen=True, slots=True)
class Weights:
    """values: 0 to 1 by name, largest first. measured: how, in words. fitted: by shuffling, not each by itself."""

    values: Mapping[str, float]
    measured: str
    fitted: bool = False

    def why(self, name: str) -> str:
        weight = self.values[name]
        if weight < LEAST:
            return "the first of the features"
        return f"the answers lean on it ({weight:.2f})" if self.fitted else f"explains {percent(weight)} of the answers"


def weigh(answer: Facts | None, features: Mapping[str, Facts]) -> Weights:
    """By what shuffling a column costs a fit of the answers, where the features explain them; else each by itself.

    Half of that cost is the share of the answers' variance that a column makes, where columns are independent.
    """
    if answer is None:
        return Weights(dict.fromkeys(features, 0.0), "not known without answers")
    fitted = fit_surrogate({name: _column(one) for name, one in features.items()}, _as_score(answer))
    if isinstance(fitted, Surrogate):
        found = {name: min(1.0, cost / 2) for name, cost in fitted.importance.items()}
        ordered = dict(sorted(found.items(), key=lambda pair: (-pair[1], list(features).index(pair[0]))))
        return Weights(ordered, f"what shuffling a column costs, {importance_words(fitted)}", fitted=True)
    return Weights(explained(answer, features), "how much of the answers a column explains by itself, seen in a sample")


def follows(features: Mapping[str, Facts]) -> tuple[str, float] | None:
    """The column that follows most from the others, and how much of it they explain; None where none does."""
    numbers = [name for name, one in features.items() if one.kind is Kind.NUMBER][:MOST_RELATED]
    columns = {name: _column(one)[:RELATED_ROWS] for name, one in features.items()}
    fits = {
        name: fit_surrogate({other: values for other, values in columns.items() if other != name}, columns[name])
        for name in numbers
    }
    found = {name: fit.explained for name, fit in fits.items() if isinstance(fit, Surrogate)}
    best = max(found, key=lambda name: found[name], default=None)
    return (best, found[best]) if best is not None else None


def _column(one: Facts) -> Column:
    return one.numbers if one.kind is Kind.NUMBER else one.values


def _as_score(answer: Facts) -> Column:
    column = _column(answer)
    return answers_of(column, column[:0]).then


def explained(answer: Facts, features: Mapping[str, Facts]) -> dict[str, float]:
    """Share of the answer's variance between the groups a column makes (its values, or twelfths of its numbers),
    0 to 1, corrected for the number of groups: the adjusted correlation ratio. Largest first.
    """
    target = _target(answer)
    found = {name: _ratio(target, _groups(one)) for name, one in features.items()}
    return dict(sorted(found.items(), key=lambda pair: -pair[1]))


def _target(answer: Facts) -> NDArray[np.float64]:
    """Shape (rows, k): the ranks of numbers, or one column of 0 and 1 a class."""
    if answer.kind is Kind.NUMBER and answer.distinct > BINS:
        numbers = answer.numbers
        known = np.isfinite(numbers)
        ranks = np.full(numbers.size, np.nan)
        ranks[known] = np.argsort(np.argsort(numbers[known], kind="stable"), kind="stable")
        return ranks[:, None]
    texts = np.array([category_text(value) for value in answer.values.tolist()], dtype=object)
    return np.stack([(texts == name).astype(np.float64) for name in answer.classes[:BINS]], axis=1)


def _groups(one: Facts) -> NDArray[np.int64]:
    if one.kind is Kind.NUMBER:
        numbers = one.numbers
        known = np.isfinite(numbers)
        if not known.any():
            return np.full(numbers.size, -1)
        edges = np.unique(np.quantile(numbers[known], np.linspace(0, 1, BINS + 1)[1:-1]))
        return np.where(known, np.searchsorted(edges, numbers, side="right"), -1)
    places = {name: at for at, name in enumerate(one.classes[:MOST_GROUPS])}
    cells = one.values.tolist()
    return np.fromiter((places.get(category_text(cell), -1) for cell in cells), dtype=np.int64, count=len(cells))


def _ratio(target: NDArray[np.float64], groups: NDArray[np.int64]) -> float:
    known = np.isfinite(target).all(axis=1)
    values, places = target[known], groups[known] + 1
    sizes = np.bincount(places).astype(np.float64)
    used = int(np.count_nonzero(sizes))
    if values.shape[0] <= used or used < 2:  # noqa: PLR2004
        return 0.0
    centred = values - values.mean(axis=0)
    total = float((centred**2).sum())
    between = sum(
        float((np.bincount(places, weights=column)[sizes > 0] ** 2 / sizes[sizes > 0]).sum()) for column in centred.T
    )
    if total <= 0:
        return 0.0
    raw = between / total
    return float(max(0.0, 1 - (1 - raw) * (values.shape[0] - 1) / (values.shape[0] - used)))
