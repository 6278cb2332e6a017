"""Stretches of surprising windows: what pages is the stretch, not each window of it."""

from collections.abc import Sequence

import numpy as np

from bot.statistics.columns import Floats

QUIET = 2
"""So many windows in a row below the level end a stretch."""


def episode_peaks(surprises: Sequence[float] | Floats, level: float, quiet: int = QUIET) -> list[float]:
    """The highest surprise of each stretch at or above a level; a stretch ends after `quiet` windows in a row below it.

    Windows that said nothing (NaN) neither end a stretch nor lengthen it.
    """
    every = np.asarray(surprises, dtype=np.float64)
    known = every[~np.isnan(every)]
    at = np.flatnonzero(known >= level)
    if at.size == 0:
        return []
    begins = np.concatenate([[0], np.flatnonzero(np.diff(at) > quiet) + 1])
    peaks: list[float] = np.maximum.reduceat(known[at], begins).tolist()
    return peaks


def episodes(surprises: Sequence[float] | Floats, level: float, quiet: int = QUIET) -> int:
    """How many stretches there are: the pages a limit at `level` would have given."""
    return len(episode_peaks(surprises, level, quiet))
