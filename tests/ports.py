"""Free ports, and waiting for what is on its way."""

import socket
import time
from contextlib import suppress

import httpx


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def until(holds, seconds, pause=0.1):
    """Wait until it holds; a server that is not up yet does not hold."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        with suppress(httpx.TransportError):
            if found := holds():
                return found
        time.sleep(pause)
    raise AssertionError(f"it did not happen in {seconds} s")
