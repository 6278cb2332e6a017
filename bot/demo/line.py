"""A line of requests before one worker: how long each waits and is served, as in any service of one process."""

import numpy as np

from bot.demo.served import Floats

SERVICE_SECONDS = 0.003
SHAPE = 4.0


class Line:
    """First come, first served. Service times follow a gamma distribution (its shape is SHAPE) around a mean."""

    def __init__(self, rng: np.random.Generator) -> None:
        self._rng = rng
        self._free_at = 0.0

    def served(self, arrivals: Floats, slower: float = 1.0) -> Floats:
        """Seconds from each arrival to its answer, shape (requests,).

        arrivals: seconds, in order, none before those of the last call. slower: what the mean service is multiplied by.
        The answer of a request leaves a service time after it came, or after the one before it left (Lindley 1952).
        """
        service = self._services(arrivals.size, slower)
        done = np.cumsum(service)
        begins = np.maximum.accumulate(np.maximum(arrivals, self._free_at if arrivals.size else 0.0) - (done - service))
        left = begins + done
        if left.size:
            self._free_at = float(left[-1])
        return np.asarray(left - arrivals)

    def one(self, now: float, slower: float = 1.0) -> float:
        """Seconds somebody would wait who comes now, and is not counted."""
        return max(0.0, self._free_at - now) + float(self._services(1, slower)[0])

    def emptied(self) -> None:
        """Begin anew: a new version starts without a line before it."""
        self._free_at = 0.0

    def _services(self, count: int, slower: float) -> Floats:
        return self._rng.gamma(SHAPE, SERVICE_SECONDS * slower / SHAPE, count)
