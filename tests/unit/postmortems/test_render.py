"""Foreign text in Markdown: whatever is written, it stays text, in one cell, with nothing opened."""

import html
import re
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from bot.postmortems.document import ActionPoint, Document, Evidence, Fact, Moment, SeenAlert
from bot.postmortems.export import as_html, as_json, as_markdown, chart_labels, illustrated
from bot.postmortems.metrics import metrics
from bot.postmortems.render import days, escaped, markdown
from bot.tables import Incident

AT = datetime(2026, 11, 2, 2, 40, tzinfo=UTC)
PARSER = MarkdownIt("commonmark", {"html": True}).enable("table").enable("strikethrough")
NASTY = st.text(alphabet=st.sampled_from("\\`*_{}[]()<>#+-.!|~$&@=:;/\"' \n\tab1U") | st.characters(), max_size=60)


def plain(text):
    return re.sub(r"@(?=\w)", "@\u200b", re.sub(r"[^\S\u00a0]+", " ", text).strip())


def readable(text):
    """Text a Markdown file can hold: control characters are dropped before anything is written."""
    return "".join(char for char in text if char.isprintable() or char in "\n\t ")


@given(NASTY)
@example("1. first")
@example("2) second")
@example("- item")
@example("+ item")
@example("=== ")
@example("    code")
@example("<script>alert(1)</script>")
@example("&lt;b&gt; &copy; &#64;")
@example("![x](http://evil/x.png) [a](javascript:1)")
@example("a | b \\| c \\")
@example("__init__ _x_ dep_delay *x* ~~y~~")
@example("```\ncode\n```")
@example("![")
def test_text_reads_the_same_and_opens_nothing(text):
    text = readable(text)
    shown = PARSER.render(f"{escaped(text)}\n") if plain(text) else ""
    body = shown.removeprefix("<p>").removesuffix("</p>\n")
    assert html.unescape(body) == plain(text)
    assert "<" not in body


@given(NASTY, NASTY)
def test_a_cell_stays_a_cell(left, right):
    table = f"| a | b |\n|---|---|\n| {escaped(readable(left))} | {escaped(readable(right))} |\n"
    shown = PARSER.render(table)
    cells = re.findall(r"<td>(.*?)</td>", shown, flags=re.DOTALL)
    assert [html.unescape(cell) for cell in cells] == [plain(readable(left)), plain(readable(right))]


@given(NASTY)
def test_no_document_breaks_whatever_stands_in_it(text):
    text = readable(text)
    document = Document(
        number=1,
        label="INC-1",
        title=text,
        severity="SEV2",
        status="resolved",
        version=1,
        watermark=3,
        drafted_at=AT,
        summary=(text, text, text),
        impact=[Fact("Period", text)],
        detection=[text],
        alerts=[SeenAlert(1, text, text, "page", AT, AT, text, text)],
        timeline=[Moment(AT, text, text, key=True), Moment(AT, text)],
        helped=[text],
        hindered=[text],
        factors=[text],
        items=[ActionPoint(text, text, date(2026, 12, 1))],
        evidence=[Evidence("E-1", text, text, text, [text, "b"], [[text, text]], text, text, chart=True)],
        versions=[Fact(text, text)],
    )
    written = markdown(document)
    page = as_html(written, "INC-1", {"E-1": b"png"})
    body = page.partition("<main>")[2]
    assert body.count("<h2") == 10
    assert body.count("<table") == body.count("</table>")
    assert not re.search(r"<(script|iframe|a|style|b|form)\b", body)
    rows = [line for line in written.splitlines() if line.startswith("| ")]
    for row in rows:
        assert row.endswith(" |"), row
    assert chart_labels(written) == ["E-1"]
    assert "![" not in as_markdown(written).replace("\\![", "").replace("!\\[", "")
    assert as_json(document)


def test_days_are_said_where_they_change():
    moments = [Moment(AT, "a"), Moment(AT + timedelta(hours=1), "b"), Moment(AT + timedelta(hours=22), "c")]
    assert [when.replace("\u00a0", " ") for when, _ in days(moments)] == ["2 Nov 02:40", "03:40", "3 Nov 00:40"]


def document(**more):
    return Document(1, "INC-1", "x", "SEV2", "triage", 1, 0, AT, summary=("A.", "B.", "C."), **more)


def test_nothing_on_record_is_said_to_be_not_recorded():
    text = markdown(document())
    assert "Not recorded." in text
    assert "No check and no chart is on record." in text
    assert "`/incident item <what> [@owner] [due 2026-12-01]`" in text


def test_charts_of_alerts_come_first_in_the_evidence():
    text = illustrated(markdown(document()), [("A-3", "amount | moved", "two [hills]")])
    assert chart_labels(text) == ["A-3"]
    assert "No check and no chart" not in text
    page = as_html(text, "x", {"A-3": b"png"})
    assert '<img alt="two [hills]" src="data:image/png;base64,cG5n">' in page
    assert illustrated(text, []) == text


def test_a_chart_no_longer_kept_is_said_in_words():
    evidence = [Evidence("E-9", "range", "s", alt="far <right>", chart=True)]
    page = as_html(markdown(document(evidence=evidence)), "x", {})
    assert "Chart E-9 is no longer kept: far &lt;right&gt;" in page


def test_the_page_holds_no_script_and_its_policy_names_its_style():
    page = as_html(markdown(document()), "<x>", {})
    assert "<title>&lt;x&gt;</title>" in page
    assert "default-src 'none'" in page
    assert "style-src 'sha256-" in page
    assert "script" not in page.partition("<style>")[0]


def test_json_says_lengths_in_seconds_and_null_where_nothing_was_reached():
    incident = Incident(
        slug="x", kind="x", severity="SEV2", severity_source="rule", onset_at=AT, detected_at=AT, opened_at=AT
    )
    text = as_json(document(metrics=metrics(incident)))
    assert '"seconds": 0.0' in text
    assert '"seconds": null' in text


@pytest.mark.parametrize("text", ["dep_delay", "3.2", "31 % of payments (usually 4 %)", "a-b", "38 -> 3,790", "it's"])
def test_plain_words_are_left_as_they_are(text):
    assert escaped(text) == text
