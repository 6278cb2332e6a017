"""Whether the rows of a window are told from those before it by anything, relations between columns included.

A join that went wrong leaves every column as it was and breaks what belongs together. Each window is told from the
others by a domain classifier: a weighted sum of columns, of products of two, and of how far a column is from what
others let expect, each weighted by how far its mean lies from the other windows' beyond what they differ by themselves.
It is cross-fitted: rows are scored by a classifier that has not seen them. How far the window's mean score lies from
those of the windows before, in their standard deviations, is its distance. A classifier that searches finds a little
distance in every window; so the windows of the baseline are judged in the same way, each left out of its own reference,
and their distances are the band that the newest is held against.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bot.statistics.columns import Column, Floats
from bot.statistics.relations.broken import Broken, Moved, changed_words, culprit, explain_window
from bot.statistics.relations.encoding import Encoded, encode
from bot.statistics.relations.moments import FOLDS, Moments, moments_of
from bot.statistics.shortfall import Shortfall, no_variation, too_few_rows, too_few_windows
from bot.statistics.wording import number

LEAST_WINDOWS, LEAST_ROWS = 10, 50
MOST_ROWS = 40_000
LEAST_EFFECT = 0.1
KEPT = 32
"""How many moments the classifier uses: those that differ most."""
LEAST_SPREAD, LEAST_SPREAD_OF_LOGS = 1.0, 0.2
"""Of distances among windows in order: a handful of them may show less by chance."""
LARGEST_LOG = 300.0
REFERENCE_ROWS = 3000
SEED = 20261124
Z95 = 1.96
TINY = 1e-12
FARTHEST = 20.0


@dataclass(frozen=True, slots=True)
class Multivariate:
    """How far the window lies from the windows before.

    distance: of its classifier's score, in standard deviations of ordinary windows. usual, limit: what the windows
    before have among themselves, and how far an ordinary one goes. before: the distance of each of them in the order
    given, None where it has too few rows. effect: the same in standard deviations of rows (at
    most 20). auc: the chance that a row of the window scores higher than one before, with its 95 % interval (lower,
    upper) by the rows alone. p_value: of such a distance, one-sided; 1 where the effect is below the floor. broken:
    pairs of columns that no longer belong together; moved: columns that differ by themselves; both the clearest first,
    and empty inside the band. windows: how many gave the band. left_out: columns beyond the cap, or constant.
    """

    distance: float
    usual: float
    limit: float
    before: tuple[float | None, ...]
    effect: float
    auc: float
    lower: float
    upper: float
    p_value: float
    outside: bool
    broken: tuple[Broken, ...]
    moved: tuple[Moved, ...]
    windows: int
    rows: int
    left_out: tuple[str, ...]
    sentence: str

    @property
    def column(self) -> str | None:
        """The column to look at: what all broken pairs have in common, else what moved most; None where none stands
        out."""
        alone = len(self.broken) == 1 and self.broken[0].second is None
        named = self.broken[0].first if alone else culprit(self.broken)
        return named or (self.moved[0].column if self.moved and not self.broken else None)


@dataclass(frozen=True, slots=True)
class _Told:
    distance: float
    effect: float
    auc: float


def judge_multivariate(
    windows: Sequence[Mapping[str, Column]],
    now: Mapping[str, Column],
    *,
    false_alarm_rate: float = 0.0027,
    least_effect: float = LEAST_EFFECT,
    least_windows: int = LEAST_WINDOWS,
    least_rows: int = LEAST_ROWS,
    most_rows: int = MOST_ROWS,
) -> Multivariate | Shortfall:
    """Judge `now` against the `windows` before it; each a mapping of columns of shape (rows,), the same names.

    Columns that one of them lacks are left out. At most `most_rows` rows of all, the same share of every window and at
    random, and the first 40 columns are looked at. `false_alarm_rate`: the chance that an ordinary window lies beyond
    the limit.
    """
    sampled = _sampled([*windows, now], most_rows)
    learnt = [_size(one) >= least_rows for one in sampled[:-1]]
    past = [one for one, large in zip(sampled[:-1], learnt, strict=True) if large]
    if _size(sampled[-1]) < least_rows:
        return too_few_rows(_size(sampled[-1]), least_rows)
    if len(past) < least_windows:
        return too_few_windows(len(past), least_windows)
    every = [*past, sampled[-1]]
    names = [name for name in now if all(name in one for one in every)]
    sizes = [_size(one) for one in every]
    of = np.repeat(np.arange(len(every)), sizes)
    encoded = encode({name: _joined(every, name) for name in names}, of < len(past))
    if not encoded.names:
        return no_variation("every column")
    found = moments_of(encoded, of, len(past))
    told = [_tell(found, at, among=len(past)) for at in range(len(every))]
    return _judged(encoded, found, told, learnt, false_alarm_rate, least_effect)


def _judged(
    encoded: Encoded,
    found: Moments,
    told: Sequence[_Told],
    learnt: Sequence[bool],
    false_alarm_rate: float,
    least_effect: float,
) -> Multivariate:
    band, now = _Band(np.array([one.distance for one in told[:-1]])), told[-1]
    limit = band.limit(false_alarm_rate)
    matters = now.effect >= least_effect
    outside = matters and now.distance > limit
    broken, moved = explain_window(encoded, found) if outside else ((), ())
    rows, earlier = float(found.sizes[-1]), float(found.sizes[:-1].sum())
    error = Z95 * math.sqrt((rows + earlier + 1) / (12 * rows * earlier))
    distances = iter(one.distance for one in told[:-1])
    return Multivariate(
        distance=now.distance,
        usual=band.centre,
        limit=limit,
        before=tuple(next(distances) if large else None for large in learnt),
        effect=now.effect,
        auc=now.auc,
        lower=max(0.0, now.auc - error),
        upper=min(1.0, now.auc + error),
        p_value=band.p_value(now.distance) if matters else 1.0,
        outside=outside,
        broken=broken,
        moved=moved,
        windows=len(told) - 1,
        rows=int(rows),
        left_out=encoded.left_out,
        sentence=_sentence(now, limit, broken, moved, outside=outside),
    )


@dataclass(frozen=True, slots=True)
class _Band:
    """Where one more distance is expected, by the others: Student's prediction limits, of the distances and of their
    logarithms, whichever is wider. Where windows swing by themselves distances have a long tail, which the first alone
    would miss; where they don't, the second alone is narrower than they scatter."""

    distances: Floats

    def limit(self, false_alarm_rate: float) -> float:
        from scipy.special import stdtrit  # noqa: PLC0415

        reach = float(stdtrit(self.distances.size - 1, 1 - false_alarm_rate))
        plain, logs = (centre + reach * spread for centre, spread in self._both())
        return max(plain, math.expm1(min(logs, LARGEST_LOG)))

    def p_value(self, distance: float) -> float:
        from scipy.special import stdtr  # noqa: PLC0415

        (plain, spread), (logs, spread_of_logs) = self._both()
        away = min((distance - plain) / spread, (math.log1p(max(0.0, distance)) - logs) / spread_of_logs)
        return float(stdtr(self.distances.size - 1, -away))

    @property
    def centre(self) -> float:
        return float(self.distances.mean())

    def _both(self) -> list[tuple[float, float]]:
        more = math.sqrt(1 + 1 / self.distances.size)
        sides = ((self.distances, LEAST_SPREAD), (np.log1p(np.maximum(0.0, self.distances)), LEAST_SPREAD_OF_LOGS))
        return [(float(one.mean()), max(float(one.std(ddof=1)), least) * more) for one, least in sides]


def _tell(found: Moments, at: int, *, among: int) -> _Told:
    """Tell window `at` from the first `among` windows without itself, scoring each part of it by the other parts."""
    others = np.array([one for one in range(among) if one != at])
    reference, spread = found.together(others), found.beyond_chance(others)
    rows_then = _some(np.flatnonzero(np.isin(found.of, others)))
    each = []
    for fold in range(FOLDS):
        rows_now = np.flatnonzero((found.of == at) & (found.fold == fold))
        if not rows_now.size:
            continue
        rest, size = found.without(at, fold)
        places, weights = _weights(rest - reference, found.variance, found.variance / size + spread)
        then, now = (found.scores(rows, places, weights) for rows in (rows_then, rows_now))
        away = float(now.mean()) - float(reference[places] @ weights)
        of_rows = max(float(then.var()), (away / FARTHEST) ** 2, TINY)
        levels = found.means(others)[:, places] @ weights
        between = max(0.0, float(levels.var(ddof=1)) - of_rows * float(np.mean(1 / found.sizes[others])))
        of_windows = between + of_rows / float(found.sizes[at])
        each.append((away / math.sqrt(of_windows), away / math.sqrt(of_rows), _auc(now, then)))
    return _Told(*(float(one) for one in np.mean(each, axis=0)))


def _weights(gap: Floats, variance: Floats, uncertain: Floats) -> tuple[NDArray[np.intp], Floats]:
    """The moments that differ most, and the weight of each: its distance beyond that of the first one left out."""
    sigmas = gap / np.sqrt(uncertain)
    size = np.abs(sigmas)
    most = min(KEPT, size.size - 1)
    places = np.argpartition(-size, most)[:most] if most else np.zeros(1, dtype=np.intp)
    floor = float(np.partition(size, -most - 1)[-most - 1]) if most else 0.0
    return places, np.sign(sigmas[places]) * (size[places] - floor) / np.sqrt(variance[places])


def _auc(now: Floats, then: Floats) -> float:
    """The chance that a row of now scores higher than one of then, ties as a half (Mann and Whitney 1947)."""
    then = np.sort(then)
    below, up_to = np.searchsorted(then, now, side="left"), np.searchsorted(then, now, side="right")
    return float((below + up_to).sum()) / (2.0 * then.size * now.size)


def _some(rows: NDArray[np.intp]) -> NDArray[np.intp]:
    if rows.size <= REFERENCE_ROWS:
        return rows
    return np.random.default_rng(SEED).choice(rows, REFERENCE_ROWS, replace=False)


def _sampled(windows: Sequence[Mapping[str, Column]], most: int) -> list[Mapping[str, Column]]:
    share = most / max(1, sum(map(_size, windows)))
    if share >= 1:
        return list(windows)
    rng = np.random.default_rng(SEED)
    found: list[Mapping[str, Column]] = []
    for one in windows:
        kept = np.sort(rng.choice(_size(one), int(share * _size(one)), replace=False))
        found.append({name: np.asanyarray(values)[kept] for name, values in one.items()})
    return found


def _size(window: Mapping[str, Column]) -> int:
    return len(next(iter(window.values()), ()))


def _joined(windows: Sequence[Mapping[str, Column]], name: str) -> Column:
    parts = [np.asanyarray(one[name]) for one in windows]
    masked = any(isinstance(part, np.ma.MaskedArray) for part in parts)
    return np.ma.concatenate(parts) if masked else np.concatenate(parts)  # type: ignore[no-untyped-call]


def _sentence(now: _Told, limit: float, broken: Sequence[Broken], moved: Sequence[Moved], *, outside: bool) -> str:
    told = f"({number(now.distance)} sigmas from the windows before, usually up to {limit:.1f})"
    if not outside:
        return f"the columns belong together as before {told}"
    said = [changed_words(broken)] if broken else []
    if moved:
        names = ", ".join(one.column for one in moved[:3])
        more = f" and {len(moved) - 3} more" if len(moved) > 3 else ""  # noqa: PLR2004
        said.append(f"{names}{more} moved by {'itself' if len(moved) == 1 else 'themselves'}")
    elif broken:
        said.append("each column by itself looks as before, as after a wrong join")
    return f"{'; '.join(said) or 'the rows are unlike those before, in no single column or pair'} {told}"
