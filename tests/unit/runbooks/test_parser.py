"""Reading a runbook: what is live, what stays text, and that bad files are named by line with what to do."""

import re
from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.catalog.kinds import AlertKind, Severity
from bot.core.errors import BotError
from bot.runbooks.document import Directive, Go, Match, When
from bot.runbooks.parser import LARGEST, Parsed, parse

HEAD = "---\ntitle: T\n---\n"


def steps(body: str):
    parsed = parse("mine", HEAD + body)
    assert parsed.problems == []
    return parsed.runbook.steps


def only_problem(body: str):
    (problem,) = parse("mine", HEAD + body).problems
    return problem


def test_every_field_of_the_front_matter_is_read():
    source = (
        "---\ntitle: Drift of fraud\nmatch:\n  - {kind: drift, model: [fraud, fraud-eu], labels: {team: risk}}\n"
        "  - {kind: [freshness, latency]}\nseverity: SEV2\nescalation: ml-oncall\ninform: '#risk'\n"
        "reviewed: 2026-11-23\n---\nAbout it.\n\n## A\nDo.\n"
    )
    runbook = parse("drift", source).runbook
    assert (runbook.id, runbook.title, runbook.text) == ("drift", "Drift of fraud", "About it.")
    assert runbook.matches == (
        Match((AlertKind.DRIFT,), ("fraud", "fraud-eu"), {"team": "risk"}),
        Match((AlertKind.FRESHNESS, AlertKind.LATENCY)),
    )
    assert (runbook.severity, runbook.escalation, runbook.inform) == (Severity.SEV2, "ml-oncall", ("#risk",))
    assert runbook.reviewed == date(2026, 11, 23)


@pytest.mark.parametrize(
    ("front", "line", "says"),
    [
        pytest.param(
            "title: T\nsevrity: SEV1", 3, "`sevrity`: not known here; there is title, match", id="unknown key"
        ),
        pytest.param("title: T\nmatch:\n  kid: drift", 4, "there is kind, model, labels", id="unknown key of match"),
        pytest.param("title: T\nmatch:\n  - kind: drift\n  - kind: drfit", 4, "'drift'", id="unknown kind"),
        pytest.param("title: T\nseverity: high", 3, "'SEV1'", id="unknown severity"),
        pytest.param("title: 7", 2, "`title`: must be text; put it in quotes", id="title of a wrong type"),
        pytest.param("title: T\nmatch: {labels: {shard: 3}}", 3, "`match.labels.shard`: must be text", id="label"),
        pytest.param("severity: SEV1", 1, "add a line `title: …`", id="no title"),
        pytest.param("- title: T", 2, "lines `name: value`", id="a list"),
        pytest.param("title: T\n7: x", 3, "put it in quotes", id="a key that is no text"),
        pytest.param("title: T\nreviewed: 2026-13-45", 3, "month must be in 1..12", id="no such date"),
        pytest.param("title: T\nescalation: [a", 3, "not YAML", id="unclosed bracket"),
        pytest.param("title: T\nescalation: !!python/object/apply:os.getcwd []", 3, "not YAML", id="python tag"),
        pytest.param("title: &a T\nescalation: *a", 3, "references (`*name`) are not allowed", id="alias"),
        pytest.param("title: T\ninform: " + "[" * 9000, 3, "nested more than 20 deep", id="deep"),
        pytest.param("title: " + "9" * 5000, 2, "not YAML", id="enormous number"),
    ],
)
def test_wrong_front_matter_is_refused_with_its_line_and_what_to_do(front, line, says):
    with pytest.raises(BotError, match=re.escape(says)) as refused:
        parse("mine", f"---\n{front}\n---\n## A\nDo.\n")
    assert refused.value.message.startswith(f"mine:{line}: ")


@pytest.mark.parametrize(
    ("source", "says"),
    [
        pytest.param("## A\nDo.\n", "mine:1: begin with front matter", id="no front matter"),
        pytest.param(HEAD + "## A\nDo.\r\nThis\0too.\n", "mine:6: holds a NUL", id="NUL"),
        pytest.param(HEAD + "é" * (LARGEST // 2), "larger than 256 KiB; split it", id="huge in bytes, not letters"),
    ],
)
def test_a_file_that_is_no_runbook_is_refused_with_what_to_do(source, says):
    with pytest.raises(BotError, match=says):
        parse("mine", source)


BOMB = "title: T\na: &a [x, x]\n" + "".join(
    f"{b}: &{b} [*{a}, *{a}]\n" for a, b in zip("abcdefg", "bcdefgh", strict=True)
)


def test_a_yaml_bomb_goes_off_nowhere():
    with pytest.raises(BotError, match=r"mine:4: .*references"):
        parse("mine", f"---\n{BOMB}---\n## A\nDo.\n")


def test_a_step_with_everything_live_in_it():
    (step, other) = steps(
        "## Look\nTime: 15m, then escalate to senior-data-scientist.\n\nRead *this*.\n\n"
        "```check\nrange feature=amount\n\ndrift\n```\n- range unit change: go to *Act now*\n- too few rows: again\n\n"
        "```action\nfallback\n```\n```input\nWho is hurt: Who, and how much?\n```\n\n"
        "**What is it?**\n- A unit (unit change, drift drifted): go to *Act now*\n- Noise: false alarm\n"
        "- Can't tell: escalate\n- Something else\n\n## Act now\nDo.\n"
    )
    assert step.text == "Read *this*."
    assert [(check.line, check.name, check.at) for check in step.checks] == [
        ("range feature=amount", "range", 10),
        ("drift", "drift", 12),
    ]
    assert [(one.directive, one.suggested_by) for one in step.results] == [
        (Directive(Go.TO, other.key), (When("unit change", "range"),)),
        (Directive(Go.AGAIN), (When("too few rows"),)),
    ]
    assert (step.actions, step.inputs) == (("fallback",), {"who_is_hurt": "Who, and how much?"})
    assert step.question == "What is it?"
    assert [(one.label, one.directive) for one in step.answers] == [
        ("A unit", Directive(Go.TO, other.key)),
        ("Noise", Directive(Go.FALSE_ALARM)),
        ("Can't tell", Directive(Go.ESCALATE)),
        ("Something else", Directive(Go.NEXT)),
    ]
    assert step.answers[0].suggested_by == (When("unit change"), When("drifted", "drift"))
    assert step.limit is not None
    assert (step.limit.length, step.limit.escalate_to) == (timedelta(minutes=15), "senior-data-scientist")


def test_a_wrapped_item_and_colons_mean_what_they_mean_on_one_line():
    first, second = steps(
        "## A\n```check\nrange\n```\nWhat: is it?\n- Broken data: missing values\n  or a unit\n  (unit change): go to\n"
        "  *Look: the service*\n\n## Look: the service\nDo.\n"
    )
    (answer,) = first.answers
    assert answer.label == "Broken data: missing values or a unit"
    assert (answer.directive.step, answer.suggested_by) == (second.key, (When("unit change"),))


def test_results_of_two_checks_are_all_kept():
    (step,) = steps("## A\n```check\nrange\n```\n- unit change: end\n\n```check\ndrift\n```\n- drifted: escalate\n")
    assert [str(one.directive) for one in step.results] == ["end", "escalate"]


def test_what_is_not_understood_stays_text():
    body = (
        "Is this a question?\n\nNo list.\n\n- just\n- a list\n\n```python\nprint(1)\n```\n\n### Deeper\n\n> ## Quoted"
    )
    (step,) = steps(f"## A\n{body}\n")
    assert step.text == body
    assert (step.question, step.answers, step.results) == (None, (), ())


@pytest.mark.parametrize(
    ("body", "line", "says"),
    [
        pytest.param("No step.\n", 1, "no step", id="no step"),
        pytest.param("## A\nDo.\n\n## A\nDo.\n", 7, "two steps are called “A”", id="duplicate title"),
        pytest.param(
            "## A\nSo?\n- x: go to *C*\n\n## B\nDo.\n", 6, "no step “c” to go to; there is *A*, *B*", id="goto"
        ),
        pytest.param("## A\nSo?\n- x: dance\n", 6, "“dance” is nothing that can happen; write one of", id="directive"),
        pytest.param("## A\nDo.\n\nTime: soon\n", 7, "'soon' is not a duration; write", id="duration"),
        pytest.param("## A\nTime: 5m or so, maybe\n", 5, "write it as `Time: 10m, then", id="time limit"),
        pytest.param("## A\n```input\nWho is hurt?\n```\n", 6, "write an input as `name: What", id="input"),
        pytest.param("## A\n```checks\ndrift\n```\n", 5, "did you mean ```check?", id="fence"),
        pytest.param("## A\nSo?\n- x: end\n\nAnd?\n- y: end\n", 9, "a step has one decision", id="second decision"),
        # str.splitlines breaks lines here, Markdown does not.
        pytest.param("## A\x0b\nDo\x0cthis\u2028now.\n\nSo?\n- x: dance\n", 8, "dance", id="odd line ends"),
        pytest.param("## A\r\nDo.\r\n\r\nSo?\r\n- x: dance\r\n", 8, "dance", id="CRLF"),
    ],
)
def test_a_mistake_in_a_step_is_a_finding_with_its_line(body, line, says):
    problem = only_problem(body)
    assert problem.line == line
    assert says in problem.message


def test_a_jump_to_nowhere_goes_on_to_the_next_step():
    parsed = parse("mine", HEAD + "## A\nSo?\n- x: go to *C*\n\n## B\nDo.\n")
    assert parsed.runbook.steps[0].answers[0].directive == Directive(Go.NEXT)


def test_steps_of_the_same_title_never_share_a_key():
    keys = [step.key for step in parse("mine", HEAD + "## A 3\nx\n\n## A\nx\n\n## A\nx\n").runbook.steps]
    assert len(set(keys)) == 3


def test_titles_of_any_script_can_be_gone_to():
    first, _, third = steps("## 检查\n怎么样?\n- x: go to *Проверка*\n\n## 缓解\nx\n\n## Проверка\nx\n")
    assert first.answers[0].directive.step == third.key


def parsed_or_refused(source: str) -> Parsed | str:
    try:
        return parse("mine", source)
    except BotError as refused:
        return refused.message


LINES = st.sampled_from(
    [
        "---",
        "title: T",
        "## A",
        "## B",
        "```check",
        "```input",
        "```",
        "drift",
        "So?",
        "- x: go to *B*",
        "- (",
        "Time: 5m",
    ]
)


@settings(deadline=None, max_examples=150)
@given(st.lists(LINES | st.text(max_size=8), max_size=14).map("\n".join), st.sampled_from(["", HEAD]))
def test_any_text_is_read_or_refused_with_a_sentence_and_read_again_the_same(text, head):
    parsed = parsed_or_refused(head + text)
    if isinstance(parsed, str):
        assert re.match(r"mine:[0-9]+: \S", parsed)
        return
    lines = len(re.split(r"\r\n?|\n", head + text))
    assert all(1 <= problem.line <= lines for problem in parsed.problems)
    keys = [step.key for step in parsed.runbook.steps]
    assert len(set(keys)) == len(keys)
    jumps = {way.directive.step for step in parsed.runbook.steps for way in (*step.answers, *step.results)}
    assert jumps - {None} <= set(keys)
    # An incident keeps the text: reading it again must give the very same runbook.
    assert parse("mine", parsed.runbook.source).runbook == parsed.runbook
