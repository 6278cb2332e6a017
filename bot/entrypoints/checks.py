"""`muster check`: the same checks as in Slack, in the terminal."""

import json
import shlex
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from bot.core.errors import BotError

UNSAID = 2.0
check_app = typer.Typer(help="Diagnostic checks on the models' data.", no_args_is_help=True)


@check_app.command("list")
def listed(
    name: Annotated[str | None, typer.Argument(help="Only this one, with its parameters")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts")] = False,
) -> None:
    """What checks there are."""
    from bot.checks.catalogue import CHECKS
    from bot.checks.registry import usage

    chosen = [CHECKS.find(name)] if name else list(CHECKS.by_name.values())
    if as_json:
        print(json.dumps([{"name": one.name, "summary": one.summary} for one in chosen], indent=2))
        return
    for check in chosen:
        print(f"{check.name:12} {check.summary}\n{'':12} answers {', '.join(check.verdicts)}")
    print(usage(chosen[0]) if name else "Its parameters: muster check list NAME")


@check_app.command("run")
def run(
    name: Annotated[str, typer.Argument(help="The check")],
    params: Annotated[list[str] | None, typer.Argument(help="feature=… window=…")] = None,
    model: Annotated[str | None, typer.Option(help="The model; needed when there are several")] = None,
    at: Annotated[str | None, typer.Option(help="Where the window ends, ISO 8601; default now")] = None,
    png: Annotated[Path | None, typer.Option(help="Write the chart here")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts")] = False,
) -> None:
    """Run one check now."""
    from bot.catalog.load import load_catalog
    from bot.checks.contract import CheckRequest
    from bot.checks.known import NOTHING
    from bot.checks.messages import footer, mark, table_text
    from bot.checks.service import Checks
    from bot.core.clock import SystemClock
    from bot.core.database import Database
    from bot.core.settings import Settings
    from bot.entrypoints.serve import prepare_database
    from bot.entrypoints.wiring import base_of
    from bot.tables import CheckRun

    settings = Settings()
    catalog = load_catalog(settings.config)
    checks = Checks(catalog, base_of(settings))
    check, given = checks.registry.read_line(shlex.join([name, *(params or [])]))
    if model is None and check.needs_rows:
        with_data = [one.name for one in catalog.models if one.data]
        if len(with_data) != 1:
            there = ", ".join(with_data) or "none is configured; set MUSTER_CONFIG"
            raise BotError(f"Which model? Add --model; there is {there}.")
        model = with_data[0]
    now = SystemClock().now()
    request = CheckRequest(check.name, given, model, _moment(at) or now, now)
    known = NOTHING
    if check.asks_database or not (check.needs_rows or check.asks_prometheus):
        prepare_database(settings)
        database = Database(settings.database_url)
        with database.reading() as session:
            known = checks.known(session, check.name, model, request.at)
        database.close()
    with _said_to_run(check.name, catalog.limits.seconds if check.needs_rows else None):
        result = checks.run(request, known)
    if png and result.png:
        png.write_bytes(result.png)
    if as_json:
        print(json.dumps(result.as_json(), indent=2))
    else:
        print(f"{mark(result.verdict)} {check.name}: {result.verdict}\n{result.sentence}")
        if table := table_text(result.columns, result.rows):
            print(f"\n{table}")
        kept = CheckRun(name=check.name, requested_at=now, result=result.as_json())
        print(f"\n{footer(kept).rpartition(' · ')[0]}" + (f"\nchart: {png}" if png and result.png else ""))


@contextmanager
def _said_to_run(name: str, most: float | None) -> Iterator[None]:
    """Say, on standard error, that a check still runs once it takes longer than two seconds."""
    said = f"{name} is still running{f', {most:g} s at most' if most else ''} …"
    late = threading.Timer(UNSAID, lambda: print(said, file=sys.stderr, flush=True))
    late.daemon = True
    late.start()
    try:
        yield
    finally:
        late.cancel()


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise BotError(f"{text} is no moment; write 2026-11-02T03:00Z.") from None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
