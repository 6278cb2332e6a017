"""Free ports, programs on them, and waiting for what is on its way."""

import socket
import subprocess
import time
from contextlib import contextmanager, suppress

import httpx

from bot.core.trust import trusted


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


def answers(url, timeout=5):
    """Whether there is something at this address that is well."""
    return httpx.get(url, timeout=timeout, verify=trusted()).status_code == httpx.codes.OK


@contextmanager
def process(*command, cwd):
    with (cwd / f"{command[0]}.log").open("w") as log:
        running = subprocess.Popen(command, cwd=cwd, stdout=log, stderr=log)
        try:
            yield
        finally:
            running.terminate()
            running.wait(10)
