"""Judging answers by their labels: each window as a cohort, against older ones as they were at its age."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from bot.catalog.monitors import Rule
from bot.catalog.values import format_duration
from bot.checks.measure_words import change_in_words, name_of, shown
from bot.data import ModelRows
from bot.monitoring.finding import Finding, State, surprise_of
from bot.monitoring.judges.terms import Terms
from bot.monitoring.truth.cohorts import Cohort, Cohorts, read_cohorts, span, too_early
from bot.monitoring.truth.labels import MARKS
from bot.monitoring.watched import Watched
from bot.monitoring.windows import Window
from bot.statistics.decay import ScoreDecay, ShareDecay, chance_of, followed, level_for
from bot.statistics.drop import LEAST_COHORTS, SHARES, cohort_limit, guarded_drop, smaller_of, varies_by, worse_by
from bot.statistics.performance import LOWER_IS_BETTER, Performance, PerformanceChange, compare_performance
from bot.statistics.shortfall import Shortfall
from bot.statistics.wording import percent

LEAST_DROP, LEAST_GROWTH = 0.02, 0.05
LEAST_OF_MISSING = 0.5
DECAY = 0.05
SHIFT = 1.0


def performance(one: Watched, rows: ModelRows, window: Window, terms: Terms) -> Finding:
    """How good the answers of a window were, once enough of its labels are in."""
    cohorts = read_cohorts(one, rows, window, terms)
    early = too_early(cohorts, _wanted(one, cohorts))
    if early:
        return early
    current = cohorts.current
    if isinstance(current, Shortfall):
        return Finding(State.TOO_FEW, f"{span(window)}: {current.sentence}", rows=cohorts.size, data=_data(cohorts))
    rule = one.monitor.rule
    if rule is None:
        return _within_limits(cohorts, current, terms)
    if rule.drop is None:
        return _fixed(cohorts, current, rule)
    return _dropped(cohorts, current, rule, terms)


def _wanted(one: Watched, cohorts: Cohorts) -> float:
    """A fixed limit knows no age, and labels without a time have none: then nearly all labels must be in."""
    fixed = one.monitor.rule is not None and one.monitor.rule.drop is None
    return MARKS[-1] if fixed or cohorts.answers.arrived is None else MARKS[0]


def _fixed(cohorts: Cohorts, current: Performance, rule: Rule) -> Finding:
    over = rule.above is not None and current.value > rule.above
    under = rule.below is not None and current.value < rule.below
    limit = rule.above if rule.above is not None else rule.below
    assert limit is not None
    way = "above" if rule.above is not None else "below"
    said = f"{name_of(current.measure)} {shown(current.measure, current.value)}"
    crossed = over or under
    sentence = f"{said}, {way} the limit of {shown(current.measure, limit)}" if crossed else said
    return Finding(
        State.FIRING if crossed else State.OK,
        _whole(cohorts, sentence),
        rows=cohorts.size,
        value=current.value,
        lower=rule.below,
        upper=rule.above,
        reference="a fixed limit",
        data=_data(cohorts),
    )


def _dropped(cohorts: Cohorts, current: Performance, rule: Rule, terms: Terms) -> Finding:
    """`5 % below the 30-day mean`, beyond chance; and a slow decay that no single window shows."""
    assert rule.drop is not None
    since = cohorts.window.start - rule.time_before
    recent = [one for one in cohorts.past if one.window.start >= since]
    usual = cohorts.pooled(recent) if recent else None
    whole = format_duration(rule.time_before)
    if len(recent) < min(LEAST_COHORTS, max(1, rule.time_before // cohorts.window.length)) or not isinstance(
        usual, Performance
    ):
        return _learning(cohorts, current, len(recent))
    spread = varies_by([one.performance.value for one in recent], [one.performance.error for one in recent])
    found = guarded_drop(usual, current, least=rule.drop, varies=spread)
    limit = _worse(usual, rule.drop * abs(usual.value))
    finding = _finding(cohorts, current, usual, limit, f"{len(recent)} windows of the {whole} before, at equal age")
    rate = terms.alarm_rate / cohorts.looks
    chance, decay = found.p_value, _decay(cohorts, rule.drop, rate)
    finding.data.update({"fall": found.fall, "z": found.z, "need": found.need, "seen": found.seen})
    surprise = surprise_of(smaller_of(chance, decay.chance) if decay else chance)
    if found.sure:
        below = "above" if current.measure in LOWER_IS_BETTER else "below"
        how = f", {percent(found.fall)} {below} the mean of the {whole} before"
        return replace(finding, state=State.FIRING, surprise=surprise, sentence=_said(cohorts, usual, current, how))
    if decay and decay.chance < rate and decay.matters:
        return _decayed(cohorts, replace(finding, surprise=surprise), decay)
    return replace(
        finding, surprise=surprise, sentence=_said(cohorts, usual, current, _power(found.need, rule, current))
    )


def _power(need: int | None, rule: Rule, current: Performance) -> str:
    """State the rows it takes where a window has fewer: until then only a larger fall can be told from chance."""
    assert rule.drop is not None
    if need is not None and current.rows >= need:
        return ""
    rows = f"{need:,} labels a window" if need else "longer windows"
    return f" (a {percent(rule.drop)} drop needs {rows} to be told from chance)"


def _within_limits(cohorts: Cohorts, current: Performance, terms: Terms) -> Finding:
    """Against control limits from cohorts at equal age, with a floor on the fall; and against a slow decay."""
    past = cohorts.past[-cohorts.one.monitor.baseline :]
    rate = terms.alarm_rate / cohorts.looks
    least = min(LEAST_COHORTS, cohorts.one.monitor.baseline)
    found = cohort_limit([one.performance for one in past], current, alarm_rate=rate / 2, least=least)
    usual = cohorts.pooled(past) if past else None
    if isinstance(found, Shortfall) or not isinstance(usual, Performance):
        return _learning(cohorts, current, len(past))
    floor = _floor(usual)
    limit = _worse(usual, max(floor, worse_by(current.measure, usual.value, found.limit)))
    reference = f"{len(past)} windows before, at equal age"
    decay = _decay(cohorts, DECAY, rate / 2)
    chance = smaller_of(found.p_value, *([decay.chance] if decay else []))
    surprise = surprise_of(min(1.0, chance * cohorts.looks))
    finding = replace(_finding(cohorts, current, usual, limit, reference), surprise=surprise)
    if worse_by(current.measure, limit, current.value) > 0:
        return replace(finding, state=State.FIRING, sentence=_said(cohorts, usual, current))
    if decay and decay.chance < rate / 2 and decay.matters:
        return _decayed(cohorts, finding, decay)
    return replace(finding, sentence=_said(cohorts, usual, current))


def _worse(usual: Performance, lost: float) -> float:
    return usual.value + (lost if usual.measure in LOWER_IS_BETTER else -lost)


def _floor(usual: Performance) -> float:
    """A fall that is worth a look: two parts in a hundred, or half of what is missing to a perfect share; of an error,
    which follows how hard the rows are, a growth by five in a hundred."""
    part = (LEAST_GROWTH if usual.measure in LOWER_IS_BETTER else LEAST_DROP) * abs(usual.value)
    missing = 1 - usual.value
    return min(part, LEAST_OF_MISSING * missing) if usual.measure in SHARES and missing > 0 else part


@dataclass(frozen=True, slots=True)
class Decay:
    """A sum of evidence over windows. level: where it stands; chance: how often ordinary windows reach that. since: the
    cohorts it rose over; usual, now: the measure before, and over those."""

    level: float
    chance: float
    since: Sequence[Cohort]
    usual: Performance
    now: Performance
    path: Sequence[float]

    @property
    def matters(self) -> bool:
        return worse_by(self.now.measure, self.usual.value, self.now.value) >= _floor(self.usual)


def _decay(cohorts: Cohorts, least: float, rate: float) -> Decay | None:
    """Follow the windows after the oldest ones, which say what is usual. None: too few of them yet."""
    current = cohorts.current
    assert isinstance(current, Performance)
    every = [*cohorts.past, Cohort(cohorts.window, current)]
    first = max(LEAST_COHORTS, min(cohorts.one.monitor.baseline, len(every) // 2))
    old, later = every[:first], every[first:]
    usual = cohorts.pooled(old) if len(later) > 1 else None
    if not isinstance(usual, Performance) or not usual.value > 0:
        return None
    judged = _share_steps(old, later, usual, least) if current.measure in SHARES else _score_steps(old, later)
    if judged is None:
        return None
    model, steps = judged
    path = followed(steps, most=2 * level_for(model, 1 / rate) + 1)
    risen = next((k for k in range(len(path) - 1, -1, -1) if path[k] == 0), -1) + 1
    since = later[risen:]
    now = cohorts.pooled(since) if since else None
    if not isinstance(now, Performance):
        return None
    return Decay(path[-1], chance_of(model, path[-1]), since, usual, now, path)


def _share_steps(
    old: Sequence[Cohort], later: Sequence[Cohort], usual: Performance, least: float
) -> tuple[ShareDecay, list[float]] | None:
    """Wrong rows of each window. The usual share of them is taken at the upper end of its own error, so that a lucky
    start makes no alarm."""
    past = [one.performance for one in old]
    spread = varies_by([one.value for one in past], [one.error for one in past])
    wrong = 1 - usual.value + math.sqrt(spread) * usual.error
    worse = 1 - (1 - wrong) * (1 - least)
    if not 0 < wrong < worse < 1:
        return None
    sizes = sorted(one.performance.rows for one in later)
    model = ShareDecay(round(wrong, 6), round(worse, 6), max(1, round(sizes[len(sizes) // 2] / spread)))
    rows = [one.performance.rows / spread for one in later]
    steps = [model.step(size * (1 - one.performance.value), size) for size, one in zip(rows, later, strict=True)]
    return model, steps


def _score_steps(old: Sequence[Cohort], later: Sequence[Cohort]) -> tuple[ScoreDecay, list[float]] | None:
    model = ScoreDecay(SHIFT)
    past = [one.performance for one in old]
    steps = []
    for one in later:
        found = cohort_limit(past, one.performance, alarm_rate=0.001)
        if isinstance(found, Shortfall):
            return None
        steps.append(model.step(found.scores[-1] - 1 / math.sqrt(len(past))))
    return model, steps


def _decayed(cohorts: Cohorts, finding: Finding, decay: Decay) -> Finding:
    first = decay.since[0].window
    change = _change(decay.usual, decay.now)
    days = span(Window(first.start, cohorts.window.end))
    lasting = f", over {len(decay.since)} windows" if len(decay.since) > 1 else ""
    words = f"slipping: {change_in_words(cohorts.sides[0], change)}{lasting}, {days}"
    finding.data["decay"] = {"level": decay.level, "path": list(decay.path)}
    return replace(finding, state=State.FIRING, onset=first.start, sentence=_whole(cohorts, words))


def _change(usual: Performance, current: Performance) -> PerformanceChange:
    found = compare_performance({usual.measure: usual}, {usual.measure: current})[usual.measure]
    assert isinstance(found, PerformanceChange)
    return found


def _said(cohorts: Cohorts, usual: Performance, current: Performance, more: str = "") -> str:
    return _whole(cohorts, f"{change_in_words(cohorts.sides[0], _change(usual, current))}{more}")


def _whole(cohorts: Cohorts, words: str) -> str:
    """`eta: 78 % of the answers are right, usually 91 %; 1,204 labels of 2 Nov, 96 % of those that come`."""
    in_part = f"{cohorts.labels:,} labels of {span(cohorts.window)}, {percent(cohorts.part)} of those that come"
    return "; ".join([f"{cohorts.one.model.name}: {words}", in_part, *cohorts.notes()])


def _finding(cohorts: Cohorts, current: Performance, usual: Performance, limit: float, reference: str) -> Finding:
    lower_is_better = current.measure in LOWER_IS_BETTER
    data = _data(cohorts)
    data["usual"] = usual.value
    data["before"] = [[one.window.end.isoformat(), one.performance.value] for one in cohorts.past]
    return Finding(
        State.OK,
        "",
        rows=cohorts.size,
        value=current.value,
        lower=None if lower_is_better else limit,
        upper=limit if lower_is_better else None,
        onset=cohorts.window.start,
        reference=reference,
        data=data,
    )


def _data(cohorts: Cohorts) -> dict[str, object]:
    """`mark` tells when to judge again, `data_at` when the labels it took were there."""
    came = cohorts.came_by(cohorts.mark)
    return {
        "label": name_of(cohorts.measure),
        "measure": str(cohorts.measure),
        "labels": cohorts.labels,
        "part": cohorts.part,
        "mark": cohorts.mark,
        "data_at": came.isoformat() if came else None,
    }


def _learning(cohorts: Cohorts, current: Performance, have: int) -> Finding:
    need = LEAST_COHORTS
    said = f"{name_of(current.measure)} {shown(current.measure, current.value)}"
    sentence = f"Learning: {have} of {need} cohorts with labels seen; {said} of {cohorts.labels:,} labels"
    data = {**_data(cohorts), "missing": max(0, need - have)}
    return Finding(
        State.LEARNING,
        f"{sentence} of {span(cohorts.window)}.",
        rows=cohorts.size,
        value=current.value,
        data=data,
    )
