"""`muster runbook run --dry-run`: an author plays the checks and the responder."""

from typer.testing import CliRunner

from bot.entrypoints.cli import app


def play(*lines):
    return CliRunner().invoke(app, ["runbook", "run", "data-drift"], input="\n".join(lines) + "\n")


def test_one_walks_from_a_verdict_to_a_decision():
    result = play("drifted", "", "ok", "unit change", "fault found", "9", "1", *[""] * 3)
    assert "Step 1 of " in result.output
    assert "-> next step" in result.output
    assert "1. Unit or schema change upstream" in result.output
    assert "<- suggested" in result.output
    assert "Answer with a number from 1 to 4." in result.output
    assert "Isolate the source" in result.output.split("Answer with a number")[1]


def test_a_false_alarm_ends_at_once():
    result = play("stable", "", "1")
    assert result.exit_code == 0, result.output
    assert result.output.rstrip().endswith("The end: resolve the incident, or close it as a false alarm.")
