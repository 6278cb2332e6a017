"""Who may change a system, and who decides. Pure; `known` tells whether Slack has called them a full member."""

from datetime import timedelta

from bot.catalog.config import Action
from bot.core.errors import BotError
from bot.slack.text import mention
from bot.tables import ActionRun

DECIDED_WITHIN = timedelta(minutes=10)
UNKNOWN = (
    "Muster has not heard from Slack yet whether you are a full member of this workspace, and without that nothing"
    " is changed. It is asking now; press again in a few seconds."
)


class RefusedError(BotError):
    """Somebody may not do this; the attempt is kept on the timeline. The message is mrkdwn, for them alone."""

    status = 403


def off(action: Action) -> str | None:
    """Tell how to switch on an action nobody may approve yet."""
    if action.approvers:
        return None
    return (
        f"The action `{action.name}` is off: nobody is named who may approve it. Add Slack user ids under its"
        " `approvers:` in muster.yaml, then restart Muster."
    )


def check_may_ask(action: Action, user: str, *, known: bool) -> None:
    """Whoever starts it alone must be an approver; where two are needed, a member asks and an approver decides."""
    if not known:
        raise RefusedError(UNKNOWN)
    if action.two_person:
        if set(action.approvers) <= {user}:
            text = f"`{action.name}` needs two people, and you are its only approver: name another in muster.yaml."
            raise RefusedError(text)
    elif user not in action.approvers:
        raise RefusedError(f"`{action.name}` changes a system; only {approvers(action)} may start it. Ask one of them.")


def check_may_decide(action: Action, run: ActionRun, user: str, *, known: bool) -> None:
    if not known:
        raise RefusedError(UNKNOWN)
    if user not in action.approvers:
        raise RefusedError(f"Only {approvers(action)} may approve `{action.name}`. Ask one of them.")
    if user == run.requested_by:
        raise RefusedError(
            f"You asked for `{action.name}` yourself; somebody else approves it: {others(action, user)}."
        )


def check_may_refuse(action: Action, run: ActionRun, user: str, *, known: bool) -> None:
    """An approver may refuse, and whoever asked may withdraw."""
    if not known:
        raise RefusedError(UNKNOWN)
    if user != run.requested_by and user not in action.approvers:
        raise RefusedError(f"Only {approvers(action)}, or whoever asked, may refuse `{action.name}`.")


def approvers(action: Action) -> str:
    return " or ".join(mention(user) for user in action.approvers)


def others(action: Action, user: str) -> str:
    """Name who can approve what this user asks for."""
    return " or ".join(mention(one) for one in action.approvers if one != user)
