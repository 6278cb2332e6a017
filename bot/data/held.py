"""A stretch of a model's rows held in memory, to be asked for window after window without reading it again."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from bot.catalog.config import Limits
from bot.catalog.data import ModelData
from bot.data.by_segment import SegmentSums, window_starts
from bot.data.contract import SEED, Frame, ModelRows, OutcomeColumn, Part, Scan, Value
from bot.statistics.groups import Groups
from bot.statistics.profiles import Profile, profile_like

MOST_HELD = 1_000_000
MOST_SUMMED = 5_000_000
Counted = tuple[datetime, int, int]


class HeldRows:
    """Answers as the source does, for windows within [start, end); of more than `most` rows from a random sample.

    Counts of classes and rows are the source's own, of all rows. Raises DataError as the source does.
    """

    def __init__(self, source: ModelRows, start: datetime, end: datetime, most: int = MOST_HELD) -> None:
        self.source = source
        self.start = start
        self.end = end
        self.most = most
        self.data: ModelData = source.data
        self.limits: Limits = source.limits
        self._held: tuple[Frame, NDArray[np.int64]] | None = None
        self._fixed: dict[tuple[Part, tuple[str, ...] | None, int | None], Frame] = {}
        self._counted: dict[tuple[str, Value, timedelta], dict[datetime, Counted]] = {}
        self._summed: dict[tuple[str, OutcomeColumn | None, timedelta], SegmentSums | None] = {}

    def has(self, part: Part) -> bool:
        return self.source.has(part)

    def columns(self, part: Part) -> list[str]:
        return self.source.columns(part)

    def is_number(self, part: Part, column: str) -> bool:
        return self.source.is_number(part, column)

    def latest(self, part: Part) -> datetime | None:
        return self.source.latest(part)

    def earliest(self, part: Part) -> datetime | None:
        return self.source.earliest(part)

    def count(self, part: Part, start: datetime | None, end: datetime | None) -> int:
        return self.source.count(part, start, end)

    def window(
        self,
        part: Part,
        start: datetime | None,
        end: datetime | None,
        columns: list[str] | None = None,
        *,
        most: int | None = None,
    ) -> Frame:
        if part != "predictions" or start is None or end is None:
            key = (part, tuple(columns) if columns is not None else None, most)
            if (start, end) != (None, None):
                return self.source.window(part, start, end, columns, most=most)
            if key not in self._fixed:
                self._fixed[key] = self.source.window(part, None, None, columns, most=most)
            return self._fixed[key]
        frame, times = self._rows()
        first, last = np.searchsorted(times, [_micros(start), _micros(end)])
        names = columns if columns is not None else list(frame.columns)
        unknown = [name for name in names if name not in frame.columns]
        if unknown:
            return self.source.window(part, start, end, unknown)  # it says what is missing
        place = slice(int(first), int(last))
        if most is not None and last - first > most:
            chosen = np.random.default_rng(SEED).choice(int(last - first), most, replace=False)
            found = {name: frame.columns[name][place][np.sort(chosen)] for name in names}
            return Frame(found, most, start, end, frame.notes)
        return Frame({name: frame.columns[name][place] for name in names}, int(last - first), start, end, frame.notes)

    def scan(self, part: Part, start: datetime | None, end: datetime | None, columns: Sequence[str]) -> Scan | None:
        return self.source.scan(part, start, end, columns)

    def scan_edges(self, part: Part) -> Scan | None:
        return self.source.scan_edges(part)

    def class_counts(self, column: str, value: Value, start: datetime, end: datetime, step: timedelta) -> list[Counted]:
        key = (column, value, step)
        if key not in self._counted:
            back = -(-(start - self.start) // step)
            begin = start - back * step
            found = self.source.class_counts(column, value, begin, self.end, step)
            self._counted[key] = {one[0]: one for one in found}
        known = self._counted[key]
        moments = [start + place * step for place in range(-int(-(end - start) // step))]
        return [known.get(moment, (moment, 0, 0)) for moment in moments]

    def sums_by(
        self, by: str, outcome: OutcomeColumn | None, start: datetime, end: datetime, step: timedelta
    ) -> SegmentSums:
        """All windows are asked for at once, about the centre asked for first, and kept where they are not too many."""
        key = (by, replace(outcome, centre=0.0) if outcome else None, step)
        begin = start - -(-(start - self.start) // step) * step
        if key not in self._summed:
            found = self.source.sums_by(by, outcome, begin, self.end, step)
            self._summed[key] = found if found.rows.size <= MOST_SUMMED else None
        known = self._summed[key]
        wanted = window_starts(start, end, step)
        if known is None or not wanted or start < known.starts[0] or wanted[-1] > known.starts[-1]:
            return self.source.sums_by(by, outcome, start, end, step)
        part = known.between(start, end)
        return part if part.starts == wanted else self.source.sums_by(by, outcome, start, end, step)

    def labelled(self, start: datetime | None, end: datetime | None, columns: list[str]) -> Frame:
        return self.source.labelled(start, end, columns)

    def profiles(
        self, part: Part, start: datetime | None, end: datetime | None, like: Mapping[str, Profile]
    ) -> dict[str, Profile]:
        frame = self.window(part, start, end, list(like))
        return {name: profile_like(like[name], column) for name, column in frame.columns.items()}

    def groups(
        self,
        part: Part,
        start: datetime | None,
        end: datetime | None,
        features: Mapping[str, Sequence[float] | None],
        outcome: OutcomeColumn,
    ) -> Groups:
        return self.source.groups(part, start, end, features, outcome)

    def _rows(self) -> tuple[Frame, NDArray[np.int64]]:
        if self._held is None:
            frame = self.source.window("predictions", self.start, self.end, most=self.most)
            times = frame.columns[self.data.time].astype("datetime64[us]").astype(np.int64)
            order = np.argsort(times, kind="stable")
            columns = {name: values[order] for name, values in frame.columns.items()}
            self._held = Frame(columns, frame.rows, frame.start, frame.end, frame.notes), times[order]
        return self._held


def _micros(moment: datetime) -> int:
    return round((moment - datetime.fromtimestamp(0, UTC)) / timedelta(microseconds=1))


__all__ = ["MOST_HELD", "HeldRows"]
