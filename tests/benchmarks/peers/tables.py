"""The two pairs of tables every subject is given, made from a seed and kept as plain arrays."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

Table = dict[str, np.ndarray[Any, Any]]
SEED = 20261123


@dataclass(frozen=True, slots=True)
class Size:
    """`shifted` of the `numeric` columns move by 0.1 sigma, `changed` of the `categories` turn their shares round,
    and `holed` numeric columns miss 2 % of their values on both sides."""

    rows: int
    numeric: int
    categories: int
    shifted: int
    changed: int
    holed: int


SIZES = {
    "A": Size(rows=100_000, numeric=100, categories=20, shifted=10, changed=4, holed=25),
    "B": Size(rows=1_000_000, numeric=10, categories=0, shifted=2, changed=0, holed=0),
}


def make(size: Size, rng: np.random.Generator, *, drifted: bool, text: bool) -> Table:
    """Columns `x…` are float64, every fourth lognormal; `c…` are codes, or words where `text`."""
    table: Table = {}
    for at in range(size.numeric):
        values = rng.lognormal(0, 1, size.rows) if at % 4 == 3 else rng.normal(size=size.rows)
        if drifted and at < size.shifted:
            values += 0.1 * values.std()
        if at % 4 == 0 and at // 4 < size.holed:
            values[rng.random(size.rows) < 0.02] = np.nan
        table[f"x{at}"] = values
    for at in range(size.categories):
        shares = np.linspace(1, 2, 8 + at)
        if drifted and at < size.changed:
            shares = shares[::-1]
        codes = rng.choice(8 + at, size.rows, p=shares / shares.sum())
        table[f"c{at}"] = np.array([f"word-{code}" for code in range(8 + at)])[codes] if text else codes
    return table


def write(name: str, folder: Path, *, text: bool) -> Path:
    """Write `reference.npz` and `current.npz` into a folder of their own, unless they are there already."""
    place = folder / f"table-{name}-{'text' if text else 'codes'}-{SEED}"
    if (place / "current.npz").exists():
        return place
    place.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(SEED)
    for side in ("reference", "current"):
        half = place / f"{side}.half.npz"
        np.savez(half, **make(SIZES[name], rng, drifted=side == "current", text=text))
        half.rename(place / f"{side}.npz")
    return place


def read(place: Path) -> tuple[Table, Table]:
    sides = []
    for side in ("reference", "current"):
        with np.load(place / f"{side}.npz") as file:
            sides.append({name: file[name] for name in file.files})
    return sides[0], sides[1]


def is_category(name: str) -> bool:
    return name.startswith("c")
