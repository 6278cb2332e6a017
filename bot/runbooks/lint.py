"""What is wrong with a runbook, each with its line: for authors, before an incident."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from bot.checks.contract import FAILED, NOT_CONFIGURED, TIMED_OUT
from bot.checks.registry import Registry, read_params
from bot.core.errors import BotError
from bot.runbooks.document import Branch, Go, Runbook, Step
from bot.runbooks.library import Library, read
from bot.runbooks.messages import MOST_BUTTONS
from bot.runbooks.parser import Parsed
from bot.runbooks.template import NAMES, fill_check, pieces, unknown_names

STALE = timedelta(days=365)
ANY_CHECK = (NOT_CONFIGURED, FAILED, TIMED_OUT)


@dataclass(frozen=True, slots=True)
class Finding:
    """level: `error` or `warning`."""

    file: str
    line: int
    level: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.level}: {self.message}"


def lint_folder(
    folder: Path, checks: Registry, today: date, *, actions: Collection[str] | None = None
) -> list[Finding]:
    """Look at every runbook of a folder, or at one file, and at how they stand beside each other."""
    files = [folder] if folder.is_file() else sorted(folder.glob("*.md"))
    findings: list[Finding] = []
    library = Library()
    for path in files:
        if path.name.lower() == "readme.md":
            continue
        try:
            parsed = read(path)
        except BotError as error:
            _, _, rest = error.message.partition(":")
            number, _, message = rest.partition(":")
            line = int(number) if number.isdigit() else 1
            findings.append(Finding(path.name, line, "error", (message if number.isdigit() else error.message).strip()))
            continue
        except (OSError, UnicodeDecodeError) as error:
            findings.append(Finding(path.name, 1, "error", f"can't be read; save it as UTF-8 text: {error}"))
            continue
        library.runbooks[path.stem] = parsed.runbook
        findings += lint(path.name, parsed, checks, today, actions=actions)
    return findings + list(_rivals(library))


def lint(
    file: str, parsed: Parsed, checks: Registry, today: date, *, actions: Collection[str] | None = None
) -> list[Finding]:
    runbook = parsed.runbook
    found = [Finding(file, problem.line, problem.level, problem.message) for problem in parsed.problems]
    for step in runbook.steps:
        found += [Finding(file, line, level, said) for line, level, said in _of_step(step, checks, actions)]
    reached = _reached(runbook)
    found += [
        Finding(file, step.at, "error", f"no way leads to “{step.title}”")
        for step in runbook.steps
        if step.key not in reached
    ]
    if runbook.escalation is None and not any(_calls_for_help(step) for step in runbook.steps):
        found.append(Finding(file, 1, "warning", "nobody is ever called: add `escalation:` or a time limit to a step"))
    if runbook.reviewed is None or today - runbook.reviewed > STALE:
        found.append(Finding(file, 1, "warning", "not reviewed within a year; read it and set `reviewed:`"))
    return sorted(found, key=lambda one: (one.line, one.message))


def _of_step(step: Step, checks: Registry, actions: Collection[str] | None) -> Iterable[tuple[int, str, str]]:
    verdicts: dict[str, tuple[str, ...]] = {}
    for line in step.checks:
        yield from _names(line.line, line.at)
        try:
            name, params = fill_check(line.line, dict.fromkeys(NAMES, "1h"))
            check = checks.find(name)
            verdicts[name] = check.verdicts
            read_params(check, params)
            yield from _of_params(line.line, line.at)
        except BotError as error:
            yield line.at, "error", error.message
    yield from _names(step.text, step.at)
    for branch in (*step.results, *step.answers):
        yield from _of_branch(step, branch, verdicts)
    if len(step.answers) > MOST_BUTTONS:
        last = step.answers[MOST_BUTTONS]
        yield last.at, "error", f"“{last.label}” gets no button: a decision has at most {MOST_BUTTONS} answers"
    for name in step.actions:
        if actions is not None and name not in actions:
            yield step.at, "warning", f"no action `{name}` is configured in muster.yaml"
    if not (step.text or step.checks or step.actions or step.question):
        yield step.at, "warning", f"“{step.title}” says nothing to do"


def _names(text: str, at: int) -> Iterable[tuple[int, str, str]]:
    for name in unknown_names(text):
        yield at, "error", f"`{{{{ {name} }}}}` is not known; there is {', '.join(NAMES)}"


def _of_params(line: str, at: int) -> Iterable[tuple[int, str, str]]:
    for piece in pieces(line)[1:]:
        name, sign, value = piece.partition("=")
        if not sign:
            yield at, "error", f"`{name}` is not a parameter; write it as name=value"
        elif value.count('"') % 2:
            yield at, "error", f"a quotation mark is not closed in `{piece}`"


def _of_branch(step: Step, branch: Branch, by_check: Mapping[str, Collection[str]]) -> Iterable[tuple[int, str, str]]:
    for when in branch.suggested_by:
        verdicts = {one for name, some in by_check.items() if when.check in {None, name} for one in some}
        if not step.checks:
            yield branch.at, "error", f"“{when.verdict}” is a check's answer, and this step has no check"
        elif when.check and by_check and when.check not in by_check:
            yield branch.at, "error", f"this step does not run `{when.check}`, so it never answers “{when.verdict}”"
        elif verdicts and when.verdict not in {*verdicts, *ANY_CHECK}:
            known = ", ".join(sorted(verdicts))
            yield branch.at, "error", f"no check of this step answers “{when.verdict}”; they answer {known}"
    if branch.directive.go is Go.AGAIN and not step.checks:
        yield branch.at, "error", "there is no check to run again in this step"


def _calls_for_help(step: Step) -> bool:
    return step.limit is not None or any(one.directive.go is Go.ESCALATE for one in (*step.answers, *step.results))


def _reached(runbook: Runbook) -> set[str]:
    """Follow every way from the first step."""
    if not runbook.steps:
        return set()
    order = [step.key for step in runbook.steps]
    reached, waiting = set(), [order[0]]
    while waiting:
        key = waiting.pop()
        if key in reached:
            continue
        reached.add(key)
        step = runbook.steps[order.index(key)]
        ways = [branch.directive for branch in (*step.answers, *step.results)]
        goes_on = not step.answers or any(way.go in {Go.NEXT, Go.AGAIN, Go.ESCALATE} for way in ways)
        waiting += [way.step for way in ways if way.go is Go.TO and way.step]
        following = order.index(key) + 1
        if goes_on and following < len(order):
            waiting.append(order[following])
    return reached


def _rivals(library: Library) -> Iterable[Finding]:
    """Two runbooks that ask for the same: which of them is taken is chance."""
    seen: dict[str, str] = {}
    for runbook in library.runbooks.values():
        for match in runbook.matches:
            key = f"{sorted(match.kinds)} {sorted(match.models)} {sorted(match.labels.items())}"
            if match.weight and key in seen:
                said = f"matches the same alerts as {seen[key]}.md; only {seen[key]}.md is ever taken"
                yield Finding(f"{runbook.id}.md", 1, "error", said)
            seen.setdefault(key, runbook.id)
