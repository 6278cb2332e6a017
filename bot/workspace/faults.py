"""A workspace that misbehaves as it is told, with a ledger of what it was asked."""

import threading
from collections import deque
from dataclasses import dataclass

from bot.workspace.state import Json


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to one call.

    status, error, retry_after: how it is refused. reset: the connection breaks instead of an answer.
    applies: the effect happens all the same. late: seconds before the effect. slow: seconds from it to the answer.
    A fault that refuses nothing only takes its time.
    """

    status: int = 200
    error: str = ""
    applies: bool = False
    retry_after: int | None = None
    reset: bool = False
    late: float = 0.0
    slow: float = 0.0

    @property
    def refuses(self) -> bool:
        return self.reset or bool(self.error) or self.status >= 400 or not (self.late or self.slow)  # noqa: PLR2004

    @property
    def takes_effect(self) -> bool:
        return self.applies or not self.refuses


class Faults:
    """The faults that wait, by method, and every call that came. May be asked from any thread."""

    def __init__(self) -> None:
        self.ledger: list[tuple[str, Json]] = []
        self.waiting: dict[str, deque[Fault]] = {}
        self._lock = threading.Lock()

    def fail(self, method: str, fault: Fault, times: int = 1) -> None:
        """Let the next calls of a method go wrong; faults of one method follow each other."""
        with self._lock:
            self.waiting.setdefault(method, deque()).extend([fault] * times)

    def clear(self) -> None:
        with self._lock:
            self.waiting.clear()

    def meet(self, method: str, arguments: Json) -> Fault | None:
        """Write a call down; return what goes wrong with it."""
        with self._lock:
            self.ledger.append((method, arguments))
            waiting = self.waiting.get(method)
            return waiting.popleft() if waiting else None

    def calls(self, method: str) -> list[Json]:
        """Return the arguments of each call of a method, in the order they came."""
        with self._lock:
            return [arguments for name, arguments in self.ledger if name == method]
