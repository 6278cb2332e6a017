"""Judging what a model answers, and how often: class share and row count against the windows before."""

from datetime import datetime

import numpy as np

from bot.core.errors import BotError
from bot.data import ModelRows
from bot.data.contract import Value
from bot.monitoring import words
from bot.monitoring.finding import Finding, State, surprise_of
from bot.monitoring.onset import onset
from bot.monitoring.terms import LeftOut, Terms
from bot.monitoring.watched import Watched
from bot.monitoring.windows import Window
from bot.statistics import bands
from bot.statistics.columns import category_text
from bot.statistics.shortfall import Shortfall
from bot.statistics.volumes import count_band

SPARE = 3
"""How many times the baseline is looked back at most, when windows of it are left out."""
Counted = tuple[datetime, int, int]


def class_share(one: Watched, rows: ModelRows, window: Window, terms: Terms) -> Finding:
    """The share of one class, against the band of the baseline windows."""
    column = one.monitor.feature or one.data.prediction
    if column is None:
        raise BotError(f"Monitor {one.key}: name the column of the model's answer as `prediction:` under `data:`.")
    value = one.monitor.value
    assert value is not None  # the configuration asks for it
    before, (_, count, size) = _counted(one, rows, window, terms.leaves_out, column, value)
    short = _too_few(one, size)
    if short:
        return short
    least = min(bands.LEAST_WINDOWS, one.monitor.baseline)
    found = bands.class_share(
        [(count, size) for _, count, size in before],
        count,
        size,
        label=category_text(one.monitor.value),
        false_alarm_rate=terms.alarm_rate,
        least_windows=least,
        least_rows=min(bands.LEAST_ROWS, one.monitor.min_rows),
    )
    if isinstance(found, Shortfall):
        return _learning(size, found, count / size)
    lower, upper = found.band.lower, found.band.upper
    share = found.current.value
    return Finding(
        state=State.FIRING if found.outside else State.OK,
        sentence=words.class_share(one, share, lower, upper),
        rows=size,
        value=share,
        lower=lower,
        upper=upper,
        surprise=surprise_of(found.p_value),
        onset=_onset(one, rows, window, column) if found.outside and share > upper else None,
        feature=one.monitor.feature,
        reference=f"{found.band.windows} windows before",
        data={
            "label": f"share answered {category_text(one.monitor.value)}",
            "before": [[(at + window.length).isoformat(), count / size] for at, count, size in before],
        },
    )


def row_count(one: Watched, rows: ModelRows, window: Window, terms: Terms) -> Finding:
    """How many rows came, against the baseline windows that had any."""
    before, (_, _, size) = _counted(one, rows, window, terms.leaves_out, one.data.prediction or one.data.time, "")
    counts = [size for _, _, size in before]
    least = min(bands.LEAST_WINDOWS, one.monitor.baseline)
    band = count_band(counts, false_alarm_rate=terms.alarm_rate, least_windows=least)
    if isinstance(band, Shortfall):
        return _learning(size, band, float(size))
    lower, upper = band.lower, band.upper
    return Finding(
        state=State.OK if lower <= size <= upper else State.FIRING,
        sentence=words.row_count(one, size, window, lower, upper),
        rows=size,
        value=float(size),
        lower=lower,
        upper=upper,
        surprise=surprise_of(band.p_value(size)),
        reference=f"{len(counts)} windows before",
        data={"before": [[(at + window.length).isoformat(), float(size)] for at, _, size in before]},
    )


def _counted(
    one: Watched, rows: ModelRows, window: Window, left_out: LeftOut, column: str, value: Value
) -> tuple[list[Counted], Counted]:
    """The baseline windows that may be learnt from, and the window itself."""
    step, baseline = window.length, one.monitor.baseline
    usable: list[Counted] = []
    current: Counted = (window.start, 0, 0)
    for back in (baseline, SPARE * baseline):
        found = rows.class_counts(column, value, window.start - back * step, window.end, step)
        current = next((counted for counted in found if counted[0] == window.start), current)
        usable = [
            (at, count, size)
            for at, count, size in found
            if at < window.start and size and not left_out(Window(at, at + step))
        ]
        if len(usable) >= baseline or len(usable) == sum(1 for at, _, size in found if at < window.start and size):
            break
    return sorted(usable)[-baseline:], current


def _too_few(one: Watched, size: int) -> Finding | None:
    if size == 0:
        return Finding(State.NO_DATA, f"{one.model.name} has no rows in this window.")
    if size < one.monitor.min_rows:
        return Finding(State.TOO_FEW, f"Only {size:,} rows; {one.monitor.min_rows:,} needed.", rows=size)
    return None


def _learning(size: int, short: Shortfall, value: float) -> Finding:
    missing = (short.need or 0) - (short.have or 0)
    sentence = f"{short.sentence.removesuffix('.')}, {missing} to go."
    return Finding(State.LEARNING, sentence, rows=size, value=value, data={"missing": missing})


def _onset(one: Watched, rows: ModelRows, window: Window, column: str) -> datetime | None:
    """Look from the window before on: what leaves the band now may have begun there."""
    time = one.data.time
    frame = rows.window("predictions", window.start - window.length, window.end, [time, column])
    wanted = category_text(one.monitor.value)
    answers = np.fromiter((category_text(value) == wanted for value in frame.columns[column].tolist()), dtype=np.bool_)
    return onset(frame.columns[time], answers)
