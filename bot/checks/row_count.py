"""How many rows came, against the same hours of the days before or the windows before."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from bot.charts import series
from bot.checks.contract import CheckResult
from bot.checks.registry import Question
from bot.checks.windows import span
from bot.statistics.shortfall import Shortfall
from bot.statistics.volumes import count_band
from bot.statistics.wording import number

DAY = timedelta(days=1)
DAYS, WINDOWS = 14, 30
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
    by_day = DAY % length == timedelta(0) and start - LEAST_WINDOWS * DAY >= earliest
    back = DAYS * DAY if by_day else WINDOWS * length
    counted = [(at, size) for at, _, size in rows.class_counts(column, "", start - back, end, length)]
    before = [(at, size) for at, size in counted if earliest <= at < start]
    like = [(at, size) for at, size in before if not by_day or (start - at) % DAY == timedelta(0)]
    reference = f"the same hours of {len(like)} days before" if by_day else f"{len(like)} windows before"
    now = counted[-1][1]
    return _answer((start, end), now, before, like, reference, latest)


def _answer(
    window: tuple[datetime, datetime],
    now: int,
    before: Sequence[Counted],
    like: Sequence[Counted],
    reference: str,
    latest: datetime,
) -> CheckResult:
    start, end = window
    said = f"{now:,} rows {span(start, end)}"
    counts = [size for _, size in like if size]
    band = count_band(counts, false_alarm_rate=CHANCE, least_windows=LEAST_WINDOWS)
    if isinstance(band, Shortfall):
        short = f"{said}; only {len(counts)} earlier windows to compare with, {LEAST_WINDOWS} needed."
        return CheckResult(TOO_FEW_WINDOWS, short, window_start=start, window_end=end, rows_read=now)
    lower, upper = band
    verdict = "low" if now < lower else "high" if now > upper else "ok"
    usual = f"{number(lower)} to {number(upper)}"
    sentence = f"{said} (usually {usual})" if verdict == "ok" else f"{said} instead of {usual}"
    if verdict == "low" and latest < end - LONG_GAP * (end - start):
        sentence += f"; nothing since {latest:%d %b %H:%M} UTC"
    shown = [*before, (start, now)][-WINDOWS * 2 :]
    chart = series(
        [at + (end - start) for at, _ in shown],
        [size for _, size in shown],
        title=sentence,
        label="rows",
        lower=[None] * (len(shown) - 1) + [lower],
        upper=[None] * (len(shown) - 1) + [upper],
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
        data={"rows": now, "lower": lower, "upper": upper},
        png=chart.png,
        alt=chart.alt,
    )
