"""What is watched, and what was found last."""

from typing import Any

from sqlalchemy import and_
from sqlmodel import Session, col, select

from bot.catalog.config import Catalog
from bot.monitoring.watched import Watched, watched
from bot.tables import MonitorResult, MonitorState


def overview(session: Session, catalog: Catalog) -> list[dict[str, Any]]:
    """Every configured monitor with its state and last window, as JSON values; `waiting` before its first look."""
    every = watched(catalog)
    last = and_(
        col(MonitorResult.key) == col(MonitorState.key),
        col(MonitorResult.window_end) == col(MonitorState.last_window_end),
    )
    found = session.exec(
        select(MonitorState, MonitorResult)
        .outerjoin(MonitorResult, last)
        .where(col(MonitorState.key).in_(every))
        .execution_options(populate_existing=True)
    )
    known = {state.key: (state, result) for state, result in found}
    return [_row(one, *known.get(key, (None, None))) for key, one in every.items()]


def _row(one: Watched, state: MonitorState | None, result: MonitorResult | None) -> dict[str, Any]:
    return {
        "model": one.model.name,
        "monitor": one.monitor.name,
        "metric": one.monitor.metric.value,
        "feature": one.monitor.feature,
        "role": one.role.value,
        "kind": one.kind.value,
        "severity": one.severity.value if one.severity else None,
        "shadow": state.shadow if state else one.monitor.shadow is not False,
        "state": state.state if state and state.sentence else "waiting",
        "sentence": state.sentence if state else "",
        "window_start": result.window_start.isoformat() if result else None,
        "window_end": result.window_end.isoformat() if result else None,
        "rows": result.rows if result else None,
        "value": result.value if result else None,
        "lower": result.lower if result else None,
        "upper": result.upper if result else None,
        "evaluated_at": state.evaluated_at.isoformat() if state and state.evaluated_at else None,
    }
