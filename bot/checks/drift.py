"""Whether a feature's distribution moved, or which of all features did, with a floor on the effect."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal, TypedDict

from bot.charts import Chart, categories, distributions, ranking
from bot.checks.contract import MOST_ROWS, TOO_FEW, CheckResult
from bot.checks.registry import FeatureParams, Question
from bot.checks.windows import MOST_COMPARED, Sides, answer_of, features_of, read_sides, unit_of, units_of, weighed
from bot.statistics.columns import as_numbers, count_categories, is_numeric
from bot.statistics.drift import FeatureDrift, compare_frames, compare_profiles, fit_frame
from bot.statistics.faults.explain import explain_change
from bot.statistics.scores.harm import Weighed, with_harm
from bot.statistics.texts import holds_numbers, text_among


class DriftParams(FeatureParams):
    """mode: `exact`, `sketch` (fixed size, error of the KS under .0005), or `auto`, which chooses by column."""

    mode: Literal["auto", "exact", "sketch"] = "auto"


class _Said(TypedDict):
    weights: Mapping[str, float]
    units: Mapping[str, str]


def run(question: Question) -> CheckResult:
    assert isinstance(question.params, DriftParams)
    asked = question.params.feature
    features = [asked] if asked else features_of(question)
    sides = read_sides(question, [], most=None)
    if isinstance(sides, CheckResult):
        return sides
    if asked is None and max(sides.now.rows, sides.then.rows) > MOST_COMPARED:
        return _answer(question, sides, *_profiled(question, sides, features))
    answer = answer_of(question.rows.data, question.rows)
    sides = read_sides(question, [*features, *([answer] if answer else [])])
    if isinstance(sides, CheckResult):
        return sides
    both = [name for name in features if name in sides.then.columns]
    then, now = ({name: side.columns[name] for name in both} for side in (sides.then, sides.now))
    found = compare_frames(then, now, mode=question.params.mode, **_said(question))
    return _answer(question, sides, found, weighed=weighed(question, found, sides, both))


def _answer(
    question: Question, sides: Sides, found: list[FeatureDrift], *notes: str, weighed: Weighed | None = None
) -> CheckResult:
    """`found`: what matters most first. A feature that is told of more closely is read now if it was not yet: one that
    moved, or the only one."""
    weighed = weighed or Weighed(found, {})
    found = weighed.drifts
    judged = [one for one in found if one.shortfall is None or one.drifted]
    if not judged:
        return sides.answer(
            TOO_FEW, found[0].sentence.rstrip(".") + "." if found else "The reference has none of these columns."
        )
    moved = [one for one in judged if one.drifted]
    if (moved or len(judged) == 1) and judged[0].feature not in sides.now.columns:
        close = read_sides(question, [judged[0].feature])
        sides = replace(close, notes=sides.notes) if isinstance(close, Sides) else sides
    sentence = _sentence(sides, judged, moved, weighed)
    assert isinstance(question.params, DriftParams)
    chart = _chart(question, sides, judged, sentence, alone=question.params.feature is not None)
    return sides.answer(
        "drifted" if moved else "stable",
        sentence + ".",
        columns=("feature", "finding", "strength"),
        rows=[(one.feature, _short(one), f"{one.strength:.2f}") for one in judged[:MOST_ROWS]],
        data={one.feature: {"drifted": one.drifted, "strength": one.strength, "p": one.adjusted} for one in judged},
        png=chart.png,
        alt=chart.alt,
        notes=("strength 1 is the smallest change that matters", *notes),
    )


def _profiled(question: Question, sides: Sides, features: Sequence[str]) -> tuple[list[FeatureDrift], str]:
    """Of big windows only profiles travel: the reference's from a sample, the window's made where it lies."""
    rows, against = question.rows, sides.against
    assert against is not None
    known = set(rows.columns(against.part))
    both = [name for name in features if name in known]
    then = rows.window(against.part, against.start, against.end, both, most=MOST_COMPARED)
    columns = {name: as_numbers(one) if holds_numbers(one) else one for name, one in then.columns.items()}
    reference = fit_frame(columns, mode="sketch" if sides.now.rows > MOST_COMPARED else "auto")
    now = rows.profiles("predictions", sides.start, sides.end, reference)
    seen = max((profile.rows for profile in now.values()), default=0)
    found = compare_profiles(reference, now, **_said(question))
    return found, f"{seen:,} of {sides.now.rows:,} rows profiled where they lie"


def _said(question: Question) -> _Said:
    return {"weights": question.rows.data.importances, "units": units_of(question)}


def _sentence(sides: Sides, judged: list[FeatureDrift], moved: list[FeatureDrift], weighed: Weighed) -> str:
    if not moved:
        worst = judged[0]
        if len(judged) == 1:
            return f"{_clean(worst)}: stable"
        return f"None of {len(judged)} features moved enough to matter (most: {_clean(worst)})"
    top = moved[0]
    causes = explain_change(sides.then.columns[top.feature], sides.now.columns[top.feature])
    cause = f"; {causes[0].sentence}" if causes else ""
    text = text_among(sides.now.columns[top.feature]) if is_numeric(sides.then.columns[top.feature]) else None
    cause += f"; {text.sentence(top.feature)}" if text else ""
    more = f"; {len(moved)} of {len(judged)} features moved" if len(judged) > 1 else ""
    return f"{with_harm(_clean(top) + cause, weighed.words(top.feature))}{more}"


def _clean(one: FeatureDrift) -> str:
    return one.sentence.rstrip(".")


def _short(one: FeatureDrift) -> str:
    return _clean(one).removeprefix(f"{one.feature}: ")[:60]


def _chart(question: Question, sides: Sides, judged: list[FeatureDrift], title: str, *, alone: bool) -> Chart:
    if not alone and len(judged) > 1:
        names = [one.feature for one in judged]
        label = "strength (1: just matters)"
        return ranking(names, [one.strength for one in judged], title=title, threshold=1.0, label=label)
    feature = judged[0].feature
    then, now = sides.then.columns[feature], sides.now.columns[feature]
    if is_numeric(then) and is_numeric(now):
        unit = unit_of(question, feature).strip() or None
        return distributions(then, now, title=title, label=feature, unit=unit)
    return categories(count_categories(then)[0], count_categories(now)[0], title=title, label=feature)
