"""What becomes of a finding: kept once per window, and told to intake like any other sender's report."""

from datetime import datetime
from typing import Any

from sqlmodel import Session, col, select

from bot.alerts.identity import fingerprint
from bot.alerts.service import receive
from bot.alerts.signals import Item, Signal
from bot.catalog.config import Source
from bot.catalog.values import SecretRef
from bot.incidents.house import House
from bot.monitoring.finding import ASKED, HARMLESS, Finding, State
from bot.monitoring.watched import Watched
from bot.monitoring.windows import Window
from bot.tables import Alert, AlertState, MonitorResult, MonitorState

SOURCE = Source(name="muster", kind="generic", token=SecretRef(env="MUSTER_WEBHOOK_TOKEN"))
CLEAN_WINDOWS = 2
REVISED = "revised"
MOST_REVISIONS = 5


def keep(
    session: Session,
    house: House,
    state: MonitorState,
    one: Watched,
    window: Window,
    finding: Finding,
    now: datetime,
    *,
    asked_by: str | None = None,
    again: bool = False,
) -> bool:
    """Store the finding, move the monitor on, and report what fires or is over; False when the window is known.

    asked_by: the guardrail that wanted this look; it doesn't count as a window of the monitor's own. again: rows or
    labels came since, and what was found before is replaced, and kept beside it.
    """
    known = session.exec(
        select(MonitorResult).where(MonitorResult.key == one.key, MonitorResult.window_end == window.end)
    ).first()
    if known is not None and not again and (asked_by or ASKED not in known.data):
        return False
    data = {**finding.data, **({ASKED: asked_by} if asked_by else {}), "sentence": finding.sentence}
    if known is not None and again:
        same = (known.state, known.value, known.rows) == (finding.state, finding.value, finding.rows)
        before = known.data.get(REVISED, []) if same else _before(known, now)
        data |= {REVISED: before} if before else {}
    row = known or MonitorResult(
        key=one.key, window_start=window.start, window_end=window.end, rows=0, state="", evaluated_at=now
    )
    row.window_start, row.rows, row.state, row.data, row.evaluated_at = (
        window.start,
        finding.rows,
        finding.state,
        data,
        now,
    )
    row.value, row.lower, row.upper, row.surprise = finding.value, finding.lower, finding.upper, finding.surprise
    session.add(row)
    newest = state.last_window_end is None or window.end >= state.last_window_end
    if not asked_by and newest:
        state.last_window_end = window.end
    if newest or not again:
        state.state, state.sentence, state.evaluated_at = finding.state, finding.sentence, now
    session.flush()
    if not state.shadow:
        _tell(session, house, one, window, finding, now)
    return True


def _before(result: MonitorResult, now: datetime) -> list[dict[str, Any]]:
    said = {"until": now.isoformat(), "state": result.state, "value": result.value, "rows": result.rows}
    return [*result.data.get(REVISED, []), said][-MOST_REVISIONS:]


def identity(one: Watched) -> dict[str, str]:
    found = {"model": one.model.name, "monitor": one.monitor.name}
    return {**found, "feature": one.monitor.feature} if one.monitor.feature else found


def firing_alert(session: Session, one: Watched) -> Alert | None:
    mark = fingerprint(SOURCE.name, identity(one))
    return session.exec(select(Alert).where(Alert.fingerprint == mark, Alert.state == AlertState.FIRING)).first()


def _tell(session: Session, house: House, one: Watched, window: Window, finding: Finding, now: datetime) -> None:
    if finding.state is State.FIRING:
        _send(session, house, firing(one, window, finding), now)
    elif finding.state is State.OK and firing_alert(session, one) is not None:
        clean = _clean_since(session, one)
        if clean is not None:
            _send(session, house, _resolved(one, finding, clean), now)


def _clean_since(session: Session, one: Watched) -> datetime | None:
    """Begin of the clean windows, once there are enough of them in a row; windows that say nothing don't count."""
    results = session.exec(
        select(MonitorResult)
        .where(MonitorResult.key == one.key, col(MonitorResult.state).in_([State.OK, State.FIRING]))
        .order_by(col(MonitorResult.window_end).desc())
        .limit(4 * CLEAN_WINDOWS)
    ).all()
    last = [result for result in results if ASKED not in result.data][:CLEAN_WINDOWS]
    clean = len(last) == CLEAN_WINDOWS and all(result.state == State.OK for result in last)
    return last[-1].window_start if clean else None


def _send(session: Session, house: House, signal: Signal, now: datetime) -> None:
    item = Item(index=0, signal=signal, raw=signal.model_dump(mode="json", exclude_defaults=True))
    receive(session, house, SOURCE, [item], 0, now)


def _explains_itself(one: Watched, finding: Finding) -> bool:
    """A guardrail knows the cause where a relation broke and no input moved by itself, or broke among rows of the same
    mix too, where a new version makes the difference, or where another mix of one input lets expect all else."""
    moved = {*finding.data.get("moved", ())} - {one.data.prediction, one.data.score}
    broken = bool(finding.data.get("broken")) and (not moved or "beyond_mix" in finding.data)
    known = "version" in finding.data or len(finding.data.get("mixed", ())) == 1
    return finding.feature is not None and (broken or known)


def firing(one: Watched, window: Window, finding: Finding) -> Signal:
    related = _explains_itself(one, finding)
    evidence = {"cause": finding.sentence} if related or not one.pages else {}
    if related:
        evidence["relation"] = str(finding.feature)
    if finding.data.get(HARMLESS):
        evidence = {HARMLESS: "no harm expected"}
    elif not one.pages and finding.data.get("remedy"):
        evidence["remedy"] = str(finding.data["remedy"])
    if finding.affected:
        evidence["affected_share"] = finding.affected
    return Signal(
        state="firing",
        name=one.monitor.name,
        summary=finding.sentence,
        starts_at=finding.onset or window.start,
        identity=identity(one),
        kind=one.kind,
        role=one.role,
        severity=one.severity,
        model=one.model.name,
        monitor=one.monitor.name,
        feature=finding.feature,
        segment=finding.segment,
        metric=one.monitor.metric,
        observed=finding.value,
        threshold=finding.threshold,
        sample_size=finding.rows,
        current_window=str(window),
        reference_window=finding.reference,
        labels={"monitor_key": one.key, "window_end": window.end.isoformat()},
        evidence=evidence,
    )


def _resolved(one: Watched, finding: Finding, since: datetime) -> Signal:
    return Signal(
        state="resolved",
        name=one.monitor.name,
        summary=finding.sentence,
        ends_at=since,
        identity=identity(one),
        kind=one.kind,
        role=one.role,
        model=one.model.name,
        monitor=one.monitor.name,
        feature=finding.feature,
        observed=finding.value,
    )
