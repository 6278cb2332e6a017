"""A small shift that lasts, as a finding: what a single window would not have said."""

import math
from dataclasses import replace
from typing import Any

from bot.catalog.monitors import MonitorMetric
from bot.monitoring.budgets.run_words import begin_words, lasts
from bot.monitoring.budgets.runs import Run, follows, run_of, scored
from bot.monitoring.finding import LASTING, SCORE, Finding, State
from bot.monitoring.judges.terms import Terms
from bot.monitoring.watched import Watched
from bot.monitoring.windows import Window
from bot.statistics.wording import number


def with_what_lasts(one: Watched, finding: Finding, window: Window, terms: Terms) -> Finding:
    """The finding of a window, which also fires when it is ordinary by itself and ends a run that isn't."""
    if not follows(one) or SCORE not in finding.data:
        return finding
    since = terms.comparison.since.isoformat() if terms.comparison.since else None
    finding = replace(finding, data={**finding.data, SCORE: {**finding.data[SCORE], "since": since}})
    if finding.state is not State.OK or terms.scored is None:
        return finding
    now = scored(window, finding.value, finding.data)
    run = run_of(one, [*terms.scored, now]) if now is not None else None
    if run is None or not run.matters or run.surprise < -math.log10(terms.rate_of_runs):
        return finding
    if _says_nothing(one, run):
        return finding
    if run.what is not None:
        told = run.what
        finding = replace(finding, feature=told["feature"], segment=told["segment"], affected=told["affected"])
    return replace(
        finding,
        state=State.FIRING,
        sentence=lasts(one, run, finding.data),
        onset=run.begin.start,
        data={**finding.data, LASTING: _kept(run)},
    )


def standing(one: Watched, terms: Terms) -> str:
    """Where the windows judged so far stand, and from where on they would fire."""
    run = run_of(one, terms.scored) if terms.scored else None
    fires = f"fires at a surprise of {-math.log10(terms.rate_of_runs):.1f}"
    if run is None:
        return f"nothing now; {fires}"
    side = "above" if run.average > run.usual else "below"
    why_not = "" if run.matters else ", too little to matter"
    if _says_nothing(one, run):
        why_not = ", in no column that can be named"
    return (
        f"on average {number(run.average)} since {begin_words(run)}, {side} the usual {number(run.usual)}{why_not}: "
        f"surprise {run.surprise:.1f}, {fires}"
    )


def _says_nothing(one: Watched, run: Run) -> bool:
    """Of relations without a column: who is called in the night has to be told what it is about."""
    return one.monitor.metric is MonitorMetric.MULTIVARIATE and run.what is None


def _kept(run: Run) -> dict[str, Any]:
    return {
        "since": run.begin.start.isoformat(),
        "windows": run.windows,
        "usual": run.usual,
        "average": run.average,
        "surprise": run.surprise,
    }
