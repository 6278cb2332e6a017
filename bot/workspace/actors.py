"""What people do: write, press, choose, command, submit. Each becomes the request Slack would send."""

import re
from typing import Any

from bot.core.logging import get_logger
from bot.workspace import events, forms
from bot.workspace.dispatch import Dispatcher, NoAnswerError
from bot.workspace.messages import acceptable_blocks, react, unreact
from bot.workspace.state import APP, Channel, Ephemeral, Json, OpenModal, SlackError, Workspace
from bot.workspace.tickets import Addresses, Triggers
from bot.workspace.views import acceptable, view_shown

log = get_logger(__name__)
_NAMED = re.compile(r"(?<![\w<])(?P<sign>[@#])(?P<name>[\w-]+)")
TROUBLE = "We had some trouble connecting. Try again?"


class Actors:
    """Acts for any person of the workspace. `base_url`: where the app finds response addresses."""

    def __init__(self, workspace: Workspace, dispatcher: Dispatcher, *, bot: str, base_url: str = "") -> None:
        self.workspace = workspace
        self.dispatcher = dispatcher
        self.bot = bot
        self.base_url = base_url
        self.others = dispatcher.others
        self._triggers = Triggers(workspace.clock)
        self._addresses = Addresses(workspace.clock)

    # writing

    def post(self, user: str, channel_id: str, text: str, thread_ts: str | None = None) -> Json:
        channel = self._speaking_in(user, channel_id)
        message = self.workspace.post(channel, user, text, thread_ts=thread_ts)
        event = events.posted(channel, message)
        self.happened(event)
        if f"<@{self.bot}>" in text and channel.kind != "im":
            self.happened({**event, "type": "app_mention"})
        return message

    def edit(self, user: str, channel_id: str, ts: str, text: str) -> None:
        channel = self._speaking_in(user, channel_id)
        with self.workspace.lock:
            message = channel.message(ts)
            _own(message, user, "cant_update_message")
            before, stamp = events.shown(message), self.workspace.stamp()
            message["text"] = text
            message["edited"] = {"user": user, "ts": stamp}
            self.workspace.changed(channel.id)
            self.happened(events.edited(channel, before, message, stamp))

    def delete(self, user: str, channel_id: str, ts: str) -> None:
        channel = self._speaking_in(user, channel_id)
        with self.workspace.lock:
            _own(channel.message(ts), user, "cant_delete_message")
            before = events.shown(self.workspace.remove(channel, ts))
            self.happened(events.deleted(channel, before, self.workspace.stamp()))

    def pin(self, user: str, channel_id: str, ts: str) -> None:
        """Pin a message, or take its pin away."""
        channel = self._speaking_in(user, channel_id)
        with self.workspace.lock:
            message = channel.message(ts)
            added = ts not in channel.pins
            if added:
                channel.pins.append(ts)
            else:
                channel.pins.remove(ts)
            self.workspace.changed(channel.id)
            self.happened(events.pinned(channel, message, user, self.workspace.stamp(), added=added))

    def react(self, user: str, channel_id: str, ts: str, name: str) -> None:
        """Add a reaction, or take it back."""
        channel = self._speaking_in(user, channel_id)
        with self.workspace.lock:
            message = channel.message(ts)
            added = not any(one["name"] == name and user in one["users"] for one in message.get("reactions", []))
            (react if added else unreact)(message, name, user)
            self.workspace.changed(channel.id)
            self.happened(events.reacted(channel, message, user, name, self.workspace.stamp(), added=added))

    def join(self, user: str, channel_id: str) -> Channel:
        channel = self.workspace.channel(channel_id)
        with self.workspace.lock:
            if user in channel.members:
                return channel
            if channel.kind != "public" or self.workspace.user(user).restricted:
                raise SlackError("channel_not_found")
            channel.members.add(user)
            self.workspace.changed(channel.id)
            self.happened(events.joined(channel, user, self.workspace.team_id, self.workspace.stamp()))
            return channel

    def leave(self, user: str, channel_id: str) -> None:
        channel = self.workspace.channel(channel_id)
        with self.workspace.lock:
            channel.members.discard(user)
            self.workspace.changed(channel.id)
            self.happened(events.left(channel, user, self.workspace.team_id, self.workspace.stamp()))

    def mark_read(self, user: str, channel_id: str) -> None:
        self.workspace.mark_read(self._seen(user, channel_id), user)

    def _speaking_in(self, user: str, channel_id: str) -> Channel:
        """A person who speaks in a public channel joins it first."""
        channel = self.workspace.channel(channel_id)
        if channel.kind == "im" and user not in channel.members:
            raise SlackError("channel_not_found")
        return self.join(user, channel_id)

    def _seen(self, user: str, channel_id: str) -> Channel:
        channel = self.workspace.channel(channel_id)
        if not self.workspace.may_see(user, channel):
            raise SlackError("channel_not_found")
        return channel

    # asking the app

    def command(self, user: str, channel_id: str, line: str) -> Json:
        """Type a slash command; what the app answers is shown to this person alone."""
        command, _, text = line.strip().partition(" ")
        channel = self._seen(user, channel_id)
        app = self._owner_of(command)
        fields = {
            "token": "unused",
            "team_id": self.workspace.team_id,
            "team_domain": self.workspace.name.lower(),
            "channel_id": channel.id,
            "channel_name": "directmessage" if channel.kind == "im" else channel.name,
            "user_id": user,
            "user_name": self.workspace.user(user).name,
            "command": command,
            "text": self._escaped(text.strip()),
            "api_app_id": app,
            "is_enterprise_install": "false",
            "trigger_id": self.new_trigger(user),
            "response_url": self._address(user, channel.id, None, app),
        }
        answer = self.dispatcher.command(fields)
        self._shown_answer(answer, user, channel, app)
        return answer

    def _owner_of(self, command: str) -> str:
        """Return the app that answers a command; the first one answers what no other has."""
        owners = (app.id for app in self.others.values() if command in {name for name, _, _ in app.commands})
        return next(owners, APP)

    def _escaped(self, text: str) -> str:
        """Write people and channels as Slack does in a command that escapes them: `@bo` is `<@U2|bo>`."""
        people = {user.name: user.id for user in self.workspace.users.values()}
        places = {channel.name: channel.id for channel in self.workspace.channels.values()}

        def named(found: re.Match[str]) -> str:
            sign, name = found["sign"], found["name"]
            known = (people if sign == "@" else places).get(name)
            return f"<{sign}{known}|{name}>" if known else found[0]

        return _NAMED.sub(named, text)

    def _shown_answer(self, answer: Json, user: str, channel: Channel, app: str) -> None:
        text, blocks = str(answer.get("text") or ""), answer.get("blocks") or []
        if not text and not blocks:
            return
        try:
            blocks = acceptable_blocks(blocks)
        except SlackError as error:
            raise NoAnswerError("invalid_command_response") from error
        if answer.get("response_type") == "in_channel":
            self._said_by_app(app, channel, text, blocks)
        else:
            self.workspace.whisper(channel.id, user, text, blocks, app=app)

    def _said_by_app(
        self, app: str, channel: Channel, text: str, blocks: list[Json], thread_ts: str | None = None
    ) -> None:
        bot = self.others[app].bot if app in self.others else self.bot
        more = {"bot_id": f"B{bot[1:]}", "app_id": app, "blocks": blocks, "thread_ts": thread_ts}
        self.happened(events.posted(channel, self.workspace.post(channel, bot, text, **more)))

    def press(
        self,
        user: str,
        channel_id: str,
        ts: str,
        action_id: str,
        choice: Json | None = None,
        *,
        block_id: str | None = None,
    ) -> Json:
        """Press a button of a message, or choose in one of its menus.

        choice: what was chosen, as `selected_option`, `selected_options`, `selected_user` or `selected_date`.
        """
        channel = self._seen(user, channel_id)
        with self.workspace.lock:
            whisper = self._whisper(user, ts)
            message = None if whisper else events.shown(channel.message(ts))
            blocks = whisper.blocks if whisper else (message or {}).get("blocks", [])
            block, element = forms.element_named(blocks, action_id, block_id)
            action = forms.action_of(block, element, choice, self.workspace.stamp())
            values = forms.standing(blocks, self._chosen(user, ts, block, element, choice))
        place = {"type": "message", "message_ts": ts, "channel_id": channel.id, "is_ephemeral": whisper is not None}
        app = whisper.app if whisper else str((message or {}).get("app_id", APP))
        payload = {
            **self._whose(user, "block_actions", app),
            "container": place,
            "channel": {"id": channel.id, "name": channel.name},
            **({"message": message} if message else {}),
            "state": {"values": values},
            "response_url": self._address(user, channel.id, ts, app),
            "actions": [action],
        }
        return self.dispatcher.interact(payload)

    def _chosen(self, user: str, where: str, block: Json, element: Json, choice: Json | None) -> forms.Chosen:
        """Return what this person has chosen in a message or view so far, this choice among it."""
        kept = forms.choice_kept(element, choice)
        if kept is None:
            return self.workspace.chosen.get((user, where), {})
        chosen = self.workspace.chosen.setdefault((user, where), {})
        chosen[(block["block_id"], element["action_id"])] = kept
        return chosen

    def _whisper(self, user: str, ts: str) -> Ephemeral | None:
        return next((one for one in self.workspace.ephemerals if (one.user, one.ts) == (user, ts)), None)

    def press_in_view(self, user: str, view_id: str, action_id: str, choice: Json | None = None) -> Json:
        """Press a button of a modal, or of the app's Home (`view_id` is the person's id then)."""
        with self.workspace.lock:
            home = self.workspace.homes.get(user) if view_id in {user, f"VH{user}"} else None
            modal = None if home else self._mine(user, view_id)
            view = view_shown(modal) if modal else {**(home or {}), "id": f"VH{user}"}
            block, element = forms.element_named(view["blocks"], action_id)
            action = forms.action_of(block, element, choice, self.workspace.stamp())
            chosen = self._chosen(user, view["id"], block, element, choice)
            state = {"values": forms.standing(view["blocks"], chosen)}
        place = {"type": "view", "view_id": view["id"]}
        whose = self._whose(user, "block_actions", modal.app if modal else APP)
        payload = {**whose, "container": place, "view": {**view, "state": state}}
        return self.dispatcher.interact({**payload, "actions": [action]})

    def submit(self, user: str, view_id: str, values: Json) -> dict[str, str]:
        """Send a modal off; returns problems by block id, empty when the app took it.

        values: by block id, the text, the chosen option's value, user or date, or a list of option values.
        """
        modal = self._mine(user, view_id)
        if missing := forms.missing(modal.view, values):
            return missing
        view = {**view_shown(modal), "state": {"values": forms.submitted(modal.view, values)}}
        whose = self._whose(user, "view_submission", modal.app)
        answer = self.dispatcher.interact({**whose, "view": view, "response_urls": []})
        try:
            return self._view_answered(modal, answer)
        except (SlackError, KeyError) as error:
            log.warning("workspace.bad_view_answer", problem=repr(error), detail=getattr(error, "more", None))
            raise NoAnswerError(TROUBLE) from error

    def _view_answered(self, modal: OpenModal, answer: Json) -> dict[str, str]:
        wanted = answer.get("response_action")
        if wanted == "errors":
            return _field_problems(modal.view, answer.get("errors"))
        if wanted == "update":
            self.workspace.replace_modal(modal, acceptable(answer["view"], "modal"))
        elif wanted == "push":
            self.workspace.open_modal(modal.user, acceptable(answer["view"], "modal"), app=modal.app)
        elif wanted in {None, "clear"}:
            self.workspace.close_modal(modal, whole_stack=wanted == "clear")
        else:
            raise SlackError("invalid_response_action", given=wanted)
        return {}

    def close(self, user: str, view_id: str) -> None:
        """Look away from a modal; the app hears of it when it asked to."""
        modal = self._mine(user, view_id)
        self.workspace.close_modal(modal)
        if not modal.view.get("notify_on_close"):
            return
        payload = {**self._whose(user, "view_closed", modal.app), "view": view_shown(modal), "is_cleared": False}
        try:
            self.dispatcher.interact(payload)
        except NoAnswerError as error:
            log.warning("workspace.close_not_heard", problem=str(error))

    def _mine(self, user: str, view_id: str) -> OpenModal:
        modal = self.workspace.modal(view_id)
        if modal.user != user:
            raise SlackError("not_found")
        return modal

    def home(self, user: str) -> None:
        """Open the app's Home."""
        channel = self.workspace.direct(user, self.bot)
        self.happened(events.home_opened(user, channel, self.workspace.homes.get(user), self.workspace.stamp()))

    # what the app may use for a while

    def new_trigger(self, user: str) -> str:
        return self._triggers.make(user)

    def trigger(self, trigger_id: str) -> str:
        """Exchange a trigger for its person: once, within three seconds."""
        return self._triggers.exchange(trigger_id)

    def respond(self, token: str, body: Json) -> bool:
        """Take what the app sends to a response address; False: it is used up."""
        address = self._addresses.take(token)
        if address is None:
            return False
        channel = self.workspace.channel(address.channel)
        text, blocks = str(body.get("text") or ""), acceptable_blocks(body.get("blocks") or [])
        thread = body.get("thread_ts") or None
        if body.get("delete_original") and address.ts:
            self._replaced(channel, address.user, address.ts, None)
        elif not text and not blocks:
            raise SlackError("no_text")
        elif body.get("replace_original") and address.ts:
            self._replaced(channel, address.user, address.ts, {"text": text, "blocks": blocks})
        elif body.get("response_type") == "in_channel":
            self._said_by_app(address.app, channel, text, blocks, thread)
        else:
            self.workspace.whisper(channel.id, address.user, text, blocks, thread, app=address.app)
        return True

    def _replaced(self, channel: Channel, user: str, ts: str, wanted: Json | None) -> None:
        with self.workspace.lock:
            whisper = self._whisper(user, ts)
            if whisper and wanted is None:
                self.workspace.drop_whisper(user, ts)
            elif whisper and wanted is not None:
                whisper.text, whisper.blocks = wanted["text"], wanted["blocks"]
                self.workspace.changed(channel.id)
            elif wanted is None:
                before = events.shown(self.workspace.remove(channel, ts))
                self.happened(events.deleted(channel, before, self.workspace.stamp()))
            else:
                message = channel.message(ts)
                before = events.shown(message)
                message.update(wanted)
                self.workspace.changed(channel.id)
                self.happened(events.edited(channel, before, message, self.workspace.stamp()))

    def _address(self, user: str, channel_id: str, ts: str | None, app: str) -> str:
        return f"{self.base_url}respond/{self._addresses.make(user, channel_id, ts, app)}"

    def _whose(self, user: str, kind: str, app: str = APP) -> Json:
        person = self.workspace.user(user)
        team = {"id": self.workspace.team_id, "domain": self.workspace.name.lower()}
        return {
            "type": kind,
            "user": {"id": user, "username": person.name, "name": person.name, "team_id": self.workspace.team_id},
            "team": team,
            "enterprise": None,
            "is_enterprise_install": False,
            "api_app_id": app,
            "token": "unused",
            "trigger_id": self.new_trigger(user),
        }

    def happened(self, event: Json) -> None:
        """Tell the app of an event, some time soon; of what it may see."""
        place = self.workspace.channels.get(str(event.get("channel")))
        if place is not None and place.kind == "im" and self.bot not in place.members:
            return
        self.dispatcher.event(event, self.workspace.team_id, bot=self.bot)


def _own(message: Json, user: str, refusal: str) -> None:
    if message["user"] != user or message.get("subtype"):
        raise SlackError(refusal)


def _field_problems(view: Json, errors: Any) -> dict[str, str]:  # noqa: ANN401
    """Take an answer's problems; Slack shows trouble when one is of no input."""
    inputs = {block["block_id"] for block in view["blocks"] if block["type"] == "input"}
    if not isinstance(errors, dict) or not errors or not set(errors) <= inputs:
        raise SlackError("invalid_errors", given=errors)
    return {str(block): str(problem) for block, problem in errors.items()}
