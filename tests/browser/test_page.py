"""The workspace's page in a real browser: what stays while things change, what keys do, what a phone shows."""

from urllib.parse import urlsplit

import pytest
from playwright.sync_api import expect

from bot.workspace.dispatch import NoAnswerError
from tests.unit.workspace.listening_app import button, mrkdwn, options, plain

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63606060000000040001f61738"
    "550000000049454e44ae426082"
)
CONTRAST = """
() => {
  const parse = (text) => { const n = text.match(/[\\d.]+/g).map(Number); return n.length < 4 ? [...n, 1] : n; };
  const over = (top, under) => top.slice(0, 3).map((c, i) => c * top[3] + under[i] * (1 - top[3]));
  const light = (rgb) => {
    const [r, g, b] = rgb.map((c) => { c /= 255; return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const ground = (node) => {
    const layers = [];
    for (let one = node; one; one = one.parentElement) layers.push(parse(getComputedStyle(one).backgroundColor));
    return layers.reverse().reduce((under, top) => over(top, under), [255, 255, 255]);
  };
  const poor = [];
  const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    const node = walk.currentNode.parentElement;
    if (!walk.currentNode.textContent.trim() || !node.checkVisibility({ visibilityProperty: true })) continue;
    if (node.closest("[disabled], .sr")) continue;
    const back = ground(node);
    const [one, two] = [light(over(parse(getComputedStyle(node).color), back)), light(back)].sort((a, b) => b - a);
    const ratio = (one + 0.05) / (two + 0.05);
    if (ratio < 4.5) poor.push([ratio.toFixed(2), node.className, walk.currentNode.textContent.trim().slice(0, 30)]);
  }
  return poor;
}
"""


def field(name, element, **more):
    return {
        "type": "input",
        "block_id": name,
        "label": plain(name.title()),
        "element": {"action_id": "x", **element},
        **more,
    }


def refused(status, address):
    """Return what the browser says of a request that the server refuses, as its own words and as htmx's."""
    return [
        rf"Failed to load resource: the server responded with a status of {status} \(.*\)",
        rf"Response Status Error Code {status} from \S+{address}, \[object \w+\]",
    ]


def card(*buttons, text="*Broken*"):
    return {"type": "section", "text": mrkdwn(text)}, {"type": "actions", "elements": list(buttons)}


def furnished(house):
    """One of everything, as an incident leaves it."""
    house.general.topic = "SEV2 · investigating · fraud-v3 declines 31 % of payments"
    picture = house.workspace.add_file("a.png", "amount", PNG, "UBOT", "Two humps")
    menu = {"type": "overflow", "action_id": "more", "options": options("Skip", "Assign")}
    people = {"type": "users_select", "action_id": "who", "placeholder": plain("Assign…")}
    first = house.say(
        {"type": "header", "text": plain("🔴 SEV2 · fraud-v3 declines 31 % of payments")},
        {"type": "section", "text": mrkdwn("<@U1> `code` <https://e.org|link> _x_ ~y~"), "accessory": menu},
        {"type": "section", "fields": [mrkdwn("*Monitor*\nrange"), mrkdwn("*Feature*\n" + "merchant_category_" * 5)]},
        {"type": "image", "slack_file": {"id": picture.id}, "alt_text": "Two humps", "title": plain("amount")},
        {
            "type": "section",
            "text": mrkdwn("```\n" + "segment      rows    share   median   reference   change\n" * 3 + "```"),
        },
        {"type": "context", "elements": [mrkdwn("Window 02:00–03:00 UTC · 18,204 rows")]},
        {"type": "divider"},
        {
            "type": "actions",
            "elements": [
                button("Acknowledge", "ack", style="primary"),
                button("Escalate", "escalate", style="danger"),
                button("Run a check", "check"),
                people,
            ],
        },
    )
    house.general.pins.append(first["ts"])
    house.workspace.post(house.general, "U2", "x" * 300, thread_ts=first["ts"])
    house.workspace.post(
        house.general, "U1", "mine", reactions=[{"name": "eyes", "users": ["U1"], "count": 1}], edited={"ts": "1"}
    )
    house.workspace.post(
        house.general, "UBOT", "", files=[{"id": house.workspace.add_file("a.md", "INC-1", b"x", "UBOT").id}]
    )
    house.workspace.whisper(house.general.id, "U1", "only you", [])
    return first


# live


def test_a_message_arrives_and_a_draft_stays(house, look):
    page = look()
    page.fill("#say", "half a thought")
    house.workspace.post(house.general, "U2", "hello from bo")
    expect(page.get_by_text("hello from bo")).to_be_visible()
    expect(page.locator("#say")).to_have_value("half a thought")
    expect(page.locator("#say")).to_be_focused()


def test_a_new_channel_shows_itself(house, look):
    page = look()
    house.workspace.add_channel("inc-7-fraud-declines", "UBOT", members=["U1"])
    page.get_by_role("link", name="inc-7-fraud-declines").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("inc-7-fraud-declines")


def test_the_end_is_followed_and_elsewhere_the_place_is_kept(house, look):
    house.fill()
    page = look()
    house.workspace.post(house.general, "U2", "at the end")
    expect(page.get_by_text("at the end")).to_be_in_viewport()
    page.locator("#scroller").evaluate(
        "box => new Promise((done) => {"
        " box.addEventListener('scroll', () => requestAnimationFrame(() => requestAnimationFrame(done)), {once: true});"
        " box.scrollTop = 400; })"
    )
    house.workspace.post(house.general, "U2", "further down")
    pill = page.get_by_role("button", name="New messages")
    expect(pill).to_be_visible()
    assert page.locator("#scroller").evaluate("box => box.scrollTop") == 400
    pill.click()
    expect(page.get_by_text("further down")).to_be_in_viewport()
    expect(pill).to_be_hidden()


def test_who_moves_up_as_a_message_comes_is_not_taken_back(house, look):
    house.fill()
    page = look()
    expect(page.get_by_text("number 59")).to_be_in_viewport()
    at = page.locator("#scroller").evaluate(
        "box => { box.scrollTop = 400;"  # its event is yet to come when the message arrives
        " const came = new CustomEvent('htmx:afterSettle', {bubbles: true, detail: {}});"
        " document.querySelector('.messages').dispatchEvent(came);"
        " return box.scrollTop; }"
    )
    assert at == 400


def test_unread_messages_elsewhere_are_counted(house, look):
    other = house.workspace.add_channel("incidents", "UBOT", members=["U1"])
    page = look()
    house.workspace.post(other, "UBOT", "SEV2")
    place = page.get_by_role("link", name="incidents")
    expect(place.get_by_label("1 unread")).to_be_visible()
    expect(page).to_have_title("(1) general · Muster")
    place.click()
    expect(page).to_have_title("incidents · Muster")


def test_a_page_finds_its_way_back_after_the_server_was_away(house, look, tolerated):
    page = look()
    page.fill("#say", "half a thought")
    tolerated += [
        r"\[object Event\]",  # the event stream's own error
        r"Failed to load resource: net::ERR_[A-Z_]+",
        r"htmx:(afterRequest|sendError), \[object \w+\]",
    ]
    port = urlsplit(house.server.url).port
    house.server.stop()
    expect(page.locator("#offline")).to_be_visible()
    house.workspace.post(house.general, "U2", "meanwhile")
    expect(page.locator("#toasts")).to_be_empty()
    page.keyboard.press("Enter")
    expect(page.locator("#toasts")).to_contain_text("can't be reached")
    house.start(port)
    expect(page.locator("#offline")).to_be_hidden(timeout=15_000)
    expect(page.get_by_text("meanwhile")).to_be_visible()
    house.workspace.post(house.general, "U2", "and since")
    expect(page.get_by_text("and since")).to_be_visible()
    expect(page.locator("#say")).to_have_value("half a thought")


# pressing and typing


def test_a_press_is_busy_and_then_the_message_changes(house, look):
    message = house.say(*card(button("Acknowledge", "ack", style="primary"), button("Resolve", "resolve")))
    page = look()

    def acknowledge(_kind, _payload):
        busy = page_waits.wait(5)
        house.replace(message, *card(button("Resolve", "resolve"), text="commander <@U1>"))
        return {} if busy else {"text": "the button never looked busy"}

    import threading

    page_waits = threading.Event()
    house.app.answer = acknowledge
    page.get_by_role("button", name="Acknowledge").click()
    expect(page.get_by_role("button", name="Acknowledge")).to_be_disabled()
    page_waits.set()
    expect(page.get_by_text("commander @Ada Marsh")).to_be_visible()
    expect(page.get_by_role("button", name="Acknowledge")).to_have_count(0)
    expect(page.get_by_role("button", name="Resolve")).to_be_enabled()


def test_a_late_answer_is_told(house, look, tolerated):
    tolerated += refused(502, "/m/[0-9.]+/press")

    def late(_kind, _payload):
        raise NoAnswerError("operation_timeout (ReadTimeout)")

    house.app.answer = late
    house.say(*card(button("Escalate", "escalate")))
    page = look()
    page.get_by_role("button", name="Escalate").click()
    expect(page.locator("#toasts")).to_contain_text("operation_timeout")
    expect(page.get_by_role("button", name="Escalate")).to_be_enabled()


def test_a_dangerous_button_asks_first(house, look):
    confirm = {
        "title": plain("Switch?"),
        "text": mrkdwn("All traffic"),
        "confirm": plain("Switch"),
        "deny": plain("Not now"),
    }
    house.say(*card(button("Fallback", "fallback", confirm=confirm)))
    page = look()
    page.get_by_role("button", name="Fallback").click()
    page.get_by_role("button", name="Not now").click()
    expect(page.get_by_role("dialog", name="Switch?")).to_be_hidden()
    page.get_by_role("button", name="Fallback").click()
    expect(page.get_by_role("dialog", name="Switch?")).to_contain_text("All traffic")
    assert house.app.sent("interactive") == []
    with page.expect_response("**/press"):
        page.get_by_role("button", name="Switch").click()
    [pressed] = house.app.sent("interactive")
    assert pressed["actions"][0]["action_id"] == "fallback"
    expect(page.get_by_role("button", name="Fallback")).to_be_enabled()


def test_menus_are_chosen_from_by_keyboard(house, look):
    menu = {"type": "overflow", "action_id": "more", "options": options("Skip", "Assign")}
    house.say({"type": "section", "text": mrkdwn("x"), "accessory": menu})
    page = look()
    page.get_by_role("button", name="More actions").press("Enter")
    expect(page.get_by_role("menuitem", name="Skip")).to_be_focused()
    page.keyboard.press("ArrowDown")
    with page.expect_response("**/press"):
        page.keyboard.press("Enter")
    expect(page.get_by_role("menuitem", name="Skip")).to_be_hidden()
    [pressed] = house.app.sent("interactive")
    assert pressed["actions"][0]["selected_option"]["value"] == "assign"


def test_an_open_menu_stays_while_messages_arrive(house, look):
    menu = {"type": "overflow", "action_id": "more", "options": options("Skip", "Assign")}
    house.say({"type": "section", "text": mrkdwn("x"), "accessory": menu})
    page = look()
    page.get_by_role("button", name="More actions").press("Enter")
    skip = page.get_by_role("menuitem", name="Skip")
    expect(skip).to_be_focused()
    place = skip.bounding_box()
    house.workspace.post(house.general, "U2", "meanwhile")
    expect(page.get_by_text("meanwhile")).to_be_attached()
    expect(skip).to_be_focused()
    assert skip.bounding_box() == place


def test_enter_sends_and_shift_enter_goes_on(house, look):
    page = look()
    page.locator("#say").press_sequentially("one")
    page.keyboard.press("Shift+Enter")
    page.keyboard.type("two")
    page.keyboard.press("Enter")
    expect(page.locator("#messages .text").last).to_have_text("onetwo")
    expect(page.locator("#say")).to_have_value("")
    assert house.general.messages[0]["text"] == "one\ntwo"


def test_commands_and_people_complete_themselves(house, look):
    page = look()
    page.locator("#say").press_sequentially("/incident r")
    expect(page.get_by_role("option")).to_have_count(2)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Tab")
    expect(page.locator("#say")).to_have_value("/incident role ")
    page.keyboard.type("commander @b")
    page.keyboard.press("Tab")
    expect(page.locator("#say")).to_have_value("/incident role commander @bo ")
    page.keyboard.press("Enter")
    expect(page.locator("#say")).to_have_value("")
    assert house.app.sent("slash_commands")[0]["text"] == "role commander <@U2|bo>"


def test_own_messages_are_edited_where_they_stand(house, look):
    house.workspace.post(house.general, "U1", "mistaek &amp; co")
    page = look()
    page.locator(".message").last.hover()
    page.get_by_role("button", name="More message actions").click()
    page.get_by_role("menuitem", name="Edit message").click()
    editing = page.get_by_label("Edit message")
    expect(editing).to_have_value("mistaek & co")
    house.workspace.post(house.general, "U2", "meanwhile")
    expect(page.get_by_text("meanwhile")).to_be_visible()
    editing.fill("mistake")
    editing.press("Enter")
    expect(page.get_by_text("(edited)")).to_be_visible()
    expect(editing).to_have_count(0)
    assert house.general.messages[0]["text"] == "mistake"


def test_a_thread_opens_beside_the_channel(house, look):
    parent = house.workspace.post(house.general, "U2", "parent")
    house.workspace.post(house.general, "U3", "first reply", thread_ts=parent["ts"])
    page = look()
    page.get_by_role("link", name="1 reply").click()
    expect(page.locator("#answer")).to_be_focused()
    page.keyboard.type("second reply")
    page.keyboard.press("Enter")
    expect(page.locator("#replies")).to_contain_text("second reply")
    expect(page.get_by_role("link", name="2 replies")).to_be_visible()
    page.reload()
    expect(page.locator("#replies")).to_contain_text("second reply")
    page.get_by_label("Close the thread").click()
    expect(page.locator("#answer")).to_have_count(0)


def test_a_picture_opens_large(house, look):
    furnished(house)
    page = look()
    page.get_by_role("img", name="Two humps").first.click()
    expect(page.get_by_role("dialog", name="Picture")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog", name="Picture")).to_be_hidden()


# modals


def test_a_modal_keeps_what_is_entered_while_the_channel_goes_on(house, look):
    page = look()
    house.open(field("fix", {"type": "plain_text_input", "multiline": True}), field("due", {"type": "datepicker"}))
    page.get_by_role("textbox", name="Fix").fill("rolled back")
    house.workspace.post(house.general, "U2", "meanwhile")
    expect(page.get_by_text("meanwhile")).to_be_attached()
    expect(page.get_by_role("textbox", name="Fix")).to_have_value("rolled back")
    expect(page.get_by_role("textbox", name="Fix")).to_be_focused()


def test_a_refused_field_says_why_and_keeps_the_rest(house, look, tolerated):
    tolerated += refused(422, "/modals/[A-Z0-9]+/submit")
    house.app.answer = lambda _kind, _payload: {"response_action": "errors", "errors": {"fix": "Say more."}}
    page = look()
    house.open(
        field("why", {"type": "radio_buttons", "options": options("Fault", "Expected")}),
        field("fix", {"type": "plain_text_input"}),
        field("tell", {"type": "checkboxes", "options": options("All", "Some")}, optional=True),
    )
    send = page.get_by_role("dialog").get_by_role("button", name="Send")
    send.click()
    expect(page.get_by_text("Please complete this required field.")).to_have_count(2)
    page.get_by_label("Expected").check()
    page.get_by_label("Some").check()
    page.get_by_role("textbox", name="Fix").fill("x")
    page.keyboard.press("Enter")
    expect(page.get_by_role("textbox", name="Fix")).to_have_accessible_description("Say more.")
    expect(page.get_by_role("textbox", name="Fix")).to_be_focused()
    expect(page.get_by_label("Expected")).to_be_checked()
    expect(page.get_by_label("Some")).to_be_checked()
    house.app.answer = lambda _kind, _payload: {}
    send.click()
    expect(page.locator("#modals dialog")).to_have_count(0)


def test_escape_closes_the_modal_and_focus_goes_back(house, look):
    message = house.say(*card(button("Resolve", "resolve")))

    def opens(_kind, _payload):
        house.open(field("fix", {"type": "plain_text_input"}))
        return {}

    house.app.answer = opens
    page = look()
    page.locator("#m-" + message["ts"].replace(".", "-")).get_by_role("button", name="Resolve").click()
    expect(page.get_by_role("textbox", name="Fix")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#modals dialog")).to_have_count(0)
    expect(page.get_by_role("button", name="Resolve")).to_be_focused()
    assert house.workspace.modals["U1"] == []


def test_a_modal_can_be_replaced_while_it_is_open(house, look):
    page = look()
    modal = house.open(field("fix", {"type": "plain_text_input"}))
    expect(page.get_by_role("textbox", name="Fix")).to_be_visible()
    house.workspace.replace_modal(modal, {**modal.view, "blocks": [{"type": "section", "text": mrkdwn("Loaded")}]})
    expect(page.get_by_role("dialog").get_by_text("Loaded")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator("#modals dialog")).to_have_count(0)


# looks


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_words_stand_out_from_their_ground(house, look, scheme):
    first = furnished(house)
    page = look(color_scheme=scheme)
    assert page.evaluate(CONTRAST) == []
    page.goto(page.url + f"?thread={first['ts']}")
    house.open(field("fix", {"type": "plain_text_input"}, hint=plain("Say what"), optional=True))
    expect(page.get_by_role("dialog")).to_be_visible()
    page.evaluate("() => { document.querySelector('.problem').textContent = 'Say more.'; }")
    assert page.evaluate(CONTRAST) == []


@pytest.mark.parametrize("width", [390, 800, 1280])
def test_nothing_sticks_out(house, look, width):
    first = furnished(house)
    page = look(width=width)
    for address in (page.url, f"{page.url}?thread={first['ts']}"):
        page.goto(address)
        wide = page.evaluate(
            "() => [document.scrollingElement, ...document.querySelectorAll('.scroller, .head, .below, .sidebar')]"
            ".filter((one) => one.checkVisibility() && one.scrollWidth > one.clientWidth).map((one) => one.className)"
        )
        assert wide == []


def test_a_phone_shows_one_pane_at_a_time(house, look):
    house.workspace.users["U1"].real_name = "Ada"
    parent = house.workspace.post(house.general, "U2", "parent")
    house.workspace.post(house.general, "U2", "reply", thread_ts=parent["ts"])
    page = look(width=390, height=844, has_touch=True)
    expect(page.locator("#sidebar")).to_be_hidden()
    page.get_by_role("link", name="1 reply").tap()
    expect(page.locator("#answer")).to_be_visible()
    expect(page.locator("#say")).to_be_hidden()
    page.get_by_label("Back to the channel", exact=True).tap()
    expect(page.locator("#say")).to_be_visible()
    page.get_by_label("Back to the channels").tap()
    expect(page.locator("#sidebar")).to_be_visible()
    page.get_by_role("link", name="general").tap()
    expect(page.locator("#say")).to_be_visible()


def test_what_a_thumb_presses_is_large_enough(house, look):
    furnished(house)
    page = look(width=390, height=844, has_touch=True)
    small = page.evaluate(
        "() => [...document.querySelectorAll('main button, main select, main a.replies, main a.file')]"
        ".filter((one) => one.checkVisibility() && !one.matches('.link'))"
        ".map((one) => [one.className || one.name, one.offsetHeight]).filter(([, height]) => height < 36)"
    )
    assert small == []


def test_everything_that_can_be_pressed_has_a_name(house, look):
    furnished(house)
    page = look()
    nameless = page.evaluate(
        "() => [...document.querySelectorAll('button, a[href], input:not([type=hidden]), select, textarea')]"
        ".filter((one) => one.checkVisibility() && !(one.getAttribute('aria-label') || one.textContent.trim()"
        " || one.labels?.length || one.querySelector('img[alt]'))).map((one) => one.outerHTML)"
    )
    assert nameless == []
