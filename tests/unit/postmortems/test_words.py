"""Names out of Slack's marks, action items as typed, links that open one page."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.core.errors import BotError
from bot.postmortems.blameless import blaming
from bot.postmortems.items import read_item
from bot.postmortems.links import Links
from bot.postmortems.names import Names, mentioned
from bot.postmortems.narrative import ended

NAMES = Names(people={"U1": "Ada", "U2": "Bo"}, roles={"U1": "the commander"})
TODAY = date(2026, 11, 2)


@pytest.mark.parametrize(
    ("said", "named"),
    [
        ("<@U1> and <@U2|bo>", "Ada and Bo"),
        ("<@U7|cy> and <@U8>", "cy and someone (U8)"),
        ("Called level 1 of 2: U1, channel", "Called level 1 of 2: Ada, channel"),
        ("in the USA, U1X and WU1", "in the USA, U1X and WU1"),
        ("see <#C1|general>, <#C2>", "see #general, another channel"),
        ("<!here> <!subteam^S1|@ml> <!subteam^S2>", "@here the group ml a user group"),
        ("<!date^1761000000^{time}|02:40 UTC>", "02:40 UTC"),
        ("<https://x.io/a|the log> <https://y.io>", "the log (https://x.io/a) https://y.io"),
        ("a &lt; b &amp;&amp; c", "a < b && c"),
        ("curl -H 'Authorization: Bearer abc.def'", "curl -H 'Authorization: Bearer ***'"),
    ],
)
def test_marks_of_slack_become_words(said, named):
    assert NAMES.named(said) == named


def test_the_narrative_speaks_of_roles():
    assert NAMES.unnamed("<@U1> asked <@U2>, <@U9> did it") == "the commander asked a responder, a responder did it"


@given(st.text(alphabet="<@U12|>!#^abc& ;lt", max_size=40))
def test_no_known_id_is_left_in_a_mention(text):
    assert "<@U1>" not in NAMES.named(text)


def test_everybody_mentioned_is_found():
    assert mentioned("<@U1> <@W2|x> U3 <@u4>") == {"U1", "W2"}


@pytest.mark.parametrize(
    ("typed", "text", "owner", "due"),
    [
        ("pin the unit", "pin the unit", None, None),
        ("pin the unit <@U2>", "pin the unit", "U2", None),
        ("pin the unit <@U2|bo> due 2026-12-01", "pin the unit", "U2", date(2026, 12, 1)),
        ("pin the unit due 2026-12-01 @bo", "pin the unit", "U2", date(2026, 12, 1)),
        ("pin the unit due:2026-12-01.", "pin the unit", None, date(2026, 12, 1)),
        ("ask <@U2> about the due date", "ask <@U2> about the due date", None, None),
        ("write to a@b.io", "write to a@b.io", None, None),
    ],
)
def test_an_item_is_read_as_typed(typed, text, owner, due):
    found = read_item(typed, {"bo": "U2"}, TODAY)
    assert (found.text, found.owner, found.due) == (text, owner, due)


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("", "Say what will be changed"),
        ("<@U1>", "Say what will be changed"),
        ("x due tomorrow", "write it like `due 2026-12-01`"),
        ("x due 2026-11-01", "over already"),
        ("x @nobody", "does not know `@nobody`"),
        ("x" * 501, "at most 500 characters"),
    ],
)
def test_a_wrong_item_says_what_to_type(typed, says):
    with pytest.raises(BotError, match=says):
        read_item(typed, {"bo": "U2"}, TODAY)


def test_a_link_opens_one_postmortem():
    links, other = Links("https://m.example/", "secret"), Links("https://m.example", "another")
    assert links.url(7) == f"https://m.example/v1/incidents/7/postmortem?format=html&key={links.key(7)}"
    assert links.opens(7, links.key(7))
    assert not links.opens(8, links.key(7))
    assert not other.opens(7, links.key(7))
    assert not links.opens(7, "é")
    assert not links.opens(7, "")


@pytest.mark.parametrize(("text", "says"), [("a", "a."), ("a. ", "a."), ("a…", "a…"), ("a?", "a?"), ("a..", "a.")])
def test_a_sentence_ends_once(text, says):
    assert ended(text) == says


@pytest.mark.parametrize(
    "text",
    [
        "<@U1> forgot to pin the unit",
        "It is Ada's fault.",
        "he should have checked the feed",
        "The cause was human error",
        "Bo failed to test it",
        "whoever deployed this was careless",
    ],
)
def test_blame_is_found(text):
    assert blaming([f"We saw it at 02:40. {text}"], NAMES.people) == [text]


@pytest.mark.parametrize(
    "text",
    [
        "the feed failed to load",
        "a data-quality fault at DE",
        "Ada reverted the feed",
        "the contract should have pinned the unit",
        "Adamant about the fault line",
        "",
    ],
)
def test_systems_and_deeds_are_no_blame(text):
    assert blaming([text], NAMES.people) == []
