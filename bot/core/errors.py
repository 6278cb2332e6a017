"""Errors whose text is meant for the person who caused them."""

from collections.abc import Iterable
from difflib import get_close_matches


class BotError(Exception):
    """Something a person can mend; the message says what to do. `status` is its HTTP form."""

    status = 400

    def __init__(self, message: str, *, status: int | None = None) -> None:
        super().__init__(message)
        self.message = message
        if status is not None:
            self.status = status


class NotFoundError(BotError):
    status = 404


class ConflictError(BotError):
    """Somebody else was first; the message says who."""

    status = 409


class BusyError(BotError):
    """The database is held by somebody else for too long; try again shortly."""

    status = 503


class ConfigError(BotError):
    """The configuration can't be used as it stands."""

    status = 500


def unknown(what: str, given: str, known: Iterable[str]) -> NotFoundError:
    """Name what exists, and the nearest to what was asked for."""
    names = sorted(known)
    close = get_close_matches(given, names, n=1)
    hint = f" Did you mean `{close[0]}`?" if close else ""
    listed = ", ".join(f"`{name}`" for name in names) if names else "none yet"
    return NotFoundError(f"There is no {what} `{given}`.{hint} Known: {listed}.")
