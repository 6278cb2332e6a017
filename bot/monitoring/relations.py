"""Judging how a model's features belong together: what a wrong join breaks and no single column shows."""

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from bot.data import Frame, ModelRows
from bot.monitoring.cause import locate
from bot.monitoring.features import features_of
from bot.monitoring.finding import Finding, State, surprise_of
from bot.monitoring.novelty import with_new_categories
from bot.monitoring.references import since_words
from bot.monitoring.sides import Sides, no_rows, stamps_of
from bot.monitoring.terms import Terms
from bot.monitoring.watched import Watched
from bot.monitoring.windows import Window
from bot.statistics.columns import Column, Floats, as_numbers, is_numeric
from bot.statistics.groups import code_both
from bot.statistics.relations.multivariate import MOST_ROWS, Multivariate, judge_multivariate
from bot.statistics.shortfall import Reason, Shortfall
from bot.statistics.wording import percent

LABEL = "sigmas from the windows before"
IN_ORDER = 0.99
Columns = Mapping[str, Column]


def multivariate(one: Watched, rows: ModelRows, window: Window, terms: Terms) -> Finding:
    """All features and what was answered, held against the baseline's own windows, each of which was held against the
    others: a version that answers otherwise breaks what belongs together as a wrong join does."""
    names = [*features_of(one, rows), *_answers(one, rows)]
    columns = list(dict.fromkeys([one.data.time, *names, *one.data.segments]))
    now = rows.window("predictions", window.start, window.end, columns, most=MOST_ROWS)
    if now.rows == 0:
        return no_rows(one)
    if now.rows < one.monitor.min_rows:
        return Finding(State.TOO_FEW, f"Only {now.rows:,} rows; {one.monitor.min_rows:,} needed.", rows=now.rows)
    start = window.start - one.monitor.baseline * window.length
    then = rows.window("predictions", start, window.start, columns, most=MOST_ROWS)
    then, now = with_new_categories(then, now, names, one.data.time, window)
    kept = [name for name in names if not _tells_the_time(then.columns[one.data.time], then.columns[name])]
    before = _windows(one, then, kept, window, terms)
    judged = judge_multivariate(
        list(before.values()), {name: now.columns[name] for name in kept}, false_alarm_rate=terms.alarm_rate
    )
    if isinstance(judged, Shortfall):
        return _short(judged, now.rows)
    finding = _finding(one, list(before), judged, now.rows, f"{judged.windows} windows before")
    finding = replace(finding, reference=f"{finding.reference}{since_words(terms.comparison)}")
    return _placed(finding, Sides(one, rows, window, then, now, ""), judged) if judged.outside else finding


def _answers(one: Watched, rows: ModelRows) -> list[str]:
    there = set(rows.columns("predictions"))
    return [name for name in (one.data.prediction, one.data.score) if name is not None and name in there]


def _finding(one: Watched, before: list[Window], judged: Multivariate, rows: int, reference: str) -> Finding:
    past = [[each.end.isoformat(), far] for each, far in zip(before, judged.before, strict=True) if far is not None]
    pairs = [[pair.first, pair.second, pair.was, pair.is_now] for pair in judged.broken]
    return Finding(
        State.FIRING if judged.outside else State.OK,
        f"{one.model.name}: {judged.sentence}",
        rows=rows,
        value=judged.distance,
        upper=judged.limit,
        surprise=surprise_of(judged.p_value),
        feature=judged.column,
        reference=reference,
        data={
            "label": LABEL,
            "before": past,
            "auc": judged.auc,
            "broken": pairs,
            "moved": [moved.column for moved in judged.moved],
        },
    )


def _windows(one: Watched, frame: Frame, names: list[str], window: Window, terms: Terms) -> dict[Window, Columns]:
    """The baseline windows that may be learnt from, oldest first."""
    stamps = stamps_of(frame.columns[one.data.time])
    found: dict[Window, Columns] = {}
    for back in range(one.monitor.baseline, 0, -1):
        each = Window(window.start - back * window.length, window.end - back * window.length)
        first, last = (np.datetime64(moment.replace(tzinfo=None), "us") for moment in (each.start, each.end))
        inside = (stamps >= first) & (stamps < last)
        if inside.any() and not terms.leaves_out(each):
            found[each] = {name: frame.columns[name][inside] for name in names}
    return found


def _tells_the_time(times: Column, values: Column) -> bool:
    """A number that rises with each row, such as a key: every window differs by it."""
    if not is_numeric(values):
        return False
    numbers, stamps = as_numbers(values), stamps_of(times)
    known = np.isfinite(numbers) & ~np.isnat(stamps)
    ranks = [np.argsort(np.argsort(side[known], kind="stable")) for side in (numbers, stamps.astype(np.int64))]
    return bool(known.sum() > 1 and abs(np.corrcoef(ranks[0], ranks[1])[0, 1]) > IN_ORDER)


def _placed(finding: Finding, sides: Sides, judged: Multivariate) -> Finding:
    """The segment in which the relation changed, where one explains it."""
    pair = next((one for one in judged.broken if one.second is not None), None)
    if pair is None or pair.second is None:
        return finding
    place = locate(sides, *_belonging(sides, (pair.first, pair.second)))
    if place.name is None:
        return finding
    sentence = f"{finding.sentence}; it is so at {place.name}"
    return replace(finding, sentence=sentence, segment=place.name, affected=percent(float(np.mean(place.now))))


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


def _short(short: Shortfall, rows: int) -> Finding:
    if short.reason is Reason.TOO_FEW_WINDOWS:
        missing = (short.need or 0) - (short.have or 0)
        said = f"{short.sentence.removesuffix('.')}, {missing} to go."
        return Finding(State.LEARNING, said, rows=rows, data={"missing": missing})
    return Finding(State.TOO_FEW, short.sentence, rows=rows)
