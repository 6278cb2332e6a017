"""The seeded grid: a table, a column, a fault, how many rows it hits, and a window of so many rows."""

from dataclasses import dataclass

import numpy as np

from tests.suites.faults import injections as inject
from tests.suites.faults.tables import split

SIZES = (200, 500, 1000, 2000, 5000, 20_000)
SHARES = (0.05, 0.1, 0.2, 0.4, 0.7, 1.0)
OFTEN = 0.08
SEGMENT = "segment"


@dataclass(frozen=True)
class Case:
    label: str
    fault: inject.Fault
    then: np.ndarray
    clean: np.ndarray
    seen: np.ndarray
    hit: np.ndarray


def cases(table, seed, count):
    """`count` injected faults; every fourth window is later than its reference."""
    rng = np.random.default_rng(seed)
    for at in range(count):
        case = _case(table, rng, at)
        if case is not None:
            yield case


def clean_windows(table, seed, count):
    """(label, reference, window) of every column in turn, half of them split by time."""
    rng = np.random.default_rng(seed)
    names = [*table.numbers, *table.categories]
    for at in range(count):
        name, by_time = names[at % len(names)], table.timed and bool(at // len(names) % 2)
        size = _size(table, rng)
        then, now = split(table, rng, size, by_time=by_time)
        column = table.columns[name]
        yield f"{table.name}.{name} {now.size} rows{' later' if by_time else ''}", column[then], column[now]


def _size(table, rng):
    return int(rng.choice([size for size in SIZES if size <= table.rows * 0.4]))


def _case(table, rng, at):
    then, now = split(table, rng, _size(table, rng), by_time=table.timed and at % 4 == 3)
    name = str(rng.choice(table.categories if at % 7 == 6 else table.numbers))
    column = table.columns[name]
    clean = column[now]
    fault = (
        _word_fault(column[then], rng) if name in table.categories else _number_fault(table, name, column[then], rng)
    )
    share = float(rng.choice(SHARES))
    hit, where = rng.random(now.size) < share, f"{share:.0%}"
    if not fault.partial or share == 1:
        hit, where = np.ones(now.size, dtype=bool), "all"
    elif fault.kind is not inject.FaultKind.STALE and rng.random() < 0.25:
        found = _segment(table, name, now, rng)
        if found is None:
            return None
        where, hit = found
    label = f"{table.name}.{name} {fault.name} {where} of {now.size}{' later' if table.timed and at % 4 == 3 else ''}"
    return Case(label, fault, column[then], clean, fault.change(clean, hit, rng), hit)


def _segment(table, faulty, now, rng):
    """Exactly the rows of one value of a segment column that holds a fair part of them."""
    others = [name for name in table.segments if name != faulty]
    if not others:
        return None
    name = str(rng.choice(others))
    column = table.columns[name][now]
    values, sizes = np.unique(column.astype(str), return_counts=True)
    some = values[sizes >= OFTEN * now.size]
    if not some.size:
        return None
    value = str(rng.choice(some))
    return f"{name}={value}", column.astype(str) == value


def _number_fault(table, name, then, rng):
    present = then[~np.isnan(then.astype(np.float64))].astype(np.float64)
    if name in table.hours:
        return inject.clock(int(rng.choice([*range(-11, 0), *range(1, 12)])))
    at = int(rng.integers(0, 12))
    if at < 5:
        factor = float(rng.choice(inject.SCALES))
        return inject.scaled(factor if rng.random() < 0.5 else 1 / factor)
    high = float(np.quantile(present, rng.choice([0.6, 0.8, 0.9])))
    width = float(np.subtract(*np.quantile(present, [0.9, 0.1])))
    choices = {
        5: inject.sign,
        6: lambda: inject.filled(float(rng.choice([0, -1, 999, np.median(present)]))),
        7: inject.nulls,
        8: lambda: inject.clipped(high) if rng.random() < 0.5 else inject.truncated(high),
        9: lambda: inject.held(int(rng.choice([2, 5, 20]))) if rng.random() < 0.5 else inject.resent(50),
        10: lambda: inject.offset(round(width * float(rng.choice([-3, 2, 5, 20])), 1)),
        11: lambda: (
            inject.converted("fahrenheit", lambda x: x * 1.8 + 32)
            if rng.random() < 0.5
            else inject.converted("kelvin", lambda x: x + 273.15)
        ),
    }
    return choices[at]()


def _word_fault(then, rng):
    values, sizes = np.unique(then.astype(str), return_counts=True)
    common = values[np.argsort(-sizes)][: max(2, int((sizes > 0.05 * sizes.sum()).sum()))]
    one, two = rng.choice(common, 2, replace=False)
    choices = (
        lambda: inject.swapped(str(one), str(two)),
        lambda: inject.renamed(str(one), "something new"),
        inject.respelt,
        lambda: inject.filled_word("unknown"),
        lambda: inject.filled_word(str(one)),
        inject.no_words,
        lambda: inject.lost(str(one)),
    )
    return choices[int(rng.integers(len(choices)))]()
