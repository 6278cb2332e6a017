"""Which fault would turn the reference's categories into those seen now.

As for numbers: a fault turns the shares p into f(p); hitting a share s of the rows it gives (1 - s) p + s f(p). What is
left to the current shares (total variation) over what there was before is the part not explained.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from bot.statistics.columns import Column, Floats
from bot.statistics.distances import category_table, chi_square_test
from bot.statistics.fault import (
    LEAST_EXPLAINED,
    LEAST_SHARE,
    SURE,
    FaultHypothesis,
    FaultKind,
    matches,
    null_burst,
)
from bot.statistics.profiles import CategoricalProfile, fit_categorical
from bot.statistics.wording import percent

LEAST_ROWS = 50
LEAST_VARIATION = 0.04
CONSIDERED = 30


@dataclass(frozen=True, slots=True)
class _Candidate:
    kind: FaultKind
    shares: Floats
    what: str
    undo: str
    cost: float = 0.0
    whole: bool = False


def explain_categories(reference: Column, current: Column) -> list[FaultHypothesis]:
    """Fault hypotheses for a categorical column, the likeliest first."""
    return explain_category_profiles(fit_categorical(reference), fit_categorical(current))


def explain_category_profiles(then: CategoricalProfile, now: CategoricalProfile) -> list[FaultHypothesis]:
    nulls = null_burst(then.nulls, then.rows, now.nulls, now.rows)
    found = [nulls] if nulls else []
    if min(then.present, now.present) < LEAST_ROWS:
        return found
    counts, counts_now = category_table(then, now)
    names = [*sorted({*then.counts, *then.new, *now.counts, *now.new}), "other"]
    shares, shares_now = counts / counts.sum(), counts_now / counts_now.sum()
    distance = float(np.abs(shares_now - shares).sum()) / 2
    if distance < LEAST_VARIATION or chi_square_test(counts, counts_now)[2] >= SURE:
        return found
    scored = []
    for candidate in _candidates(names, shares, shares_now):
        share, left = _fit(candidate, shares, shares_now)
        explained = max(0.0, 1 - left / distance)
        if share >= LEAST_SHARE and explained >= LEAST_EXPLAINED:
            scored.append((explained - candidate.cost, candidate, share, explained))
    scored.sort(key=lambda entry: -entry[0])
    found += [_hypothesis(candidate, share, explained) for _, candidate, share, explained in scored[:3]]
    return sorted(found, key=lambda one: one.kind is FaultKind.NULLS and len(found) > 1 and one.share < 0.5)  # noqa: PLR2004


def _hypothesis(candidate: _Candidate, share: float, explained: float) -> FaultHypothesis:
    part = "" if share >= 1 or candidate.whole else f" in {percent(share)} of rows"
    tail = f"; {matches(share, candidate.undo)}" if candidate.undo else ""
    sentence = f"{candidate.what}{part}{tail}"
    return FaultHypothesis(candidate.kind, None, share, explained, sentence, candidate.undo or candidate.what)


def _fit(candidate: _Candidate, shares: Floats, shares_now: Floats) -> tuple[float, float]:
    pull, gap = candidate.shares - shares, shares_now - shares
    size = float(pull @ pull)
    if size == 0:
        return 0.0, float(np.abs(gap).sum()) / 2
    share = 1.0 if candidate.whole else min(1.0, max(0.0, float(gap @ pull) / size))
    share = 1.0 if share >= 0.95 else share  # noqa: PLR2004
    return share, float(np.abs(gap - share * pull).sum()) / 2


def _candidates(names: list[str], shares: Floats, shares_now: Floats) -> Iterator[_Candidate]:
    moved = [int(at) for at in np.argsort(-np.abs(shares_now - shares), kind="stable")[:CONSIDERED]]
    yield from _swaps(names, shares, moved)
    yield from _respellings(names, shares, shares_now)
    yield from _renames(names, shares, shares_now, moved)
    for at in moved:
        if shares_now[at] - shares[at] >= LEAST_SHARE:
            target = np.zeros_like(shares)
            target[at] = 1.0
            usual = f"usually {percent(float(shares[at]))}" if shares[at] else "never seen before"
            what = f"{names[at]} is filled in ({percent(float(shares_now[at]))} of rows, {usual})"
            yield _Candidate(FaultKind.FILLED, target, what, "", 0.02)
        elif shares[at] >= LEAST_SHARE and shares_now[at] < shares[at] / 10:
            target = shares.copy()
            target[at] = 0.0
            if target.sum() > 0:
                what = f"{names[at]} is missing (usually {percent(float(shares[at]))} of rows)"
                yield _Candidate(FaultKind.LOST, target / target.sum(), what, "", 0.01, whole=True)


def _swaps(names: list[str], shares: Floats, moved: list[int]) -> Iterator[_Candidate]:
    for one, two in combinations(moved, 2):
        if shares[one] > 0 and shares[two] > 0:
            target = shares.copy()
            target[one], target[two] = shares[two], shares[one]
            first, second = sorted((names[one], names[two]))
            yield _Candidate(FaultKind.SWAPPED, target, f"{first} and {second} are swapped", "swapped back")


def _renames(names: list[str], shares: Floats, shares_now: Floats, moved: list[int]) -> Iterator[_Candidate]:
    gone = [at for at in moved if shares[at] >= LEAST_SHARE and shares_now[at] < shares[at]]
    new = [at for at in moved if shares[at] == 0]
    for old in gone:
        for fresh in new:
            target = shares.copy()
            target[old], target[fresh] = 0.0, shares[old]
            what, undo = f"{names[old]} is now called {names[fresh]}", f"taken as {names[old]}"
            yield _Candidate(FaultKind.RENAMED, target, what, undo, 0.01)


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
    yield _Candidate(FaultKind.RENAMED, target, f"{names[old]} is now written {names[fresh]!r}", "written as before")


def _bare(name: str) -> str:
    return "".join(name.split()).casefold()
