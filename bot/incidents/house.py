"""What incidents need to know of this installation, given once by wiring."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from sqlmodel import Session

from bot.catalog.config import Catalog
from bot.tables import Incident

Follower = Callable[[Session, Incident, datetime], None]


@dataclass(slots=True)
class House:
    """`announce`: the channel that hears of a team's incidents. The lists are called in order, in the transaction."""

    catalog: Catalog
    announce: Callable[[str | None], str | None]
    public_url: str
    me: Callable[[], str] = field(default=lambda: "")
