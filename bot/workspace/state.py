"""What a workspace holds, in memory: people, channels, messages as Slack writes them, files, open modals."""

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any

from bot.core.clock import Clock

Json = dict[str, Any]
APP = "A1"
MOST_WHISPERS = 500
MOST_MODALS = 3
COLOURS = ("#b8524a", "#3f7d6b", "#7a5bb5", "#b3782c", "#3a72b0", "#a3487f", "#5c7a2e", "#8a6a52")


class SlackError(Exception):
    """A refusal in Slack's words; `more` is added to the answer."""

    def __init__(self, code: str, **more: Any) -> None:  # noqa: ANN401
        super().__init__(code)
        self.code = code
        self.more = more


@dataclass(slots=True)
class User:
    id: str
    name: str
    real_name: str
    time_zone: str = "UTC"
    restricted: bool = False
    is_bot: bool = False
    deleted: bool = False
    colour: str = COLOURS[0]
    app: str = APP


@dataclass(slots=True)
class Channel:
    """A channel, or a direct conversation (`im`) of a person with the bot."""

    id: str
    name: str
    creator: str
    created: float
    kind: str = "public"
    topic: str = ""
    purpose: str = ""
    archived: bool = False
    members: set[str] = field(default_factory=set)
    messages: list[Json] = field(default_factory=list)
    pins: list[str] = field(default_factory=list)
    bookmarks: list[Json] = field(default_factory=list)
    read_up_to: dict[str, str] = field(default_factory=dict)

    def message(self, ts: str) -> Json:
        for found in reversed(self.messages):
            if found["ts"] == ts:
                return found
        raise SlackError("message_not_found")


@dataclass(slots=True)
class StoredFile:
    id: str
    name: str
    title: str
    content: bytes
    user: str
    alt: str = ""
    channels: set[str] = field(default_factory=set)
    ticket: str = ""


@dataclass(slots=True)
class Ephemeral:
    """Shown to one person until they look away; Slack keeps none either."""

    ts: str
    user: str
    channel: str
    text: str
    blocks: list[Json]
    thread_ts: str | None = None
    app: str = APP


@dataclass(slots=True)
class OpenModal:
    """One of the modals a person has open; the last one is on top. `root`: the first, `previous`: the one below."""

    id: str
    user: str
    view: Json
    hash: str
    root: str = ""
    previous: str | None = None
    app: str = APP


@dataclass(slots=True)
class UserGroup:
    id: str
    handle: str
    name: str
    users: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Change:
    """`about`: a channel's id, `user:<id>` for what one person alone sees, or `channels` for the list."""

    number: int
    about: str


class Workspace:
    """One workspace. Every public method holds the lock; listeners are called inside it and must not wait."""

    def __init__(self, clock: Clock, *, team_id: str = "T1", name: str = "Muster") -> None:
        self.clock = clock
        self.team_id = team_id
        self.name = name
        self.lock = threading.RLock()
        self.users: dict[str, User] = {}
        self.channels: dict[str, Channel] = {}
        self.files: dict[str, StoredFile] = {}
        self.ephemerals: list[Ephemeral] = []
        self.modals: dict[str, list[OpenModal]] = {}
        self.homes: dict[str, Json] = {}
        self.groups: dict[str, UserGroup] = {}
        self.chosen: dict[tuple[str, str], dict[tuple[str, str], Json]] = {}
        self.changes = 0
        self._listeners: list[Callable[[Change], None]] = []
        self.count = 0
        self.last_ts = 0

    # people and channels

    def add_user(self, user_id: str, name: str, real_name: str = "", **more: Any) -> User:  # noqa: ANN401
        with self.lock:
            colour = COLOURS[len(self.users) % len(COLOURS)]
            user = User(user_id, name, real_name or name.title(), colour=colour, **more)
            self.users[user_id] = user
            return user

    def user(self, user_id: str) -> User:
        found = self.users.get(user_id)
        if found is None:
            raise SlackError("user_not_found")
        return found

    def add_channel(self, name: str, creator: str, *, kind: str = "public", members: Iterable[str] = ()) -> Channel:
        with self.lock:
            if kind != "im" and any(channel.name == name for channel in self.channels.values()):
                raise SlackError("name_taken")
            self.count += 1
            prefix = "D" if kind == "im" else "C"
            made = Channel(
                id=f"{prefix}{self.count:04d}",
                name=name,
                creator=creator,
                created=self.clock.now().timestamp(),
                kind=kind,
                members={creator, *members},
            )
            self.channels[made.id] = made
            self.changed("channels")
            return made

    def channel(self, channel_id: str, *, archived: bool = False) -> Channel:
        found = self.channels.get(channel_id)
        if found is None:
            raise SlackError("channel_not_found")
        if found.archived and not archived:
            raise SlackError("is_archived")
        return found

    def direct(self, user_id: str, bot: str) -> Channel:
        """Return the direct conversation of a person and the bot, opened when it is new."""
        with self.lock:
            self.user(user_id)
            for channel in self.channels.values():
                if channel.kind == "im" and channel.members == {user_id, bot}:
                    return channel
            return self.add_channel(f"dm-{user_id}", bot, kind="im", members=[user_id])

    def seen_by(self, user_id: str) -> list[Channel]:
        """Return the channels a person finds in the list: public ones, unless a guest, and their own."""
        with self.lock:
            return [
                channel for channel in self.channels.values() if not channel.archived and self.may_see(user_id, channel)
            ]

    def may_see(self, user_id: str, channel: Channel) -> bool:
        return user_id in channel.members or (channel.kind == "public" and not self.user(user_id).restricted)

    def add_group(self, group_id: str, handle: str, users: Iterable[str] = ()) -> UserGroup:
        with self.lock:
            group = UserGroup(group_id, handle, handle.title(), list(users))
            self.groups[group_id] = group
            return group

    # messages

    def stamp(self) -> str:
        """Return a message's time and name: unique and increasing, also while the clock stands still."""
        with self.lock:
            now = int(self.clock.now().timestamp() * 1_000_000)
            self.last_ts = max(now, self.last_ts + 1)
            return f"{self.last_ts // 1_000_000}.{self.last_ts % 1_000_000:06d}"

    def post(self, channel: Channel, user: str, text: str, **more: Any) -> Json:  # noqa: ANN401
        with self.lock:
            message: Json = {"type": "message", "ts": self.stamp(), "user": user, "text": text}
            message |= {name: value for name, value in more.items() if value}
            channel.messages.append(message)
            thread = message.get("thread_ts")
            if thread:
                parent = channel.message(thread)
                parent.setdefault("thread_ts", thread)
                parent["reply_count"] = parent.get("reply_count", 0) + 1
                parent["latest_reply"] = message["ts"]
                people = parent.setdefault("reply_users", [])
                if user not in people:
                    people.append(user)
            channel.read_up_to[user] = message["ts"]
            self.changed(channel.id)
            return message

    def remove(self, channel: Channel, ts: str) -> Json:
        """Delete a message; the first of a thread leaves a stone behind that its replies stand under."""
        with self.lock:
            message = channel.message(ts)
            if ts in channel.pins:
                channel.pins.remove(ts)
            if message.get("reply_count"):
                place = channel.messages.index(message)
                kept = {name: message[name] for name in ("type", "ts", "thread_ts", "reply_count", "reply_users")}
                stone = {**kept, "user": message["user"], "subtype": "tombstone", "text": "This message was deleted."}
                channel.messages[place] = stone
            else:
                channel.messages.remove(message)
                self._one_reply_less(channel, message)
            self.changed(channel.id)
            return message

    def _one_reply_less(self, channel: Channel, message: Json) -> None:
        thread = message.get("thread_ts")
        if thread in (None, message["ts"]):
            return
        parent = channel.message(str(thread))
        left = self.replies(channel, str(thread))[1:]
        parent["reply_count"] = len(left)
        parent["latest_reply"] = left[-1]["ts"] if left else None
        parent["reply_users"] = list(dict.fromkeys(reply["user"] for reply in left))
        if not left and parent.get("subtype") == "tombstone":
            channel.messages.remove(parent)

    def replies(self, channel: Channel, thread_ts: str) -> list[Json]:
        return [message for message in channel.messages if thread_ts in (message["ts"], message.get("thread_ts"))]

    def top_level(self, channel: Channel) -> list[Json]:
        return [message for message in channel.messages if message.get("thread_ts") in (None, message["ts"])]

    def unread(self, channel: Channel, user: str) -> int:
        """Count what others said since this person last looked; replies in threads don't count, as in Slack."""
        with self.lock:
            last = channel.read_up_to.get(user, "0")
            return sum(1 for one in self.top_level(channel) if one["ts"] > last and one["user"] != user)

    def mark_read(self, channel: Channel, user: str) -> None:
        with self.lock:
            newest = channel.messages[-1]["ts"] if channel.messages else "0"
            if channel.read_up_to.get(user, "0") < newest:
                channel.read_up_to[user] = newest
                self.changed(f"user:{user}")

    def whisper(
        self, channel: str, user: str, text: str, blocks: list[Json], thread_ts: str | None = None, *, app: str = APP
    ) -> str:
        """Show something to one person alone."""
        with self.lock:
            ts = self.stamp()
            self.ephemerals = [
                *self.ephemerals[1 - MOST_WHISPERS :],
                Ephemeral(ts, user, channel, text, blocks, thread_ts, app),
            ]
            self.changed(channel)
            return ts

    def drop_whisper(self, user: str, ts: str) -> None:
        with self.lock:
            self.ephemerals = [one for one in self.ephemerals if (one.user, one.ts) != (user, ts)]
            self.changed(f"user:{user}")

    # files

    def add_file(self, name: str, title: str, content: bytes, user: str, alt: str = "") -> StoredFile:
        with self.lock:
            self.count += 1
            stored = StoredFile(f"F{self.count:04d}", name, title, content, user, alt, ticket=token_hex(12))
            self.files[stored.id] = stored
            return stored

    def awaited(self, ticket: str) -> StoredFile | None:
        """Return the file whose bytes are still to come under this ticket."""
        return next((one for one in self.files.values() if one.ticket == ticket and not one.content), None)

    # modals

    def open_modal(self, user: str, view: Json, *, app: str = APP) -> OpenModal:
        """Put a modal on top of those a person has open."""
        with self.lock:
            stack = self.modals.setdefault(user, [])
            if len(stack) >= MOST_MODALS:
                raise SlackError("push_limit_reached")
            number = f"V{token_hex(5).upper()}"
            root, below = (stack[0].id, stack[-1].id) if stack else (number, None)
            modal = OpenModal(number, user, view, token_hex(6), root, below, app)
            stack.append(modal)
            self.changed(f"user:{user}")
            return modal

    def modal(self, view_id: str = "", *, external_id: str = "") -> OpenModal:
        with self.lock:
            for stack in self.modals.values():
                for modal in stack:
                    if modal.id == view_id or (external_id and modal.view.get("external_id") == external_id):
                        return modal
            raise SlackError("not_found")

    def replace_modal(self, modal: OpenModal, view: Json) -> None:
        with self.lock:
            modal.view, modal.hash = view, token_hex(6)
            self.changed(f"user:{modal.user}")

    def close_modal(self, modal: OpenModal, *, whole_stack: bool = False) -> None:
        with self.lock:
            stack = self.modals.get(modal.user, [])
            kept = [] if whole_stack else [one for one in stack if one.id != modal.id]
            self.modals[modal.user] = kept
            self.changed(f"user:{modal.user}")

    # who listens

    def listen(self, listener: Callable[[Change], None]) -> Callable[[], None]:
        """Call `listener` at each change; returns how to stop."""
        with self.lock:
            self._listeners.append(listener)

        def stop() -> None:
            with self.lock:
                if listener in self._listeners:
                    self._listeners.remove(listener)

        return stop

    def changed(self, about: str) -> None:
        with self.lock:
            self.changes += 1
            change = Change(self.changes, about)
            for listener in list(self._listeners):
                listener(change)
