"""What the app may use for a while: triggers that open modals, and addresses to respond to."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta
from secrets import token_hex

from bot.core.clock import Clock
from bot.workspace.state import SlackError

TRIGGER_TIME = timedelta(seconds=3)
RESPONSES = 5
RESPONSE_TIME = timedelta(minutes=30)
_REMEMBERED = 1000


@dataclass(slots=True)
class Trigger:
    user: str
    made: datetime
    used: bool = False


class Triggers:
    """Each opens one modal, for the person who pressed, within three seconds."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._made: OrderedDict[str, Trigger] = OrderedDict()

    def make(self, user: str) -> str:
        number = token_hex(8)
        self._made[number] = Trigger(user, self._clock.now())
        while len(self._made) > _REMEMBERED:
            self._made.popitem(last=False)
        return number

    def exchange(self, number: str) -> str:
        """Return whose trigger it is, once."""
        found = self._made.get(number)
        if found is None:
            raise SlackError("invalid_trigger_id")
        if found.used:
            raise SlackError("exchanged_trigger_id")
        if self._clock.now() - found.made > TRIGGER_TIME:
            raise SlackError("expired_trigger_id")
        found.used = True
        return found.user


@dataclass(slots=True)
class Address:
    """Where a response goes: a person in a channel, and the message that was pressed. app: which one responds."""

    user: str
    channel: str
    ts: str | None
    app: str
    made: datetime
    used: int = 0


class Addresses:
    """Each takes five responses within half an hour."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._made: OrderedDict[str, Address] = OrderedDict()

    def make(self, user: str, channel: str, ts: str | None, app: str) -> str:
        token = token_hex(12)
        self._made[token] = Address(user, channel, ts, app, self._clock.now())
        while len(self._made) > _REMEMBERED:
            self._made.popitem(last=False)
        return token

    def take(self, token: str) -> Address | None:
        """Count one use; None: there is no such address any more."""
        found = self._made.get(token)
        if found is None or found.used >= RESPONSES or self._clock.now() - found.made > RESPONSE_TIME:
            return None
        found.used += 1
        return found
