"""What people do: write, press, choose, command, submit. Each becomes the request Slack would send."""

from collections import deque
from datetime import datetime, timedelta
from secrets import token_hex
from typing import Any

from bot.workspace.dispatch import Dispatcher
from bot.workspace.messages import acceptable, react
from bot.workspace.state import Channel, Json, OpenModal, SlackError, Workspace

TRIGGER_SECONDS = 3
RESPONSES = 5
RESPONSE_TIME = timedelta(minutes=30)


class Actors:
    """Acts for any person of the workspace. `base_url`: where the app finds response addresses."""

    def __init__(self, workspace: Workspace, dispatcher: Dispatcher, *, bot: str, base_url: str = "") -> None:
        self.workspace = workspace
        self.dispatcher = dispatcher
        self.bot = bot
        self.base_url = base_url
        self._triggers: dict[str, tuple[str, datetime]] = {}
        self._used: deque[str] = deque(maxlen=1000)
        self._responses: dict[str, tuple[str, str, str | None, int, datetime]] = {}

    # writing

    def post(self, user: str, channel_id: str, text: str, thread_ts: str | None = None) -> Json:
        channel = self._joined(user, channel_id)
        message = self.workspace.post(channel, user, text, thread_ts=thread_ts)
        self._event({**_bare(message), "channel": channel.id, "channel_type": _kind(channel)})
        return message

    def edit(self, user: str, channel_id: str, ts: str, text: str) -> None:
        channel = self.workspace.channel(channel_id)
        with self.workspace.lock:
            message = channel.message(ts)
            _own(message, user)
            before = _bare(message)
            message["text"] = text
            message["edited"] = {"user": user, "ts": self.workspace.stamp()}
            after = _bare(message)
        self.workspace.changed(channel.id)
        self._event(
            {
                "type": "message",
                "subtype": "message_changed",
                "channel": channel.id,
                "ts": self.workspace.stamp(),
                "message": after,
                "previous_message": before,
            }
        )

    def delete(self, user: str, channel_id: str, ts: str) -> None:
        channel = self.workspace.channel(channel_id)
        with self.workspace.lock:
            message = channel.message(ts)
            _own(message, user)
            channel.messages.remove(message)
        self.workspace.changed(channel.id)
        self._event(
            {
                "type": "message",
                "subtype": "message_deleted",
                "channel": channel.id,
                "ts": self.workspace.stamp(),
                "deleted_ts": ts,
                "previous_message": _bare(message),
            }
        )

    def pin(self, user: str, channel_id: str, ts: str) -> None:
        channel = self._joined(user, channel_id)
        with self.workspace.lock:
            message = channel.message(ts)
            pinned = ts not in channel.pins
            if pinned:
                channel.pins.append(ts)
            else:
                channel.pins.remove(ts)
        self.workspace.changed(channel.id)
        item = {"type": "message", "channel": channel.id, "message": _bare(message), "ts": ts}
        self._event(
            {"type": "pin_added" if pinned else "pin_removed", "user": user, "channel_id": channel.id, "item": item}
        )

    def react(self, user: str, channel_id: str, ts: str, name: str) -> None:
        """Add a reaction, or take it back."""
        channel = self._joined(user, channel_id)
        with self.workspace.lock:
            message = channel.message(ts)
            mine = [one for one in message.get("reactions", []) if one["name"] == name and user in one["users"]]
            for one in mine:
                one["users"].remove(user)
                one["count"] -= 1
            message["reactions"] = [one for one in message.get("reactions", []) if one["count"]]
            if not mine:
                react(message, name, user)
        self.workspace.changed(channel.id)
        self._event(
            {
                "type": "reaction_removed" if mine else "reaction_added",
                "user": user,
                "reaction": name,
                "item_user": message["user"],
                "item": {"type": "message", "channel": channel.id, "ts": ts},
            }
        )

    def _joined(self, user: str, channel_id: str) -> Channel:
        """A person who speaks in a public channel joins it first."""
        channel = self.workspace.channel(channel_id)
        if user not in channel.members:
            if channel.kind != "public" or self.workspace.user(user).restricted:
                raise SlackError("not_in_channel")
            channel.members.add(user)
            join = {"type": "member_joined_channel", "user": user, "channel": channel.id, "channel_type": "C"}
            self._event(join)
        return channel

    # asking the app

    def command(self, user: str, channel_id: str, line: str) -> Json:
        """Type a slash command; what the app answers is shown to this person alone."""
        command, _, text = line.strip().partition(" ")
        channel = self.workspace.channel(channel_id)
        person = self.workspace.user(user)
        fields = {
            "token": "unused",
            "team_id": self.workspace.team_id,
            "team_domain": self.workspace.name.lower(),
            "channel_id": channel.id,
            "channel_name": channel.name,
            "user_id": user,
            "user_name": person.name,
            "command": command,
            "text": text.strip(),
            "api_app_id": "A1",
            "trigger_id": self.new_trigger(user),
            "response_url": self._response_url(user, channel.id, None),
        }
        return self._answered(self.dispatcher.command(fields), user, channel.id)

    def press(self, user: str, channel_id: str, ts: str, action_id: str, choice: Json | None = None) -> Json:
        """Press a button of a message, or choose in one of its menus (`choice`: an option, a user, a date)."""
        channel = self.workspace.channel(channel_id)
        with self.workspace.lock:
            message = self._shown(channel, user, ts)
            block, element = _element(message.get("blocks", []), action_id)
        action = {
            "type": element["type"],
            "action_id": action_id,
            "block_id": block.get("block_id"),
            "action_ts": self.workspace.stamp(),
            **_shown_parts(element),
            **(choice or {}),
        }
        payload = {
            **self._whose(user, "block_actions"),
            "container": {"type": "message", "message_ts": ts, "channel_id": channel.id, "is_ephemeral": False},
            "channel": {"id": channel.id, "name": channel.name},
            "message": _bare(message),
            "state": {"values": {}},
            "response_url": self._response_url(user, channel.id, ts),
            "actions": [action],
        }
        if element["type"] == "button" and element.get("url") and not element.get("value"):
            return {}
        return self._answered(self.dispatcher.interact(payload), user, channel.id)

    def _shown(self, channel: Channel, user: str, ts: str) -> Json:
        for one in self.workspace.ephemerals:
            if (one.user, one.ts) == (user, ts):
                return {"type": "message", "ts": ts, "user": self.bot, "text": one.text, "blocks": one.blocks}
        return channel.message(ts)

    def submit(self, user: str, view_id: str, values: Json) -> dict[str, str]:
        """Send a modal off; returns problems by block id, empty when the app took it.

        values: by block id, the text, the chosen option's value, user or date, or a list of option values.
        """
        modal = self.workspace.modal(view_id)
        missing = _missing(modal.view, values)
        if missing:
            return missing
        view = {
            **modal.view,
            "id": modal.id,
            "hash": modal.hash,
            "root_view_id": modal.id,
            "team_id": self.workspace.team_id,
            "state": {"values": _state(modal.view, values)},
        }
        payload = {**self._whose(user, "view_submission"), "view": view, "response_urls": []}
        answer = self.dispatcher.interact(payload)
        return self._view_answered(modal, answer)

    def _view_answered(self, modal: OpenModal, answer: Json) -> dict[str, str]:
        wanted = answer.get("response_action")
        if wanted == "errors":
            return {str(block): str(problem) for block, problem in answer.get("errors", {}).items()}
        if wanted == "update":
            self.workspace.replace_modal(modal, acceptable(answer["view"]))
        elif wanted == "push":
            self.workspace.open_modal(modal.user, acceptable(answer["view"]))
        else:
            self.workspace.close_modal(modal, whole_stack=wanted == "clear")
        return {}

    def close(self, user: str, view_id: str) -> None:
        modal = self.workspace.modal(view_id)
        self.workspace.close_modal(modal)
        if modal.view.get("notify_on_close"):
            view = {**modal.view, "id": modal.id}
            self.dispatcher.interact({**self._whose(user, "view_closed"), "view": view, "is_cleared": False})

    def home(self, user: str) -> None:
        self._event({"type": "app_home_opened", "user": user, "channel": "", "tab": "home"})

    # what the app may use for a while

    def new_trigger(self, user: str) -> str:
        trigger = token_hex(8)
        self._triggers[trigger] = (user, self.workspace.clock.now())
        return trigger

    def trigger(self, trigger_id: str) -> str:
        """Exchange a trigger for its person: once, within three seconds."""
        if trigger_id in self._used:
            raise SlackError("exchanged_trigger_id")
        user, made = self._triggers.pop(trigger_id, ("", self.workspace.clock.now()))
        if not user:
            raise SlackError("invalid_trigger_id")
        if self.workspace.clock.now() - made > timedelta(seconds=TRIGGER_SECONDS):
            raise SlackError("expired_trigger_id")
        self._used.append(trigger_id)
        return user

    def respond(self, token: str, body: Json) -> bool:
        """Take what the app sends to a response address; False: it is used up."""
        kept = self._responses.get(token)
        if kept is None or kept[3] >= RESPONSES or self.workspace.clock.now() - kept[4] > RESPONSE_TIME:
            return False
        user, channel_id, ts, used, made = kept
        self._responses[token] = (user, channel_id, ts, used + 1, made)
        channel = self.workspace.channel(channel_id)
        text, blocks = str(body.get("text", "")), list(body.get("blocks") or [])
        if body.get("replace_original") and ts:
            with self.workspace.lock:
                channel.message(ts).update(text=text, blocks=blocks)
            self.workspace.changed(channel_id)
        elif body.get("response_type") == "in_channel":
            self.workspace.post(channel, self.bot, text, blocks=blocks)
        else:
            self.workspace.whisper(channel_id, user, text, blocks)
        return True

    def _response_url(self, user: str, channel_id: str, ts: str | None) -> str:
        token = token_hex(12)
        self._responses[token] = (user, channel_id, ts, 0, self.workspace.clock.now())
        return f"{self.base_url}respond/{token}"

    def _whose(self, user: str, kind: str) -> Json:
        person = self.workspace.user(user)
        team = {"id": self.workspace.team_id, "domain": self.workspace.name.lower()}
        return {
            "type": kind,
            "user": {"id": user, "username": person.name, "name": person.name, "team_id": self.workspace.team_id},
            "team": team,
            "api_app_id": "A1",
            "token": "unused",
            "trigger_id": self.new_trigger(user),
        }

    def _answered(self, answer: Json, user: str, channel_id: str) -> Json:
        text, blocks = str(answer.get("text", "")), list(answer.get("blocks") or [])
        if text or blocks:
            if answer.get("response_type") == "in_channel":
                self.workspace.post(self.workspace.channel(channel_id), self.bot, text, blocks=blocks)
            else:
                self.workspace.whisper(channel_id, user, text, blocks)
        return answer

    def _event(self, event: Json) -> None:
        self.dispatcher.event({"event_ts": self.workspace.stamp(), **event}, self.workspace.team_id)


def _bare(message: Json) -> Json:
    hidden = {"reply_count", "reply_users", "latest_reply"}
    return {name: value for name, value in message.items() if name not in hidden}


def _kind(channel: Channel) -> str:
    return {"public": "channel", "private": "group", "im": "im"}[channel.kind]


def _own(message: Json, user: str) -> None:
    if message["user"] != user:
        raise SlackError("cant_update_message")


def _element(blocks: list[Json], action_id: str) -> tuple[Json, Json]:
    for block in blocks:
        elements = [*block.get("elements", []), block.get("accessory") or {}]
        for element in elements:
            if element.get("action_id") == action_id:
                return block, element
    raise SlackError("action_not_found")


def _shown_parts(element: Json) -> Json:
    return {name: element[name] for name in ("value", "text", "style") if name in element}


def _missing(view: Json, values: Json) -> dict[str, str]:
    problems = {}
    for block in view["blocks"]:
        if block["type"] != "input":
            continue
        value = values.get(block["block_id"])
        longest = block["element"].get("max_length")
        if not value and not block.get("optional"):
            problems[block["block_id"]] = "Please complete this required field."
        elif longest and isinstance(value, str) and len(value) > longest:
            problems[block["block_id"]] = f"Please use at most {longest} characters."
    return problems


def _state(view: Json, values: Json) -> Json:
    found: Json = {}
    for block in view["blocks"]:
        if block["type"] == "input":
            element = block["element"]
            value = _entered(element, values.get(block["block_id"]))
            found[block["block_id"]] = {element.get("action_id", block["block_id"]): value}
    return found


def _entered(element: Json, value: Any) -> Json:  # noqa: ANN401
    kind = element["type"]
    options = {option["value"]: option for option in element.get("options", [])}
    if kind in {"static_select", "radio_buttons"}:
        return {"type": kind, "selected_option": options.get(value)}
    if kind == "checkboxes":
        return {"type": kind, "selected_options": [options[one] for one in value or [] if one in options]}
    if kind == "users_select":
        return {"type": kind, "selected_user": value or None}
    if kind == "datepicker":
        return {"type": kind, "selected_date": value or None}
    return {"type": kind, "value": value or None}
