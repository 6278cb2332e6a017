"""What would turn the reference into what is seen now: a unit change, a fill, a swap …, and in which segment."""

from collections import Counter
from collections.abc import Mapping

import numpy as np

from bot.charts import Chart, bars, categories, distributions
from bot.checks.contract import MOST_ROWS, CheckResult
from bot.checks.registry import FeatureParams, Question
from bot.checks.windows import Sides, features_of, read_sides, unit_of
from bot.statistics.changepoint import change_point
from bot.statistics.columns import Column, as_numbers, count_categories, is_numeric
from bot.statistics.drift import compare_frames
from bot.statistics.faults.hypothesis import ALL_ROWS, SURE
from bot.statistics.faults.places import ColumnSwap, PlacedFault, explain_in_segments, explain_swap
from bot.statistics.faults.rows import rows_hit, undone
from bot.statistics.wording import category, number, percent, with_note

FOUND, CHANGED, NONE = "fault found", "changed, no known fault", "none"
MOST_EXPLAINED = 12
CLEAR = 0.85
BUCKETS = 48


def run(question: Question) -> CheckResult:
    assert isinstance(question.params, FeatureParams)
    asked, data = question.params.feature, question.rows.data
    features = [asked] if asked else features_of(question)
    segments = [name for name in data.segments if name != asked]
    sides = read_sides(question, [*features, *segments, data.time])
    if isinstance(sides, CheckResult):
        return sides
    both = [name for name in features if name in sides.then.columns]
    then, now = sides.then.columns, sides.now.columns
    moved = _moved(question, {name: then[name] for name in both}, {name: now[name] for name in both})
    if asked and asked in both:
        moved = moved or {asked: 0.0}
    swaps = explain_swap({name: then[name] for name in moved}, now) if len(moved) > 1 else []
    found = [
        placed
        for name in list(moved)[:MOST_EXPLAINED]
        if (placed := explain_in_segments(then, now, name, segments)) is not None
    ]
    texts = _texts({name: then[name] for name in both}, now)
    found.sort(key=lambda one: (one.fault.explained < CLEAR, -one.affected * one.fault.explained))
    return _answer(question, sides, found, swaps, moved, texts)


def _moved(question: Question, then: Mapping[str, Column], now: Mapping[str, Column]) -> dict[str, float]:
    """Features whose values or nulls changed beyond chance, what matters most first, with p: a fault that hits few rows
    may lie below the floor that drift asks for."""
    judged = compare_frames(then, now, weights=question.rows.data.importances)
    return {one.feature: one.p_value for one in judged if min(one.adjusted, one.nulls_adjusted) < 0.01}  # noqa: PLR2004


def _texts(then: Mapping[str, Column], now: Mapping[str, Column]) -> dict[str, tuple[float, str]]:
    """Numbers that came as text: the share of cells that can't be read as one, and the most frequent of them."""
    found = {}
    for name, column in then.items():
        if not is_numeric(column) or is_numeric(now[name]):
            continue
        cells = [str(cell) for cell in now[name].tolist() if cell is not None]
        unread = Counter(cell for cell in cells if not _reads(cell))
        if cells:
            found[name] = sum(unread.values()) / len(cells), next(iter(unread.most_common(1)), ("",))[0]
    return found


def _reads(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _text_sentence(name: str, share: float, example: str) -> str:
    such = f": {percent(share)} of its cells are no number, most of them {category(example)}" if share else ""
    return f"{name} holds text where the reference has numbers{such}; ask `schema`"


def _answer(
    question: Question,
    sides: Sides,
    found: list[PlacedFault],
    swaps: list[ColumnSwap],
    moved: Mapping[str, float],
    texts: Mapping[str, tuple[float, str]],
) -> CheckResult:
    rows = [
        (one.feature, one.fault.kind.value.replace("_", " "), percent(one.affected), _where(one), one.fault.undo)
        for one in found
    ]
    rows = [
        *((f"{one.first}, {one.second}", "swapped", "100 %", "everywhere", "swap them back") for one in swaps),
        *(
            (name, "text for numbers", percent(share), "everywhere", "store numbers")
            for name, (share, _) in texts.items()
        ),
        *rows,
    ]
    if swaps:
        verdict, sentence = FOUND, swaps[0].sentence
    elif texts:
        name, (share, example) = max(texts.items(), key=lambda one: one[1][0])
        verdict, sentence = FOUND if share else CHANGED, _text_sentence(name, share, example)
    elif found:
        verdict, sentence = FOUND, _sentence(question, found[0], sides)
    elif any(p < 0.01 for p in moved.values()):  # noqa: PLR2004
        names = ", ".join(list(moved)[:3])
        more = f" and {len(moved) - 3} more" if len(moved) > 3 else ""  # noqa: PLR2004
        verdict = CHANGED
        sentence = f"{names}{more} changed, but no known fault explains it: it may be real; look at `segments`"
    else:
        verdict, sentence = NONE, "No feature changed beyond chance, so there is no fault to name"
    if len(rows) > 1 and verdict == FOUND:
        sentence += f"; {len(rows)} features look faulty"
    chart = _chart(question, sides, found[0] if found and not (swaps or texts) else None, sentence, moved)
    return sides.answer(
        verdict,
        sentence + ".",
        columns=("feature", "fault", "rows hit", "where", "undone by"),
        rows=rows[:MOST_ROWS],
        data={
            "faults": [
                {
                    "feature": one.feature,
                    "kind": one.fault.kind.value,
                    "factor": one.fault.factor,
                    "share": one.affected,
                    "explained": one.fault.explained,
                    "segment": dict(one.segment.conditions) if one.segment else None,
                }
                for one in found
            ],
            "swapped": [[one.first, one.second] for one in swaps],
        },
        png=chart.png if chart else None,
        alt=chart.alt if chart else "",
        notes=("explained: the part of the change that goes away when the fault is undone",) if found else (),
    )


def _where(one: PlacedFault) -> str:
    return str(one.segment) if one.segment else "everywhere"


def _sentence(question: Question, one: PlacedFault, sides: Sides) -> str:
    """`amount at country = DE: multiplied by 100; divided by 100 it matches the reference (median 38 → 3,790) …`."""
    place = f" at {one.segment}" if one.segment else ""
    inside = sides.now.columns[one.feature][one.inside]
    said = one.fault.sentence
    then = sides.then.columns[one.feature]
    if is_numeric(then) and is_numeric(inside):
        before, after = (_median(side) for side in (then, inside))
        if before is not None and after is not None and number(before) != number(after):
            said = with_note(said, f"median {number(before)} → {number(after)}{unit_of(question, one.feature)}")
    where = f"{one.feature}{place}{_since(question, one, sides)}"
    return f"{where}: {said}; this explains {percent(one.fault.explained)} of the change"


def _since(question: Question, one: PlacedFault, sides: Sides) -> str:
    """` since 02:40 UTC` when the fault began within the window and single rows tell."""
    hit = rows_hit(sides.then.columns[one.feature], sides.now.columns[one.feature][one.inside], one.fault)
    if hit is None or one.fault.share >= ALL_ROWS:
        return ""
    times = np.asarray(sides.now.columns[question.rows.data.time][one.inside]).astype("datetime64[us]")
    known = ~np.isnat(times)
    step = (sides.end - sides.start) / BUCKETS
    start = np.datetime64(sides.start.replace(tzinfo=None), "us")
    bucket = np.clip((times[known] - start) // np.timedelta64(step), 0, BUCKETS - 1).astype(np.intp)
    rows = np.bincount(bucket, minlength=BUCKETS).astype(np.float64)
    hits = np.bincount(bucket, weights=hit[known].astype(np.float64), minlength=BUCKETS)
    found = change_point(hits / np.maximum(rows, 1), rows)
    if found is None or found.p_value >= SURE or found.after <= found.before:
        return ""
    moment = sides.start + found.at * step
    day = "" if moment.date() == sides.end.date() else f"{moment.day} {moment:%b} "
    return f" since {day}{moment:%H:%M} UTC"


def _median(values: Column) -> float | None:
    numbers = as_numbers(values)
    known = numbers[np.isfinite(numbers)]
    return float(np.median(known)) if known.size else None


def _chart(
    question: Question, sides: Sides, one: PlacedFault | None, title: str, moved: Mapping[str, float]
) -> Chart | None:
    feature = one.feature if one else next(iter(moved), None)
    if feature is None:
        return None
    then, now = sides.then.columns[feature], sides.now.columns[feature]
    where = f"now at {one.segment}" if one and one.segment else "now"
    shown = now[one.inside] if one else now
    if is_numeric(then) and is_numeric(shown):
        unit = unit_of(question, feature).strip() or None
        mended = undone(then, shown, one.fault) if one else None
        return distributions(then, shown, title=title, label=feature, unit=unit, current_label=where, undone=mended)
    if one and one.fault.kind.value == "nulls":
        missing = [float(np.mean([cell is None for cell in side.tolist()])) for side in (then, shown)]
        names = ["reference", where]
        return bars(names, missing, title=title, highlight=[where], percent=True, label=f"missing {feature}")
    return categories(count_categories(then)[0], count_categories(shown)[0], title=title, label=feature)
