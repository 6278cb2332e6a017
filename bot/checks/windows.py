"""The two sides of a check: rows of the window asked for, and what they are compared with."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from bot.catalog.data import ModelData
from bot.catalog.values import format_duration
from bot.checks.contract import NO_DATA, TOO_FEW, CheckResult
from bot.checks.registry import Question
from bot.data import Frame, ModelRows, Part
from bot.data.metered import foresee
from bot.statistics.drift import FeatureDrift, rows_to_see_shift
from bot.statistics.scores.harm import Weighed, answers_of, weigh
from bot.statistics.shortfall import Shortfall
from bot.statistics.texts import as_quantities
from bot.statistics.wording import count_of

BEFORE = 7
MOST_COMPARED = 100_000
MOST_BEFORE = 1_400_000  # more rows would tell no more, and take longer than one waits
LEAST_ROWS = 50
KEY_NAME = re.compile(r"(^|_)(id|uuid|guid|key|hash)$", re.IGNORECASE)
KEY_ROWS, KEY_SHARE = 1000, 0.95
SEEN_SHIFT = 0.25
LONGER = tuple(timedelta(hours=hours) for hours in (1, 6, 24, 24 * 7))


@dataclass(frozen=True, slots=True)
class Sides:
    """now: the window's rows. then: the reference's. reference: its name in words."""

    now: Frame
    then: Frame
    reference: str
    start: datetime
    end: datetime
    notes: tuple[str, ...]
    against: "Against | None" = None

    def answer(
        self,
        verdict: str,
        sentence: str,
        *,
        columns: Sequence[str] = (),
        rows: Sequence[Sequence[str]] = (),
        data: dict[str, object] | None = None,
        png: bytes | None = None,
        alt: str = "",
        notes: Sequence[str] = (),
    ) -> CheckResult:
        return CheckResult(
            verdict=verdict,
            sentence=sentence,
            columns=tuple(columns),
            rows=tuple(tuple(row) for row in rows),
            window_start=self.start,
            window_end=self.end,
            rows_read=self.now.rows,
            reference=self.reference,
            notes=(*self.notes, *notes),
            data=data or {},
            png=png,
            alt=alt,
        )


@dataclass(frozen=True, slots=True)
class Against:
    """Where the rows lie that the window is compared with."""

    part: Part
    start: datetime | None
    end: datetime | None
    words: str


def nothing_to_compare(against: Against) -> str:
    """Say that the other side is empty, and where to look."""
    todo = (
        "Look at what `data.reference` in muster.yaml points to"
        if against.part == "reference"
        else "Name rows to compare with as `data.reference` in muster.yaml"
    )
    return f"There is nothing to compare with: {against.words} has no rows. {todo}."


def against_of(question: Question, start: datetime, end: datetime) -> Against:
    if question.rows.data.reference:
        return Against("reference", None, None, "the reference")
    rows = question.rows.count("predictions", start, end)
    before = max(1, min(BEFORE, MOST_BEFORE // max(1, rows))) * (end - start)
    return Against("predictions", start - before, start, f"the {format_duration(before)} before")


def window_of(question: Question, usual: timedelta | None = None) -> tuple[datetime, datetime, tuple[str, ...]]:
    """Place the window: it ends at the question's moment, or with the newest row when nothing is that new."""
    data = question.rows.data
    length = question.params.window or usual or data.window
    end, notes = question.at, ()
    latest = question.rows.latest("predictions")
    if latest is not None and latest < end - length:
        end = latest + timedelta(microseconds=1)
        gap = format_duration(timedelta(minutes=max(1, round((question.at - latest) / timedelta(minutes=1)))))
        return end - length, end, (f"no rows are newer than {latest:%d %b %H:%M} UTC, {gap} before this was asked",)
    return end - length, end, notes


def read_sides(question: Question, columns: Sequence[str], *, most: int | None = MOST_COMPARED) -> Sides | CheckResult:
    """Read both sides; an answer at once when there is nothing, or too little, to compare.

    Of more than `most` rows of a side the same random sample is taken each time: at 100,000 rows the noise of any share
    is under two thousandths, far below what matters.
    """
    start, end, notes = window_of(question)
    rows, against = question.rows, against_of(question, start, end)
    wanted = list(dict.fromkeys(columns))
    known = set(rows.columns(against.part))
    kept = [name for name in wanted if name in known]
    foresee(rows, [("predictions", start, end, kept), (against.part, against.start, against.end, kept)])
    now = rows.window("predictions", start, end, wanted, most=most)
    then = rows.window(against.part, against.start, against.end, kept, most=most)
    now, then = _as_quantities(now, then)
    reference = against.words
    sides = Sides(now, then, reference, start, end, (*notes, *now.notes), against)
    if now.rows == 0:
        return sides.answer(NO_DATA, f"{question.model.name} has no rows {span(start, end)}. {longer(end - start)}")
    if then.rows == 0:
        return sides.answer(NO_DATA, nothing_to_compare(against))
    if now.rows < LEAST_ROWS:
        need = rows_to_see_shift(SEEN_SHIFT, reference_rows=then.rows) or LEAST_ROWS
        few = f"Only {count_of(now.rows, 'row')} {span(start, end)}"
        sentence = f"{few}; {need:,} needed to see a shift of {SEEN_SHIFT} sigma."
        return sides.answer(TOO_FEW, f"{sentence} {longer(end - start)}", data={"have": now.rows, "need": need})
    return sides


def _as_quantities(now: Frame, then: Frame) -> tuple[Frame, Frame]:
    """A file or a column that holds one text comes as text as a whole; what were numbers are numbers still."""
    both = {name: as_quantities(column, now.columns[name]) for name, column in then.columns.items()}
    columns = (
        now.columns | {name: two for name, (_, two) in both.items()},
        {name: one for name, (one, _) in both.items()},
    )
    return replace(now, columns=columns[0]), replace(then, columns=columns[1])


def span(start: datetime, end: datetime) -> str:
    """Say a window: `from 02:00 to 03:00 UTC`, with the day where it spans more than one."""
    same = start.date() == end.date()
    first = f"{start:%H:%M}" if same else f"{start.day} {start:%b %H:%M}"
    last = f"{end:%H:%M}" if same else f"{end.day} {end:%b %H:%M}"
    seconds = ":%S" if end - start < timedelta(minutes=2) else ""
    if seconds:
        return f"from {start:%H:%M:%S} to {end:%H:%M:%S} UTC"
    return f"from {first} to {last} UTC"


def longer(length: timedelta) -> str:
    wider = next((one for one in LONGER if one > length), None)
    return f"Try a longer window: window={format_duration(wider)}." if wider else "No longer window would help."


def features_of(question: Question) -> list[str]:
    """The features named in muster.yaml, else every column both sides have that is no key, time, answer or latency."""
    data = question.rows.data
    if data.features:
        return list(data.features)
    apart = {data.time, data.prediction, data.score, data.version, data.latency, *data.probabilities}
    apart |= {data.labels.key, data.labels.column, data.labels.time} if data.labels else set()
    names = question.rows.columns("predictions")
    if data.reference:
        known = set(question.rows.columns("reference"))
        names = [name for name in names if name in known]
    names = [name for name in names if name not in apart]
    keys = _keys(question, names)
    return [name for name in names if name not in keys]


def _keys(question: Question, names: Sequence[str]) -> set[str]:
    """Columns of text, or named like a key, in which nearly no value comes twice: they say which row it is."""
    rows = question.rows
    asked = [name for name in names if KEY_NAME.search(name) or not rows.is_number("predictions", name)]
    if not asked:
        return set()
    start, end, _ = window_of(question)
    frame = rows.window("predictions", start, end, asked, most=KEY_ROWS)
    if frame.rows < LEAST_ROWS:
        return set()
    return {name for name in asked if len(set(frame.columns[name].tolist())) > KEY_SHARE * frame.rows}


def answer_of(data: ModelData, rows: ModelRows) -> str | None:
    """The column by which harm is told: the score, else the answer, where both sides of a comparison have it."""
    name = data.score or data.prediction
    parts: tuple[Part, ...] = ("predictions", "reference") if data.reference else ("predictions",)
    return name if name and all(name in rows.columns(part) for part in parts) else None


def weighed(question: Question, found: list[FeatureDrift], sides: Sides, features: Sequence[str]) -> Weighed:
    """Findings weighed by what each move does to the model's answers, where both sides hold these and the features
    explain them; else as they are."""
    answer = answer_of(question.rows.data, question.rows)
    if answer is None or answer not in sides.now.columns or not any(one.drifted for one in found):
        return Weighed(found, {})
    then, now = ({name: side.columns[name] for name in features if name != answer} for side in (sides.then, sides.now))
    called = "the scores" if answer == question.rows.data.score else "the answers"
    answers = answers_of(sides.then.columns[answer], sides.now.columns[answer], called)
    told = weigh(found, then, now, answers, given=bool(question.rows.data.importances))
    return Weighed(found, {}) if isinstance(told, Shortfall) else told


def units_of(question: Question) -> dict[str, str]:
    return {name: one.unit for name, one in question.rows.data.features.items() if one.unit}


def unit_of(question: Question, feature: str) -> str:
    known = question.rows.data.features.get(feature)
    return f" {known.unit}" if known and known.unit else ""
