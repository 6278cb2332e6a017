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
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from bot.statistics.columns import Column, Floats
from bot.statistics.daily import Times, enough_days
from bot.statistics.relations.broken import (
    MOST_NAMED,
    Broken,
    Moved,
    changed_words,
    culprit,
    explain_beyond_mix,
    explain_window,
)
from bot.statistics.relations.distance import Side, Told, Usual, sides_of, tell
from bot.statistics.relations.encoding import Encoded, encode
from bot.statistics.relations.mix import as_mixed
from bot.statistics.relations.moments import Moments, moments_of
from bot.statistics.shortfall import Shortfall, no_variation, too_few_rows, too_few_windows
from bot.statistics.wording import number

LEAST_WINDOWS, LEAST_ROWS = 10, 50
MOST_ROWS = 40_000
LEAST_EFFECT = 0.1
SEED = 20261124
Z95 = 1.96
MOST_ALONE = 5
NEAR = 0.05


def is_near(chance: float) -> bool:
    """Whether a window so seldom is told what changed, and whether by another mix, though it is inside the band: many
    of them in a row are a run."""
    return chance < NEAR


@dataclass(frozen=True, slots=True)
class Multivariate:
    """How far the window lies from the windows before.

    distance: of its classifier's score, in standard deviations of ordinary windows. usual, limit: what the windows
    before have among themselves, and how far an ordinary one goes. before: the distance of each of them in the order
    given, None where it has too few rows. effect: the same in standard deviations of rows (at most 20). auc: the chance
    that a row of the window scores higher than one before, with its 95 % interval (lower, upper) by the rows alone.
    p_value: of such a distance, one-sided; 1 where the effect is below the floor. chance: of one as far by either side,
    however small the effect; 1 where rows lie no farther out than those before. broken: pairs of columns that no longer
    belong together; moved: columns that differ by themselves; both the clearest first, and empty well inside the band.
    mix: the same window, where another mix of some columns alone makes the distance, judged by the rows before in that
    mix; mixed: these columns, one where that is enough. windows: how many gave the band. left_out: columns beyond the
    cap, or constant. answers: columns that follow the others. beyond_mix: the pairs no longer belong together among
    rows of the same mix either, so that what moved is no excuse.
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
    chance: float
    outside: bool
    broken: tuple[Broken, ...]
    moved: tuple[Moved, ...]
    windows: int
    rows: int
    left_out: tuple[str, ...]
    sentence: str
    mix: "Multivariate | None" = None
    mixed: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()
    beyond_mix: bool = False

    @property
    def column(self) -> str | None:
        """The column to look at: what some broken pairs have in common, else what moved most, else that of a single
        pair which left other columns too; None where none stands out."""
        alone = len(self.broken) == 1 and self.broken[0].second is None
        named = self.broken[0].first if alone else culprit(self.broken, self.answers)
        moved = [one.column for one in self.moved if one.column not in self.answers]
        if named in self.answers or (len(self.broken) == 1 and not alone and moved):
            named = moved[0] if moved else None
        if named is None and (len(moved) == 1 or not self.broken):
            return next(iter(moved or [one.column for one in self.moved]), None)
        return named


def judge_multivariate(
    windows: Sequence[Mapping[str, Column]],
    now: Mapping[str, Column],
    *,
    false_alarm_rate: float = 0.0027,
    least_effect: float = LEAST_EFFECT,
    least_windows: int = LEAST_WINDOWS,
    least_rows: int = LEAST_ROWS,
    most_rows: int = MOST_ROWS,
    inputs: Collection[str] = (),
    times: Times | None = None,
    looks: Callable[[float], bool] = is_near,
) -> Multivariate | Shortfall:
    """Judge `now` against the `windows` before it; each a mapping of columns of shape (rows,), the same names.

    Columns that one of them lacks are left out. At most `most_rows` rows of all, the same share of every window and at
    random, and the first 40 columns are looked at. Of a window with more rows than most of those before as many
    are judged: a larger one shows smaller swings, which the band doesn't hold. `false_alarm_rate`: the chance that an
    ordinary window lies beyond the limit. `inputs`: columns of which another mix is no change of what belongs together.
    `times`: of the windows, where they are shorter than a day. `looks`: whether what changed is looked for in a window
    inside the band, of so small a chance.
    """
    sampled = _sampled([*windows, _no_larger(now, windows, least_rows)], most_rows)
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
    columns = {name: _joined(every, name) for name in names}
    encoded = encode(columns, of < len(past))
    if not encoded.names:
        return no_variation("every column")
    found = moments_of(encoded, of, len(past))
    usual = Usual.of(found, len(past))
    known = times.some(np.array(learnt)) if times else None
    sides = sides_of(found, usual, known if known and enough_days(known) else None)
    answers = tuple(name for name in names if inputs and name not in inputs)
    judged = _judged(encoded, found, sides, learnt, false_alarm_rate, least_effect, answers, looks)
    mixed = [one.column for one in judged.moved if one.column in inputs]
    weights = as_mixed(columns, found.of == len(past), mixed) if mixed else None
    if weights is None:
        return judged
    rate = false_alarm_rate / len(sides)
    whole = _held_against(usual, sides, weights, rate)
    if whole.excess > 0:
        broken = explain_beyond_mix(encoded, found, weights, judged.answers)
        return _told_beyond(judged, broken) if broken else judged
    return replace(judged, mix=_but_for_mix(judged, whole, _each_alone(usual, sides, columns, mixed, rate)))


def _told_beyond(judged: Multivariate, broken: Sequence[Broken]) -> Multivariate:
    sentence = f"{_what(broken, judged.moved)} {told_of(judged)}"
    return replace(judged, broken=tuple(broken), beyond_mix=True, sentence=sentence)


@dataclass(frozen=True, slots=True)
class _Held:
    """How the window lies from rows of the same mix, by the side that lies farthest. excess: beyond its limit."""

    names: tuple[str, ...]
    told: Told
    limit: float
    p_value: float

    @property
    def excess(self) -> float:
        return self.told.distance - self.limit


def _held_against(
    usual: Usual, sides: Sequence[Side], weights: Floats, rate: float, names: Sequence[str] = ()
) -> _Held:
    told_apart = tell(usual.found, len(usual.means), [side.only for side in sides], usual.whole(weights))
    every = zip(told_apart, sides, strict=True)
    held = [_Held(tuple(names), told, side.band.limit(rate), side.band.p_value(told.distance)) for told, side in every]
    return max(held, key=lambda one: one.excess)


def _each_alone(
    usual: Usual, sides: Sequence[Side], columns: Mapping[str, Column], mixed: Sequence[str], rate: float
) -> Iterator[_Held]:
    """Held against rows of the same mix of one column each; the names of all where there is no more than one."""
    for name in mixed[:MOST_ALONE]:
        weights = as_mixed(columns, usual.found.of == len(usual.means), [name])
        if weights is not None:
            yield _held_against(usual, sides, weights, rate, [name])


def _but_for_mix(judged: Multivariate, whole: _Held, alone: Iterable[_Held]) -> Multivariate:
    """The window held against rows of the same mix, of one column where that is enough."""
    enough = [one for one in alone if one.excess <= 0]
    best = min(enough, key=lambda one: one.excess, default=whole)
    names = best.names or tuple(one.column for one in judged.moved if one.column not in judged.answers)
    return replace(
        judged,
        distance=best.told.distance,
        limit=best.limit,
        effect=best.told.effect,
        p_value=best.p_value,
        chance=_either(best.p_value),
        outside=False,
        broken=(),
        moved=(),
        mixed=names,
        sentence=_sentence_of_mix(names, judged.distance, judged.limit),
    )


def _judged(
    encoded: Encoded,
    found: Moments,
    sides: Sequence[Side],
    learnt: Sequence[bool],
    false_alarm_rate: float,
    least_effect: float,
    answers: tuple[str, ...],
    looks: Callable[[float], bool],
) -> Multivariate:
    """By the side that is stranger, each with its part of the false alarms; in order by what belongs together."""
    rate = false_alarm_rate / len(sides)
    p_values = [side.p_value(least_effect) for side in sides]
    outside = min(p_values) < rate
    side = sides[int(np.argmin(p_values))] if outside else sides[-1]
    now, limit = side.now, side.band.limit(rate)
    chance = _either(min(side.p_value(0.0) for side in sides), len(sides))
    looked = outside or looks(chance)
    broken, moved = explain_window(encoded, found, answers=answers) if looked else ((), ())
    rows, earlier = float(found.sizes[-1]), float(found.sizes[:-1].sum())
    error = Z95 * math.sqrt((rows + earlier + 1) / (12 * rows * earlier))
    distances = iter(one.distance for one in side.before)
    return Multivariate(
        distance=now.distance,
        usual=side.band.centre,
        limit=limit,
        before=tuple(next(distances) if large else None for large in learnt),
        effect=now.effect,
        auc=now.auc,
        lower=max(0.0, now.auc - error),
        upper=min(1.0, now.auc + error),
        p_value=min(1.0, len(sides) * min(p_values)),
        chance=chance,
        outside=outside,
        broken=broken,
        moved=moved,
        windows=len(side.before),
        rows=int(rows),
        left_out=encoded.left_out,
        sentence=_sentence(now, limit, broken, moved, outside=outside),
        answers=answers,
    )


def _either(smallest: float, sides: int = 2) -> float:
    """The chance of one so small among some (Sidak 1967)."""
    return -math.expm1(sides * math.log1p(-min(smallest, 1 - 1e-12)))


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


def explain_part(
    windows: Sequence[Mapping[str, Column]], now: Mapping[str, Column], *, chance: float
) -> tuple[tuple[Broken, ...], tuple[Moved, ...]]:
    """Which relations changed in a part of the rows, such as a segment's; nothing where it has too few of them.

    `windows`, `now`: that part, as `judge_multivariate` takes them. `chance`: of a pair in order to be named.
    """
    past = [one for one in windows if _size(one) >= LEAST_ROWS]
    if len(past) < LEAST_WINDOWS or _size(now) < LEAST_ROWS:
        return (), ()
    every = [*past, now]
    of = np.repeat(np.arange(len(every)), [_size(one) for one in every])
    encoded = encode({name: _joined(every, name) for name in now}, of < len(past))
    return explain_window(encoded, moments_of(encoded, of, len(past)), chance) if encoded.names else ((), ())


def _no_larger(now: Mapping[str, Column], windows: Sequence[Mapping[str, Column]], least: int) -> Mapping[str, Column]:
    """A random part of the window, as large as the middle one of those that count."""
    sizes = [size for size in map(_size, windows) if size >= least]
    most = int(np.median(sizes)) if sizes else _size(now)
    if _size(now) <= most:
        return now
    kept = np.sort(np.random.default_rng(SEED).choice(_size(now), most, replace=False))
    return {name: np.asanyarray(values)[kept] for name, values in now.items()}


def _size(window: Mapping[str, Column]) -> int:
    return len(next(iter(window.values()), ()))


def _joined(windows: Sequence[Mapping[str, Column]], name: str) -> Column:
    parts = [np.asanyarray(one[name]) for one in windows]
    masked = any(isinstance(part, np.ma.MaskedArray) for part in parts)
    return np.ma.concatenate(parts) if masked else np.concatenate(parts)  # type: ignore[no-untyped-call]


def told_of(judged: Multivariate) -> str:
    """How far the window lies, to be read after what changed."""
    return _far(judged.distance, judged.limit)


def what_changed(judged: Multivariate) -> str:
    """Of a window far out or nearly so: what no longer belongs together, or moved by itself."""
    return _what(judged.broken, judged.moved)


def _far(distance: float, limit: float) -> str:
    return f"({number(distance)} sigmas from the windows before, usually up to {limit:.1f})"


def _sentence_of_mix(mixed: Sequence[str], distance: float, limit: float) -> str:
    return f"{_names(mixed)} came in another mix, and all else is as that lets expect {_far(distance, limit)}"


def _names(columns: Sequence[str]) -> str:
    more = f" and {len(columns) - MOST_NAMED} more" if len(columns) > MOST_NAMED else ""
    return f"{', '.join(columns[:MOST_NAMED])}{more}"


def _sentence(now: Told, limit: float, broken: Sequence[Broken], moved: Sequence[Moved], *, outside: bool) -> str:
    told = _far(now.distance, limit)
    if not outside:
        return f"the columns belong together as before {told}"
    return f"{_what(broken, moved)} {told}"


def _what(broken: Sequence[Broken], moved: Sequence[Moved]) -> str:
    said = [changed_words(broken)] if broken else []
    if moved:
        names = _names([one.column for one in moved])
        said.append(f"{names} moved by {'itself' if len(moved) == 1 else 'themselves'}")
    elif broken:
        said.append("each column by itself looks as before, as after a wrong join")
    return "; ".join(said) or "the rows are unlike those before, in no single column or pair"
