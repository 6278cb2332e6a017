"""What the model answers, then and now: the share of each class, the scores, the default answer, no answer at all."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from bot.charts import Chart, bars, categories, distributions
from bot.checks.batches import Places, batches_of
from bot.checks.contract import MOST_ROWS, TOO_FEW, CheckResult
from bot.checks.labelled import texts
from bot.checks.outcome import watched_value
from bot.checks.registry import Params, Question
from bot.checks.windows import Sides, read_sides, span, unit_of
from bot.core.errors import BotError, unknown
from bot.statistics.columns import Column, as_numbers, count_categories
from bot.statistics.drift import DriftPolicy, FeatureDrift, compare_frames
from bot.statistics.predictions import (
    LEAST_WINDOWS,
    ClassShift,
    Spike,
    are_classes,
    changed_type,
    class_shifts,
    default_change,
    judged_by,
    matters,
    robust_swing,
    swing_of,
    value_spike,
)
from bot.statistics.rates import ShareChange, compare_nulls
from bot.statistics.shortfall import Shortfall
from bot.statistics.wording import number, percent

USUAL, MOVED = "usual", "moved"
SURE = 0.001
EARLIER = 30
CLASSES_SHOWN = 4
TINY = 1e-6
OUR_WORDS = ("the default", "answers are")
QUANTILES = (("lowest tenth under", 0.1), ("median", 0.5), ("highest tenth over", 0.9))


class PredictionsParams(Params):
    """value: the class that leads; default: the one a monitor watches, or that moved furthest.

    default: the answer given when the model can't; default: `default_prediction` of muster.yaml.
    """

    value: str | None = None
    default: str | None = None


@dataclass(frozen=True, slots=True)
class Numbers:
    """One column of numeric answers: how it moved, and a value that stands in for answers."""

    column: str
    drift: FeatureDrift
    spike: Spike | None

    @property
    def moved(self) -> bool:
        return self.drift.drifted or (self.spike is not None and self.spike.moved)


@dataclass(frozen=True, slots=True)
class Answers:
    """Everything looked at; a part that the model does not have is empty."""

    classes: tuple[ClassShift, ...]
    numbers: tuple[Numbers, ...]
    default: ShareChange | None
    missing: dict[str, ShareChange]
    retyped: tuple[str, ...] = ()

    @property
    def moved(self) -> bool:
        changes = [*self.missing.values(), *([self.default] if self.default else [])]
        moved = [*(one.moved for one in self.classes), *(one.moved for one in self.numbers)]
        return bool(self.retyped) or any(moved) or any(map(changed, changes))


def run(question: Question) -> CheckResult:
    params, data = question.params, question.rows.data
    assert isinstance(params, PredictionsParams)
    columns = [name for name in (data.prediction, data.score) if name]
    if not columns:
        raise BotError(
            f"Name the column of {question.model.name}'s answers in muster.yaml: `data.prediction` or `data.score`."
        )
    sides = read_sides(question, [*columns, data.time])
    if isinstance(sides, CheckResult):
        return sides
    both = [name for name in columns if name in sides.then.columns]
    if not both:
        raise BotError(
            f"The reference has no column `{columns[0]}`, so there is nothing to compare answers with. Add it to the "
            "reference, or leave `data.reference` out to compare with the windows before."
        )
    found = _look(question, params, sides, both)
    if isinstance(found, Shortfall):
        return sides.answer(TOO_FEW, found.sentence)
    return _answer(question, sides, found)


def changed(change: ShareChange) -> bool:
    return change.p_value < SURE and matters(change)


def _look(question: Question, params: PredictionsParams, sides: Sides, columns: list[str]) -> Answers | Shortfall:
    classes: tuple[ClassShift, ...] = ()
    numbers, retyped, short = [], [], None
    default, data, batches = None, question.rows.data, batches_of(question, sides)
    for name in columns:
        then, now = sides.then.columns[name], sides.now.columns[name]
        if changed_type(then, now):
            retyped.append(name)
        elif are_classes(then, now):
            shifts = class_shifts(then, now)
            if isinstance(shifts, Shortfall):
                short = shifts
            else:
                classes = classes or _led_by(question, params.value, _swings(question, sides, name, shifts, batches))
        else:
            earlier = {name: [then[places] for places in batches]}
            drift = compare_frames({name: then}, {name: now}, policy=DriftPolicy(alpha=SURE), batches=earlier)[0]
            short = drift.shortfall or short
            if drift.shortfall is None:
                numbers.append(Numbers(name, drift, value_spike(then, now)))
        fallback = params.default if params.default is not None else data.default_prediction
        if fallback is not None and default is None and name == (data.prediction or data.score):
            said = default_change(then, now, fallback)
            default = None if isinstance(said, Shortfall) else said
    missing = {name: compare_nulls(sides.then.columns[name], sides.now.columns[name]) for name in columns}
    found = Answers(classes, tuple(numbers), default, missing, tuple(retyped))
    if short is not None and not (classes or numbers) and not found.moved:
        return short
    return found


def _swings(
    question: Question, sides: Sides, column: str, shifts: Sequence[ClassShift], batches: Sequence[Places]
) -> tuple[ClassShift, ...]:
    """Judge shares that moved by how far windows swing by themselves: the reference's, else the thirty before."""
    length = sides.end - sides.start
    first = sides.start - EARLIER * length
    names = texts(sides.then.columns[column]) if len(batches) >= LEAST_WINDOWS else None

    def swing(value: str) -> float | None:
        if names is not None:
            return swing_of([float((names[places] == value).mean()) for places in batches])
        counts = question.rows.class_counts(column, value, first, sides.start, length)
        return robust_swing([hits for _, hits, _ in counts], [rows for _, _, rows in counts])

    return tuple(judged_by(one, swing(one.name)) if one.moved else one for one in shifts)


def _led_by(question: Question, value: str | None, shifts: tuple[ClassShift, ...]) -> tuple[ClassShift, ...]:
    """The class asked for first; else, when nothing moved, the one a monitor watches."""
    names = [one.name for one in shifts]
    if value is not None and value not in names:
        raise unknown("class", value, names)
    watched = watched_value(question, question.rows.data.prediction)
    moved = [one.name for one in shifts if one.moved]
    lead = value or (watched if watched in moved or not moved else None)
    return tuple(
        sorted(shifts, key=lambda one: (one.name != lead, not one.moved, -round(one.change.difference, 9), one.name))
    )


def _answer(question: Question, sides: Sides, found: Answers) -> CheckResult:
    parts = _findings(question, found)
    sentence = "; ".join(parts)
    if sentence.startswith(OUR_WORDS):
        sentence = sentence[:1].upper() + sentence[1:]
    chart = _chart(question, sides, found, sentence.replace("`", ""))
    return sides.answer(
        MOVED if found.moved else USUAL,
        f"{sentence}, {span(sides.start, sides.end)}.",
        columns=("answers", "usually", "now", "change"),
        rows=_rows(question, sides, found)[:MOST_ROWS],
        data=_data(found),
        png=chart.png,
        alt=chart.alt,
    )


def _findings(question: Question, found: Answers) -> list[str]:
    """What moved, the plainest first; else the one number that says that nothing did."""
    said = [
        f"{name} no longer holds what the reference holds: one is numbers, the other text" for name in found.retyped
    ]
    if found.default and changed(found.default):
        said.append(f"the default answer is given in {_then_now(found.default)}")
    said += [
        f"{one.column} is exactly {number(one.spike.value)} in {_then_now(one.spike.change)}"
        for one in found.numbers
        if one.spike and one.spike.moved and not (found.default and changed(found.default))
    ]
    said += [f"`{one.name}` is predicted in {_then_now(one.change)}" for one in _told(found.classes)]
    said += [
        one.drift.sentence.rstrip(".") + unit_of(question, one.column)
        for one in found.numbers
        if one.drift.drifted and not (one.spike and one.spike.moved)
    ]
    said += [
        f"{percent(one.current.value)} of rows have no {name} (usually {percent(one.reference.value)})"
        for name, one in found.missing.items()
        if changed(one)
    ]
    if said:
        return said
    if found.classes:
        return [f"answers are as usual: `{found.classes[0].name}` in {_then_now(found.classes[0].change)}"]
    return [
        f"answers are as usual: {one.drift.sentence.rstrip('.')}{unit_of(question, one.column)}"
        for one in found.numbers
    ]


def _told(classes: tuple[ClassShift, ...]) -> list[ClassShift]:
    """The classes worth a clause: the one that leads, and those that rose; what they rose from goes without saying."""
    moved = [one for one in classes if one.moved]
    return [one for at, one in enumerate(moved) if at == 0 or one.change.difference > 0][:2]


def _then_now(change: ShareChange) -> str:
    return f"{percent(change.current.value)} of rows (usually {percent(change.reference.value)})"


def _rows(question: Question, sides: Sides, found: Answers) -> list[tuple[str, ...]]:
    rows = [_share_row(one.name, one.change) for one in found.classes[:CLASSES_SHOWN]]
    if found.default:
        rows.insert(0, _share_row("the default answer", found.default))
    for one in found.numbers:
        if one.spike and one.spike.moved:
            rows.append(_share_row(f"{one.column} = {number(one.spike.value)}", one.spike.change))
        rows += _quantile_rows(question, sides, one.column)
    rows += [
        _share_row(f"no {name}", one) for name, one in found.missing.items() if one.current.count or one.reference.count
    ]
    return rows


def _share_row(name: str, change: ShareChange) -> tuple[str, ...]:
    ends = (_points(change.interval.lower), _points(change.interval.upper))
    return (name, percent(change.reference.value), percent(change.current.value), f"{ends[0]} to {ends[1]} points")


def _points(difference: float) -> str:
    points = 100 * difference
    return f"{points:+.0f}" if abs(points) >= 10 else f"{points:+.1f}"  # noqa: PLR2004


def _quantile_rows(question: Question, sides: Sides, column: str) -> list[tuple[str, ...]]:
    unit = unit_of(question, column)
    then, now = (_finite(side.columns[column]) for side in (sides.then, sides.now))
    if not then.size or not now.size:
        return []
    rows: list[tuple[str, ...]] = []
    ends = max(float(np.quantile(np.abs(side), 0.95)) for side in (then, now))
    for name, share in QUANTILES:
        was, is_now = (_snapped(float(np.quantile(side, share)), ends) for side in (then, now))
        moved = f"{'+' if is_now >= was else '-'}{number(abs(is_now - was))}"
        rows.append((f"{column}, {name}", f"{number(was)}{unit}", f"{number(is_now)}{unit}", moved))
    return rows


def _snapped(value: float, ends: float) -> float:
    """Beside the column's own size, a millionth of it is zero."""
    return 0.0 if abs(value) < TINY * ends else value


def _finite(column: Column) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    numbers = as_numbers(column)
    return numbers[np.isfinite(numbers)]


def _data(found: Answers) -> dict[str, Any]:
    def both(change: ShareChange) -> dict[str, float]:
        return {"usually": change.reference.value, "now": change.current.value}

    return {
        "classes": {one.name: both(one.change) | {"moved": one.moved} for one in found.classes[:50]},
        "numbers": {
            one.column: {
                "moved": one.moved,
                "ks": one.drift.numeric.ks if one.drift.numeric else None,
                "spike": both(one.spike.change) | {"value": one.spike.value} if one.spike else None,
            }
            for one in found.numbers
        },
        "default": both(found.default) if found.default else None,
        "missing": {name: both(one) for name, one in found.missing.items()},
    }


def _chart(question: Question, sides: Sides, found: Answers, title: str) -> Chart:
    lead = next((one for one in found.numbers if one.moved), None)
    if found.classes and (lead is None or any(one.moved for one in found.classes)):
        then, now = ({one.name: _share(one, side) for one in found.classes} for side in ("then", "now"))
        return categories(then, now, title=title, label="answers")
    lead = lead or next(iter(found.numbers), None)
    if lead is not None:
        unit = unit_of(question, lead.column).strip() or None
        then_column, now_column = (side.columns[lead.column] for side in (sides.then, sides.now))
        return distributions(then_column, now_column, title=title, label=lead.column, unit=unit)
    if found.retyped:
        before, after = (count_categories(side.columns[found.retyped[0]])[0] for side in (sides.then, sides.now))
        return categories(before, after, title=title, label=found.retyped[0])
    name, change = next(iter(found.missing.items()))
    shares = [change.reference.value, change.current.value]
    return bars(["usually", "now"], shares, title=title, highlight=["now"], percent=True, label=f"rows without {name}")


def _share(one: ClassShift, side: str) -> float:
    return one.change.reference.value if side == "then" else one.change.current.value
