"""Which runbook an alert calls for, and that one bad file stops no other."""

import pytest

from bot.core.errors import BotError, NotFoundError
from bot.runbooks.library import load


def write(folder, name, match=None, severity=None):
    head = f"title: {name}\n" + (f"match: {match}\n" if match else "") + (f"severity: {severity}\n" if severity else "")
    (folder / f"{name}.md").write_text(f"---\n{head}---\n## A\nDo.\n", "utf-8")


@pytest.fixture
def library(tmp_path):
    write(tmp_path, "general")
    write(tmp_path, "a-drift", "{kind: drift}", "SEV3")
    write(tmp_path, "b-drift-again", "{kind: drift}")
    write(tmp_path, "c-risk", "[{kind: latency}, {labels: {team: risk}}]")
    write(tmp_path, "d-fraud", "{model: [fraud, fraud-eu]}", "SEV1")
    write(tmp_path, "e-fraud-drift", "{kind: [drift, freshness], model: fraud}")
    write(tmp_path, "f-nothing", "{}")
    return load(tmp_path)


@pytest.mark.parametrize(
    ("kind", "model", "labels", "name"),
    [
        pytest.param("drift", "churn", {}, "a-drift", id="kind; of two alike the first by name"),
        pytest.param("drift", "churn", {"team": "risk"}, "c-risk", id="a label weighs more than a kind"),
        pytest.param("latency", "fraud-eu", {"team": "risk"}, "d-fraud", id="a model weighs more than a label"),
        pytest.param("freshness", "fraud", {"team": "risk"}, "e-fraud-drift", id="model and kind weigh most"),
        pytest.param("latency", "churn", {}, "c-risk", id="one of several matches is enough"),
        pytest.param("prediction", None, {"team": "fraud"}, "general", id="nothing fits"),
        pytest.param("unknown", "churn", {}, "general", id="a match that asks for nothing never wins"),
    ],
)
def test_what_asks_for_most_of_what_the_alert_has_wins(library, kind, model, labels, name):
    assert library.match(kind, model, labels).id == name


def test_severity_is_that_of_the_runbook_that_fits(library):
    assert library.severity_of("drift", "churn", {}) == "SEV3"
    assert library.severity_of("latency", "fraud", {}) == "SEV1"
    assert library.severity_of("prediction", None, {}) is None


def test_without_a_general_runbook_nothing_fits(tmp_path):
    write(tmp_path, "drift", "{kind: drift}")
    assert load(tmp_path).match("latency", None, {}) is None


def test_an_unknown_name_is_answered_with_the_nearest(library):
    with pytest.raises(NotFoundError, match=r"no runbook `generl`\. Did you mean `general`\?"):
        library.get("generl")


def test_broken_files_are_named_and_stop_no_other(tmp_path):
    write(tmp_path, "good")
    write(tmp_path, "bad-kind", "{kind: drfit}")
    (tmp_path / "latin.md").write_bytes("---\ntitle: Größe\n---\n".encode("latin-1"))
    (tmp_path / "date.md").write_text("---\ntitle: T\nreviewed: 2026-02-31\n---\n## A\nDo.\n")
    (tmp_path / "deep.md").write_text("---\ntitle: " + "[" * 5000 + "\n---\n## A\nDo.\n")
    (tmp_path / "folder.md").mkdir()
    (tmp_path / "README.md").write_text("# About\n")
    library = load(tmp_path)
    assert list(library.runbooks) == ["good"]
    assert set(library.broken) == {"bad-kind", "latin", "date", "deep", "folder"}
    assert library.broken["bad-kind"].startswith("bad-kind:3: ")


def test_files_as_windows_saves_them_are_read(tmp_path):
    (tmp_path / "w.md").write_bytes(b"\xef\xbb\xbf---\r\ntitle: Drift\r\n---\r\n## A\r\nDo.\r\n\r\n## B\r\nDo.\r\n")
    found = load(tmp_path).get("w")
    assert (found.title, [(step.title, step.text, step.at) for step in found.steps]) == (
        "Drift",
        [("A", "Do.", 4), ("B", "Do.", 7)],
    )


def test_a_missing_folder_says_which_variable_to_set(tmp_path):
    with pytest.raises(BotError, match="set MUSTER_RUNBOOKS"):
        load(tmp_path / "nowhere")
