"""How long a drift check of a wide table takes, beside a loop over scipy in the same run.

    python -m tests.benchmarks.drift [--rows 100000] [--repeat 3]

100 numeric and 20 categorical features (10 numeric shifted by 0.1 sigma, 4 categorical changed, 2 % nulls in 25).
Fitting the reference is apart: a reference is profiled once and compared with every window that follows.
"""

import argparse
import resource
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from bot.statistics.distances import ks_statistic
from bot.statistics.drift import compare_profiles, fit_frame, profile_frame
from bot.statistics.profiles import Mode, Profile, fit_numeric, profile_like

Frame = dict[str, np.ndarray[Any, Any]]
NUMERIC, CATEGORICAL = 100, 20


def make_frame(rng: np.random.Generator, rows: int, *, drifted: bool) -> Frame:
    frame: Frame = {}
    for at in range(NUMERIC):
        values = rng.lognormal(0, 1, rows) if at % 4 == 3 else rng.normal(size=rows)
        if drifted and at < 10:
            values += 0.1 * values.std()
        if at % 4 == 0:
            values[rng.random(rows) < 0.02] = np.nan
        frame[f"x{at}"] = values
    for at in range(CATEGORICAL):
        shares = np.linspace(1, 2, 8 + at)
        if drifted and at < 4:
            shares = shares[::-1]
        frame[f"c{at}"] = rng.choice(8 + at, rows, p=shares / shares.sum())
    return frame


def scipy_loop(then: Frame, now: Frame) -> int:
    from scipy.stats import chi2_contingency, ks_2samp

    found = 0
    for name, reference in then.items():
        current = now[name]
        if name[0] == "x":
            p_value = ks_2samp(reference[~np.isnan(reference)], current[~np.isnan(current)], method="asymp").pvalue
        else:
            size = int(max(reference.max(), current.max())) + 1
            table = [np.bincount(side, minlength=size) for side in (reference, current)]
            p_value = chi2_contingency(table).pvalue
        found += p_value < 0.05 / len(then)
    return found


def check(reference: Mapping[str, Profile], now: Frame) -> int:
    found = compare_profiles(reference, profile_frame(reference, now))
    return sum(max(one.adjusted < 0.05, one.drifted) for one in found)


def best_of(repeat: int, work: Callable[[], Any]) -> tuple[float, Any]:
    times, answer = [], None
    for _ in range(repeat):
        start = time.perf_counter()
        answer = work()
        times.append(time.perf_counter() - start)
    return min(times), answer


def largest_error(then: Frame, now: Frame) -> float:
    worst = 0.0
    for name in [name for name in then if name[0] == "x"]:
        sketch, exact = (fit_numeric(then[name], mode=mode) for mode in ("sketch", "exact"))
        gaps = [ks_statistic(one, profile_like(one, now[name])) for one in (sketch, exact)]  # type: ignore[arg-type]
        worst = max(worst, abs(gaps[0] - gaps[1]))
    return worst


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--repeat", type=int, default=3)
    chosen = parser.parse_args()
    rng = np.random.default_rng(20261123)
    then, now = make_frame(rng, chosen.rows, drifted=False), make_frame(rng, chosen.rows, drifted=True)
    scipy_seconds, scipy_found = best_of(chosen.repeat, lambda: scipy_loop(then, now))
    print(
        f"{NUMERIC} numeric + {CATEGORICAL} categorical features, {chosen.rows:,} x {chosen.rows:,} rows, best of",
        end=" ",
    )
    print(f"{chosen.repeat}\n{'':24}{'fit s':>8}{'check s':>9}{'scipy / check':>15}{'significant':>13}")
    print(f"{'scipy loop':24}{'-':>8}{scipy_seconds:9.3f}{1:15.1f}{scipy_found:13d}")
    modes: tuple[tuple[str, Mode], ...] = (("sketch", "sketch"), ("exact", "exact"), ("as chosen by column", "auto"))
    for label, mode in modes:
        fit, reference = best_of(1, lambda mode=mode: fit_frame(then, mode=mode, categorical=categorical(then)))
        seconds, found = best_of(chosen.repeat, lambda reference=reference: check(reference, now))
        print(f"{label:24}{fit:8.3f}{seconds:9.3f}{scipy_seconds / seconds:15.1f}{found:13d}")
    print(f"largest |D of the sketch - D exact|: {largest_error(then, now):.6f}", end="; ")
    print(f"chance alone moves D by {1.358 * np.sqrt(2 / chosen.rows):.4f} (95 %)")
    print(f"peak memory of the run: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


def categorical(frame: Frame) -> list[str]:
    return [name for name in frame if name[0] == "c"]


if __name__ == "__main__":
    main()
