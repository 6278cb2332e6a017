"""After how many steps a series repeats itself, read from its autocorrelation."""

import math

import numpy as np
import numpy.typing as npt

from bot.statistics.columns import Floats
from bot.statistics.stream.rolling import centre_and_sigma

Places = npt.NDArray[np.int64]
SHORTEST = 6
LEAST_REPEATS = 2.5
LEAST_CORRELATION = 0.25
LEAST_RISE = 0.15
AS_GOOD = 0.9
EXTREME = 3.0
DAY, WEEK = 86_400.0, 604_800.0
NEAR = 0.04
LEAST_PAIRS = 10
MOST_EMPTY = 4
WEEKLY_GAIN = 0.05


def autocorrelation(values: Floats, places: Places | None = None, longest: int | None = None) -> Floats:
    """Autocorrelation at every lag up to `longest` (default: all), lag 0 first: the mean product of the pairs that far
    apart, shape (longest + 1,).

    `places`: where on a regular grid each value stands, ascending from 0; the others are missing and in no pair.
    """
    length = values.size if places is None else int(places[-1]) + 1
    lags = min(length - 1 if longest is None else longest, length - 1) + 1
    size = _easy_size(length + lags)
    offset = values - values.mean()
    pairs: Floats = np.arange(length, length - lags, -1.0)
    if places is not None and length > values.size:
        offset, there = _spread_out(offset, places, length), _spread_out(np.ones(values.size), places, length)
        pairs = _products(there, size)[:lags]
    products = _products(offset, size)[:lags]
    if products[0] <= 0:
        return np.zeros(lags)
    known = pairs > LEAST_PAIRS - 0.5
    found: Floats = np.where(known, products / np.where(known, pairs, 1.0), 0.0) * (values.size / products[0])
    return found


def _spread_out(values: Floats, places: Places, length: int) -> Floats:
    found = np.zeros(length)
    found[places] = values
    return found


def _easy_size(least: int) -> int:
    """A power of two times 1, 9/8, 5/4 or 3/2 that is no less: the transform of others can take many times as long."""
    power = 1 << max(3, (least - 1).bit_length() - 1)
    return next(power * eighths // 8 for eighths in (8, 9, 10, 12, 16) if power * eighths // 8 >= least)


def _products(values: Floats, size: int) -> Floats:
    """The sum of the products of all values that far apart (Wiener and Khinchin), shape (size,)."""
    spectrum = np.fft.rfft(values, size)
    found: Floats = np.fft.irfft(spectrum.real**2 + spectrum.imag**2, size)
    return found


def places_of(times: Floats, step: float) -> Places | None:
    """Where on a grid of `step` seconds the rows stand; None where it would be mostly empty, or they share places."""
    places = np.rint((times - times[0]) / step)
    regular = bool(np.all(np.diff(places) > 0)) and places[-1] < MOST_EMPTY * times.size
    return places.astype(np.int64) if regular else None


def find_period(values: Floats, step: float | None = None, places: Places | None = None) -> int | None:
    """Steps after which the series repeats, or None. `values` in time order, no nulls; `step` seconds between rows;
    `places` as `places_of` says, where rows are missing.

    The lag is a peak of the autocorrelation (of values cut at 3 robust sigmas from a line through them) that stands
    clearly above the valley before it; of several as high, the shortest. A day or a week within 4 % of a peak is taken
    as exactly that: people's habits keep the calendar.
    """
    if values.size < SHORTEST * 4:
        return None
    centre, sigma = centre_and_sigma(values)
    if sigma <= 0:
        return None
    z = np.minimum(np.maximum((values - centre) / sigma, -EXTREME), EXTREME)
    at = np.arange(z.size, dtype=np.float64) if places is None else places.astype(np.float64)
    longest = int((at[-1] + 1) / LEAST_REPEATS)
    at -= at.mean()
    z -= at * (float(at @ z) / float(at @ at))
    if longest <= SHORTEST:
        return None
    found = autocorrelation(z, places, longest)
    tops = _tops(found, z.size)
    best = next((lag for lag in sorted(tops, key=lambda lag: -found[lag]) if _stands_out(found, lag)), None)
    if best is None:
        return None
    lag = next(lag for lag in tops if found[lag] >= AS_GOOD * found[best] and _stands_out(found, lag))
    week = round(WEEK / step) if step else 0
    # A weekly rhythm over a daily one: a day repeats well, the same weekday clearly better.
    weekly = [top for top in tops if abs(top - week) <= NEAR * week and found[top] >= found[lag] + WEEKLY_GAIN]
    if lag < week and any(_stands_out(found, top) for top in weekly):
        return week
    return _calendar(lag, step)


def _tops(found: Floats, rows: int) -> list[int]:
    """Lags whose correlation is higher than their neighbours', high, and well above the lowest one before."""
    rises = found - np.minimum.accumulate(found)
    high = (found >= max(LEAST_CORRELATION, 3 / math.sqrt(rows))) & (rises >= LEAST_RISE)
    top = high[1:-1] & (found[1:-1] > found[:-2]) & (found[1:-1] >= found[2:])
    lags = np.flatnonzero(top) + 1
    longer: list[int] = lags[lags >= SHORTEST].tolist()
    return longer


def _stands_out(found: Floats, lag: int) -> bool:
    """Whether no lag nearby has a higher correlation."""
    return bool(found[lag] >= found[max(1, lag - lag // 4) : lag + lag // 4 + 1].max())


def _calendar(lag: int, step: float | None) -> int:
    for span in (DAY, WEEK):
        if step and abs(lag * step / span - 1) <= NEAR:
            return max(1, round(span / step))
    return lag
