"""What a check answers when it can't look: each reason a verdict of its own, with what to do."""

from bot.checks.contract import FAILED, NOT_CONFIGURED, TIMED_OUT, CheckResult
from bot.core.errors import BotError
from bot.data import TooSlowError, UnreadableError


def refusal(error: BotError) -> CheckResult:
    """`not configured` is for muster.yaml to mend; a broken file or a database that is down is not."""
    if isinstance(error, TooSlowError):
        return CheckResult(TIMED_OUT, error.message)
    return CheckResult(FAILED if isinstance(error, UnreadableError) else NOT_CONFIGURED, error.message)
