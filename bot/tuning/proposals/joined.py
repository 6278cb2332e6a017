"""Rows held in memory that carry their own labels: joined to themselves by their place, without asking again."""

from datetime import datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bot.data import LABEL, Frame, ModelRows, Part
from bot.data.held import HeldRows


class OwnLabels(HeldRows):
    """For a model whose labels lie in the table of its predictions, a row's label in the row itself.

    The key becomes the row's place, a number: joining a hundred thousand texts anew for every window takes a minute.
    """

    def __init__(self, source: ModelRows, start: datetime, end: datetime, most: int) -> None:
        super().__init__(source, start, end, most)
        self._edges: dict[tuple[Part, str], datetime | None] = {}

    def latest(self, part: Part) -> datetime | None:
        """As it was when first asked: a file of text is read whole for it."""
        if (part, "latest") not in self._edges:
            self._edges[part, "latest"] = super().latest(part)
        return self._edges[part, "latest"]

    def earliest(self, part: Part) -> datetime | None:
        if (part, "earliest") not in self._edges:
            self._edges[part, "earliest"] = super().earliest(part)
        return self._edges[part, "earliest"]

    def window(
        self,
        part: Part,
        start: datetime | None,
        end: datetime | None,
        columns: list[str] | None = None,
        *,
        most: int | None = None,
    ) -> Frame:
        if part != "labels" or self.data.labels is None:
            return super().window(part, start, end, columns, most=most)
        frame, _ = self._rows()
        return Frame({name: frame.columns[name] for name in columns or list(frame.columns)}, frame.rows)

    def labelled(self, start: datetime | None, end: datetime | None, columns: list[str]) -> Frame:
        labels = self.data.labels
        if labels is None or start is None or end is None:
            return super().labelled(start, end, columns)
        found = super().window("predictions", start, end, [*columns, labels.column])
        named = {name: found.columns[name] for name in columns}
        return Frame({**named, LABEL: found.columns[labels.column]}, found.rows, start, end, found.notes)

    def _rows(self) -> tuple[Frame, NDArray[np.int64]]:
        first = self._held is None
        frame, times = super()._rows()
        if first and self.data.labels is not None:
            places: NDArray[Any] = np.arange(frame.rows, dtype=np.float64)
            frame = Frame(
                {**frame.columns, self.data.labels.key: places}, frame.rows, frame.start, frame.end, frame.notes
            )
            self._held = frame, times
        return frame, times
