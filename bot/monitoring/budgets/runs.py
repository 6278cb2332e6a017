"""Runs: windows that are each ordinary, and together too often on one side. Pure.

Each window's score is kept with its finding; the smoothed score is made anew from what is kept whenever a window is
judged, so that rows that came late, an accepted baseline or a closed incident change it as they should.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import pairwise
from typing import Any

import numpy as np

from bot.catalog.monitors import MonitorMetric, Reference
from bot.monitoring.finding import ASKED, LASTING, SCORE, WHAT
from bot.monitoring.judges.terms import Scored, What
from bot.monitoring.references import reference_of
from bot.monitoring.watched import Watched
from bot.monitoring.windows import Window
from bot.statistics.budget import MEMORY, lasting_surprises, run_begin
from bot.statistics.columns import Floats
from bot.tables import MonitorResult

FOLLOWED = frozenset(
    {
        MonitorMetric.CLASS_SHARE,
        MonitorMetric.DEFAULT_RATE,
        MonitorMetric.ROW_COUNT,
        MonitorMetric.MEAN,
        MonitorMetric.SCORE,
        MonitorMetric.CONFIDENCE,
        MonitorMetric.LATENCY,
        MonitorMetric.MULTIVARIATE,
    }
)
ONE_SIDED = frozenset({MonitorMetric.LATENCY, MonitorMetric.MULTIVARIATE})
WORTH_A_LOOK = 1.0
"""A smoothed score less surprising than this pages nobody, whatever the budget; its run isn't looked at."""


@dataclass(frozen=True, slots=True)
class Run:
    """What the newest of some windows ends. usual: what was expected when it began; average: of its windows since.

    matters: the average is far enough from the usual to matter to anybody. what: what changed in the newest of them
    that tells.
    """

    surprise: float
    begin: Window
    end: Window
    usual: float
    average: float
    now: float
    matters: bool
    what: What | None = None

    @property
    def windows(self) -> int:
        return (self.end.end - self.begin.start) // self.end.length


def follows(one: Watched) -> bool:
    """Whether what lasts is looked for: control limits on one number of windows that don't overlap."""
    monitor = one.monitor
    return monitor.metric in FOLLOWED and monitor.rule is None and monitor.by is None and one.step == monitor.window


def scored(window: Window, value: float | None, data: Mapping[str, Any]) -> Scored | None:
    """The score kept with a window; None where it said nothing."""
    kept = data.get(SCORE)
    if not kept or value is None or kept["score"] is None:
        return None
    learnt, since = len(data.get("before", ())), kept.get("since")
    return Scored(window, kept["score"], value, kept["usual"], kept["least"] or 0.0, learnt, since, data.get(WHAT))


def kept_scores(results: Iterable[MonitorResult], left_out: Callable[[Window], bool]) -> list[Scored]:
    """The scores of results, oldest first; a window that is left out is no part of a run."""
    found = []
    for result in results:
        window = Window(result.window_start, result.window_end)
        one = scored(window, result.value, result.data)
        if one is None or ASKED in result.data:
            continue
        found.append(replace(one, score=math.nan) if left_out(window) else one)
    return found


def run_of(one: Watched, scores: Sequence[Scored]) -> Run | None:
    """The run that ends with the newest of the scores; None where that is no part of any."""
    era = [each for each in scores if each.since == scores[-1].since][-MEMORY:]
    found = np.array([each.score for each in era])
    surprise = float(_surprises(one, era)[-1])
    if not surprise > 0:  # NaN too
        return None
    part = era[run_begin(found) :]
    values = [each.value for each in part if not math.isnan(each.score)]
    usual, average = part[0].usual, float(np.mean(values))
    side = math.copysign(1.0, era[-1].score)
    matters = side * (average - usual) >= max(part[0].least, math.ulp(usual))
    what = next((each.what for each in reversed(part) if each.what and not math.isnan(each.score)), None)
    return Run(surprise, part[0].window, era[-1].window, usual, average, era[-1].value, matters, what)


def run_surprises(one: Watched, scores: Sequence[Scored]) -> Floats:
    """How surprising the run is that each window ends, for the pool's past: 0 where it matters to nobody.

    A window judged by another baseline than the one before it begins anew.
    """
    found = np.full(len(scores), np.nan)
    for begin, end in _eras(scores):
        era = scores[begin:end]
        found[begin:end] = _surprises(one, era)
        for at in np.flatnonzero(found[begin:end] >= WORTH_A_LOOK).tolist():
            run = run_of(one, era[max(0, at + 1 - MEMORY) : at + 1])
            if run is None or not run.matters:
                found[begin + at] = 0.0
    return found


def _surprises(one: Watched, era: Sequence[Scored]) -> Floats:
    """A fixed baseline errs the same way in every window; of one that moves along, errors cancel."""
    fixed = reference_of(one) is Reference.PINNED
    scores = np.array([each.score for each in era])
    learnt = era[-1].learnt
    common = 1 / (learnt + 1) if fixed and learnt else 0.0
    return lasting_surprises(scores, one_sided=one.monitor.metric in ONE_SIDED, common=common)


def _eras(scores: Sequence[Scored]) -> list[tuple[int, int]]:
    changes = [at for at in range(1, len(scores)) if scores[at].since != scores[at - 1].since]
    edges = [0, *changes, len(scores)]
    return [(begin, end) for begin, end in pairwise(edges) if end > begin]


def began(data: Mapping[str, Any]) -> datetime | None:
    """When the run began that a kept finding tells of; None where it tells of none."""
    lasting = data.get(LASTING)
    return datetime.fromisoformat(lasting["since"]) if lasting else None
