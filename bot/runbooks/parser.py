"""Markdown to a runbook. What can't be understood stays text, and is a finding with its line."""

import hashlib
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Annotated, Any

import yaml
from markdown_it import MarkdownIt
from markdown_it.token import Token
from mdit_py_plugins.front_matter import front_matter_plugin
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from bot.catalog.kinds import AlertKind, Severity
from bot.catalog.values import parse_duration
from bot.checks.catalogue import CHECKS
from bot.core.errors import BotError
from bot.core.ids import slug
from bot.runbooks.document import Branch, CheckLine, Directive, Go, Limit, Match, Runbook, Step, When

LARGEST = 256 * 1024
_DEEPEST = 20
_LONGEST_KEY = 100
_LINE_END = re.compile(r"\r\n?|\n")  # as Markdown counts lines; str.splitlines knows more of them
_TIME = re.compile(
    r"time:\s*(?P<length>[^,.]+?)\s*(?:[,.]\s*then\s+(?:escalate|call)(?:\s+(?:to\s+)?(?P<whom>.+?))?)?\.?",
    re.IGNORECASE,
)
_GO_TO = re.compile(r"(?:go|goto|jump|continue)\s+(?:to|with)\s+(?P<step>.+)", re.IGNORECASE)
_SUGGESTED = re.compile(r"(?P<label>.+?)\s*\((?P<when>[^()]+)\)\s*")
_WORDS = {
    "next": Go.NEXT,
    "next step": Go.NEXT,
    "continue": Go.NEXT,
    "again": Go.AGAIN,
    "again with the next window": Go.AGAIN,
    "run again": Go.AGAIN,
    "escalate": Go.ESCALATE,
    "close as a false alarm": Go.FALSE_ALARM,
    "false alarm": Go.FALSE_ALARM,
    "end": Go.END,
    "done": Go.END,
}


@dataclass(frozen=True, slots=True)
class Problem:
    """Something to mend, with its line (from 1). level: `error` (the step can't do it) or `warning`."""

    line: int
    message: str
    level: str = "error"


@dataclass(slots=True)
class Parsed:
    runbook: Runbook
    problems: list[Problem] = field(default_factory=list)


def _several(value: Any) -> Any:  # noqa: ANN401
    return value if isinstance(value, list) else [value]


Several = Annotated[list[str], BeforeValidator(_several)]


class _Match(BaseModel):
    model_config = ConfigDict(extra="forbid")

    kind: Annotated[list[AlertKind], BeforeValidator(_several)] = []
    model: Several = []
    labels: dict[str, str] = {}


class _Head(BaseModel):
    model_config = ConfigDict(extra="forbid")

    title: str = Field(min_length=1, max_length=150)
    match: Annotated[list[_Match], BeforeValidator(_several)] = []
    severity: Severity | None = None
    escalation: str | None = None
    inform: Several = []
    reviewed: date | None = None


def parse(runbook_id: str, source: str) -> Parsed:
    """Read one file. Raises BotError, with the line, when the front matter is missing or wrong."""
    if len(source.encode()) > LARGEST:
        raise BotError(f"{runbook_id}: larger than {LARGEST // 1024} KiB; split it into several runbooks.")
    lines = _LINE_END.split(source)
    for number, line in enumerate(lines, start=1):
        if "\0" in line:
            raise BotError(f"{runbook_id}:{number}: holds a NUL byte; save the file as plain UTF-8 text.")
    tokens = _markdown().parse(source)
    head = _head(runbook_id, tokens)
    problems: list[Problem] = []
    text, steps = _steps(tokens, lines, problems)
    steps = _resolve(steps, problems)
    if not steps:
        problems.append(Problem(1, "no step: a heading `## …` starts one"))
    return Parsed(
        Runbook(
            id=runbook_id,
            title=head.title,
            text=text,
            source=source,
            hash=hashlib.sha256(source.encode()).hexdigest(),
            steps=tuple(steps),
            matches=tuple(Match(tuple(one.kind), tuple(one.model), one.labels) for one in head.match),
            severity=head.severity,
            escalation=head.escalation,
            inform=tuple(head.inform),
            reviewed=head.reviewed,
        ),
        problems,
    )


def _markdown() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).use(front_matter_plugin)


class _PlainLoader(yaml.SafeLoader):
    """A runbook needs no YAML references and no depth, and a few lines of either can grow past all memory."""

    depth = 0

    def compose_node(self, parent: Any, index: Any) -> Any:  # noqa: ANN401
        here = self.peek_event().start_mark  # type: ignore[no-untyped-call]
        if self.check_event(yaml.events.AliasEvent):
            raise yaml.MarkedYAMLError(problem="references (`*name`) are not allowed", problem_mark=here)
        if self.depth == _DEEPEST:
            raise yaml.MarkedYAMLError(problem=f"nested more than {_DEEPEST} deep", problem_mark=here)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def construct_object(self, node: Any, deep: bool = False) -> Any:  # noqa: ANN401, FBT001, FBT002
        try:
            return super().construct_object(node, deep)
        except ValueError as error:
            raise yaml.MarkedYAMLError(problem=str(error), problem_mark=node.start_mark) from None


def _head(runbook_id: str, tokens: list[Token]) -> _Head:
    front = next((token for token in tokens if token.type == "front_matter"), None)
    if front is None:
        raise BotError(f"{runbook_id}:1: begin with front matter: a line `---`, `title: …`, and a line `---`.")
    try:
        given = yaml.load(front.content, _PlainLoader)  # noqa: S506  # a safe loader
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 2 if mark else 1
        raise BotError(
            f"{runbook_id}:{line}: the front matter is not YAML: {getattr(error, 'problem', error)}"
        ) from None
    if not isinstance(given or {}, dict):
        raise BotError(f"{runbook_id}:2: write the front matter as lines `name: value`, with at least `title: …`.")
    try:
        return _Head.model_validate(given or {})
    except ValidationError as error:
        name, hint, line = _wrong(error, _LINE_END.split(front.content))
        raise BotError(f"{runbook_id}:{line}: `{name}`: {hint}") from None


def _wrong(error: ValidationError, lines: list[str]) -> tuple[str, str, int]:
    """Return the name as a path, what to do about it, and its line in the file."""
    first = error.errors()[0]
    path = [str(part) for part in first["loc"] if not isinstance(part, int)] or [str(first["loc"][0])]
    known = ", ".join(_Match.model_fields if len(path) > 1 else _Head.model_fields)
    hints = {
        "extra_forbidden": f"not known here; there is {known}",
        "missing": f"missing; add a line `{path[-1]}: …`",
        "string_type": "must be text; put it in quotes",
        "invalid_key": "a name must be text; put it in quotes",
    }
    line = 1
    for name in path:
        start = max(line - 2, 0)
        line = next((at for at, one in enumerate(lines[start:], start + 2) if _names(one, name)), line)
    return ".".join(path), hints.get(first["type"], first["msg"]), line


def _names(line: str, name: str) -> bool:
    return re.match(rf"[\s\-]*[\"']?{re.escape(name)}[\"']?\s*:", line) is not None


def _steps(tokens: list[Token], lines: list[str], problems: list[Problem]) -> tuple[str, list[Step]]:
    """Cut at the headings of level two; what stands before the first is what the runbook is about."""
    cuts = [
        place
        for place, token in enumerate(tokens)
        if token.type == "heading_open" and token.tag == "h2" and not token.level
    ]
    first = cuts[0] if cuts else len(tokens)
    intro = _slice([token for token in tokens[:first] if token.type != "front_matter"], lines)
    steps: list[Step] = []
    keys: set[str] = set()
    for cut, following in zip(cuts, [*cuts, len(tokens)][1:], strict=True):
        title = " ".join(tokens[cut + 1].content.split())
        at = (tokens[cut].map or [0])[0] + 1
        key = step_key(title)
        if key in keys:
            problems.append(Problem(at, f"two steps are called “{title}”; only the first can be gone to", "warning"))
            key = f"{key}--{len(steps) + 1}"  # a title never makes two hyphens
        keys.add(key)
        steps.append(_step(Step(key, title, "", at), tokens[cut + 3 : following], lines, problems))
    return intro, steps


def step_key(title: str) -> str:
    """Name a step for jumps to it: its words, whatever their script, cut where nobody tells them apart."""
    if title.isascii():
        return slug(title, limit=_LONGEST_KEY)
    return re.sub(r"\W+", "-", unicodedata.normalize("NFKC", title).casefold())[:_LONGEST_KEY].strip("-") or "step"


def _slice(tokens: list[Token], lines: list[str]) -> str:
    spans = [token.map for token in tokens if token.map and not token.level]
    return "\n\n".join("\n".join(lines[start:end]).strip() for start, end in spans).strip()


def _step(step: Step, tokens: list[Token], lines: list[str], problems: list[Problem]) -> Step:
    texts: list[str] = []
    after_check, question = False, None
    for token, inside in _blocks(tokens):
        start = (token.map or [step.at])[0] + 1
        if token.type == "fence":
            step, known = _fence(step, token, start, problems)
            after_check = known and token.info.strip() == "check"
            if not known:
                texts.append(_lines(token, lines))
        elif token.type == "bullet_list_open" and (after_check or question):
            if question and step.question:
                problems.append(Problem(start, "a step has one decision; give this one a step of its own"))
                texts.append(_lines(token, lines))
            elif question:
                step = replace(step, answers=_branches(inside, problems), question=question)
            else:
                step = replace(step, results=(*step.results, *_branches(inside, problems)))
            after_check, question = False, None
        elif token.type == "paragraph_open" and (limit := _limit(inside[0].content, start, problems)):
            step = replace(step, limit=limit)
        else:
            said = _lines(token, lines)
            is_question = token.type == "paragraph_open" and said.rstrip("*_").endswith("?")
            question = said.strip("*_ ") if is_question else None
            texts.append(said)
    if step.question:
        texts = [text for text in texts if text.strip("*_ ") != step.question]
    return replace(step, text="\n\n".join(texts).strip())


def _blocks(tokens: list[Token]) -> Iterator[tuple[Token, list[Token]]]:
    """Top-level blocks, each with the tokens inside."""
    place = 0
    while place < len(tokens):
        token = tokens[place]
        if token.nesting == 1:
            depth, end = 1, place + 1
            while depth:
                depth += tokens[end].nesting
                end += 1
            yield token, tokens[place + 1 : end - 1]
            place = end
        else:
            yield token, []
            place += 1


def _lines(token: Token, lines: list[str]) -> str:
    start, end = token.map or (0, 0)
    return "\n".join(lines[start:end]).strip()


def _fence(step: Step, token: Token, start: int, problems: list[Problem]) -> tuple[Step, bool]:
    """Take a live block in; False: it is only shown."""
    kind = token.info.strip()
    said = [
        (start + 1 + number, one.strip()) for number, one in enumerate(_LINE_END.split(token.content)) if one.strip()
    ]
    if kind == "check":
        more = tuple(CheckLine(one, at) for at, one in said)
        return replace(step, checks=(*step.checks, *more)), True
    if kind == "action":
        return replace(step, actions=(*step.actions, *(one for _, one in said))), True
    if kind == "input":
        inputs = dict(step.inputs)
        for at, one in said:
            name, colon, words = one.partition(":")
            if not colon or not words.strip():
                problems.append(Problem(at, f"`{one}`: write an input as `name: What is asked?`"))
                continue
            inputs[slug(name).replace("-", "_")] = words.strip()
        return replace(step, inputs=inputs), True
    meant = kind.split()[0].lower().rstrip("s:") if kind else ""
    if meant in {"check", "action", "input"}:
        problems.append(Problem(start, f"a block ```{kind} is only shown; did you mean ```{meant}?", "warning"))
    return step, False


def _limit(text: str, at: int, problems: list[Problem]) -> Limit | None:
    if not text.lower().startswith("time:"):
        return None
    found = _TIME.fullmatch(" ".join(text.split()))
    try:
        if found is None:
            raise ValueError("write it as `Time: 10m, then escalate to ml-oncall`")
        return Limit(parse_duration(found["length"]), found["whom"])
    except ValueError as error:
        problems.append(Problem(at, f"time limit: {error}"))
        return None


def _branches(inside: list[Token], problems: list[Problem]) -> tuple[Branch, ...]:
    """Read the items of a list as `what: what then`."""
    found = []
    for token, item in _blocks(inside):
        at = (token.map or [0])[0] + 1
        text = " ".join(next((one.content for one in item if one.type == "inline"), "").split())
        label, then, directive = _parted(text)
        if directive is None:
            options = "next step, go to *Step*, again with the next window, escalate, close as a false alarm, end"
            problems.append(Problem(at, f"“{then}” is nothing that can happen; write one of: {options}"))
            directive = Directive(Go.NEXT)
        suggested = _SUGGESTED.fullmatch(label)
        whens = tuple(_when(one) for one in suggested["when"].split(",")) if suggested else ()
        found.append(Branch((suggested["label"] if suggested else label).strip(" *_"), directive, whens, at))
    return tuple(found)


def _parted(text: str) -> tuple[str, str, Directive | None]:
    """Cut an item at the last colon that something that can happen follows: labels and titles may hold colons too."""
    first = label, _, then = text.rpartition(":")
    while label:
        rest = text[len(label) + 1 :].strip()
        if directive := _directive(rest):
            return label, rest, directive
        label = label.rpartition(":")[0]
    return (first[0], then.strip(), None) if first[0] else (text, "", Directive(Go.NEXT))


def _directive(text: str) -> Directive | None:
    words = text.strip(" .*_").lower()
    if words in _WORDS:
        return Directive(_WORDS[words])
    found = _GO_TO.fullmatch(text.strip(" ."))
    return Directive(Go.TO, step_key(found["step"].strip(' *_`"“”'))) if found else None


def _when(text: str) -> When:
    """Read `range unit change` or `unit change`."""
    words = text.strip().split(maxsplit=1)
    if len(words) == 2 and words[0] in CHECKS.by_name:  # noqa: PLR2004
        return When(words[1], words[0])
    return When(text.strip())


def _resolve(steps: list[Step], problems: list[Problem]) -> list[Step]:
    """See that every jump has a target; one that has none goes on to the next step."""
    keys = {step.key: step.title for step in steps}
    known = ", ".join(f"*{title}*" for title in keys.values())

    def whole(branch: Branch) -> Branch:
        to = branch.directive.step
        if branch.directive.go is not Go.TO or to in keys:
            return branch
        problems.append(Problem(branch.at, f"there is no step “{to}” to go to; there is {known}"))
        return replace(branch, directive=Directive(Go.NEXT))

    return [
        replace(
            step,
            results=tuple(
                replace(whole(one), suggested_by=one.suggested_by or (_when(one.label),)) for one in step.results
            ),
            answers=tuple(whole(one) for one in step.answers),
        )
        for step in steps
    ]
