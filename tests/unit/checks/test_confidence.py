"""How sure a model says it is, on real rows: of two classes, of more, and where numbers are no chances."""

import numpy as np
import pytest
from scipy.special import expit, softmax

from tests.unit.checks import answers
from tests.unit.checks.asking import ask

THREE = "probabilities: [p_a, p_b, p_c]\n"


def two(seed, count, spread=3.0):
    rng = np.random.default_rng(seed)
    score = expit(rng.normal(0, spread, count))
    return {"score": score, "answer": np.where(score > 0.5, "late", "on time").astype(object)}


def three(seed, count, spread=3.0):
    rng = np.random.default_rng(seed)
    p = softmax(rng.normal(0, spread, (count, 3)), axis=1)
    names = np.array(["a", "b", "c"], dtype=object)[p.argmax(axis=1)]
    return {f"p_{name}": p[:, at] for at, name in enumerate("abc")} | {"answer": names, "score": p.max(axis=1)}


@pytest.mark.parametrize(
    ("made", "data"),
    [(two, "score: score\nprediction: answer"), (three, THREE), (three, "score: score\nprediction: answer")],
    ids=["score of two", "a column a class", "certainty of three"],
)
def test_less_sure_and_surer_are_seen_and_clean_rows_are_usual(tmp_path, made, data):
    verdicts = {
        spread: ask(answers.write(tmp_path, made(1, 3000, spread), made(2, 30_000), data=data), "confidence").verdict
        for spread in (1.5, 3.0, 8.0)
    }
    assert verdicts == {1.5: "less sure", 3.0: "usual", 8.0: "surer"}


def test_the_sentence_has_the_numbers_that_decide(tmp_path):
    now, then = two(1, 3000, 1.5), two(2, 30_000)
    found = ask(answers.write(tmp_path, now, then, data="score: score"), "confidence threshold=.7")
    top = np.maximum(now["score"], 1 - now["score"])
    assert found.data["low"]["now"] == pytest.approx(np.mean(top < 0.7))
    assert found.data["now"]["top"] == pytest.approx(top.mean())
    assert f"{100 * np.mean(top < 0.7):.0f} % of answers are under 70 % (usually" in found.sentence
    assert [row[0] for row in found.rows][:2] == ["under 70 %", "on average"]
    assert found.png.startswith(b"\x89PNG")
    assert "calibration" in found.notes[-1]


def test_clean_windows_stay_usual(tmp_path):
    for seed in range(3, 15):
        config = answers.write(tmp_path, two(seed, 600), two(2, 30_000), data="score: score")
        assert ask(config, "confidence").verdict == "usual"


def test_a_reference_with_times_tells_how_much_its_own_hours_swing(tmp_path):
    hours = [two(at, 400, 2 + np.sin(at / 3)) for at in range(40)]
    then = {"score": np.concatenate([one["score"] for one in hours]), "at": answers.times(16_000, hours=40, before=500)}
    calm = ask(answers.write(tmp_path, {"score": two(1, 1000, 2.8)["score"]}, then, data="score: score"), "confidence")
    assert calm.verdict == "usual", calm.sentence
    now = {"score": np.full(1000, 0.5)}
    assert ask(answers.write(tmp_path, now, then, data="score: score"), "confidence").verdict == "less sure"
    steady = {"score": then["score"]}
    now = {"score": two(1, 1000, 2.8)["score"]}
    assert ask(answers.write(tmp_path, now, steady, data="score: score"), "confidence").verdict == "surer"


def test_numbers_that_are_no_chances_are_told(tmp_path):
    logits = {"score": np.random.default_rng(0).normal(0, 4, 3000)}
    found = ask(answers.write(tmp_path, logits, logits, data="score: score"), "confidence")
    assert found.verdict == "not configured"
    assert "`score` runs from -" in found.sentence
    assert "between 0 and 1" in found.sentence
    part = three(1, 3000)
    found = ask(answers.write(tmp_path, part, part, data="probabilities: [p_a, p_b]"), "confidence")
    assert "2 columns of `data.probabilities` sum to" in found.sentence
    words = {"score": np.array(["high"] * 3000, dtype=object)}
    found = ask(answers.write(tmp_path, words, two(1, 3000), data="score: score"), "confidence")
    assert "holds text" in found.sentence


def test_answers_that_are_numbers_have_no_confidence(tmp_path):
    rows = two(1, 3000) | {"answer": np.random.default_rng(0).normal(30, 9, 3000)}
    found = ask(answers.write(tmp_path, rows, rows, data="score: score\nprediction: answer"), "confidence")
    assert "say no chance" in found.sentence


def test_what_is_missing_is_named(tmp_path):
    rows = two(1, 3000)
    for data, says in (("version: answer", "`data.score`"), ("score: skore", "`score`")):
        found = ask(answers.write(tmp_path, rows, rows, data=data), "confidence")
        assert (found.verdict, says in found.sentence) == ("not configured", True)
    lost = ask(answers.write(tmp_path, rows, {"other": np.zeros(99)}, data="score: score"), "confidence")
    assert "The reference has no column `score`" in lost.sentence
    few = ask(answers.write(tmp_path, two(1, 40), rows, data="score: score"), "confidence")
    assert (few.verdict, "Only 40 rows" in few.sentence) == ("too few rows", True)
    empty = rows | {"score": np.full(3000, np.nan)}
    gone = ask(answers.write(tmp_path, empty, rows, data="score: score"), "confidence")
    assert (gone.verdict, "All 3,000 rows" in gone.sentence) == ("too few rows", True)


def test_without_a_reference_the_windows_before_are_compared(tmp_path):
    found = ask(answers.write(tmp_path, two(1, 600, 1.0), earlier=two(2, 18_000), data="score: score"), "confidence")
    assert (found.verdict, found.reference) == ("less sure", "the 7h before")
