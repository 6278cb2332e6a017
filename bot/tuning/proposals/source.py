"""What `muster init` was given: a file, a folder or an address of rows, or a table of a database."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.catalog.config import Limits, Model
from bot.catalog.data import ModelData
from bot.catalog.values import SecretRef
from bot.core.errors import BotError
from bot.data import DataError, ModelRows, open_model
from bot.data.objects import scheme_of

VARIABLE = "MUSTER_DATA_URL"
"""Where an address of a database typed on the command line is looked for later: muster.yaml holds none."""
LIMITS = Limits(seconds=300, memory_mib=2048)
_READABLE = "Parquet, CSV, TSV or JSON lines (.parquet .csv .tsv .jsonl .ndjson, CSV and JSON lines also as .gz)"
_PLAIN = ("parquet", "rows", "data", "predictions", "table", "part-0")
_SETTING = re.compile(r"(?:The \w+ of )?`data\.predictions`(?: in muster\.yaml(?: names [^;,:]*,? ?(?:and )?|:)?)? ?")


@dataclass(frozen=True, slots=True)
class Source:
    """where: what muster.yaml will say, relative to `base`. variable: of the environment, for a database; typed: its
    address was given on the command line. given: the words of the command, where no address of a database is among
    them.
    """

    where: str
    base: Path
    variable: str | None = None
    typed: bool = False
    given: str = ""

    @property
    def name(self) -> str:
        """A name for the model: the file's, the folder's or the table's own."""
        if self.variable:
            return self.where.rpartition(".")[2]
        path = Path(self.where) if scheme_of(self.where) else (self.base / self.where).absolute()
        parts = [one.split(".")[0] for one in path.parts if one not in {"/", ".."} and not set(one) & set("*?[")]
        return next((one for one in reversed(parts) if one and one.lower() not in _PLAIN), parts[-1] if parts else "")

    @property
    def shown(self) -> str:
        """What it is called in messages and in muster.yaml: never a database's address."""
        return f"table {self.where}" if self.variable else self.given or self.where

    def data(self, time: str = "", **settings: Any) -> ModelData:  # noqa: ANN401
        database = SecretRef(env=self.variable) if self.variable else None
        return ModelData(predictions=self.where, time=time, database=database, **settings)

    def open(self, data: ModelData) -> ModelRows:
        return open_model(Model(name=self.name or "model", data=data), self.base, LIMITS)


def find_source(given: str, *, table: str | None, database: str | None, base: Path) -> Source:
    """Read the words of the command. Raises BotError for what can't be rows."""
    if database:
        if not os.environ.get(database):
            said = f"The variable {database} is not set; `--database` names one that holds the database's address"
            raise BotError(f"{said}, such as postgresql://host/name.")
        return Source(given, base, database)
    if "://" in given and scheme_of(given) is None:
        if table is None:
            raise BotError("Which table of it? Add `--table NAME` (or `schema.name`).")
        os.environ[VARIABLE] = given
        return Source(table, base, VARIABLE, typed=True)
    if table:
        raise BotError(f"`--table` goes with the address of a database, and {given} is none.")
    return Source(given if scheme_of(given) else _relative(given, base), base, given=given)


def said_here(error: DataError, source: Source) -> BotError:
    """The same reason in words of the command line: no muster.yaml is there yet."""
    said = _SETTING.sub("", error.message).strip().replace("as `data.time`", "with `--time`")
    return BotError(f"{source.shown}: {said}")


def _relative(given: str, base: Path) -> str:
    path = Path(given).expanduser()
    wild = any(mark in given for mark in "*?[")
    if not wild and not path.exists():
        raise BotError(f"There is no {given} here ({Path.cwd()}). Give a file, a folder, or an address of rows.")
    if path.is_dir() and not any(_is_rows(one.name) for one in path.rglob("*") if one.is_file()):
        raise BotError(f"{given} holds no rows Muster reads: {_READABLE}.")
    if path.is_file() and not _is_rows(path.name):
        raise BotError(f"{given} is no table Muster reads: {_READABLE}. Write its rows as one of these.")
    if path.is_file() and path.stat().st_size == 0:
        raise BotError(f"{given} is empty.")
    return os.path.relpath(path.absolute(), base.absolute())


def _is_rows(name: str) -> bool:
    ends = (".parquet", ".csv", ".tsv", ".csv.gz", ".jsonl", ".ndjson", ".jsonl.gz")
    return name.lower().endswith(ends) and not name.startswith((".", "_"))
