"""`muster monitor explain|coverage|accept|hide|shadow`: how a monitor stands, and what another setting would do."""

import getpass
import json
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Annotated

import typer

from bot.core.errors import BotError
from bot.entrypoints.monitors import AsJson, monitor_app, opened

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from bot.catalog.config import Catalog
    from bot.core.database import Database
    from bot.monitoring.comparison import Met, Trial
    from bot.monitoring.watched import Watched

Key = Annotated[str, typer.Argument(help="model/monitor, or the monitor's name alone", show_default=False)]


@monitor_app.command("explain")
def explain_monitor(key: Key, as_json: AsJson = False) -> None:
    """What a monitor watches, against what, how often it may be wrong, and what it found last."""
    from bot.core.clock import SystemClock
    from bot.data import open_model
    from bot.monitoring.explain import explain, find, hint

    base, catalog, database = opened()
    try:
        with database.reading() as session:
            one = find(catalog, key)
            lines = explain(session, catalog, one, SystemClock().now())
    finally:
        database.close()
    with suppress(BotError):  # rows that can't be read are what its state says already
        found = hint(one, open_model(one.model, base, catalog.limits))
        lines += [("hint", found)] if found else []
    if as_json:
        print(json.dumps({"monitor": one.key, **dict(lines)}, indent=2))
        return
    print(one.key)
    for what, said in lines:
        print(f"  {what:14} {said}")


@monitor_app.command("coverage")
def show_coverage(as_json: AsJson = False) -> None:
    """Which level of each model is watched, by whom, and what nobody watches."""
    from rich.console import Console
    from rich.table import Table

    from bot.core.clock import SystemClock
    from bot.monitoring.coverage import Cover, Level, coverage

    _, catalog, database = opened()
    try:
        with database.reading() as session:
            rows = coverage(session, catalog, SystemClock().now())
    finally:
        database.close()
    if as_json:
        shown = [
            {
                "model": row.model,
                "tier": row.tier,
                "levels": {
                    level.value: {"cover": cell.cover.value, "watched_by": list(cell.watched_by)}
                    for level, cell in row.cells.items()
                },
            }
            for row in rows
        ]
        print(json.dumps(shown, indent=2))
        return
    table = Table("model", *Level)
    for row in rows:
        cells = [
            f"{cell.cover}: {', '.join(cell.watched_by)}" if cell.cover is not Cover.NOBODY else "[bold]nobody[/]"
            for cell in row.cells.values()
        ]
        table.add_row(f"{row.model} (tier {row.tier})", *cells)
    Console().print(table)
    for row in rows:
        if row.missing and row.tier == 1:
            print(f"Nobody watches {' and '.join(row.missing)} of {row.model}, a tier 1 model.")


@monitor_app.command("accept")
def accept_monitors(
    keys: Annotated[list[str] | None, typer.Argument(help="model/monitor, one or more", show_default=False)] = None,
    all_of_them: Annotated[bool, typer.Option("--all", help="Every monitor in shadow")] = False,
) -> None:
    """Let monitors in shadow tell what they find, from their next window on."""
    from bot.core.clock import SystemClock
    from bot.monitoring.explain import find
    from bot.monitoring.shadow.service import accept
    from bot.monitoring.watched import watched

    if not keys and not all_of_them:
        raise BotError("Say which: muster monitor accept MODEL/MONITOR …, or --all.")
    _, catalog, database = opened()
    try:
        with database.transaction() as session:
            every = watched(catalog)
            wanted = [find(catalog, key).key for key in keys or []]
            if all_of_them:
                wanted = [key for key, one in every.items() if one.monitor.shadow is None]
            changed = accept(session, every.values(), wanted, getpass.getuser(), SystemClock().now())
    finally:
        database.close()
    for key in changed:
        print(f"{key} tells what it finds from its next window on.")


@monitor_app.command("hide")
def hide_monitor(key: Key) -> None:
    """Put a monitor back in shadow: it records what it finds and tells nobody."""
    from bot.core.clock import SystemClock
    from bot.monitoring.explain import find
    from bot.monitoring.shadow.service import hide

    _, catalog, database = opened()
    try:
        with database.transaction() as session:
            one = find(catalog, key)
            hide(session, one, getpass.getuser(), SystemClock().now())
    finally:
        database.close()
    print(f"{one.key} is in shadow: it records, and tells nobody.")


@monitor_app.command("shadow")
def try_monitor(
    key: Annotated[str | None, typer.Argument(help="model/monitor; without one, what each in shadow did")] = None,
    setting: Annotated[list[str] | None, typer.Option("--set", help="name=value, such as window=2h; repeat")] = None,
    weeks: Annotated[float, typer.Option(min=0.01, help="How far back")] = 4.0,
    as_json: AsJson = False,
) -> None:
    """What monitors in shadow would have done; or two settings of one, side by side on the last weeks."""
    base, catalog, database = opened()
    try:
        if key is None:
            _records(catalog, database, as_json=as_json)
            return
    finally:
        database.close()
    _side_by_side(base, catalog, key, _settings(setting or []), weeks, as_json=as_json)


def _settings(given: "Sequence[str]") -> dict[str, str]:
    found = {}
    for one in given:
        name, sign, value = one.partition("=")
        if not sign:
            raise BotError(f"`{one}` is no setting; write it as name=value, such as --set window=2h.")
        found[name.strip()] = value.strip()
    return found


def _records(catalog: "Catalog", database: "Database", *, as_json: bool) -> None:
    from bot.monitoring.shadow.messages import told
    from bot.monitoring.shadow.service import record_of
    from bot.monitoring.watched import watched
    from bot.tables import MonitorState

    with database.reading() as session:
        hidden = []
        for one in watched(catalog).values():
            state = session.get(MonitorState, one.key)
            if state is not None and state.shadow:
                hidden.append((one, record_of(session, one)))
    if as_json:
        print(json.dumps([{"monitor": one.key, "record": told(one, record)} for one, record in hidden], indent=2))
        return
    if not hidden:
        print("No monitor is in shadow.")
    for one, record in hidden:
        print(f"{one.model.name}/{told(one, record)}")


def _side_by_side(
    base: "Path", catalog: "Catalog", key: str, settings: dict[str, str], weeks: float, *, as_json: bool
) -> None:
    from bot.data import open_model
    from bot.monitoring.comparison import changed, side_by_side, try_settings
    from bot.monitoring.explain import find

    one = find(catalog, key)
    sides = [one, changed(one, settings)] if settings else [one]
    rows = open_model(one.model, base, catalog.limits)
    with _progress(one.key) as progress:
        trials = try_settings(catalog, sides, rows, weeks, progress)
    names = ["as in muster.yaml", " ".join(f"{name}={value}" for name, value in settings.items())][: len(sides)]
    met = side_by_side(trials)
    if as_json:
        print(json.dumps([_as_data(name, trial) for name, trial in zip(names, trials, strict=True)], indent=2))
        return
    _print_trials(one, names, trials, met)


def _as_data(name: str, trial: "Trial") -> dict[str, object]:
    return {
        "setting": name,
        "weeks": round(trial.weeks, 2),
        "judged": trial.judged,
        "learning": trial.learning,
        "alerts": [
            {"start": alert.start.isoformat(), "end": alert.end.isoformat(), "sentence": alert.sentence}
            for alert in trial.alerts
        ],
        "problem": trial.problem,
    }


def _print_trials(one: "Watched", names: "Sequence[str]", trials: "Sequence[Trial]", met: "Sequence[Met]") -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    weeks = max(trial.weeks for trial in trials)
    table = Table("", *names, title=f"{one.key}, the last {weeks:.1f} weeks")
    table.add_row("windows judged", *(f"{trial.judged:,}" for trial in trials))
    table.add_row("of them learning", *(f"{trial.learning:,}" for trial in trials))
    table.add_row("alerts", *(f"{len(trial.alerts):,}" for trial in trials))
    table.add_row("alerts a week", *(f"{trial.per_week:.2g}" for trial in trials))
    console.print(table)
    for trial in trials:
        if trial.problem:
            console.print(f"Some windows could not be judged: {trial.problem}", markup=False)
    for stretch in met:
        said = next(alert.sentence for alert in stretch.alerts if alert)
        marks = " ".join("x" if alert else "·" for alert in stretch.alerts)
        console.print(f"{marks}  {stretch.start:%Y-%m-%d %H:%M}  {said}", markup=False)
    if not met:
        console.print("Nothing would have fired.")


@contextmanager
def _progress(what: str) -> "Iterator[Callable[[int, int], None]]":
    """Show a bar on a terminal, for what takes longer than one waits without a word."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, of: bar.update(task, completed=done, total=of)
