"""What authors are told: each rule on the smallest runbook that breaks it, with the line."""

from datetime import date
from pathlib import Path

import pytest

from bot.checks.catalogue import CHECKS
from bot.runbooks.lint import Finding, lint_folder

SHIPPED = Path(__file__).parents[3] / "runbooks"
TODAY = date(2026, 11, 23)
HEAD = "---\ntitle: T\nescalation: ml-oncall\nreviewed: 2026-11-01\n---\n"


def lint(path: Path, text: str | bytes) -> list[Finding]:
    file = path / "mine.md"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return lint_folder(file, CHECKS, TODAY, actions=["fallback"])


def test_the_shipped_runbooks_are_clean():
    assert len([one for one in SHIPPED.glob("*.md") if one.name != "README.md"]) >= 6
    assert lint_folder(SHIPPED, CHECKS, TODAY, actions=["fallback", "rollback"]) == []


def test_a_runbook_that_uses_everything_right_is_clean(tmp_path):
    body = (
        '## A\n```check\ndrift feature={{ alert.feature }} window={{ alert.window }}\nrange feature="a \'b"\n```\n'
        "- drift drifted: next step\n- timed out: again\n\n```action\nfallback\n```\n"
    )
    assert lint(tmp_path, HEAD + body) == []


CHECK = "## A\n```check\n{}\n```\n"
DECISION = "## A\n```check\nrange\n```\nSo?\n- {}\n"


@pytest.mark.parametrize(
    ("body", "line", "level", "says"),
    [
        pytest.param(CHECK.format("drfit"), 8, "error", "no check `drfit`. Did you mean `drift`?", id="check"),
        pytest.param(CHECK.format("drift featur=a"), 8, "error", "parameter of drift `featur`", id="parameter"),
        pytest.param(CHECK.format("drift window=soon"), 8, "error", "`window` of drift: 'soon'", id="value"),
        pytest.param(CHECK.format("drift amount"), 8, "error", "write it as name=value", id="no parameter"),
        pytest.param(CHECK.format('drift feature="a'), 8, "error", "quotation mark is not closed", id="quotation"),
        pytest.param(CHECK.format("drift feature={{ x }}"), 8, "error", "`{{ x }}` is not known", id="name in check"),
        pytest.param(
            "## A\nSee {{ alert.Model }}.\n", 6, "error", "`{{ alert.Model }}` is not known", id="name in text"
        ),
        pytest.param(DECISION.format("x (drifted): end"), 11, "error", "answers “drifted”; they answer", id="verdict"),
        pytest.param(
            DECISION.format("x (drift drifted): end"), 11, "error", "does not run `drift`", id="check of another step"
        ),
        pytest.param("## A\nSo?\n- x (ok): end\n", 8, "error", "this step has no check", id="answer without check"),
        pytest.param("## A\nSo?\n- x: again\n- y: end\n", 8, "error", "no check to run again", id="again"),
        pytest.param("## A\nSo?\n- x: end\n\n## B\nDo.\n", 10, "error", "no way leads to “B”", id="unreachable"),
        pytest.param("## A\nSo?\n- x: go to *C*\n\n## B\nDo.\n\n## C\nDo.\n", 10, "error", "to “B”", id="jumped over"),
        pytest.param("## A\nSo?\n- x: go to *B*\n", 8, "error", "no step “b” to go to", id="jump to nowhere"),
        pytest.param("## A\nSo?\n" + "- x: end\n" * 6, 13, "error", "gets no button", id="too many answers"),
        pytest.param("## A\nDo.\n\n```action\nreboot\n```\n", 6, "warning", "no action `reboot`", id="action"),
        pytest.param("## A\n\n## B\nDo.\n", 6, "warning", "“A” says nothing to do", id="empty step"),
        pytest.param("About.\n", 1, "error", "no step", id="no step"),
    ],
)
def test_a_rule_names_the_line(tmp_path, body, line, level, says):
    (finding,) = lint(tmp_path, HEAD + body)
    assert (finding.file, finding.line, finding.level) == ("mine.md", line, level)
    assert says in finding.message
    assert str(finding) == f"mine.md:{line}: {level}: {finding.message}"


@pytest.mark.parametrize(
    ("source", "line", "level", "says"),
    [
        pytest.param("title: T\nreviewed: 2026-11-01", 1, "warning", "nobody is ever called", id="nobody"),
        pytest.param("title: T\nescalation: a", 1, "warning", "not reviewed within a year", id="never reviewed"),
        pytest.param(
            "title: T\nescalation: a\nreviewed: 2025-11-22", 1, "warning", "not reviewed within a year", id="long ago"
        ),
        pytest.param("title: T\nsevrity: SEV1", 3, "error", "`sevrity`: not known", id="front matter"),
    ],
)
def test_front_matter_rules_name_the_line(tmp_path, source, line, level, says):
    (finding,) = lint(tmp_path, f"---\n{source}\n---\n## A\nDo.\n")
    assert (finding.line, finding.level) == (line, level)
    assert finding.message.startswith(says)


@pytest.mark.parametrize("way", ["Time: 5m\n", "Do.\n\nSo?\n- x: escalate\n- y: end\n"])
def test_a_step_that_calls_for_help_is_enough(tmp_path, way):
    assert lint(tmp_path, f"---\ntitle: T\nreviewed: 2025-11-23\n---\n## A\n{way}\nDo.\n") == []


def test_a_file_that_is_no_text_is_a_finding_and_the_others_are_looked_at(tmp_path):
    (tmp_path / "z.md").write_text(HEAD + "## A\n")
    lint(tmp_path, b"\xff\xfe---")
    found = lint_folder(tmp_path, CHECKS, TODAY)
    assert [(one.file, one.level) for one in found] == [("mine.md", "error"), ("z.md", "warning")]
    assert "save it as UTF-8" in found[0].message


def test_of_two_runbooks_for_the_same_alerts_the_one_never_taken_is_named(tmp_path):
    for name, match in (("a", "{kind: [drift, latency]}"), ("b", "{kind: [latency, drift]}"), ("c", "{kind: drift}")):
        (tmp_path / f"{name}.md").write_text(HEAD.replace("---\n", f"---\nmatch: {match}\n", 1) + "## A\nDo.\n")
    (finding,) = lint_folder(tmp_path, CHECKS, TODAY)
    assert (finding.file, finding.level) == ("b.md", "error")
    assert "only a.md is ever taken" in finding.message
