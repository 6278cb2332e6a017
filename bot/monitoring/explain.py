"""One monitor in words: what it watches, against what, how often it may be wrong, and what it found last."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from bot.catalog.config import Catalog
from bot.catalog.monitors import Monitor
from bot.catalog.values import format_duration
from bot.core.errors import unknown
from bot.data import ModelRows
from bot.monitoring.budgets.budget import weekly_shares
from bot.monitoring.budgets.lasting import standing
from bot.monitoring.budgets.limits import Rates, rates
from bot.monitoring.budgets.runs import follows
from bot.monitoring.finding import State
from bot.monitoring.known import known_of
from bot.monitoring.references import rhythm_hint
from bot.monitoring.shadow.messages import told, watching
from bot.monitoring.shadow.service import record_of
from bot.monitoring.watched import Watched, watched
from bot.monitoring.windows import Window, newest
from bot.statistics.wording import number, percent
from bot.tables import MonitorResult, MonitorState

SHOWN = 8


def find(catalog: Catalog, key: str) -> Watched:
    """The monitor of `model/monitor`, or of a name only one model has. Raises BotError with what there is."""
    every = watched(catalog)
    named = [one for one in every.values() if key in {one.key, one.monitor.name}]
    if len(named) != 1:
        raise unknown("monitor", key, sorted(every))
    return named[0]


def explain(session: Session, catalog: Catalog, one: Watched, now: datetime) -> list[tuple[str, str]]:
    """Lines of (what, words), in the order one asks."""
    state, rate = session.get(MonitorState, one.key), rates(session, catalog, now)[one.key]
    lines = [
        ("watches", watching(one)),
        ("when it fires", _effect(one)),
        ("compared with", _compared(one)),
        ("limit", _limit(catalog, one, rate)),
        ("window", _window(one.monitor)),
    ]
    if state is None:
        return [*lines, ("now", "waiting for its first look; is `muster serve` running?")]
    if follows(one) and state.last_window_end:
        lines.append(("what lasts", _lasts(session, catalog, one, state.last_window_end, rate)))
    if state.shadow:
        lines.append(("shadow", f"{told(one, record_of(session, one))} Accept: muster monitor accept {one.key}"))
    elif state.changed_by:
        lines.append(("accepted", f"by {state.changed_by} at {state.changed_at:%Y-%m-%d %H:%M} UTC"))
    lines.append(("now", f"{state.state.replace('_', ' ')}: {state.sentence}".rstrip(": ")))
    return [*lines, *_last(session, one)]


def hint(one: Watched, rows: ModelRows) -> str | None:
    """What another setting would make of the monitor's rhythm; None: nothing."""
    latest = rows.latest("predictions")
    if latest is None:
        return None
    window = newest(latest, one.monitor.window, one.monitor.lateness, one.step)
    return rhythm_hint(one, rows, window)


def _effect(one: Watched) -> str:
    if one.pages:
        by = f"severity {one.severity}" if one.severity else "severity by impact"
        return f"{one.kind} alert, {one.role}: may page ({by})"
    return f"{one.kind} alert, {one.role}: evidence inside the incident it explains, pages nobody"


def _compared(one: Watched) -> str:
    monitor = one.monitor
    if monitor.rule is not None:
        return "a fixed rule"
    if monitor.reference is not None:
        return {"pinned": "the pinned reference", "rolling": f"the {monitor.baseline} windows before"}.get(
            monitor.reference, "the same hours of the same weekday in the weeks before"
        )
    of_inputs = monitor.metric in {"range", "null_rate", "drift"} and monitor.by is None
    inputs = of_inputs and one.model.data and one.model.data.reference
    return "the reference rows" if inputs else f"the {monitor.baseline} windows before"


def _lasts(session: Session, catalog: Catalog, one: Watched, end: datetime, rate: Rates) -> str:
    after = Window(end, end + one.monitor.window)
    terms = known_of(session, catalog, one, after, rate.window, lasting_rate=rate.lasting).terms
    return standing(one, terms)


def _limit(catalog: Catalog, one: Watched, rate: Rates) -> str:
    rule = one.monitor.rule
    if rule is not None:
        if rule.drop is not None:
            return f"{percent(rule.drop)} worse than the {format_duration(rule.time_before)} before, beyond chance"
        return f"above {number(rule.above)}" if rule.above is not None else f"below {number(rule.below or 0.0)}"
    share = weekly_shares(catalog)[one.key]
    if not one.pages:
        return "what matters, beyond chance: it pages nobody, so it takes no share of the budget"
    team = catalog.team_of(one.model.name)
    whole = f"team {team.name}'s {number(team.budget)} a week"
    pages = f"{number(share)} false page{'' if share == 1 else 's'} a week, of {whole}"
    lasts = f", a run of windows on one side with {number(rate.lasting)}" if follows(one) else ""
    return f"{pages}: an ordinary window fires with a chance of {number(rate.window)}{lasts}"


def _window(monitor: Monitor) -> str:
    late = f", judged {format_duration(monitor.lateness)} after its end" if monitor.lateness > timedelta(0) else ""
    return f"{format_duration(monitor.window)}{late}; fewer than {monitor.min_rows:,} rows are too few"


def _last(session: Session, one: Watched) -> Sequence[tuple[str, str]]:
    results = session.exec(
        select(MonitorResult)
        .where(MonitorResult.key == one.key)
        .order_by(col(MonitorResult.window_end).desc())
        .limit(SHOWN)
    ).all()
    return [(f"{result.window_end:%d %b %H:%M}", _result(result)) for result in results]


def _result(result: MonitorResult) -> str:
    mark = "fired" if result.state == State.FIRING else result.state.replace("_", " ")
    if result.value is None:
        return f"{mark}; {result.rows:,} rows"
    band = [number(end) for end in (result.lower, result.upper) if end is not None]
    usual = f", limits {' to '.join(band)}" if band else ""
    strange = f", surprise {result.surprise:.1f}" if result.surprise is not None else ""
    return f"{mark}; value {number(result.value)}{usual}{strange}; {result.rows:,} rows"
