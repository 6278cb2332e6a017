"""Of a change that was found: what the likely fault is, where it sits, and since when."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np

from bot.data import Frame
from bot.monitoring import words
from bot.monitoring.finding import Finding, State
from bot.monitoring.judges.onset import onset
from bot.monitoring.judges.sides import Mask, Sides, null_mask, picture, stamps_of
from bot.statistics.attribution import Segment, attribute
from bot.statistics.columns import Column, as_numbers, category_text, count_categories, is_numeric
from bot.statistics.distances import ks_exact
from bot.statistics.faults.explain import explain_change
from bot.statistics.faults.hypothesis import FaultHypothesis
from bot.statistics.faults.places import explain_in_segments
from bot.statistics.shortfall import Shortfall
from bot.statistics.wording import percent

HIGH, NEAR_NOTHING = 0.9, 0.2
OUTSIDE = 0.5


@dataclass(frozen=True, slots=True)
class Changed:
    """What changed, a number a row; `mark` tells which rows of any window have the fault, if that can be told."""

    then: Column
    now: Column
    mark: Callable[[Column], Mask] | None


@dataclass(frozen=True, slots=True)
class Place:
    """The segment that explains the change, when one does, and its rows then and now."""

    name: str | None
    then: Mask
    now: Mask


def with_cause(finding: Finding, sides: Sides, feature: str, changed: Changed, plain: str) -> Finding:
    """The finding as an alert: the fault by name and in its segment where one fits, else `plain`."""
    segments = sides.one.data.segments
    placed = explain_in_segments(sides.then.columns, sides.now.columns, feature, segments)
    place = (
        _confirmed(sides, feature, _place_of(sides, placed.segment)) if placed else place_of(sides, feature, changed)
    )
    then, now = sides.then.columns[feature][place.then], sides.now.columns[feature][place.now]
    start = since_when(sides, feature, changed.mark) if changed.mark else None
    since = words.since(start, sides.window) if changed.mark else ""
    if place.name is None and (placed is None or placed.segment is None):
        causes = [placed.fault] if placed else []  # all rows were explained already
    else:
        causes = explain_change(then, now)
    after = _after(sides, place, start, now)
    later = explain_change(then, after) if causes and causes[0].share < 1 and after.size < now.size else []
    if later and later[0].kind is causes[0].kind:
        causes, now = later, after
    if causes:
        sentence = words.fault(feature, causes[0], segment=place.name, since=since, levels=_levels(then, now))
    else:
        said = plain.removeprefix(f"{feature}: ")
        sentence = f"{feature}{f' at {place.name}' if place.name else ''}{since}: {said}"
    return replace(
        finding,
        state=State.FIRING,
        sentence=sentence,
        onset=start,
        segment=place.name,
        affected=_affected(place, changed, causes),
        data={**finding.data, **picture(then, now), **({"remedy": causes[0].undo} if causes else {})},
    )


def place_of(sides: Sides, feature: str, changed: Changed) -> Place:
    """The segment that explains the change, when outside of it the feature is nearly as before; else every row."""
    return _confirmed(sides, feature, locate(sides, changed.then, changed.now, but=[feature]))


def _confirmed(sides: Sides, feature: str, place: Place) -> Place:
    then, now = sides.then.columns[feature], sides.now.columns[feature]
    if place.name is None or place.then.all() or place.now.all():
        return place
    inside, outside = _apart(then[place.then], now[place.now]), _apart(then[~place.then], now[~place.now])
    return place if outside <= OUTSIDE * inside else _place_of(sides, None)


def _apart(then: Column, now: Column) -> float:
    """How far two columns lie apart, 0 to 1, nulls included."""
    nulls = abs(float(null_mask(then).mean()) - float(null_mask(now).mean()))
    if is_numeric(then) and is_numeric(now):
        sides = [np.sort(one[np.isfinite(one)]) for one in (as_numbers(then), as_numbers(now))]
        return max(nulls, ks_exact(*sides)) if min(one.size for one in sides) else nulls
    counts = [count_categories(one)[0] for one in (then, now)]
    totals = [max(1, sum(one.values())) for one in counts]
    names = {*counts[0], *counts[1]}
    gaps = (abs(counts[0].get(name, 0) / totals[0] - counts[1].get(name, 0) / totals[1]) for name in names)
    return max(nulls, sum(gaps) / 2)


def since_when(sides: Sides, feature: str, mark: Callable[[Column], Mask]) -> datetime | None:
    """Look from the window before on: what shows now may have begun there."""
    time = sides.one.data.time
    start = sides.window.start - sides.window.length
    frame = sides.source.window("predictions", start, sides.window.end, [time, feature])
    return onset(frame.columns[time], mark(frame.columns[feature]))


def locate(sides: Sides, then: Column, now: Column, *, but: Sequence[str]) -> Place:
    """Search the configured segments for the one that explains the change of the mean; else every row.

    but: columns that explain nothing, as they are what changed.
    """
    both = sides.then.columns.keys() & sides.now.columns.keys() - {*but}
    names = [name for name in sides.one.data.segments if name in both]
    if not names:
        return _place_of(sides, None)
    found = attribute(
        {name: sides.then.columns[name] for name in names},
        np.asarray(then, dtype=np.float64),
        {name: sides.now.columns[name] for name in names},
        np.asarray(now, dtype=np.float64),
    )
    if isinstance(found, Shortfall) or found.culprit is None:
        return _place_of(sides, None)
    return _place_of(sides, found.culprit.segment)


def _place_of(sides: Sides, segment: Segment | None) -> Place:
    conditions = segment.conditions if segment else ()
    inside, inside_now = (_inside(side, conditions) for side in (sides.then, sides.now))
    if not conditions or not inside.any() or not inside_now.any():
        return Place(None, *(np.ones(side.rows, dtype=np.bool_) for side in (sides.then, sides.now)))
    return Place(" and ".join(f"{feature}={value}" for feature, value in conditions), inside, inside_now)


def _inside(side: Frame, conditions: Sequence[tuple[str, str]]) -> Mask:
    found = np.ones(side.rows, dtype=np.bool_)
    for name, value in conditions:
        cells = side.columns[name].tolist()
        found &= np.fromiter((category_text(cell) == value for cell in cells), dtype=np.bool_, count=found.size)
    return found


def _after(sides: Sides, place: Place, start: datetime | None, now: Column) -> Column:
    """The rows of the place since the fault began: those before it are still sound."""
    if start is None:
        return now
    stamps = stamps_of(sides.now.columns[sides.one.data.time])[place.now]
    return now[stamps >= np.datetime64(start.replace(tzinfo=None), "us")]


def _levels(then: Column, now: Column) -> tuple[str, float, float] | None:
    """What shows the change best: the median, or the upper end where the median lies next to nothing."""
    if not (is_numeric(then) and is_numeric(now)):
        return None
    sides = [numbers[~np.isnan(numbers)] for numbers in (as_numbers(then), as_numbers(now))]
    if not sides[0].size or not sides[1].size:
        return None
    middle, upper = (np.quantile(sides[0], share) for share in (0.5, HIGH))
    name, share = ("median", 0.5) if abs(middle) > NEAR_NOTHING * abs(upper) else ("highest tenth from", HIGH)
    return name, float(np.quantile(sides[0], share)), float(np.quantile(sides[1], share))


def _affected(place: Place, changed: Changed, causes: Sequence[FaultHypothesis]) -> str | None:
    """Rows out of range over all rows of the window; else the rows of the place."""
    if changed.mark is not None:
        return percent(float(np.mean(changed.now)))
    if place.name:
        return percent(float(np.mean(place.now)))
    return percent(causes[0].share) if causes else None
