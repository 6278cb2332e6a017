"""The runbooks that incidents began with, and where each stands."""

from dataclasses import dataclass, field
from datetime import datetime

from sqlmodel import Session, col, select

from bot.core.errors import NotFoundError
from bot.runbooks.document import Runbook, Step
from bot.runbooks.messages import card_line
from bot.runbooks.parser import parse
from bot.runbooks.progress import Said
from bot.runbooks.template import fill
from bot.tables import CheckRun, CheckState, RunbookRun, RunbookVersion, StepCheck, StepRun, StepState


@dataclass(slots=True)
class Shelf:
    """Reads alone; nothing here changes a run."""

    _parsed: dict[str, Runbook] = field(default_factory=dict, init=False)

    def document(self, session: Session, text_hash: str) -> Runbook:
        """Return the text an incident started with, parsed."""
        if text_hash not in self._parsed:
            kept = session.get_one(RunbookVersion, text_hash)
            self._parsed[text_hash] = parse(kept.runbook_id, kept.source).runbook
        return self._parsed[text_hash]

    def here(self, session: Session, step_id: int) -> tuple[StepRun, RunbookRun, Step]:
        step = session.get(StepRun, step_id)
        if step is None:
            raise NotFoundError("This step is not there any more.")
        run = session.get_one(RunbookRun, step.run_id)
        document = self.document(session, run.runbook_hash).step(step.step_key)
        if document is None:
            raise NotFoundError("This step is not in the runbook the incident began with.")
        return step, run, document

    def read(self, session: Session, step_id: int) -> tuple[StepRun, RunbookRun, Runbook, Step]:
        step, run, document = self.here(session, step_id)
        return step, run, self.document(session, run.runbook_hash), document

    def checks_of(self, session: Session, step_id: int) -> list[tuple[int, CheckRun]]:
        """Return the newest run of each check line of a step, by its place."""
        rows = session.exec(
            select(StepCheck.position, CheckRun)
            .join(CheckRun, col(CheckRun.id) == StepCheck.check_run_id)
            .where(StepCheck.step_run_id == step_id)
            .order_by(col(StepCheck.id)),
        ).all()
        return sorted(dict(rows).items())

    def said(self, session: Session, step_id: int) -> list[Said]:
        finished = [run for _, run in self.checks_of(session, step_id) if run.state == CheckState.DONE]
        return [Said(run.name, run.verdict or "") for run in finished]

    def latest(self, session: Session, step_id: int) -> dict[int, dict[str, str]]:
        return {place: dict(run.params) for place, run in self.checks_of(session, step_id)}

    def card_line(self, session: Session, number: int, now: datetime) -> str | None:
        """Say where the runbook of an incident stands; None: none is running."""
        step = self.current(session, number)
        if step is None:
            return None
        run = session.get_one(RunbookRun, step.run_id)
        return card_line(step, len(self.document(session, run.runbook_hash).steps), now)

    def current(self, session: Session, number: int) -> StepRun | None:
        wanted = select(StepRun).where(StepRun.incident_id == number, StepRun.state == StepState.RUNNING)
        return session.exec(wanted).first()

    def text_of(self, run: RunbookRun, text: str) -> str:
        return fill(text, run.facts)
