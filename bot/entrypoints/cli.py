"""The command `muster`."""

import json
import os
import sys
from typing import Annotated

import typer

from bot.core.errors import BotError
from bot.entrypoints import monitor_looks  # noqa: F401 - adds its commands
from bot.entrypoints.backtest import backtest
from bot.entrypoints.baselines import baseline_app
from bot.entrypoints.budget import budget
from bot.entrypoints.checks import check_app
from bot.entrypoints.init import init
from bot.entrypoints.monitors import monitor_app
from bot.entrypoints.postmortems import incident_app, postmortem_app
from bot.entrypoints.runbooks import runbook_app

app = typer.Typer(
    name="muster",
    help="Incident response for machine-learning systems, in Slack.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
route_app = typer.Typer(help="Which alerts deserve a person.", no_args_is_help=True)
app.command()(backtest)
app.command()(budget)
app.command()(init)
app.add_typer(route_app, name="route")
app.add_typer(check_app, name="check")
app.add_typer(incident_app, name="incident")
app.add_typer(postmortem_app, name="postmortem")
app.add_typer(runbook_app, name="runbook")
app.add_typer(monitor_app, name="monitor")
app.add_typer(baseline_app, name="baseline")


@app.command()
def serve(role: Annotated[str, typer.Option(help="all, web or worker")] = "all") -> None:
    """Run Muster."""
    from bot.entrypoints.serve import serve as run

    run(role)


@app.command()
def demo(
    headless: Annotated[bool, typer.Option("--headless", help="Play a responder, print the channel, and end")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Break nothing by itself: you do, in the workspace")] = False,
) -> None:
    """Try everything on this machine: no account, no configuration."""
    from bot.entrypoints.demo import demo as run

    raise typer.Exit(run(headless=headless, quiet=quiet))


@app.command()
def migrate() -> None:
    """Bring the database to this version's schema."""
    from bot.core.database import Database
    from bot.core.migrations import migrate as run
    from bot.core.settings import Settings

    database = Database(Settings().database_url)
    run(database)
    print("The database is up to date.")


@app.command()
def manifest() -> None:
    """Print the Slack app manifest, made from the code."""
    from bot.entrypoints.manifest import manifest as build

    print(json.dumps(build(), indent=2))


@app.command()
def doctor(as_json: Annotated[bool, typer.Option("--json", help="For scripts")] = False) -> None:
    """Look at everything Muster needs, and say what to do about what is missing."""
    from bot.entrypoints.doctor import examine

    findings = examine()
    if as_json:
        print(json.dumps([finding.__dict__ for finding in findings], indent=2))
    else:
        for finding in findings:
            print(f"{'ok  ' if finding.ok else 'FAIL'} {finding.what}: {finding.says}")
    if not all(finding.ok for finding in findings):
        raise typer.Exit(1)


@route_app.command("explain")
def route_explain() -> None:
    """Print the routing table as configured: the first rule that fits decides."""
    from bot.alerts.routing import explain
    from bot.catalog.load import load_catalog
    from bot.core.settings import Settings

    for number, rule in enumerate(load_catalog(Settings().config).routes, start=1):
        print(f"{number}. {explain(rule)}")


def main() -> None:
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # on busy cores its threads wait for each other, 30 s for 1 s
    try:
        app()
    except BotError as error:
        print(f"muster: {error.message}", file=sys.stderr)
        sys.exit(2)
