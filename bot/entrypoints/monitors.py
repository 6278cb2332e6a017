"""`muster monitor`: what is watched, and a look at it now."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bot.core.errors import BotError

if TYPE_CHECKING:
    from bot.catalog.config import Catalog
    from bot.core.database import Database

monitor_app = typer.Typer(help="What Muster itself watches on the models' data.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="For scripts")]
MARKS = {"firing": "!!", "broken": "??", "ok": "ok"}


@monitor_app.command("list")
def list_monitors(as_json: AsJson = False) -> None:
    """Every monitor with its state, last window, and value against its band."""
    from bot.monitoring.overview import overview

    _, catalog, database = opened()
    try:
        with database.reading() as session:
            found = overview(session, catalog)
    finally:
        database.close()
    if as_json:
        print(json.dumps(found, indent=2))
        return
    for row in found:
        print(_line(row["model"], row["monitor"], row["state"], row["sentence"]))
        print(f"     {row['role']} {row['metric']}, {_numbers(row)}")


@monitor_app.command("run")
def run_monitors(
    model: Annotated[str | None, typer.Option(help="Only this model's monitors")] = None, as_json: AsJson = False
) -> None:
    """Judge the newest complete window of each monitor now; nothing is kept and nobody is told.

    Exit status: 0 all calm, 1 something fires, 2 something can't be judged.
    """
    from bot.core.clock import SystemClock
    from bot.data import open_model
    from bot.monitoring.look import look

    base, catalog, database = opened()
    states: set[str] = set()
    shown: list[dict[str, Any]] = []
    try:
        for seen in look(database, catalog, base, open_model, SystemClock().now(), model=model):
            states.add(seen.finding.state)
            row: dict[str, Any] = {
                "model": seen.one.model.name,
                "monitor": seen.one.monitor.name,
                "state": seen.finding.state.value,
                "sentence": seen.finding.sentence,
                "window_start": seen.window.start.isoformat() if seen.window else None,
                "window_end": seen.window.end.isoformat() if seen.window else None,
                "rows": seen.finding.rows,
                "value": seen.finding.value,
                "lower": seen.finding.lower,
                "upper": seen.finding.upper,
            }
            shown.append(row)
            if not as_json:
                print(_line(row["model"], row["monitor"], row["state"], row["sentence"]))
                print(f"     {_numbers(row)}")
    finally:
        database.close()
    if as_json:
        print(json.dumps(shown, indent=2))
    if "broken" in states:
        raise typer.Exit(2)
    if "firing" in states:
        raise typer.Exit(1)


def opened() -> "tuple[Path, Catalog, Database]":
    from bot.catalog.load import load_catalog
    from bot.core.database import Database
    from bot.core.settings import Settings
    from bot.entrypoints.serve import prepare_database

    settings = Settings()
    catalog = load_catalog(settings.config)
    if not any(model.monitors for model in catalog.models):
        raise BotError("No monitors are configured. Add `monitors:` to a model of muster.yaml; see the README.")
    prepare_database(settings)
    base = settings.config.absolute().parent if settings.config else Path.cwd()
    return base, catalog, Database(settings.database_url)


def _line(model: str, monitor: str, state: str, sentence: str) -> str:
    return f"{MARKS.get(state, '--')}   {model}/{monitor}  {state.replace('_', ' ')}: {sentence}".rstrip(": ")


def _numbers(row: dict[str, Any]) -> str:
    if row["window_end"] is None:
        return "no window judged yet"
    start, end = row["window_start"][:16].replace("T", " "), row["window_end"][:16].replace("T", " ")
    until = end[11:] if end[:10] == start[:10] else end
    window = f"window {start} to {until} UTC, {row['rows']:,} rows"
    if row["value"] is None:
        return window
    low, high = (f"{row[end]:.4g}" if row[end] is not None else "" for end in ("lower", "upper"))
    band = f", usual {low} to {high}" if low and high else f", limit {high}" if high else ""
    return f"{window}, value {row['value']:.4g}{band}"
