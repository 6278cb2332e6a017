"""Whether the new rows are good enough to retrain on, without those of incidents."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from bot.charts import bars
from bot.checks.contract import NO_DATA, CheckResult
from bot.checks.duplicates import repeated
from bot.checks.freshness import words as words_of
from bot.checks.known import KnownTrouble
from bot.checks.null_rate import rose
from bot.checks.registry import Question
from bot.checks.windows import features_of, span
from bot.data import LABEL, Part
from bot.statistics.columns import Column, Floats, as_numbers, count_categories, is_numeric
from bot.statistics.drift import compare_frames
from bot.statistics.faults.places import explain_in_segments
from bot.statistics.maturity import maturity_now
from bot.statistics.rates import compare_nulls, count_nulls
from bot.statistics.shortfall import Shortfall
from bot.statistics.wording import agree, count_of, percent

USUAL = timedelta(days=30)
MOST_READ = 200_000
LEAST_ROWS, LEAST_OF_REFERENCE = 1000, 0.1
LEAST_LABELLED, LEAST_OF_CLASS = 0.8, 50
COME = 0.95
"""Part of the labels that ever come, by when a row counts as old enough to have one."""
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


@dataclass(frozen=True, slots=True)
class _Left:
    """rows: looked at; kept: those of no incident; labelled: those of the kept that have a label."""

    rows: int
    kept: int
    labelled: int
    incidents: tuple[str, ...]


def run(question: Question) -> CheckResult:
    rows, data = question.rows, question.rows.data
    end, start = question.at, question.at - (question.params.window or USUAL)
    features = features_of(question)
    there = set(rows.columns("predictions"))
    asked = dict.fromkeys([data.time, *features, *data.segments, *([data.labels.key] if data.labels else [])])
    wanted = [name for name in asked if name in there]
    frame = rows.window("predictions", start, end, wanted, most=MOST_READ)
    if frame.rows == 0:
        return CheckResult(NO_DATA, f"{question.model.name} has no rows {span(start, end)}.", window_end=end)
    troubles = [one for one in question.known.troubles if one.start < end and (one.until or end) > start]
    kept = outside(frame.columns[data.time], troubles, end)
    now = {name: column[kept] for name, column in frame.columns.items()}
    then, words = _before(question, features, start)
    both = {name: column for name, column in then.items() if name in now}
    labels, labelled = _labels(question, start, end, troubles)
    criteria = [
        _rows(then, int(kept.sum())),
        *labels,
        _columns(now, then, features, words),
        *([_nulls(now, both), _faults(now, both, data.segments), _drift(now, both)] if both else []),
        _repeats(now, data.labels.key if data.labels else None),
    ]
    left = _Left(frame.rows, int(kept.sum()), labelled, tuple(one.name for one in troubles))
    return _answer(criteria, left, (start, end), words, frame.notes)


def _before(question: Question, features: Sequence[str], start: datetime) -> tuple[Columns, str | None]:
    """What the rows are compared with, and its name: the reference, the hold-out set, or the rows before."""
    rows, data = question.rows, question.rows.data
    parts: list[tuple[Part, datetime | None, str]] = [("predictions", start, "the rows before")]
    if data.holdout:
        parts.insert(0, ("holdout", None, "the hold-out set"))
    if data.reference:
        parts.insert(0, ("reference", None, "the reference"))
    for part, end, words in parts:
        known = set(rows.columns(part))
        frame = rows.window(part, None, end, [name for name in features if name in known], most=MOST_READ)
        if frame.rows and frame.columns:
            return frame.columns, words
    return {}, None


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
    return Criterion("rows", have >= need, f"{count_of(have, 'row')}; {need:,} needed")


def _labels(
    question: Question, start: datetime, end: datetime, troubles: Sequence[KnownTrouble]
) -> tuple[list[Criterion], int]:
    """The criteria of the labels, and how many rows have one."""
    data = question.rows.data
    if data.labels is None:
        return [
            Criterion("labels", passed=False, says="no `labels:` in muster.yaml: nothing to learn from is known")
        ], 0
    found = question.rows.labelled(start, end, [data.time])
    kept = outside(found.columns[data.time], troubles, end)
    labels, stamps = found.columns[LABEL][kept], found.columns[data.time][kept].astype("datetime64[us]")
    ages = (np.datetime64(end.replace(tzinfo=None), "us") - stamps).astype(np.float64) / 1e6
    has = ~_missing(labels)
    criteria = [_labelled(np.where(np.isnat(stamps), np.nan, ages), has)]
    counts = {} if _is_quantity(labels) else count_categories(labels)[0]
    if counts:
        rare, size = min(counts.items(), key=lambda pair: pair[1])
        passed = size >= LEAST_OF_CLASS and len(counts) > 1
        says = f"the rarest class, {rare}, has {count_of(size, 'row')}; {LEAST_OF_CLASS} needed"
        criteria.append(Criterion("classes", passed, says if len(counts) > 1 else f"every label is {rare}"))
    return criteria, int(has.sum())


def _labelled(ages: Floats, has: NDArray[np.bool_]) -> Criterion:
    """Whether rows have labels once they are old enough for one: younger rows have only the labels that come fast."""
    share = float(has.mean()) if has.size else 0.0
    says = f"{percent(share)} of rows have their label; {percent(LEAST_LABELLED)} needed"
    curve = maturity_now(ages, has.astype(np.float64))
    come = None if isinstance(curve, Shortfall) or not curve.settled else curve.age_of(COME)
    if share >= LEAST_LABELLED or come is None:
        return Criterion("labels", share >= LEAST_LABELLED, says)
    old = ages >= come
    share, young = float(has[old].mean()), int(has.size - old.sum())
    if share < LEAST_LABELLED:
        return Criterion("labels", passed=False, says=says)
    says = f"{percent(share)} of rows over {words_of(timedelta(seconds=come))} old have their label"
    return Criterion("labels", int(old.sum()) >= LEAST_ROWS, f"{says}; leave out {young:,} younger ones")


def _missing(labels: Column) -> NDArray[np.bool_]:
    if is_numeric(labels):
        return np.isnan(as_numbers(labels))
    return np.fromiter((cell is None for cell in labels.tolist()), dtype=np.bool_, count=labels.size)


def _is_quantity(labels: Column) -> bool:
    return is_numeric(labels) and np.unique(labels[~np.isnan(labels)]).size > 20  # noqa: PLR2004


def _columns(now: Columns, then: Columns, features: Sequence[str], words: str | None) -> Criterion:
    gone = [name for name in features if name not in now or count_nulls(now[name]) == now[name].size]
    changed = [name for name in then if name not in gone and is_numeric(then[name]) != is_numeric(now[name])]
    if gone or changed:
        found = [
            f"{_some(names)} {what}" for names, what in ((gone, "gone or empty"), (changed, "of another type")) if names
        ]
        return Criterion("columns", passed=False, says="; ".join(found))
    if words is None:
        return Criterion("columns", passed=False, says="no earlier rows to compare with; add `data.reference`")
    return Criterion("columns", passed=True, says=f"all as in {words}")


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
    moved = f"{count_of(len(found), 'feature')} moved, none far"
    if far:
        return Criterion("drift", passed=False, says=f"far from the reference: {far[0].sentence.rstrip('.')}")
    return Criterion("drift", passed=True, says=moved if found else "none")


def _repeats(now: Columns, key: str | None) -> Criterion:
    hits = repeated({key: now[key]} if key and key in now else now)
    share = float(hits.mean()) if hits.size else 0.0
    return Criterion("duplicates", share <= MOST_REPEATED, f"{percent(share)} of rows repeat another")


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _answer(
    criteria: Sequence[Criterion],
    left: _Left,
    window: tuple[datetime, datetime],
    words: str | None,
    notes: tuple[str, ...],
) -> CheckResult:
    failed = [one for one in criteria if not one.passed]
    out = left.rows - left.kept
    names = _some(left.incidents)
    lie = agree(out, "is left out as it lies", "are left out as they lie")
    aside = f"; {out:,} of {count_of(left.rows, 'row')} {lie} in {names}" if out else ""
    if failed:
        sentence = f"Not fit to train on: {failed[0].name}: {failed[0].says}"
        sentence += f"; {len(failed)} of {len(criteria)} criteria fail" if len(failed) > 1 else ""
    else:
        fit = f"{count_of(left.kept, 'row')} {agree(left.kept, 'is', 'are')} fit to train on"
        sentence = f"{fit}: all {len(criteria)} criteria hold"
    shown = {"looked at": left.rows, "with a label": left.labelled} | ({f"in {names}": out} if out else {})
    chart = bars(
        list(shown),
        [float(size) for size in shown.values()],
        title=sentence,
        label="rows",
        highlight=[f"in {names}"] if out else None,
    )
    return CheckResult(
        "not fit" if failed else "fit",
        f"{sentence}{aside}.",
        columns=("criterion", "", "found"),
        rows=tuple((one.name, "holds" if one.passed else "fails", one.says[:90]) for one in criteria),
        window_start=window[0],
        window_end=window[1],
        rows_read=left.kept,
        reference=words,
        notes=notes,
        data={
            "criteria": {one.name: one.passed for one in criteria},
            "excluded": out,
            "incidents": list(left.incidents),
        },
        png=chart.png,
        alt=chart.alt,
    )
