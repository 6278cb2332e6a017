"""The fault behind a change is named with its place, and nothing where nothing changed or nothing known fits."""

import numpy as np
import pytest

from tests.unit.checks import answers
from tests.unit.checks.test_data_checks import ask, columns

DATA = "prediction: answer\nsegments: [country]\nfeatures: {amount: {unit: EUR}, country: {}}"


def hit(share=None, country=None, factor=100):
    now = columns(2000, 7)
    rows = np.random.default_rng(1).random(2000) < share if share else now["country"] == country
    now["amount"] = np.where(rows, now["amount"] * factor, now["amount"])
    return now


@pytest.fixture
def written(tmp_path):
    def written(now, then):
        answers.write(tmp_path, now, then, data=DATA)
        return tmp_path

    return written


def test_a_unit_change_is_named_with_what_undoes_it(written):
    found = ask(written(hit(share=1.0), columns(5000, 2)), "cause")
    assert found.verdict == "fault found"
    assert found.sentence.startswith("amount: multiplied by 100; divided by 100 it matches the reference (median 3")
    assert "EUR" in found.sentence
    assert found.rows[0][-1] == "divided by 100"
    assert found.png


def test_a_mixture_of_units_is_placed_in_its_segment(written):
    found = ask(written(hit(country="FR"), columns(5000, 2)), "cause")
    assert "amount at country = FR: multiplied by 100" in found.sentence
    assert found.data["faults"][0]["segment"] == {"country": "FR"}
    assert found.data["faults"][0]["share"] == pytest.approx(0.3, abs=0.05)


def test_sound_rows_have_no_fault(written):
    found = ask(written(columns(2000, 7), columns(5000, 2)), "cause")
    assert found.verdict == "none"
    assert "no fault to name" in found.sentence


def test_a_real_change_is_not_dressed_up_as_a_fault(written):
    now = columns(2000, 7)
    random = np.random.default_rng(3)
    now["amount"] = random.lognormal(3.9, 0.5, 2000)
    found = ask(written(now, columns(5000, 2)), "cause feature=amount")
    assert found.verdict == "changed, no known fault"
    assert "it may be real" in found.sentence


def test_missing_values_are_a_fault_too(written):
    now = columns(2000, 7)
    now["amount"][now["country"] == "DE"] = np.nan
    found = ask(written(now, columns(5000, 2)), "cause")
    assert found.data["faults"][0]["kind"] == "nulls"
    assert "country = DE" in found.sentence


def test_text_in_a_column_of_numbers_is_left_to_the_schema(written):
    now = columns(2000, 7)
    now["amount"] = now["amount"].astype(str)
    found = ask(written(now, columns(5000, 2)), "cause feature=amount")
    assert found.verdict in {"none", "changed, no known fault"}


def test_too_few_rows_say_how_many_are_needed(written):
    found = ask(written({name: column[:40] for name, column in columns(2000, 7).items()}, columns(5000, 2)), "cause")
    assert found.verdict == "too few rows"
    assert "needed to see a shift" in found.sentence


def test_a_fault_that_began_in_the_window_says_since_when(written):
    now = columns(2000, 7)
    late = np.arange(2000) >= 1200  # of an hour that ends at midnight
    now["amount"] = np.where(late & (now["country"] == "FR"), now["amount"] * 100, now["amount"])
    found = ask(written(now, columns(5000, 2)), "cause feature=amount")
    assert found.sentence.startswith("amount at country = FR since 1 Nov 23:36 UTC: ")
    assert found.data["faults"][0]["factor"] == pytest.approx(100)
    assert "fault undone" in found.alt


def test_the_sentence_has_one_pair_of_brackets_at_a_time(written):
    now = columns(2000, 7)
    now["amount"][np.random.default_rng(1).random(2000) < 0.6] = 0
    found = ask(written(now, columns(5000, 2)), "cause feature=amount")
    assert "% of rows are filled with 0 (usually 0 %; median 3" in found.sentence
    assert ") (" not in found.sentence
    assert "→ 0 EUR); this explains" in found.sentence
    assert found.rows[0][-1] == "read the values from their source again"


def test_a_category_of_blanks_can_be_seen(written):
    now = columns(2000, 7)
    now["country"] = np.where(now["country"] == "DE", "", now["country"])
    found = ask(written(now, columns(5000, 2)), "cause feature=country")
    assert found.sentence.startswith("country: DE is now called '' (empty text); taken as DE it matches the reference")
