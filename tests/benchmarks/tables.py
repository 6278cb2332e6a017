"""Checks on a window of a million rows in a table of twenty million, in PostgreSQL and in partitioned Parquet.

`uv run python -m tests.benchmarks.tables [--rows 20000000] [--runs 7]`: makes both tables in the system's temporary
directory (about 8 GB, removed at the end; some three minutes), runs each check as a user's would run, in its own
process, and prints the median and the 95th percentile with the bytes the window takes. In the window one feature is ten
times too large, which moves answers, so that checks have something to find. Needs PostgreSQL's binaries.
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import psycopg

from bot.catalog.config import Limits, Model
from bot.checks.catalogue import CHECKS
from bot.checks.contract import CheckRequest
from bot.checks.launch import WARM
from bot.checks.runner import run_check
from bot.data import open_model
from tests import postgres

SEED = 0.42
START = datetime(2026, 1, 1, tzinfo=UTC)
NUMBERS, WORDS = [f"f{at}" for at in range(16)], ["g0", "g1", "g2", "g3"]
STEP = timedelta(milliseconds=500)
A_WINDOW, WINDOWS_BEFORE, BROKEN = 1_000_000, 11, 3
ASKED = ("drift", "segments", "cause", "drift feature=f3", "null_rate", "top_shifted")


def columns(random, row):
    first, last = WINDOWS_BEFORE * A_WINDOW, (WINDOWS_BEFORE + 1) * A_WINDOW
    broken = f"CASE WHEN {row} >= {first} AND {row} < {last} THEN 10 ELSE 1 END"
    numbers = [f"({random}+{random}+{random}-1.5)*{at + 1}+{at} AS f{at}" for at in range(16)]
    numbers[BROKEN] = f"(({random}+{random}+{random}-1.5)*{BROKEN + 1}+{BROKEN})*{broken} AS f{BROKEN}"
    sizes = (20, 5, 200, 2)
    words = [f"'c' || CAST(floor({random}*{size}) AS INTEGER) AS g{at}" for at, size in enumerate(sizes)]
    return ", ".join([*numbers, *words, f"CASE WHEN {random}*{broken}<.1 THEN 'late' ELSE 'on time' END AS answer"])


def fill_postgres(address, rows):
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute(f"SELECT setseed({SEED})")
        made = f"SELECT timestamptz '{START:%Y-%m-%d %H:%M:%S}+00' + i * interval '500 milliseconds' AS at, "
        connection.execute(
            f"CREATE UNLOGGED TABLE big AS {made}{columns('random()', 'i')} FROM generate_series(0, {rows - 1}) i"
        )
        connection.execute("CREATE INDEX ON big (at)")
        connection.execute("VACUUM ANALYZE big")
        return connection.execute("SELECT pg_relation_size('big')").fetchone()[0]


def fill_parquet(folder, rows):
    with duckdb.connect() as connection:
        connection.execute("SET threads = 2")
        connection.execute(f"SELECT setseed({SEED})")
        part = 1_000_000
        for first in range(0, rows, part):
            made = f"SELECT TIMESTAMP '{START:%Y-%m-%d %H:%M:%S}' + to_milliseconds(range * 500) AS at, "
            source = f"{made}{columns('random()', 'range')} FROM range({first}, {min(rows, first + part)})"
            (folder / f"part={first // part:03}").mkdir()
            connection.execute(f"COPY ({source}) TO '{folder}/part={first // part:03}/rows.parquet'")
    return sum(path.stat().st_size for path in folder.rglob("*.parquet"))


def model(**data):
    settings = {"time": "at", "prediction": "answer", "segments": WORDS, "window": "500000s"}
    settings["features"] = {name: {} for name in [*NUMBERS, *WORDS]}
    return Model.model_validate({"name": "big", "data": {**settings, **data}})


def measure(one, base, line, at, runs):
    check, params = CHECKS.read_line(line)
    seconds, answer = [], None
    for _ in range(runs):
        begin = time.perf_counter()
        answer = run_check(
            check, CheckRequest(check.name, params, one.name, at), one, base=base, limits=Limits(seconds=60)
        )
        seconds.append(time.perf_counter() - begin)
    ordered = sorted(seconds)
    return statistics.median(ordered), ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))], answer


def table(name, one, base, at, runs, size, rows):
    window = open_model(one, base).count("predictions", at - timedelta(seconds=500_000), at)
    share = size * window / rows
    print(
        f"\n{name}: {rows:,} rows, {size / 2**30:.1f} GiB; window {window:,} rows, about {share / 2**20:.0f} MiB of it"
    )
    print(f"{'check':20} {'median s':>9} {'p95 s':>7}  answer")
    WARM.stop()  # it keeps the environment it was started with
    WARM.start()
    measure(one, base, "null_rate feature=f0", at, 1)  # the process that checks are forked from is up by then
    for line in ASKED:
        middle, late, answer = measure(one, base, line, at, runs)
        print(f"{line:20} {middle:9.2f} {late:7.2f}  {answer.verdict}: {answer.sentence[:90]}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000_000)
    parser.add_argument("--runs", type=int, default=7)
    parser.add_argument("--only", choices=("parquet", "postgres"), help="one of the two")
    asked = parser.parse_args()
    print(f"seed {SEED}, {asked.runs} runs, {os.cpu_count()} cores")
    at = START + (WINDOWS_BEFORE + 1) * A_WINDOW * STEP
    if at > START + asked.rows * STEP:
        at = START + asked.rows * STEP
    folder = Path(tempfile.mkdtemp(prefix="muster-tables-"))
    try:
        if asked.only != "postgres":
            size = fill_parquet(folder, asked.rows)
            table(
                "partitioned Parquet", model(predictions="part=*/*.parquet"), folder, at, asked.runs, size, asked.rows
            )
            shutil.rmtree(folder, ignore_errors=True)
        if asked.only == "parquet" or postgres.missing():
            print(f"\n{postgres.missing() or ''}")
            return 0
        with postgres.server() as address:
            size = fill_postgres(address, asked.rows)
            os.environ["WAREHOUSE"] = address
            one = model(predictions="big", database={"env": "WAREHOUSE"})
            table("PostgreSQL", one, Path(), at, asked.runs, size, asked.rows)
    finally:
        WARM.stop()
        shutil.rmtree(folder, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
