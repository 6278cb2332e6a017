"""One subject on one pair of tables, in a process of its own: prints a line of JSON.

python -m tests.benchmarks.peers.child SUBJECT FOLDER RUNS SECONDS
"""

import json
import statistics
import sys
import time
from pathlib import Path

from tests.benchmarks.peers.subjects import SUBJECTS, quiet
from tests.benchmarks.peers.tables import read

PAUSE = 0.1
"""Between runs, so that a moment in which the machine is busy with something else doesn't meet all of them."""
STATUS, CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def memory(name: str) -> float:
    """`VmRSS` or `VmHWM` in MB."""
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith(name))
    return int(line.split()[1]) / 1024


def measure(name: str, folder: Path, runs: int, seconds: float) -> dict[str, float | int]:
    """Up to `runs` runs, no new one begun after `seconds`; the medians. Peak memory is above the loaded tables."""
    quiet()
    subject = SUBJECTS[name]()
    start = time.perf_counter()
    subject.load()
    loading = time.perf_counter() - start
    reference, current = (subject.prepare(side) for side in read(folder))
    CLEAR.write_text("5")  # the highest memory so far is forgotten
    before = memory("VmRSS")
    begin = start = time.perf_counter()
    fitted = subject.fit(reference)
    fit, took, found = time.perf_counter() - start, [], 0
    while not took or (len(took) < runs and time.perf_counter() - begin < seconds):
        start = time.perf_counter()
        found = subject.run(fitted, current)
        took.append(time.perf_counter() - start)
        time.sleep(PAUSE)
    return {
        "import": loading,
        "fit": fit,
        "run": statistics.median(took),
        "runs": len(took),
        "peak": memory("VmHWM") - before,
        "found": found,
    }


if __name__ == "__main__":
    print(json.dumps(measure(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4]))))
