import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.workspace.render import Look, choice_of, file_address, initials, picture_type, size_words, typed, written
from bot.workspace.server import furnish
from bot.workspace.state import COLOURS, SlackError, User
from tests.unit.workspace.listening_app import StandingClock, options


@pytest.fixture
def clock():
    return StandingClock()


@pytest.fixture
def workspace(clock):
    return furnish(clock)


@pytest.fixture
def general(workspace):
    return next(iter(workspace.channels.values()))


def look(workspace, user="U1"):
    return Look(workspace, workspace.users[user], workspace.clock.now())


def test_one_author_goes_on_until_five_minutes_or_a_day_have_passed(workspace, general, clock):
    workspace.post(general, "U1", "one")
    clock.pass_time(minutes=1)
    workspace.post(general, "U1", "two")
    clock.pass_time(minutes=6)
    workspace.post(general, "U1", "three")
    clock.pass_time(seconds=10)
    workspace.post(general, "U2", "four")
    clock.pass_time(days=1)
    workspace.post(general, "U2", "five")
    lines = look(workspace).lines(general)
    assert [line.follows for line in lines] == [False, True, False, False, False]
    assert [line.day for line in lines] == ["Yesterday", None, None, None, "Today"]


def test_days_and_times_are_the_readers_own(workspace, general, clock):
    clock.pass_time(hours=11, minutes=30)  # 23:30 UTC
    workspace.post(general, "U2", "late")
    workspace.users["U1"].time_zone = "Asia/Tokyo"
    clock.pass_time(days=30)
    here, there = look(workspace, "U2").lines(general)[0], look(workspace).lines(general)[0]
    assert (here.day, here.time) == ("Monday, November 2", "23:30")
    assert (there.day, there.time) == ("Tuesday, November 3", "08:30")


def test_an_unknown_time_zone_reads_as_utc(workspace, general):
    workspace.users["U1"].time_zone = "Mars/Olympus"
    workspace.post(general, "U2", "x")
    assert look(workspace).lines(general)[0].time == "12:00"


def test_the_first_message_of_others_since_the_last_look_is_marked_once(workspace, general):
    seen = workspace.post(general, "U2", "seen")["ts"]
    workspace.post(general, "U1", "my own")
    workspace.post(general, "U2", "new")
    workspace.post(general, "U2", "newer")
    assert [line.fresh for line in look(workspace).lines(general, since=seen)] == [False, False, True, False]


def test_a_whisper_is_seen_by_one_person(workspace, general):
    workspace.whisper(general.id, "U1", "only you", [])
    assert [line.whisper for line in look(workspace).lines(general)] == [True]
    assert look(workspace, "U2").lines(general) == []


def test_replies_are_counted_at_the_parent_and_read_in_the_thread(workspace, general):
    parent = workspace.post(general, "U1", "parent")["ts"]
    for user in ("U2", "U3", "U2"):
        workspace.post(general, user, "reply", thread_ts=parent)
    (line,) = look(workspace).lines(general)
    assert (line.replies, [one.id for one in line.repliers]) == (3, ["U2", "U3"])
    assert line.last_reply == "today at 12:00"
    assert len(look(workspace).lines(general, parent)) == 4


def test_reactions_name_people_and_tell_which_are_mine(workspace, general):
    reactions = [{"name": "eyes", "users": ["U1", "U2"], "count": 2}, {"name": "nosuch", "users": ["U3"], "count": 1}]
    workspace.post(general, "U2", "x", reactions=reactions)
    one, other = look(workspace).lines(general)[0].reactions
    assert (one.shown, one.count, one.mine, one.people) == ("👀", 2, True, "Ada Marsh, Bo Lindqvist")
    assert (other.shown, other.mine) == (":nosuch:", False)


def test_a_private_channel_has_no_name_for_strangers(workspace):
    private = workspace.add_channel("model-risk", "U1", kind="private")
    assert look(workspace).channel_name(private.id) == "model-risk"
    assert look(workspace, "U2").channel_name(private.id) is None


def test_pictures_come_from_the_workspace_alone(workspace):
    stored = workspace.add_file("a.png", "A", b"\x89PNG\r\n\x1a\nrest", "UBOT")
    person = look(workspace)
    assert person.file({"slack_file": {"id": stored.id}}) is stored
    assert person.file({"image_url": f"http://127.0.0.1:1/files/{stored.id}/a.png"}) is stored
    assert person.file({"image_url": "https://evil.example/x.png"}) is None


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a", "image/gif"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8 ", "image/webp"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", None),
        (b"", None),
    ],
)
def test_what_may_be_shown_as_a_picture_is_read_from_the_bytes(content, kind):
    assert picture_type(content) == kind


def test_a_files_address_keeps_to_its_place(workspace):
    stored = workspace.add_file("../a b?.png", "A", b"x", "UBOT")
    assert file_address(stored) == f"/files/{stored.id}/..%2Fa%20b%3F.png"


@pytest.mark.parametrize(("size", "words"), [(0, "0 B"), (999, "999 B"), (1500, "2 kB"), (2_400_000, "2 MB")])
def test_sizes(size, words):
    assert size_words(size) == words


@pytest.mark.parametrize(("name", "letters"), [("Ada Marsh", "AM"), ("gus (guest)", "GG"), ("·", "?"), ("Åsa", "Å")])
def test_initials(name, letters):
    assert initials(User("U7", "x", name, colour=COLOURS[0])) == letters


def test_names_are_written_as_ids(workspace, general):
    assert written("@bo see #general <b> @here @nobody", workspace) == (
        f"<@U2> see <#{general.id}|general> &lt;b&gt; <!here> @nobody"
    )
    assert written("/incident role @bo", workspace, in_command=True) == "/incident role <@U2|bo>"
    assert written("a@bo.example", workspace) == "a@bo.example"


@given(st.text(max_size=60))
def test_what_was_typed_can_be_edited_again(text):
    workspace = furnish(StandingClock())
    stored = written(text, workspace)
    assert "<" not in stored.replace("<@U", "").replace("<#C", "").replace("<!", "")
    assert typed(stored, workspace) == text


def test_a_choice_is_sent_as_slack_sends_it():
    menu = {"type": "static_select", "options": options("One", "Two")}
    assert choice_of(menu, ["two"]) == {"selected_option": options("Two")[0]}
    assert choice_of({**menu, "type": "checkboxes"}, ["one", "two"]) == {"selected_options": options("One", "Two")}
    assert choice_of({**menu, "type": "checkboxes"}, []) == {"selected_options": []}
    assert choice_of({"type": "users_select"}, ["U2"]) == {"selected_user": "U2"}
    assert choice_of({"type": "datepicker"}, ["2026-11-02"]) == {"selected_date": "2026-11-02"}
    assert choice_of({"type": "button"}, []) == {}


@pytest.mark.parametrize("values", [["three"], []])
def test_a_choice_that_is_gone_is_refused(values):
    with pytest.raises(SlackError, match="action_not_found"):
        choice_of({"type": "overflow", "options": options("One")}, values)
