"""What the detector of a metric series takes for a point, in processor time.

    uv run python -m tests.benchmarks.series [--rows 50000] [--chunk 1000] [--repeat 3] [--beside FOLDER]

Each series is fed in chunks; those before the memory of 4,000 rows is full are left out. `--beside` names another
checkout: the two take turns with every chunk, so that what else runs on the machine slows both, and the last column is
the median of the chunks' ratios, the other checkout's time over this one's.
"""

import argparse
import importlib
import statistics
import sys
import time
from pathlib import Path

import numpy as np
from scipy.signal import lfilter

SEED = 20261201
MONDAY = 1_767_571_200  # 5 January 2026, 00:00 UTC
FIVE_MINUTES, HOUR = 300.0, 3600.0
MEMORY = 4000
HERE = Path(__file__).resolve().parents[2]


def all_series(rows):
    """Name, times and values of each."""
    rng = np.random.default_rng(SEED)
    noise = 2 * rng.normal(size=rows)
    at = np.arange(rows)
    kept = rng.random(rows) > 0.15
    kept[rows // 2 : rows // 2 + 288] = False
    day, short = (100 + 10 * np.sin(2 * np.pi * at / length) + noise for length in (288, 12))
    found = {
        "5 minutes, a day of 288 rows": (FIVE_MINUTES * at, day),
        "5 minutes, no season, AR .7": (FIVE_MINUTES * at, lfilter([1.0], [1.0, -0.7], noise)),
        "5 minutes, a season of 12 rows": (FIVE_MINUTES * at, short),
        "hours, a day of 24 rows": (HOUR * at, 100 + 10 * np.sin(2 * np.pi * at / 24) + noise),
        "a day of 288, 15 % and a day missing": (FIVE_MINUTES * at[kept], day[kept]),
        "5 minutes, a random walk": (FIVE_MINUTES * at, np.cumsum(noise)),
        "5 minutes, counts, mostly 0": (FIVE_MINUTES * at, rng.poisson(0.15, rows).astype(float)),
    }
    return [(name, (MONDAY + times).tolist(), values.tolist()) for name, (times, values) in found.items()]


def detector_of(checkout):
    """The class as that checkout has it, whatever was imported before."""
    for name in [name for name in sys.modules if name.partition(".")[0] == "bot"]:
        del sys.modules[name]
    sys.path.insert(0, str(checkout))
    try:
        return importlib.import_module("bot.statistics.stream.detector").StreamDetector
    finally:
        sys.path.pop(0)


def feed(detector, times, values):
    """Microseconds a point."""
    update = detector.update
    start = time.process_time()
    for at, value in zip(times, values, strict=True):
        update(at, value)
    return 1e6 * (time.process_time() - start) / len(times)


def run(kinds, times, values, chunk):
    """For each of the detectors, what each chunk took; shape (detectors, chunks)."""
    detectors = [kind() for kind in kinds]
    took = [
        [feed(one, times[begin : begin + chunk], values[begin : begin + chunk]) for one in detectors]
        for begin in range(0, len(times), chunk)
    ]
    full = -(-MEMORY // chunk)
    return np.array(took[full:]).T


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=50_000, help="of each series; at least 4,000 and two chunks")
    parser.add_argument("--chunk", type=int, default=1000)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--beside", type=Path, help="another checkout")
    asked = parser.parse_args()
    if asked.rows < MEMORY + 2 * asked.chunk:
        parser.error("--rows is less than 4,000 and two chunks")
    kinds = [detector_of(HERE), *([detector_of(asked.beside.resolve())] if asked.beside else [])]
    print(
        f"seed {SEED}, {asked.rows:,} rows a series, chunks of {asked.chunk:,}; microseconds of processor time a point"
    )
    heads = ["median", "best", *(["other", "best", "ratio"] if asked.beside else [])]
    print(f"{'':38}" + "".join(f"{head:>8}" for head in heads))
    for name, times, values in all_series(asked.rows):
        took = np.concatenate([run(kinds, times, values, asked.chunk) for _ in range(asked.repeat)], axis=1)
        numbers = [number for one in took for number in (statistics.median(one), one.min())]
        if asked.beside:
            numbers.append(statistics.median(took[1] / took[0]))
        print(f"{name:38}" + "".join(f"{number:8.2f}" for number in numbers), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
