"""Tables whose columns belong together: calm ones of several kinds, and faults that break the relation alone."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Rows = dict[str, NDArray[Any]]
Rng = np.random.Generator
Draw = Callable[[Rng, int], Rows]


def tenants(rng: Rng, rows: int) -> Rows:
    """Rents follow incomes, cities and ages; a debt has its twin; the rest stands alone."""
    wealth = rng.normal(size=rows)
    income = np.exp(10 + 0.5 * (wealth + 0.5 * rng.normal(size=rows)))
    debt = rng.normal(size=rows)
    return {
        "income": income,
        "age": 45 + 8 * wealth + 8 * rng.normal(size=rows),
        "city": np.where(wealth + rng.normal(size=rows) > 0.8, "Oslo", rng.choice(["Bergen", "Bodo"], rows)),
        "rent": income * 3e-4 + rng.normal(size=rows),
        "rooms": rng.poisson(3, rows).astype(float),
        "debt": debt,
        "twin": 0.8 * debt + 0.6 * rng.normal(size=rows),
    }


def wrongly_joined(rng: Rng, rows: Rows) -> Rows:
    return {**rows, "rent": rng.permutation(rows["rent"])}


def half_wrongly_joined(rng: Rng, rows: Rows) -> Rows:
    rent, half = rows["rent"].copy(), rows["rent"].size // 2
    rent[:half] = rng.permutation(rent[:half])
    return {**rows, "rent": rent}


def wrong_cities(rng: Rng, rows: Rows) -> Rows:
    return {**rows, "city": rng.permutation(rows["city"])}


def less_alike(rng: Rng, rows: Rows) -> Rows:
    return {**rows, "twin": 0.4 * rows["debt"] + np.sqrt(0.84) * rng.normal(size=rows["debt"].size)}


def turned(_rng: Rng, rows: Rows) -> Rows:
    return {**rows, "twin": -rows["twin"]}


def independent(rng: Rng, rows: int) -> Rows:
    base = rng.normal(size=(rows, 2))
    return {f"x{at}": base @ (1 + at % 2, 1 - at % 3) + rng.normal(size=rows) for at in range(5)}


def batches(rng: Rng, rows: int) -> Rows:
    """Every column moves by itself from window to window, by .3 sigma."""
    return {name: values + 0.3 * rng.normal() * values.std() for name, values in independent(rng, rows).items()}


def loose(rng: Rng, rows: int) -> Rows:
    """How closely columns follow each other varies from window to window."""
    base, apart = rng.normal(size=(rows, 2)), 0.15 * rng.normal(size=(5, 2))
    return {f"x{at}": base @ (apart[at] + (1, 1 - at % 3)) + rng.normal(size=rows) for at in range(5)}


def heavy(rng: Rng, rows: int) -> Rows:
    return {name: values * np.abs(rng.standard_t(2, rows)) for name, values in independent(rng, rows).items()}


def words(rng: Rng, rows: int) -> Rows:
    first = rng.choice(list("abcdefgh"), rows, p=np.array([30, 20, 20, 10, 10, 5, 4, 1]) / 100)
    second = np.where(rng.random(rows) < 0.6, first, rng.choice(list("abc"), rows))
    return {"first": first, "second": second, "flag": rng.random(rows) < 0.2 + 0.5 * (first == "a")}


def holes(rng: Rng, rows: int) -> Rows:
    found = independent(rng, rows)
    gone: Rows = {
        name: np.where(rng.random(rows) < 0.1 + 0.1 * (found["x0"] > 0), np.nan, found[name]) for name in found
    }
    return {
        **gone,
        "word": np.where(rng.random(rows) < 0.2, None, rng.choice(np.array(["u", "v"], dtype=object), rows)),
    }


CALM: Mapping[str, Draw] = {
    "independent": independent,
    "batches": batches,
    "loose": loose,
    "heavy": heavy,
    "words": words,
    "holes": holes,
}
FAULTS: Mapping[str, tuple[Callable[[Rng, Rows], Rows], tuple[str, ...]]] = {
    "wrong join": (wrongly_joined, ("rent",)),
    "half of a wrong join": (half_wrongly_joined, ("rent",)),
    "wrong cities": (wrong_cities, ("city",)),
    "less alike": (less_alike, ("debt", "twin")),
    "turned round": (turned, ("debt", "twin")),
}
"""What breaks a relation of tenants, and the columns in which it does."""
