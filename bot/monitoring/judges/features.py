"""Judging a model's inputs: null rate, range and drift against the reference."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from bot.checks.windows import answer_of
from bot.core.errors import BotError
from bot.data import ModelRows
from bot.monitoring import words
from bot.monitoring.finding import HARMLESS, Finding, State, surprise_of
from bot.monitoring.judges.cause import Changed, place_of, since_when, with_cause
from bot.monitoring.judges.sides import Mask, Sides, no_rows, null_mask, read_sides
from bot.monitoring.judges.terms import Terms
from bot.monitoring.watched import Watched
from bot.monitoring.windows import Window
from bot.statistics.columns import Column, as_numbers, is_numeric
from bot.statistics.distances import ks_exact
from bot.statistics.drift import FeatureDrift, compare_frames
from bot.statistics.faults.explain import explain_change
from bot.statistics.faults.hypothesis import REMEDIES, SURE, FaultHypothesis, FaultKind
from bot.statistics.ranges import RangeFinding, check_range
from bot.statistics.rates import ShareChange, compare_nulls
from bot.statistics.scores.harm import Weighed, answers_of, weigh, with_harm
from bot.statistics.shortfall import Reason, Shortfall
from bot.statistics.wording import percent

LEAST_CHANGE = 0.02
UNITS = frozenset({FaultKind.SCALED, FaultKind.CONVERTED, FaultKind.SIGN_FLIPPED, FaultKind.SIGN_LOST})
CLEAR_SHARE, CLEARLY_EXPLAINED = 0.2, 0.85
MOST_RANKED = 12
LEAST_GAP, KS_05 = 0.03, 1.358  # Kolmogorov's limit at .05, times sqrt(1/n + 1/m)


def null_rate(one: Watched, rows: ModelRows, window: Window, terms: Terms) -> Finding:
    """The share of rows without a value: two points and more above the reference, beyond chance."""
    feature = _feature(one)
    sides = read_sides(one, rows, window, terms, [feature])
    if isinstance(sides, Finding):
        return sides
    then, now = sides.then.columns[feature], sides.now.columns[feature]
    change = compare_nulls(then, now)
    rate, usual = change.current.value, change.reference.value
    finding = _calm(
        sides, feature, change, f"{feature} is missing in {percent(rate)} of rows (usually {percent(usual)})"
    )
    if not _rose(change):
        return finding
    if not terms.named:
        return replace(finding, state=State.FIRING)
    place = place_of(sides, feature, Changed(null_mask(then), null_mask(now), null_mask))
    start = since_when(sides, feature, null_mask)
    sentence = words.nulls(feature, rate, usual, segment=place.name, since=words.since(start, window))
    return replace(
        finding,
        state=State.FIRING,
        sentence=sentence,
        onset=start,
        segment=place.name,
        affected=percent(rate),
        data={**finding.data, "remedy": REMEDIES[FaultKind.NULLS]},
    )


def value_range(one: Watched, rows: ModelRows, window: Window, terms: Terms) -> Finding:
    """Rows outside the range the reference makes plausible, or a change of unit that stays inside it."""
    feature = _feature(one)
    sides = read_sides(one, rows, window, terms, [feature])
    if isinstance(sides, Finding):
        return sides
    then, now = sides.then.columns[feature], sides.now.columns[feature]
    found = check_range(then, now)
    if isinstance(found, Shortfall):
        return _short(found, sides.now.rows)
    limits = words.usual_numbers(found.plausible.lower, found.plausible.upper)
    rate, usual = percent(found.outside.current.value), percent(found.outside.reference.value)
    finding = _calm(sides, feature, found.outside, f"{feature}: {rate} of rows outside {limits} (usually {usual})")
    beyond = _rose(found.outside)
    if not beyond and not _has_another_unit(then, now):
        return finding
    if not terms.named:
        return replace(finding, state=State.FIRING, sentence=found.sentence)
    return with_cause(finding, sides, feature, _changed(then, now, found if beyond else None), found.sentence)


def drift(one: Watched, rows: ModelRows, window: Window, terms: Terms) -> Finding:
    """One feature, or every feature, with a floor on the effect and one correction over all."""
    wanted = [one.monitor.feature] if one.monitor.feature else features_of(one, rows)
    sides = read_sides(one, rows, window, terms, wanted)
    if isinstance(sides, Finding):
        return sides
    then, now = ({name: side.columns[name] for name in wanted} for side in (sides.then, sides.now))
    found = compare_frames(then, now, weights=one.data.importances)
    if not any(change.shortfall is None or change.drifted for change in found):
        return _short(found[0].shortfall, sides.now.rows) if found and found[0].shortfall else no_rows(one)
    weighed = _weighed(found, sides, terms)
    judged = [change for change in weighed.drifts if change.shortfall is None or change.drifted]
    moved = [change for change in judged if change.drifted]
    strongest = max(change.strength for change in judged)
    calm = f"none of {len(judged)} features moved" if len(judged) > 1 else f"{judged[0].sentence} (stable)"
    finding = Finding(
        State.OK,
        f"{one.model.name}: {calm}",
        rows=sides.now.rows,
        value=strongest,
        upper=1.0,
        surprise=surprise_of(min(change.adjusted for change in judged)),
        feature=one.monitor.feature,
        reference=sides.reference,
        data={"ranking": [[change.feature, change.strength] for change in judged[:MOST_RANKED]]},
    )
    if not moved:
        return finding
    if not terms.named:
        return replace(finding, state=State.FIRING, sentence=moved[0].sentence, feature=moved[0].feature)
    return _drifted(finding, sides, weighed, moved, len(judged))


def _weighed(found: list[FeatureDrift], sides: Sides, terms: Terms) -> Weighed:
    """By what each move does to the model's answers, where these are there and the features explain them.

    Calm windows don't come here: the answers, and all features of a monitor of one, are read only when one moved.
    """
    plain = Weighed(found, {})
    answer = answer_of(sides.one.data, sides.source)
    if answer is None or not any(change.drifted for change in found):
        return plain
    there = set(sides.source.columns("predictions"))
    names = [name for name in features_of(sides.one, sides.source) if name in there and name != answer]
    both = read_sides(sides.one, sides.source, sides.window, terms, [*names, answer])
    if isinstance(both, Finding):
        return plain
    then, now = ({name: side.columns[name] for name in names} for side in (both.then, both.now))
    called = "the scores" if answer == sides.one.data.score else "the answers"
    answers = answers_of(both.then.columns[answer], both.now.columns[answer], called)
    weighed = weigh(found, then, now, answers, given=bool(sides.one.data.importances))
    return plain if isinstance(weighed, Shortfall) else weighed


def _drifted(finding: Finding, sides: Sides, weighed: Weighed, moved: Sequence[FeatureDrift], tested: int) -> Finding:
    top = moved[0].feature
    then, now = sides.then.columns[top], sides.now.columns[top]
    finding = replace(finding, feature=top)
    known = is_numeric(then) and is_numeric(now) and bool(explain_change(then, now))
    outside = check_range(then, now) if known else None
    rose = outside if isinstance(outside, RangeFinding) and _rose(outside.outside) else None
    plain = f"{moved[0].sentence} (the distribution moved)"
    lost = _rose(compare_nulls(then, now))
    changed = Changed(null_mask(then), null_mask(now), null_mask) if lost else _changed(then, now, rose)
    named = with_cause(finding, sides, top, changed, plain)
    known_fault = "remedy" in named.data  # reason enough, also where a fit of the answers hardly needs the column
    surely = not known_fault or (weighed.told(top) and not weighed.harmless(top))
    said = with_harm(named.sentence, weighed.words(top)) if surely else named.sentence
    sentence = words.drifted(sides.one.model.name, said, len(moved), tested)
    data = {
        **named.data,
        **finding.data,
        "moved": [with_harm(one.sentence, weighed.words(one.feature)) for one in moved],
    }
    if weighed.harmless(top) and not known_fault:  # the harmless come last, so every one is
        return replace(named, sentence=sentence, affected=None, data={**data, HARMLESS: True})
    return replace(named, sentence=sentence, data=data)


def _calm(sides: Sides, feature: str, change: ShareChange, sentence: str) -> Finding:
    return Finding(
        State.OK,
        sentence,
        rows=sides.now.rows,
        value=change.current.value,
        upper=min(1.0, change.reference.value + LEAST_CHANGE),
        surprise=surprise_of(change.p_value),
        feature=feature,
        reference=sides.reference,
    )


def _rose(change: ShareChange) -> bool:
    return change.difference >= LEAST_CHANGE and change.p_value < SURE


def _changed(then: Column, now: Column, found: RangeFinding | None) -> Changed:
    """What to search segments by: the rows out of range where there are more of them, else the values themselves."""
    if found is not None:

        def outside(values: Column) -> Mask:
            numbers = as_numbers(values)
            return np.asarray((numbers < found.plausible.lower) | (numbers > found.plausible.upper))

        return Changed(outside(then), outside(now), outside)
    if is_numeric(then) and is_numeric(now):
        return Changed(as_numbers(then), as_numbers(now), None)
    return Changed(np.zeros(len(then)), np.zeros(len(now)), None)


def _has_another_unit(then: Column, now: Column) -> bool:
    sides = [np.sort(one[np.isfinite(one)]) for one in (as_numbers(then), as_numbers(now))]
    if not min(one.size for one in sides):
        return False
    gap, chance = ks_exact(*sides), KS_05 * float(np.sqrt(sum(1 / one.size for one in sides)))
    # Where nothing moved, no unit did; looking for one takes a hundred times as long.
    return gap >= max(LEAST_GAP, chance) and any(_is_unit_change(one) for one in explain_change(then, now)[:1])


def _is_unit_change(cause: FaultHypothesis) -> bool:
    return cause.kind in UNITS and cause.share >= CLEAR_SHARE and cause.explained >= CLEARLY_EXPLAINED


def _feature(one: Watched) -> str:
    if one.monitor.feature is None:
        raise BotError(f"Monitor {one.key}: name the column it watches as `feature:`.")
    return one.monitor.feature


def features_of(one: Watched, rows: ModelRows) -> list[str]:
    """The features named in muster.yaml, else every column of the reference that is neither time, answer nor key."""
    data = one.data
    if data.features:
        return list(data.features)
    apart = {data.time, data.prediction, data.score, data.version, data.latency, *data.probabilities}
    apart |= {data.labels.key, data.labels.column, data.labels.time} if data.labels else set()
    return [name for name in rows.columns("reference" if data.reference else "predictions") if name not in apart]


def _short(short: Shortfall, rows: int) -> Finding:
    """Not enough to judge is an answer; a column that is gone or no longer of its type has to be mended first."""
    if short.reason in {Reason.MISSING_COLUMN, Reason.WRONG_TYPE}:
        raise BotError(short.sentence)
    state = State.NO_DATA if short.reason is Reason.ALL_NULL else State.TOO_FEW
    return Finding(state, short.sentence, rows=rows)
