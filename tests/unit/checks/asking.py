"""Asks one check in this process, as the command line would."""

from datetime import UTC, datetime

from bot.catalog.config import Limits
from bot.catalog.load import load_catalog
from bot.checks.catalogue import CHECKS
from bot.checks.contract import CheckRequest
from bot.checks.runner import run_check

NOW = datetime(2026, 11, 2, tzinfo=UTC)


def ask(config, line, at=NOW):
    check, params = CHECKS.read_line(line)
    model = load_catalog(config).models[0]
    request = CheckRequest(check.name, params, model.name, at)
    result = run_check(check, request, model, base=config.parent, limits=Limits(), isolated=False)
    assert result.verdict in (*check.verdicts, "not configured")
    assert len(result.rows) <= 8
    assert all(len(row) == len(result.columns) for row in result.rows)
    assert result.sentence.endswith((".", ";", "?")), result.sentence
    return result
