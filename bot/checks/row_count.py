"""How many rows came, against the same hours of the weeks or days before, or the windows before."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.charts import series
from bot.checks.contract import CheckResult
from bot.checks.registry import Question
from bot.checks.windows import span
from bot.statistics.quality import without_upsets
from bot.statistics.shortfall import Shortfall
from bot.statistics.volumes import count_band
from bot.statistics.wording import count_of, number

DAY, WEEK = timedelta(days=1), timedelta(days=7)
WEEKS, DAYS, WINDOWS = 8, 14, 30
LONG_GAP = 0.1
LEAST_WINDOWS = 6
CHANCE = 0.001
TOO_FEW_WINDOWS = "too few windows"
Counted = tuple[datetime, int]


def run(question: Question) -> CheckResult:
    rows, data = question.rows, question.rows.data
    length = question.params.window or data.window
    end, start = question.at, question.at - length
    latest, earliest = rows.latest("predictions"), rows.earliest("predictions")
    if latest is None or earliest is None:
        return CheckResult("no data", f"{question.model.name} has no rows at all.", window_start=start, window_end=end)
    column = data.prediction or data.time
    rhythm, most, words = _rhythm(length, start - earliest)
    back = most * (rhythm or length)
    counted = [(at, size) for at, _, size in rows.class_counts(column, "", start - back, end, length)]
    before = [(at, size) for at, size in counted if earliest <= at < start]
    like = [(at, size) for at, size in before if rhythm is None or (start - at) % rhythm == timedelta(0)]
    return _answer((start, end), counted[-1][1], like, f"the {words.format(len(like))} before", latest)


def _rhythm(length: timedelta, history: timedelta) -> tuple[timedelta | None, int, str]:
    """What comes again: the same hours of the week or of the day, where the history is long enough for either."""
    for rhythm, most, words in (
        (WEEK, WEEKS, "same hours of the same weekday in {} weeks"),
        (DAY, DAYS, "same hours of {} days"),
    ):
        if rhythm % length == timedelta(0) and length < rhythm and history >= LEAST_WINDOWS * rhythm:
            return rhythm, most, words
    return None, WINDOWS, "{} windows"


def _answer(
    window: tuple[datetime, datetime],
    now: int,
    like: Sequence[Counted],
    reference: str,
    latest: datetime,
) -> CheckResult:
    start, end = window
    said = f"{count_of(now, 'row')} {span(start, end)}"
    counts = without_upsets([size for _, size in like if size])
    band = count_band(counts, false_alarm_rate=CHANCE, least_windows=LEAST_WINDOWS)
    if isinstance(band, Shortfall):
        short = f"{said}; only {count_of(len(counts), 'earlier window')} to compare with, {LEAST_WINDOWS} needed."
        return CheckResult(TOO_FEW_WINDOWS, short, window_start=start, window_end=end, rows_read=now)
    lower, upper = band.lower, band.upper
    upset = sum(1 for _, size in like if size) - len(counts)
    verdict = "low" if now < lower else "high" if now > upper else "ok"
    usual = f"{number(lower)} to {number(upper)}"
    sentence = f"{said} (usually {usual})" if verdict == "ok" else f"{said} instead of {usual}"
    if verdict == "low" and latest < end - LONG_GAP * (end - start):
        sentence += f"; nothing since {latest.day} {latest:%b %H:%M} UTC"
    shown = [*like, (start, now)]
    chart = series(
        [at + (end - start) for at, _ in shown],
        [size for _, size in shown],
        title=sentence,
        label="rows" if "windows" in reference else f"rows, {reference.partition(' in ')[0]}",
        lower=lower,
        upper=upper,
    )
    table = [
        *[(f"{at:%a %d %b %H:%M}", f"{size:,}") for at, size in like[-6:]],
        (f"{start:%a %d %b %H:%M}", f"{now:,}"),
    ]
    return CheckResult(
        verdict,
        sentence + ".",
        columns=("window from", "rows"),
        rows=tuple(table),
        window_start=start,
        window_end=end,
        rows_read=now,
        reference=reference,
        notes=(f"{upset} earlier windows that were far from the others are left out",) if upset else (),
        data={"rows": now, "lower": lower, "upper": upper},
        png=chart.png,
        alt=chart.alt,
    )
