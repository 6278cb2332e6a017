"""How old the newest row is, against the longest pause there usually is between rows."""

from datetime import datetime, timedelta

import numpy as np

from bot.charts import bars
from bot.checks.contract import CheckResult
from bot.checks.registry import Question

LOOKED_AT = (timedelta(hours=6), timedelta(days=2), timedelta(days=14), timedelta(days=90))
ENOUGH = 50
MOST_READ = 200_000
OVER = 1.5
LEAST = timedelta(minutes=1)


def run(question: Question) -> CheckResult:
    name, at = question.model.name, question.at
    latest = question.rows.latest("predictions")
    if latest is None:
        return CheckResult("no data", f"{name} has no rows at all.")
    age = at - latest
    learnt = _longest_pause(question, latest)
    if learnt is None:
        sentence = f"The newest row of {name} is {words(age)} old; it has too few rows to say what is usual."
        return CheckResult("too few rows", sentence, window_end=at)
    pause, seen = learnt
    limit = max(OVER * pause, LEAST)
    verdict = "stale" if age > limit else "fresh"
    since = f" (from {latest:%d %b %H:%M:%S} UTC)"
    usual = f"the longest pause in {words(seen)} was {words(pause)}"
    if age < timedelta(0):
        sentence = f"The newest row of {name} lies {words(-age)} in the future{since}; look at the clock and time zone"
    else:
        sentence = f"The newest row of {name} is {words(age)} old{since}; {usual}"
    minutes = [max(one, timedelta(0)) / timedelta(minutes=1) for one in (age, pause)]
    chart = bars(
        ["age of the newest row", "longest pause before"],
        minutes,
        title=sentence,
        highlight=["age of the newest row"] if verdict == "stale" else None,
        label="minutes",
    )
    return CheckResult(
        "stale" if age < -limit else verdict,
        sentence + ".",
        columns=("what", "how long"),
        rows=(
            ("age of the newest row", words(age)),
            ("longest pause before", words(pause)),
            ("stale from", words(limit)),
        ),
        window_start=latest - seen,
        window_end=at,
        reference=f"the {words(seen)} before the newest row",
        data={"age_seconds": age.total_seconds(), "pause_seconds": pause.total_seconds()},
        png=chart.png,
        alt=chart.alt,
    )


def _longest_pause(question: Question, latest: datetime) -> tuple[timedelta, timedelta] | None:
    """The longest stretch without a row, over the shortest time that shows enough of them."""
    rows, time = question.rows, question.rows.data.time
    earliest = rows.earliest("predictions") or latest
    found: tuple[timedelta, timedelta] | None = None
    for length in LOOKED_AT:
        start = max(latest - length, earliest)
        read = rows.window("predictions", start, latest + timedelta(microseconds=1), [time], most=MOST_READ)
        stamps = np.unique(read.columns[time].astype("datetime64[us]"))
        stamps = stamps[~np.isnat(stamps)]
        if stamps.size < 3:  # noqa: PLR2004
            continue
        gap = int(np.diff(stamps).max().astype(np.int64))
        found = timedelta(microseconds=gap), latest - start
        if stamps.size >= ENOUGH and length >= timedelta(days=2):
            break
    return found


def words(length: timedelta) -> str:
    """`42 s`, `9 min`, `5 h`, `3 d`: as exact as one needs at night."""
    seconds = abs(length.total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
