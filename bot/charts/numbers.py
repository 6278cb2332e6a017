"""Numbers and foreign words as a small picture can carry them."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
_UNITS = ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, "k"))
_FOREVER = 1e16
_EDGE = 1e100
"""No axis reaches further; beyond it the arithmetic of drawing overflows."""


def human(value: float) -> str:
    """Three significant digits at most: `0.0042`, `38`, `1.2k`, `3.8 M`; exponents only where nothing else reads."""
    if not math.isfinite(value):
        return "unknown" if math.isnan(value) else ("∞" if value > 0 else "−∞")
    size = abs(value)
    sign = "−" if value < 0 else ""
    if size >= _FOREVER or 0 < size < 1e-6:  # noqa: PLR2004
        return f"{value:.1e}".replace("-", "−")
    for unit, suffix in _UNITS:
        if size >= unit * 0.9995:
            return f"{sign}{_digits(size / unit)}{suffix}"
    return f"{sign}{_digits(size)}" if size else "0"


def written_out(value: float) -> str:
    """A number beside a sentence that has it too: `5,416` up to a hundred thousand, else as `human`."""
    return f"{value:,.0f}".replace("-", "−") if 1000 <= abs(value) < 100_000 else human(value)  # noqa: PLR2004


def distinct(values: Sequence[float]) -> list[str]:
    """Words for numbers on one axis: as `human`, with as many digits as different numbers need to differ."""
    words = [human(value) for value in values]
    different = sorted(set(values))
    if len(set(words)) == len(different) or len(different) < 2:  # noqa: PLR2004
        return words
    if max(abs(value) for value in values) >= _FOREVER:
        exact = [[f"{value:.{places}e}".replace("-", "−") for value in values] for places in (2, 4, 16)]
        return next((found for found in exact if len(set(found)) == len(different)), exact[-1])
    step = min(after - before for before, after in pairwise(different))
    places = min(12, max(0, math.ceil(-math.log10(step)))) if math.isfinite(step) else 0
    return [f"{value:,.{places}f}".replace("-", "−") for value in values]


def percent(share: float) -> str:
    """A share of 0 to 1: `12 %`, `0.4 %`."""
    if not math.isfinite(share):
        return "unknown"
    hundred = 100 * share
    size = abs(hundred)
    if 0 < size < 0.01:  # noqa: PLR2004
        return "< 0.01 %"
    digits = 0 if size == 0 or size >= 9.95 else (1 if size >= 0.095 else 2)  # noqa: PLR2004
    text = f"{size:.{digits}f}"
    return ("−" if hundred < 0 else "") + (text.rstrip("0").rstrip(".") if "." in text else text) + " %"


def clip(text: object, most: int) -> str:
    """One line of at most `most` characters, with an ellipsis where something is missing."""
    line = " ".join(str(text).split()) or "(blank)"
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def finite(values: Any) -> Floats:  # noqa: ANN401
    """The finite numbers of a column; None, NaN, NaT, masked and text that is no number are left out."""
    numbers = as_floats(values)
    return numbers[np.isfinite(numbers)]


def as_floats(values: Any) -> Floats:  # noqa: ANN401
    """A column as floats of the same length, NaN where there is no number."""
    if isinstance(values, np.ma.MaskedArray):
        values = values.tolist()
    column = np.asarray(values).ravel()
    if column.dtype.kind in "biuf":
        numbers = column.astype(np.float64)
    else:
        numbers = np.array([_float(value) for value in column.tolist()], dtype=np.float64)
    huge = np.isfinite(numbers) & (np.abs(numbers) > _EDGE)
    return np.where(huge, np.copysign(_EDGE, numbers), numbers)


def nice_ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round values inside [low, high], at most `most`, at steps of 1, 2, 2.5 or 5 times a power of ten."""
    span = high - low
    if not math.isfinite(span) or span <= 0:
        return [low]
    power = math.floor(math.log10(span / most))
    for step in (base * 10.0**exponent for exponent in (power, power + 1) for base in (1, 2, 2.5, 5)):
        first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
        if last - first + 1 <= most:
            return [number * step for number in range(first, last + 1)]
    return [low]


def _digits(size: float) -> str:
    places = max(0, 2 - math.floor(math.log10(size)))
    text = f"{size:.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def _float(value: object) -> float:
    if not isinstance(value, (str, int, float)) and not hasattr(value, "__float__"):
        return math.nan
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return math.nan


def listed(parts: Sequence[str]) -> str:
    return "; ".join(part for part in parts if part)
