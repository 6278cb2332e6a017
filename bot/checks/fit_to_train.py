"""Whether the new rows are good enough to retrain on, without those of incidents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from bot.charts import bars
from bot.checks.contract import NO_DATA, CheckResult
from bot.checks.duplicates import repeated
from bot.checks.known import KnownTrouble
from bot.checks.null_rate import rose
from bot.checks.registry import Question
from bot.checks.windows import features_of, span
from bot.data import LABEL, Part
from bot.statistics.columns import Column, count_categories, is_numeric
from bot.statistics.drift import compare_frames
from bot.statistics.fault_places import explain_in_segments
from bot.statistics.rates import compare_nulls
from bot.statistics.wording import percent

USUAL = timedelta(days=30)
MOST_READ = 200_000
LEAST_ROWS, LEAST_OF_REFERENCE = 1000, 0.1
LEAST_LABELLED, LEAST_OF_CLASS = 0.8, 50
MOST_REPEATED = 0.005
MOST_DRIFT = 5.0
"""Times the smallest shift that matters: beyond it the rows are of another world than those the model was judged on."""
NAMED = 3

Columns = Mapping[str, Column]


@dataclass(frozen=True, slots=True)
class Criterion:
    name: str
    passed: bool
    says: str


def run(question: Question) -> CheckResult:
    rows, data = question.rows, question.rows.data
    end, start = question.at, question.at - (question.params.window or USUAL)
    features = features_of(question)
    wanted = list(dict.fromkeys([data.time, *features, *data.segments, *([data.labels.key] if data.labels else [])]))
    frame = rows.window("predictions", start, end, wanted, most=MOST_READ)
    if frame.rows == 0:
        return CheckResult(NO_DATA, f"{question.model.name} has no rows {span(start, end)}.", window_end=end)
    troubles = [one for one in question.known.troubles if one.start < end and (one.until or end) > start]
    kept = outside(frame.columns[data.time], troubles, end)
    now = {name: column[kept] for name, column in frame.columns.items()}
    part: Part | None = "reference" if data.reference else "holdout" if data.holdout else None
    known = set(rows.columns(part)) if part else set()
    then = rows.window(part, None, None, [n for n in features if n in known], most=MOST_READ).columns if part else {}
    criteria = [
        _rows(then, int(kept.sum())),
        *_labels(question, start, end, troubles),
        _columns(now, then, features),
        *([_nulls(now, then), _faults(now, then, data.segments), _drift(now, then)] if then else []),
        _repeats(now, data.labels.key if data.labels else None),
    ]
    return _answer(question, criteria, troubles, frame.rows, int(kept.sum()), (start, end), frame.notes)


def outside(times: Column, troubles: Sequence[KnownTrouble], end: datetime) -> NDArray[np.bool_]:
    """Which rows lie in no incident, shape (rows,)."""
    stamps = np.asarray(times).astype("datetime64[us]")
    kept = np.ones(stamps.size, dtype=np.bool_)
    for one in troubles:
        first, last = (np.datetime64(at.replace(tzinfo=None), "us") for at in (one.start, one.until or end))
        kept &= (stamps < first) | (stamps >= last)
    return kept


def _rows(then: Columns, have: int) -> Criterion:
    of = len(next(iter(then.values()), ()))
    need = max(LEAST_ROWS, round(LEAST_OF_REFERENCE * of))
    return Criterion("rows", have >= need, f"{have:,} rows; {need:,} needed")


def _labels(question: Question, start: datetime, end: datetime, troubles: Sequence[KnownTrouble]) -> list[Criterion]:
    data = question.rows.data
    if data.labels is None:
        return [
            Criterion("labels", passed=False, says="no `labels:` in muster.yaml, so nothing to learn from is known")
        ]
    found = question.rows.labelled(start, end, [data.time])
    labels = found.columns[LABEL][outside(found.columns[data.time], troubles, end)]
    counts, nulls = count_categories(labels) if not _is_quantity(labels) else ({}, int(np.isnan(labels).sum()))
    share = 1 - nulls / max(1, labels.size)
    says = f"{percent(share)} of rows have their label; {percent(LEAST_LABELLED)} needed"
    criteria = [Criterion("labels", share >= LEAST_LABELLED, says)]
    if counts:
        rare, size = min(counts.items(), key=lambda pair: pair[1])
        passed = size >= LEAST_OF_CLASS and len(counts) > 1
        says = f"the rarest class, {rare}, has {size:,} rows; {LEAST_OF_CLASS} needed"
        criteria.append(Criterion("classes", passed, says if len(counts) > 1 else f"every label is {rare}"))
    return criteria


def _is_quantity(labels: Column) -> bool:
    return is_numeric(labels) and np.unique(labels[~np.isnan(labels)]).size > 20  # noqa: PLR2004


def _columns(now: Columns, then: Columns, features: Sequence[str]) -> Criterion:
    changed = [name for name in features if name in then and is_numeric(then[name]) != is_numeric(now[name])]
    empty = [name for name in features if name in now and compare_nulls(now[name], now[name]).current.value == 1]
    wrong = [*changed, *empty]
    return Criterion(
        "columns", not wrong, f"{_some(wrong)} changed type or hold nothing" if wrong else "all as they were"
    )


def _nulls(now: Columns, then: Columns) -> Criterion:
    high = [name for name in then if rose(compare_nulls(then[name], now[name]))]
    return Criterion("missing values", not high, f"{_some(high)} miss more than usual" if high else "as usual")


def _faults(now: Columns, then: Columns, segments: Sequence[str]) -> Criterion:
    """Known faults left in the rows: a model would learn them."""
    places = [name for name in segments if name in then]
    found = [placed for name in then if (placed := explain_in_segments(then, now, name, places)) is not None]
    found.sort(key=lambda one: -one.affected)
    if not found:
        return Criterion("faults", passed=True, says="none of the known ones")
    first = found[0]
    return Criterion("faults", passed=False, says=f"{first.feature}: {first.fault.sentence}")


def _drift(now: Columns, then: Columns) -> Criterion:
    found = [one for one in compare_frames(then, {name: now[name] for name in then}) if one.drifted]
    far = [one for one in found if one.strength > MOST_DRIFT]
    if far:
        return Criterion("drift", passed=False, says=f"far from the reference: {far[0].sentence.rstrip('.')}")
    return Criterion("drift", passed=True, says=f"{len(found)} features moved, none far" if found else "none")


def _repeats(now: Columns, key: str | None) -> Criterion:
    hits = repeated({key: now[key]} if key else now)
    share = float(hits.mean()) if hits.size else 0.0
    return Criterion("duplicates", share <= MOST_REPEATED, f"{percent(share)} of rows repeat another")


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _answer(
    question: Question,
    criteria: Sequence[Criterion],
    troubles: Sequence[KnownTrouble],
    rows: int,
    kept: int,
    window: tuple[datetime, datetime],
    notes: tuple[str, ...],
) -> CheckResult:
    failed = [one for one in criteria if not one.passed]
    out = f"{rows - kept:,} of {rows:,} rows are left out as they lie in {_some([one.name for one in troubles])}"
    aside = f"; {out}" if rows > kept else ""
    if failed:
        sentence = f"Not fit to train on: {failed[0].name}: {failed[0].says}"
        sentence += f"; {len(failed)} of {len(criteria)} criteria fail" if len(failed) > 1 else ""
    else:
        sentence = f"{kept:,} rows are fit to train on: all {len(criteria)} criteria hold"
    chart = bars(
        ["fit", "in incidents"],
        [float(kept), float(rows - kept)],
        title=sentence,
        label="rows",
        highlight=["in incidents"],
    )
    return CheckResult(
        "not fit" if failed else "fit",
        f"{sentence}{aside}.",
        columns=("criterion", "", "found"),
        rows=tuple((one.name, "holds" if one.passed else "fails", one.says[:90]) for one in criteria),
        window_start=window[0],
        window_end=window[1],
        rows_read=kept,
        reference="the reference" if question.rows.data.reference else None,
        notes=notes,
        data={
            "criteria": {one.name: one.passed for one in criteria},
            "excluded": rows - kept,
            "incidents": [one.name for one in troubles],
        },
        png=chart.png,
        alt=chart.alt,
    )
