"""Which features moved most, each in its own unit, corrected for looking at all of them."""

from bot.charts import ranking
from bot.checks.contract import MOST_ROWS, TOO_FEW, CheckResult
from bot.checks.registry import Question
from bot.checks.windows import features_of, read_sides, unit_of
from bot.core.errors import BotError
from bot.statistics.drift import FeatureDrift, compare_frames


def run(question: Question) -> CheckResult:
    configured, there = features_of(question), set(question.rows.columns("predictions"))
    features = [name for name in configured if name in there]
    gone = [name for name in configured if name not in there]
    if not features:
        raise BotError(f"The predictions have none of the features of muster.yaml ({', '.join(gone[:MOST_ROWS])}).")
    sides = read_sides(question, features)
    if isinstance(sides, CheckResult):
        return sides
    both = [name for name in features if name in sides.then.columns]
    weights = {name: one.importance for name, one in question.rows.data.features.items() if one.importance}
    found = compare_frames(
        {name: sides.then.columns[name] for name in both},
        {name: sides.now.columns[name] for name in both},
        weights=weights,
    )
    judged = [one for one in found if one.shortfall is None or one.drifted]
    if not judged:
        return sides.answer(TOO_FEW, f"None of {len(features)} features has enough rows on both sides to compare.")
    judged.sort(key=lambda one: -_score(one))
    shifted = [one for one in judged if one.drifted]
    top = judged[0]
    said = top.sentence.rstrip(".")
    if shifted:
        sentence = (
            f"{len(shifted)} of {len(judged)} features shifted, most of all {said}{unit_of(question, top.feature)}"
        )
    else:
        sentence = f"None of {len(judged)} features shifted enough to matter (most: {said})"
    sentence += f"; {', '.join(gone[:3])} {'is' if len(gone) == 1 else 'are'} gone, ask `schema`" if gone else ""
    chart = ranking(
        [one.feature for one in judged],
        [_score(one) for one in judged],
        title=sentence,
        threshold=1.0,
        label="strength times importance (1: just matters)" if weights else "strength (1: just matters)",
    )
    return sides.answer(
        "shifted" if shifted else "stable",
        sentence + ".",
        columns=("feature", "finding", "strength", "importance"),
        rows=[_row(one) for one in judged[:MOST_ROWS]],
        data={one.feature: {"strength": one.strength, "p": one.adjusted, "drifted": one.drifted} for one in judged},
        png=chart.png,
        alt=chart.alt,
        notes=(f"{len(judged)} features, corrected for looking at all (Holm)",),
    )


def _score(one: FeatureDrift) -> float:
    return one.strength * one.weight


def _row(one: FeatureDrift) -> tuple[str, ...]:
    finding = one.sentence.rstrip(".").removeprefix(f"{one.feature}: ")[:60]
    return (one.feature, finding, f"{one.strength:.2f}", f"{one.weight:g}")
