"""Rows of a `GROUP BY` as sums by feature and value, the same from every engine."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from bot.statistics.groups import NULL, Groups, Sums, names_of

_WHOLE = re.compile(r"(-?\d+)\.0")


def read_groups(
    rows: Sequence[Sequence[Any]], features: Mapping[str, Sequence[float] | None], centre: float = 0.0
) -> Groups:
    """Rows of (feature's place from 1, or 0 for all; value or the edge's place; rows, sum, sum of squares).

    The sums are about `centre`.
    """
    whole = Sums(0, 0.0, 0.0, centre)
    names = list(features)
    of: dict[str, dict[str, Sums]] = {name: {} for name in names}
    for place, value, count, total, squares in rows:
        if not count:
            continue
        sums = Sums(int(count), float(total), float(squares), centre)
        if not place:
            whole = sums
            continue
        feature = names[int(place) - 1]
        edges = features[feature]
        said = NULL if value is None else plain_category(str(value)) if edges is None else names_of(edges)[int(value)]
        of[feature][said] = of[feature].get(said, Sums(0, 0.0, 0.0, centre)) + sums
    return Groups(whole, of)


def plain_category(text: str) -> str:
    """`3` and `3.0` are one category, as everywhere."""
    whole = _WHOLE.fullmatch(text)
    return whole[1] if whole else text
