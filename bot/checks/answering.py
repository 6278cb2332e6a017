"""Asks one check in the process it is to run in, with a meter on what it reads."""

from collections.abc import Callable
from dataclasses import replace

from bot.checks.contract import CheckResult
from bot.checks.registry import Question
from bot.data.metered import MeteredRows


def answer(run: Callable[[Question], CheckResult], question: Question) -> CheckResult:
    """Answer with a note of large reads. Raises BotError, also for what would read too much."""
    rows = MeteredRows(question.rows)
    found = run(replace(question, rows=rows))
    return replace(found, notes=(*found.notes, *rows.notes()))
