"""What a faulty deployment does: to features on their way to a model, to who is asked about, to labels, to speed."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from bot.core.errors import unknown
from bot.demo import arrival, eta
from bot.demo.flights import Columns, size
from bot.demo.served import Floats

PIPELINE = "flights-etl"
SOUND = {PIPELINE: "4.1", "landings-job": "2.0", "booking-feed": "7.1", "weather-lookup": "5.0"}
CHANGES = {"weather-lookup": "deployment"}
SECONDS_A_MINUTE = 60
FAULTY_AIRPORT = "EWR"
LOST = 0.4
SWAPPED = {"UA": "US", "US": "UA"}
WEATHER = ("wind_speed", "visibility", "precipitation")
REGIONAL_MILES, REGIONAL_WEIGHT = 800, 5.0
SLOWER = 2.6
"""Of 120 requests a second at 3 ms the one worker is busy for a third of the time; so it is for 94 % of it."""

Deliver = Callable[[Columns], Columns]


class Kind(StrEnum):
    NULL_BURST = "null burst"
    UNIT_CHANGE = "unit change"
    CATEGORY_SWAP = "category swap"
    COVARIATE_SHIFT = "covariate shift"
    STALE_FEATURE = "stale feature"
    LABEL_DELAY = "label delay"
    LATENCY = "latency"


def _soundly(_rng: np.random.Generator) -> Deliver:
    return lambda rows: rows


def _alike(flights: Columns) -> Floats:
    return np.ones(size(flights))


@dataclass(frozen=True, slots=True)
class Fault:
    """One faulty version of a part.

    said: what its deployment is announced with. expected: what there is to see of it. begin: called when it is
    deployed, returns what it does to each batch of rows. asked: how often each flight is asked about, beside others.
    holds_labels: none is written until it is over. slower: what the mean service of a request is multiplied by.
    """

    name: str
    kind: Kind
    model: str
    part: str
    version: str
    said: str
    expected: str
    begin: Callable[[np.random.Generator], Deliver] = _soundly
    asked: Callable[[Columns], Floats] = _alike
    holds_labels: bool = False
    slower: float = 1.0

    @property
    def title(self) -> str:
        return f"{self.part} {self.version} deployed ({self.said})"

    @property
    def sound(self) -> str:
        return SOUND[self.part]

    @property
    def change(self) -> str:
        """The kind of change it is announced as."""
        return CHANGES.get(self.part, "pipeline")


def _delay_in_seconds(_rng: np.random.Generator) -> Deliver:
    def deliver(rows: Columns) -> Columns:
        factor = np.where(rows["origin"] == FAULTY_AIRPORT, SECONDS_A_MINUTE, 1)
        return {**rows, "dep_delay": rows["dep_delay"] * factor}

    return deliver


def _null_burst(rng: np.random.Generator) -> Deliver:
    def deliver(rows: Columns) -> Columns:
        lost = rng.uniform(size=size(rows)) < LOST
        return {**rows, "dep_delay": np.where(lost, np.nan, rows["dep_delay"])}

    return deliver


def _swapped_carriers(_rng: np.random.Generator) -> Deliver:
    def deliver(rows: Columns) -> Columns:
        names = [SWAPPED.get(name, name) for name in rows["carrier"].tolist()]
        return {**rows, "carrier": np.array(names, dtype=object)}

    return deliver


def _stale_weather(_rng: np.random.Generator) -> Deliver:
    kept: dict[str, float] = {}

    def deliver(rows: Columns) -> Columns:
        for name in WEATHER:
            kept.setdefault(name, float(np.nanmedian(rows[name])))
        return {**rows, **{name: np.full(size(rows), kept[name]) for name in WEATHER}}

    return deliver


def _regional(flights: Columns) -> Floats:
    return np.where(flights["distance"] < REGIONAL_MILES, REGIONAL_WEIGHT, 1.0)


USUAL = "delay-in-seconds"
FAULTS = {
    fault.name: fault
    for fault in (
        Fault(
            USUAL,
            Kind.UNIT_CHANGE,
            eta.NAME,
            PIPELINE,
            "4.2",
            f"departure delays of {FAULTY_AIRPORT} from a new feed",
            "too many flights are called late: it pages, and the inputs name the unit",
            _delay_in_seconds,
        ),
        Fault(
            "null-burst",
            Kind.NULL_BURST,
            eta.NAME,
            PIPELINE,
            "4.3",
            "departure delays from the cache",
            "too few flights are called late: it pages, and the missing delays are the cause",
            _null_burst,
        ),
        Fault(
            "swapped-carriers",
            Kind.CATEGORY_SWAP,
            eta.NAME,
            PIPELINE,
            "4.4",
            "new table of carrier codes",
            "drift names the two codes; the answers hardly move, so nobody is paged",
            _swapped_carriers,
        ),
        Fault(
            "stale-weather",
            Kind.STALE_FEATURE,
            eta.NAME,
            PIPELINE,
            "4.5",
            "weather read once an hour",
            "drift says that the weather stands still; the answers hardly move, so nobody is paged",
            _stale_weather,
        ),
        Fault(
            "labels-held",
            Kind.LABEL_DELAY,
            eta.NAME,
            "landings-job",
            "2.1",
            "landings confirmed in one batch",
            "labels stop coming: a ticket in #incidents, no page, and `right` says that it can't judge",
            holds_labels=True,
        ),
        Fault(
            "regional-flights",
            Kind.COVARIATE_SHIFT,
            arrival.NAME,
            "booking-feed",
            "7.2",
            "a partner's regional flights join",
            "drift says that flights are shorter; the answers stay as good, so nobody is paged",
            asked=_regional,
        ),
        Fault(
            "slow-lookups",
            Kind.LATENCY,
            arrival.NAME,
            "weather-lookup",
            "5.1",
            "weather asked from the archive",
            "a line forms before the one worker: p95 leaves its objective of 50 ms, and it pages",
            slower=SLOWER,
        ),
    )
}


def fault_named(name: str) -> Fault:
    if name not in FAULTS:
        raise unknown("fault", name, FAULTS)
    return FAULTS[name]
