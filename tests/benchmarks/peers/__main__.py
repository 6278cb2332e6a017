"""How long Muster's drift check takes beside the libraries people use for it, all in one run on one machine.

    uv run python -m tests.benchmarks.peers [--tables A B] [--only evidently,nannyml] [--text]

Two pairs of tables: A is 100 numeric and 20 categorical columns, 100,000 rows against 100,000 (10 numeric shifted by
0.1 sigma, 4 categorical changed, 2 % nulls in 25); B is 10 numeric columns, a million rows against a million.
Categories are integer codes, the fastest form for everyone; with `--text` they are words.

The first run makes an environment for each peer below the system's temporary directory (about 3 GB, a few minutes of
download; `--cache` puts it elsewhere); they never become dependencies of the project. After that a run takes 5 to 8
minutes.
Each subject has a process of its own, with a time-out; what is shown is the median of up to 25 runs begun within 20
seconds, best read as ratios.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bot.statistics.distances import ks_statistic
from bot.statistics.profiles import NumericProfile, fit_numeric, profile_like
from tests.benchmarks.peers.environments import PEERS, InstallError, python_for
from tests.benchmarks.peers.subjects import SUBJECTS
from tests.benchmarks.peers.tables import SIZES, is_category, read, write

ROOT = Path(__file__).resolve().parents[3]
RUNS, SECONDS, TIMEOUT = 25, 20.0, 900
HEAD = f"{'':16}{'import s':>9}{'fit s':>9}{'run s':>9}{'run+fit s':>10}{'peak MB':>9}"


@dataclass(frozen=True, slots=True)
class Figures:
    loading: float
    fit: float
    run: float
    runs: int
    peak: float
    found: int


def measure(name: str, place: Path, cache: Path) -> Figures | str:
    """The figures of one subject, or why there are none."""
    try:
        python = python_for(name, cache)
        command = [str(python), "-m", "tests.benchmarks.peers.child", name, str(place), str(RUNS), str(SECONDS)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=TIMEOUT)
    except InstallError as error:
        return str(error)
    except subprocess.TimeoutExpired:
        return f"stopped after {TIMEOUT} s"
    if done.returncode:
        return (done.stderr.strip().splitlines() or [f"exit status {done.returncode}"])[-1]
    said = json.loads(done.stdout.strip().splitlines()[-1])
    return Figures(said["import"], said["fit"], said["run"], said["runs"], said["peak"], said["found"])


def table(found: dict[str, Figures | str]) -> str:
    """One line a subject; the ratios say how many times Muster's time it takes, by its run and with the fit."""
    sketch, exact = found.get("muster sketch"), found.get("muster exact")
    lines = [f"{HEAD}{'/ sketch':>10}{'with fit':>9}{'/ exact':>9}{'with fit':>9}{'drifted':>9}{'runs':>6}"]
    for name, one in found.items():
        if isinstance(one, str):
            lines.append(f"{name:16}{one}")
            continue
        line = f"{name:16}{one.loading:9.2f}{one.fit:9.3f}{one.run:9.4f}{one.run + one.fit:10.3f}{one.peak:9.0f}"
        for mine in (sketch, exact):
            if isinstance(mine, Figures):
                line += f"{one.run / mine.run:10.2f}{(one.run + one.fit) / (mine.run + mine.fit):9.2f}"[-19:]
            else:
                line += f"{'-':>10}{'-':>9}"
        lines.append(f"{line}{one.found:9d}{one.runs:6d}")
    return "\n".join(lines)


def largest_error(place: Path) -> float:
    """Over all numeric columns, the largest |KS from sketches - KS from all values|."""
    worst = 0.0
    then, now = read(place)
    for name in (name for name in then if not is_category(name)):
        gaps = []
        for mode in ("sketch", "exact"):
            reference: NumericProfile = fit_numeric(then[name], mode=mode)
            gaps.append(ks_statistic(reference, profile_like(reference, now[name])))  # type: ignore[arg-type]
        worst = max(worst, abs(gaps[0] - gaps[1]))
    return worst


def compare(name: str, subjects: list[str], cache: Path, *, text: bool) -> None:
    size = SIZES[name]
    place = write(name, cache, text=text)
    found: dict[str, Figures | str] = {}
    for subject in subjects:
        print(f"{name}: {subject} …", end="\r", file=sys.stderr, flush=True)
        found[subject] = measure(subject, place, cache)
    what = f"{size.numeric} numeric" + (f" + {size.categories} categorical" if size.categories else "")
    print(f"\n{name}: {what} columns, {size.rows:,} rows against {size.rows:,}\n{table(found)}")
    chance = 1.358 * np.sqrt(2 / size.rows)
    print(f"largest |KS sketch - KS exact|: {largest_error(place):.6f}; chance alone moves KS by {chance:.4f} (95 %)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tables", nargs="+", choices=list(SIZES), default=list(SIZES))
    parser.add_argument("--only", help="peers to run, with commas; Muster and the floors always run")
    parser.add_argument("--text", action="store_true", help="categories are words instead of codes")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "muster-peers")
    chosen = parser.parse_args()
    wanted = set(chosen.only.split(",")) if chosen.only is not None else set(PEERS)
    subjects = [name for name in SUBJECTS if name not in PEERS or name in wanted]
    chosen.cache.mkdir(parents=True, exist_ok=True)
    for name in chosen.tables:
        compare(name, subjects, chosen.cache, text=chosen.text)


if __name__ == "__main__":
    main()
