"""What a window's broken relations come from: a new version, another mix of inputs, or one segment."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np

from bot.monitoring.finding import Finding
from bot.monitoring.judges.relation_places import Columns, is_there, moved_in_a_segment, placed
from bot.monitoring.judges.sides import Sides
from bot.statistics.columns import count_categories
from bot.statistics.relations.multivariate import NEAR, Multivariate
from bot.statistics.shortfall import Shortfall
from bot.statistics.wording import percent

HARDLY_THERE = 0.02
Judge = Callable[[Columns], Multivariate | Shortfall]


def explained(finding: Finding, sides: Sides, judged: Multivariate, before: Sequence[Columns], judge: Judge) -> Finding:
    """The finding of a window outside the band, with its cause where that can be told.

    before: the columns of the windows it was judged by. judge: says it of other rows of the window.
    """
    version = _new_version(sides, list(before[0]), judged, judge)
    if version is not None:
        return _of_version(finding, sides, judged, version)
    told = _of_mix(finding, sides, judged.mix) if judged.mix is not None else finding
    moved = moved_in_a_segment(told, sides, judged, before)
    if moved is not None:
        return moved
    return told if judged.mix is not None else placed(finding, sides, judged, before)


def _new_version(sides: Sides, kept: Sequence[str], judged: Multivariate, judge: Judge) -> str | None:
    """The version that makes the difference: hardly there before, and without its rows, or where all are its, in the
    answers alone, the window is as those before."""
    column = sides.one.data.version
    if column is None or column not in sides.now.columns:
        return None
    (then, rows_then), (now, rows_now) = (
        (count_categories(side.columns[column])[0], max(1, side.rows)) for side in (sides.then, sides.now)
    )
    new = [
        name for name in now if then.get(name, 0) < HARDLY_THERE * rows_then and now[name] >= HARDLY_THERE * rows_now
    ]
    if not new:
        return None
    name = max(new, key=lambda each: (now[each], each))
    others = ~is_there(sides.now.columns[column], name)
    left = judge({each: sides.now.columns[each][others] for each in kept}) if others.any() else None
    if isinstance(left, Multivariate):
        as_before = not left.outside and (judged.outside or left.chance >= NEAR)
        return name if as_before else None
    inputs = {one.column for one in judged.moved} - {*judged.answers}
    pairs = [{one.first, one.second} for one in judged.broken]
    return name if not inputs and all(pair & {*judged.answers} for pair in pairs) else None


def _of_version(finding: Finding, sides: Sides, judged: Multivariate, name: str) -> Finding:
    """A new version that answers otherwise."""
    column = str(sides.one.data.version)
    there = is_there(sides.now.columns[column], name)
    said = finding.sentence.partition(": ")[2]
    sentence = f"{sides.one.model.name}: {column} {name} answers otherwise than those before: {said}"
    share = percent(float(np.mean(there)))
    data = {
        **finding.data,
        "moved": [each for each in finding.data["moved"] if each in judged.answers],
        "version": name,
    }
    return replace(finding, sentence=sentence, feature=column, segment=f"{column}={name}", affected=share, data=data)


def _of_mix(finding: Finding, sides: Sides, mix: Multivariate) -> Finding:
    """Another mix that moves the answers: the column it is of, where one is enough to let expect all else."""
    first = mix.mixed[0] if len(mix.mixed) == 1 else None
    sentence = f"{sides.one.model.name}: {mix.sentence}; the answers moved with it"
    return replace(finding, sentence=sentence, feature=first, data={**finding.data, "mixed": list(mix.mixed)})
