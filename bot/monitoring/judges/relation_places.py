"""In which segment a window differs: a column that moved there alone, or a relation that changed there."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from bot.monitoring.finding import Finding
from bot.monitoring.judges.cause import Changed, locate, place_of
from bot.monitoring.judges.sides import Mask, Sides
from bot.statistics.columns import Column, Floats, as_numbers, category_text, count_categories, is_numeric
from bot.statistics.groups import code_both
from bot.statistics.relations.broken import Broken, changed_words, culprit
from bot.statistics.relations.multivariate import Multivariate, explain_part, told_of
from bot.statistics.wording import percent

MOST_PARTS, PLACE_CHANCE, LEAST_IN_PLACE = 8, 1e-4, 0.2
CLOSER = 0.05
Columns = Mapping[str, Column]


def moved_in_a_segment(
    finding: Finding, sides: Sides, judged: Multivariate, before: Sequence[Columns]
) -> Finding | None:
    """A column that moved in one segment alone, which its relation with the column of the segment shows as well."""
    for name, others in _may_be_placed(sides, judged):
        place = place_of(sides, name, _as_changed(sides, name))
        if place.name is None or place.name.partition("=")[0] not in others:
            continue
        if name not in _changed_outside(place.name, sides, before):
            rest = finding.sentence.partition(": ")[2]
            sentence = f"{sides.one.model.name}: {name} moved at {place.name} alone; {rest}"
            share = percent(float(np.mean(place.now)))
            return replace(finding, sentence=sentence, feature=name, segment=place.name, affected=share)
    return None


def _may_be_placed(sides: Sides, judged: Multivariate) -> list[tuple[str, set[str]]]:
    """Columns that may have moved in a segment, each with the columns that the segment may be of.

    What moves in one segment goes together with it more closely than before; what was joined wrongly or swapped, less.
    A mix that one column is enough to let expect is one everywhere.
    """
    segments = {*sides.one.data.segments}
    if judged.mix is not None:
        mixed = judged.mix.mixed
        found = [(name, segments & {*mixed} - {name}) for name in mixed]
    else:
        moved = [one.column for one in judged.moved]
        found = [(name, segments - {name}) for name in moved]
        for one in judged.broken:
            if one.second is not None and abs(one.is_now) - abs(one.was) >= CLOSER:
                for name, other in ((one.first, one.second), (one.second, one.first)):
                    found += [(name, segments & {other})] if name in moved or other not in moved else []
    return [(name, others) for name, others in found if others and name not in segments | {*judged.answers}]


def _as_changed(sides: Sides, name: str) -> Changed:
    """The column itself, of numbers; else whether it holds the value whose share moved most."""
    then, now = sides.then.columns[name], sides.now.columns[name]
    if is_numeric(then) and is_numeric(now):
        return Changed(as_numbers(then), as_numbers(now), None)
    (was, _), (is_now, _) = count_categories(then), count_categories(now)
    value = max({*was, *is_now}, key=lambda one: (abs(_share(is_now, one) - _share(was, one)), one))
    return Changed(is_there(then, value), is_there(now, value), None)


def _share(counts: Mapping[str, int], name: str) -> float:
    return counts.get(name, 0) / max(1, sum(counts.values()))


def placed(finding: Finding, sides: Sides, judged: Multivariate, before: Sequence[Columns]) -> Finding:
    """The segment in which the relation changed, where one explains it."""
    pair = next((one for one in judged.broken if one.second is not None), None)
    if pair is None or pair.second is None:
        return _in_a_segment(finding, sides, judged, before)
    both = pair.first, pair.second
    place = locate(sides, *_belonging(sides, both), but=both)
    if place.name is None or _elsewhere_too(place.name, pair, sides, before):
        return finding
    sentence = f"{finding.sentence}; it is so at {place.name}"
    return replace(finding, sentence=sentence, segment=place.name, affected=percent(float(np.mean(place.now))))


def _elsewhere_too(place: str, pair: Broken, sides: Sides, before: Sequence[Columns]) -> bool:
    """Whether the pair's columns belong together no longer outside of the place either."""
    return bool(_changed_outside(place, sides, before) & {pair.first, pair.second})


def _changed_outside(place: str, sides: Sides, before: Sequence[Columns]) -> set[str | None]:
    """Columns that moved, or are of pairs that changed, in the rows outside of the place."""
    name, _, text = place.partition("=")
    now = {each: sides.now.columns[each] for each in before[0]}
    if name not in now:
        return set()
    then = [_but(one, name, text) for one in before]
    broken, moved = explain_part(then, _but(now, name, text), chance=PLACE_CHANCE)
    return {one.first for one in broken} | {one.second for one in broken} | {one.column for one in moved}


def _in_a_segment(finding: Finding, sides: Sides, judged: Multivariate, before: Sequence[Columns]) -> Finding:
    """What no longer belongs together in one segment, too few of all rows to show among them."""
    if {one.column for one in judged.moved} - {*judged.answers}:
        return finding
    now = {name: sides.now.columns[name] for name in before[0]}
    places = [(name, text) for name in sides.one.data.segments if name in now for text in _parts(now[name])]
    found = []
    for name, text in places:
        then = [_only(one, name, text) for one in before]
        broken, _ = explain_part(then, _only(now, name, text), chance=PLACE_CHANCE / len(places))
        pairs = [one for one in broken if one.second is not None and not {one.first, one.second} & {*judged.answers}]
        found += [(pairs, f"{name}={text}")] if pairs and pairs[0].size >= LEAST_IN_PLACE else []
    if not found:
        return finding
    pairs, place = max(found, key=lambda one: sum(pair.size**2 for pair in one[0]))
    share = float(np.mean(is_there(now[place.partition("=")[0]], place.partition("=")[2])))
    sentence = f"{sides.one.model.name}: {changed_words(pairs)}; it is so at {place} {told_of(judged)}"
    pair_rows = [[one.first, one.second, one.was, one.is_now] for one in pairs]
    return replace(
        finding,
        sentence=sentence,
        feature=culprit(pairs, judged.answers) or pairs[0].first,
        segment=place,
        affected=percent(share),
        data={**finding.data, "broken": pair_rows},
    )


def _parts(values: Column) -> list[str]:
    counts, _ = count_categories(values)
    return sorted(counts, key=lambda name: (-counts[name], name))[:MOST_PARTS]


def _only(columns: Columns, name: str, text: str) -> Columns:
    there = is_there(columns[name], text)
    return {each: values[there] for each, values in columns.items() if each != name}


def _but(columns: Columns, name: str, text: str) -> Columns:
    others = ~is_there(columns[name], text)
    return {each: values[others] for each, values in columns.items()}


def is_there(values: Column, text: str) -> Mask:
    cells = values.tolist()
    return np.fromiter((category_text(cell) == text for cell in cells), dtype=np.bool_, count=len(cells))


def _belonging(sides: Sides, pair: tuple[str, str]) -> tuple[Floats, Floats]:
    """How much oftener the two values of a row came together in the reference than apart, as a logarithm, of rows then
    and now; numbers in fifths. Where the two no longer belong together its mean falls."""
    first, second = (code_both(sides.then.columns[name], sides.now.columns[name]) for name in pair)
    width = len(second[2])
    codes, codes_now = first[0] * width + second[0], first[1] * width + second[1]
    seen = np.bincount(codes, minlength=len(first[2]) * width).reshape(-1, width) + 0.5
    apart = seen.sum(axis=1, keepdims=True) * seen.sum(axis=0, keepdims=True) / seen.sum()
    together = np.log(seen / apart).ravel()
    return together[codes], together[codes_now]
