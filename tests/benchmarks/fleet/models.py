"""The fleet: which table each model is fitted to, what it answers, and how much traffic it gets."""

from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cached_property

import numpy as np

from tests.benchmarks.fleet import learner, tables

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Spec:
    """places: columns a fault may be confined to a value of. rows: of an ordinary window. kept: held back while Muster
    was improved by this benchmark. delay: days until half of the labels are there; none come without."""

    name: str
    table: str
    target: str
    features: tuple
    places: tuple = ()
    rows: int = 1000
    window: timedelta = DAY
    delay: float | None = 4.0
    latency: bool = False
    only: tuple | None = None
    kept: bool = False


FLIGHT = ("hour", "distance", "wind_speed", "visibility", "precipitation", "origin", "carrier")
HOUSE = ("age", "rooms", "bedrooms", "population", "occupants", "latitude", "longitude", "region")
PERSON = ("site", "plan", "age", "sex", "income", "education", "health_index", "diseases", "family")
ADULT = ("age", "schooling", "relation", "disability", "citizenship", "mobility", "military", "ancestry", "sex", "race")
STONE = ("carat", "depth", "plate", "x", "y", "z", "cut", "color", "clarity")
FLOW = ("f1", "f3", "f4", "f5", "f7", "f8", "f9")

FLEET = (
    Spec("late-flights", "flights", "late", ("dep_delay", *FLIGHT), ("origin", "carrier"), 900, latency=True),
    Spec("arrivals", "flights", "arr_delay", ("dep_delay", *FLIGHT), ("origin",), 600, delay=1.0),
    Spec("departures", "flights", "held", FLIGHT, ("origin", "carrier"), 250, HOUR, 0.5, latency=True),
    Spec("house-income", "housing", "income", HOUSE, ("region",), 600),
    Spec("house-level", "housing", "level", HOUSE, ("region",), 400, delay=None, kept=True),
    Spec("doctor-visits", "health", "visits", PERSON, ("site",), 700, delay=10.0, kept=True),
    Spec("medication", "health", "medicated", PERSON, ("site", "sex"), 1200, delay=6.0),
    Spec("employment", "employment", "works", ("marital", "parents", *ADULT), ("mobility", "sex"), 800, latency=True),
    Spec("ages", "employment", "age", ("marital", "parents", *ADULT[1:]), ("sex",), 700, delay=None),
    Spec("marriages", "employment", "married", ADULT, ("sex", "mobility"), 300, HOUR, 2.0, kept=True),
    Spec("stone-price", "diamonds", "price", STONE, ("color", "cut"), 900, delay=2.0),
    Spec("dear-stones", "diamonds", "dear", STONE, ("color",), 1500, delay=3.0, latency=True),
    Spec("stone-cut", "diamonds", "cut", (*STONE[:6], "price", *STONE[7:]), ("color",), 800, kept=True),
    Spec("shuttle-flow", "shuttle", "flow", FLOW, (), 700),
    Spec("women-visits", "health", "outpatient", PERSON, ("site",), 500, delay=None, only=("sex", "f")),
)
"""Fifteen models on six tables; classes and numbers, daily and hourly, with labels that come late and without."""


@dataclass(frozen=True)
class Fitted:
    """A model fitted to one half of its table; the other half, which it never saw, is its traffic."""

    spec: Spec
    learner: learner.Learner
    rows: dict

    @cached_property
    def weights(self):
        return self.learner.weight({name: self.rows[name] for name in self.spec.features})

    def answered(self, columns):
        """The columns with the model's answers, as a service would log them."""
        answers, score = self.learner.answer(columns)
        return {**columns, "prediction": answers, **({} if score is None else {"score": score})}

    @property
    def numbers(self):
        return [name for name in self.spec.features if self.rows[name].dtype != object]

    @property
    def words(self):
        return [name for name in self.spec.features if self.rows[name].dtype == object]


def fit(spec, cache, seed):
    found = tables.read(spec.table, cache)
    if spec.only:
        found = {name: values[found[spec.only[0]] == spec.only[1]] for name, values in found.items()}
    known = np.flatnonzero(_known(found[spec.target]))
    order = np.random.default_rng([seed, len(spec.name), known.size]).permutation(known)
    half = order.size // 2
    taught, later = ({name: values[some] for name, values in found.items()} for some in (order[:half], order[half:]))
    features = tuple(name for name in spec.features if not (spec.only and name == spec.only[0]))
    fitted = learner.fit({name: taught[name] for name in features}, taught[spec.target])
    rows = {**{name: later[name] for name in features}, "truth": later[spec.target]}
    return Fitted(replace(spec, features=features), fitted, rows)


def _known(values):
    return np.array([cell is not None for cell in values]) if values.dtype == object else ~np.isnan(values)
