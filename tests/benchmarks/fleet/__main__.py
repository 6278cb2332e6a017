"""What a team of fifteen models would live through with Muster: pages in quiet, faults seen and named.

    uv run python -m tests.benchmarks.fleet [--seed 1] [--models late-flights,ages] [--told]

Models are fitted to real tables (`tables.py` has their licences) and serve real rows they never saw, day after day or
hour after hour, with weekends, batches that differ, slow drift and growth (`traffic.py`). Muster gets what a team would
have: the `muster.yaml` that `muster init --yes` writes from the quiet past, all models in one team with one false page
a week, monitors in shadow over that past so that limits are learnt, then weeks of quiet.
Faults of ten kinds (`faults.py`) then begin on some day of these weeks, everywhere or in one segment.

A page is an incident: alerts of one model that overlap. A fault is seen in time when somebody is called with its first
window, or at least before the labels alone would show it; it is named when what the card shows as probable cause has
the right feature and the right segment.
"""

import argparse
import pickle
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from tests.benchmarks.fleet import beside, faults, models, scoring, watching
from tests.benchmarks.fleet.models import DAY, FLEET, HOUR
from tests.benchmarks.fleet.tables import read
from tests.benchmarks.fleet.traffic import live

PAST = {DAY: 45, HOUR: 10 * 24}
QUIET = {DAY: 6 * 7, HOUR: 10 * 24}
"""Windows in shadow, from which limits are learnt, and windows of quiet after them."""
PEERS = ("evidently", "nannyml")
DECISIONS = {
    ("evidently", "alarm"): "data drift preset",
    ("nannyml", "alarm"): "univariate, any column",
    ("nannyml", "estimate"): "CBPE",
}
LASTS = {DAY: 7, HOUR: 24}
GROWS = {DAY: 14, HOUR: 48}
BASELINE = 36
GROWN = 2.0
MOST_OFF = 0.1


def main():
    asked = _asked()
    begun = time.monotonic()
    asked.cache.mkdir(parents=True, exist_ok=True)
    chosen = [
        one for one in FLEET if (not asked.models or one.name in asked.models) and not (asked.develop and one.kept)
    ]
    print(f"seed {asked.seed}: {len(chosen)} models on {', '.join(sorted({one.table for one in chosen}))}", flush=True)
    for table in {one.table: None for one in chosen}:
        read(table, asked.cache)  # one process installs what is needed
    with tempfile.TemporaryDirectory(prefix="muster-fleet-") as folder, ProcessPoolExecutor(asked.jobs) as pool:
        shadows = _each(pool, _shadow, [(one, asked, Path(folder)) for one in chosen], begun)
        fleet = watching.Fleet.of(one.configured for one in shadows)
        found = {key: seen for one in shadows for key, seen in one.found.items()}
        fleet, pools = fleet.learnt(found, max(one.now for one in shadows), folder)
        for one in pools:
            print(f"  limit of {one.name}: {len(one.keys)} monitors, 1 window in {1 / one.alarm_rate:,.0f}")
        lives = _each(pool, _life, [(one, fleet, asked, Path(folder)) for one in chosen], begun)
    _tell_quiet(lives, told=asked.told)
    if asked.peers:
        _tell_peers(lives)
    _tell([one for life in lives for one in life.scored], told=asked.told)
    print(f"{time.monotonic() - begun:.0f} s")
    return 0


def _each(pool, does, wanted, begun):
    """The results in order; said as they come."""
    waiting = [pool.submit(does, *one) for one in wanted]
    for at, one in enumerate(as_completed(waiting), start=1):
        print(
            f"  {time.monotonic() - begun:4.0f} s  {at}/{len(waiting)} {one.result().said}", file=sys.stderr, flush=True
        )
    return [one.result() for one in waiting]


def _asked():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=20261130)
    parser.add_argument("--models", type=lambda text: text.split(","), help="some of them, by name")
    parser.add_argument("--develop", action="store_true", help="without the models held back from development")
    parser.add_argument("--kinds", type=lambda text: text.split(","), default=list(faults.KINDS))
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--peers", action="store_true", help="also Evidently and NannyML; a first time installs 3 GB")
    parser.add_argument("--told", action="store_true", help="print each fault and page with what was said")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "muster-peers")
    return parser.parse_args()


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
    peers: dict


def _shadow(spec, asked, folder):
    fitted = models.fit(spec, asked.cache, asked.seed)
    past = PAST[spec.window]
    traffic = live(fitted, past + QUIET[spec.window] + LASTS[spec.window], (asked.seed, FLEET.index(spec)))
    rows, windows = traffic.rows(0, past), watching.windows_of(traffic, 0, past)
    configured = watching.proposed(fitted, rows, traffic.moment(past), folder / spec.name)
    watch = watching.Watch(traffic, configured, folder / spec.name)
    found = watching.Fleet.of([configured]).watch(watch, watch.opened(rows, windows), windows)
    (folder / f"{spec.name}.pickle").write_bytes(pickle.dumps(watch))
    names = ", ".join(one.name for one in configured.monitors)
    return Shadow(configured, found, windows[-1].end, f"{spec.name}: {rows['truth'].size:,} rows of past; {names}")


def _life(spec, fleet, asked, folder):
    watch = pickle.loads((folder / f"{spec.name}.pickle").read_bytes())
    first = PAST[spec.window]
    last = first + QUIET[spec.window]
    held = watch.opened(watch.traffic.rows(0, last), watching.windows_of(watch.traffic, 0, last))
    found = watching.pages(fleet.watch(watch, held, watching.windows_of(watch.traffic, first, last)))
    harmless = {name: _harmless(fleet, watch, change) for name, change in HARMLESS.items()}
    injected = _faults(watch, FLEET.index(spec), asked)
    scored = [_watched(fleet, watch, fault, at) for fault, at in injected]
    peers = _beside(watch, injected, asked, folder / f"{spec.name}-peers") if asked.peers else {}
    some = scoring.rates(scored) or {"faults": 0, "in time": 0, "named": 0}
    told = f"{some['faults']} faults, {some['in time']:.0%} in time, {some['named']:.0%} named"
    said = f"{spec.name}: {len(found)} pages in quiet; {told}"
    return Life(spec.name, QUIET[spec.window] * (spec.window / DAY) / 7, found, harmless, scored, said, peers)


def _beside(watch, injected, asked, folder):
    """Of each peer's decision: pages a week in quiet, faults alarmed in their first window, and those named."""
    length = watch.traffic.model.spec.window
    step = beside.export(watch, PAST[length], QUIET[length], injected, folder)
    told = {}
    for name in PEERS:
        found = beside.judged(name, folder, asked.cache)
        keys = ("alarm", "estimate") if any("estimate" in one for one in found.values()) else ("alarm",)
        for key in keys:
            pages, judged = beside.alarms(found, key)
            weeks = judged * step * (length / DAY) / 7
            told[f"{name} {DECISIONS[name, key]}"] = (
                step * pages / weeks,
                *beside.seen(found, injected, key),
                len(injected),
            )
    return told


def _tell_peers(lives):
    print(f"\n{'Peers':34}{'pages a week':>14}{'faults':>8}{'in time':>9}{'feature':>9}")
    for name in dict.fromkeys(name for one in lives for name in one.peers):
        some = [one.peers[name] for one in lives if name in one.peers]
        weekly, hit, named, many = (sum(column) for column in zip(*some, strict=True))
        shares = f"{hit / max(1, many):9.0%}{named / max(1, hit):9.0%}"
        print(f"  {name:32}{weekly:14.1f}{many:8}{shares}  ({len(some)} models)")


def _tell_quiet(lives, *, told):
    print(f"\n{'Pages in quiet':20}{'pages':>8}{'weeks':>8}{'a week':>9}")
    for one in lives:
        print(f"  {one.name:18}{len(one.pages):8}{one.weeks:8.1f}{len(one.pages) / one.weeks:9.2f}")
        for page in one.pages if told else ():
            print(f"      {page.seen:%d %b %H:%M}: {page.sentence}")
    total = sum(len(one.pages) / one.weeks for one in lives)
    print(f"  {'the fleet':34}{total:9.2f}   (budget {watching.BUDGET:g})")
    for name in HARMLESS:
        known = [one for one in lives if one.harmless[name] is not None]
        called = [one for one in known if one.harmless[name]]
        print(f"  {name:18}{len(called):8} of {len(known)} models paged")
        for one in called if told else ():
            print(f"      {one.name}: {one.harmless[name]}")


def _harmless(fleet, watch, change):
    """What was said when it paged, an empty text when not; None where the model has nothing to change."""
    length = watch.traffic.model.spec.window
    first, count = PAST[length], GROWS[length]
    rows = change(watch, first, count)
    if rows is None:
        return None
    windows = watching.windows_of(watch.traffic, first - BASELINE, first + count)
    found = watching.answer(fleet, watch, rows, windows, BASELINE)
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
    before = watch.traffic.model.answered(watch.traffic.rows(first - BASELINE, first))
    after = after if "prediction" in after else watch.traffic.model.answered(after)
    return {name: np.concatenate([before[name], after[name]]) for name in before}


def _faults(watch, number, asked):
    """Each with the number of its first window."""
    spec = watch.traffic.model.spec
    rng = np.random.default_rng([asked.seed, number, 7])
    injected = []
    for kind in faults.KINDS:
        for placed in (False, True):
            first = PAST[spec.window] + int(rng.integers(QUIET[spec.window]))
            own = np.random.default_rng(rng.integers(2**62))
            if kind in asked.kinds:
                fault = faults.inject(kind, watch.traffic, first, first + LASTS[spec.window], placed, own)
                injected += [(fault, first)] if fault is not None else []
    return injected


def _watched(fleet, watch, fault, first):
    windows = watching.windows_of(watch.traffic, first - BASELINE, first + LASTS[watch.traffic.model.spec.window])
    found = watching.answer(fleet, watch, _joined(watch, first, fault.rows), windows, BASELINE)
    return scoring.score(watch.name, fault, found, windows[BASELINE].start, windows[0].length)


def _tell(scored, *, told):
    for one in scored if told else ():
        mark = f"{'seen' if one.in_time else 'late' if one.seen else 'MISS'} {'named' if one.named else 'other'}"
        print(f"      {mark} {one.model} {one.kind}: {one.said}")
    print(f"\n{'Faults':20}{'faults':>8}{'seen':>8}{'in time':>9}{'feature':>9}{'named':>8}{'delay':>8}")
    groups = [(kind, [one for one in scored if one.kind == kind]) for kind in faults.KINDS]
    groups += [
        ("everywhere", [one for one in scored if not one.placed]),
        ("in a segment", [one for one in scored if one.placed]),
    ]
    groups += [
        (name, [one for one in scored if one.model == name]) for name in dict.fromkeys(one.model for one in scored)
    ]
    for name, some in [*groups, ("all", scored)]:
        found = scoring.rates(some)
        if found:
            delay = f"{found['delay']:.1f}" if found["delay"] is not None else "-"
            print(
                f"  {name:18}{found['faults']:8}{found['seen']:8.0%}{found['in time']:9.0%}{found['feature']:9.0%}"
                f"{found['named']:8.0%}{delay:>8}"
            )


if __name__ == "__main__":
    sys.exit(main())
