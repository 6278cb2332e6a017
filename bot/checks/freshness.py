"""How old the newest row and the newest label are, against the longest pause there usually is between them.

Asked of a moment that is past, only what is dated up to it counts. What is dated after the moment of asking is a fault
of a clock.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from bot.charts import bars
from bot.checks.contract import CheckResult
from bot.checks.registry import Question
from bot.core.errors import BotError
from bot.data import ModelRows

LOOKED_AT = (timedelta(days=14), timedelta(days=90))
ENOUGH = 50
LEAST_MOMENTS = 3
MOST_READ = 200_000
OVER = 1.5
LEAST = timedelta(minutes=1)
INSTANT = timedelta(microseconds=1)
LOOKED_BACK = (timedelta(hours=1), timedelta(days=1), timedelta(days=14))
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
    """what: `row` or `label`. pause: the longest usual one between two of them; seen: over which time.

    ahead: how far the newest of all is dated in the future, which `latest` and `age` leave aside.
    """

    what: str
    latest: datetime
    age: timedelta
    pause: timedelta
    seen: timedelta
    notes: tuple[str, ...] = ()
    ahead: timedelta = timedelta(0)

    @property
    def limit(self) -> timedelta:
        return max(OVER * self.pause, LEAST)

    @property
    def stale(self) -> bool:
        return self.age > self.limit or self.ahead > self.limit

    def said(self, name: str) -> str:
        start = f"The newest {self.what} of {name}"
        if self.ahead > self.limit:
            return (
                f"{start} is dated {words(self.ahead)} in the future; look at the clock and time zone of what writes"
                f" it (without such, the newest is {words(self.age)} old)"
            )
        since = f"(from {_dated(self.latest)})"
        return (
            f"{start} is {words(self.age)} old {since}; the longest pause in {words(self.seen)} was {words(self.pause)}"
        )


def run(question: Question) -> CheckResult:
    name, at = question.model.name, question.at
    last = question.rows.latest("predictions")
    if last is None:
        return CheckResult("no data", f"{name} has no rows at all.")
    latest = newest_until(question.rows, at) if last > at else last
    if latest is None:
        return CheckResult("no data", f"{name} has no rows up to {_dated(at)}; its newest is from {_dated(last)}.")
    rows = _rows(question, latest, last)
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


def _rows(question: Question, latest: datetime, last: datetime) -> Arrivals | None:
    """Pauses between rows, over the shortest time that shows enough of them; None: too few rows. last: of all rows."""
    rows, time = question.rows, question.rows.data.time
    earliest = rows.earliest("predictions") or latest
    found: Arrivals | None = None
    for length in LOOKED_AT:
        start = max(latest - length, earliest)
        read = rows.window("predictions", start, latest + INSTANT, [time], most=MOST_READ)
        moments = _in_order(read.columns[time])
        pause = longest_pause(moments)
        if pause is None:
            continue
        notes, ahead = (*read.notes, *_left_out(question, "rows", last)), _ahead(question, last)
        found = Arrivals("row", latest, question.at - latest, pause, latest - start, notes, ahead)
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
    everything = _in_order(column)
    moments = everything[everything <= np.datetime64(question.at.astimezone(UTC).replace(tzinfo=None), "us")]
    pause = longest_pause(moments)
    if pause is None:
        return None, ("too few labels to say how often they come",)
    latest, earliest, last = (_moment(one) for one in (moments[-1], moments[0], everything[-1]))
    found = Arrivals("label", latest, question.at - latest, pause, latest - earliest, ahead=_ahead(question, last))
    return found, _left_out(question, "labels", last)


def newest_until(rows: ModelRows, at: datetime) -> datetime | None:
    """The time of the newest row not after `at`; None: there is none. It is searched for, not read, in many rows."""
    end, most = at + INSTANT, min(MOST_READ, rows.limits.rows)
    start = next((at - one for one in LOOKED_BACK if rows.count("predictions", at - one, end)), None)
    start = start or rows.earliest("predictions")
    if start is None or start > at:
        return None
    while end - start > 2 * INSTANT and rows.count("predictions", start, end) > most:
        middle = start + (end - start) / 2
        start, end = (middle, end) if rows.count("predictions", middle, end) else (start, middle)
    time = rows.data.time
    return _moment(_in_order(rows.window("predictions", start, end, [time], most=most).columns[time])[-1])


def _ahead(question: Question, last: datetime) -> timedelta:
    return max(timedelta(0), last - max(question.at, question.now or question.at))


def _left_out(question: Question, what: str, last: datetime) -> tuple[str, ...]:
    """Of a moment that is past one wants to know how it was then."""
    if question.now is None or question.at >= question.now or last <= question.at:
        return ()
    return (f"only {what} up to {_dated(question.at)} count; there are later ones",)


def _dated(moment: datetime) -> str:
    return f"{moment.day} {moment:%b %H:%M:%S} UTC"


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
