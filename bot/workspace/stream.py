"""Tells open pages what changed, as server-sent events: names only, each page fetches what it shows."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

from bot.workspace.state import Change, Workspace

EVERYTHING = frozenset({"list", "here", "me"})
QUIET_SECONDS, TOGETHER_SECONDS = 15.0, 0.04


class Streams:
    """The open event streams. `close` ends all of them, so that a server's shutdown need not wait."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._lock = threading.Lock()
        self._wakers: set[Callable[[], None]] = set()
        self._closed = False

    def close(self) -> None:
        with self._lock:
            self._closed = True
            wakers = list(self._wakers)
        for wake in wakers:
            wake()

    async def notices(self, user: str, channel: str) -> AsyncIterator[str]:
        """Yield events for one person looking at one channel: `list`, `here` and `me`.

        The first notice names everything: what changed between a page and its stream, or while it was away, is unknown.
        """
        loop = asyncio.get_running_loop()
        woken = asyncio.Event()
        waiting = set(EVERYTHING)
        woken.set()

        def wake(names: frozenset[str] = frozenset()) -> None:
            def note() -> None:
                waiting.update(names)
                woken.set()

            with suppress(RuntimeError):  # the loop has ended: so has this stream
                loop.call_soon_threadsafe(note)

        def hear(change: Change) -> None:
            if names := concerns(change.about, user, channel):
                wake(names)

        stop = self._workspace.listen(hear)
        with self._lock:
            self._wakers.add(wake)
        try:
            yield "retry: 1000\n\n"
            while not self._closed:
                try:
                    await asyncio.wait_for(woken.wait(), QUIET_SECONDS)
                except TimeoutError:
                    yield ": still here\n\n"
                    continue
                await asyncio.sleep(TOGETHER_SECONDS)
                woken.clear()
                names, waiting = sorted(waiting), set()
                for name in names:
                    yield f"event: {name}\ndata: \n\n"
        finally:
            stop()
            with self._lock:
                self._wakers.discard(wake)


def concerns(about: str, user: str, channel: str) -> frozenset[str]:
    """Say which parts of a page a change touches: the list, the open channel, what one person alone sees."""
    if about == "channels":
        return frozenset({"list", "here"})
    if about.startswith("user:"):
        return frozenset({"me", "list"}) if about == f"user:{user}" else frozenset()
    return frozenset({"list", "here"}) if about == channel else frozenset({"list"})
