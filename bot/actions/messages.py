"""What an action looks like in Slack. Builders take plain values and touch nothing."""

from datetime import datetime

from slack_sdk.models.blocks import (
    ActionsBlock,
    Block,
    ButtonElement,
    ContextBlock,
    InputBlock,
    MarkdownTextObject,
    PlainTextInputElement,
    PlainTextObject,
    SectionBlock,
)
from slack_sdk.models.views import View

from bot.actions.calls import Shown
from bot.actions.policy import DECIDED_WITHIN, approvers, others
from bot.catalog.config import Action
from bot.core.ids import incident_label
from bot.slack.text import clip, escape, local_time, mention, plain
from bot.tables import ActionRun, ActionState

_CODE = 2400
_MARKS = {
    ActionState.REQUESTED: "✋",
    ActionState.APPROVED: "⏳",
    ActionState.RUNNING: "⏳",
    ActionState.DONE: "✅",
    ActionState.FAILED: "❌",
    ActionState.REFUSED: "🚫",
}


def code(text: str) -> str:
    """Show text as it is: in a code block it can't leave."""
    return f"```\n{clip(_literal(text), _CODE)}\n```"


def _literal(text: str) -> str:
    return plain(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace("`", "ˋ")


def confirm_view(incident: int, action: Action, shown: Shown, private: str) -> View:
    """Ask the one who starts it whether they mean exactly this."""
    about = f"\n{escape(action.description)}" if action.description else ""
    check = f"\nAfterwards this is checked: `{_literal(action.verify)}`" if action.verify else ""
    text = f"*{escape(action.title)}* for *{incident_label(incident)}* changes a system.{about}{check}"
    return View(
        type="modal",
        callback_id="action.confirm",
        private_metadata=private,
        title=PlainTextObject(text="Change a system?"),
        submit=PlainTextObject(text="Run it"),
        close=PlainTextObject(text="Not now"),
        blocks=[
            SectionBlock(text=MarkdownTextObject(text=clip(text))),
            SectionBlock(text=MarkdownTextObject(text=f"Muster will call, once:\n{code(shown.calls)}")),
            InputBlock(
                block_id="reason",
                label=PlainTextObject(text="Why? It stands on the timeline."),
                optional=True,
                element=PlainTextInputElement(action_id="reason", max_length=300),
            ),
        ],
    )


def card(run: ActionRun, title: str, action: Action | None, shown: Shown | None) -> tuple[str, list[Block]]:
    """Build the one message of a run, edited until it ends."""
    state = ActionState(run.state)
    lines = [f"{_MARKS[state]} *{escape(title)}* · {_state(run, action)}"]
    if state in {ActionState.DONE, ActionState.FAILED}:
        lines.append(escape(run.result))
    if verified := _verified(run):
        lines.append(verified)
    blocks: list[Block] = [SectionBlock(text=MarkdownTextObject(text=clip("\n".join(lines))))]
    if state is ActionState.REQUESTED:
        if shown is not None:
            blocks.append(SectionBlock(text=MarkdownTextObject(text=f"It will call, once:\n{code(shown.calls)}")))
        blocks.append(
            ActionsBlock(
                elements=[
                    _button("Approve", "action.approve", str(run.id), "primary"),
                    _button("Refuse", "action.refuse", str(run.id), "danger"),
                ]
            )
        )
    blocks.append(ContextBlock(elements=[MarkdownTextObject(text=clip(_trail(run)))]))
    return f"{_MARKS[state]} {plain(title)}: {_plain_state(run)}", blocks


def _button(text: str, action_id: str, value: str, style: str) -> ButtonElement:
    return ButtonElement(text=PlainTextObject(text=text), action_id=action_id, value=value, style=style)


def _state(run: ActionRun, action: Action | None) -> str:
    match ActionState(run.state):
        case ActionState.REQUESTED:
            deciding = others(action, run.requested_by) if action else "nobody"
            by = local_time(run.requested_at + DECIDED_WITHIN)
            return f"{mention(run.requested_by)} asks; {deciding} decides, until {by}"
        case ActionState.APPROVED:
            return "approved; about to be called"
        case ActionState.RUNNING:
            return "calling…"
        case ActionState.DONE:
            return f"done {_when(run.finished_at)}"
        case ActionState.FAILED:
            return "*unknown whether it happened*" if run.data.get("happened") == "unknown" else "*did not work*"
        case ActionState.REFUSED:
            return escape(run.result)


def _plain_state(run: ActionRun) -> str:
    words = {ActionState.REQUESTED: "a second person has to approve it", ActionState.APPROVED: "approved"}
    state = ActionState(run.state)
    return plain(run.result) if run.result else words.get(state, state.value)


def _when(at: datetime | None) -> str:
    return local_time(at) if at else ""


def _verified(run: ActionRun) -> str | None:
    asked = run.data.get("verify")
    if not asked:
        return None
    line = _literal(str(asked.get("line", "")))
    if problem := asked.get("problem"):
        return f"❔ It could not be verified by `{line}`: {escape(str(problem))}"
    if "verdict" not in asked:
        return f"🔎 Verifying by `{line}`…"
    sentence = escape(str(asked.get("sentence") or ""))
    if asked.get("calm"):
        return f"✅ Verified: {sentence}"
    if asked.get("calm") is None:
        return f"❔ The check after it could not tell: {sentence} Ask again with `/incident check {line}`."
    return f"⚠️ Not better yet: {sentence} Look again before you resolve."


def _trail(run: ActionRun) -> str:
    said = [f"asked for by {mention(run.requested_by)} {local_time(run.requested_at)}"]
    if run.approved_by and run.approved_by != run.requested_by:
        said.append(f"approved by {mention(run.approved_by)}")
    if reason := run.data.get("reason"):
        said.append(f"“{escape(str(reason))}”")
    return " · ".join([*said, f"action {run.id}"])


def listing(incident: int, rows: list[tuple[Action, str | None]]) -> str:
    """List what can be done in an incident: each action, and why one can't be used now."""
    if not rows:
        return (
            f"No action is configured for *{incident_label(incident)}*. Add one under `actions:` in muster.yaml:"
            " `name`, `title`, `http: {method, url}` and `approvers:`."
        )
    lines = [f"Actions of *{incident_label(incident)}*:"]
    for action, off in rows:
        two = " · two people" if action.two_person else ""
        tail = f"off: {escape(off)}" if off else f"approved by {approvers(action)}{two}"
        lines.append(f"• `/incident action {action.name}` {escape(action.title)} · {tail}")
    return clip("\n".join(lines))
