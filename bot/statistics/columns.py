"""One column of a table as plain numbers or plain categories, whatever it arrived as."""

from collections import Counter
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Column = NDArray[Any]
Counts = NDArray[np.int64]
SMALL_RANGE = 1_000_000
NUMBERS = (int, float, Decimal, np.integer, np.floating)


def is_numeric(values: Column) -> bool:
    """Whether the column holds quantities: numbers or times. Flags (bool) and text are categories."""
    column = np.asanyarray(values)
    if column.dtype.kind in "iufmM":
        return True
    if column.dtype.kind != "O":
        return False
    present = (value for value in column.ravel().tolist() if not _is_null(value))
    first = next(present, None)  # of text the first cell tells
    return _is_quantity(first) and all(map(_is_quantity, present))


def _is_quantity(value: object) -> bool:
    return isinstance(value, NUMBERS) and not isinstance(value, bool)


def as_numbers(values: Column) -> Floats:
    """The column as float64, shape (rows,); every null, and every text that is no number, is NaN.

    Times become seconds since 1970, durations seconds, flags 0 and 1. Integers beyond 2**53 are rounded to the
    nearest float64, so neighbours may become equal.
    """
    column = np.asanyarray(values).ravel()
    if isinstance(column, np.ma.MaskedArray):
        return np.where(np.ma.getmaskarray(column), np.nan, as_numbers(np.asarray(column.data)))
    if column.dtype.kind in "iufb":
        with np.errstate(over="ignore"):
            return np.ascontiguousarray(column, dtype=np.float64)
    if column.dtype.kind in "mM":
        unit = "datetime64[ns]" if column.dtype.kind == "M" else "timedelta64[ns]"
        nanoseconds = column.astype(unit).astype(np.int64)
        return np.where(np.isnat(column), np.nan, nanoseconds / 1e9)
    return np.fromiter((_number(value) for value in column.tolist()), dtype=np.float64, count=column.size)


def _number(value: object) -> float:
    if value is None:
        return np.nan
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return np.nan
    except OverflowError:
        return np.inf if isinstance(value, int) and value > 0 else -np.inf


def _is_null(value: object) -> bool:
    return value is None or value != value or value is np.ma.masked  # noqa: PLR0124


def count_categories(values: Column) -> tuple[dict[str, int], int]:
    """Rows of each category by its text, and the rows that are null. `3` and `3.0` are one category."""
    column = np.asanyarray(values).ravel()
    if isinstance(column, np.ma.MaskedArray):
        masked = np.ma.getmaskarray(column)
        counts, nulls = count_categories(np.asarray(column.data)[~masked])
        return counts, nulls + int(masked.sum())
    if column.dtype.kind in "iub":
        return _count_integers(column), 0
    if column.dtype.kind == "f":
        missing = np.isnan(column)
        found, sizes = np.unique(column[~missing], return_counts=True)
        return _by_text(dict(zip(found.tolist(), sizes.tolist(), strict=True))), int(missing.sum())
    if column.dtype.kind in "mM":
        missing = np.isnat(column)
        return _by_text(Counter(column[~missing].astype(str).tolist())), int(missing.sum())
    raw = _count_objects(column.tolist())
    nulls = sum(size for value, size in raw.items() if _is_null(value))
    return _by_text({value: size for value, size in raw.items() if not _is_null(value)}), nulls


def _count_objects(values: list[Any]) -> Mapping[Any, int]:
    try:
        return Counter(values)
    except TypeError:  # a list or a mapping in a cell
        return Counter(None if _is_null(value) else str(value) for value in values)


def _count_integers(column: Column) -> dict[str, int]:
    if column.size == 0:
        return {}
    low, high = int(column.min()), int(column.max())
    if high - low > SMALL_RANGE:
        found, sizes = np.unique(column, return_counts=True)
        return _by_text(dict(zip(found.tolist(), sizes.tolist(), strict=True)))
    if column.dtype.kind == "b":
        sizes = np.bincount(column.astype(np.intp), minlength=2)
        return {name: int(size) for name, size in zip(("false", "true"), sizes, strict=True) if size}
    wide = column if column.dtype.kind == "u" else column.astype(np.int64)
    sizes = np.bincount((wide - wide.dtype.type(low)).astype(np.intp))
    return {str(low + int(at)): int(sizes[at]) for at in np.flatnonzero(sizes)}


def _by_text(raw: Mapping[Any, int]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for value, size in raw.items():
        text = category_text(value)
        counts[text] = counts.get(text, 0) + int(size)
    return counts


def category_text(value: object) -> str:
    """The name a category goes by in counts, sentences and settings."""
    if isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))
    return str(value)
