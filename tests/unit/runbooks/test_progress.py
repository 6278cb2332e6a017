"""Where a runbook goes next."""

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.checks.catalogue import CHECKS
from bot.runbooks.document import Branch, Directive, Go, Runbook, Step
from bot.runbooks.library import load
from bot.runbooks.parser import parse
from bot.runbooks.progress import Said, bar, longer_window, next_step, suggested

SHIPPED = load(Path(__file__).parents[3] / "runbooks").runbooks
STAYS = {Go.AGAIN, Go.ESCALATE}
OVER = {Go.END, Go.FALSE_ALARM}
ROUTE = """---
title: T
---
## One
```check
range
drift
```
- drift drifted: go to *Three*
- unit change: escalate
- drifted: end

## Two
```check
range
```
What is it?
- Unit (range unit change): go to *Three*
- As usual (ok): end
- Both (unit change): escalate

## Three
Do.
"""


def ways(step: Step) -> tuple[Branch, ...]:
    """What a responder can choose: an answer of a decision, else Done with or without what a check points at."""
    return step.answers or (Branch("Done", Directive(Go.NEXT)), *step.results)


@pytest.mark.parametrize(
    ("place", "said", "label"),
    [
        (0, [Said("range", "drifted")], "drifted"),
        (0, [Said("drift", "drifted")], "drift drifted"),
        (0, [Said("drift", "drifted"), Said("range", "unit change")], "drift drifted"),
        (1, [Said("range", "unit change")], "Unit"),
        (1, [Said("null_rate", "unit change")], "Both"),
        (1, [Said("range", "ok")], "As usual"),
    ],
)
def test_the_first_answer_in_the_file_that_a_check_speaks_for_is_suggested(place, said, label):
    branch = suggested(parse("t", ROUTE).runbook.steps[place], said)
    assert branch is not None
    assert branch.label == label


def test_nothing_is_suggested_without_an_answer_that_is_meant():
    steps = parse("t", ROUTE).runbook.steps
    assert suggested(steps[0], []) is None
    assert suggested(steps[0], [Said("range", "ok")]) is None
    assert suggested(steps[2], [Said("drift", "drifted")]) is None


def test_a_directive_leads_to_the_next_step_the_named_one_or_none():
    runbook = parse("t", ROUTE).runbook
    one, two, three = runbook.steps
    assert next_step(runbook, one, Directive(Go.NEXT)) is two
    assert next_step(runbook, one, Directive(Go.TO, "three")) is three
    assert next_step(runbook, three, Directive(Go.NEXT)) is None
    assert [next_step(runbook, one, Directive(go)) for go in (Go.AGAIN, Go.ESCALATE, Go.FALSE_ALARM, Go.END)] == [
        None
    ] * 4


@st.composite
def runbooks(draw) -> Runbook:
    """Runbooks whose jumps lead forward, as Markdown, so that titles and keys are as in files."""
    count = draw(st.integers(1, 7))
    words = ["next step", "escalate", "again", "end", "close as a false alarm"]
    body = []
    for place in range(count):
        jumps = [f"go to *Step {to}*" for to in range(place + 1, count)]
        items = draw(st.lists(st.sampled_from(words + jumps), max_size=4))
        kind = draw(st.sampled_from(["```check\ndrift\n```\n", "```check\ndrift\n```\nSo?\n"]))
        body.append(f"## Step {place}\n" + (kind + "".join(f"- v{n}: {one}\n" for n, one in enumerate(items))))
    parsed = parse("t", "---\ntitle: T\n---\n" + "\n".join(body))
    assert parsed.problems == []
    return parsed.runbook


@settings(deadline=None)
@given(runbooks(), st.data())
def test_any_answers_end_and_no_step_is_left_out_that_no_jump_left_out(runbook, data):
    text, step, moves = runbook.hash, runbook.steps[0], 0
    while step is not None:
        directive = data.draw(st.sampled_from(ways(step))).directive
        following = next_step(runbook, step, directive)
        if directive.go in STAYS:
            assert following is None
            following = next_step(runbook, step, Directive(Go.NEXT))
        elif directive.go in OVER:
            assert following is None
            break
        here = runbook.place(step.key)
        if following is None:
            assert here == len(runbook.steps)
        elif directive.go is Go.TO:
            assert following.title.lower().replace(" ", "-") == directive.step
        else:
            assert runbook.place(following.key) == here + 1
        step, moves = following, moves + 1
        assert moves <= len(runbook.steps)
    assert parse("t", runbook.source).runbook.hash == text


@pytest.mark.parametrize("runbook", SHIPPED.values(), ids=SHIPPED)
def test_a_shipped_runbook_ends_on_every_way_and_every_way_begins_with_the_data(runbook):
    of_data = {name for name, check in CHECKS.by_name.items() if check.needs_rows}
    assert {check.name for check in runbook.steps[0].checks} <= of_data
    assert runbook.steps[0].checks

    def walk(step: Step | None, behind: tuple[str, ...]) -> None:
        if step is None:
            return
        assert step.key not in behind, f"goes round: {behind} {step.key}"
        for way in ways(step):
            if way.directive.go not in STAYS | OVER:
                walk(next_step(runbook, step, way.directive), (*behind, step.key))

    walk(runbook.steps[0], ())


@pytest.mark.parametrize(
    ("window", "wider"),
    [("30m", "1h"), ("1h", "6h"), ("6h", "24h"), ("2d", "7d"), ("7d", "2w"), ("", "24h"), (None, "24h")],
)
def test_the_next_window_is_longer_and_the_rest_stays(window, wider):
    params = {"feature": "amount"} | ({} if window is None else {"window": window})
    assert longer_window(params, timedelta(hours=6)) == {"feature": "amount", "window": wider}


def test_the_bar_fills_up():
    assert [bar(place, 3) for place in (1, 3)] == ["▓░░", "▓▓▓"]
