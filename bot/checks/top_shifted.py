"""Which features moved most, each in its own unit, corrected for looking at all of them."""

from bot.charts import ranking
from bot.checks.contract import MOST_ROWS, TOO_FEW, CheckResult
from bot.checks.registry import Question
from bot.checks.windows import answer_of, features_of, read_sides, units_of, weighed
from bot.core.errors import BotError
from bot.statistics.drift import FeatureDrift, compare_frames
from bot.statistics.scores.harm import Weighed, with_harm
from bot.statistics.wording import count_of


def run(question: Question) -> CheckResult:
    configured, there = features_of(question), set(question.rows.columns("predictions"))
    features = [name for name in configured if name in there]
    gone = [name for name in configured if name not in there]
    if not features:
        raise BotError(f"The predictions have none of the features of muster.yaml ({', '.join(gone[:MOST_ROWS])}).")
    answer = answer_of(question.rows.data, question.rows)
    sides = read_sides(question, [*features, *([answer] if answer else [])])
    if isinstance(sides, CheckResult):
        return sides
    both = [name for name in features if name in sides.then.columns]
    weights = question.rows.data.importances
    found = compare_frames(
        {name: sides.then.columns[name] for name in both},
        {name: sides.now.columns[name] for name in both},
        weights=weights,
        units=units_of(question),
    )
    told = weighed(question, found, sides, both)
    judged = [one for one in told.drifts if one.shortfall is None or one.drifted]
    if not judged:
        none = f"None of {len(features)} features has" if len(features) > 1 else f"{features[0]} has not"
        return sides.answer(TOO_FEW, f"{none} enough rows on both sides to compare.")
    judged.sort(key=lambda one: (not one.drifted, told.harmless(one.feature), -_score(one)))
    shifted = [one for one in judged if one.drifted]
    top = judged[0]
    said = top.sentence.rstrip(".")
    if shifted:
        most = with_harm(said, told.words(top.feature))
        sentence = f"{len(shifted)} of {len(judged)} features shifted, most of all {most}" if len(judged) > 1 else most
    else:
        sentence = f"None of {len(judged)} features shifted enough to matter (most: {said})"
        sentence = sentence if len(judged) > 1 else f"{said}: too little to matter"
    sentence += f"; {', '.join(gone[:3])} {'is' if len(gone) == 1 else 'are'} gone, ask `schema`" if gone else ""
    by = " times importance" if weights else " times harm" if told.induced else ""
    chart = ranking(
        [one.feature for one in judged],
        [_score(one) for one in judged],
        title=sentence,
        threshold=1.0,
        label=f"strength{by} (1: just matters)",
    )
    return sides.answer(
        "shifted" if shifted else "stable",
        sentence + ".",
        columns=("feature", "finding", "strength", "harm" if told.induced else "importance"),
        rows=[_row(one, told) for one in judged[:MOST_ROWS]],
        data={one.feature: {"strength": one.strength, "p": one.adjusted, "drifted": one.drifted} for one in judged},
        png=chart.png,
        alt=chart.alt,
        notes=(
            f"{count_of(len(judged), 'feature')}{', corrected for looking at all (Holm)' if len(judged) > 1 else ''}",
        ),
    )


def _score(one: FeatureDrift) -> float:
    return one.strength * one.weight


def _row(one: FeatureDrift, told: Weighed) -> tuple[str, ...]:
    finding = one.sentence.rstrip(".").removeprefix(f"{one.feature}: ")[:60]
    induced = told.induced.get(one.feature)
    weight = f"{one.weight:g}" if not told.induced else induced.harm.value if induced else ""
    return (one.feature, finding, f"{one.strength:.2f}", weight)
