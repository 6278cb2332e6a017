"""Two versions of the model on rows of the same period: answers, scores, latency and, where labels are, performance.

Versions seldom get the same traffic: what differs is compared at equal traffic, within the columns whose mix differs.
"""

from typing import Any

from bot.charts import Chart, bars, categories, distributions, then_and_now
from bot.checks.contract import MOST_ROWS, TOO_FEW, CheckResult
from bot.checks.latency import length, milliseconds_of
from bot.checks.registry import Params, Question
from bot.checks.version_heed import heeded
from bot.checks.version_measures import LEAST_LABELS, SURE, Measured, Strata, measure
from bot.checks.version_pair import VersionPair, compared_columns, read_versions
from bot.checks.windows import span, unit_of
from bot.core.errors import BotError
from bot.statistics.columns import count_categories
from bot.statistics.drift import DriftPolicy, FeatureDrift, compare_frames
from bot.statistics.latency import clean, percentiles, slower
from bot.statistics.scores.heed import Heed
from bot.statistics.shortfall import Shortfall
from bot.statistics.standardised import strata_of
from bot.statistics.wording import percent

SAME, DIFFER = "same", "differ"
STRATA = 2
COVERED = 0.9
MOST_HEEDED = 2


class CompareParams(Params):
    """old, new: the versions; default the two with most rows, the later one as new. value: the class that leads."""

    old: str | None = None
    new: str | None = None
    value: str | None = None


def run(question: Question) -> CheckResult:
    params = question.params
    assert isinstance(params, CompareParams)
    data = question.rows.data
    if not (data.prediction or data.score):
        raise BotError(
            f"Name the column of {question.model.name}'s answers in muster.yaml: `data.prediction` or `data.score`."
        )
    pair = read_versions(question, compared_columns(question), params.old, params.new)
    if isinstance(pair, CheckResult):
        return pair
    mix = _mix(question, pair)
    strata = _strata(pair, [one.feature for one in mix][:STRATA] or data.segments[:1])
    measured = measure(question, pair, strata, params.value)
    if not measured:
        return pair.sides.answer(TOO_FEW, f"Too few rows of {pair.old} or {pair.new} have an answer to compare.")
    return _answer(question, pair, measured, mix, heeded(question, pair))


def _mix(question: Question, pair: VersionPair) -> list[FeatureDrift]:
    """Columns of the traffic that differ between the versions, most first."""
    data = question.rows.data
    answers = {data.prediction, data.score, data.latency, data.version, data.time, *data.probabilities}
    names = [name for name in compared_columns(question) if name not in answers]
    then, now = ({name: side.columns[name] for name in names} for side in (pair.then, pair.now))
    return [one for one in compare_frames(then, now, policy=DriftPolicy(alpha=SURE)) if one.drifted] if names else []


def _strata(pair: VersionPair, columns: list[str]) -> Strata:
    then, now = ([side.columns[name] for name in columns] for side in (pair.then, pair.now))
    return strata_of(then, now, (pair.then.rows, pair.now.rows))


def _answer(
    question: Question, pair: VersionPair, measured: list[Measured], mix: list[FeatureDrift], heeds: list[Heed]
) -> CheckResult:
    apart, otherwise = [one for one in measured if one.differs], [one for one in heeds if one.differs]
    tail = _slow_tail(question, pair)
    finding = _finding(pair, apart, measured, tail, otherwise)
    title = finding.replace("`", "")
    chart = (
        _heed_chart(pair, heeds, title) if otherwise and not apart else _chart(question, pair, apart or measured, title)
    )
    told = [_heed_row(one) for one in otherwise[:MOST_HEEDED]]
    rows = sorted(measured, key=lambda one: not one.differs)[: MOST_ROWS - 1 - len(told)]
    traffic = f" The traffic differs ({mix[0].sentence.rstrip('.')}), so it was compared within it." if mix else ""
    return pair.sides.answer(
        DIFFER if apart or tail or otherwise else SAME,
        f"{finding}.{traffic}{_caution(pair)}",
        columns=("measure", pair.old, pair.new, "at equal traffic", "finding"),
        rows=[*map(_row, rows), *told, ("rows", f"{pair.then.rows:,}", f"{pair.now.rows:,}", "", "")],
        data=_data(pair, measured, mix) | {"heeds": {one.feature: one.kept for one in heeds}},
        png=chart.png,
        alt=chart.alt,
        notes=_notes(pair, measured),
    )


def _caution(pair: VersionPair) -> str:
    if pair.together:
        return ""
    return f" {pair.new} came after {pair.old}, not beside it: what differs may be the hour and not the version."


def _finding(
    pair: VersionPair, apart: list[Measured], measured: list[Measured], tail: str | None, otherwise: list[Heed]
) -> str:
    if not apart and not tail and not otherwise:
        lead = measured[0]
        both = f"{lead.name} {lead.shown(lead.found.first)} and {lead.shown(lead.found.second)}"
        rows = f"{pair.then.rows:,} and {pair.now.rows:,} rows"
        where = span(pair.sides.start, pair.sides.end)
        return f"Versions {pair.old} and {pair.new} answer alike: {both} of {rows} {where}"
    parts = [
        f"{one.name} {one.shown(one.found.first)} → {one.shown(one.found.second)} ({_gap(one)} at equal traffic)"
        for one in sorted(apart, key=lambda one: not one.is_error)[:3]
    ]
    heeds = [f"it {' and '.join(one.sentence for one in otherwise[:MOST_HEEDED])}"] if otherwise else []
    return f"Version {pair.new} differs from {pair.old}: {'; '.join([*parts, *([tail] if tail else []), *heeds])}"


def _slow_tail(question: Question, pair: VersionPair) -> str | None:
    """The highest percentile of latency that is a fifth longer in either version, beyond chance."""
    name = question.rows.data.latency
    if name is None:
        return None
    sides = [percentiles(clean(milliseconds_of(question, name, side.columns[name]))) for side in (pair.then, pair.now)]
    old, new = sides
    if isinstance(old, Shortfall) or isinstance(new, Shortfall):
        return None
    moved = [(one, two) for one, two in zip(old, new, strict=True) if slower(one, two) or slower(two, one)]
    if not moved:
        return None
    was, now = moved[-1]
    return f"{percent(now.share)} of answers within {length(now.value)}, of {pair.old} within {length(was.value)}"


def _gap(one: Measured) -> str:
    gap = one.found.difference
    if one.kind == "share":
        points = f"{100 * gap:+.0f}" if abs(gap) >= 0.1 else f"{100 * gap:+.1f}"  # noqa: PLR2004
        return f"{points} points"
    return f"{'+' if gap >= 0 else '-'}{one.shown(abs(gap))}"


def _row(one: Measured) -> tuple[str, ...]:
    found = one.found
    finding = "differs" if one.differs else "alike"
    return (one.name.strip("`"), one.shown(found.first), one.shown(found.second), _gap(one), finding)


def _heed_row(one: Heed) -> tuple[str, ...]:
    return (f"what answers owe to {one.feature}", percent(1.0), percent(one.kept), "", "differs")


def _notes(pair: VersionPair, measured: list[Measured]) -> tuple[str, ...]:
    covered = min(one.found.covered for one in measured)
    notes = [f"{percent(covered)} of the rows lie in traffic that both versions got"] if covered < COVERED else []
    if pair.labelled and not any(one.is_error for one in measured):
        notes.append(f"under {LEAST_LABELS} rows of a version have labels, so how right they are is not compared yet")
    return tuple(notes)


def _data(pair: VersionPair, measured: list[Measured], mix: list[FeatureDrift]) -> dict[str, Any]:
    return {
        "old": pair.old,
        "new": pair.new,
        "together": pair.together,
        "rows": {pair.old: pair.then.rows, pair.new: pair.now.rows},
        "traffic": [one.feature for one in mix],
        "measures": {
            one.name.strip("`"): {
                "old": one.found.first,
                "new": one.found.second,
                "difference": one.found.difference,
                "interval": [one.found.interval.lower, one.found.interval.upper],
                "differs": one.differs,
            }
            for one in measured
        },
    }


def _heed_chart(pair: VersionPair, heeds: list[Heed], title: str) -> Chart:
    shown = heeds[:MOST_ROWS]
    return then_and_now(
        [one.feature for one in shown],
        [1.0] * len(shown),
        [one.kept for one in shown],
        title=title,
        intervals=[(one.interval.lower, one.interval.upper) for one in shown],
        highlight=[one.feature for one in shown if one.differs],
        shares=True,
        label=f"what answers owe to a feature, of {pair.old}'s",
        reference_label=pair.old,
        current_label=pair.new,
    )


def _chart(question: Question, pair: VersionPair, measured: list[Measured], title: str) -> Chart:
    lead, old, new = measured[0], pair.old, pair.new
    if lead.column is None:
        values = [lead.found.first, lead.found.second]
        shares = lead.kind == "share"
        return bars([old, new], values, title=title, highlight=[new], percent=shares, label=lead.name)
    then, now = (side.columns[lead.column] for side in (pair.then, pair.now))
    if lead.kind == "share":
        before, after = count_categories(then)[0], count_categories(now)[0]
        return categories(before, after, title=title, label="answers", reference_label=old, current_label=new)
    timed = lead.kind == "latency"
    return distributions(
        milliseconds_of(question, lead.column, then) if timed else then,
        milliseconds_of(question, lead.column, now) if timed else now,
        title=title,
        label=lead.column,
        unit="ms" if timed else unit_of(question, lead.column).strip() or None,
        reference_label=old,
        current_label=new,
        log=timed,
    )
