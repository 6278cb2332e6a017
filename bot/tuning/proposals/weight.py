"""How much of the answer's variation one column explains by itself, in a sample."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from bot.statistics.columns import category_text
from bot.tuning.proposals.facts import Facts, Kind

BINS, MOST_GROUPS = 12, 60
LEAST = 0.005


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
