"""When, within the rows of a window, something began. Pure."""

from datetime import UTC, datetime

import numpy as np

from bot.statistics.columns import Column

LEAST_ROWS = 30
LEAST_BEFORE = 0.02


def onset(times: Column, flags: Column) -> datetime | None:
    """The event time from which the flag is more frequent: the change point that fits two constant rates best.

    `times` are datetimes (UTC when naive), `flags` truth values of the same rows, in any order. The split maximises the
    likelihood of a Bernoulli sequence with one change (Hinkley and Hinkley 1970). None when the higher rate was there
    from the first rows on, when it isn't clearly higher, or with too few rows to tell.
    """
    stamps = np.asarray(times).astype("datetime64[us]")
    known = ~np.isnat(stamps)
    stamps, marks = stamps[known], np.asarray(flags, dtype=np.float64)[known]
    order = np.argsort(stamps, kind="stable")
    stamps, marks = stamps[order], marks[order]
    rows = stamps.size
    if rows < LEAST_ROWS:
        return None
    before = np.arange(1, rows)
    hits = np.cumsum(marks)[:-1]
    after, hits_after = rows - before, marks.sum() - hits
    likelihood = _fit(hits, before) + _fit(hits_after, after)
    rises = hits_after / after > hits / before
    likelihood = np.where(rises & (stamps[1:] > stamps[:-1]), likelihood, -np.inf)
    at = int(np.argmax(likelihood))
    whole = float(_fit(marks.sum(), np.array([rows]))[0])
    if likelihood[at] - whole < np.log(rows) + 3 or at + 1 < LEAST_BEFORE * rows:
        return None
    microseconds = int(stamps[at + 1].astype(np.int64))
    return datetime.fromtimestamp(microseconds / 1e6, UTC).replace(microsecond=0)


def _fit(hits: Column, rows: Column) -> Column:
    """Log likelihood of `hits` in `rows` at their own rate."""
    misses = rows - hits
    with np.errstate(divide="ignore", invalid="ignore"):
        some = np.where(hits > 0, hits * np.log(hits / rows), 0.0)
        none = np.where(misses > 0, misses * np.log(misses / rows), 0.0)
    return np.asarray(some + none)
