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


def autocorrelation(values: Floats, places: Places | None = None) -> Floats:
    """Autocorrelation at every lag, lag 0 first, shape (places,): the mean product of the pairs that far apart.

    `places`: where on a regular grid each value stands, ascending from 0; the others are missing and in no pair.
    """
    places = np.arange(values.size) if places is None else places
    length = int(places[-1]) + 1
    size = 1 << (2 * length - 1).bit_length()
    offset = np.zeros(length)
    offset[places] = values - values.mean()
    products = _products(offset, size)
    pairs: Floats = np.arange(length, 0, -1.0)
    if length > values.size:
        there = np.zeros(length)
        there[places] = 1.0
        pairs = _products(there, size)
    if products[0] <= 0:
        return np.zeros(length)
    known = pairs > LEAST_PAIRS - 0.5
    found: Floats = np.where(known, products / np.where(known, pairs, 1.0), 0.0) * (values.size / products[0])
    return found


def _products(values: Floats, size: int) -> Floats:
    """The sum of the products of all values that far apart (Wiener and Khinchin), shape of the values."""
    spectrum = np.fft.rfft(values, size)
    found: Floats = np.fft.irfft(spectrum.real**2 + spectrum.imag**2, size)[: values.size]
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
    z = np.clip((values - centre) / sigma, -EXTREME, EXTREME)
    places = np.arange(z.size) if places is None else places
    at = places - places.mean()
    z = z - at * (float(at @ z) / float(at @ at))
    found = autocorrelation(z, places)
    peaks = _peaks(found, int(found.size / LEAST_REPEATS), z.size)
    if not peaks:
        return None
    best = max(found[lag] for lag in peaks)
    lag = min(lag for lag in peaks if found[lag] >= AS_GOOD * best)
    week = round(WEEK / step) if step else 0
    # A weekly rhythm over a daily one: a day repeats well, the same weekday clearly better.
    weekly = [peak for peak in peaks if abs(peak - week) <= NEAR * week]
    if lag < week and any(found[peak] >= found[lag] + WEEKLY_GAIN for peak in weekly):
        return week
    return _calendar(lag, step)


def _peaks(found: Floats, longest: int, rows: int) -> list[int]:
    """Lags whose correlation is the largest nearby, high, and well above the lowest one before."""
    if longest <= SHORTEST:
        return []
    inner = found[: longest + 1]
    rises = inner - np.minimum.accumulate(inner)
    high = (inner >= max(LEAST_CORRELATION, 3 / math.sqrt(rows))) & (rises >= LEAST_RISE)
    top = high[1:-1] & (inner[1:-1] > inner[:-2]) & (inner[1:-1] >= inner[2:])
    lags = np.flatnonzero(top) + 1
    return [
        lag
        for lag in lags[lags >= SHORTEST].tolist()
        if inner[lag] >= inner[max(1, lag - lag // 4) : lag + lag // 4 + 1].max()
    ]


def _calendar(lag: int, step: float | None) -> int:
    for span in (DAY, WEEK):
        if step and abs(lag * step / span - 1) <= NEAR:
            return max(1, round(span / step))
    return lag
