"""What a person sees of a workspace, as values that the templates write down."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any
from urllib.parse import quote, urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from markupsafe import Markup

from bot.workspace.emoji import emoji_for
from bot.workspace.mrkdwn import Reader, near_day, plain, preview, to_html
from bot.workspace.state import COLOURS, Channel, Ephemeral, Json, SlackError, StoredFile, User, Workspace

TOGETHER_SECONDS = 300
_PICTURES = ((b"\x89PNG\r\n\x1a\n", "image/png"), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF8", "image/gif"))
_OWN_FILE = re.compile(r"/files/(F\d+)(?:/|$)")
_TYPED_PERSON = re.compile(r"(?<![\w<@])@([\w.-]+)")
_TYPED_CHANNEL = re.compile(r"(?<![\w<#&])#([\w-]+)")


@dataclass(frozen=True, slots=True)
class Line:
    """One message as one person sees it. `day`: the divider above it. `follows`: the same author goes on."""

    ts: str
    author: User
    html: Markup
    blocks: Sequence[Json]
    time: str
    moment: str
    day: str | None
    follows: bool
    fresh: bool
    edited: bool
    pinned: bool
    own: bool
    whisper: bool
    notice: bool
    raw: str
    files: Sequence[StoredFile]
    reactions: Sequence["Reaction"]
    replies: int
    repliers: Sequence[User]
    last_reply: str


@dataclass(frozen=True, slots=True)
class Reaction:
    name: str
    shown: str
    count: int
    mine: bool
    people: str


@dataclass(slots=True)
class Look:
    """Answers everything the templates ask, for one reader. Hold the workspace's lock while it is used."""

    workspace: Workspace
    user: User
    now: datetime
    zone: tzinfo = field(init=False)
    reader: Reader = field(init=False)

    def __post_init__(self) -> None:
        self.zone = _zone(self.user.time_zone)
        self.reader = Reader(self.user.id, self.zone, self.now)

    # names, for mrkdwn

    def user_name(self, user_id: str) -> str | None:
        found = self.workspace.users.get(user_id)
        return found.real_name if found else None

    def channel_name(self, channel_id: str) -> str | None:
        found = self.workspace.channels.get(channel_id)
        return found.name if found and self.may_see(found) else None

    def group_name(self, _group_id: str) -> str | None:
        return None

    # texts

    def mrkdwn(self, text: str) -> Markup:
        return to_html(text, self, self.reader)

    def words(self, text: Json | None) -> Markup:
        """Render one of Slack's text objects."""
        if not text:
            return Markup("")
        return self.mrkdwn(text["text"]) if text.get("type") == "mrkdwn" else plain(text["text"])

    def line_of(self, text: str) -> str:
        return preview(text, self, self.reader)

    def time(self, ts: str) -> str:
        return f"{_moment(ts).astimezone(self.zone):%H:%M}"

    def day(self, ts: str) -> str:
        local = _moment(ts).astimezone(self.zone)
        near = near_day(local, self.reader)
        return near.capitalize() if near else f"{local:%A}, {local:%B} {local.day}"

    # places

    def may_see(self, channel: Channel) -> bool:
        return channel.kind == "public" or self.user.id in channel.members

    def title(self, channel: Channel) -> str:
        if channel.kind != "im":
            return channel.name
        others = [self.user_name(one) or one for one in sorted(channel.members) if one != self.user.id]
        return ", ".join(others) or self.user.real_name

    def unread(self, channel: Channel) -> int:
        return self.workspace.unread(channel, self.user.id) if self.user.id in channel.members else 0

    def pin_words(self, channel: Channel, ts: str) -> str:
        found = next((message for message in channel.messages if message["ts"] == ts), None)
        return self.line_of(found.get("text", ""))[:120] if found else ""

    def people(self) -> list[User]:
        return [user for user in self.workspace.users.values() if not user.deleted and not user.is_bot]

    def bots(self) -> list[User]:
        return [user for user in self.workspace.users.values() if user.is_bot and not user.deleted]

    def members(self, channel: Channel) -> list[User]:
        found = [self.workspace.users[one] for one in channel.members if one in self.workspace.users]
        return sorted(found, key=lambda user: (user.is_bot, user.real_name))

    def direct(self, bot: User) -> Channel | None:
        wanted = {self.user.id, bot.id}
        found = self.workspace.channels.values()
        return next((channel for channel in found if channel.kind == "im" and channel.members == wanted), None)

    # files

    def file(self, element: Json) -> StoredFile | None:
        """Return the workspace's own file that an image shows; pictures from elsewhere are never loaded."""
        slack_file = element.get("slack_file") or {}
        number = slack_file.get("id")
        if number is None:
            path = urlsplit(str(slack_file.get("url") or element.get("image_url") or "")).path
            found = _OWN_FILE.search(path)
            number = found[1] if found else ""
        return self.workspace.files.get(number)

    # messages

    def lines(self, channel: Channel, thread: str | None = None, *, since: str = "", most: int = 0) -> list[Line]:
        """Return the channel's messages, or one thread's, oldest first; `since`: what came after is new."""
        found = self.workspace.replies(channel, thread) if thread else self.workspace.top_level(channel)[-most:]
        said = [*found, *self._whispers(channel.id, thread)]
        said.sort(key=lambda message: str(message["ts"]))
        out: list[Line] = []
        marked = not since
        for number, message in enumerate(said):
            before = said[number - 1] if number else None
            fresh = not marked and message["ts"] > since and message["user"] != self.user.id
            marked = marked or fresh
            starts_replies = bool(thread) and number == 1
            out.append(self._line(channel, message, None if starts_replies else before, fresh=fresh))
        return out

    def _whispers(self, channel: str, thread: str | None) -> Iterable[Json]:
        for one in self.workspace.ephemerals:
            if (one.user, one.channel, one.thread_ts) == (self.user.id, channel, thread):
                yield self._as_message(one)

    def _as_message(self, one: Ephemeral) -> Json:
        bots = [bot for bot in self.bots() if bot.app == one.app] or self.bots()
        author = bots[0].id if bots else self.user.id
        return {"ts": one.ts, "user": author, "text": one.text, "blocks": one.blocks, "whisper": True}

    def _line(self, channel: Channel, message: Json, before: Json | None, *, fresh: bool) -> Line:
        ts = message["ts"]
        blocks = message.get("blocks") or []
        new_day = before is None or self.day(before["ts"]) != self.day(ts)
        parent = message.get("reply_count", 0)
        return Line(
            ts=ts,
            author=self._author(message["user"]),
            html=Markup("") if blocks else self.mrkdwn(message.get("text", "")),
            blocks=blocks,
            time=self.time(ts),
            moment=_moment(ts).isoformat(timespec="seconds"),
            day=self.day(ts) if new_day else None,
            follows=not new_day and not fresh and _goes_on(before, message),
            fresh=fresh,
            edited="edited" in message,
            pinned=ts in channel.pins,
            own=message["user"] == self.user.id and not message.get("subtype"),
            whisper=bool(message.get("whisper")),
            notice=str(message.get("subtype", "")).startswith("channel_"),
            raw=typed(message.get("text", ""), self.workspace),
            files=[self.workspace.files[one["id"]] for one in message.get("files", [])],
            reactions=[self._reaction(one) for one in message.get("reactions", [])],
            replies=parent,
            repliers=[self._author(one) for one in message.get("reply_users", [])[:4]],
            last_reply=self._when(message["latest_reply"]) if parent else "",
        )

    def _author(self, user_id: str) -> User:
        return self.workspace.users.get(user_id) or User(user_id, user_id, user_id)

    def _reaction(self, one: Json) -> Reaction:
        people = [self.user_name(user) or user for user in one["users"]]
        return Reaction(
            one["name"], emoji_for(one["name"]), one["count"], self.user.id in one["users"], ", ".join(people)
        )

    def _when(self, ts: str) -> str:
        day = self.day(ts)
        return f"today at {self.time(ts)}" if day == "Today" else f"{day} at {self.time(ts)}"


def _goes_on(before: Json | None, message: Json) -> bool:
    if before is None or before["user"] != message["user"] or before.get("whisper") or message.get("whisper"):
        return False
    if any(one.get(name) for one in (before, message) for name in ("subtype", "blocks")):
        return False
    return float(message["ts"]) - float(before["ts"]) < TOGETHER_SECONDS


def _moment(ts: str) -> datetime:
    return datetime.fromtimestamp(float(ts), UTC)


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def tint(user: User) -> int:
    """Return which of the page's colours an avatar has."""
    return COLOURS.index(user.colour) if user.colour in COLOURS else 0


def initials(user: User) -> str:
    words = [word for word in re.split(r"[\s(]+", user.real_name) if word[:1].isalnum()]
    return "".join(word[0] for word in words[:2]).upper() or "?"


def picture_type(content: bytes) -> str | None:
    """Return the media type of what a browser may show as a picture, read from the bytes themselves."""
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return next((kind for start, kind in _PICTURES if content.startswith(start)), None)


def file_address(stored: StoredFile) -> str:
    return f"/files/{stored.id}/{quote(stored.name, safe='')}"


def size_words(size: int) -> str:
    for unit in ("B", "kB"):
        if size < 1000:  # noqa: PLR2004
            return f"{size:.0f} {unit}"
        size = round(size / 1000)
    return f"{size} MB"


def written(text: str, workspace: Workspace, *, in_command: bool = False) -> str:
    """Turn what a person typed into what Slack stores: escaped, with ids for @names and #channels."""
    users = {user.name: user for user in workspace.users.values()}
    channels = {channel.name: channel for channel in workspace.channels.values() if channel.kind != "im"}

    def person(found: re.Match[str]) -> str:
        if found[1] in {"here", "channel", "everyone"}:
            return f"<!{found[1]}>"
        user = users.get(found[1])
        if user is None:
            return found[0]
        return f"<@{user.id}|{user.name}>" if in_command else f"<@{user.id}>"

    def channel(found: re.Match[str]) -> str:
        place = channels.get(found[1])
        if place is None:
            return found[0]
        return f"<#{place.id}|{place.name}>"

    safe = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _TYPED_CHANNEL.sub(channel, _TYPED_PERSON.sub(person, safe))


def typed(text: str, workspace: Workspace) -> str:
    """Turn stored text back into what a person would type, for editing."""

    def person(found: re.Match[str]) -> str:
        user = workspace.users.get(found[1])
        return f"@{user.name}" if user else found[0]

    back = re.sub(r"<@(\w+)(?:\|[^>]*)?>", person, text)
    back = re.sub(r"<#\w+\|([^>]*)>", r"#\1", back)
    back = re.sub(r"<!(here|channel|everyone)>", r"@\1", back)
    return back.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def choice_of(element: Json, values: Sequence[str]) -> Json:
    """Say what was chosen in an element as Slack sends it; an option that is gone is refused."""
    kind = element["type"]
    options: dict[str, Any] = {option["value"]: option for option in element.get("options", [])}
    first = values[0] if values else ""
    if options and not (values and set(values) <= set(options)) and kind != "checkboxes":
        raise SlackError("action_not_found")
    if kind in {"static_select", "overflow", "radio_buttons"}:
        return {"selected_option": options[first]}
    if kind == "checkboxes":
        return {"selected_options": [options[one] for one in values if one in options]}
    if kind == "users_select":
        return {"selected_user": first}
    return {"selected_date": first} if kind == "datepicker" else {}
