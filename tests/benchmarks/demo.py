"""The demo left alone, and each of its faults: `uv run python -m tests.benchmarks.demo [--minutes 12] [--faults]`.

Both models, every monitor of the demo's own muster.yaml and Muster's own loop run on a frozen clock, so that a week of
the demo (eleven minutes) does not depend on the machine. Printed are what was paged, and when a fault was noticed.
"""

import argparse
import os
import tempfile
import time
from datetime import timedelta
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from bot.catalog.load import load_catalog
from bot.core import logging
from bot.demo import arrival, eta, flights
from bot.demo.config import write_config
from bot.demo.faults import FAULTS
from bot.demo.run import served_in
from bot.monitoring.jobs import Monitors
from tests.world import World

LOOK_SECONDS = 2
MOST_SECONDS = 90


class Watch:
    def __init__(self, folder, rows, versions, minutes, world):
        self.world = world
        self.models = served_in(folder, rows, versions, minutes, world.clock)
        for one in self.models.values():
            one.fill_history()
        muster = world.muster
        self.monitors = Monitors(muster.database, muster.house, folder, muster.clock)
        self.monitors.tick()

    def passes(self, seconds):
        for second in range(1, seconds + 1):
            self.world.clock.at += timedelta(seconds=1)
            for traffic in self.models.values():
                traffic.step()
            if second % LOOK_SECONDS == 0:
                self.monitors.tick()
                yield second

    def alerts(self):
        return self.world.get("/v1/alerts?limit=500")[::-1]


def quiet(watch, minutes):
    began = time.process_time()
    every = []
    for second in watch.passes(round(60 * minutes)):
        now = watch.alerts()
        for one in now[len(every) :]:
            print(f"  {second} s: {one['route']} {one['model']}/{one['monitor']}: {one['summary']}", flush=True)
        every = now
    paged = [one for one in every if one["route"] == "page"]
    tickets = [one for one in every if one["route"] == "ticket"]
    print(
        f"{minutes:g} minutes without a fault: {len(paged)} pages, {len(tickets)} tickets, {len(every)} alerts in all;"
    )
    print(f"{(time.process_time() - began) / minutes:.0f} s of a core a minute, the models among them.")


def noticed(watch, name):
    fault = FAULTS[name]
    watch.models[fault.model].deploy(fault)
    known = set()
    for second in watch.passes(MOST_SECONDS):
        for one in watch.alerts():
            if one["id"] not in known:
                known.add(one["id"])
                print(f"| {name} | {second} | {one['route']} | {one['model']}/{one['monitor']} | {one['summary']} |")
    if not known:
        print(f"| {name} | never | | | |")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=12)
    parser.add_argument("--faults", action="store_true")
    given = parser.parse_args()
    logging.configure(json=False, level="ERROR")
    rows = flights.split(flights.load())
    versions, minutes = eta.both(rows), arrival.fit(rows)

    def watched(do):
        with tempfile.TemporaryDirectory() as made:
            folder = Path(made)
            path = write_config(folder, model_url="http://127.0.0.1:1", approver="U1")
            with World(f"sqlite:///{folder / 'muster.db'}", load_catalog(path)) as world:
                do(Watch(folder, rows, versions, minutes, world))

    if given.faults:
        print("| fault | seconds | route | monitor | said |\n|---|--:|---|---|---|")
        for name in FAULTS:
            watched(lambda watch, name=name: noticed(watch, name))
    else:
        watched(lambda watch: quiet(watch, given.minutes))


if __name__ == "__main__":
    main()
