"""A look at every monitor now: the newest complete window judged, nothing kept and nobody told."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from bot.catalog.config import Catalog
from bot.core.database import Database
from bot.core.errors import BotError, unknown
from bot.data.metered import MeteredRows
from bot.monitoring.budgets.limits import Rates, rates
from bot.monitoring.calendar import noted
from bot.monitoring.finding import Finding, State
from bot.monitoring.jobs import Opener
from bot.monitoring.judges.judging import judge
from bot.monitoring.known import known_of
from bot.monitoring.watched import Watched, watched
from bot.monitoring.windows import Window, newest


@dataclass(frozen=True, slots=True)
class Seen:
    one: Watched
    window: Window | None
    finding: Finding


def look(
    database: Database, catalog: Catalog, base: Path, open_model: Opener, now: datetime, *, model: str | None = None
) -> Iterator[Seen]:
    """Judge each monitor's newest complete window, of one model or of all, by the limits learnt so far.

    Raises BotError for an unknown model.
    """
    if model is not None and catalog.model(model) is None:
        raise unknown("model", model, [one.name for one in catalog.models])
    with database.reading() as session:
        learnt = rates(session, catalog, now)
    for one in watched(catalog).values():
        if model in {None, one.model.name}:
            try:
                yield _seen(database, catalog, base, open_model, one, learnt[one.key])
            except BotError as error:
                yield Seen(one, None, Finding(State.BROKEN, error.message))


def _seen(database: Database, catalog: Catalog, base: Path, open_model: Opener, one: Watched, rate: Rates) -> Seen:
    rows = open_model(one.model, base, catalog.limits)
    latest = rows.latest("predictions")
    if latest is None:
        return Seen(one, None, Finding(State.NO_DATA, f"{one.model.name} has no rows yet."))
    window = newest(latest, one.monitor.window, one.monitor.lateness, one.step)
    with database.reading() as session:
        known = known_of(session, catalog, one, window, rate.window, lasting_rate=rate.lasting)
    return Seen(one, window, noted(one, judge(one, MeteredRows(rows), window, known.terms), known.events)[1])
