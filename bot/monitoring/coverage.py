"""The coverage grid: which level of each model is watched, by whom, and what nobody watches."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlmodel import Session, col, select

from bot.catalog.config import Catalog
from bot.catalog.kinds import AlertKind, AlertRole
from bot.monitoring.finding import State
from bot.monitoring.service import SOURCE
from bot.monitoring.watched import Watched, watched
from bot.tables import Alert, MonitorState

HEARD = timedelta(days=30)
"""Another sender watches what it reported of within this time."""


class Level(StrEnum):
    DATA_QUALITY = "data quality"
    DRIFT = "drift"
    PREDICTION = "prediction"
    LATENCY = "latency"
    PERFORMANCE = "performance"


class Cover(StrEnum):
    """The best there is of a level."""

    PAGES = "pages"
    EXPLAINS = "explains"
    LEARNING = "learning"
    SHADOW = "in shadow"
    BROKEN = "broken"
    NOBODY = "nobody"


_LEVELS: Mapping[str, Level] = {
    AlertKind.DATA_QUALITY: Level.DATA_QUALITY,
    AlertKind.FRESHNESS: Level.DATA_QUALITY,
    AlertKind.DRIFT: Level.DRIFT,
    AlertKind.PREDICTION: Level.PREDICTION,
    AlertKind.LATENCY: Level.LATENCY,
    AlertKind.PERFORMANCE: Level.PERFORMANCE,
}
_UNSURE = frozenset({State.LEARNING, State.NO_DATA, State.TOO_FEW})


@dataclass(frozen=True, slots=True)
class Cell:
    """watched_by: monitors by name, and other senders ("alertmanager")."""

    cover: Cover
    watched_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Row:
    model: str
    tier: int
    cells: Mapping[Level, Cell]

    @property
    def missing(self) -> list[Level]:
        return [level for level, cell in self.cells.items() if cell.cover is Cover.NOBODY]


def coverage(session: Session, catalog: Catalog, now: datetime) -> list[Row]:
    """A row for each model of muster.yaml, the business's lifelines first."""
    every = list(watched(catalog).values())
    states = {
        state.key: state
        for state in session.exec(select(MonitorState).where(col(MonitorState.key).in_([one.key for one in every])))
    }
    others = _others(session, now)
    rows = []
    for model in sorted(catalog.models, key=lambda model: (model.tier, model.name)):
        mine = [one for one in every if one.model.name == model.name]
        cells = {level: _cell(level, mine, states, others.get(model.name, {})) for level in Level}
        rows.append(Row(model.name, model.tier, cells))
    return rows


def level_of(kind: str) -> Level | None:
    return _LEVELS.get(kind)


def _cell(
    level: Level, mine: list[Watched], states: Mapping[str, MonitorState], others: Mapping[Level, set[str]]
) -> Cell:
    found = [(one, _cover(one, states.get(one.key))) for one in mine if level_of(one.kind) is level]
    senders = sorted(others.get(level, ()))
    covers = [*(cover for _, cover in found), *([Cover.PAGES] if senders else [])]
    best = min(covers, key=list(Cover).index, default=Cover.NOBODY)
    return Cell(best, (*(one.monitor.name for one, _ in found), *senders))


def _cover(one: Watched, state: MonitorState | None) -> Cover:
    if state is None or state.state in _UNSURE:
        return Cover.LEARNING
    if state.state == State.BROKEN:
        return Cover.BROKEN
    if state.shadow:
        return Cover.SHADOW
    return Cover.EXPLAINS if one.role is AlertRole.DIAGNOSTIC else Cover.PAGES


def _others(session: Session, now: datetime) -> dict[str, dict[Level, set[str]]]:
    """Senders that reported of a model's level lately."""
    seen = session.exec(
        select(Alert.model, Alert.kind, Alert.source)
        .where(Alert.source != SOURCE.name, col(Alert.model).is_not(None), col(Alert.last_seen_at) > now - HEARD)
        .distinct()
    )
    found: dict[str, dict[Level, set[str]]] = {}
    for model, kind, source in seen:
        level = level_of(kind)
        if model and level:
            found.setdefault(model, {}).setdefault(level, set()).add(source)
    return found
