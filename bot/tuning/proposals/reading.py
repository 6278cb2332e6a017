"""Looking at a source: how many rows, a sample of all columns, and the stretch of time they reach over."""

from dataclasses import dataclass
from datetime import datetime

from bot.core.errors import BotError
from bot.data import DataError, ModelRows
from bot.tuning.proposals.facts import Look, look_at, sample_size
from bot.tuning.proposals.source import Source, said_here

FEWEST = 100


def read_look(source: Source) -> Look:
    """Look at a bounded random sample. Raises BotError where there is no table, or hardly a row."""
    rows = source.open(source.data())
    try:
        columns = rows.columns("predictions")
        total = rows.count("predictions", None, None)
        if total >= FEWEST and len(columns) > 1:
            return look_at(rows.window("predictions", None, None, columns, most=sample_size(len(columns))), total)
    except DataError as error:
        raise said_here(error, source) from error
    if len(columns) == 1:
        raise BotError(
            f"{source.shown} has one column, `{columns[0]}`. A monitor needs at least when a prediction was made and "
            "what was answered. Is it another separator than a comma, or the wrong file?"
        )
    some = f"{total:,} row{'' if total == 1 else 's'}" if total else "no rows"
    raise BotError(
        f"{source.shown} has {some}; at least {FEWEST} are needed to propose anything. Give a longer history."
    )


@dataclass(frozen=True, slots=True)
class Stretch:
    first: datetime
    last: datetime


def read_stretch(rows: ModelRows, source: Source) -> Stretch:
    try:
        first, last = rows.earliest("predictions"), rows.latest("predictions")
    except DataError as error:
        raise said_here(error, source) from error
    if first is None or last is None:
        raise BotError(
            f"`{rows.data.time}` of {source.shown} is empty in every row; name another column with `--time`."
        )
    return Stretch(first, last)
