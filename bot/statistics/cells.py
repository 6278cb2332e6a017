"""The 65,536 cells of a sketch: every float32 sorted into 65,536 neighbourhoods by its upper 16 bits.

A value is placed by z = float32((x - centre) / width). The upper half of a float32 (sign, exponent, 7 bits of
mantissa) grows with the value once the negative half is turned round, so the cells are in the order of the values
and each spans 0.8 % of its own distance from the centre.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from bot.statistics.columns import Counts, Floats

CELLS = 65_536
_HALF = CELLS // 2
MINUS_INFINITY = 0xFFFF - 0xFF80
PLUS_INFINITY = _HALF + 0x7F80


@dataclass(frozen=True, slots=True)
class Scale:
    """Where the cells are finest (`centre`, the reference median) and their unit (`width`, its interquartile range)."""

    centre: float
    width: float


def scale_of(ordered: Floats) -> Scale:
    """The scale of sorted values; a width of zero falls back to ever wider spans of the data, then to its size."""
    finite = ordered[np.isfinite(ordered)]
    if finite.size == 0:
        return Scale(0.0, 1.0)
    at = (np.array([0.5, 0.25, 0.75, 0.1, 0.9, 0.01, 0.99, 0.0, 1.0]) * (finite.size - 1)).round().astype(np.intp)
    quantiles = finite[at].tolist()
    centre = quantiles[0]
    for low, high in zip(quantiles[1::2], quantiles[2::2], strict=True):
        span = high / 2 - low / 2  # halved first: the span of 1e308 and -1e308 is no float64
        if span > 0 and np.isfinite(span * 2):
            return Scale(centre, span * 2)
        if span > 0:
            return Scale(centre, span)
    return Scale(centre, abs(centre) or 1.0)


def place(values: Floats, scale: Scale) -> Counts:
    """Rows of each cell in ascending order of value, shape (65536,); NaN is not counted (see `CELLS` - its sum).

    Finite values too far out for float32 go to the outermost finite cells, so the infinite cells hold infinities only.
    """
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        z = np.empty(values.size, dtype="<f4")
        np.divide(values - scale.centre, scale.width, out=z, casting="same_kind")
    raw = np.bincount(z.view("<u2")[1::2], minlength=CELLS)
    cells = np.concatenate([raw[: _HALF - 1 : -1], raw[:_HALF]])
    cells[_HALF] += cells[_HALF - 1]  # 0.0 and -0.0 are one value
    cells[_HALF - 1] = 0
    cells[:MINUS_INFINITY] = 0
    cells[PLUS_INFINITY + 1 :] = 0
    _bring_back(cells, values, MINUS_INFINITY, MINUS_INFINITY + 1, -np.inf)
    _bring_back(cells, values, PLUS_INFINITY, PLUS_INFINITY - 1, np.inf)
    return cells


def _bring_back(cells: Counts, values: Floats, infinite: int, outermost: int, infinity: float) -> None:
    if cells[infinite]:
        true_infinities = int(np.count_nonzero(values == infinity))
        cells[outermost] += cells[infinite] - true_infinities
        cells[infinite] = true_infinities


@lru_cache(maxsize=1)
def midpoints() -> Floats:
    """The value of z in the middle of each cell, shape (65536,); infinite in the infinite cells, 0 in unused ones."""
    infinite = PLUS_INFINITY - _HALF
    lower = (np.arange(infinite, dtype=np.uint32) << 16).view(np.float32).astype(np.float64)
    positive = np.zeros(_HALF)
    positive[:infinite] = lower + np.diff(np.append(lower, 2.0**128)) / 2
    positive[infinite] = np.inf
    both = np.concatenate([-positive[::-1], positive])
    both.flags.writeable = False
    return both


def cell_of(values: Floats, scale: Scale) -> NDArray[np.intp]:
    """The cell each finite value is placed in, shape of `values`, by the same rule as `place`."""
    with np.errstate(over="ignore", invalid="ignore", under="ignore"):
        z = np.empty(values.size, dtype="<f4")
        np.divide(values - scale.centre, scale.width, out=z, casting="same_kind")
    raw = z.view("<u2")[1::2].astype(np.intp)
    cells = np.where(raw > _HALF, CELLS - 1 - raw, raw % _HALF + _HALF)
    return np.clip(cells, MINUS_INFINITY + 1, PLUS_INFINITY - 1)
