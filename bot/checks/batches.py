"""The reference in pieces as long as the window: hours and days differ by themselves, and they tell by how much."""

from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from bot.checks.registry import Question
from bot.checks.windows import LEAST_ROWS, Sides

MOST = 60
"""More pieces would tell little more of the swing, and take longer than one waits."""
Places = NDArray[np.intp]


def batches_of(question: Question, sides: Sides) -> list[Places]:
    """The places of the reference's rows in each window-long piece of its time with rows enough, evenly chosen; none
    without times."""
    times = sides.then.columns.get(question.rows.data.time)
    if times is None or times.dtype.kind != "M" or not times.size:
        return []
    length = np.timedelta64(int((sides.end - sides.start) / timedelta(microseconds=1)), "us")
    known = np.flatnonzero(~np.isnat(times))
    if not known.size:
        return []
    moments = times[known].astype("datetime64[us]")
    piece = (moments - moments.min()) // length
    order = np.argsort(piece, kind="stable")
    _, starts = np.unique(piece[order], return_index=True)
    found = [known[places] for places in np.split(order, starts[1:]) if places.size >= LEAST_ROWS]
    if len(found) <= MOST:
        return found
    return [found[at] for at in np.linspace(0, len(found) - 1, MOST).round().astype(np.intp)]
