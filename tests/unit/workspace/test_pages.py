import asyncio
import json
import re
import threading
import time
from html.parser import HTMLParser

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.applications import Starlette
from starlette.testclient import TestClient

from bot.workspace import pages
from bot.workspace.actors import Actors
from bot.workspace.blockkit import message_problems, view_problems, with_ids
from bot.workspace.dispatch import Dispatcher, NoAnswerError
from bot.workspace.server import LocalWorkspace, furnish
from bot.workspace.stream import Streams, concerns
from tests.unit.workspace.listening_app import ListeningApp, StandingClock, button, mrkdwn, options, plain

EVIL = "<img src=x onerror=alert(1)>\"'</textarea></script>"
VOID = {"meta", "link", "input", "img", "br", "hr", "path", "circle", "rect"}
OWN = {"Origin": "http://testserver", "Sec-Fetch-Site": "same-origin"}


class House:
    """A workspace behind its page, and an app that listens."""

    def __init__(self):
        self.clock = StandingClock()
        self.workspace = furnish(self.clock)
        self.app = ListeningApp()
        dispatcher = Dispatcher(self.clock)
        dispatcher.links.append(self.app)
        self.actors = Actors(self.workspace, dispatcher, bot="UBOT")
        commands = lambda: [("/incident ack", "[INC-1]", "Acknowledge it")]  # noqa: E731
        served = Starlette(routes=pages.routes(self.workspace, self.actors, commands=commands))
        self.http = TestClient(served, follow_redirects=False)
        self.general = next(iter(self.workspace.channels.values()))

    def page(self, user="U1", channel=None, more=""):
        answer = self.http.get(f"/as/{user}/c/{channel or self.general.id}{more}")
        assert answer.status_code == 200, answer.text
        return answer.text

    def say(self, blocks, user="UBOT", **more):
        assert message_problems(blocks) == []
        return self.workspace.post(self.general, user, "said", blocks=with_ids(blocks), **more)["ts"]

    def do(self, deed, ts, user="U1", **form):
        return self.http.post(f"/as/{user}/c/{self.general.id}/m/{ts}/{deed}", data=form, headers=OWN)

    def write(self, text, user="U1", **form):
        return self.http.post(f"/as/{user}/c/{self.general.id}/write", data={"text": text, **form}, headers=OWN)

    def open(self, *blocks, user="U1", **more):
        view = {"type": "modal", "title": plain("Resolve"), "submit": plain("Send"), "blocks": list(blocks), **more}
        assert view_problems(view, "modal") == []
        return self.workspace.open_modal(user, {**view, "blocks": with_ids(view["blocks"])})

    def submit(self, modal, user="U1", **fields):
        data = {f"in:{name}": value for name, value in fields.items()}
        return self.http.post(f"/as/{user}/modals/{modal.id}/submit", data=data, headers=OWN)


@pytest.fixture
def house():
    return House()


class Elements(HTMLParser):
    """A page's elements with their attributes; refuses tags that don't nest."""

    def __init__(self, page):
        super().__init__()
        self.found, self._open = [], []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert tag in VOID or self._open.pop() == tag, tag

    def of(self, tag, **wanted):
        return [attrs for one, attrs in self.found if one == tag and wanted.items() <= attrs.items()]


def told(answer):
    return json.loads(answer.headers["HX-Trigger"])


def field(name, element, **more):
    return {"type": "input", "block_id": name, "label": plain(name.title()), "element": element, **more}


# what is shown


def test_the_start_is_the_first_channel_of_the_first_person(house):
    assert house.http.get("/").headers["location"] == f"/as/U1/c/{house.general.id}"


def test_no_person_is_told_in_words():
    workspace = pages.Workspace(StandingClock())
    actors = Actors(workspace, Dispatcher(workspace.clock), bot="UBOT")
    answer = TestClient(Starlette(routes=pages.routes(workspace, actors))).get("/")
    assert (answer.status_code, "add a person" in answer.text) == (404, True)


def test_nothing_on_the_page_runs_but_its_own_files(house):
    house.say([{"type": "section", "text": mrkdwn("x")}])
    answer = house.http.get(f"/as/U1/c/{house.general.id}")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    for tag, attrs in Elements(answer.text).found:
        assert "style" not in attrs
        assert not any(name.startswith(("on", "hx-on")) for name in attrs), (tag, attrs)
        address = attrs.get("src", attrs.get("href")) if tag in {"script", "link", "img"} else None
        assert address is None or address.startswith(("/static/", "/files/"))


def test_every_static_file_of_the_page_is_there(house):
    for tag, attrs in Elements(house.page()).found:
        address = attrs.get("src") if tag == "script" else attrs.get("href") if tag == "link" else None
        if address:
            assert house.http.get(address).status_code == 200, address


BLOCKS = [
    {"type": "header", "text": plain(EVIL)},
    {"type": "section", "text": mrkdwn(EVIL), "accessory": button(EVIL, "a")},
    {"type": "section", "fields": [mrkdwn(EVIL), plain(EVIL)]},
    {
        "type": "context",
        "elements": [
            mrkdwn(EVIL),
            plain(EVIL),
            {"type": "image", "image_url": "https://e.org/x.png", "alt_text": EVIL},
        ],
    },
    {"type": "divider"},
    {"type": "image", "image_url": "https://e.org/x.png", "alt_text": EVIL, "title": plain(EVIL)},
    {
        "type": "actions",
        "elements": [
            button(EVIL, "b1", style="primary", accessibility_label=EVIL),
            button("go", "b2", url='https://e.org/?a=1&b="x'),
            button(
                "sure?",
                "b3",
                confirm={"title": plain(EVIL), "text": mrkdwn(EVIL), "confirm": plain("Yes"), "deny": plain("No")},
            ),
            {"type": "static_select", "action_id": "s", "placeholder": plain(EVIL), "options": options(EVIL)},
            {"type": "overflow", "action_id": "o", "options": options(EVIL, "Two")},
            {"type": "users_select", "action_id": "u", "placeholder": plain(EVIL)},
            {"type": "datepicker", "action_id": "d", "initial_date": "2026-11-02"},
            {"type": "radio_buttons", "action_id": "r", "options": options(EVIL)},
            {"type": "checkboxes", "action_id": "c", "options": options(EVIL)},
        ],
    },
]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block["type"])
def test_whatever_a_block_holds_is_shown_as_text(house, block):
    house.say([block])
    page = house.page()
    elements = Elements(page)
    assert not any("onerror" in attrs for _, attrs in elements.found)
    assert elements.of("img", src="x") == []
    if block["type"] != "divider":
        assert "onerror=alert(1)" in page


def test_names_topics_and_texts_are_escaped(house):
    house.workspace.users["U2"].real_name = EVIL
    house.general.topic = EVIL
    house.workspace.post(house.general, "U2", EVIL, reactions=[{"name": EVIL, "users": ["U2"], "count": 1}])
    stored = house.workspace.add_file(EVIL, EVIL, b"x", "U2", EVIL)
    house.workspace.post(house.general, "U1", "file", files=[{"id": stored.id}])
    elements = Elements(house.page(more="?thread=" + EVIL))
    assert not any("onerror" in attrs for _, attrs in elements.found)


@settings(max_examples=30, deadline=None)
@given(st.text(max_size=200))
def test_any_text_leaves_the_page_whole(text):
    house = House()
    house.say([{"type": "section", "text": mrkdwn(text or "x")}, {"type": "header", "text": plain(text[:150] or "x")}])
    house.open(field("f", {"type": "plain_text_input", "multiline": True, "initial_value": text}))
    assert Elements(house.page()).of("dialog", id="confirm")


def test_a_picture_from_elsewhere_is_a_link_and_never_loaded(house):
    house.say([{"type": "image", "image_url": "https://e.org/x.png", "alt_text": "Two humps"}])
    elements = Elements(house.page())
    assert [one for one in elements.of("img") if one.get("src")] == []
    (link,) = elements.of("a", href="https://e.org/x.png")
    assert "noopener" in link["rel"]


def test_a_button_that_would_run_code_leads_nowhere(house):
    block = {"type": "actions", "elements": [button("x", "b", url="https://e.org")]}
    block["elements"][0]["url"] = "javascript:alert(1)"
    house.workspace.post(house.general, "UBOT", "x", blocks=with_ids([block]))
    assert "javascript:" not in house.page()


def test_a_private_channel_is_closed_to_others(house):
    private = house.workspace.add_channel("model-risk", "U1", kind="private")
    house.workspace.post(private, "U1", "secret")
    assert "secret" in house.page(channel=private.id)
    for part in ("", "/part/messages", "/part/head", "/part/replies?thread=1"):
        assert house.http.get(f"/as/U2/c/{private.id}{part}").status_code == 404
    assert "model-risk" not in house.page("U2")


@pytest.mark.parametrize("path", ["/as/U77", "/as/U1/c/C77", "/as/U1/dm/U77", "/files/F77", "/as/U1/c/C0001/part/page"])
def test_what_is_not_there_is_not_found(house, path):
    assert house.http.get(path).status_code == 404


def test_unread_messages_are_counted_until_they_are_read(house):
    house.say([{"type": "section", "text": mrkdwn("x")}])
    (count,) = Elements(house.page("U2")).of("span", **{"aria-label": "1 unread"})
    assert "count" in count["class"]
    read = house.http.post(f"/as/U2/c/{house.general.id}/read", headers=OWN)
    assert read.status_code == 204
    assert "unread" not in re.findall(r'<a id="go-[^>]*>', house.page("U2"))[0]


def test_completion_gets_the_commands_and_the_people(house):
    (form,) = Elements(house.page()).of("form", **{"hx-post": f"/as/U1/c/{house.general.id}/write"})
    assert json.loads(form["data-commands"]) == [["/incident ack", "[INC-1]", "Acknowledge it"]]
    assert ["bo", "Bo Lindqvist"] in json.loads(form["data-people"])


def test_only_the_newest_messages_are_shown_at_first(house):
    for number in range(pages.MOST + 5):
        house.workspace.post(house.general, "U2", f"number {number:04d}")
    page = house.page()
    assert "number 0004" not in page
    assert "number 0005" in page
    assert "number 0000" in house.page(more="?most=300")


def test_an_archived_channel_can_be_read_and_not_written_to(house):
    house.workspace.post(house.general, "U1", "old words")
    house.general.archived = True
    page = house.page()
    assert "old words" in page
    assert Elements(page).of("textarea", name="text") == []
    assert told(house.write("x"))["toast"] == "This channel is archived."


def test_files_are_pictures_or_downloads_and_run_nothing(house):
    picture = house.workspace.add_file("a.png", "A", b"\x89PNG\r\n\x1a\n", "UBOT")
    page = house.workspace.add_file("a.html", "A", b"<script>alert(1)</script>", "UBOT")
    one, other = house.http.get(f"/files/{picture.id}/a.png"), house.http.get(f"/files/{page.id}/a.html")
    assert one.headers["content-type"] == "image/png"
    assert other.headers["content-type"] == "application/octet-stream"
    assert other.headers["content-disposition"].startswith("attachment")
    assert "sandbox" in other.headers["content-security-policy"]


# what people do


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://testserver", "Sec-Fetch-Site": "cross-site"},
        {"Origin": "http://testserver:81"},
    ],
)
def test_other_pages_can_do_nothing(house, headers):
    answer = house.http.post(f"/as/U1/c/{house.general.id}/write", data={"text": "x"}, headers=headers)
    assert answer.status_code == 403
    assert house.general.messages == []


def test_writing_posts_and_a_slash_asks_the_app(house):
    assert house.write("hello @bo\r\nbye").status_code == 204
    assert house.general.messages[0]["text"] == "hello <@U2>\nbye"
    house.app.answer = lambda _kind, _payload: {"text": "You have it."}
    assert house.write("/incident role commander @bo").status_code == 204
    (asked,) = house.app.sent("slash_commands")
    assert (asked["command"], asked["text"]) == ("/incident", "role commander <@U2|bo>")
    assert "Only visible to you" in house.page()
    assert "You have it." not in house.page("U2")


def test_a_slash_in_a_thread_is_text(house):
    parent = house.workspace.post(house.general, "U1", "parent")["ts"]
    house.write("/incident ack", thread=parent)
    assert house.app.sent("slash_commands") == []
    assert "/incident ack" in house.page(more=f"?thread={parent}")


def test_nothing_written_is_not_sent(house):
    answer = house.write("  \n ")
    assert (answer.status_code, told(answer)["toast"]) == (409, "Write something first.")


def test_a_press_is_sent_with_its_value(house):
    ts = house.say([{"type": "actions", "elements": [button("Acknowledge", "ack", value="42:1")]}])
    assert house.do("press", ts, action_id="ack").status_code == 204
    (press,) = house.app.sent("interactive")
    assert (press["actions"][0]["value"], press["message"]["ts"], press["user"]["id"]) == ("42:1", ts, "U1")


def test_a_choice_is_sent_with_its_option(house):
    menu = {"type": "overflow", "action_id": "more", "options": options("Skip", "Assign")}
    ts = house.say([{"type": "section", "text": mrkdwn("x"), "accessory": menu}])
    assert house.do("press", ts, action_id="more", value="assign").status_code == 204
    assert house.app.sent("interactive")[0]["actions"][0]["selected_option"] == options("Assign")[0]
    gone = house.do("press", ts, action_id="more", value="nosuch")
    assert (gone.status_code, "button is gone" in told(gone)["toast"]) == (409, True)


def test_an_app_that_does_not_answer_is_told_of(house):
    def late(_kind, _payload):
        raise NoAnswerError("operation_timeout (ReadTimeout)")

    house.app.answer = late
    ts = house.say([{"type": "actions", "elements": [button("Escalate", "escalate")]}])
    answer = house.do("press", ts, action_id="escalate")
    assert (answer.status_code, "operation_timeout" in told(answer)["toast"]) == (502, True)


def test_a_message_is_pinned_reacted_to_edited_and_deleted(house):
    ts = house.workspace.post(house.general, "U1", "mine")["ts"]
    assert house.do("pin", ts).status_code == 204
    assert house.do("react", ts, name="eyes").status_code == 204
    assert house.do("edit", ts, text="mine, *edited*").status_code == 204
    page = house.page("U2")
    for shown in ("Pinned", "👀", "<b>edited</b>", "(edited)"):
        assert shown in page
    assert told(house.do("edit", ts, user="U2", text="theirs"))["toast"] == "Only its author can change this message."
    assert house.do("delete", ts).status_code == 204
    assert house.general.messages == []


def test_only_ones_own_messages_can_be_edited(house):
    house.workspace.post(house.general, "U2", "not mine")
    assert "data-edit" not in house.page()
    assert "data-edit" in house.page("U2")


def test_a_whisper_can_be_dismissed(house):
    ts = house.workspace.whisper(house.general.id, "U1", "too late", [])
    assert house.do("dismiss", ts).status_code == 204
    assert "too late" not in house.page()


# modals


def test_a_modal_shows_every_kind_of_field(house):
    kinds = {
        "line": {"type": "plain_text_input", "initial_value": EVIL, "max_length": 300},
        "lines": {"type": "plain_text_input", "multiline": True, "initial_value": "\n two\n"},
        "one": {"type": "static_select", "options": options("A", "B"), "initial_option": options("B")[0]},
        "radio": {"type": "radio_buttons", "options": options("A", "B")},
        "boxes": {"type": "checkboxes", "options": options("A", "B"), "initial_options": options("A")},
        "who": {"type": "users_select", "initial_user": "U2"},
        "day": {"type": "datepicker", "initial_date": "2026-11-02"},
    }
    modal = house.open(*(field(name, {**one, "action_id": "x"}, hint=plain(EVIL)) for name, one in kinds.items()))
    elements = Elements(house.page())
    assert elements.of("dialog", id=f"modal-{modal.id}")
    for name in kinds:
        found = [attrs for _, attrs in elements.found if attrs.get("name") == f"in:{name}"]
        assert found, name
        named = elements.of("label", id=f"in-{modal.id}-{name}-label")[0].get("for")
        assert named in {None, found[0].get("id")}
    chosen = [attrs["value"] for attrs in elements.of("option") if "selected" in attrs]
    assert chosen == ["b", "U2"]


def test_what_was_entered_is_sent_and_the_modal_closes(house):
    modal = house.open(
        field("fix", {"type": "plain_text_input", "action_id": "x", "multiline": True}),
        field("tell", {"type": "checkboxes", "action_id": "x", "options": options("A", "B", "C")}, optional=True),
        field("due", {"type": "datepicker", "action_id": "x"}, optional=True),
    )
    assert house.submit(modal, fix="one\r\ntwo", tell=["a", "c"]).status_code == 204
    (sent,) = house.app.sent("interactive")
    values = sent["view"]["state"]["values"]
    assert values["fix"]["x"]["value"] == "one\ntwo"
    assert [one["value"] for one in values["tell"]["x"]["selected_options"]] == ["a", "c"]
    assert values["due"]["x"]["selected_date"] is None
    assert house.workspace.modals["U1"] == []


def test_refused_fields_are_told_by_name_and_the_modal_stays(house):
    modal = house.open(field("fix", {"type": "plain_text_input", "action_id": "x"}))
    assert told(house.submit(modal, fix=""))["problems"] == {"fix": "Please complete this required field."}
    house.app.answer = lambda _kind, _payload: {"response_action": "errors", "errors": {"fix": "Say more."}}
    answer = house.submit(modal, fix="x")
    assert (answer.status_code, told(answer)) == (422, {"problems": {"fix": "Say more."}})
    assert house.workspace.modals["U1"] == [modal]


def test_a_modal_is_its_persons_own(house):
    modal = house.open(field("fix", {"type": "plain_text_input", "action_id": "x"}))
    assert house.submit(modal, user="U2", fix="x").status_code == 409
    assert house.app.requests == []
    assert "in:fix" not in house.page("U2")


def test_an_unchanged_modal_is_not_sent_again(house):
    modal = house.open(field("fix", {"type": "plain_text_input", "action_id": "x"}))
    shown = f"/as/U1/modals?shown={modal.id}.{modal.hash}"
    assert house.http.get(shown).status_code == 204
    house.workspace.replace_modal(modal, modal.view)
    assert house.http.get(shown).status_code == 200


def test_closing_tells_the_app_when_it_wants_to_know(house):
    modal = house.open(field("fix", {"type": "plain_text_input", "action_id": "x"}), notify_on_close=True)
    assert house.http.post(f"/as/U1/modals/{modal.id}/close", headers=OWN).status_code == 204
    assert [one["type"] for one in house.app.sent("interactive")] == ["view_closed"]
    assert house.workspace.modals["U1"] == []


# what is told to open pages


@pytest.mark.parametrize(
    ("about", "names"),
    [
        ("channels", {"list", "here"}),
        ("C1", {"list", "here"}),
        ("C2", {"list"}),
        ("user:U1", {"me", "list"}),
        ("user:U2", set()),
    ],
)
def test_a_change_touches_parts_of_a_page(about, names):
    assert concerns(about, "U1", "C1") == names


def test_a_stream_names_everything_first_and_then_what_changed(house):
    streams = Streams(house.workspace)

    async def listen():
        notices = streams.notices("U1", house.general.id)
        first = [await anext(notices) for _ in range(4)]
        threading.Thread(target=house.workspace.changed, args=("user:U1",)).start()
        then = [await anext(notices) for _ in range(2)]
        streams.close()
        return first, then, [one async for one in notices]

    first, then, rest = asyncio.run(listen())
    assert first == ["retry: 1000\n\n", *(f"event: {name}\ndata: \n\n" for name in ("here", "list", "me"))]
    assert then == ["event: list\ndata: \n\n", "event: me\ndata: \n\n"]
    assert rest == []


def test_a_server_with_an_open_page_stops_at_once(house):
    server = LocalWorkspace(house.workspace, bot="UBOT", bot_token="xoxb-test")
    server.start()
    with httpx.Client(timeout=10) as client, client.stream("GET", f"{server.url}/as/U1/stream?channel=C0001") as stream:
        lines = stream.iter_lines()
        assert next(lines) == "retry: 1000"
        started = time.monotonic()
        server.stop()
        assert all(line is not None for line in lines)
    assert time.monotonic() - started < 1.5
