"""Whether a model answers as usual, on real rows: each way to answer otherwise is named with its numbers."""

from datetime import UTC, datetime

import numpy as np
import pytest

from bot.core.errors import BotError
from tests.unit.checks import answers, flights
from tests.unit.checks.asking import NOW, ask

DATA = "prediction: answer\nscore: score\n"
END = datetime(2026, 11, 2, 3, tzinfo=UTC)


def rows(seed, count, *, late=0.18, spike=0.0, default=0.0, missing=0.0, shift=0.0):
    rng = np.random.default_rng(seed)
    answer = np.where(rng.random(count) < late, "late", "on time").astype(object)
    score = 1 / (1 + np.exp(-rng.normal(-1 + shift, 1, count)))
    score[rng.random(count) < spike] = 0.5
    answer[rng.random(count) < default] = "unknown"
    gone = rng.random(count) < missing
    answer[gone], score[gone] = None, np.nan
    return {"answer": answer, "score": score}


def asked(folder, line="predictions", **faults):
    return ask(answers.write(folder, rows(1, 3000, **faults), rows(2, 30_000), data=DATA), line)


@pytest.mark.parametrize(
    ("faults", "says"),
    [
        ({"late": 0.41}, "`late` is predicted in 42 % of rows (usually 18 %)"),
        ({"spike": 0.3}, "score is exactly 0.5 in 29 % of rows (usually 0 %)"),
        ({"default": 0.1}, "`unknown` is predicted in 10 % of rows (usually 0 %)"),
        ({"missing": 0.12}, "12 % of rows have no answer (usually 0 %)"),
        ({"shift": 1.0}, "score: median 0.267 → 0.492"),
    ],
)
def test_each_way_to_answer_otherwise_is_named(tmp_path, faults, says):
    found = asked(tmp_path, **faults)
    assert found.verdict == "moved"
    assert says.lower() in found.sentence.lower()
    assert found.png.startswith(b"\x89PNG")
    assert "`" not in found.alt


def test_clean_rows_answer_as_usual(tmp_path):
    verdicts = []
    for seed in range(20):
        config = answers.write(tmp_path, rows(seed + 10, 3000), rows(2, 30_000), data=DATA)
        verdicts.append(ask(config, "predictions").verdict)
    assert verdicts == ["usual"] * 20


def test_the_default_answer_of_muster_yaml_leads(tmp_path):
    data = DATA + "default_prediction: unknown\n"
    config = answers.write(tmp_path, rows(1, 3000, default=0.1), rows(2, 30_000, default=0.01), data=data)
    found = ask(config, "predictions")
    assert found.sentence.startswith("The default answer is given in 10 % of rows (usually 1.0 %)")
    assert found.rows[0][:3] == ("the default answer", "1.0 %", "10 %")
    assert ask(config, "predictions default=late").data["default"]["now"] == pytest.approx(0.165, abs=0.02)


def test_a_rare_class_counts_by_how_much_more_often_it_is(tmp_path):
    config = answers.write(
        tmp_path, rows(1, 20_000, late=0.012), rows(2, 60_000, late=0.005), data="prediction: answer"
    )
    found = ask(config, "predictions")
    assert (found.verdict, "`late`" in found.sentence) == ("moved", True)


def test_hours_that_swing_by_themselves_are_no_change(tmp_path):
    hours = [rows(at, 400, late=0.18 + 0.16 * np.sin(at / 3)) for at in range(30)]
    earlier = {name: np.concatenate([one[name] for one in hours]) for name in ("answer", "score")}
    config = answers.write(tmp_path, rows(1, 1000, late=0.3), rows(2, 30_000), earlier=earlier, data=DATA)
    assert ask(config, "predictions").verdict == "usual"
    steady = answers.write(tmp_path, rows(1, 1000, late=0.3), rows(2, 30_000), earlier=rows(3, 12_000), data=DATA)
    assert ask(steady, "predictions").verdict == "moved"


def test_a_reference_with_times_tells_how_much_its_own_hours_swing(tmp_path):
    hours = [rows(at, 400, late=0.18 + 0.16 * np.sin(at / 3), shift=np.cos(at / 3)) for at in range(40)]
    then = {name: np.concatenate([one[name] for one in hours]) for name in ("answer", "score")}
    then["at"] = answers.times(16_000, hours=40, before=500)
    calm = ask(answers.write(tmp_path, rows(1, 1000, late=0.3, shift=0.9), then, data=DATA), "predictions")
    assert calm.verdict == "usual", calm.sentence
    far = ask(answers.write(tmp_path, rows(1, 1000, late=0.9), then, data=DATA), "predictions")
    assert far.verdict == "moved"
    then["at"] = np.repeat(then["at"][:1], 16_000)
    assert ask(answers.write(tmp_path, rows(1, 1000, late=0.3), then, data=DATA), "predictions").verdict == "moved"


def test_numbers_are_told_in_their_unit(tmp_path):
    rng = np.random.default_rng(3)
    now, then = ({"minutes": rng.gamma(3, scale, count)} for scale, count in ((20, 2000), (12, 20_000)))
    data = "prediction: minutes\nfeatures: {minutes: {unit: min}}"
    found = ask(answers.write(tmp_path, now, then, data=data), "predictions")
    assert found.verdict == "moved"
    assert "minutes: median 32" in found.sentence
    assert found.sentence.count(" min,") == 1
    assert all(" min" in row[2] for row in found.rows if row[0].startswith("minutes"))


def test_the_faulty_day_of_flights(tmp_path):
    found = ask(flights.write(tmp_path), "predictions", at=END)
    assert found.verdict == "moved"
    assert found.rows[0][0] == "late"
    assert found.rows_read == 600


def test_a_class_asked_for_leads_and_a_wrong_one_is_told(tmp_path):
    config = answers.write(tmp_path, rows(1, 3000), rows(2, 30_000), data=DATA)
    assert "`on time` in" in ask(config, "predictions value='on time'").sentence
    missed = ask(config, "predictions value=lat")
    assert missed.verdict == "not configured"
    assert "`late`" in missed.sentence


def test_what_is_missing_is_named(tmp_path):
    config = answers.write(tmp_path, rows(1, 3000), rows(2, 30_000), data=DATA)
    assert ask(config, "predictions", at=datetime(2026, 1, 1, tzinfo=UTC)).verdict == "no data"
    assert "Only 30 rows" in asked_few(tmp_path).sentence
    for data, says in (("score: skore", "`score`"), ("version: answer", "`data.prediction`")):
        found = ask(answers.write(tmp_path, rows(1, 3000), rows(2, 3000), data=data), "predictions")
        assert (found.verdict, says in found.sentence) == ("not configured", True), found.sentence
    lost = answers.write(tmp_path, rows(1, 3000), {"other": np.zeros(100)}, data=DATA)
    assert "The reference has no column `answer`" in ask(lost, "predictions").sentence
    with pytest.raises(BotError, match="Usage: predictions"):
        ask(config, "predictions window=soon")


def asked_few(folder):
    return ask(answers.write(folder, rows(1, 30), rows(2, 30_000), data=DATA), "predictions")


def test_text_where_a_number_was_is_said(tmp_path):
    now, then = rows(1, 3000), rows(2, 30_000)
    now["score"] = np.asarray(["high"] * 3000, dtype=object)
    found = ask(answers.write(tmp_path, now, then, data="score: score"), "predictions")
    assert found.verdict == "moved"
    assert "score no longer holds what the reference holds" in found.sentence


def test_one_answer_for_all_is_named(tmp_path):
    now = rows(1, 3000) | {"score": np.full(3000, 0.7), "answer": np.full(3000, "late", dtype=object)}
    found = ask(answers.write(tmp_path, now, rows(2, 30_000), data=DATA), "predictions", at=NOW)
    assert found.verdict == "moved"
    assert "100 % of rows" in found.sentence
