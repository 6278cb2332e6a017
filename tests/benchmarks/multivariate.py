"""How often a calm window is called out of the ordinary, and how often a broken relation is seen and named.

    python -m tests.benchmarks.multivariate [--trials 200]

Calm tables of several kinds, windows of 200 rows; then faults that leave every column as it was, in windows of 300.
"""

import argparse
from typing import Any

import numpy as np
from numpy.typing import NDArray

from bot.statistics.drift import compare_frames
from bot.statistics.relations.multivariate import Multivariate, judge_multivariate
from tests.unit.statistics.related import CALM, FAULTS, Draw, Rows, tenants

RATES = (0.05, 0.01, 0.0027)


def calm(draw: Draw, windows: int, trials: int) -> NDArray[Any]:
    """The chance each calm window was given."""
    found = []
    for seed in range(trials):
        rng = np.random.default_rng(seed)
        drawn = [draw(rng, 200) for _ in range(windows + 1)]
        judged = judge_multivariate(drawn[:-1], drawn[-1], least_effect=0.0)
        assert isinstance(judged, Multivariate)
        found.append(judged.p_value)
    return np.array(found)


def joined(windows: list[Rows]) -> Rows:
    return {name: np.concatenate([one[name] for one in windows]) for name in windows[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=200)
    trials = parser.parse_args().trials
    print(f"{'calm, ' + str(trials) + ' trials':26}{'windows':>8}" + "".join(f"{f'at {rate:g}':>10}" for rate in RATES))
    for name, draw in CALM.items():
        for windows in (10, 30):
            chances = calm(draw, windows, trials)
            print(f"{name:26}{windows:8}" + "".join(f"{np.mean(chances < rate):10.4f}" for rate in RATES), flush=True)
    some = max(1, trials // 5)
    print(f"\n{'faults, ' + str(some) + ' trials':26}{'seen':>8}{'named':>10}{'median p':>12}{'a column drifts':>18}")
    for name, (fault, columns) in FAULTS.items():
        seen, named, drifted, chances = 0, 0, 0, []
        for seed in range(some):
            rng = np.random.default_rng(seed)
            past = [tenants(rng, 300) for _ in range(20)]
            now = fault(rng, tenants(rng, 300))
            judged = judge_multivariate(past, now)
            assert isinstance(judged, Multivariate)
            seen += judged.outside
            named += bool(judged.broken) and set(columns) <= set(judged.sentence.replace(",", "").split())
            chances.append(judged.p_value)
            drifted += any(one.drifted for one in compare_frames(joined(past), now))
        counts = f"{seen / some:8.2f}{named / max(1, seen):10.2f}{np.median(chances):12.0e}{drifted / some:18.2f}"
        print(f"{name:26}{counts}", flush=True)


if __name__ == "__main__":
    main()
