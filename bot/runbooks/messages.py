"""A step in Slack: what to do, what the checks say, and the buttons; a finished one is a single line."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    ContextBlock,
    InputBlock,
    MarkdownTextObject,
    Option,
    OverflowMenuElement,
    PlainTextInputElement,
    PlainTextObject,
    SectionBlock,
)
from slack_sdk.models.views import View

from bot.checks.messages import mark
from bot.runbooks.document import Branch, Go, Runbook, Step
from bot.runbooks.markdown import to_mrkdwn
from bot.runbooks.progress import bar
from bot.slack.text import clip, escape, link, local_time, mention, plain
from bot.tables import CheckRun, CheckState, RunbookRun, StepRun, StepState

NEAR = timedelta(minutes=2)
MOST_BUTTONS = 5
BUTTON_TEXT = 75
LABELS = {StepState.DONE: "✔", StepState.SKIPPED: "↷", StepState.FAILED: "✖", StepState.TIMED_OUT: "⏱"}


@dataclass(frozen=True, slots=True)
class StepFacts:
    """All that a step's message shows beside the step. actions: configured ones, name and title. seconds: the longest
    that a check may run."""

    runbook: Runbook
    document: Step
    text: str
    checks: Sequence[tuple[int, CheckRun]] = ()
    suggested: Branch | None = None
    actions: Sequence[tuple[str, str]] = ()
    url: str = ""
    seconds: float | None = None


def step_message(step: StepRun, facts: StepFacts, now: datetime) -> tuple[str, list[Block]]:
    of = len(facts.runbook.steps)
    head = f"Step {step.position} of {of} · {step.title}"
    if step.state != StepState.RUNNING:
        return head, [ContextBlock(elements=[MarkdownTextObject(text=_collapsed(step, of))])]
    lines = [f"*{escape(head)}*", to_mrkdwn(facts.text)]
    lines += _check_lines([run for _, run in facts.checks], facts.seconds, now)
    if step.note:
        lines.append(f"Recorded: {escape(step.note)}")
    if facts.document.question:
        lines.append(f"*{escape(facts.document.question)}*")
    lines += _hints(facts)
    blocks: list[Block] = [
        SectionBlock(block_id="step", text=MarkdownTextObject(text=clip("\n".join(one for one in lines if one)))),
        ContextBlock(elements=[MarkdownTextObject(text=_who_and_when(step, facts, now))]),
        ActionsBlock(block_id="step.actions", elements=_buttons(step, facts)),
    ]
    return head, blocks


def _collapsed(step: StepRun, of: int) -> str:
    who = f" · {mention(step.ended_by)}" if step.ended_by else ""
    when = f" {local_time(step.ended_at)}" if step.ended_at else ""
    answer = f" — *{escape(clip(step.answer, 200))}*" if step.answer else ""
    sign = LABELS.get(StepState(step.state), "·")
    return clip(f"{sign} Step {step.position} of {of} · {escape(step.title)}{answer}{who}{when}", 2000)


def _check_lines(runs: Sequence[CheckRun], seconds: float | None, now: datetime) -> list[str]:
    """A line for each check; checks that say the very same share one."""
    alike: dict[tuple[str | None, str] | int, list[CheckRun]] = {}
    for place, run in enumerate(runs):
        alike.setdefault((run.verdict, run.sentence) if run.state == CheckState.DONE else place, []).append(run)
    return [_check_line(some, seconds, now) for some in alike.values()]


def _check_line(runs: Sequence[CheckRun], seconds: float | None, now: datetime) -> str:
    run, names = runs[0], ", ".join(f"*{name}*" for name in dict.fromkeys(one.name for one in runs))
    if run.state == CheckState.QUEUED:
        return f"… {names} waits for its turn"
    if run.state == CheckState.RUNNING:
        since = round((now - (run.started_at or now)).total_seconds())
        return f"… {names} is running, {since} s{f' of at most {seconds:g} s' if seconds else ''}"
    return f"{mark(run.verdict)} {names} {run.verdict}: {escape(clip(run.sentence, 350))}"


def _hints(facts: StepFacts) -> list[str]:
    if facts.suggested is None:
        return []
    if facts.document.answers:
        return [f"Suggested: *{escape(facts.suggested.label)}*"]
    directive = facts.suggested.directive
    if directive.go is Go.TO and directive.step:
        target = facts.runbook.step(directive.step)
        return [f"{escape(facts.suggested.label)}: *Done* leads to “{escape(target.title if target else '')}”"]
    said = {
        Go.AGAIN: "run the checks again over a longer window",
        Go.ESCALATE: "call for help",
        Go.FALSE_ALARM: "*Done* closes it as a false alarm",
        Go.END: "*Done* ends the runbook",
        Go.NEXT: "*Done* leads to the next step",
    }
    return [f"{escape(facts.suggested.label)}: {said[directive.go]}"]


def _who_and_when(step: StepRun, facts: StepFacts, now: datetime) -> str:
    parts = [f"owner {mention(step.assignee)}" if step.assignee else "nobody has this step"]
    limit = facts.document.limit
    whom = escape((limit.escalate_to if limit else None) or facts.runbook.escalation or "the next level")
    if step.escalated_at:
        parts.append(f"{whom} called {local_time(step.escalated_at)}")
    elif step.due_at is not None:
        left = step.due_at - now
        soon = f"*{max(1, round(left / timedelta(minutes=1)))} min left*" if left <= NEAR else ""
        parts.append(f"{soon or 'until'} {local_time(step.due_at)}, then {whom}")
    if facts.url:
        parts.append(link(facts.url, facts.runbook.title))
    return clip(" · ".join(parts), 2000)


def _buttons(step: StepRun, facts: StepFacts) -> list[ButtonElement | OverflowMenuElement]:
    value = f"{step.id}:{step.version}"
    document = facts.document
    elements: list[ButtonElement | OverflowMenuElement] = []
    for place, branch in enumerate(document.answers[:MOST_BUTTONS]):
        style = "primary" if branch is facts.suggested or (facts.suggested is None and place == 0) else None
        elements.append(_button(branch.label, f"step.answer:{place}", value, style))
    if document.inputs:
        elements.append(_button("Record", "step.record", value, None if step.note else "primary"))
    if not document.answers and (step.note or not document.inputs):
        elements.append(_button("Done", "step.done", value, "primary"))
    if document.checks and facts.suggested and facts.suggested.directive.go is Go.AGAIN and not document.answers:
        elements.append(_button("Longer window", "step.longer", value, None))
    elements += [
        _button(title, f"action.ask:{name}", f"{step.incident_id}:{step.id}", None) for name, title in facts.actions
    ]
    more = [("skip", "Skip"), ("fail", "Failed"), ("mine", "Assign to me"), ("help", "Escalate")]
    more += [("again", "Run checks again")] if document.checks else []
    options = [Option(value=f"{what}:{value}", text=PlainTextObject(text=text)) for what, text in more]
    elements.append(OverflowMenuElement(action_id="step.more", options=options))
    return elements


def _button(text: str, action_id: str, value: str, style: str | None) -> ButtonElement:
    shown = PlainTextObject(text=clip(plain(text), BUTTON_TEXT))
    return ButtonElement(text=shown, action_id=action_id, value=value, style=style)


def finished_message(run: RunbookRun, runbook: Runbook) -> tuple[str, list[Block]]:
    value = str(run.incident_id)
    if run.outcome == "false alarm":
        text = f"{runbook.title}: the checks say that nothing is wrong."
        button = _button("Close as a false alarm", "incident.false_alarm", value, "primary")
    else:
        text = f"{runbook.title}: that was the last step. Are the answers right again?"
        button = _button("Resolve", "incident.resolve", value, "primary")
    other = _button("Resolve", "incident.resolve", value, None)
    elements = [button, other] if run.outcome == "false alarm" else [button]
    return text, [SectionBlock(text=MarkdownTextObject(text=escape(text))), ActionsBlock(elements=elements)]


def card_line(step: StepRun, of: int, now: datetime) -> str:
    """Say where the runbook stands, as one line of the card."""
    parts = [f"Step {step.position} of {of} {bar(step.position, of)} {escape(step.title)}"]
    if step.assignee:
        parts.append(mention(step.assignee))
    if step.due_at and not step.escalated_at:
        parts.append(f"until {local_time(step.due_at)}" if step.due_at > now else "over its time")
    return " · ".join(parts)


def record_view(step: StepRun, document: Step) -> View:
    return View(
        type="modal",
        callback_id="step.recorded",
        private_metadata=f"{step.id}:{step.version}",
        title=PlainTextObject(text=clip(plain(step.title), 24)),
        submit=PlainTextObject(text="Record"),
        close=PlainTextObject(text="Cancel"),
        blocks=[
            InputBlock(
                block_id=name,
                label=PlainTextObject(text=clip(plain(question), 2000)),
                element=PlainTextInputElement(action_id=name, multiline=True, max_length=1000),
            )
            for name, question in document.inputs.items()
        ],
    )
