"""Judging what a model answers, and how often: class share and row count against the windows before."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from bot.catalog.monitors import Reference
from bot.core.errors import BotError
from bot.data import ModelRows
from bot.data.contract import Value
from bot.monitoring import words
from bot.monitoring.finding import SCORE, Finding, State, score_of, surprise_of
from bot.monitoring.judges.onset import onset
from bot.monitoring.judges.repeats import dated_elsewhere, delivered_again
from bot.monitoring.judges.terms import Terms
from bot.monitoring.references import (
    BY_TIME,
    LEAST_WEEKS,
    MOST_WEEKS,
    SPARE,
    WEEK,
    Comparison,
    Counted,
    across_words,
    first_whole,
    least_windows,
    moment_words,
    reference_of,
    since_words,
)
from bot.monitoring.watched import Watched
from bot.monitoring.windows import ORIGIN, Window, times_of
from bot.statistics import bands
from bot.statistics.columns import category_text
from bot.statistics.daily import Expected, Times
from bot.statistics.shortfall import Shortfall
from bot.statistics.volumes import count_band

LEAST_EFFECT = 0.1
"""Of very many rows the least change is beyond chance; below a tenth of the rarer side it is nobody's page."""


@dataclass(frozen=True, slots=True)
class Compared:
    """The windows a window is held against, oldest first. words: what they are. least: how many are needed.
    counted_in: what they are counted in while learning. times: where the time of day and the day count."""

    before: list[Counted]
    words: str
    least: int
    counted_in: str = "baseline windows"
    times: Times | None = None


def class_share(one: Watched, rows: ModelRows, window: Window, terms: Terms) -> Finding:
    """The share of one class, against the band of the baseline windows."""
    column = one.monitor.feature or one.data.prediction
    if column is None:
        raise BotError(f"Monitor {one.key}: name the column of the model's answer as `prediction:` under `data:`.")
    value = one.monitor.value
    assert value is not None  # the configuration asks for it
    _, count, size = rows.class_counts(column, value, window.start, window.end, window.length)[0]
    short = _too_few(one, size)
    if short:
        return short
    compared = _compared(one, rows, window, terms, column, value)
    before = compared.before
    found = bands.class_share(
        [(count, size) for _, count, size in before],
        count,
        size,
        label=category_text(one.monitor.value),
        false_alarm_rate=terms.alarm_rate,
        least_windows=compared.least,
        least_rows=min(bands.LEAST_ROWS, one.monitor.min_rows),
        least_effect=LEAST_EFFECT,
        times=compared.times,
    )
    if isinstance(found, Shortfall):
        return _learning(size, found, count / size, compared, terms.comparison)
    lower, upper = found.band.lower, found.band.upper
    share = found.current.value
    return Finding(
        state=State.FIRING if found.outside else State.OK,
        sentence=words.class_share(one, share, lower, upper) + across_words(terms.comparison),
        rows=size,
        value=share,
        lower=lower,
        upper=upper,
        surprise=surprise_of(found.p_value),
        onset=_onset(one, rows, window, column) if found.outside and share > upper else None,
        feature=one.monitor.feature,
        reference=_reference(compared, found.band.windows, found.band.expected, terms.comparison),
        data={
            "label": f"share answered {category_text(one.monitor.value)}",
            "before": [[(at + window.length).isoformat(), count / size] for at, count, size in before],
            SCORE: score_of(
                found.band.p_value(share),
                share,
                found.band.centre,
                LEAST_EFFECT * min(found.band.centre, 1 - found.band.centre),
            ),
        },
    )


def row_count(one: Watched, rows: ModelRows, window: Window, terms: Terms) -> Finding:
    """How many rows came, against the baseline windows that had any."""
    column = one.data.prediction or one.data.time
    _, _, size = rows.class_counts(column, "", window.start, window.end, window.length)[0]
    compared = _compared(one, rows, window, terms, column, "")
    counts = [size for _, _, size in compared.before]
    band = count_band(counts, false_alarm_rate=terms.alarm_rate, least_windows=compared.least, times=compared.times)
    if isinstance(band, Shortfall):
        return _learning(size, band, float(size), compared, terms.comparison)
    lower, upper = band.lower, band.upper
    usual, why = band.usual, ""
    if size > upper:
        why = delivered_again(one, rows, window, size, usual)
    elif size < lower:
        why = dated_elsewhere(one, rows, window, size, usual, terms.now)
    return Finding(
        state=State.OK if lower <= size <= upper else State.FIRING,
        sentence=words.row_count(one, size, window, lower, upper) + why,
        rows=size,
        value=float(size),
        lower=lower,
        upper=upper,
        surprise=surprise_of(band.p_value(size)),
        reference=_reference(compared, len(counts), band.expected, terms.comparison),
        data={
            "before": [[(at + window.length).isoformat(), float(size)] for at, _, size in compared.before],
            SCORE: score_of(band.p_value(size), float(size), band.usual),
        },
    )


def _compared(one: Watched, rows: ModelRows, window: Window, terms: Terms, column: str, value: Value) -> Compared:
    """The windows that may be learnt from, as the monitor's reference says."""
    step, baseline, since = window.length, one.monitor.baseline, terms.comparison.since

    def usable(found: list[Counted]) -> list[Counted]:
        return [
            (at, count, size)
            for at, count, size in found
            if at < window.start
            and size
            and (since is None or at >= since)
            and not terms.leaves_out(Window(at, at + step))
        ]

    def counts(start: datetime, end: datetime) -> list[Counted]:
        return rows.class_counts(column, value, start, end, step)

    match reference_of(one):
        case Reference.SAME_WEEKDAY:
            return _same_weekday(one, window, since, counts, usable)
        case Reference.PINNED if since is not None:
            first = first_whole(since, step)
            kept = (
                usable(counts(first, min(window.start, first + SPARE * baseline * step)))
                if first < window.start
                else []
            )
            return Compared(kept[:baseline], "the first {} windows", least_windows(one))
        case Reference.PINNED:
            kept = _of_reference(one, rows, window, column, value)
            return Compared(kept, "{} windows of the reference", min(least_windows(one), max(1, len(kept))))
    kept = []
    for back in (baseline, SPARE * baseline):
        start = window.start - back * step
        found = counts(start, window.start)
        kept = usable(found)
        some = sum(1 for at, _, size in found if size)
        if len(kept) >= baseline or len(kept) == some or (since is not None and start <= since):
            break
    kept = sorted(kept)[-baseline:]
    times = times_of([at for at, _, _ in kept], window)
    return Compared(kept, "{} windows before", least_windows(one), times=times)


def _same_weekday(
    one: Watched,
    window: Window,
    since: datetime | None,
    counts: Callable[[datetime, datetime], list[Counted]],
    usable: Callable[[list[Counted]], list[Counted]],
) -> Compared:
    """This time of the week in the weeks before, twice as far back as wanted at most."""
    most = min(MOST_WEEKS, one.monitor.baseline)
    kept: list[Counted] = []
    for weeks in range(1, 2 * most + 1):
        start = window.start - weeks * WEEK
        if len(kept) == most or (since is not None and start < since):
            break
        kept += usable(counts(start, start + window.length))
    return Compared(kept[::-1], "the same hours of {} weeks before", min(LEAST_WEEKS, most), "weeks at this time")


def _of_reference(one: Watched, rows: ModelRows, window: Window, column: str, value: Value) -> list[Counted]:
    """The reference rows cut into windows. Raises BotError where they can't be: rows of a sample can't be counted."""
    time = one.data.time
    if one.data.reference is None or value == "" or time not in rows.columns("reference"):
        wants = (
            "an accepted baseline" if one.data.reference is None or value == "" else f"the column {time} in `reference`"
        )
        raise BotError(
            f"Monitor {one.key} is pinned and needs {wants}. Accept one: `muster baseline accept {one.key} --since …`; "
            "or use `reference: rolling`."
        )
    frame = rows.window("reference", None, None, [time, column])
    stamps = np.asarray(frame.columns[time]).astype("datetime64[us]")
    known = ~np.isnat(stamps)
    if not known.any():
        return []
    length = np.timedelta64(window.length, "us")
    places = (stamps[known] - np.datetime64(ORIGIN.replace(tzinfo=None), "us")) // length
    wanted = category_text(value)
    answers = np.fromiter((category_text(cell) == wanted for cell in frame.columns[column][known].tolist()), np.bool_)
    found, inverse = np.unique(places, return_inverse=True)
    sizes, hits = np.bincount(inverse), np.bincount(inverse, weights=answers)
    return [
        (ORIGIN + int(place) * window.length, int(hit), int(size))
        for place, hit, size in zip(found.tolist(), hits.tolist(), sizes.tolist(), strict=True)
    ]


def _reference(compared: Compared, windows: int, expected: Expected, comparison: Comparison) -> str:
    by_day = BY_TIME if expected.by_day else ""
    return compared.words.format(windows) + by_day + since_words(comparison)


def _too_few(one: Watched, size: int) -> Finding | None:
    if size == 0:
        return Finding(State.NO_DATA, f"{one.model.name} has no rows in this window.")
    if size < one.monitor.min_rows:
        return Finding(State.TOO_FEW, f"Only {size:,} rows; {one.monitor.min_rows:,} needed.", rows=size)
    return None


def _learning(size: int, short: Shortfall, value: float, compared: Compared, comparison: Comparison) -> Finding:
    have, need = short.have or 0, short.need or 0
    missing = need - have
    anew = ""
    if comparison.since is not None:
        anew = f" since {moment_words(comparison.since)} ({comparison.why or 'a new baseline'})"
    sentence = f"Learning: {have} of {need} {compared.counted_in} seen{anew}, {missing} to go."
    return Finding(State.LEARNING, sentence, rows=size, value=value, data={"missing": missing})


def _onset(one: Watched, rows: ModelRows, window: Window, column: str) -> datetime | None:
    """Look from the window before on: what leaves the band now may have begun there."""
    time = one.data.time
    frame = rows.window("predictions", window.start - window.length, window.end, [time, column])
    wanted = category_text(one.monitor.value)
    answers = np.fromiter((category_text(value) == wanted for value in frame.columns[column].tolist()), dtype=np.bool_)
    return onset(frame.columns[time], answers)


__all__ = ["SPARE", "class_share", "row_count"]
