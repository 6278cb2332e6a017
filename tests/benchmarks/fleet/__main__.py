"""What a team of fifteen models would live through with Muster: pages in quiet, faults seen and named.

    uv run python -m tests.benchmarks.fleet [--seed 1] [--models late-flights,ages] [--told] [--peers]

Models are fitted to real tables (`tables.py` has their licences) and serve real rows they never saw, day after day or
hour after hour, with weekends, batches that differ, slow drift and growth (`traffic.py`). Muster gets what a team would
have: the `muster.yaml` that `muster init --yes` writes from the quiet past, all models in one team with one false page
a week, monitors in shadow over that past so that limits are learnt, then weeks of quiet.
Faults of ten kinds (`faults.py`) then begin on some day of these weeks, everywhere or in one segment.

A page is an incident: alerts of one model that overlap. A fault is seen at once when somebody is called with its first
window, and in time when that is so or when the labels alone had not shown it by then; it is named when what the card
shows as probable cause has the right feature and the right segment. Of a mix every feature is right that moved nearly
as far as the one it is of.
"""

import argparse
import os
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

from tests.benchmarks.fleet import faults, lives, scoring, watching
from tests.benchmarks.fleet.models import FLEET
from tests.benchmarks.fleet.tables import read

THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


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
    os.environ |= dict.fromkeys(THREADS, "1")  # of each process: more only wait for each other
    workers = ProcessPoolExecutor(asked.jobs, mp_context=get_context("spawn"))
    with tempfile.TemporaryDirectory(prefix="muster-fleet-") as folder, workers as pool:
        wanted = [(one, asked, Path(folder)) for one in chosen]
        if asked.peers:
            _tell_peers(_each(pool, lives.peers, wanted, begun))
        else:
            _watched(pool, wanted, asked, begun)
    print(f"{time.monotonic() - begun:.0f} s")
    return 0


def _watched(pool, wanted, asked, begun):
    folder = wanted[0][-1]
    shadows = _each(pool, lives.shadow, wanted, begun)
    ready = {one.configured.name for one in shadows}
    fleet = watching.Fleet.of(one.configured for one in shadows)
    found = {key: seen for one in shadows for key, seen in one.found.items()}
    fleet, pools = fleet.learnt(found, max(one.now for one in shadows), folder)
    for one in pools:
        runs = "runs of " if one.lasting else ""
        print(f"  limit of {runs}{one.name}: {len(one.keys)} monitors, 1 window in {1 / one.alarm_rate:,.0f}")
    lived = _each(pool, lives.life, [(spec, fleet, asked, folder) for spec, *_ in wanted if spec.name in ready], begun)
    _tell_quiet(lived, told=asked.told)
    _tell([one for life in lived for one in life.scored], told=asked.told)


def _each(pool, does, wanted, begun):
    """The results in order; said as they come. Of a model that fails only why: the others go on."""
    waiting = [pool.submit(does, *one) for one in wanted]
    names = {future: spec.name for future, (spec, *_) in zip(waiting, wanted, strict=True)}
    for at, one in enumerate(as_completed(waiting), start=1):
        failed = one.exception()
        said = f"{names[one]}: FAILED: {type(failed).__name__}: {failed}" if failed else one.result().said
        print(f"  {time.monotonic() - begun:4.0f} s  {at}/{len(waiting)} {said}", file=sys.stderr, flush=True)
    return [one.result() for one in waiting if not one.exception()]


def _asked():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=20261130)
    parser.add_argument("--models", type=lambda text: text.split(","), help="some of them, by name")
    parser.add_argument("--develop", action="store_true", help="without the models held back from development")
    parser.add_argument("--kinds", type=lambda text: text.split(","), default=list(faults.KINDS))
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument(
        "--peers", action="store_true", help="Evidently and NannyML instead of Muster; a first time installs 3 GB"
    )
    parser.add_argument("--told", action="store_true", help="print each fault and page with what was said")
    parser.add_argument("--cache", type=Path, default=Path(tempfile.gettempdir()) / "muster-peers")
    return parser.parse_args()


def _tell_peers(lived):
    """An error is an answer too: no page in quiet, no fault seen."""
    print(f"\n{'Peers':34}{'pages a week':>14}{'faults':>8}{'at once':>9}{'feature':>9}{'errors':>9}")
    for name in dict.fromkeys(name for one in lived for name in one.peers):
        some = [one.peers[name] for one in lived if name in one.peers]
        weekly, hit, named, many, windows = (sum(column) for column in zip(*(one for one, _ in some), strict=True))
        failed = sum(count for _, (count, _) in some)
        shares = f"{hit / max(1, many):9.0%}{named / max(1, hit):9.0%}{failed / max(1, windows):9.0%}"
        print(f"  {name:32}{weekly:14.1f}{many:8}{shares}  ({len(some)} models)")
        for why in dict.fromkeys(why for _, (_, why) in some if why):
            print(f"      {why}")


def _tell_quiet(lived, *, told):
    print(f"\n{'Pages in quiet':20}{'pages':>8}{'weeks':>8}{'a week':>9}")
    for one in lived:
        print(f"  {one.name:18}{len(one.pages):8}{one.weeks:8.1f}{len(one.pages) / one.weeks:9.2f}")
        for page in one.pages if told else ():
            print(f"      {page.seen:%d %b %H:%M}: {page.sentence}")
    total = sum(len(one.pages) / one.weeks for one in lived)
    print(f"  {'the fleet':34}{total:9.2f}   (budget {watching.BUDGET:g})")
    for name in lives.HARMLESS:
        known = [one for one in lived if one.harmless[name] is not None]
        called = [one for one in known if one.harmless[name]]
        print(f"  {name:18}{len(called):8} of {len(known)} models paged")
        for one in called if told else ():
            print(f"      {one.name}: {one.harmless[name]}")


def _tell(scored, *, told):
    for one in scored if told else ():
        mark = f"{'seen' if one.in_time else 'late' if one.seen else 'MISS'} {'named' if one.named else 'other'}"
        print(f"      {mark} {one.model} {one.kind}: {one.said}")
    print(f"\n{'Faults':20}{'faults':>8}{'seen':>8}{'at once':>9}{'in time':>9}{'feature':>9}{'named':>8}{'delay':>8}")
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
                f"  {name:18}{found['faults']:8}{found['seen']:8.0%}{found['at once']:9.0%}{found['in time']:9.0%}"
                f"{found['feature']:9.0%}{found['named']:8.0%}{delay:>8}"
            )


if __name__ == "__main__":
    sys.exit(main())
