"""`muster postmortem` and `muster incident`: the record, for terminals and scripts."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.core.errors import BotError

if TYPE_CHECKING:
    from bot.core.database import Database
    from bot.core.settings import Settings

postmortem_app = typer.Typer(help="What happened, for those who were not there.", no_args_is_help=True)
incident_app = typer.Typer(help="Incidents and their timelines.", no_args_is_help=True)
_NUMBER = Annotated[str, typer.Argument(metavar="INC-n")]
_JSON = Annotated[bool, typer.Option("--json", help="For scripts")]
_TITLE = 60


@postmortem_app.command("export")
def export(
    incident: _NUMBER,
    form: Annotated[str, typer.Option("--format", help="md, html or json")] = "md",
    output: Annotated[Path | None, typer.Option(help="Write here instead of printing")] = None,
) -> None:
    """Hand out the postmortem; it is drafted from the record as it stands now."""
    from bot.catalog.load import load_catalog
    from bot.core.clock import SystemClock
    from bot.core.ids import parse_incident
    from bot.entrypoints.wiring import alert_picture
    from bot.postmortems.export import Format, parse_format
    from bot.postmortems.fetch import fetch

    wanted, number = parse_format(form), parse_incident(incident)
    with _database() as (settings, database):
        found = fetch(
            database,
            load_catalog(settings.config),
            number,
            wanted,
            SystemClock().now(),
            picture=alert_picture,
            beside=output is not None,
        )
    if output is None:
        print(found.content, end="")
        return
    written = [output, *(output.parent / f"{label}.png" for label in sorted(found.charts) if wanted is Format.MD)]
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        output.write_text(found.content, encoding="utf-8")
        for path in written[1:]:
            path.write_bytes(found.charts[path.stem])
    except OSError as error:
        raise BotError(f"{error.filename}: {error.strerror}. Choose another --output.") from error
    print("\n".join(str(path) for path in written))


@incident_app.command("list")
def listed(
    everything: Annotated[bool, typer.Option("--all", help="Ended ones too")] = False,
    as_json: _JSON = False,
) -> None:
    """Open incidents, newest first."""
    from sqlmodel import col, select

    from bot.core.ids import incident_label
    from bot.tables import Incident, IncidentStatus

    wanted = select(Incident).order_by(col(Incident.id).desc())
    if not everything:
        wanted = wanted.where(col(Incident.status).not_in([IncidentStatus.RESOLVED, IncidentStatus.CLOSED]))
    with _database() as (_, database), database.reading() as session:
        found = session.exec(wanted).all()
    if as_json:
        print(json.dumps([one.model_dump(mode="json") for one in found], indent=2, ensure_ascii=False))
    elif not found:
        print("No incident yet." if everything else "No incident is open. Ended ones: muster incident list --all")
    else:
        for one in found:
            title = _line(one.headline)
            short = title if len(title) <= _TITLE else title[: _TITLE - 1] + "…"
            began = f"{one.onset_at:%Y-%m-%d %H:%M} UTC"
            print(f"{incident_label(one.id or 0):8} {one.severity:5} {one.status:13} {began}  {short}")


@incident_app.command("show")
def show(incident: _NUMBER, as_json: _JSON = False) -> None:
    """One incident and its timeline, in the time things happened."""
    from bot.catalog.load import load_catalog
    from bot.core.ids import incident_label, parse_incident
    from bot.postmortems.metrics import duration, metrics
    from bot.postmortems.record import read

    number = parse_incident(incident)
    with _database() as (settings, database), database.reading() as session:
        record = read(session, load_catalog(settings.config), number)
    one, names = record.incident, record.names
    if as_json:
        rows = [
            {"at": moment.happened_at, "kind": moment.kind, "who": moment.actor, "text": moment.text, "key": moment.key}
            for moment in record.moments
        ]
        content = {**one.model_dump(mode="json"), "timeline": rows}
        print(json.dumps(content, indent=2, ensure_ascii=False, default=_plain))
        return
    print(f"{incident_label(number)} {one.severity} {one.status}: {_line(one.headline)}")
    if one.cause:
        print(f"Probable cause: {_line(one.cause)}")
    lengths = [(metric.key.upper(), metric.length) for metric in metrics(one)]
    print(" · ".join(f"{key} {'not reached' if length is None else duration(length)}" for key, length in lengths))
    for moment in record.moments:
        mark, who = "*" if moment.key else " ", names.of(moment.actor) if moment.actor else "Muster"
        print(f"{moment.happened_at:%Y-%m-%d %H:%M} {mark} {who}: {_line(names.named(moment.text))}")


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")


def _line(text: str) -> str:
    """One line, in which nothing steers the terminal."""
    from bot.core.logging import redact
    from bot.slack.text import plain

    return redact(" ".join(plain(text).split()))


@contextmanager
def _database() -> Iterator[tuple["Settings", "Database"]]:
    from bot.core.database import Database
    from bot.core.settings import Settings
    from bot.entrypoints.serve import prepare_database

    settings = Settings()
    prepare_database(settings)
    database = Database(settings.database_url)
    try:
        yield settings, database
    finally:
        database.close()
