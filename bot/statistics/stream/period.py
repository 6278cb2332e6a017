"""After how many rows a series repeats itself, read from its autocorrelation."""

import numpy as np

from bot.statistics.columns import Floats
from bot.statistics.stream.rolling import centre_and_sigma

SHORTEST = 6
LEAST_REPEATS = 2.5
LEAST_CORRELATION = 0.25
LEAST_RISE = 0.15
AS_GOOD = 0.9
EXTREME = 3.0
DAY, WEEK = 86_400.0, 604_800.0
NEAR = 0.04
WEEKLY_GAIN = 0.05


def autocorrelation(values: Floats) -> Floats:
    """Autocorrelation at every lag, shape (rows,), lag 0 first; the biased estimate (Box and Jenkins), by FFT."""
    offset = values - values.mean()
    size = 1 << (2 * values.size - 1).bit_length()
    power = np.abs(np.fft.rfft(offset, size)) ** 2
    covariance = np.fft.irfft(power, size)[: values.size]
    return covariance / covariance[0] if covariance[0] > 0 else np.zeros(values.size)


def find_period(values: Floats, step: float | None = None) -> int | None:
    """Rows after which the series repeats, or None. `values` in time order, no nulls; `step` seconds between rows.

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
    at = np.arange(z.size) - (z.size - 1) / 2
    z = z - at * (float(at @ z) / float(at @ at))
    found = autocorrelation(z) * (z.size / np.maximum(1, z.size - np.arange(z.size)))
    peaks = _peaks(found, int(z.size / LEAST_REPEATS))
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


def _peaks(found: Floats, longest: int) -> list[int]:
    """Lags whose correlation is the largest nearby, high, and well above the lowest one before."""
    if longest <= SHORTEST:
        return []
    inner = found[: longest + 1]
    lags = np.flatnonzero((inner[1:-1] > inner[:-2]) & (inner[1:-1] >= inner[2:])) + 1
    lowest = np.minimum.accumulate(inner)
    noise = 3 / np.sqrt(found.size)
    return [
        int(lag)
        for lag in lags
        if lag >= SHORTEST
        and inner[lag] >= max(LEAST_CORRELATION, noise)
        and inner[lag] - lowest[lag] >= LEAST_RISE
        and inner[lag] >= float(np.max(inner[max(1, lag - lag // 4) : lag + lag // 4 + 1]))
    ]


def _calendar(lag: int, step: float | None) -> int:
    for span in (DAY, WEEK):
        if step and abs(lag * step / span - 1) <= NEAR:
            return max(1, round(span / step))
    return lag
