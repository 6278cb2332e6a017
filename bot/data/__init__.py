"""Where rows come from: files of Parquet, CSV and JSON lines, or a database; read in windows of event time."""

from bot.data.contract import LABEL, Frame, ModelRows, OutcomeColumn, Part
from bot.data.files import DataError, TooSlowError, UnreadableError
from bot.data.objects import secrets_for
from bot.data.opening import open_model

__all__ = [
    "LABEL",
    "DataError",
    "Frame",
    "ModelRows",
    "OutcomeColumn",
    "Part",
    "TooSlowError",
    "UnreadableError",
    "open_model",
    "secrets_for",
]
