"""Single rows of the window that are unlike the reference, and what is unusual in them, in its own unit."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import numpy as np

from bot.charts import Chart, bars, scattered
from bot.checks.contract import MOST_ROWS, TOO_FEW, CheckResult
from bot.checks.registry import FeatureParams, Question
from bot.checks.windows import Sides, features_of, longer, read_sides, span, unit_of
from bot.core.errors import BotError
from bot.data import Frame
from bot.statistics.columns import Column, as_numbers, category_text, is_numeric
from bot.statistics.outliers import OddRow, OddRows, learn_rows, odd_rows
from bot.statistics.shortfall import Shortfall
from bot.statistics.wording import agree, count_of, number, percent

NONE, SOME, MANY = "none", "some", "many"
MANY_SHARE, MANY_ROWS = 0.01, 10
HALF = 0.5


class OutlierParams(FeatureParams):
    """feature: look at this column alone; without one at all features and the answers together."""


def run(question: Question) -> CheckResult:
    assert isinstance(question.params, OutlierParams)
    data = question.rows.data
    wanted = _columns(question)
    there = question.rows.columns("predictions")
    key = data.labels.key if data.labels and data.labels.key in there else None
    sides = read_sides(question, [*wanted, data.time, *([key] if key else [])])
    if isinstance(sides, CheckResult):
        return sides
    both = [name for name in wanted if name in sides.then.columns]
    apart = [name for name in both if _moves_on(sides.then.columns[name], sides.now.columns[name])]
    looked = [name for name in both if name not in apart]
    if not looked:
        raise BotError(
            f"There is no column to compare: {', '.join(f'`{name}`' for name in wanted[:MOST_ROWS]) or 'no feature'} "
            "only counts on or is missing in the reference. Name features in muster.yaml: `data.features`."
        )
    usual = learn_rows({name: sides.then.columns[name] for name in looked})
    if isinstance(usual, Shortfall):
        return sides.answer(TOO_FEW, usual.sentence)
    found = odd_rows(usual, {name: sides.now.columns[name] for name in looked})
    if isinstance(found, Shortfall):
        return sides.answer(TOO_FEW, f"{found.sentence} {longer(sides.end - sides.start)}")
    return _answer(question, sides, found, key, _notes(len(looked), usual.rows, apart))


def _columns(question: Question) -> list[str]:
    data, asked = question.rows.data, question.params
    assert isinstance(asked, OutlierParams)
    if asked.feature:
        return [asked.feature]
    answers = [name for name in (data.prediction, data.score) if name]
    beside = {data.latency, *data.probabilities}
    return list(dict.fromkeys([*(name for name in features_of(question) if name not in beside), *answers]))


def _moves_on(then: Column, now: Column) -> bool:
    """Whether a column counts on, as times and running numbers do: none of its values lies among the reference's."""
    if then.dtype.kind == "M" or now.dtype.kind == "M":
        return True
    if not (is_numeric(then) and is_numeric(now)):
        return False
    before, after = (side[np.isfinite(side)] for side in (as_numbers(then), as_numbers(now)))
    if not before.size or not after.size or (after.min() <= before.max() and before.min() <= after.max()):
        return False
    return bool((after == np.floor(after)).all() and np.unique(after).size == after.size)


def _notes(columns: int, rows: int, apart: Sequence[str]) -> tuple[str, ...]:
    looked = f"{count_of(columns, 'column')} looked at, learnt from {count_of(rows, 'row')}"
    left = f"; {', '.join(apart[:MOST_ROWS])} left out: it only counts on" if apart else ""
    return (f"{looked}; one clean window in a hundred names a row by chance{left}",)


def _answer(question: Question, sides: Sides, found: OddRows, key: str | None, notes: tuple[str, ...]) -> CheckResult:
    verdict = _verdict(found)
    sentence = _sentence(question, sides, found, verdict)
    chart = _chart(question, sides, found) if found.told else None
    return sides.answer(
        verdict,
        f"{sentence}.",
        columns=("time", *([key] if key else []), "column", "value", "usually"),
        rows=[_row(question, sides.now, one, key) for one in found.told[:MOST_ROWS]],
        data={
            "count": found.count,
            "share": found.share,
            "by_column": dict(list(found.by_feature.items())[:50]),
            "rows": [_json(sides.now, one, key, question.rows.data.time) for one in found.told],
        },
        png=chart.png if chart else None,
        alt=chart.alt if chart else "",
        notes=notes,
    )


def _verdict(found: OddRows) -> str:
    if not found.count:
        return NONE
    return MANY if found.count >= MANY_ROWS and found.share >= MANY_SHARE else SOME


def _sentence(question: Question, sides: Sides, found: OddRows, verdict: str) -> str:
    where = span(sides.start, sides.end)
    if verdict == NONE:
        return f"None of {count_of(found.rows, 'row')} {where} is unlike the reference"
    strangest = found.told[0]
    usually = _usually(question, strangest)
    said = f"{strangest.feature} {_value(question, strangest)} ({usually})"
    are = agree(found.count, "is", "are")
    counted = f"{found.count:,} of {count_of(found.rows, 'row')} {where} {are} unlike the reference"
    if verdict == SOME:
        return f"{counted}{'; the strangest' if found.count > 1 else ''}: {said}"
    feature, size = next(iter(found.by_feature.items()))
    part = f", {size:,} of them by {feature}" if size >= HALF * found.count else ""
    ask = f"ask `range feature={feature}`" if part else "ask `drift`"
    return f"{counted} ({percent(found.share)}){part}; so many are a change, not single rows: {ask}. Strangest: {said}"


def _value(question: Question, one: OddRow) -> str:
    if one.value is None:
        return "without a value"
    if isinstance(one.value, float):
        return f"{number(one.value)}{unit_of(question, one.feature)}"
    return f"`{one.value[:40]}`"


def _usually(question: Question, one: OddRow) -> str:
    unit = unit_of(question, one.feature)
    if one.why == "rare":
        return f"on {percent(one.share)} of usual rows" if one.share else "never in the reference"
    if one.why == "apart":
        return f"about {number(one.expected)}{unit} goes with its other values"
    if isinstance(one.value, float) and one.lower <= one.value <= one.upper:
        return f"seldom so, between {number(one.lower)} and {number(one.upper)}{unit}"
    if isinstance(one.value, float) and one.value > one.upper:
        return f"usually under {number(one.upper)}{unit}"
    return f"usually over {number(one.lower)}{unit}"


def _row(question: Question, now: Frame, one: OddRow, key: str | None) -> tuple[str, ...]:
    moment = _moment(now, question.rows.data.time, one.row)
    when = f"{moment.day} {moment:%b %H:%M:%S}" if moment else "–"
    named = [_cell(now.columns[key][one.row])] if key else []
    return (when, *named, one.feature, _value(question, one).strip("`"), _usually(question, one))


def _cell(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return "–"
    return category_text(value)[:24]


def _moment(frame: Frame, column: str, row: int) -> datetime | None:
    value = frame.columns[column][row]
    if isinstance(value, np.datetime64) and not np.isnat(value):
        moment: datetime = value.astype("datetime64[us]").item()
        return moment.replace(tzinfo=UTC)
    return None


def _json(now: Frame, one: OddRow, key: str | None, time: str) -> dict[str, Any]:
    moment = _moment(now, time, one.row)
    return {
        "at": moment.isoformat() if moment else None,
        "key": _cell(now.columns[key][one.row]) if key else None,
        "column": one.feature,
        "value": one.value,
        "why": one.why,
        "p": one.p_value,
        "adjusted": one.adjusted,
    }


def _chart(question: Question, sides: Sides, found: OddRows) -> Chart:
    """The strangest column's rows over time where they are numbers; else how many rows each column names."""
    lead = found.told[0]
    many = f"{found.count:,} of {found.rows:,} rows are unlike the reference, most of all " if found.count > 1 else ""
    title = f"{many}{lead.feature} {_value(question, lead)} ({_usually(question, lead)})".replace("`", "")
    column, times = sides.now.columns[lead.feature], sides.now.columns[question.rows.data.time]
    known = times.dtype.kind == "M" and not np.isnat(times).any()
    if not (known and isinstance(lead.value, float) and is_numeric(column)):
        names, counts = list(found.by_feature), list(found.by_feature.values())
        return bars(names, counts, title=title, label="rows unlike the reference, by what is unusual in them")
    finite = as_numbers(sides.then.columns[lead.feature])
    lower, upper = np.quantile(finite[np.isfinite(finite)], [0.005, 0.995]).tolist()
    return scattered(
        [moment.replace(tzinfo=UTC) for moment in times.astype("datetime64[us]").tolist()],
        column,
        found.places[lead.feature],
        title=title,
        label=lead.feature,
        lower=lower,
        upper=upper,
        unit=unit_of(question, lead.feature).strip() or None,
    )
