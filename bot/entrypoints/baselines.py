"""`muster baseline`: what monitors compare with since when; to accept a new one, and to undo it."""

import getpass
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from bot.core.errors import BotError

if TYPE_CHECKING:
    from bot.catalog.config import Catalog
    from bot.core.database import Database
    from bot.tables import Baseline

baseline_app = typer.Typer(help="What monitors compare with, since when.", no_args_is_help=True)
AsJson = Annotated[bool, typer.Option("--json", help="For scripts")]


@baseline_app.command("list")
def list_baselines(
    model: Annotated[str | None, typer.Option(help="Only this model's")] = None, as_json: AsJson = False
) -> None:
    """Every baseline that was accepted or that a promotion began, newest first."""
    from bot.monitoring.baselines import as_json as plain
    from bot.monitoring.baselines import listed

    with _opened() as (_, database), database.reading() as session:
        found = listed(session, model)
        if as_json:
            print(json.dumps([plain(one) for one in found], indent=2))
            return
        for one in found:
            print(_line(one))
        if not found:
            print("None yet: every monitor compares as muster.yaml says.")


@baseline_app.command("accept")
def accept_baseline(
    what: Annotated[str, typer.Argument(metavar="MODEL[/MONITOR] | INC-n")],
    since: Annotated[str | None, typer.Option(help="Event time it begins, such as 2026-11-02T14:00 (UTC)")] = None,
    reason: Annotated[str, typer.Option(help="Why this is ordinary now")] = "",
) -> None:
    """From then on windows are ordinary, and monitors compare with them alone; of an incident, from its onset on."""
    from bot.core.clock import SystemClock
    from bot.core.ids import parse_incident
    from bot.monitoring.baselines import accept, accept_for
    from bot.monitoring.deliveries import show_again

    with _opened() as (catalog, database), database.transaction() as session:
        now = SystemClock().now()
        if what.upper().startswith("INC-"):
            number = parse_incident(what)
            found = accept_for(session, catalog, number, getpass.getuser(), now, reason=reason)
            show_again(session, number, now)
        else:
            start = _moment(since)
            model, monitor = _named(catalog, what)
            found = accept(
                session,
                catalog,
                now,
                model=model,
                keys=[what] if monitor else [],
                start=start,
                by=getpass.getuser(),
                reason=reason,
            )
        said = f"{_line(found)}\nUndo it: muster baseline undo {found.id}"
    print(said)


@baseline_app.command("undo")
def undo_baseline(number: int) -> None:
    """Compare as before it."""
    from bot.core.clock import SystemClock
    from bot.monitoring.baselines import undo
    from bot.monitoring.deliveries import show_again

    with _opened() as (_, database), database.transaction() as session:
        now = SystemClock().now()
        found = undo(session, number, getpass.getuser(), now)
        if found.incident_id is not None:
            show_again(session, found.incident_id, now)
        said = _line(found)
    print(said)


@contextmanager
def _opened() -> "Iterator[tuple[Catalog, Database]]":
    from bot.catalog.load import load_catalog
    from bot.core.database import Database
    from bot.core.settings import Settings

    settings = Settings()
    database = Database(settings.database_url)
    try:
        yield load_catalog(settings.config), database
    finally:
        database.close()


def _named(catalog: "Catalog", what: str) -> tuple[str, bool]:
    """A model's name may have a slash in it; a monitor's has none."""
    if catalog.model(what) is not None:
        return what, False
    model, slash, _ = what.rpartition("/")
    return (model, True) if slash else (what, False)


def _moment(text: str | None) -> datetime:
    if text is None:
        raise BotError("Say since when: --since 2026-11-02T14:00 (UTC, or with a zone).")
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BotError(f"--since {text!r} is no time; write 2026-11-02T14:00.") from error
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _line(one: "Baseline") -> str:
    from bot.monitoring.baselines import names

    who = f"{one.source} {one.accepted_by}" if one.accepted_by else one.source
    undone = f", undone by {one.undone_by} {one.undone_at:%Y-%m-%d %H:%M} UTC" if one.undone_at else ""
    return f"{one.id:>4}  {names(one)} since {one.start:%Y-%m-%d %H:%M} UTC: {one.reason or '-'} ({who}{undone})"
