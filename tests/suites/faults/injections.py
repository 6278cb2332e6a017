"""Faults as they happen to a column. Each changes the rows that are hit and knows the name it should get."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bot.statistics.faults.hypothesis import FaultKind

SCALES = (1.609344, 2.54, 10.0, 12.0, 24.0, 60.0, 100.0, 1000.0, 3600.0, 1024.0)


@dataclass(frozen=True)
class Fault:
    """`change(values, hit, rng)` gives the values after the fault; fewer where rows are lost."""

    kind: FaultKind
    factor: float | None
    name: str
    change: Callable
    partial: bool = True
    names: tuple = ()


def mapped(kind, factor, name, change, **more):
    def hit(values, chosen, rng):
        out = values.astype(np.float64)
        out[chosen] = change(out[chosen])
        return out

    return Fault(kind, factor, name, hit, **more)


def scaled(factor):
    return mapped(FaultKind.SCALED, factor, f"x {factor:g}", lambda x: x * factor)


def sign():
    return mapped(FaultKind.SIGN_FLIPPED, -1.0, "sign", lambda x: -x)


def filled(value):
    return mapped(FaultKind.FILLED, float(value), f"fill {value:g}", lambda x: np.full(x.size, float(value)))


def nulls():
    return mapped(FaultKind.NULLS, None, "nulls", lambda x: np.full(x.size, np.nan))


def offset(amount):
    return mapped(FaultKind.OFFSET, float(amount), f"+ {amount:g}", lambda x: x + amount)


def converted(name, change):
    return mapped(FaultKind.CONVERTED, None, name, change)


def clock(hours):
    return mapped(FaultKind.CLOCK_SHIFTED, float(hours), f"clock {hours:+g}", lambda x: (x + hours) % 24)


def clipped(limit):
    return mapped(FaultKind.CLIPPED, limit, f"clip {limit:g}", lambda x: np.minimum(x, limit), partial=False)


def truncated(limit):
    def lose(values, chosen, rng):
        return values[~(values > limit)]

    return Fault(FaultKind.TRUNCATED, limit, f"gone > {limit:g}", lose, partial=False)


def held(length):
    """Every hit row repeats the row at the start of its run of `length`."""

    def repeat(values, chosen, rng):
        runs = np.arange(values.size) // length * length
        return np.where(chosen, values[runs], values)

    return Fault(FaultKind.STALE, None, f"held {length}", repeat)


def resent(lag):
    """From somewhere on a run of rows is an earlier run once more."""

    def repeat(values, chosen, rng):
        size = min(int(chosen.sum()), values.size - lag)
        out = values.copy()
        start = values.size - size
        out[start:] = values[(np.arange(size) % lag) + start - lag]
        return out

    return Fault(FaultKind.STALE, None, f"resent {lag}", repeat)


def words(kind, name, change, **more):
    def hit(values, chosen, rng):
        out = values.astype(object)
        out[chosen] = [change(word) for word in out[chosen]]
        return out

    return Fault(kind, None, name, hit, **more)


def swapped(one, two):
    return words(
        FaultKind.SWAPPED,
        f"{one} <-> {two}",
        lambda word: {one: two, two: one}.get(word, word),
        names=(one, two),
    )


def renamed(old, new):
    return words(FaultKind.RENAMED, f"{old} -> {new}", lambda word: new if word == old else word, names=(old, new))


def respelt():
    return words(FaultKind.RENAMED, "lower case", lambda word: str(word).upper() + " ")


def filled_word(word):
    return words(FaultKind.FILLED, f"fill {word}", lambda _: word, names=(word,))


def no_words():
    return words(FaultKind.NULLS, "nulls", lambda _: None)


def lost(word):
    def lose(values, chosen, rng):
        return values[values != word]

    return Fault(FaultKind.LOST, None, f"lost {word}", lose, partial=False, names=(word,))
