"""What a faulty version of the pipeline does to the features on their way to the model."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bot.core.errors import unknown
from bot.demo.flights import Columns, size

PIPELINE, SOUND = "flights-etl", "4.1"
SECONDS_A_MINUTE = 60
FAULTY_AIRPORT = "EWR"
LOST = 0.4
SWAPPED = {"UA": "US", "US": "UA"}
WEATHER = ("wind_speed", "visibility", "precipitation")

Deliver = Callable[[Columns], Columns]


@dataclass(frozen=True, slots=True)
class Fault:
    """One faulty version. begin: called when it is deployed, returns what it does to each batch of rows."""

    name: str
    version: str
    said: str
    begin: Callable[[np.random.Generator], Deliver]

    @property
    def title(self) -> str:
        return f"{PIPELINE} {self.version} deployed ({self.said})"


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


FAULTS = {
    fault.name: fault
    for fault in (
        Fault("delay-in-seconds", "4.2", f"departure delays of {FAULTY_AIRPORT} from a new feed", _delay_in_seconds),
        Fault("null-burst", "4.3", "departure delays from the cache", _null_burst),
        Fault("swapped-carriers", "4.4", "new table of carrier codes", _swapped_carriers),
        Fault("stale-weather", "4.5", "weather read once an hour", _stale_weather),
    )
}
USUAL = "delay-in-seconds"


def fault_named(name: str) -> Fault:
    if name not in FAULTS:
        raise unknown("fault", name, FAULTS)
    return FAULTS[name]
