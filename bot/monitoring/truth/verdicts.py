"""What the labels say in the end of an incident: a line in its timeline, its channel and its postmortem, once."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from slack_sdk.models.blocks import MarkdownTextObject, SectionBlock
from sqlmodel import Session, col, select

from bot.catalog.monitors import MonitorMetric
from bot.checks.label_delay import length
from bot.checks.labelled import Kind, present, texts
from bot.checks.measure_words import name_of, shown
from bot.core.database import Database
from bot.data import ModelRows
from bot.incidents.service import incident_id
from bot.monitoring.budgets.history import past_of
from bot.monitoring.judges.terms import LeftOut
from bot.monitoring.service import SOURCE
from bot.monitoring.truth.cohorts import Cohorts
from bot.monitoring.truth.labels import LEAST_CLASS, MARKS, read_answers, taken
from bot.monitoring.watched import Watched, key_of
from bot.monitoring.windows import Window
from bot.outbox.kinds import Kind as OutboxKind
from bot.outbox.kinds import Message, MessageKind, NotYetError
from bot.outbox.queue import Priority, put
from bot.slack.text import escape
from bot.statistics.drop import guarded_drop, varies_by
from bot.statistics.performance import LOWER_IS_BETTER, Measure, Performance
from bot.statistics.shortfall import Shortfall
from bot.statistics.wording import percent
from bot.tables import Alert, Incident, MonitorResult, OutboxRow
from bot.timeline.mentioned import by_number
from bot.timeline.service import record

CAME, SAID = "labels.came", "incident.labels_came"
LABELS = "labels"
LEAST_DROP = 0.02
MONTH, LONGEST_AGO = timedelta(days=30), timedelta(days=400)
ENOUGH, LATE_ENOUGH = 0.5, 1.5
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Affected:
    """An incident and the stretch of predictions it was about. estimates: (value, rows) of its windows, by measure."""

    number: int
    stretch: Window
    leaves_out: LeftOut
    estimates: dict[str, list[tuple[float, int]]]


@dataclass(frozen=True, slots=True)
class LabelVerdict:
    """What the labels of an incident say.

    fell: beyond chance and worth it. estimated: what had been estimated.
    missed: positive rows that were not called so; usual_missed: how many of as many usually are.
    """

    stretch: Window
    measure: Measure
    usual: float
    value: float
    fell: bool
    labels: int
    part: float
    estimated: float | None
    positive: str | None
    missed: int | None
    usual_missed: int | None

    def sentence(self, now: datetime) -> str:
        """`Labels for 2 to 9 Nov arrived (21 days later): AUC really fell from 91 % to 78 % (1,204 labels, 96 % of
        those that come); we estimated 80 %. 57 `late` rows were missed, where 20 would be usual.`"""
        late = length(max(0.0, (now - self.stretch.end).total_seconds()))
        before, after = shown(self.measure, self.usual), shown(self.measure, self.value)
        count = f"({self.labels:,} labels, {percent(self.part)} of those that come)"
        name = name_of(self.measure)
        if self.fell:
            verb = "rose" if self.measure in LOWER_IS_BETTER else "fell"
            said = f"{name} really {verb} from {before} to {after} {count}"
        else:
            said = f"they say nothing was lost, {name} {after}, usually {before} {count}"
        if self.estimated is not None:
            said += f"; we estimated {shown(self.measure, self.estimated)}"
        missed = ""
        if self.fell and self.missed is not None:
            missed = f" {self.missed:,} `{self.positive}` rows were missed, where {self.usual_missed:,} would be usual."
        return f"Labels for {_days(self.stretch)} arrived ({late} later): {said}.{missed}"


def follow_incidents(database: Database, one: Watched, rows: ModelRows, now: datetime) -> int:
    """Tell the incidents of a model what their labels say, once enough of them are in. Returns how many were told.

    Only the model's first performance monitor speaks. Reading happens outside transactions.
    """
    own = [monitor for monitor in one.model.monitors if monitor.metric is MonitorMetric.PERFORMANCE]
    if not own or own[0] != one.monitor:
        return 0
    with database.reading() as session:
        waiting = open_questions(session, one, now)
    told = 0
    for affected in waiting:
        found = verdict_of(one, rows, affected, now)
        if found is not None:
            with database.transaction() as session:
                told += settle(session, affected.number, found, now)
    return told


def open_questions(session: Session, one: Watched, now: datetime) -> list[Affected]:
    """Incidents of the model whose labels have not spoken of all that they were about."""
    found = session.exec(
        select(Incident).where(Incident.model == one.model.name, col(Incident.onset_at) > now - LONGEST_AGO)
    ).all()
    waiting = []
    for incident in found:
        stretch = _stretch(session, incident, one.monitor.window)
        if incident.impact.get(LABELS, {}).get("end", "") >= stretch.end.isoformat() or stretch.end > now:
            continue
        past = past_of(session, one, stretch)
        waiting.append(Affected(incident_id(incident), stretch, past.leaves_out, _estimates(session, one, stretch)))
    return waiting


def _stretch(session: Session, incident: Incident, least: timedelta) -> Window:
    """From the onset until users were served well again; of an incident under way, the windows that showed it."""
    end = incident.mitigated_at or incident.resolved_at or _shown_until(session, incident)
    return Window(incident.onset_at, max(end, incident.onset_at + min(least, DAY)))


def _shown_until(session: Session, incident: Incident) -> datetime:
    """The end of the first window of our own monitors that opened it, else the moment it was seen."""
    alerts = session.exec(
        select(Alert).where(Alert.incident_id == incident.id, Alert.source == SOURCE.name).order_by(col(Alert.id))
    ).all()
    ends = [alert.labels["window_end"] for alert in alerts if "window_end" in alert.labels]
    return min(datetime.fromisoformat(ends[0]), incident.detected_at) if ends else incident.detected_at


def _estimates(session: Session, one: Watched, stretch: Window) -> dict[str, list[tuple[float, int]]]:
    """What estimate monitors had said of windows in the stretch."""
    keys = [
        key_of(one.model.name, monitor.name)
        for monitor in one.model.monitors
        if monitor.metric is MonitorMetric.ESTIMATE
    ]
    results = session.exec(
        select(MonitorResult).where(
            col(MonitorResult.key).in_(keys),
            col(MonitorResult.window_end) > stretch.start,
            col(MonitorResult.window_start) < stretch.end,
        )
    ).all()
    said: dict[str, list[tuple[float, int]]] = {}
    for result in results:
        if result.value is not None and "measure" in result.data:
            said.setdefault(str(result.data["measure"]), []).append((result.value, result.rows))
    return said


def verdict_of(one: Watched, rows: ModelRows, affected: Affected, now: datetime) -> LabelVerdict | None:
    """Measure the stretch against as much time before it as a month, all at equal age. None: too few labels are in."""
    stretch = affected.stretch
    before = stretch.start - max(MONTH, 3 * stretch.length)
    answers = read_answers(one, rows, before, stretch.end, now)
    cohorts = Cohorts(one, rows, stretch, now, answers, affected.leaves_out)
    if cohorts.labels < LEAST_CLASS or not _mature(cohorts):
        return None
    current, past = cohorts.current, cohorts.past
    usual = cohorts.pooled(past) if past else None
    if not isinstance(current, Performance) or not isinstance(usual, Performance):
        return None
    values = [one.performance for one in past]
    varies = varies_by([one.value for one in values], [one.error for one in values])
    drop = guarded_drop(usual, current, least=LEAST_DROP, varies=varies)
    missed, usual_missed = _missed(cohorts)
    task, _ = cohorts.sides
    said = affected.estimates.get(str(current.measure), [])
    weight = sum(size for _, size in said)
    return LabelVerdict(
        stretch,
        current.measure,
        usual.value,
        current.value,
        drop.sure,
        cohorts.labels,
        cohorts.part,
        sum(value * size for value, size in said) / weight if weight else None,
        task.positive,
        missed,
        usual_missed,
    )


def _mature(cohorts: Cohorts) -> bool:
    """Nearly all labels are in; or long after they should have been, most are."""
    if cohorts.part >= MARKS[-1]:
        return True
    curve = cohorts.curve
    nearly = None if isinstance(curve, Shortfall) else curve.age_of(MARKS[-1])
    age = (cohorts.now - cohorts.window.end).total_seconds()
    return nearly is not None and age > LATE_ENOUGH * nearly and cohorts.part >= ENOUGH


def _missed(cohorts: Cohorts) -> tuple[int | None, int | None]:
    """Positive rows that were not called so, and how many of as many positives are usually missed."""
    task, side = cohorts.sides
    if task.kind is not Kind.TWO or side.answers is None:
        return None, None
    place = cohorts.answers.within(cohorts.window)
    counts = []
    for which in (slice(0, place.start), place):
        some = taken(side, which)
        assert some.answers is not None
        positive = (texts(some.labels) == task.positive) & present(some.answers)
        counts.append((int(positive.sum()), int((positive & (texts(some.answers) != task.positive)).sum())))
    (then, then_missed), (now, missed) = counts
    return missed, round(now * then_missed / then) if then else 0


def settle(session: Session, number: int, verdict: LabelVerdict, now: datetime) -> bool:
    """Keep what the labels say and tell the incident's people; False when that was said already."""
    incident = by_number(session, number, lock=True)
    end = verdict.stretch.end.isoformat()
    if incident.impact.get(LABELS, {}).get("end", "") >= end:
        return False
    text = verdict.sentence(now)
    kept: dict[str, Any] = {
        "end": end,
        "sentence": text,
        "measure": str(verdict.measure),
        "usual": verdict.usual,
        "value": verdict.value,
        "fell": verdict.fell,
        "labels": verdict.labels,
        "estimated": verdict.estimated,
        "missed": verdict.missed,
    }
    incident.impact = {**incident.impact, LABELS: kept}
    session.add(incident)
    record(session, number, now, kind=CAME, text=text, data=kept, source_key=f"{LABELS}:{end}")
    put(
        session,
        now,
        kind=SAID,
        key=f"{LABELS}:{number}:{end}",
        lane=f"{LABELS}:{number}",
        priority=Priority.DIGEST,
        payload={"text": text},
        incident_id=number,
    )
    return True


class LabelDeliveries:
    """The line about the labels, in the incident's channel or in the thread that stands for one."""

    def kinds(self) -> list[OutboxKind]:
        return [MessageKind(SAID, self._said)]

    def _said(self, session: Session, row: OutboxRow, _now: datetime) -> Message:
        incident = by_number(session, row.incident_id or 0)
        text = escape(str(row.payload["text"]))
        blocks = [SectionBlock(text=MarkdownTextObject(text=text))]
        if incident.channel_id and incident.card_ts:
            return Message(channel=incident.channel_id, text=text, blocks=blocks)
        if incident.announce_channel and incident.announce_ts:
            return Message(incident.announce_channel, text, blocks, thread_ts=incident.announce_ts)
        raise NotYetError


def _days(stretch: Window) -> str:
    """`2 Nov`, `2 to 9 Nov`: the days that a stretch touches."""
    first, last = stretch.start, stretch.end - timedelta(microseconds=1)
    if first.date() == last.date():
        return f"{first.day} {first:%b}"
    month = "" if first.month == last.month else f" {first:%b}"
    return f"{first.day}{month} to {last.day} {last:%b}"


__all__ = ["CAME", "LabelDeliveries", "LabelVerdict", "follow_incidents", "open_questions", "settle", "verdict_of"]
