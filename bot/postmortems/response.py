"""What helped the responders, what hindered them, and what made the fault possible. Pure; no person is named."""

from bot.postmortems.metrics import duration
from bot.postmortems.narrative import action_title, at, ended
from bot.postmortems.record import Record
from bot.tables import ActionRun, ActionState, Change, CheckRun, CheckState, StepRun, StepState

FOUND = frozenset({"high", "outside", "unit change", "drifted", "concentrated", "degraded", "recent changes"})
RULED_OUT = frozenset({"ok", "stable", "spread", "no change", "holds", "none"})
_LADDER = {
    "escalation.unreachable": "A call reached nobody",
    "escalation.exhausted": "Escalation",
    "escalation.expired": "Escalation",
    "channel.failed": "Slack",
}


def helped(record: Record) -> list[str]:
    """Steps that were finished, checks that found or excluded something, actions that worked."""
    said = [_done(step, record) for step in record.steps if step.state == StepState.DONE]
    for check in _answered(record):
        if check.verdict in FOUND:
            said.append(ended(f"Check {_check(check)} found something: {record.names.unnamed(check.sentence)}"))
        elif check.verdict in RULED_OUT:
            said.append(ended(f"Check {_check(check)} excluded something: {record.names.unnamed(check.sentence)}"))
    said += [
        ended(
            f"Action “{action_title(record, run.name)}” worked{_took(run)}:"
            f" {record.names.unnamed(run.result)}{_after(run, record)}"
        )
        for run in record.actions
        if run.state == ActionState.DONE
    ]
    return said


def _done(step: StepRun, record: Record) -> str:
    took = f" in {duration(step.ended_at - step.started_at)}" if step.ended_at else ""
    answer = f", with the answer “{record.names.unnamed(step.answer)}”" if step.answer else ""
    note = f": {record.names.unnamed(step.note)}" if step.note else ""
    return ended(f"{_step(step)} was done{took}{answer}{note}")


def _took(run: ActionRun) -> str:
    return f" in {duration(run.finished_at - run.started_at)}" if run.finished_at and run.started_at else ""


def _after(run: ActionRun, record: Record) -> str:
    """Tell what the check after an action saw."""
    sentence = (run.data.get("verify") or {}).get("sentence")
    return f" The check after it: {record.names.unnamed(str(sentence))}" if sentence else ""


def _step(step: StepRun) -> str:
    return f"Step {step.position} “{step.title}”"


def _check(check: CheckRun) -> str:
    given = "".join(f" {name}={value}" for name, value in sorted(check.params.items()))
    return f"{check.name}{given} (E-{check.id})"


def _answered(record: Record) -> list[CheckRun]:
    return [check for check in record.checks if check.state == CheckState.DONE]


def hindered(record: Record) -> list[str]:
    """Steps that were skipped, failed or ran out of time; checks and actions that gave nothing; calls nobody heard."""
    names = record.names
    said = [_stuck(step, record) for step in record.steps if step.state in _STUCK or step.escalated_at]
    for check in record.checks:
        if check.state != CheckState.DONE:
            said.append(f"Check {_check(check)} has no answer in the record.")
        elif check.verdict not in FOUND | RULED_OUT:
            said.append(
                ended(f"Check {_check(check)} could not tell ({check.verdict}): {names.unnamed(check.sentence)}")
            )
    for run in record.actions:
        if run.state in {ActionState.FAILED, ActionState.REFUSED}:
            unsure = run.data.get("happened") == "unknown"
            failed = "may or may not have worked" if unsure else "failed"
            state = failed if run.state == ActionState.FAILED else "was not run"
            why = f": {names.unnamed(run.result)}" if run.result else ""
            said.append(ended(f"Action “{action_title(record, run.name)}” {state}{why}"))
    said += [
        ended(f"{_LADDER[moment.kind]}: {names.unnamed(moment.text)}")
        for moment in record.moments
        if moment.kind in _LADDER
    ]
    if not record.steps:
        said.append("No runbook step is on record: the response was improvised, or happened elsewhere.")
    if record.incident.resolved_at and record.incident.acknowledged_at is None:
        said.append("Nobody acknowledged it.")
    return said


_STUCK = {
    StepState.SKIPPED: "was skipped",
    StepState.FAILED: "failed",
    StepState.TIMED_OUT: "ran out of time",
}


def _stuck(step: StepRun, record: Record) -> str:
    state = _STUCK.get(StepState(step.state), "took longer than its limit")
    limit = f" (limit {duration(step.due_at - step.started_at)})" if step.due_at else ""
    took = f" after {duration(step.ended_at - step.started_at)}" if step.ended_at else ""
    called = ", and help was called" if step.escalated_at else ""
    note = f": {record.names.unnamed(step.note)}" if step.note else ""
    return ended(f"{_step(step)} {state}{took}{limit}{called}{note}")


def factors(record: Record) -> list[str]:
    """Changes before the onset and what the evidence says of the fault; never who made a change."""
    onset = record.incident.onset_at
    said = [_before(change, record) for change in sorted(record.changes, key=lambda change: change.at, reverse=True)]
    hypotheses = [record.incident.cause] if record.incident.cause else []
    hypotheses += [alert.summary or alert.name for alert in record.alerts if alert.role == "diagnostic"]
    said += [
        ended(f"Fault hypothesis of the evidence: {record.names.unnamed(text)}") for text in dict.fromkeys(hypotheses)
    ]
    said += [
        ended(f"Check {_check(check)} says: {record.names.unnamed(check.sentence)}")
        for check in _answered(record)
        if check.verdict in FOUND - {"recent changes"}
    ]
    if not said:
        return [f"Not recorded: no change is known near {at(onset)}, and no evidence names a fault."]
    return said


def _before(change: Change, record: Record) -> str:
    onset = record.incident.onset_at
    gap, moment = onset - change.at, at(change.at, beside=onset)
    when = "before" if gap.total_seconds() >= 0 else "after"
    version = f" {change.version}" if change.version and change.version not in change.title else ""
    model = f" of {change.model}" if change.model else ""
    title = record.names.unnamed(change.title)
    return f"A {change.kind} change{model} {duration(abs(gap))} {when} the onset, at {moment}: {title}{version}."
