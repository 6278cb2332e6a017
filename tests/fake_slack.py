"""The workspace of the product, told to misbehave, with a ledger of every call."""

import atexit

from bot.workspace.faults import Fault, Faults
from bot.workspace.server import LocalWorkspace
from bot.workspace.state import Workspace

BOT, TEAM, BOT_TOKEN = "UBOT", "T1", "xoxb-test"
ENDING = []


@atexit.register
def wait_for_the_last():
    while ENDING:
        ENDING.pop().join(10)


class FakeSlack(LocalWorkspace):
    """A workspace with its server, running. Without a dispatcher, what people do reaches no app."""

    def __init__(self, clock, *, dispatcher=None, faults=None):
        workspace = Workspace(clock, team_id=TEAM)
        for number, name in enumerate(("ada", "bo", "cy"), start=1):
            workspace.add_user(f"U{number}", name)
        workspace.add_user("U9", "guest", restricted=True)
        workspace.add_user(BOT, "muster", is_bot=True)
        self.faults = faults or Faults()
        super().__init__(workspace, bot=BOT, bot_token=BOT_TOKEN, dispatcher=dispatcher, faults=self.faults)
        self.start()

    def stop(self):
        """Ending takes a server a fixed while of doing nothing; the next test begins meanwhile."""
        ended = self._end()
        self.dispatcher.stop()
        wait_for_the_last()
        ENDING.append(ended)

    @property
    def channels(self):
        return self.workspace.channels

    @property
    def ledger(self):
        return self.faults.ledger

    @property
    def views(self):
        return [modal.view for stack in self.workspace.modals.values() for modal in stack]

    @property
    def ephemerals(self):
        return [{"user": one.user, "text": one.text, "channel": one.channel} for one in self.workspace.ephemerals]

    def fail(self, method, **fault):
        self.faults.fail(method, Fault(**fault))

    def calls(self, method):
        return self.faults.calls(method)

    def channel(self, name_part):
        found = [channel for channel in list(self.channels.values()) if name_part in channel.name]
        assert found, f"no channel like {name_part}: {[channel.name for channel in self.channels.values()]}"
        return found[0]
