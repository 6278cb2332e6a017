"""A diagnostic check as a monitor: it fires when the check's answer is not the calm one."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from bot.catalog.monitors import MonitorMetric
from bot.catalog.values import format_duration
from bot.checks.catalogue import CHECKS
from bot.checks.contract import FAILED, NOT_CONFIGURED, TIMED_OUT
from bot.checks.messages import CALM, UNSURE
from bot.checks.registry import Check, Question, read_params
from bot.checks.version_pair import ONE_VERSION
from bot.core.errors import BotError
from bot.data import ModelRows
from bot.monitoring.finding import Finding, State
from bot.monitoring.judges.terms import Terms
from bot.monitoring.watched import Watched
from bot.monitoring.windows import Window

NAMED: Mapping[MonitorMetric, str] = {
    MonitorMetric.SCHEMA: "schema",
    MonitorMetric.DUPLICATES: "duplicates",
    MonitorMetric.FRESHNESS: "freshness",
    MonitorMetric.OUTLIERS: "outliers",
}

VERSIONS = "compare_versions"
"""Looks further back by itself where a window has one version only."""


def check_of(one: Watched) -> tuple[Check, dict[str, str]]:
    """The check a monitor asks, with its parameters as typed. Raises BotError for one that can't watch."""
    line = one.monitor.check or NAMED.get(one.monitor.metric, "")
    check, given = CHECKS.read_line(line)
    if not check.needs_rows or check.asks_database:
        raise BotError(f"Monitor {one.key}: {check.name} looks at more than rows; ask it in a runbook instead.")
    return check, given


def checked(one: Watched, rows: ModelRows, window: Window, terms: Terms) -> Finding:
    """Ask the check about the window; what it can't tell is a state, what it can't read is broken."""
    check, given = check_of(one)
    if one.monitor.feature and "feature" in check.params.model_fields:
        given.setdefault("feature", one.monitor.feature)
    if "window" in check.params.model_fields and check.name != VERSIONS:
        given.setdefault("window", format_duration(window.length))
    at = _asked_at(rows, window, terms) if check.name == "freshness" else window.end
    answer = check.load()(Question(read_params(check, given), one.model, rows, at))
    if answer.verdict in {NOT_CONFIGURED, FAILED, TIMED_OUT}:
        raise BotError(answer.sentence)
    calm = answer.verdict in CALM or answer.verdict == ONE_VERSION
    state = State.OK if calm else State.NO_DATA if answer.verdict == "no data" else State.FIRING
    if answer.verdict in UNSURE and state is State.FIRING:
        state = State.TOO_FEW
    finding = Finding(
        state,
        answer.sentence,
        rows=answer.rows_read or 0,
        feature=one.monitor.feature,
        reference=answer.reference,
        data={"verdict": answer.verdict, "check": check.name},
    )
    apart = check.name == VERSIONS and state is State.FIRING
    return _of_version(finding, one, answer.data) if apart else finding


def _of_version(finding: Finding, one: Watched, found: Mapping[str, Any]) -> Finding:
    """A version is a segment of the answers, and there is something to do about it."""
    segment, remedy = f"{one.data.version}={found['new']}", f"send the traffic back to {found['old']}"
    return replace(finding, segment=segment, data={**finding.data, "remedy": remedy})


def _asked_at(rows: ModelRows, window: Window, terms: Terms) -> datetime:
    """When a window is judged late, newer rows are no rows of the future; those ahead of the clock are."""
    latest = rows.latest("predictions") or window.end
    return max(window.end, min(latest, terms.now) if terms.now else latest)
