"""Faults as services have them, put into the features before the model answers, so that answers really move.

A fault matters, and is counted, when with it at least one answer in twenty of its windows is another, or numbers lie a
tenth of their standard deviation elsewhere on average. Smaller ones are drawn anew: what changes no answer is no page.
"""

from dataclasses import dataclass

import numpy as np

from tests.benchmarks.fleet.traffic import ranked

LEAST_CHANGED, LEAST_MOVED = 0.05, 0.1
TRIES = 25
FACTORS = (10.0, 100.0, 1000.0, 0.1, 0.01, 0.001, 1.609344, 2.54, 60.0)
SHARES = (0.3, 0.6, 1.0)
LEAST_PLACE, MOST_PLACE = 0.1, 0.6
KINDS = ("nulls", "unit", "sign", "default", "swapped", "stale", "shifted", "mix", "version", "join")
HELD = 400


@dataclass(frozen=True)
class Fault:
    """rows: of its windows, answered. feature: the column it is in; none for a version. place: the value of a column it
    is confined to. also: columns that moved at least as much, of a mix."""

    kind: str
    rows: dict
    feature: str | None
    place: tuple | None
    what: str
    also: tuple = ()


def inject(kind, traffic, first, last, place, rng):
    """A fault that matters in the windows from `first` up to `last`; None where the model has none of this kind."""
    model = traffic.model
    before = traffic.rows(first, last)
    answered = model.answered(before)
    for _ in range(TRIES):
        where = _placed(model, before, rng) if place else None
        if place and where is None:
            return None
        hit = np.ones(before["truth"].size, dtype=bool) if where is None else before[where[0]] == where[1]
        found = _made(kind, traffic, first, last, before, where, hit, rng)
        if found is not None and matters(model, answered, found.rows):
            return found
    return None


def matters(model, before, after):
    then, now = before["prediction"], after["prediction"]
    if then.size != now.size:  # of a mix, whose rows are others
        if then.dtype != object:
            return abs(now.mean() - then.mean()) >= LEAST_MOVED * then.std()
        return max(abs(np.mean(now == name) - np.mean(then == name)) for name in set(then)) >= LEAST_CHANGED
    if then.dtype == object:
        return np.mean(then != now) >= LEAST_CHANGED
    return np.mean(np.abs(then - now)) >= LEAST_MOVED * then.std()


def _placed(model, rows, rng):
    """A value of one of the places that holds a good part of the rows, and not nearly all."""
    found = []
    for name in model.spec.places:
        if name not in model.spec.features:
            continue
        values, sizes = np.unique(rows[name].astype(str), return_counts=True)
        found += [
            (name, value)
            for value, size in zip(values.tolist(), sizes, strict=True)
            if LEAST_PLACE <= size / rows[name].size <= MOST_PLACE
        ]
    return found[rng.integers(len(found))] if found else None


def _made(kind, traffic, first, last, rows, where, hit, rng):
    model = traffic.model
    if kind == "mix":
        return _mixed(traffic, first, last, where, rng)
    if kind == "version":
        return _version(model, rows, where, hit, rng)
    feature = _feature(model, kind, where, rng)
    if feature is None:
        return None
    change = {
        "nulls": _nulls,
        "unit": _unit,
        "sign": _sign,
        "default": _default,
        "swapped": _swapped,
        "stale": _stale,
        "shifted": _shifted,
        "join": _join,
    }[kind]
    found = change(rows[feature], hit, rng, feature)
    if found is None:
        return None
    values, what = found
    return Fault(kind, model.answered({**rows, feature: values}), feature, where, f"{feature} {what}")


def _feature(model, kind, where, rng):
    """One the answers hang on, the more the likelier."""
    names = {"unit": model.numbers, "sign": model.numbers, "shifted": model.numbers, "swapped": model.words}.get(
        kind, list(model.spec.features)
    )
    names = [name for name in names if where is None or name != where[0]]
    weights = np.array([model.weights[name] for name in names])
    return str(rng.choice(names, p=weights / weights.sum())) if weights.sum() > 0 else None


def _nulls(values, hit, rng, _name):
    some = hit & (rng.random(values.size) < rng.choice(SHARES))
    out = values.copy()
    out[some] = None if values.dtype == object else np.nan
    return out, f"null in {some.mean():.0%} of rows"


def _unit(values, hit, rng, _name):
    factor = float(rng.choice(FACTORS))
    return np.where(hit, values * factor, values), f"times {factor:g}"


def _sign(values, hit, _rng, _name):
    return np.where(hit, -values, values), "with the other sign"


def _default(values, hit, rng, _name):
    some = hit & (rng.random(values.size) < rng.choice(SHARES))
    out = values.copy()
    if values.dtype == object:
        names, sizes = np.unique([cell for cell in values.tolist() if cell is not None], return_counts=True)
        fill = str(rng.choice(["unknown", names[sizes.argmax()]]))
    else:
        fill = float(rng.choice([0.0, -1.0, 999.0, np.round(np.nanmedian(values), 2)]))
    out[some] = fill
    return out, f"filled with {fill} in {some.mean():.0%} of rows"


def _swapped(values, hit, rng, _name):
    names, sizes = np.unique([cell for cell in values.tolist() if cell is not None], return_counts=True)
    if names.size < 2:
        return None
    first, second, *_ = names[np.argsort(-sizes)].tolist()
    if rng.random() < 0.5:
        renamed = {first: second, second: first}
    else:
        renamed = {name: f"{name}".upper() + "_" for name in names.tolist()}
    changed = np.array([renamed.get(cell, cell) for cell in values.tolist()], dtype=object)
    return np.where(hit, changed, values), f"renamed, such as {first} to {renamed[first]}"


def _stale(values, hit, _rng, _name):
    places = np.flatnonzero(hit)
    out = values.copy()
    out[places] = values[places[np.arange(places.size) // HELD * HELD]]
    return out, f"held over {HELD} rows"


def _shifted(values, hit, rng, name):
    """An hour in another time zone; numbers cut off at a limit."""
    if name == "hour":
        hours = int(rng.choice([-8, -5, 5, 8]))
        return np.where(hit, (values + hours) % 24, values), f"{hours:+d} hours"
    limit = float(np.nanquantile(values, rng.choice([0.4, 0.6])))
    return np.where(hit & (values > limit), limit, values), f"cut off at {limit:g}"


def _join(values, hit, rng, _name):
    places = np.flatnonzero(hit)
    out = values.copy()
    out[places] = values[rng.permutation(places)]
    return out, "of other rows"


def _mixed(traffic, first, last, where, rng):
    """Other rows than usual come: those with high or low values of a feature, or of one category."""
    model = traffic.model
    feature = _feature(model, "mix", where, rng)
    values = model.rows[feature]
    inside = np.ones(values.size) if where is None else (model.rows[where[0]] == where[1]).astype(float)
    if values.dtype == object:
        names, sizes = np.unique(values.astype(str), return_counts=True)
        grown = str(rng.choice(names, p=sizes / sizes.sum()))
        more, what = 1 + inside * (values == grown) * 5, f"{grown} six times as often"
    else:
        way = rng.choice([-1.2, 1.2])
        more, what = np.exp(inside * way * ranked(values)), f"{'higher' if way > 0 else 'lower'} than usual"
    rows = traffic.rows(first, last, more=more, anew=1)
    usual = traffic.rows(first, last)
    moved = {name: _moved(usual[name], rows[name]) for name in model.spec.features}
    also = tuple(name for name, much in moved.items() if much >= 0.8 * moved[feature])
    return Fault("mix", model.answered(rows), feature, where, f"{feature} {what}", also)


def _moved(then, now):
    if then.dtype == object:
        names = {*then.tolist(), *now.tolist()}
        return sum(abs(np.mean(then == name) - np.mean(now == name)) for name in names) / 2
    then, now = np.sort(then[~np.isnan(then)]), np.sort(now[~np.isnan(now)])
    every = np.concatenate([then, now])
    gaps = np.searchsorted(then, every, "right") / then.size - np.searchsorted(now, every, "right") / now.size
    return float(np.abs(gaps).max())


def _version(model, rows, where, hit, rng):
    """A new version that lost a feature or answers with another bias answers a part of the rows."""
    hit = hit & (rng.random(hit.size) < rng.choice(SHARES))
    feature = _feature(model, "version", where, rng)
    values = rows[feature]
    lost = values[rng.permutation(values.size)] if rng.random() < 0.5 else np.full_like(values, _usual(values))
    worse = model.answered({**rows, feature: lost})
    answered = model.answered(rows)
    out = {name: np.where(hit, worse[name], answered[name]) for name in ("prediction", "score") if name in answered}
    versions = np.where(hit, "v2", rows["version"]).astype(object)
    return Fault("version", {**answered, **out, "version": versions}, None, ("version", "v2"), f"v2 without {feature}")


def _usual(values):
    if values.dtype != object:
        return np.nanmedian(values)
    names, sizes = np.unique(values.astype(str), return_counts=True)
    return str(names[sizes.argmax()])
