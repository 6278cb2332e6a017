"""Where a runbook goes next: pure steps over the document."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from bot.catalog.values import format_duration, parse_duration
from bot.runbooks.document import Branch, Directive, Go, Runbook, Step

WINDOWS = ("1h", "6h", "24h", "7d")


@dataclass(frozen=True, slots=True)
class Said:
    """What one check of a step answered."""

    check: str
    verdict: str


def suggested(step: Step, said: Sequence[Said]) -> Branch | None:
    """Return the answer or result that the checks speak for: the first in the order of the file."""
    for branch in (*step.answers, *step.results):
        for when in branch.suggested_by:
            if any(one.verdict == when.verdict and when.check in {None, one.check} for one in said):
                return branch
    return None


def next_step(runbook: Runbook, step: Step, directive: Directive) -> Step | None:
    """Return the step a directive leads to; None: it leads to none (the end, or staying here)."""
    if directive.go is Go.TO and directive.step:
        return runbook.step(directive.step)
    if directive.go is not Go.NEXT:
        return None
    following = runbook.steps[runbook.place(step.key) :]
    return following[0] if following else None


def longer_window(params: Mapping[str, str], usual: timedelta) -> dict[str, str]:
    """Return the parameters with the next longer window of the usual ones."""
    now = parse_duration(params["window"]) if params.get("window") else usual
    wider = next((one for one in WINDOWS if parse_duration(one) > now), format_duration(2 * now))
    return {**params, "window": wider}


def bar(place: int, of: int) -> str:
    return "▓" * place + "░" * (of - place)
