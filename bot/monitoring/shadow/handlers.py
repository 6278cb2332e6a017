"""The two buttons under a model's monitors in shadow."""

from bot.core.errors import BotError
from bot.incidents.house import House
from bot.monitoring.shadow.deliveries import change
from bot.monitoring.shadow.messages import told
from bot.monitoring.shadow.service import accept, record_of
from bot.monitoring.watched import Watched, watched
from bot.slack.calls import Answer, Listeners, Press, Reply
from bot.slack.text import clip, escape


class ShadowHandlers:
    def __init__(self, house: House, listeners: Listeners) -> None:
        self.house = house
        self.listeners = listeners

    def register(self) -> None:
        self.listeners.action("monitor.accept", self.accepted)
        self.listeners.action("monitor.record", self.looked)

    def accepted(self, press: Press) -> Answer:
        every = [one for one in self._of(press.value) if one.monitor.shadow is None]
        keys = accept(press.session, every, [one.key for one in every], press.user, press.now)
        if press.channel and press.message_ts:
            change(press.session, press.value, press.channel, press.message_ts, press.user, press.now)
        return Reply(f"{', '.join(f'`{escape(key)}`' for key in keys)} tell what they find from their next window on.")

    def looked(self, press: Press) -> Answer:
        lines = [f"• {escape(told(one, record_of(press.session, one)))}" for one in self._of(press.value)]
        return Reply(clip("\n".join(lines)))

    def _of(self, model: str) -> list[Watched]:
        found = [one for one in watched(self.house.catalog).values() if one.model.name == model]
        if not found:
            raise BotError(f"{model} has no monitors in muster.yaml any more.")
        return found
