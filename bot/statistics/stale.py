"""Values that are not new: rows repeat earlier rows where the column seldom does that."""

import numpy as np

from bot.statistics.columns import Floats
from bot.statistics.fault import LEAST_ROWS, REMEDIES, FaultHypothesis, FaultKind
from bot.statistics.wording import percent

REMEDY = REMEDIES[FaultKind.STALE]
LATEST = 50_000
LEAST_MORE = 0.15
MOST_USUAL = 0.5
LEAST_DOUBLED, MOST_DOUBLED = 0.06, 0.25
FREQUENT = 0.01


def stale(then: Floats, now: Floats) -> FaultHypothesis | None:
    """Rows that repeat the row before, or a whole run of rows that came before; one single value is a fill instead.

    `then` and `now` have the shape (rows,), in the order the rows came in, nulls as NaN; the latest 50,000 rows of each
    are looked at.
    """
    if min(then.size, now.size) < LEAST_ROWS:
        return None
    then, now = then[-LATEST:], now[-LATEST:]
    return _held(then, now) or _resent(then, now) or _drawn_again(then, now)


def _held(then: Floats, now: Floats) -> FaultHypothesis | None:
    was, repeated = _repeating(then), _repeating(now)
    present = now[~np.isnan(now)]
    more = repeated - was
    error = np.sqrt(max(was, 1 / then.size) * (1 - was) / now.size)
    if more < max(0.05, 5 * error) or was > MOST_USUAL or present.size == 0:
        return None
    if _largest_share(present) - _largest_share(then[~np.isnan(then)]) > more / 2:
        return None
    sentence = f"{percent(repeated)} of rows repeat the row before (usually {percent(was)}): the values look stale"
    return FaultHypothesis(FaultKind.STALE, None, repeated, min(1.0, more / (1 - was)), sentence, REMEDY)


def _resent(then: Floats, now: Floats) -> FaultHypothesis | None:
    lengths = [_telling_length(side, now.size) for side in (then, now)]
    if lengths[0] is None or lengths[1] is None:
        return None
    length = max(lengths[0], lengths[1])
    again, usual = _seen_before(now, length), _seen_before(then[-now.size :], length)
    if usual > LEAST_MORE / 3 or again - usual < LEAST_MORE:
        return None
    share = min(1.0, again)
    sentence = f"{percent(share)} of rows repeat earlier rows in the same order: the values look stale"
    return FaultHypothesis(FaultKind.STALE, None, share, min(1.0, (again - usual) / (1 - usual)), sentence, REMEDY)


def _drawn_again(then: Floats, now: Floats) -> FaultHypothesis | None:
    """Fewer different values than so many rows of the reference hold, values that are frequent left aside."""
    then, now = then[~np.isnan(then)], now[~np.isnan(now)]
    if min(then.size, now.size) < LEAST_ROWS:
        return None
    frequent = np.concatenate([_frequent(then, FREQUENT), _frequent(now, 3 * FREQUENT)])
    then, now = then[~np.isin(then, frequent)], now[~np.isin(now, frequent)]
    if then.size < now.size or now.size < LEAST_ROWS:
        return None
    chance = np.minimum(np.unique(then, return_counts=True)[1] / then.size, 0.999)
    usual = max(
        1 - float(np.sum(-np.expm1(now.size * np.log1p(-chance)))) / now.size,
        _doubled(then[: now.size]),
        _doubled(then[-now.size :]),
    )
    doubled = _doubled(now)
    more = (doubled - usual) / max(1 - usual, 1e-9)
    error = np.sqrt(max(usual, 1 / now.size) * (1 - usual) / now.size)
    if usual > MOST_DOUBLED or more < max(LEAST_DOUBLED, 6 * error, 1.2 * usual):
        return None
    said = f"{percent(doubled)} of rows repeat the value of an earlier row (usually {percent(usual)})"
    return FaultHypothesis(FaultKind.STALE, None, more, min(1.0, more), f"{said}: the values look stale", REMEDY)


def _frequent(values: Floats, least: float) -> Floats:
    found, sizes = np.unique(values, return_counts=True)
    return found[sizes > max(least * values.size, 3)]


def _doubled(values: Floats) -> float:
    return 1 - np.unique(values).size / max(values.size, 1)


def _telling_length(values: Floats, rows: int) -> int | None:
    """How many rows in a row don't recur by chance; None where a few values hold nearly all rows."""
    sizes = np.unique(values[~np.isnan(values)], return_counts=True)[1]
    if not sizes.size:
        return None
    alike = float(np.sum((sizes / sizes.sum()) ** 2))
    if alike > 0.5:  # noqa: PLR2004
        return None
    length = int(np.ceil(np.log(1e4 * rows) / -np.log(alike)))
    return max(6, 2 * length) if length <= rows / 16 else None


def _seen_before(values: Floats, length: int) -> float:
    """The share of rows in a run of `length` that occurred earlier in the same column, all of one value not counted."""
    values = values[~np.isnan(values)]
    values = values[np.append(True, values[1:] != values[:-1])] if values.size else values  # one value held is no run
    if values.size < 2 * length:
        return 0.0
    codes = np.unique(values, return_inverse=True)[1].astype(np.uint64)
    runs = np.zeros(codes.size - length + 1, dtype=np.uint64)
    for at in range(length):
        runs = runs * np.uint64(6364136223846793005) + codes[at : at + runs.size] + np.uint64(1442695040888963407)
    _, first, which = np.unique(runs, return_index=True, return_inverse=True)
    again = first[which] < np.arange(runs.size)
    hit = np.zeros(codes.size + 1)
    starts = np.flatnonzero(again)
    np.add.at(hit, starts, 1)
    np.add.at(hit, starts + length, -1)
    return float(np.mean(np.cumsum(hit)[:-1] > 0))


def _repeating(values: Floats) -> float:
    return float(np.mean(values[1:] == values[:-1]))


def _largest_share(values: Floats) -> float:
    if values.size == 0:
        return 0.0
    return float(np.unique(values, return_counts=True)[1].max()) / values.size
