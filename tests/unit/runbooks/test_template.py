"""Placeholders and Markdown on their way to Slack: what an alert says stays plain text, code stays copyable."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.runbooks.markdown import MOST, to_mrkdwn
from bot.runbooks.template import NAMES, fill, fill_check, unknown_names

FORMATTED = ("<http", "<mailto", "<!", "<@")


def test_known_names_are_filled_and_unknown_facts_read_as_a_dash():
    text = "{{model}} of {{ version }}, {{ alert.feature }}"
    assert fill(text, {"model": "fraud", "version": "", "alert.feature": "amount"}) == "fraud of –, amount"


def test_every_name_that_is_not_filled_is_found():
    every = " ".join(f"{{{{ {name} }}}}" for name in NAMES)
    assert "{{" not in fill(every, {})
    assert unknown_names(every) == []
    assert unknown_names("{{ alert.featur }} {{ Alert.Feature }} {{alert.p99}} {{}}") == [
        "alert.featur",
        "Alert.Feature",
        "alert.p99",
        "",
    ]


@given(
    st.text(alphabet="ab_ *`[]()<>!#\\\n@:/.", max_size=40)
    | st.sampled_from(["[x](http://evil.example)", "<!channel>"])
)
def test_what_an_alert_says_never_becomes_a_link_a_mention_or_a_step(value):
    shown = to_mrkdwn(fill("Look at {{ alert.segment }} now.", {"alert.segment": value}))
    assert not any(one in shown for one in FORMATTED)
    assert shown.startswith("Look at ")
    assert shown.count("\n") == 0


@pytest.mark.parametrize(
    ("line", "facts", "params"),
    [
        (
            "drift feature={{ alert.feature }} window={{ alert.window }}",
            {"alert.feature": "amount"},
            {"feature": "amount"},
        ),
        ("drift feature=unit price window=1h", {}, {"feature": "unit price", "window": "1h"}),
        ("""drift feature="a b=c" window='6h'""", {}, {"feature": "a b=c", "window": "6h"}),
        ('drift feature="unclosed', {}, {"feature": '"unclosed'}),
        ("drift feature=x{{ alert.feature }}", {"alert.feature": "'\"\\"}, {"feature": "x'\"\\"}),
    ],
)
def test_a_check_line_is_cut_into_parameters(line, facts, params):
    assert fill_check(line, facts) == ("drift", params)


@given(st.text(max_size=30))
def test_a_value_from_an_alert_is_one_parameter_whatever_it_holds(value):
    name, params = fill_check("drift feature={{ alert.feature }} window=1h", {"alert.feature": value})
    expected = {"feature": value.strip(), "window": "1h"} if value.strip() else {"window": "1h"}
    assert (name, params) == ("drift", expected)


def test_a_check_line_may_be_empty():
    assert fill_check("", {}) == ("", {})


def test_markdown_reads_as_mrkdwn():
    text = "Do **this** or *that*:\n\n1. one\n2. two\n   - deep\n\n### Then\nlast\nline ![a chart](http://x/y.png)"
    assert to_mrkdwn(text) == "Do *this* or _that_:\n\n1. one\n2. two\n    • deep\nThen\n\nlast line a chart"


def test_code_and_addresses_are_copied_as_they_are_and_other_links_are_text():
    shown = to_mrkdwn("`null_rate <b>` [guide](https://x.example/a_b?c=1&d=*) [other](general.md) <!channel>")
    assert shown == "`null_rate &lt;b&gt;` <https://x.example/a_b?c=1&amp;d=*|guide> other &lt;!channel&gt;"
    assert to_mrkdwn("```\nmuster check null_rate\n```") == "```\nmuster check null_rate\n```"


def test_a_long_text_is_cut_to_one_section():
    shown = to_mrkdwn("word " * 2000)
    assert len(shown) <= MOST
    assert shown.endswith("…")
