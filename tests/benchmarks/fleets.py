"""Fifty like monitors that share one budget: false pages kept to it, and what that costs in delay.

`uv run python -m tests.benchmarks.fleets [--fleets 60]` prints a table in about three minutes. Daily windows; the
surprise of each is that of Student's prediction limits of the 30 windows before it, as the monitors judge. The limit
is read from a history of 30, 60 or 90 points by `bot.statistics.budget.pool_limit` and held for the twelve weeks after.
"Exact" is the limit if every monitor's own model were true. "Known" is the limit that keeps the budget exactly, found
from the same statistic on very many series of the true distribution. Delay: windows until a shift by two sigmas pages,
the median.
"""

import argparse
import math
import sys

import numpy as np
from scipy.signal import lfilter
from scipy.special import stdtr

from bot.statistics.budget import Pool, episode_peaks, pool_limit

SEED = 20261123
MONITORS, BASELINE, LEAST, TEST, BUDGET = 50, 30, 10, 84, 1.0
SHIFTED, WAITED = 2.0, 42
KINDS = ("normal", "t3", "lognormal", "AR .5", "weekend")


def draw(rng, kind, shape):
    """Series of mean 0 and standard deviation 1, shape (series, windows)."""
    if kind == "t3":
        return rng.standard_t(3, size=shape) / math.sqrt(3)
    if kind == "lognormal":
        sigma = 0.75
        values = rng.lognormal(0, sigma, size=shape)
        mean = math.exp(sigma**2 / 2)
        return (values - mean) / (mean * math.sqrt(math.exp(sigma**2) - 1))
    noise = rng.normal(size=(shape[0], shape[1] + 50))
    if kind == "AR .5":
        return lfilter([1.0], [1.0, -0.5], noise, axis=1)[:, 50:] * math.sqrt(0.75)
    values = noise[:, 50:]
    if kind == "weekend":
        values = (values + np.isin(np.arange(shape[1]) % 7, (5, 6))) / math.sqrt(1 + 10 / 49)
    return values


def surprises(values):
    """Of each window by the windows before it, NaN while there are too few."""
    found = np.full(values.shape, np.nan)
    for at in range(LEAST, values.shape[1]):
        before = values[:, max(0, at - BASELINE) : at]
        count = before.shape[1]
        reach = before.std(axis=1, ddof=1) * math.sqrt(1 + 1 / count)
        away = np.abs(values[:, at] - before.mean(axis=1)) / reach
        found[:, at] = -np.log10(np.maximum(2 * stdtr(count - 1, -away), 1e-300))
    return found


def like_now(history):
    """The windows that were judged by half of the baseline there is now, at least."""
    return history[:, max(LEAST, min(BASELINE, history.shape[1]) // 2) :]


def pages(found, limit):
    return sum(len(episode_peaks(one, limit)) for one in found) / (found.shape[1] / 7)


def delays(values, start, limit):
    """Windows until each series pages after a shift at `start`, at most WAITED."""
    moved = values.copy()
    moved[:, start:] += SHIFTED
    late = surprises(moved[:, : start + WAITED])[:, start:] >= limit
    return np.where(late.any(axis=1), late.argmax(axis=1) + 1, WAITED)


def known_limit(kind):
    """The limit that keeps the budget, from as many windows as make its own error small."""
    rng = np.random.default_rng(SEED + 1)
    found = surprises(draw(rng, kind, (20_000, BASELINE + TEST)))[:, BASELINE:]
    weeks = found.size / (7 * MONITORS)
    low, high = 0.0, 40.0
    for _ in range(30):
        middle = (low + high) / 2
        rate = sum(len(episode_peaks(one, middle)) for one in found[np.max(found, axis=1) >= middle]) / weeks
        low, high = (middle, high) if rate > BUDGET else (low, middle)
    return high


def measure(kind, points, fleets, known):
    rng = np.random.default_rng(SEED)
    kept, exact, ours, best = [], [], [], []
    for _ in range(fleets):
        values = draw(rng, kind, (MONITORS, points + TEST))
        found = surprises(values)
        history, later = found[:, :points], found[:, points:]
        limit = pool_limit(Pool(tuple(like_now(history)), (7.0,) * MONITORS, BUDGET))
        kept.append(pages(later, limit.surprise))
        exact.append(pages(later, limit.exact))
        ours.append(delays(values, points, limit.surprise))
        best.append(delays(values, points, known))
    return np.mean(kept), np.quantile(kept, 0.9), np.mean(exact), np.median(ours), np.median(best), limit.certified


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fleets", type=int, default=60)
    asked = parser.parse_args()
    print(
        f"seed {SEED}, {asked.fleets} fleets of {MONITORS} monitors, budget {BUDGET:g} false page a week for each fleet"
    )
    print(
        f"{'':10} {'points':>6} {'mean':>6} {'p90':>6} {'exact':>6} {'delay':>6} {'known':>6} {'certified':>9}  goals"
    )
    missed = 0
    for kind in KINDS:
        known = known_limit(kind)
        for points in (30, 60, 90):
            mean, high, exact, ours, best, certified = measure(kind, points, asked.fleets, known)
            goals = (mean <= 1.2 * BUDGET, high <= 2 * BUDGET, ours <= 1.3 * best)
            missed += not all(goals)
            said = (
                "PASS"
                if all(goals)
                else "miss: "
                + ", ".join(name for name, good in zip(("mean", "p90", "delay"), goals, strict=True) if not good)
            )
            numbers = f"{mean:6.2f} {high:6.2f} {exact:6.2f} {ours:6.1f} {best:6.1f}"
            print(f"{kind:10} {points:6} {numbers} {certified!s:>9}  {said}", flush=True)
    print(
        f"{missed} of {3 * len(KINDS)} cells miss a goal (mean within 1.2 x, p90 within 2 x, delay within 1.3 x known)"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
