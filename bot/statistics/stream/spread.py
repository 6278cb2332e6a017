"""How much a series varies: its values, their distance from what is usual, and their jumps from row to row."""

import math
from dataclasses import dataclass

import numpy as np

from bot.statistics.columns import Floats
from bot.statistics.stream.rolling import centre_and_sigma
from bot.statistics.stream.season import Usual

MOST_SIGMAS = 50.0
OWN_ROWS = 20
LEAST_ROWS = 20
CUT = 3.0
STRONGEST = 0.99


@dataclass(slots=True)
class Spread:
    """Robust centres and sigmas. `memory`: the lag-1 autocorrelation of the distances; `jump`: the sigma of what the
    distance before, times that, does not explain (the innovations of an AR(1) process)."""

    centre: float = 0.0
    value: float = 0.0
    distance_centre: float = 0.0
    distance: float = 0.0
    memory: float = 0.0
    jump: float = 0.0

    def learn(self, values: Floats, distances: Floats) -> None:
        """`distances` in time order; of `values` the order does not matter."""
        self.centre, self.value = centre_and_sigma(values)
        self.distance_centre, self.distance = centre_and_sigma(distances)
        self.memory = lag_one(distances, self.distance_centre, self.distance)
        self.jump = centre_and_sigma(distances[1:] - self.memory * distances[:-1])[1]

    def strangeness(self, value: float, distance: float, before: float | None, usual: Usual | None) -> float:
        """Robust sigmas: the geometric mean of how far the value lies out by itself and for its time, or half of how
        far it lies out for its time, or half of its jump; whichever is most."""
        # Written out, as min() and a function for the three would take twice as long, for each point.
        alone = abs(value - self.centre)
        if alone:
            alone = alone / self.value if alone < MOST_SIGMAS * self.value else MOST_SIGMAS
        jump = abs(distance - self.memory * before) if before is not None else 0.0
        if jump:
            jump = jump / self.jump if jump < MOST_SIGMAS * self.jump else MOST_SIGMAS
        if usual is None:
            return max(alone, jump / 2)
        in_time = abs(distance - self.distance_centre)
        if in_time:
            sigma, all_times = usual.sigma, self.distance
            if sigma > 0:  # leaning on the spread of all times while few rows are known of this one
                weight = usual.rows / (usual.rows + OWN_ROWS)
                sigma = math.sqrt(weight * sigma * sigma + (1 - weight) * all_times * all_times)
            else:
                sigma = all_times
            in_time = in_time / sigma if in_time < MOST_SIGMAS * sigma else MOST_SIGMAS
        return max(math.sqrt(alone * in_time), in_time / 2, jump / 2)


def lag_one(values: Floats, centre: float, sigma: float) -> float:
    """The autocorrelation of neighbours, of values cut at 3 sigma; 0 to .99 (a negative one is taken as none)."""
    if values.size < LEAST_ROWS or sigma <= 0:
        return 0.0
    z = np.minimum(np.maximum((values - centre) / sigma, -CUT), CUT)
    size = float(z @ z)
    return min(STRONGEST, max(0.0, float(z[1:] @ z[:-1]) / size)) if size > 0 else 0.0
