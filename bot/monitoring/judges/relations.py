"""Judging how a model's features belong together: what a wrong join breaks and no single column shows."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from bot.data import Frame, ModelRows
from bot.monitoring.finding import HARMLESS, SCORE, WHAT, Finding, State, surprise_of
from bot.monitoring.judges.features import features_of
from bot.monitoring.judges.novelty import with_new_categories
from bot.monitoring.judges.relation_causes import explained
from bot.monitoring.judges.relation_places import Columns
from bot.monitoring.judges.sides import Sides, no_rows, stamps_of
from bot.monitoring.judges.terms import Terms, What
from bot.monitoring.references import since_words
from bot.monitoring.watched import Watched
from bot.monitoring.windows import Window, times_of
from bot.statistics.budget import CUT, lasting_surprises, normal_scores
from bot.statistics.columns import Column, as_numbers, is_numeric
from bot.statistics.faults.explain import explain_change
from bot.statistics.relations.multivariate import (
    MOST_ROWS,
    Multivariate,
    is_near,
    judge_multivariate,
    told_of,
    what_changed,
)
from bot.statistics.scores.harm import LEAST_HARM, answers_moved
from bot.statistics.shortfall import Reason, Shortfall

LABEL = "sigmas from the windows before"
IN_ORDER, MOST_IN_ORDER = 0.99, 4000
EVEN, LEAST_FARTHER = 0.5, 1.0


def multivariate(one: Watched, rows: ModelRows, window: Window, terms: Terms) -> Finding:
    """All features and what was answered, held against the baseline's own windows, each of which was held against the
    others: a version that answers otherwise breaks what belongs together as a wrong join does."""
    names = [*features_of(one, rows), *_answers(one, rows)]
    version = [one.data.version] if one.data.version in rows.columns("predictions") else []
    columns = list(dict.fromkeys([one.data.time, *names, *one.data.segments, *version]))
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

    def judge(rows_now: Columns) -> Multivariate | Shortfall:
        return judge_multivariate(
            list(before.values()),
            rows_now,
            false_alarm_rate=terms.alarm_rate,
            inputs=features_of(one, rows),
            times=times_of([each.start for each in before], window),
            looks=lambda chance: is_near(chance) or _ends_a_run(chance, terms),
        )

    judged = judge({name: now.columns[name] for name in kept})
    if isinstance(judged, Shortfall):
        return _short(judged, now.rows)
    if judged.mix is not None and _harmless(one, judged.mix.mixed, then, now):
        judged = judged.mix
    finding = _finding(one, list(before), judged, now.rows, f"{judged.windows} windows before")
    finding = replace(finding, reference=f"{finding.reference}{since_words(terms.comparison)}")
    if not (judged.outside or judged.broken or judged.moved):
        return finding
    sides = Sides(one, rows, window, then, now, "")
    said = f"{one.model.name}: {what_changed(judged)} {told_of(judged)}"
    told = explained(replace(finding, sentence=said), sides, judged, list(before.values()), judge)
    return told if judged.outside else _kept_for_its_run(finding, told, judged)


def _kept_for_its_run(finding: Finding, told: Finding, judged: Multivariate) -> Finding:
    """An ordinary window, with what would be said of it by the run that it may end."""
    said = told.sentence.partition(": ")[2].replace(f" {told_of(judged)}", "")
    what = What(said=said, feature=told.feature, segment=told.segment, affected=told.affected)
    return replace(finding, data={**told.data, WHAT: what})


def _harmless(one: Watched, mixed: Sequence[str], then: Frame, now: Frame) -> bool:
    """Whether another mix of inputs is no more than that: answers that hardly move, and numbers without a fault that
    has a name. Of categories a mix looks as if some were filled in or swapped, and what they go with tells it apart."""
    numbers = [name for name in mixed if is_numeric(then.columns[name])]
    if any(explain_change(then.columns[name], now.columns[name]) for name in numbers):
        return False
    answers = [name for name in (one.data.score, one.data.prediction) if name is not None and name in now.columns]
    return all(answers_moved(then.columns[name], now.columns[name]) < LEAST_HARM for name in answers)


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
            SCORE: _score(judged),
            **({"beyond_mix": True} if judged.beyond_mix else {}),
            **({HARMLESS: True, "mixed": list(judged.mixed)} if judged.mixed else {}),
        },
    )


def _score(judged: Multivariate) -> dict[str, Any]:
    """Where the window lies by itself: farther than usual is above 0."""
    return {"score": _signed(judged.chance), "usual": judged.usual, "least": LEAST_FARTHER, "unit": ""}


def _signed(chance: float) -> float:
    score = float(normal_scores(2 * min(chance, 1 - chance), 1 if chance < EVEN else -1))
    return round(max(score, -CUT), 6)


def _ends_a_run(chance: float, terms: Terms) -> bool:
    """Whether a window of that chance may be the one with which a run is worth a page: then it has to say of what."""
    scores = np.array([*(each.score for each in terms.scored or ()), _signed(chance)])
    return bool(lasting_surprises(scores, one_sided=True)[-1] >= -np.log10(terms.rate_of_runs))


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
    every = max(1, len(values) // MOST_IN_ORDER)
    numbers, stamps = as_numbers(values[::every]), stamps_of(times[::every])
    known = np.isfinite(numbers) & ~np.isnat(stamps)
    ranks = [np.argsort(np.argsort(side[known], kind="stable")) for side in (numbers, stamps.astype(np.int64))]
    return bool(known.sum() > 1 and abs(np.corrcoef(ranks[0], ranks[1])[0, 1]) > IN_ORDER)


def _short(short: Shortfall, rows: int) -> Finding:
    if short.reason is Reason.TOO_FEW_WINDOWS:
        missing = (short.need or 0) - (short.have or 0)
        said = f"{short.sentence.removesuffix('.')}, {missing} to go."
        return Finding(State.LEARNING, said, rows=rows, data={"missing": missing})
    return Finding(State.TOO_FEW, short.sentence, rows=rows)
