"""What one model of the fleet lives through: its past in shadow, quiet weeks, harmless changes, and faults."""

import pickle
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from tests.benchmarks.fleet import beside, faults, models, scoring, watching
from tests.benchmarks.fleet.models import DAY, FLEET, HOUR
from tests.benchmarks.fleet.traffic import live

PAST = {DAY: 45, HOUR: 8 * 24}
QUIET = {DAY: 6 * 7, HOUR: 7 * 24}
"""Windows in shadow, from which limits are learnt, and windows of quiet after them."""
PEERS = ("evidently", "nannyml")
DECISIONS = {
    ("evidently", "alarm"): "data drift preset",
    ("nannyml", "alarm"): "univariate, any column",
    ("nannyml", "estimate"): "CBPE",
}
LASTS = {DAY: 7, HOUR: 12}
GROWS = {DAY: 14, HOUR: 24}
BASELINE = {DAY: 36, HOUR: 7 * 24 + 6}
GROWN = 2.0
MOST_OFF = 0.1


@dataclass(frozen=True)
class Shadow:
    """What a model's monitors found in its past: limits are learnt from it."""

    configured: object
    found: dict
    now: datetime
    said: str


@dataclass(frozen=True)
class Life:
    """The pages a model had in its quiet weeks and in harmless changes, and what became of its faults."""

    name: str
    weeks: float
    pages: list
    harmless: dict
    scored: list
    said: str


def shadow(spec, asked, folder):
    past = PAST[spec.window]
    traffic = _traffic(spec, asked)
    rows, windows = traffic.rows(0, past), watching.windows_of(traffic, 0, past)
    configured = watching.proposed(traffic.model, rows, traffic.moment(past), folder / spec.name)
    watch = watching.Watch(traffic, configured, folder / spec.name)
    found = watching.Fleet.of([configured]).watch(watch, watch.opened(rows, windows), windows)
    (folder / f"{spec.name}.pickle").write_bytes(pickle.dumps(watch))
    names = ", ".join(one.name for one in configured.monitors)
    return Shadow(configured, found, windows[-1].end, f"{spec.name}: {rows['truth'].size:,} rows of past; {names}")


def _traffic(spec, asked):
    fitted = models.fit(spec, asked.cache, asked.seed)
    windows = PAST[spec.window] + QUIET[spec.window] + LASTS[spec.window]
    return live(fitted, windows, (asked.seed, FLEET.index(spec)))


def life(spec, fleet, asked, folder):
    watch = pickle.loads((folder / f"{spec.name}.pickle").read_bytes())
    first = PAST[spec.window]
    last = first + QUIET[spec.window]
    held = watch.opened(watch.traffic.rows(0, last), watching.windows_of(watch.traffic, 0, last))
    found = watching.pages(fleet.watch(watch, held, watching.windows_of(watch.traffic, first, last)))
    harmless = {name: _harmless(fleet, watch, change) for name, change in HARMLESS.items()}
    injected = _faults(watch.traffic, FLEET.index(spec), asked)
    scored = [_watched(fleet, watch, fault, at) for fault, at in injected]
    some = scoring.rates(scored) or {"faults": 0, "in time": 0, "named": 0}
    told = f"{some['faults']} faults, {some['in time']:.0%} in time, {some['named']:.0%} named"
    said = f"{spec.name}: {len(found)} pages in quiet; {told}"
    return Life(spec.name, QUIET[spec.window] * (spec.window / DAY) / 7, found, harmless, scored, said)


@dataclass(frozen=True)
class Beside:
    """Of each peer's decision: pages a week in quiet; faults alarmed in their first window, those named, and all;
    windows it failed at, and why."""

    peers: dict
    said: str


def peers(spec, asked, folder):
    """What the peers say of a model's quiet weeks and of its faults."""
    traffic, length, folder = _traffic(spec, asked), spec.window, folder / f"{spec.name}-peers"
    injected = _faults(traffic, FLEET.index(spec), asked)
    step = beside.export(traffic, PAST[length], QUIET[length], injected, folder)
    told = {}
    for name in PEERS:
        found = beside.judged(name, folder, asked.cache)
        keys = ("alarm", "estimate") if any("estimate" in one for one in found.values()) else ("alarm",)
        for key in keys:
            pages, judged = beside.alarms(found, key)
            weeks = judged * step * (length / DAY) / 7
            hit, named = beside.seen(found, injected, key)
            told[f"{name} {DECISIONS[name, key]}"] = (
                (step * pages / weeks, hit, named, len(injected), len(found)),
                beside.errors(found),
            )
    return Beside(told, f"{spec.name}: beside {', '.join(PEERS)}")


def _harmless(fleet, watch, change):
    """What was said when it paged, an empty text when not; None where the model has nothing to change."""
    length = watch.traffic.model.spec.window
    first, count = PAST[length], GROWS[length]
    rows = change(watch, first, count)
    if rows is None:
        return None
    before = BASELINE[length]
    windows = watching.windows_of(watch.traffic, first - before, first + count)
    found = watching.answer(fleet, watch, rows, windows, before)
    return found.page.sentence if found.page else ""


def _growth(watch, first, count):
    times = np.linspace(1, GROWN, count)
    return _joined(watch, first, watch.traffic.rows(first, first + count, times=times, anew=2))


def _campaign(watch, first, count):
    """The segment that holds a tenth of the rows, or nearly, comes twice as often."""
    rows = watch.traffic.model.rows
    places = [
        (abs(float(np.mean(rows[name] == value)) - 0.1), name, value)
        for name in watch.traffic.model.spec.places
        if name in rows
        for value in sorted({cell for cell in rows[name].tolist() if cell is not None})
    ]
    if not places or min(places)[0] > MOST_OFF:
        return None
    _, name, value = min(places)
    more = 1.0 + (rows[name] == value)
    return _joined(watch, first, watch.traffic.rows(first, first + count, more=more, anew=3))


HARMLESS = {"growth": _growth, "campaign": _campaign}


def _joined(watch, first, after):
    traffic = watch.traffic
    before = traffic.model.answered(traffic.rows(first - BASELINE[traffic.model.spec.window], first))
    after = after if "prediction" in after else traffic.model.answered(after)
    return {name: np.concatenate([before[name], after[name]]) for name in before}


def _faults(traffic, number, asked):
    """Each with the number of its first window."""
    spec = traffic.model.spec
    rng = np.random.default_rng([asked.seed, number, 7])
    injected = []
    for kind in faults.KINDS:
        for placed in (False, True):
            first = PAST[spec.window] + int(rng.integers(QUIET[spec.window]))
            own = np.random.default_rng(rng.integers(2**62))
            if kind in asked.kinds:
                fault = faults.inject(kind, traffic, first, first + LASTS[spec.window], placed, own)
                injected += [(fault, first)] if fault is not None else []
    return injected


def _watched(fleet, watch, fault, first):
    length = watch.traffic.model.spec.window
    before = BASELINE[length]
    windows = watching.windows_of(watch.traffic, first - before, first + LASTS[length])
    found = watching.answer(fleet, watch, _joined(watch, first, fault.rows), windows, before)
    return scoring.score(watch.name, fault, found, windows[before].start, windows[0].length)
