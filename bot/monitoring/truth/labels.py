"""Answers and the labels that came for them, as they looked at any moment.

A label counts from its own time on: what is known of a window today can be set beside what was known of an older window
when it was as young. Without a time of the labels only "has one by now" is known.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bot.checks.labelled import Labelled, in_words_of_labels, moments_of, present, texts
from bot.core.errors import BotError
from bot.data import LABEL, Frame, ModelRows
from bot.monitoring.watched import Watched
from bot.monitoring.windows import Window
from bot.statistics.columns import Column, Floats, as_numbers, category_text
from bot.statistics.maturity import Maturity, maturity, maturity_now
from bot.statistics.shortfall import Shortfall

MARKS = (0.5, 0.8, 0.95)
"""Parts of the labels that ever come: a cohort is judged when it passes one, and again at the next."""
MOST_ROWS = 1_000_000
LEAST_DUE = 20
LEAST_CLASS = 30
LATER = 2.0
MOST_PAUSES, ORDINARY = 1_000, 0.95
NEVER = np.iinfo(np.int64).max
Micros = NDArray[np.int64]
Mask = NDArray[np.bool_]
_SECOND = 1e6


@dataclass(frozen=True, slots=True)
class Arrived:
    """Labels in order of (key, time). place: of each the key's number times `stamps` plus the rank of its time."""

    place: Micros
    code: Micros
    values: Column
    stamps: Micros

    def seen(self, codes: Micros, until: Micros) -> Micros:
        """Where the newest label of each key stands that had come by then; -1 for none."""
        rank = np.searchsorted(self.stamps, until, side="right")
        at = np.searchsorted(self.place, codes * (self.stamps.size + 1) + rank, side="left") - 1
        there = (codes >= 0) & (at >= 0)
        there[there] = self.code[at[there]] == codes[there]
        return np.where(there, at, -1)

    def first(self, codes: Micros) -> Micros:
        """When the first label of each key came; NEVER for none."""
        at = np.searchsorted(self.place, codes * (self.stamps.size + 1), side="left")
        at = np.minimum(at, max(0, self.place.size - 1))
        found = np.full(codes.size, NEVER, dtype=np.int64)
        if self.place.size:
            there = (codes >= 0) & (self.code[at] == codes)
            found[there] = self.stamps[self.place[at[there]] % (self.stamps.size + 1)]
        return found


@dataclass(frozen=True, slots=True)
class Answers:
    """Predictions of a stretch, oldest first. at, came: microseconds of the prediction and of its first label (NEVER
    for none; None: nobody knows when labels came). now: what came later counts as not come."""

    one: Watched
    frame: Frame
    now: datetime
    at: Micros
    codes: Micros
    arrived: Arrived | None
    came: Micros | None

    def within(self, window: Window) -> slice:
        return slice(*np.searchsorted(self.at, [micros(window.start), micros(window.end)]).tolist())

    def seen(self, until: Micros) -> Labelled:
        """Every row with the label it had at a moment of its own, shape (rows,); with those of now where labels have
        no time."""
        data = self.one.data
        columns = self.frame.columns
        if self.arrived is None:
            labels = columns[LABEL]
        else:
            place = self.arrived.seen(self.codes, np.minimum(until, micros(self.now)))
            labels = _taken(self.arrived.values, place)
        score = as_numbers(columns[data.score]) if data.score else None
        return Labelled(self.frame, labels, columns[data.prediction] if data.prediction else None, score)

    def ages(self) -> Floats:
        return (micros(self.now) - self.at) / _SECOND

    def took(self) -> Floats | None:
        """Seconds until the first label came, NaN where none has; None: not known."""
        if self.came is None:
            return None
        in_time = self.came <= micros(self.now)
        return np.where(in_time, (np.where(in_time, self.came, self.at) - self.at) / _SECOND, np.nan)

    def has(self) -> Mask:
        return present(self.frame.columns[LABEL]) if self.came is None else self.came <= micros(self.now)

    def curve(self, before: datetime) -> Maturity | Shortfall:
        """How late labels come, from rows before a moment."""
        old = slice(0, int(np.searchsorted(self.at, micros(before))))
        took = self.took()
        if took is None:
            return maturity_now(self.ages()[old], self.has()[old].astype(np.float64))
        return maturity(self.ages()[old], took[old])

    @property
    def newest_label(self) -> datetime | None:
        if self.arrived is None:
            return None
        stamps = self.arrived.stamps[self.arrived.stamps <= micros(self.now)]
        return moment(int(stamps[-1])) if stamps.size else None

    @property
    def usual_silence(self) -> timedelta:
        """How long nothing comes where labels come in batches: the longest ordinary pause between two."""
        if self.arrived is None:
            return timedelta(0)
        stamps = np.unique(self.arrived.stamps[self.arrived.stamps <= micros(self.now)])[-MOST_PAUSES:]
        pauses = np.diff(stamps)
        return timedelta(microseconds=int(np.quantile(pauses, ORDINARY))) if pauses.size else timedelta(0)

    def due_since(self, then: datetime) -> float:
        """How many labels should have come after a moment, had they gone on as before it."""
        took, ages = self.took(), (micros(then) - self.at) / _SECOND
        assert took is not None
        old = ages > 0
        curve = maturity(ages[old], np.where(took[old] <= ages[old], took[old], np.nan))
        if isinstance(curve, Shortfall):
            return 0.0
        before = np.where(old, curve.shares_by(np.maximum(ages, 0.0)), 0.0)
        open_then = ~(took <= ages)
        chance = (curve.shares_by(self.ages()) - before) / np.maximum(1 - before, 1e-9)
        return float(chance[open_then].sum())


def read_answers(one: Watched, rows: ModelRows, start: datetime, end: datetime, now: datetime | None) -> Answers:
    """Read predictions and their labels. now: None for what the newest row or label says. Raises BotError for what
    muster.yaml does not say."""
    data, labels = one.data, one.data.labels
    if labels is None:
        raise BotError(
            f"{one.model.name} has no `labels:` in muster.yaml. Under `data:` add "
            "`labels: {path: …, key: …, column: …}`: where the truth about its answers arrives."
        )
    if data.prediction is None and data.score is None:
        raise BotError(f"Name the column of {one.model.name}'s answers in muster.yaml: `data.prediction` or `score`.")
    extra = [one.monitor.feature] if one.monitor.feature else []
    wanted = [name for name in (data.time, labels.key, data.prediction, data.score, *extra) if name]
    wanted = list(dict.fromkeys(wanted))
    if labels.time is None:
        frame = in_words_of_labels(data, _in_order(rows.labelled(start, end, wanted), data.time))
        at = _stamps(frame, data.time)
        return Answers(one, frame, now or end, at, np.full(at.size, -1), None, None)
    frame = _in_order(rows.window("predictions", start, end, wanted, most=MOST_ROWS), data.time)
    frame = in_words_of_labels(data, frame)
    told = rows.window("labels", None, None, [labels.key, labels.column, labels.time])
    arrived, codes = _joined(told, labels.key, labels.column, labels.time, frame.columns[labels.key])
    at = _stamps(frame, data.time)
    if now is None:
        newest = rows.latest("predictions") or end
        now = max(end, newest, moment(int(arrived.stamps[-1])) if arrived.stamps.size else end)
    return Answers(one, frame, now, at, codes, arrived, arrived.first(codes))


def _in_order(frame: Frame, time: str) -> Frame:
    order = np.argsort(frame.columns[time], kind="stable")
    return replace(frame, columns={name: values[order] for name, values in frame.columns.items()})


def _stamps(frame: Frame, time: str) -> Micros:
    return frame.columns[time].astype("datetime64[us]").astype(np.int64)


def _joined(told: Frame, key: str, column: str, time: str, wanted: Column) -> tuple[Arrived, Micros]:
    """The labels in order, and the number of each wanted key; -1 for a key without a label."""
    moments = moments_of(told.columns[time], time)
    usable = ~np.isnat(moments) & present(told.columns[key]) & present(told.columns[column])
    known, values = told.columns[key][usable], told.columns[column][usable]
    stamped = moments[usable].astype(np.int64)
    there = present(wanted)
    if known.dtype.kind != "f" or wanted.dtype.kind != "f":
        known, wanted = (
            np.asarray([category_text(one) for one in side.tolist()], dtype=str) for side in (known, wanted)
        )
    names, numbers = np.unique(known, return_inverse=True)
    stamps, ranks = np.unique(stamped, return_inverse=True)
    place = numbers.astype(np.int64) * (stamps.size + 1) + ranks
    order = np.argsort(place, kind="stable")
    codes = np.full(wanted.size, -1, dtype=np.int64)
    if names.size:
        at = np.minimum(np.searchsorted(names, wanted), names.size - 1)
        met = there & (names[at] == wanted)
        codes[met] = at[met]
    return Arrived(place[order], numbers[order].astype(np.int64), values[order], stamps), codes


def _taken(values: Column, place: Micros) -> Column:
    """The label at each place, None (NaN of numbers) where there is none."""
    none = place < 0
    if values.size == 0:
        return np.full(place.size, None, dtype=object)
    found = values[np.maximum(place, 0)]
    if found.dtype.kind == "f":
        return np.where(none, np.nan, found)
    found = found.astype(object)
    found[none] = None
    return found


def taken(side: Labelled, which: slice | Mask) -> Labelled:
    """Some rows of a side."""
    columns: dict[str, Any] = {name: values[which] for name, values in side.frame.columns.items()}
    frame = Frame(columns, int(side.labels[which].size))
    answers = None if side.answers is None else side.answers[which]
    return Labelled(frame, side.labels[which], answers, None if side.score is None else side.score[which])


def later_classes(answers: Answers, side: Labelled, before: datetime) -> list[str]:
    """Labels that come later than the others, in words: while they are missing a young cohort looks unlike an old."""
    took = answers.took()
    if took is None:
        return []
    old = answers.at < micros(before)
    names = texts(side.labels)
    found = []
    for name in sorted({one for one in names[old].tolist() if one is not None})[:20]:
        mine = took[old & (names == name)]
        others = took[old & (names != name) & np.isfinite(took)]
        mine = mine[np.isfinite(mine)]
        if min(mine.size, others.size) < LEAST_CLASS:
            continue
        half, rest = float(np.median(mine)), float(np.median(others))
        if half > LATER * rest and half - rest > 2 * _error_of_median(mine, others):
            found.append(name)
    return found if len(found) <= 2 else []  # noqa: PLR2004 -- of many classes it is no finding


def _error_of_median(*samples: Floats) -> float:
    """A rough standard error of the difference of medians, from the spread between quartiles."""
    parts = [(float(np.subtract(*np.quantile(one, (0.75, 0.25)))) / 1.35) ** 2 * 1.57 / one.size for one in samples]
    return float(np.sqrt(sum(parts)))


def micros(at: datetime) -> int:
    return (at - datetime.fromtimestamp(0, UTC)) // timedelta(microseconds=1)


def moment(stamp: int) -> datetime:
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=stamp)
