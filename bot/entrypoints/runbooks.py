"""`muster runbook`: for authors."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bot.core.errors import BotError

if TYPE_CHECKING:
    from bot.runbooks.library import Library

runbook_app = typer.Typer(help="Read, lint and try runbooks.", no_args_is_help=True)


@runbook_app.command()
def lint(
    path: Annotated[Path | None, typer.Argument(help="A file or folder; default the configured one")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts")] = False,
) -> None:
    """Find dead branches, unknown checks, steps no way leads to. Exit status 1 when there is an error."""
    from bot.catalog.load import load_catalog
    from bot.checks.catalogue import CHECKS
    from bot.core.clock import SystemClock
    from bot.core.settings import Settings
    from bot.runbooks.lint import lint_folder

    settings = Settings()
    where = path or settings.runbooks
    if not where.exists():
        raise BotError(f"There is nothing at {where}.")
    actions = [one.name for one in load_catalog(settings.config).actions] if settings.config else None
    found = lint_folder(where, CHECKS, SystemClock().now().date(), actions=actions)
    if as_json:
        print(json.dumps([asdict(one) for one in found], indent=2))
    else:
        for one in found:
            print(one)
        errors = sum(one.level == "error" for one in found)
        print(f"{errors} errors, {len(found) - errors} warnings.")
    if any(one.level == "error" for one in found):
        raise typer.Exit(1)


@runbook_app.command("list")
def listed() -> None:
    """Every runbook, and what it is for."""
    for one in _library().runbooks.values():
        kinds = ", ".join(str(kind) for match in one.matches for kind in match.kinds) or "everything else"
        print(f"{one.id:28} {one.title} ({len(one.steps)} steps; {kinds})")


@runbook_app.command()
def show(name: Annotated[str, typer.Argument(help="Its file's name without .md")]) -> None:
    """Print one."""
    print(_library().get(name).source)


@runbook_app.command()
def run(
    name: Annotated[str, typer.Argument(help="Its file's name without .md")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Walk through it here; nothing is run")] = True,
) -> None:
    """Walk through a runbook in the terminal: you play the checks and the responder."""
    from bot.runbooks.document import Directive, Go
    from bot.runbooks.progress import Said, next_step, suggested

    if not dry_run:
        raise BotError("A real run needs an incident: `/incident runbook start <name>` in its channel.")
    runbook = _library().get(name)
    step = runbook.steps[0] if runbook.steps else None
    while step is not None:
        print(f"\nStep {runbook.place(step.key)} of {len(runbook.steps)} · {step.title}\n{step.text}")
        said = []
        for line in step.checks:
            verdict = typer.prompt(f"  {line.line}\n  its verdict", default="", show_default=False)
            said.append(Said(line.name, verdict))
        hint = suggested(step, said)
        if step.answers:
            print(f"{step.question}")
            for number, branch in enumerate(step.answers, start=1):
                print(f"  {number}. {branch.label}: {branch.directive}{'   <- suggested' if branch is hint else ''}")
            chosen = step.answers[_choice(len(step.answers)) - 1].directive
        else:
            chosen = hint.directive if hint else Directive(Go.NEXT)
            print(f"-> {chosen}")
            typer.prompt("Enter goes on", default="", show_default=False)
        if chosen.go in {Go.AGAIN, Go.ESCALATE}:
            print(f"({chosen}; then this step again)")
            continue
        step = next_step(runbook, step, chosen)
    print("\nThe end: resolve the incident, or close it as a false alarm.")


def _choice(most: int) -> int:
    while True:
        number: int = typer.prompt("answer", type=int)
        if 1 <= number <= most:
            return number
        print(f"Answer with a number from 1 to {most}.")


def _library() -> "Library":
    from bot.core.settings import Settings
    from bot.runbooks.library import load

    return load(Settings().runbooks)
