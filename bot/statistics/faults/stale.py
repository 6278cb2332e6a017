"""Values that are not new: rows repeat earlier rows where the column seldom does that."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from bot.statistics.columns import Floats
from bot.statistics.faults.hypothesis import LEAST_ROWS, REMEDIES, FaultHypothesis, FaultKind
from bot.statistics.faults.stuck import stuck
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
    return stuck(then, now) or _held(then, now) or _resent(then, now)


def _held(then: Floats, now: Floats) -> FaultHypothesis | None:
    present, before = now[~np.isnan(now)], then[~np.isnan(then)]
    if min(present.size, before.size) < LEAST_ROWS:
        return None
    fill = _most_grown(before, present)
    was, repeated = _repeating(then), _repeating(now)
    # Rows in any order repeat as often as two rows picked at random are alike.
    usual = max(was, _alike(before), _alike(present))
    more = repeated - usual
    error = np.sqrt(max(usual, 1 / then.size) * (1 - usual) / now.size)
    if more < max(0.05, 5 * error) or was > MOST_USUAL:
        return None
    others = present[present != fill]
    if others.size < LEAST_ROWS or _repeating(others) - max(was, _alike(others)) < more / 2:
        return None
    sentence = f"{percent(repeated)} of rows repeat the row before (usually {percent(was)}): the values look stale"
    return FaultHypothesis(FaultKind.STALE, None, repeated, min(1.0, more / (1 - usual)), sentence, REMEDY)


def _resent(then: Floats, now: Floats) -> FaultHypothesis | None:
    # Two values in turns, as where a fault comes and goes, repeat for ever and are no earlier rows.
    same_next = max(_same_next(then), _back_and_forth(now))
    lengths = [_telling_length(side, now.size, same_next) for side in (then, now)]
    if lengths[0] is None or lengths[1] is None:
        return None
    length = max(lengths[0], lengths[1])
    again, usual = _seen_before(now, length), _seen_before(then, length)
    if usual > LEAST_MORE / 3 or again - usual < LEAST_MORE:
        return None
    share = min(1.0, again)
    sentence = f"{percent(share)} of rows repeat earlier rows in the same order: the values look stale"
    return FaultHypothesis(FaultKind.STALE, None, share, min(1.0, (again - usual) / (1 - usual)), sentence, REMEDY)


def drawn_again(then: Floats, now: Floats) -> FaultHypothesis | None:
    """Fewer different values than so many rows of the reference hold, values that are frequent left aside.

    Arrays as for `stale`. Rows that are lost, or rounded, leave fewer values too: it is the last thing to think of.
    """
    then, now = then[-LATEST:], now[-LATEST:]
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


def _telling_length(values: Floats, rows: int, alike: float) -> int | None:
    """How many changes of value in a row don't recur by chance; None where one value mostly tells the next.

    `alike`: how often the same value follows the same value at least, 0 to 1.
    """
    present = values[~np.isnan(values)]
    if not present.size:
        return None
    chance = np.unique(present, return_counts=True)[1] / present.size
    others = np.maximum(1 - chance, 1e-9)
    # Of two rows that hold the same value, how often the next other values are the same, in any order of rows.
    alike = max(alike, float(np.sum(chance * (np.sum(chance**2) - chance**2) / others**2)), 1 / present.size)
    if alike > 0.5:  # noqa: PLR2004
        return None
    length = int(np.ceil(np.log(1e4 * rows) / -np.log(alike)))
    return max(6, 2 * length) if length <= rows / 16 else None


def _same_next(values: Floats) -> float:
    """How often the reference itself lets the same value follow the same value, 0 to 1."""
    codes = np.unique(_changes(values), return_inverse=True)[1].astype(np.int64)
    if codes.size < 2:  # noqa: PLR2004
        return 0.0
    pairs = codes[:-1] * (int(codes.max()) + 1) + codes[1:]
    again, at_all = (float(np.sum(sizes * (sizes - 1.0))) for sizes in (_sizes(pairs), _sizes(codes)))
    return min(1.0, again / at_all) if at_all else 0.0


def _sizes(values: NDArray[Any]) -> NDArray[np.int64]:
    return np.unique(values, return_counts=True)[1]


def _changes(values: Floats) -> Floats:
    """The values, nulls left out, each held value once."""
    present = values[~np.isnan(values)]
    return present[np.append(True, present[1:] != present[:-1])] if present.size else present


def _back_and_forth(values: Floats) -> float:
    """How often the value before the last comes back, held values counted once, 0 to 1."""
    changes = _changes(values)
    return float(np.mean(changes[2:] == changes[:-2])) if changes.size > 2 else 0.0  # noqa: PLR2004


def _seen_before(values: Floats, length: int) -> float:
    """The share of rows in a run of `length` that occurred earlier in the same column, all of one value not counted."""
    values = _changes(values)  # one value held is no run
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


def _alike(values: Floats) -> float:
    """The chance that two rows picked at random hold the same value."""
    return float(np.sum((_sizes(values) / values.size) ** 2))


def _most_grown(then: Floats, now: Floats) -> float:
    """The value whose share of rows grew most."""
    values, sizes = np.unique(now, return_counts=True)
    ordered = np.sort(then)
    was = np.searchsorted(ordered, values, side="right") - np.searchsorted(ordered, values, side="left")
    return float(values[int(np.argmax(sizes / now.size - was / then.size))])
