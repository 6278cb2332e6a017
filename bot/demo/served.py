"""What both models of the demo have in common: they read flights by columns, and say something of each."""

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from bot.demo.flights import NUMBERS, Columns, size

Floats = NDArray[np.float64]
FEATURES = (*NUMBERS, "carrier", "origin")
RARE = 0.01
BENDS = {"dep_delay": (0.0, 30.0), "hour": (15.0, 20.0)}


class Version(Protocol):
    """One fitted version of a model."""

    @property
    def version(self) -> str: ...

    def says(self, rows: Columns) -> Columns:
        """Return the columns an answer consists of."""
        ...


def scored(model: Version, rows: Columns) -> Columns:
    """Add what the model says of these rows, as the prediction log keeps it."""
    return {**rows, **model.says(rows), "version": np.full(size(rows), model.version, dtype=object)}


def filling(training: Columns, reads: tuple[str, ...]) -> dict[str, float]:
    """Return the medians that stand in for nulls."""
    return {name: float(np.nanmedian(training[name])) for name in reads if name in NUMBERS}


def common_levels(training: Columns, reads: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Return the categories that have a weight of their own."""
    return {name: _common(training[name]) for name in reads if name not in NUMBERS}


def _common(names: NDArray[np.object_]) -> tuple[str, ...]:
    found, counts = np.unique(names.astype(str), return_counts=True)
    return tuple(str(name) for name in found[counts > RARE * names.size])


def terms(rows: Columns, reads: tuple[str, ...], fill: dict[str, float], levels: dict[str, tuple[str, ...]]) -> Floats:
    """Columns of the regression. Delays and hours bend: a minute counts for most between 0 and half an hour."""
    number = {name: np.where(np.isnan(rows[name]), fill[name], rows[name]) for name in fill}
    found: list[Floats] = []
    for name in reads:
        if name in levels:
            found += [(rows[name] == level).astype(np.float64) for level in levels[name]]
        else:
            found += [number[name], *(np.maximum(number[name] - bend, 0) for bend in BENDS.get(name, ()))]
    return np.column_stack(found)
