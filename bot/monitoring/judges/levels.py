"""Judging one number a window: a mean, the scores, the confidence, how long answers take.

The number is held against its own baseline windows, whose spread has in it how ordinary windows differ; beyond chance
is not enough, the change must also be large enough to matter. A `rule` takes the place of both.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from bot.catalog.monitors import MonitorMetric
from bot.core.errors import BotError
from bot.data import Frame, ModelRows
from bot.monitoring import words
from bot.monitoring.finding import SCORE, Finding, State, score_of, surprise_of
from bot.monitoring.judges.shares import class_share
from bot.monitoring.judges.sides import stamps_of
from bot.monitoring.judges.terms import Terms
from bot.monitoring.references import BY_TIME, SPARE
from bot.monitoring.watched import Watched
from bot.monitoring.windows import Window, times_of
from bot.statistics.columns import Column, Floats, as_numbers, is_numeric
from bot.statistics.confidence import NotChances, of_probabilities, of_score
from bot.statistics.latency import clean, percentiles
from bot.statistics.mean_shift import usual_level
from bot.statistics.shortfall import Shortfall, too_few_windows

LEAST_WINDOWS = 10
MOST_A_WINDOW = 20_000
LEAST_EFFECT = 0.1
LEAST_RATIO = 1.2
USUAL_PERCENTILE = 95.0
Columns = Mapping[str, Column]


@dataclass(frozen=True, slots=True)
class Level:
    """What is taken of a window. read: the number and its rows from the columns. least: the smallest change that
    matters, from the baseline's values and a standard deviation of its rows. one_sided: only more is worse.
    """

    columns: tuple[str, ...]
    read: Callable[[Columns], Floats]
    summary: Callable[[Floats], float]
    noun: str
    unit: str
    one_sided: bool = False


def level(one: Watched, rows: ModelRows, window: Window, terms: Terms) -> Finding:
    """Judge the window's number. Raises BotError for a column that isn't configured or holds no numbers."""
    asked = LEVELS[one.monitor.metric](one)
    names = [one.data.time, *asked.columns]
    now = rows.window("predictions", window.start, window.end, names, most=5 * MOST_A_WINDOW)
    values = _numbers(asked, now.columns)
    if now.rows == 0:
        return Finding(State.NO_DATA, f"{one.model.name} has no rows in this window.")
    if values.size < one.monitor.min_rows:
        said = f"Only {values.size:,} rows with {asked.noun}; {one.monitor.min_rows:,} needed."
        return Finding(State.TOO_FEW, said, rows=now.rows)
    value = asked.summary(values)
    if one.monitor.rule is not None:
        return _by_rule(one, asked, values, value, now.rows)
    return _by_band(one, asked, rows, window, terms, values, value, now.rows)


def default_rate(one: Watched, rows: ModelRows, window: Window, terms: Terms) -> Finding:
    """The share of what is answered when the model can't; the words of an outcome say nothing of it."""
    value = one.monitor.value if one.monitor.value is not None else one.data.default_prediction
    if value is None:
        raise BotError(f"Monitor {one.key}: name what is answered when the model can't as `default_prediction:`.")
    model = one.model.model_copy(update={"outcome": None})
    return class_share(Watched(model, one.monitor.model_copy(update={"value": value})), rows, window, terms)


def _by_rule(one: Watched, asked: Level, values: Floats, value: float, rows: int) -> Finding:
    rule = one.monitor.rule
    assert rule is not None
    if rule.drop is not None:
        raise BotError(f"Monitor {one.key}: `rule: {{drop: …}}` belongs to performance monitors; use above or below.")
    low, high = _interval(one, values, value)
    beyond = (rule.above is not None and low > rule.above) or (rule.below is not None and high < rule.below)
    limit = rule.above if rule.above is not None else rule.below
    assert limit is not None
    return Finding(
        State.FIRING if beyond else State.OK,
        words.against_rule(one, asked.noun, value, limit, asked.unit, above=rule.above is not None),
        rows=rows,
        value=value,
        lower=rule.below,
        upper=rule.above,
        feature=one.monitor.feature,
        data={"label": asked.noun},
    )


def _by_band(
    one: Watched,
    asked: Level,
    rows: ModelRows,
    window: Window,
    terms: Terms,
    values: Floats,
    value: float,
    size: int,
) -> Finding:
    past = _past(one, asked, rows, window, terms)
    if len(past) < LEAST_WINDOWS:
        short = too_few_windows(len(past), LEAST_WINDOWS)
        missing = LEAST_WINDOWS - len(past)
        said = f"{short.sentence.removesuffix('.')}, {missing} to go."
        return Finding(State.LEARNING, said, rows=size, value=value, data={"missing": missing})
    sigma = float(np.median([spread for _, _, spread in past]))
    usual = usual_level(
        [found for _, found, _ in past],
        noise=sigma / math.sqrt(values.size),
        false_alarm_rate=terms.alarm_rate,
        one_sided=asked.one_sided,
        times=times_of([end - window.length for end, _, _ in past], window),
    )
    p_value = usual.p_value(value)
    least = usual.centre * (LEAST_RATIO - 1) if asked.one_sided else LEAST_EFFECT * sigma
    lower, upper = min(usual.lower, usual.centre - least), max(usual.upper, usual.centre + least)
    beyond = value > upper or (value < lower and not asked.one_sided)
    return Finding(
        State.FIRING if beyond else State.OK,
        words.level(one, asked.noun, value, lower, upper, asked.unit, one_sided=asked.one_sided),
        rows=size,
        value=value,
        lower=None if asked.one_sided else lower,
        upper=upper,
        surprise=surprise_of(p_value) if abs(value - usual.centre) >= least else 0.0,
        feature=one.monitor.feature,
        reference=f"{len(past)} windows before{BY_TIME if usual.expected.by_day else ''}",
        data={
            "label": asked.noun,
            "before": [[end.isoformat(), found] for end, found, _ in past],
            SCORE: score_of(usual.two_sided(value), value, usual.centre, least, asked.unit),
        },
    )


def _past(
    one: Watched, asked: Level, rows: ModelRows, window: Window, terms: Terms
) -> list[tuple[datetime, float, float]]:
    """End, number and standard deviation of the rows of each baseline window; further back where some are left out."""
    names, count, since = [one.data.time, *asked.columns], one.monitor.baseline, terms.comparison.since
    places = [window.start - back * window.length for back in range(count, 0, -1)]
    spoilt = any(terms.leaves_out(Window(at, at + window.length)) for at in places if since is None or at >= since)
    back = SPARE * count if spoilt else count
    start = window.start - back * window.length
    before = rows.window("predictions", start, window.start, names, most=(back + 1) * MOST_A_WINDOW)
    found = [
        (each.end, asked.summary(values), float(np.std(values)))
        for each, values in _windows(one, asked, before, window, back, terms)
        if values.size >= min(one.monitor.min_rows, 30)
    ]
    return found[-count:]


def _windows(
    one: Watched, asked: Level, frame: Frame, window: Window, most: int, terms: Terms
) -> list[tuple[Window, Floats]]:
    """The windows before, `most` back, that may be learnt from, oldest first, each with its numbers."""
    stamps = stamps_of(frame.columns[one.data.time])
    order = np.argsort(stamps, kind="stable")
    columns = {name: np.asarray(frame.columns[name])[order] for name in asked.columns}
    stamps = stamps[order]
    found = []
    for back in range(most, 0, -1):
        each = Window(window.start - back * window.length, window.end - back * window.length)
        if terms.leaves_out(each):
            continue
        edges = [np.datetime64(moment.replace(tzinfo=None), "us") for moment in (each.start, each.end)]
        first, last = np.searchsorted(stamps, edges)
        if last > first:
            found.append((each, _numbers(asked, {name: cells[first:last] for name, cells in columns.items()})))
    return found


def _numbers(asked: Level, columns: Columns) -> Floats:
    values = asked.read(columns)
    return values[np.isfinite(values)]


def _interval(one: Watched, values: Floats, value: float) -> tuple[float, float]:
    """Where the number may lie, by chance alone: a rule is broken only beyond that."""
    if one.monitor.metric is MonitorMetric.LATENCY:
        found = percentiles(clean(values), (_share(one),))
        if isinstance(found, Shortfall):
            return -math.inf, math.inf
        return found[0].interval.lower, found[0].interval.upper
    reach = 3 * float(np.std(values)) / math.sqrt(values.size)
    return value - reach, value + reach


def _share(one: Watched) -> float:
    return (one.monitor.percentile or USUAL_PERCENTILE) / 100


def _mean(one: Watched) -> Level:
    name = one.monitor.feature
    assert name is not None  # the configuration asks for it
    known = one.data.features.get(name)
    return Level((name,), _column(name), _average, f"mean {name}", known.unit if known and known.unit else "")


def _score(one: Watched) -> Level:
    name = one.monitor.feature or one.data.score
    if name is None:
        raise BotError(f"Monitor {one.key}: name the column of the model's score as `score:` under `data:`.")
    return Level((name,), _column(name), _average, f"mean {name}", "")


def _confidence(one: Watched) -> Level:
    data = one.data
    names = tuple(data.probabilities) or ((data.score,) if data.score else ())
    if not names:
        raise BotError(
            f"Monitor {one.key}: name `score:` or `probabilities:` under `data:`; confidence comes from them."
        )

    def read(columns: Columns) -> Floats:
        cells = [columns[name] for name in names]
        found = of_probabilities(cells) if len(cells) > 1 else of_score(cells[0])
        if isinstance(found, NotChances):
            raise BotError(f"{', '.join(names)} lie from {found.lowest:g} to {found.highest:g}: no probabilities.")
        return found.top

    return Level(names, read, _average, "mean confidence", "")


def _latency(one: Watched) -> Level:
    name = one.monitor.feature or one.data.latency
    if name is None:
        raise BotError(f"Monitor {one.key}: name the column of how long an answer took as `latency:` under `data:`.")
    known = one.data.features.get(name)
    unit = known.unit if known and known.unit else "ms"
    share = _share(one)

    def percentile(values: Floats) -> float:
        ordered = clean(values)
        return float(ordered[max(0, math.ceil(share * ordered.size - 1e-9) - 1)]) if ordered.size else math.nan

    return Level((name,), _column(name), percentile, f"p{100 * share:g} latency", unit, one_sided=True)


def _column(name: str) -> Callable[[Columns], Floats]:
    def read(columns: Columns) -> Floats:
        cells = columns[name]
        if cells.size and not is_numeric(cells) and not all(cell is None for cell in cells.tolist()):
            raise BotError(f"{name} holds text, not numbers; watch its classes with class_share.")
        return as_numbers(cells)

    return read


def _average(values: Floats) -> float:
    return float(np.mean(values))


LEVELS: Mapping[MonitorMetric, Callable[[Watched], Level]] = {
    MonitorMetric.MEAN: _mean,
    MonitorMetric.SCORE: _score,
    MonitorMetric.CONFIDENCE: _confidence,
    MonitorMetric.LATENCY: _latency,
}
