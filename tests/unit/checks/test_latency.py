"""How long answers take, on real rows: each fault named with milliseconds people know, clean rows ok."""

from datetime import timedelta

import numpy as np
import pytest

from bot.checks.latency import parse_milliseconds
from bot.core.errors import BotError
from tests.unit.checks import answers
from tests.unit.checks.asking import ask

DATA = "prediction: answer\nlatency: took\n"


def rows(seed, count, *, times=1.0, slow=0.0, stuck=1200.0):
    rng = np.random.default_rng(seed)
    took = rng.lognormal(np.log(40), 0.4, count) * times
    took[rng.random(count) < slow] = stuck
    return {"took": took, "answer": np.where(rng.random(count) < 0.1, "late", "on time").astype(object)}


def asked(folder, line="latency", data=DATA, **faults):
    return ask(answers.write(folder, rows(1, 3000, **faults), rows(2, 30_000), data=data), line)


@pytest.mark.parametrize(
    ("faults", "line", "verdict", "says"),
    [
        ({}, "latency slo=250ms", "ok", "Answers take as long as usual: half 40"),
        ({"times": 1.8}, "latency slo=500ms", "slow", "Answers are slower: 99 % within 1"),
        ({"slow": 0.04}, "latency slo=250ms", "breached", "% of answers take over 250 ms (1.0 % may, so"),
        ({"slow": 0.04}, "latency slo=250ms objective=.9", "slow", "Answers are slower: 99 % within 1,200 ms"),
        ({"times": 1.8}, "latency slo=50ms", "breached", "% of answers take over 50 ms"),
        ({"times": 10}, "latency", "breached", "times what is allowed"),
    ],
)
def test_each_fault_has_its_word(tmp_path, faults, line, verdict, says):
    found = asked(tmp_path, line, **faults)
    assert found.verdict == verdict, found.sentence
    assert says in found.sentence
    assert found.png.startswith(b"\x89PNG")
    assert "`" not in found.alt


def test_the_table_has_percentiles_with_their_intervals(tmp_path):
    found = asked(tmp_path, "latency slo=1s", times=3)
    now = np.sort(rows(1, 3000, times=3)["took"])
    assert [row[0] for row in found.rows] == [
        "50 % within",
        "90 % within",
        "95 % within",
        "99 % within",
        "over 1,000 ms",
        "rows",
    ]
    assert found.data["percentiles"]["p95"]["now"] == pytest.approx(now[2849])
    lower, upper = found.data["percentiles"]["p95"]["interval"]
    assert lower < now[2849] < upper
    assert found.data["above"] == np.mean(now > 1000)


def test_clean_windows_are_ok(tmp_path):
    verdicts = {
        ask(answers.write(tmp_path, rows(at, 600), rows(2, 30_000), data=DATA), "latency").verdict
        for at in range(3, 18)
    }
    assert verdicts == {"ok"}


def test_a_reference_with_times_tells_how_much_its_own_hours_swing(tmp_path):
    hours = [rows(at, 400, times=1.3 + 0.3 * np.sin(at / 3)) for at in range(40)]
    then = {"took": np.concatenate([one["took"] for one in hours]), "at": answers.times(16_000, hours=40, before=500)}
    now = {"took": rows(1, 1000, times=1.6)["took"]}
    assert ask(answers.write(tmp_path, now, then, data="latency: took"), "latency slo=1s").verdict == "ok"
    slow = {"took": rows(1, 1000, times=3.5)["took"]}
    assert ask(answers.write(tmp_path, slow, then, data="latency: took"), "latency slo=1s").verdict == "slow"
    steady = {"took": then["took"]}
    assert ask(answers.write(tmp_path, now, steady, data="latency: took"), "latency slo=1s").verdict == "slow"


def test_the_unit_is_that_of_the_feature(tmp_path):
    now, then = (
        {**rows(seed, count), "took": rows(seed, count)["took"] / 1000} for seed, count in ((1, 3000), (2, 9000))
    )
    config = answers.write(tmp_path, now, then, data=DATA + "features: {took: {unit: s}}")
    found = ask(config, "latency slo=0.25s")
    assert found.data["percentiles"]["p50"]["now"] == pytest.approx(40, rel=0.05)
    config = answers.write(tmp_path, now, then, data=DATA + "features: {took: {unit: km}}")
    assert "no unit of time" in ask(config, "latency").sentence


def test_without_an_objective_the_usual_gives_one_and_is_said(tmp_path):
    found = asked(tmp_path)
    assert "1.5 times the usual" in found.notes[-1]
    usual = np.quantile(rows(2, 30_000)["took"], 0.99, method="inverted_cdf")
    assert found.data["slo"] == pytest.approx(1.5 * usual)


def test_rows_without_a_latency_and_clocks_that_disagree_are_noted(tmp_path):
    now = rows(1, 3000)
    now["took"][:300], now["took"][300:310] = np.nan, -5
    found = ask(answers.write(tmp_path, now, rows(2, 30_000), data=DATA), "latency")
    assert "10 % of rows have no latency (usually 0 %)" in found.notes
    assert any("10 rows took less than no time" in note for note in found.notes)


def test_answers_that_never_came_are_slow(tmp_path):
    found = asked(tmp_path, "latency slo=250ms", slow=0.05, stuck=np.inf)
    assert found.verdict == "breached"
    assert "99 % within no known end" in found.sentence
    assert found.data["percentiles"]["p99"]["now"] is None


def test_what_is_missing_is_named(tmp_path):
    assert "`data.latency`" in asked(tmp_path, data="prediction: answer").sentence
    assert "`took`" in asked(tmp_path, data="latency: tock").sentence
    text = rows(1, 3000) | {"took": np.array(["slow"] * 3000, dtype=object)}
    assert "holds text" in ask(answers.write(tmp_path, text, rows(2, 3000), data=DATA), "latency").sentence
    few = ask(answers.write(tmp_path, rows(1, 30), rows(2, 3000), data=DATA), "latency")
    assert (few.verdict, "Only 30 rows" in few.sentence) == ("too few rows", True)
    null = rows(1, 3000) | {"took": np.full(3000, np.nan)}
    gone = ask(answers.write(tmp_path, null, rows(2, 3000), data=DATA), "latency")
    assert (gone.verdict, "No row of the current window" in gone.sentence) == ("too few rows", True)
    lost = ask(answers.write(tmp_path, rows(1, 300), {"other": np.zeros(99)}, data=DATA), "latency")
    assert "The reference has no column `took`" in lost.sentence


def test_a_wrong_objective_is_told(tmp_path):
    for line, says in (
        ("latency slo=soon", "250ms"),
        ("latency slo=0ms", "greater than 0"),
        ("latency objective=2", "1"),
    ):
        with pytest.raises(BotError, match=says):
            asked(tmp_path, line)
    assert [parse_milliseconds(one) for one in ("250ms", "1.5 s", "2min", "80us", 7)] == [250, 1500, 120_000, 0.08, 7]
    assert timedelta(milliseconds=parse_milliseconds("1s")) == timedelta(seconds=1)
