"""How late labels come: the share that has come by an age, from rows too young to have one as well.

A row's age is the time since its prediction. With the time of each label it is Kaplan and Meier's estimate (1958): a
row without a label is censored at its age. Without those times only "has one by now" is known, which is current-status
data; the nearest rising curve of those shares by age is its maximum-likelihood estimate (Ayer et al. 1955).
Rows that will never get a label (a declined loan is never repaid) hold the curve below 1 for good: `ever` is where it
ends, and "half" and "usually" are of those that come at all.
"""

from dataclasses import dataclass

import numpy as np

from bot.statistics.columns import Floats
from bot.statistics.isotonic import pool_adjacent
from bot.statistics.rates import CONFIDENCE, Interval, normal_quantile
from bot.statistics.shortfall import Shortfall, too_few_rows

LEAST_ROWS = 30
HALF, USUALLY = 0.5, 0.9
CELLS = 400
AT_RISK = 20
STILL_RISING = 0.02


@dataclass(frozen=True, slots=True)
class Maturity:
    """The share of rows whose label has come, by age in seconds; both of shape (points,), `share` rising within 0..1.

    lower, upper: pointwise interval (Greenwood's on the log-log scale; NaN for current-status data). oldest: the age
    up to which anything is known. settled: the curve no longer rose over the last third of that, so `ever` is an end
    and not just where we stopped looking.
    """

    ages: Floats
    share: Floats
    lower: Floats
    upper: Floats
    rows: int
    labelled: int
    oldest: float
    settled: bool

    @property
    def ever(self) -> float:
        return float(self.share[-1]) if self.share.size else 0.0

    def by(self, age: float) -> float:
        """The share of labels that have come by an age; beyond the oldest it is what it was there."""
        place = int(np.searchsorted(self.ages, age, side="right")) - 1
        return float(self.share[place]) if place >= 0 else 0.0

    def shares_by(self, ages: Floats) -> Floats:
        place = np.searchsorted(self.ages, ages, side="right") - 1
        return np.where(place >= 0, self.share[np.maximum(place, 0)], 0.0) if self.ages.size else np.zeros(ages.size)

    def age_of(self, part: float) -> float | None:
        """The age by which this part (0 to 1) of the labels that come at all has come; None: no label ever came."""
        if self.ever <= 0:
            return None
        return float(self.ages[int(np.argmax(self.share >= part * self.ever - 1e-12))])


def maturity(ages: Floats, took: Floats, *, confidence: float = CONFIDENCE) -> Maturity | Shortfall:
    """Kaplan and Meier's curve. ages: seconds since the prediction of every row. took: seconds until its label came,
    NaN where none has. Shape (rows,) both. Labels that came before their prediction count as at once; rows of a
    negative or unknown age don't count. The curve ends where fewer than 20 rows are that old."""
    usable = np.isfinite(ages) & (ages >= 0)
    ages, took = ages[usable], took[usable]
    came = np.isfinite(took) & (took <= ages)
    if ages.size < LEAST_ROWS:
        return too_few_rows(ages.size, LEAST_ROWS, "the window")
    ends = np.where(came, np.maximum(took, 0.0), ages)
    order = np.sort(ends)
    oldest = float(order[max(0, order.size - AT_RISK)]) if not came.all() else float(order[-1])
    times, counts = np.unique(ends[came], return_counts=True)
    times, counts = times[times <= oldest], counts[times <= oldest]
    arrived = np.asarray(counts, dtype=np.float64)
    at_risk = np.asarray(ages.size - np.searchsorted(order, times, side="left"), dtype=np.float64)
    waiting = np.asarray(np.cumprod(1 - arrived / at_risk), dtype=np.float64)
    lower, upper = _greenwood(waiting, arrived, at_risk, confidence)
    return _curve(times, 1 - waiting, lower, upper, (ages.size, int(came.sum())), max(oldest, float(ages.max())))


def maturity_now(ages: Floats, has_label: Floats) -> Maturity | Shortfall:
    """The curve from rows that have a label by now (1) or not (0), whenever it came. Shape (rows,) both, ages as above.

    Ages are gathered in at most 400 cells of equal rows; a cell stands at its middle age.
    """
    usable = np.isfinite(ages) & (ages >= 0)
    ages, has = ages[usable], has_label[usable].astype(np.float64)
    if ages.size < LEAST_ROWS:
        return too_few_rows(ages.size, LEAST_ROWS, "the window")
    order = np.argsort(ages, kind="stable")
    parts = np.array_split(order, min(CELLS, max(1, ages.size // LEAST_ROWS)))
    times = np.array([np.median(ages[part]) for part in parts])
    share = np.array([has[part].mean() for part in parts])
    sizes = np.array([float(part.size) for part in parts])
    rising = pool_adjacent(share, sizes)
    unknown = np.full(times.size, np.nan)
    return _curve(times, rising, unknown, unknown, (ages.size, int(has.sum())), float(ages.max()))


def _curve(
    times: Floats, share: Floats, lower: Floats, upper: Floats, counts: tuple[int, int], oldest: float
) -> Maturity:
    share = np.clip(share, 0.0, 1.0)
    settled = False
    if share.size:
        before = share[np.searchsorted(times, oldest * 2 / 3, side="right") - 1] if times[0] <= oldest * 2 / 3 else 0.0
        settled = bool(share[-1] - before <= STILL_RISING * share[-1])
    return Maturity(times, share, lower, upper, *counts, oldest, settled)


def _greenwood(waiting: Floats, arrived: Floats, at_risk: Floats, confidence: float) -> tuple[Floats, Floats]:
    """Limits of the share that has come: Greenwood's variance, on the scale log(-log(waiting)) of Kalbfleisch and
    Prentice, so that they stay within 0 and 1."""
    left = at_risk - arrived
    terms = np.divide(arrived, at_risk * left, out=np.zeros(arrived.size), where=left > 0)
    variance = np.cumsum(terms)
    inner = (waiting > 0) & (waiting < 1)
    safe = np.where(inner, waiting, 0.5)
    spread = normal_quantile(0.5 + confidence / 2) * np.sqrt(variance) / np.abs(np.log(safe))
    spread = np.minimum(spread, 50.0)
    high, low = safe ** np.exp(-spread), safe ** np.exp(spread)
    return np.where(inner, 1 - high, 1 - waiting), np.where(inner, 1 - low, 1 - waiting)


def expected_share(curve: Maturity, ages: Floats) -> Interval:
    """Which share of rows of these ages should have a label now, with the 95 % range of chance between rows."""
    chances = curve.shares_by(ages)
    mean = float(chances.mean()) if chances.size else 0.0
    reach = 1.96 * float(np.sqrt((chances * (1 - chances)).sum())) / max(1, chances.size)
    return Interval(max(0.0, mean - reach), min(1.0, mean + reach))
