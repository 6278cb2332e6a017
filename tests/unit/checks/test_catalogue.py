"""Every check can be loaded and says what it takes; listing them loads nothing heavy."""

import subprocess
import sys

import pytest

from bot.checks.catalogue import CHECKS
from bot.checks.registry import Params, usage

HEAVY = ("numpy", "scipy", "matplotlib", "duckdb", "sqlalchemy", "httpx", "fastapi", "slack_sdk")


@pytest.mark.parametrize("name", sorted(CHECKS.by_name))
def test_each_check_has_its_parameters_verdicts_and_an_answer(name):
    check = CHECKS.find(name)
    assert issubclass(check.params, Params)
    assert check.verdicts
    assert callable(check.load())
    assert "window=" in usage(check)


SCRIPT = """
import sys
from bot.entrypoints.cli import app
try:
    app(sys.argv[1:])
except SystemExit:
    print("loaded", *[name for name in {heavy} if name in sys.modules])
"""


@pytest.mark.parametrize("words", [["--help"], ["check", "list"]])
def test_the_command_line_starts_without_what_it_does_not_need(words):
    command = [sys.executable, "-c", SCRIPT.format(heavy=HEAVY), *words]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60)
    assert "drift" in done.stdout or "Usage" in done.stdout
    assert done.stdout.splitlines()[-1] == "loaded"
