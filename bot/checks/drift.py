"""Whether a feature's distribution moved, or which of all features did, with a floor on the effect."""

from typing import Literal

from bot.charts import Chart, categories, distributions, ranking
from bot.checks.contract import MOST_ROWS, TOO_FEW, CheckResult
from bot.checks.registry import FeatureParams, Question
from bot.checks.windows import Sides, features_of, read_sides, unit_of
from bot.statistics.columns import count_categories, is_numeric
from bot.statistics.drift import FeatureDrift, compare_frames
from bot.statistics.faults import explain_change


class DriftParams(FeatureParams):
    """mode: `exact`, `sketch` (fixed size, error of the KS under .0005), or `auto`, which chooses by column."""

    mode: Literal["auto", "exact", "sketch"] = "auto"


def run(question: Question) -> CheckResult:
    assert isinstance(question.params, DriftParams)
    asked = question.params.feature
    features = [asked] if asked else features_of(question)
    sides = read_sides(question, features)
    if isinstance(sides, CheckResult):
        return sides
    both = [name for name in features if name in sides.then.columns]
    then, now = ({name: side.columns[name] for name in both} for side in (sides.then, sides.now))
    weights = {name: one.importance for name, one in question.rows.data.features.items() if one.importance}
    found = compare_frames(then, now, mode=question.params.mode, weights=weights)
    judged = [one for one in found if one.shortfall is None or one.drifted]
    if not judged:
        return sides.answer(TOO_FEW, found[0].sentence + "." if found else "The reference has none of these columns.")
    moved = [one for one in judged if one.drifted]
    sentence = _sentence(sides, judged, moved)
    chart = _chart(question, sides, judged, sentence, alone=asked is not None)
    return sides.answer(
        "drifted" if moved else "stable",
        sentence + ".",
        columns=("feature", "finding", "strength"),
        rows=[(one.feature, _short(one), f"{one.strength:.2f}") for one in judged[:MOST_ROWS]],
        data={one.feature: {"drifted": one.drifted, "strength": one.strength, "p": one.adjusted} for one in judged},
        png=chart.png,
        alt=chart.alt,
        notes=("strength 1 is the smallest change that matters",),
    )


def _sentence(sides: Sides, judged: list[FeatureDrift], moved: list[FeatureDrift]) -> str:
    if not moved:
        worst = judged[0]
        if len(judged) == 1:
            return f"{_clean(worst)}: stable"
        return f"None of {len(judged)} features moved enough to matter (most: {_clean(worst)})"
    top = moved[0]
    causes = explain_change(sides.then.columns[top.feature], sides.now.columns[top.feature])
    cause = f"; {causes[0].sentence}" if causes else ""
    more = f"; {len(moved)} of {len(judged)} features moved" if len(judged) > 1 else ""
    return f"{_clean(top)}{cause}{more}"


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
