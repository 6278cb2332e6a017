import re
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.workspace.mrkdwn import Reader, ago, plain, preview, to_html

NOW = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
READER = Reader("U1", ZoneInfo("Europe/Berlin"), NOW)
TAGS = {
    "a": {"href", "target", "rel", "class"},
    "span": {"class"},
    "time": {"datetime", "title"},
    **{tag: set() for tag in ("b", "i", "s", "br", "pre", "code", "blockquote")},
}


class Names:
    def user_name(self, user_id):
        return {"U1": "Ada <Marsh>", "U2": "Bo"}.get(user_id)

    def channel_name(self, channel_id):
        return {"C1": "incidents"}.get(channel_id)

    def group_name(self, group_id):
        return {"S1": "ml-oncall"}.get(group_id)


class Strict(HTMLParser):
    """Refuses what is not on the list, and tags that don't nest."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.open, self.links, self.said = [], [], ""

    def handle_starttag(self, tag, attrs):
        assert tag in TAGS, tag
        assert {name for name, _ in attrs} <= TAGS[tag], (tag, attrs)
        self.links += [value for name, value in attrs if name == "href"]
        if tag != "br":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.said += data

    def handle_comment(self, data):
        raise AssertionError(data)

    handle_decl = handle_pi = unknown_decl = handle_comment


def html(text):
    return str(to_html(text, Names(), READER))


def read(text):
    parser = Strict()
    parser.feed(html(text))
    parser.close()
    assert parser.open == []
    return parser


PIECES = st.sampled_from(
    [
        "*",
        "_",
        "~",
        "`",
        "```",
        "<",
        ">",
        "&",
        "|",
        "\n",
        " ",
        '"',
        "'",
        ":eyes:",
        "<@U1>",
        "<@U1|x>",
        "<#C1>",
        "<!here>",
        "<!subteam^S1>",
        "<!date^1^{time}|x>",
        "<!date^1^{time}^javascript:x|y>",
        "<https://a.b|c>",
        "<javascript:x|y>",
        "<data:text/html,x>",
        "https://a.b/c?d=1&e",
        "<script>",
        "</pre>",
        "<img src=x onerror=y>",
        "&lt;b&gt;",
        "&amp;lt;",
        "word",
    ]
)
TEXTS = st.one_of(st.text(max_size=60), st.lists(PIECES, max_size=24).map("".join))


@settings(max_examples=400)
@given(TEXTS)
def test_only_known_tags_come_out_and_links_go_nowhere_dangerous(text):
    parser = read(text)
    assert all(re.match(r"(https?:|mailto:|tel:|/as/U1/c/C1$)", link, re.IGNORECASE) for link in parser.links)


@given(st.text(alphabet=st.characters(exclude_characters="*_~`:<>&\r\n", exclude_categories=["Cs"]), max_size=80))
def test_text_without_markup_reads_as_it_was_written(text):
    if "://" not in text:
        assert read(text).said == text


@given(TEXTS)
def test_plain_text_is_only_ever_text(text):
    parser = Strict()
    parser.feed(str(plain(text)))
    assert parser.links == []


@given(TEXTS)
def test_a_preview_is_one_line(text):
    assert "\n" not in preview(text, Names(), READER)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("*bold* _slanted_ ~gone~", "<b>bold</b> <i>slanted</i> <s>gone</s>"),
        ("*a _b_ c*", "<b>a <i>b</i> c</b>"),
        ("2*3*4 snake_case_name", "2*3*4 snake_case_name"),
        ("`*x* &lt;y&gt;`", "<code>*x* &lt;y&gt;</code>"),
        ("a\nb", "a<br>b"),
        ("&gt; said\nanswered", "<blockquote>said</blockquote>answered"),
        ("```\na  b\n1  2\n```", "<pre>a  b\n1  2</pre>"),
        ("&lt;b&gt; &amp;amp;", "&lt;b&gt; &amp;amp;"),
        ("<!here> now", '<span class="mention me">@here</span> now'),
        ("<@U2>", '<span class="mention">@Bo</span>'),
        ("<@U1>", '<span class="mention me">@Ada &lt;Marsh&gt;</span>'),
        ("<@U7|cy>", '<span class="mention">@cy</span>'),
        ("<!subteam^S1>", '<span class="mention">@ml-oncall</span>'),
        ("<#C1>", '<a class="mention" href="/as/U1/c/C1">#incidents</a>'),
        ("<#C9>", '<span class="mention">#private-channel</span>'),
        (":eyes: :nosuch:", "👀 :nosuch:"),
    ],
)
def test_markup(text, shown):
    assert html(text) == shown


def test_a_link_opens_elsewhere_and_tells_nothing():
    assert html("<https://e.org/?a=1&amp;b=2|the *report*>") == (
        '<a href="https://e.org/?a=1&amp;b=2" target="_blank" rel="noopener noreferrer">the *report*</a>'
    )


def test_a_bare_address_ends_before_the_full_stop():
    assert read("see https://e.org/x.").links == ["https://e.org/x"]


def test_an_address_that_would_run_code_is_shown_as_words():
    parser = read("<javascript:alert(1)|press me>")
    assert parser.links == []
    assert parser.said == "press me (javascript:alert(1))"


@pytest.mark.parametrize(
    ("token", "shown"),
    [
        ("{time}", "13:00"),
        ("{time_secs}", "13:00:00"),
        ("{date_num} {time}", "2026-11-02 13:00"),
        ("{date_short_pretty} {time}", "today 13:00"),
        ("{date}", "November 2, 2026"),
        ("{date_long}", "Monday, November 2, 2026"),
        ("{ago}", "just now"),
        ("{nosuch}", "{nosuch}"),
    ],
)
def test_dates_are_told_in_the_readers_zone(token, shown):
    assert read(f"<!date^{int(NOW.timestamp())}^{token}|fallback>").said == shown


def test_a_date_that_is_none_falls_back_to_its_words():
    assert read("<!date^soon^{time}|about noon>").said == "about noon"
    assert read("<!date^99999999999999^{time}|far away>").said == "far away"


@pytest.mark.parametrize(
    ("length", "words"),
    [
        (timedelta(seconds=20), "just now"),
        (timedelta(minutes=1), "1 minute ago"),
        (timedelta(hours=3, minutes=59), "3 hours ago"),
        (timedelta(days=-2), "in 2 days"),
    ],
)
def test_how_long_ago(length, words):
    assert ago(NOW - length, NOW) == words
