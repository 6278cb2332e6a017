"""A model's rows with a meter: what every read takes is added up, and refused before it starts beyond the limit."""

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

from bot.catalog.config import Limits
from bot.catalog.data import ModelData
from bot.core.errors import BotError
from bot.data.by_segment import SegmentSums
from bot.data.contract import Frame, ModelRows, OutcomeColumn, Part, Scan, Value
from bot.statistics.groups import Groups
from bot.statistics.profiles import Profile

GIB = 2**30
LEAST_SAID = 16 * 2**20
Read = tuple[Part, datetime | None, datetime | None, Sequence[str]]
Weight = tuple[Part, Scan, int]
"""What one query scans, and how many of them there are."""


class MeteredRows:
    """Answers as the source does, and raises BotError where all reads together would pass `limits.scan_gib`.

    scanned: bytes of all reads so far, by the source's own estimates; what it can't estimate counts as nothing. Counts
    of rows, and the newest and oldest event time, are read once: one question is asked of rows as they are.
    """

    def __init__(self, source: ModelRows) -> None:
        self.source = source
        self.data: ModelData = source.data
        self.limits: Limits = source.limits
        self.scanned = 0
        self._of: dict[Part, int] = {}
        self._scans: dict[tuple[Part, datetime | None, datetime | None, tuple[str, ...]], Scan | None] = {}
        self._counts: dict[tuple[Part, datetime | None, datetime | None], int] = {}
        self._edges: dict[tuple[Part, str], datetime | None] = {}
        self._lock = threading.Lock()

    def notes(self) -> tuple[str, ...]:
        """Say what the reads took, where that is much."""
        if self.scanned < LEAST_SAID:
            return ()
        of = sum(self._of.values())
        again = ", some of it more than once" if self.scanned > of else ""
        return (f"{_bytes(self.scanned)} scanned of {_bytes(of)}{again}",)

    def foresee(self, reads: Sequence[Read]) -> None:
        """Refuse reads that are to follow before the first of them starts."""
        with self._lock:
            self._refuse_beyond(self._weigh([(read, True) for read in reads]))

    def has(self, part: Part) -> bool:
        return self.source.has(part)

    def columns(self, part: Part) -> list[str]:
        return self.source.columns(part)

    def is_number(self, part: Part, column: str) -> bool:
        return self.source.is_number(part, column)

    def latest(self, part: Part) -> datetime | None:
        return self._edge(part, "latest", self.source.latest)

    def earliest(self, part: Part) -> datetime | None:
        return self._edge(part, "earliest", self.source.earliest)

    def count(self, part: Part, start: datetime | None, end: datetime | None) -> int:
        key = (part, start, end)
        if key not in self._counts:
            self._take((part, start, end, []))
            self._counts[key] = self.source.count(part, start, end)
        return self._counts[key]

    def window(
        self,
        part: Part,
        start: datetime | None,
        end: datetime | None,
        columns: list[str] | None = None,
        *,
        most: int | None = None,
    ) -> Frame:
        wanted = self.source.columns(part) if columns is None else columns
        self._take((part, start, end, wanted), counted=True)
        return self.source.window(part, start, end, columns, most=most)

    def scan(self, part: Part, start: datetime | None, end: datetime | None, columns: Sequence[str]) -> Scan | None:
        key = (part, start, end, tuple(sorted(set(columns))))
        if key not in self._scans:
            self._scans[key] = self.source.scan(part, start, end, columns)
        return self._scans[key]

    def scan_edges(self, part: Part) -> Scan | None:
        return self.source.scan_edges(part)

    def class_counts(
        self, column: str, value: Value, start: datetime, end: datetime, step: timedelta
    ) -> list[tuple[datetime, int, int]]:
        self._take(("predictions", start, end, [column]))
        return self.source.class_counts(column, value, start, end, step)

    def sums_by(
        self, by: str, outcome: OutcomeColumn | None, start: datetime, end: datetime, step: timedelta
    ) -> SegmentSums:
        self._take(("predictions", start, end, [by, *([outcome.column] if outcome else [])]))
        return self.source.sums_by(by, outcome, start, end, step)

    def labelled(self, start: datetime | None, end: datetime | None, columns: list[str]) -> Frame:
        if labels := self.data.labels:
            told = [name for name in (labels.key, labels.column, labels.time) if name]
            joined: Read = ("labels", None, None, told)
            self._take(("predictions", start, end, [*columns, labels.key]), counted=True, beside=joined)
        return self.source.labelled(start, end, columns)

    def profiles(
        self, part: Part, start: datetime | None, end: datetime | None, like: Mapping[str, Profile]
    ) -> dict[str, Profile]:
        self._take((part, start, end, list(like)), counted=True)
        return self.source.profiles(part, start, end, like)

    def groups(
        self,
        part: Part,
        start: datetime | None,
        end: datetime | None,
        features: Mapping[str, Sequence[float] | None],
        outcome: OutcomeColumn,
    ) -> Groups:
        self._take((part, start, end, [*features, outcome.column]))
        return self.source.groups(part, start, end, features, outcome)

    def _edge(self, part: Part, which: str, find: Callable[[Part], datetime | None]) -> datetime | None:
        if (part, which) not in self._edges:
            scan = self.source.scan_edges(part)
            if scan is not None:
                with self._lock:
                    self._add([(part, scan, 1)])
            self._edges[part, which] = find(part)
        return self._edges[part, which]

    def _take(self, read: Read, *, counted: bool = False, beside: Read | None = None) -> None:
        """Add what a read takes. counted: its rows are counted first. beside: what is read with it."""
        with self._lock:
            reads = [(read, counted), *([(beside, False)] if beside else [])]
            self._add(self._weigh(reads))

    def _weigh(self, reads: Sequence[tuple[Read, bool]]) -> list[Weight]:
        found: list[Weight] = []
        for read, counted in reads:
            part, _, _, columns = read
            if scan := self.scan(*read):
                found.append((part, scan, 2 if scan.whole and counted and columns else 1))
        return found

    def _add(self, found: Sequence[Weight]) -> None:
        self._refuse_beyond(found)
        for part, scan, times in found:
            self.scanned += times * scan.size
            self._of[part] = scan.of

    def _refuse_beyond(self, found: Sequence[Weight]) -> None:
        size = self.scanned + sum(times * scan.size for _, scan, times in found)
        if size <= self.limits.scan_gib * GIB:
            return
        todo = "Ask for a shorter window or fewer features, or raise the limit."
        if any(scan.whole for _, scan, _ in found):
            todo = "Files of text are read as a whole each time: keep the rows as Parquet, or raise the limit."
        raise BotError(
            f"This would read {_bytes(size)}; `limits.scan_gib` in muster.yaml allows {self.limits.scan_gib:g} GiB."
            f" {todo}"
        )


def foresee(rows: ModelRows, reads: Sequence[Read]) -> None:
    """Refuse reads that are to follow before the first of them starts, of rows that have a meter."""
    if isinstance(rows, MeteredRows):
        rows.foresee(reads)


def _bytes(size: float) -> str:
    return f"{size / GIB:.1f} GiB" if size >= GIB else f"{size / 2**20:.0f} MiB"


__all__ = ["MeteredRows", "Read", "foresee"]
