"""Every sentence a fault can say, read as it stands behind the column's name and a colon."""

import re

import numpy as np
import pytest

from bot.statistics.faults.explain import explain_change
from bot.statistics.faults.hypothesis import FaultKind
from bot.statistics.wording import category, percent, with_note

THEN, NOW = 12_000, 3000


def amounts(rng, rows):
    return rng.lognormal(3.6, 0.8, rows)


def degrees(rng, rows):
    return rng.normal(12, 8, rows)


def hours(rng, rows):
    return np.clip(np.round(rng.normal(13, 4, rows)), 0, 23)


def counts(rng, rows):
    return rng.poisson(3, rows).astype(np.float64)


def countries(rng, rows):
    return rng.choice(np.array(["DE", "FR", "US", "IT"], dtype=object), rows, p=[0.4, 0.3, 0.2, 0.1])


def blanks(rng, rows):
    return rng.choice(np.array(["DE", "FR", ""], dtype=object), rows, p=[0.5, 0.3, 0.2])


def to(word):
    return lambda x: np.full(x.size, word, dtype=object)


def named(**words):
    return lambda x: np.array([words.get(cell, cell) for cell in x], dtype=object)


NUMBERS = [
    (amounts, lambda x: x * 100, "multiplied by 100; divided by 100 it matches the reference"),
    (amounts, lambda x: x / 1000, "divided by 1,000; multiplied by 1,000 it matches the reference"),
    (amounts, lambda x: x * 7.31, "multiplied by about 7.#; divided by about 7.# it matches the reference"),
    (amounts, lambda x: x + 5000, "raised by about #; lowered by about # it matches the reference"),
    (amounts, lambda x: -x, "has the opposite sign; with the sign turned back it matches the reference"),
    (amounts, lambda x: 0 * x, "filled with 0 in all rows (usually 0 %)"),
    (amounts, lambda x: 0 * x - 1, "filled with -1 in all rows (usually 0 %)"),
    (counts, lambda x: 0 * x, "filled with 0 in all rows (usually # %)"),
    (amounts, lambda x: x * np.nan, "all rows are null (usually 0 %)"),
    (amounts, lambda x: np.minimum(x, 60), "clipped at 60; no rows above it (usually # %)"),
    (amounts, lambda x: np.maximum(x, 20), "clipped at 20; no rows below it (usually # %)"),
    (amounts, lambda x: x[x < 60], "rows above 60 are missing (usually # % of rows)"),
    (degrees, np.abs, "all values lost their minus sign"),
    (
        degrees,
        lambda x: x + 273.15,
        "looks like Kelvin instead of Celsius; taken as Kelvin and converted to Celsius it",
    ),
    (hours, lambda x: (x - 5) % 24, "moved by -5 hours (time zone); moved by +5 hours it matches the reference"),
    (countries, to("unknown"), "filled with unknown in all rows (never seen before)"),
    (countries, to("US"), "filled with US in all rows (usually # %)"),
    (countries, to(""), "filled with '' (empty text) in all rows (never seen before)"),
    (countries, to("  "), "filled with '  ' (blanks only) in all rows (never seen before)"),
    (countries, named(DE="FR", FR="DE"), "DE and FR are swapped; swapped back they match the reference"),
    (countries, named(DE="Germany"), "DE is now called Germany; taken as DE it matches the reference"),
    (countries, named(DE=""), "DE is now called '' (empty text); taken as DE it matches the reference"),
    (countries, named(DE="de"), "DE is now written 'de'; written as before it matches the reference"),
    (
        countries,
        lambda x: np.array([cell + " " for cell in x], dtype=object),
        "DE is now written 'DE ' (and 3 others alike); written as before they match the reference",
    ),
    (countries, lambda x: x[x != "FR"], "FR is missing (usually # % of rows)"),
    (blanks, lambda x: x[x != ""], "'' (empty text) is missing (usually # % of rows)"),
    (blanks, named(**{"": "n/a"}), "'' (empty text) is now called n/a; taken as '' (empty text) it matches"),
]

PARTS = [
    (amounts, lambda x: x * 100, "# % of rows are multiplied by 100; divided by 100 they match the reference"),
    (amounts, lambda x: x + 5000, "# % of rows are raised by about #; lowered by about # they match the reference"),
    (amounts, lambda x: -x, "# % of rows have the opposite sign; with the sign turned back they match the reference"),
    (amounts, lambda x: 0 * x, "40 % of rows are filled with 0 (usually 0 %)"),
    (counts, lambda x: 0 * x, "43 % of rows are filled with 0 (usually # %)"),
    (amounts, lambda x: x * np.nan, "40 % of rows are null (usually 0 %)"),
    (degrees, np.abs, "# % of rows lost their minus sign"),
    (
        degrees,
        lambda x: x + 273.15,
        "# % of rows look like Kelvin instead of Celsius; taken as Kelvin and converted to",
    ),
    (hours, lambda x: (x - 5) % 24, "# % of rows are moved by -5 hours (time zone); moved by +5 hours they match the"),
    (countries, to("unknown"), "40 % of rows are filled with unknown (never seen before)"),
    (countries, to("US"), "52 % of rows are filled with US (usually 20 %)"),
    (countries, to(""), "40 % of rows are filled with '' (empty text) (never seen before)"),
    (
        countries,
        named(DE="Germany"),
        "DE is now called Germany in # % of its rows; taken as DE they match the reference",
    ),
    (
        countries,
        lambda x: np.array([cell.lower() for cell in x], dtype=object),
        "DE is now written 'de' (and 3 others alike) in # % of rows; written as before they match the reference",
    ),
]


def reads(sentence, wanted):
    return re.match(re.escape(wanted).replace(r"\#", r"[\d.,]+").replace("#", r"[\d.,]+"), sentence)


@pytest.mark.parametrize(("rows", "change", "wanted"), NUMBERS, ids=[one[2] for one in NUMBERS])
def test_what_every_row_suffered(rows, change, wanted):
    rng = np.random.default_rng(41)
    first = explain_change(rows(rng, THEN), change(rows(rng, NOW)))[0]
    assert reads(first.sentence, wanted), first.sentence


@pytest.mark.parametrize(("rows", "change", "wanted"), PARTS, ids=[one[2] for one in PARTS])
def test_what_some_rows_suffered(rows, change, wanted):
    rng = np.random.default_rng(42)
    then, now = rows(rng, THEN), rows(rng, NOW)
    hit = rng.permutation(NOW) < 0.4 * NOW
    now[hit] = change(now[hit])
    first = explain_change(then, now)[0]
    assert reads(first.sentence, wanted), first.sentence


@pytest.mark.parametrize(
    ("rows", "change", "kind"),
    [
        (amounts, lambda x: 0 * x, FaultKind.FILLED),
        (amounts, lambda x: np.minimum(x, 60), FaultKind.CLIPPED),
        (amounts, lambda x: x[x < 60], FaultKind.TRUNCATED),
        (degrees, np.abs, FaultKind.SIGN_LOST),
        (countries, to("unknown"), FaultKind.FILLED),
        (countries, lambda x: x[x != "FR"], FaultKind.LOST),
    ],
)
def test_what_undoes_it_is_something_to_do(rows, change, kind):
    rng = np.random.default_rng(43)
    first = explain_change(rows(rng, THEN), change(rows(rng, NOW)))[0]
    assert first.kind is kind
    assert first.undo.startswith(("read ", "load "))


def test_nearly_all_rows_are_not_said_to_be_all():
    assert percent(0.9998) == "over 99.9 %"
    assert percent(0.9992) == "99.9 %"


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("DE", "DE"),
        ("New York", "New York"),
        ("DE ", "'DE '"),
        ("a\nb", r"'a\nb'"),
        ("", "'' (empty text)"),
        ("x" * 60, "x" * 39 + "…"),
    ],
)
def test_names_of_categories_can_be_seen(name, shown):
    assert category(name) == shown


def test_a_note_joins_the_brackets_that_are_there():
    assert with_note("filled with 0 (usually 0 %)", "median 38 → 0") == "filled with 0 (usually 0 %; median 38 → 0)"
    assert with_note("divided by 100", "median 38 → 0") == "divided by 100 (median 38 → 0)"
