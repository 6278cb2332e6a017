"""Where rows come from: files of Parquet, CSV and JSON lines, read in windows of event time."""

from bot.data.files import DataError
from bot.data.rows import LABEL, Frame, ModelRows, Part, open_model

__all__ = ["LABEL", "DataError", "Frame", "ModelRows", "Part", "open_model"]
