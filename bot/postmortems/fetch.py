"""The one edge of every reader outside Slack: draft if there is something new, and hand it out."""

from datetime import datetime

from bot.catalog.config import Catalog
from bot.core.database import Database
from bot.postmortems.export import Format
from bot.postmortems.service import Exported, Pictures, current, draft, export, no_pictures


def fetch(
    database: Database,
    catalog: Catalog,
    number: int,
    form: Format,
    now: datetime,
    *,
    picture: Pictures = no_pictures,
    beside: bool = False,
) -> Exported:
    """Write only when there is something new to write; draw outside the writing. Raises NotFoundError."""
    with database.reading() as session:
        found = current(session, catalog, number)
    if found is None:
        with database.transaction() as session:
            found = draft(session, catalog, number, now, user=None)
    with database.reading() as session:
        return export(session, catalog, found, form, now, picture=picture, beside=beside)
