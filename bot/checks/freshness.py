"""How old the newest row and the newest label are, against the longest pause there usually is between them."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from bot.charts import bars
from bot.checks.contract import CheckResult
from bot.checks.registry import Question
from bot.core.errors import BotError

LOOKED_AT = (timedelta(days=14), timedelta(days=90))
ENOUGH = 50
LEAST_MOMENTS = 3
MOST_READ = 200_000
OVER = 1.5
LEAST = timedelta(minutes=1)
ONCE, AGAIN_WITHIN = 3.0, timedelta(days=3)
"""A pause over three times the next longest, in three days or more, was an outage: what is daily would come again."""
UNITS = (
    (timedelta(days=1), "days"),
    (timedelta(hours=1), "hours"),
    (timedelta(minutes=1), "minutes"),
    (timedelta(seconds=1), "seconds"),
)
Moments = NDArray[np.datetime64]


@dataclass(frozen=True, slots=True)
class Arrivals:
    """what: `row` or `label`. pause: the longest usual one between two of them; seen: over which time."""

    what: str
    latest: datetime
    age: timedelta
    pause: timedelta
    seen: timedelta
    notes: tuple[str, ...] = ()

    @property
    def limit(self) -> timedelta:
        return max(OVER * self.pause, LEAST)

    @property
    def stale(self) -> bool:
        return self.age > self.limit or self.age < -self.limit

    def said(self, name: str) -> str:
        since = f"(from {self.latest.day} {self.latest:%b %H:%M:%S} UTC)"
        start = f"The newest {self.what} of {name}"
        if self.age < timedelta(0):
            ahead = f"{words(-self.age)} in the future of when this was asked for {since}"
            return f"{start} lies {ahead}; if that is now, look at the clock and time zone"
        return (
            f"{start} is {words(self.age)} old {since}; the longest pause in {words(self.seen)} was {words(self.pause)}"
        )


def run(question: Question) -> CheckResult:
    name, at = question.model.name, question.at
    latest = question.rows.latest("predictions")
    if latest is None:
        return CheckResult("no data", f"{name} has no rows at all.")
    rows = _rows(question, latest)
    if rows is None:
        sentence = f"The newest row of {name} is {words(at - latest)} old; it has too few rows to say what is usual."
        return CheckResult("too few rows", sentence, window_end=at)
    labels, notes = _labels(question)
    found = [rows, *([labels] if labels else [])]
    stale = [one for one in found if one.stale]
    sentence = (stale or found)[0].said(name)
    if labels and labels is not (stale or found)[0]:
        sentence += f"; its newest label is {words(labels.age)} old (longest pause {words(labels.pause)})"
    size, unit = next(((size, unit) for size, unit in UNITS if max(rows.age, rows.pause) >= 2 * size), UNITS[-1])
    shown = {f"newest {one.what}": one.age for one in found} | {
        f"longest pause, {one.what}s": one.pause for one in found
    }
    chart = bars(
        list(shown),
        [max(one, timedelta(0)) / size for one in shown.values()],
        title=sentence,
        highlight=[f"newest {one.what}" for one in stale] or None,
        label=unit,
    )
    return CheckResult(
        "stale" if stale else "fresh",
        sentence + ".",
        columns=("newest", "age", "longest pause before", "stale from"),
        rows=tuple((one.what, words(one.age), words(one.pause), words(one.limit)) for one in found),
        window_start=rows.latest - rows.seen,
        window_end=at,
        reference=f"the {words(rows.seen)} before the newest row",
        notes=(*rows.notes, *notes),
        data={
            one.what: {"age_seconds": one.age.total_seconds(), "pause_seconds": one.pause.total_seconds()}
            for one in found
        },
        png=chart.png,
        alt=chart.alt,
    )


def _rows(question: Question, latest: datetime) -> Arrivals | None:
    """Pauses between rows, over the shortest time that shows enough of them; None: too few rows."""
    rows, time = question.rows, question.rows.data.time
    earliest = rows.earliest("predictions") or latest
    found: Arrivals | None = None
    for length in LOOKED_AT:
        start = max(latest - length, earliest)
        read = rows.window("predictions", start, latest + timedelta(microseconds=1), [time], most=MOST_READ)
        moments = _in_order(read.columns[time])
        pause = longest_pause(moments)
        if pause is None:
            continue
        found = Arrivals("row", latest, question.at - latest, pause, latest - start, read.notes)
        if moments.size >= ENOUGH:
            break
    return found


def _labels(question: Question) -> tuple[Arrivals | None, tuple[str, ...]]:
    """The same of labels, where muster.yaml names their time; what stands in the way is a note."""
    labels = question.rows.data.labels
    if labels is None or labels.time is None:
        return None, ()
    try:
        column = question.rows.window("labels", None, None, [labels.time], most=MOST_READ).columns[labels.time]
    except BotError as error:
        return None, (f"labels: {error.message}",)
    if column.dtype.kind != "M":
        return None, (f"the labels' `{labels.time}` holds no timestamps, so their age is not known",)
    moments = _in_order(column)
    pause = longest_pause(moments)
    if pause is None:
        return None, ("too few labels to say how often they come",)
    latest, earliest = _moment(moments[-1]), _moment(moments[0])
    return Arrivals("label", latest, question.at - latest, pause, latest - earliest), ()


def longest_pause(moments: Moments) -> timedelta | None:
    """The longest time between two neighbours of `moments` (rising, shape (n,)), without one that came but once in
    three days or more and was over three times all others. None with fewer than three moments."""
    if moments.size < LEAST_MOMENTS:
        return None
    gaps = np.sort(np.diff(moments).astype("timedelta64[us]").astype(np.int64))
    first, second = (timedelta(microseconds=int(gap)) for gap in (gaps[-1], gaps[-2]))
    long_enough = _moment(moments[-1]) - _moment(moments[0]) >= max(AGAIN_WITHIN, 2 * first)
    return second if long_enough and gaps.size >= ENOUGH and first > ONCE * second else first


def _in_order(times: NDArray[np.generic]) -> Moments:
    stamps: Moments = np.unique(times.astype("datetime64[us]"))
    return np.asarray(stamps[~np.isnat(stamps)])


def _moment(stamp: np.datetime64) -> datetime:
    found: datetime = stamp.astype("datetime64[us]").item()
    return found.replace(tzinfo=UTC)


def words(length: timedelta) -> str:
    """`42 s`, `9 min`, `5 h`, `3 d`: as exact as one needs at night."""
    seconds = abs(length.total_seconds())
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"
