"""The share of rows without a value, now against the reference."""

from bot.charts import then_and_now
from bot.checks.contract import MOST_ROWS, CheckResult
from bot.checks.registry import FeatureParams, Question
from bot.checks.windows import Sides, features_of, read_sides, span
from bot.statistics.columns import is_numeric
from bot.statistics.faults.hypothesis import SURE
from bot.statistics.rates import ShareChange, compare_nulls
from bot.statistics.texts import TextAmong, text_among
from bot.statistics.wording import percent

LEAST_CHANGE = 0.02


def run(question: Question) -> CheckResult:
    assert isinstance(question.params, FeatureParams)
    asked = question.params.feature
    features = [asked] if asked else features_of(question)
    sides = read_sides(question, features)
    if isinstance(sides, CheckResult):
        return sides
    both = [name for name in features if name in sides.then.columns]
    found = {name: compare_nulls(sides.then.columns[name], sides.now.columns[name]) for name in both}
    ranked = sorted(found.items(), key=lambda one: -one[1].difference)
    high = [name for name, change in ranked if rose(change)]
    if not ranked:
        return sides.answer("ok", "None of these columns is in the reference.")
    worst, change = ranked[0]
    texts = {name: text for name, _ in ranked if (text := _text(sides, name))}
    if high:
        sentence = _missing(worst, change, texts.get(worst))
        sentence += f"; {len(high)} of {len(ranked)} features miss more than usual" if len(high) > 1 else ""
    elif asked:
        sentence = f"{worst}: {percent(change.current.value)} missing (usually {_usual(change)})"
        sentence += f"; {texts[worst].sentence(worst)}" if worst in texts else ""
    else:
        sentence = f"No feature misses more values than usual (worst: {worst}, {percent(change.current.value)})"
        sentence += "".join(f"; {one.sentence(name)}" for name, one in list(texts.items())[:1])
    chart = then_and_now(
        [name for name, _ in ranked[:MOST_ROWS]],
        [one.reference.value for _, one in ranked[:MOST_ROWS]],
        [one.current.value for _, one in ranked[:MOST_ROWS]],
        title=sentence,
        intervals=[(one.current.interval.lower, one.current.interval.upper) for _, one in ranked[:MOST_ROWS]],
        highlight=high,
        shares=True,
        label=f"rows missing {span(sides.start, sides.end)}",
    )
    return sides.answer(
        "high" if high else "ok",
        sentence + ".",
        columns=("feature", "missing", "usually", "rows"),
        rows=[
            (name, percent(one.current.value), _usual(one), f"{one.current.rows:,}") for name, one in ranked[:MOST_ROWS]
        ],
        data={
            name: {
                "now": one.current.value,
                "usually": one.reference.value,
                "text": texts[name].count / texts[name].rows if name in texts else 0.0,
            }
            for name, one in ranked
        },
        png=chart.png,
        alt=chart.alt,
    )


def _missing(name: str, change: ShareChange, text: TextAmong | None) -> str:
    if text and text.count == change.current.count:
        return text.sentence(name, change.reference.value)
    sentence = f"{name}: {percent(change.current.value)} of rows are missing (usually {_usual(change)})"
    return f"{sentence}; {text.sentence(name)}" if text else sentence


def _text(sides: Sides, name: str) -> TextAmong | None:
    return text_among(sides.now.columns[name]) if is_numeric(sides.then.columns[name]) else None


def rose(change: ShareChange) -> bool:
    return change.difference >= LEAST_CHANGE and change.p_value < SURE


def _usual(change: ShareChange) -> str:
    return percent(change.reference.value)
