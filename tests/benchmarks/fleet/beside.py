"""Giving the peers the same windows, and counting what they say of them."""

import json
import subprocess
from pathlib import Path

import numpy as np

from tests.benchmarks.fleet.traffic import logged
from tests.benchmarks.peers.environments import python_for

ROOT = Path(__file__).resolve().parents[3]
TIMEOUT = 1800
MOST_QUIET = 42


def export(traffic, past, quiet, faults, folder):
    """The past as reference, windows of quiet spread evenly, and the first window of each fault in order."""
    folder.mkdir(parents=True)
    _save(folder / "reference.npz", logged(traffic.model, traffic.rows(0, past), traffic.moment(past)))
    step = max(1, quiet // MOST_QUIET)
    for at in range(past, past + quiet, step):
        _save(folder / f"quiet-{at:04}.npz", logged(traffic.model, traffic.rows(at, at + 1), traffic.moment(at + 1)))
    for number, (fault, first) in enumerate(faults):
        edge = np.datetime64(traffic.moment(first + 1).replace(tzinfo=None), "us")
        inside = fault.rows["scored_at"] < edge
        rows = {name: values[inside] for name, values in fault.rows.items()}
        _save(folder / f"fault-{number:04}.npz", logged(traffic.model, rows, traffic.moment(first + 1)))
    return step


def _save(path, columns):
    np.savez(path, **columns)


def judged(name, folder, cache):
    """What a peer says of each window of a model, by the window's name; where it says nothing, why as `failed`."""
    command = [str(python_for(name, cache)), "-m", "tests.benchmarks.fleet.peers", name, str(folder)]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=TIMEOUT)
        lines, why = done.stdout.splitlines(), (done.stderr.strip().splitlines() or ["no reason given"])[-1]
    except subprocess.TimeoutExpired as slow:
        lines, why = (slow.stdout or b"").decode().splitlines(), f"not done within {TIMEOUT} s"
    found = [json.loads(line) for line in lines if line.startswith("{")]
    said = {one.pop("window"): one for one in found}
    windows = sorted(path.stem for path in folder.glob("*.npz") if path.stem != "reference")
    return {window: said.get(window, {"failed": why}) for window in windows}


def errors(found):
    """Windows of which nothing was said, and why the first of them."""
    failed = [one["failed"] for _, one in sorted(found.items()) if "failed" in one]
    return len(failed), failed[0] if failed else ""


def alarms(found, key="alarm"):
    """Of windows in quiet: those that alarm, and how many were judged; an alarm after an alarm is the same page."""
    said = [bool(one.get(key)) for name, one in sorted(found.items()) if name.startswith("quiet")]
    return sum(now and not before for before, now in zip([False, *said], said, strict=False)), len(said)


def seen(found, faults, key="alarm"):
    """Of faults: those that alarm in their first window, and those whose first column is the right one."""
    said = [found.get(f"fault-{number:04}", {}) for number in range(len(faults))]
    hit = [one for one in said if one.get(key)]
    named = [
        one.get("first") in {fault.feature, *fault.also}
        for one, (fault, _) in zip(said, faults, strict=True)
        if one.get(key) and one.get("first") is not None
    ]
    return len(hit), sum(named)
