"""Sentences agree with their numbers: one row is, two rows are."""

import re

import numpy as np
import pytest

from bot.checks.catalogue import CHECKS
from bot.data.contract import named
from bot.statistics.drift import compare_frames
from bot.statistics.shortfall import all_null, too_few_rows
from bot.statistics.wording import agree, count_of
from tests.unit.checks.test_data_check_edges import prepare
from tests.unit.checks.test_data_checks import ask, columns

THINGS = "row|feature|label|column|segment|window|change|alert|series|value|answer"
ONE_MANY = re.compile(rf"(?<![\d.,])1 (earlier )?({THINGS})s\b|\b1 of them are\b", re.IGNORECASE)
MANY_ONE = re.compile(rf"(?<![\d.,–-])([02-9]|\d[\d,]*\d) (earlier )?({THINGS})(?![\w-])", re.IGNORECASE)
ELSEWHERE = {"changes", "related_alerts", "service", "metric"}
LINES = [name for name in CHECKS.by_name if name not in ELSEWHERE]


def wrong(text):
    return ONE_MANY.search(text) or MANY_ONE.search(text)


def said(found):
    return "\n".join([found.sentence, found.alt, *map(str, found.notes)])


@pytest.fixture(scope="module", params=[1, 2, 1000])
def folder(request, tmp_path_factory):
    size = request.param
    now = columns(size)
    if size == 1000:  # one row twice, one value missing
        now = {name: np.concatenate([column[:-1], column[:1]]) for name, column in now.items()}
    return prepare(tmp_path_factory.mktemp("wording"), now, columns(5000 if size == 1000 else size, 2))


@pytest.mark.parametrize("line", LINES)
def test_one_is_and_many_are(folder, line):
    found = ask(folder, line)
    assert not wrong(said(found)), said(found)


def test_the_rule_sees_what_is_wrong():
    for text in ("Only 1 rows", "1 earlier windows", "12 row in", "1 of them are"):
        assert wrong(text)
    for text in ("Only 1 row", "1,001 rows", "0.1 rows", "2 of 3 features", "1 window"):
        assert not wrong(text)


def test_words_agree_with_numbers_and_parts():
    assert [count_of(size, "row") for size in (0, 1, 1204)] == ["0 rows", "1 row", "1,204 rows"]
    assert [agree(size, "is", "are") for size in (0, 1, 2)] == ["are", "is", "are"]
    assert too_few_rows(1, 50).sentence == "Only 1 row in the current window; 50 needed."
    assert all_null(1).sentence == "The only row of the current window is null."
    assert named("reference") == "The reference has"
    assert named("predictions") == "The predictions have"


def test_drift_speaks_in_the_feature_s_unit(tmp_path):
    now = columns(1000)
    now["amount"] = now["amount"] * 3
    folder = prepare(tmp_path, now, columns(5000, 2))
    settings = folder / "muster.yaml"
    settings.write_text(settings.read_text().replace("amount: {}", "amount: {unit: EUR}"))
    for line in ("drift", "drift feature=amount", "top_shifted"):
        assert re.search(r"amount: median [\d.,]+ → [\d.,]+ EUR", ask(folder, line).sentence)


def test_values_beyond_a_sketch_are_said_to_lie_beyond():
    rows = np.random.default_rng(1).normal(0, 1, 20_000)
    rows[np.arange(20_000) % 3 == 2] = 0.0
    wild = np.where(np.arange(20_000) % 3 == 0, 1e308, np.where(np.arange(20_000) % 3 == 1, -1e308, rows))
    sentence = compare_frames({"a": rows}, {"a": wild}, mode="sketch")[0].sentence
    assert re.search(r"→ under -[\d.e+]+ to over [\d.e+]+$", sentence), sentence
