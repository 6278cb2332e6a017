"""Which fault would turn the reference's categories into those seen now.

As for numbers (see `fault_fit`): a fault turns the shares p into f(p); hitting a share s of the rows it gives
(1 - s) p + s f(p). Each category may besides be more or less frequent by itself; that costs the more, the more its log
odds moved, and a category never seen before or gone altogether moves far. So a story costs the sum over categories of
what is left to its share, 2 W (q ln(q / p) - q + p), or of the price of its moving, whichever is less; without a fault
the same sum is what a fault has to undercut.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from bot.statistics.columns import Column, Floats
from bot.statistics.distances import category_table, effective_rows
from bot.statistics.faults.fit import MOST_ROWS_COUNTED, unusual
from bot.statistics.faults.hypothesis import (
    LEAST_EXPLAINED,
    LEAST_ROWS,
    LEAST_SHARE,
    REMEDIES,
    SURE,
    FaultHypothesis,
    FaultKind,
    filled,
    matches,
    null_burst,
)
from bot.statistics.profiles import CategoricalProfile, fit_categorical
from bot.statistics.rates import compare_shares
from bot.statistics.wording import LONGEST_NAME, category, count_of, percent

PRICE = 8.0
USUAL_ODDS = 0.3
LOSING = 4.0
MOST_CUTS = 3
MOST = 0.5
CONSIDERED = 30
MOST_TOLD = 3
SHARES = np.linspace(0.02, 1.0, 50)
FINER = np.linspace(-1, 1, 17)


@dataclass(frozen=True, slots=True)
class _Candidate:
    """`what` names one category or, where `many`, several; a share is one `of` these rows. `remedy` is what helps where
    nothing can be undone, if it is not what usually does."""

    kind: FaultKind
    shares: Floats
    what: str
    undo: str
    cost: float = 0.0
    whole: bool = False
    many: bool = False
    of: str = "rows"
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class _Sides:
    """Shares of the categories then (nowhere quite 0) and now; `rows` count as in `fault_fit`. `parts` is what each
    category has of the distance and of the misfit, shape (2, categories), rows summing to 1."""

    then: Floats
    now: Floats
    rows: float
    parts: Floats = field(init=False)

    def __post_init__(self) -> None:
        both = np.stack([np.abs(self.now - self.then), self.left(self.then)])
        object.__setattr__(self, "parts", both / np.maximum(both.sum(axis=1, keepdims=True), 1e-300))

    def may_explain(self, places: list[int]) -> bool:
        """Whether a fault of these categories alone can explain enough, however it fits: spares trying most pairs."""
        return bool(self.parts[:, places].sum(axis=1).max() >= LEAST_EXPLAINED)

    def left(self, shares: Floats) -> Floats:
        """What every category contributes to the misfit, shape (..., categories)."""
        some = np.where(self.now > 0, self.now, 1.0)
        return np.asarray(2 * self.rows * (self.now * np.log(some / shares) - self.now + shares))

    def cost(self, shares: Floats) -> Floats:
        """The misfit, or the price of moving by itself where that is less, summed over categories."""
        now = np.clip(self.now, 0.5 / self.rows, 1 - 0.5 / self.rows)
        moved = np.log(now / (1 - now)) - np.log(shares / (1 - shares))
        price = math.log(self.rows + 1) + unusual(moved, USUAL_ODDS)
        return np.asarray(np.minimum(self.left(shares), price).sum(axis=-1))

    def drift(self) -> float:
        """The cost of the cheapest story without a fault: each category by itself, or one alone."""
        found = [float(self.cost(self.then))]
        known = np.flatnonzero(self.then > 1 / self.rows)
        p, q = (np.clip(side[known], 0.5 / self.rows, 1 - 0.5 / self.rows) for side in (self.then, self.now))
        moved = np.log(q / (1 - q)) - np.log(p / (1 - p))
        prices = math.log(self.rows + 1) + math.log(max(known.size, 1)) + 1.5 * unusual(moved, USUAL_ODDS)
        for at, price, share, usual in zip(known, prices, q, p, strict=True):
            shares = self.then * (1 - share) / (1 - usual)
            shares[at] = share
            found.append(float(self.cost(shares) + price))
        return min(found)

    def explained(self, shares: Floats) -> float:
        """The part of the distance to the reference (differences of shares, or the misfit) that goes away."""
        left, before = (float(np.abs(self.now - one).sum()) for one in (shares, self.then))
        misfit, at_first = (float(self.left(one).sum()) for one in (shares, self.then))
        return max(0.0, 1 - left / before, 1 - misfit / at_first) if before and at_first else 0.0


def explain_categories(reference: Column, current: Column) -> list[FaultHypothesis]:
    """Fault hypotheses for a categorical column, the likeliest first."""
    return explain_category_profiles(fit_categorical(reference), fit_categorical(current))


def explain_category_profiles(then: CategoricalProfile, now: CategoricalProfile) -> list[FaultHypothesis]:
    """As `explain_categories`, from profiles."""
    nulls = null_burst(then.nulls, then.rows, now.nulls, now.rows)
    found = [nulls] if nulls else []
    if min(then.present, now.present) < LEAST_ROWS:
        return found
    counts, counts_now = category_table(then, now)
    names = [*sorted({*then.counts, *then.new, *now.counts, *now.new}), "other"]
    rows = effective_rows(then.present, now.present)
    smooth = (counts + 0.5) / (counts.sum() + 0.5 * counts.size)
    sides = _Sides(smooth, counts_now / counts_now.sum(), rows * MOST_ROWS_COUNTED / (rows + MOST_ROWS_COUNTED))
    ranked = _ranked(names, counts / counts.sum(), sides)
    if nulls and ranked and ranked[0].share > nulls.share and _grew(then, now, counts, counts_now):
        return [*ranked, nulls]
    return [*found, *ranked]


def _grew(then: CategoricalProfile, now: CategoricalProfile, counts: Floats, counts_now: Floats) -> bool:
    """Whether one category at least has more of all rows than before: losing values of one place changes only what is
    left of the others."""
    at = int(np.argmax(counts_now / now.rows - counts / then.rows))
    change = compare_shares(int(counts[at]), then.rows, int(counts_now[at]), now.rows)
    return change.difference >= LEAST_SHARE and change.p_value < SURE


def _ranked(names: list[str], shares: Floats, sides: _Sides) -> list[FaultHypothesis]:
    drift = sides.drift()
    scored: list[tuple[float, int, _Candidate, float, float]] = []
    for candidate in _candidates(names, shares, sides):
        share, cost = _fit(candidate, sides)
        expected = (1 - share) * sides.then + share * _smooth(candidate.shares, sides)
        explained = sides.explained(expected)
        total = cost + candidate.cost + PRICE
        if total < drift and share >= LEAST_SHARE and explained >= LEAST_EXPLAINED:
            scored.append((total, len(scored), candidate, share, explained))
    scored.sort(key=lambda entry: entry[:2])
    return [_hypothesis(candidate, share, explained) for _, _, candidate, share, explained in scored[:MOST_TOLD]]


def _smooth(shares: Floats, sides: _Sides) -> Floats:
    least = float(sides.then.min())
    return (shares + least) / (1 + least * shares.size)


def _fit(candidate: _Candidate, sides: _Sides) -> tuple[float, float]:
    """The share of rows that makes the story cheapest, and its cost."""
    target = _smooth(candidate.shares, sides)
    if candidate.whole:
        return 1.0, float(sides.cost(target))
    best, cost = 1.0, math.inf
    for shares in (SHARES, 0.02 * FINER, 0.0025 * FINER):
        tried = shares if shares is SHARES else np.clip(best + shares, 0.0, 1.0)
        costs = sides.cost((1 - tried[:, None]) * sides.then + tried[:, None] * target)
        costs = costs + np.where(tried < 1, math.log(sides.rows + 1), 0.0)
        at = int(np.argmin(costs))
        best, cost = float(tried[at]), float(costs[at])
    return best, cost


def _hypothesis(candidate: _Candidate, share: float, explained: float) -> FaultHypothesis:
    everywhere = candidate.whole or candidate.kind is FaultKind.FILLED or share >= 1
    part = "" if everywhere else f" in {percent(share)} of {candidate.of}"
    tail = f"; {matches(candidate.undo, many=candidate.many or not everywhere)}" if candidate.undo else ""
    undo = candidate.undo or candidate.remedy or REMEDIES[candidate.kind]
    return FaultHypothesis(candidate.kind, None, share, explained, f"{candidate.what}{part}{tail}", undo)


def _candidates(names: list[str], shares: Floats, sides: _Sides) -> Iterator[_Candidate]:
    shares_now = sides.now
    moved = [int(at) for at in np.argsort(-np.abs(shares_now - shares), kind="stable")[:CONSIDERED]]
    among = math.log(max(1, int(np.count_nonzero(shares))))
    yield from _swaps(names, shares, moved, among, sides)
    yield from _respellings(names, shares, shares_now)
    yield from _cut_names(names, shares, shares_now)
    yield from _renames(names, shares, moved, among, sides)
    for at in moved:
        if shares_now[at] - shares[at] >= LEAST_SHARE:
            target = np.zeros_like(shares)
            target[at] = 1.0
            usual = f"usually {percent(float(shares[at]))}" if shares[at] else "never seen before"
            what = filled(category(names[at]), float(shares_now[at]), usual)
            yield _Candidate(FaultKind.FILLED, target, what, "", among if shares[at] else 0.0)
        elif shares[at] >= LEAST_SHARE and shares_now[at] < shares[at] / 10:
            target = shares.copy()
            target[at] = 0.0
            if target.sum() > 0:
                what = f"{category(names[at])} is missing (usually {percent(float(shares[at]))} of rows)"
                yield _Candidate(
                    FaultKind.LOST,
                    target / target.sum(),
                    what,
                    "",
                    LOSING if shares[at] < MOST else 3 * LOSING,
                    whole=True,
                )


def _swaps(names: list[str], shares: Floats, moved: list[int], among: float, sides: _Sides) -> Iterator[_Candidate]:
    for one, two in combinations(moved, 2):
        if shares[one] > 0 and shares[two] > 0 and sides.may_explain([one, two]):
            target = shares.copy()
            target[one], target[two] = shares[two], shares[one]
            first, second = (category(name) for name in sorted((names[one], names[two])))
            what = f"{first} and {second} are swapped"
            yield _Candidate(FaultKind.SWAPPED, target, what, "swapped back", among, many=True)


def _cut_names(names: list[str], shares: Floats, shares_now: Floats) -> Iterator[_Candidate]:
    """Known names that are no longer than so many letters, so that some of them become the same."""
    places = {name: at for at, name in enumerate(names)}
    known = [at for at in range(len(names)) if shares[at] > 0]
    fresh = [names[at] for at in range(len(names)) if shares[at] == 0 and shares_now[at] > 0]
    lengths = {len(name) for name in fresh if any(names[at].startswith(name) for at in known)}
    for length in sorted(lengths, reverse=True)[:MOST_CUTS]:
        target = np.zeros_like(shares)
        for at in known:
            target[places.get(names[at][:length], at)] += shares[at]
        what = f"names are cut after {length} letter{'' if length == 1 else 's'}"
        remedy = "read the names from their source again"
        yield _Candidate(FaultKind.TRUNCATED, target, what, "", 1.0, many=True, remedy=remedy)


def _renames(names: list[str], shares: Floats, moved: list[int], among: float, sides: _Sides) -> Iterator[_Candidate]:
    gone = [at for at in moved if shares[at] >= LEAST_SHARE / 2 and sides.now[at] < shares[at]]
    new = [at for at in moved if shares[at] == 0]
    for old in gone:
        for fresh in (one for one in new if sides.may_explain([old, one])):
            target = shares.copy()
            target[old], target[fresh] = 0.0, shares[old]
            known = category(names[old])
            what, undo = f"{known} is now called {category(names[fresh])}", f"taken as {known}"
            yield _Candidate(FaultKind.RENAMED, target, what, undo, 1.0 + among, of="its rows")


def _respellings(names: list[str], shares: Floats, shares_now: Floats) -> Iterator[_Candidate]:
    """New categories that differ from known ones in letter case or blanks only, all taken together."""
    known: Mapping[str, int] = {_bare(names[at]): at for at in range(len(names)) if shares[at] > 0}
    pairs = {known[_bare(names[at])]: at for at in range(len(names)) if shares[at] == 0 and _bare(names[at]) in known}
    if not pairs:
        return
    target = shares.copy()
    for old, fresh in pairs.items():
        target[fresh], target[old] = shares[old], 0.0
    old, fresh = max(pairs.items(), key=lambda pair: shares_now[pair[1]])
    what = f"{category(names[old])} is now written {names[fresh][:LONGEST_NAME]!r}"
    others = len(pairs) - 1
    if others:
        what += f" (and {count_of(others, 'other')} alike)"
    of = "rows" if others else "its rows"
    yield _Candidate(FaultKind.RENAMED, target, what, "written as before", many=others > 0, of=of)


def _bare(name: str) -> str:
    return "".join(name.split()).casefold()
