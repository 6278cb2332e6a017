"""Which engine holds a model's rows."""

from pathlib import Path

from bot.catalog.config import Limits, Model
from bot.data.contract import ModelRows
from bot.data.files import DataError
from bot.data.rows import FileRows


def open_model(model: Model, base: Path, limits: Limits | None = None) -> ModelRows:
    """Open the rows of a model; `base` is the folder of muster.yaml. Raises DataError without `data:`."""
    if model.data is None:
        raise DataError(f"Model {model.name} has no `data:` in muster.yaml; add where its predictions lie.")
    if model.data.database is None:
        return FileRows(model.data, base, limits or Limits())
    from bot.data.tables import TableRows  # noqa: PLC0415

    return TableRows(model.data, limits or Limits())
