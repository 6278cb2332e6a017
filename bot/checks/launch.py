"""Starts the process of one check: a fork of the warm one, or a process of its own where there is none."""

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from bot.core.logging import get_logger

READY_SECONDS = 30.0
_KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV", "PYTHONDONTWRITEBYTECODE")
log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Ended:
    """code: exit status, negative for a signal; None: stopped because its time was up."""

    code: int | None
    answer: bytes
    complaint: str


def clean_environment() -> dict[str, str]:
    """Return what a check may know of ours: no secret."""
    return {**{name: os.environ[name] for name in _KEPT if name in os.environ}, "OPENBLAS_NUM_THREADS": "1"}


def launch(asked: Mapping[str, Any], seconds: float) -> Ended:
    """Run one check's process, and end everything it started."""
    with TemporaryDirectory(prefix="muster-check-") as name:
        folder = Path(name)
        (folder / "question").write_text(json.dumps(asked))
        for empty in ("answer", "complaint"):
            (folder / empty).touch()
        try:
            code = WARM.run(folder, seconds)
        except ColdError:
            code = _cold(folder, seconds)
        answer, complaint = (folder / "answer").read_bytes(), (folder / "complaint").read_bytes()
    return Ended(code, answer, complaint[-64 * 1024 :].decode("utf-8", "replace").strip())


def _cold(folder: Path, seconds: float) -> int | None:
    with (
        (folder / "question").open() as question,
        (folder / "answer").open("wb") as answer,
        (folder / "complaint").open("wb") as complaint,
    ):
        process = subprocess.Popen(  # our own interpreter, our own module
            [sys.executable, "-m", "bot.checks.process"],
            stdin=question,
            stdout=answer,
            stderr=complaint,
            env=clean_environment(),
            start_new_session=True,
        )
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None
        finally:
            _end(process.pid)
            process.wait()


def _end(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGKILL)


class ColdError(Exception):
    """The warm process is not there, or busy."""


class Warm:
    """The warm process of this one. One check at a time; who comes meanwhile starts cold."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._left = b""

    def start(self) -> bool:
        """Start it, and wait until it is warm; False: it did not come up, and checks start cold."""
        with self._lock:
            return self._up()

    def stop(self) -> None:
        with self._lock:
            self._drop()

    def run(self, folder: Path, seconds: float) -> int | None:
        """Run the check of a folder; returns its exit status, None: its time was up. Raises ColdError."""
        if self._process is None or not self._lock.acquire(blocking=False):
            raise ColdError
        try:
            if not self._up():
                raise ColdError
            return self._run(folder, seconds)
        finally:
            self._lock.release()

    def _run(self, folder: Path, seconds: float) -> int | None:
        files = {name: str(folder / name) for name in ("question", "answer", "complaint")}
        try:
            self._ask(json.dumps(files))
            started = self._line(READY_SECONDS)
        except OSError:
            started = None
        if started is None or not started.startswith("pid "):
            self._drop()
            raise ColdError
        pid = int(started.removeprefix("pid "))
        ended = self._line(seconds)
        _end(pid)
        if ended is None:
            if self._line(READY_SECONDS) is None:
                self._drop()
            return None
        return int(ended.removeprefix("code "))

    def _up(self) -> bool:
        if self._process is not None and self._process.poll() is None:
            return True
        self._drop()
        self._left = b""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "bot.checks.warm"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=clean_environment(),
            start_new_session=True,
        )
        if self._line(READY_SECONDS) == "ready 0":
            return True
        log.warning("check.not_warm")
        self._drop()
        return False

    def _ask(self, line: str) -> None:
        pipe = self._process.stdin if self._process else None
        if pipe is None:
            raise BrokenPipeError
        pipe.write(line.encode() + b"\n")
        pipe.flush()

    def _line(self, seconds: float) -> str | None:
        """Read a line; None: none came in time, or the process is gone."""
        pipe = self._process.stdout if self._process else None
        if pipe is None:
            return None
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_READ)
            while b"\n" not in self._left:
                if not selector.select(seconds):
                    return None
                more = os.read(pipe.fileno(), 4096)
                if not more:
                    return None
                self._left += more
        line, _, self._left = self._left.partition(b"\n")
        return line.decode()

    def _drop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        _end(process.pid)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        process.wait()


WARM = Warm()
