"""The runbooks of this installation, and which of them an alert calls for."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from bot.catalog.kinds import Severity
from bot.core.errors import BotError, unknown
from bot.core.logging import get_logger
from bot.runbooks.document import Runbook
from bot.runbooks.parser import Parsed, Problem, parse

GENERAL = "general"
log = get_logger(__name__)


@dataclass(slots=True)
class Library:
    """`broken`: files that are no runbook, by name, and why; they do not stop the others."""

    runbooks: dict[str, Runbook] = field(default_factory=dict)
    problems: dict[str, list[Problem]] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)

    def get(self, runbook_id: str) -> Runbook:
        found = self.runbooks.get(runbook_id)
        if found is None:
            raise unknown("runbook", runbook_id, sorted(self.runbooks))
        return found

    def match(self, kind: str, model: str | None, labels: Mapping[str, str]) -> Runbook | None:
        """Return the runbook that asks for most of what the alert has; the general one when none fits."""
        best: tuple[int, str] | None = None
        for runbook in self.runbooks.values():
            for one in runbook.matches:
                if one.fits(kind, model, labels) and one.weight and (best is None or one.weight > best[0]):
                    best = (one.weight, runbook.id)
        return self.runbooks.get(best[1] if best else GENERAL)

    def severity_of(self, kind: str, model: str | None, labels: Mapping[str, str]) -> Severity | None:
        found = self.match(kind, model, labels)
        return found.severity if found else None


def load(folder: Path) -> Library:
    """Read every `*.md` but README.md. Raises BotError when the folder is not there."""
    if not folder.is_dir():
        raise BotError(f"There is no folder of runbooks at {folder}; set MUSTER_RUNBOOKS.")
    library = Library()
    for path in sorted(folder.glob("*.md")):
        if path.name.lower() == "readme.md":
            continue
        try:
            found = read(path)
        except (BotError, OSError, UnicodeDecodeError) as error:
            library.broken[path.stem] = getattr(error, "message", str(error))
            log.warning("runbook.broken", file=path.name, problem=library.broken[path.stem])
            continue
        library.runbooks[path.stem] = found.runbook
        library.problems[path.stem] = found.problems
    return library


def read(path: Path) -> Parsed:
    return parse(path.stem, path.read_text("utf-8-sig"))
