"""Whether scores mean what they say, on real rows: each way to be off has its word, its numbers and its picture."""

from datetime import UTC, datetime

import numpy as np
import pytest
from scipy.special import expit, logit

from tests.unit.checks import loans
from tests.unit.checks.asking import ask


def write(folder, *, slope=1.0, level=0.0, count=20_000, base=0.0, labelled=None, score=None):
    """Rows whose truth follows logit = level + slope * what the score says; the hold-out set is calibrated."""
    rng = np.random.default_rng(2)
    now, holdout = loans.rows(rng, count, 1, shift=base), loans.rows(rng, 20_000, 10, shift=base)
    now["paid"] = np.where(rng.random(count) < expit(level + slope * logit(now["score"])), "default", "paid")
    if score is not None:
        now["score"], holdout["score"] = score(now["score"]), score(holdout["score"])
    loans.save(folder, "predictions", {name: one for name, one in now.items() if name != "paid"})
    loans.save(folder, "holdout", holdout)
    loans.save(folder, "labels", {"id": now["id"][:labelled], "paid": now["paid"][:labelled]})
    (folder / "muster.yaml").write_text(loans.YAML.format(time=""))
    return folder / "muster.yaml"


@pytest.mark.parametrize(
    ("made", "verdict", "says"),
    [
        ({}, "calibrated", "Scores mean what they say: 45 % `default` said, 46 % are"),
        (
            {"slope": 0.45},
            "overconfident",
            "rows said to be `default` with 84 %, 66 % are; scores are off by 12 points",
        ),
        ({"slope": 1.8}, "underconfident", "said to be `default` with 76 %, 89 % are"),
        ({"level": -1.0}, "says too much", "Scores say 45 % are `default` on average, and 31 % are"),
        ({"level": 1.0}, "says too little", "Scores say 45 % are `default` on average, and 60 % are"),
        ({"level": -0.8, "base": -6.0}, "says too much", "on average, and 0.6 % are"),
        ({"base": -6.0}, "calibrated", "Scores mean what they say"),
        ({"count": 400}, "can't tell", "They could be off by up to 9 points. Try a longer window"),
        ({"count": 400, "level": -1.5}, "says too much", "Scores say 43 % are"),
    ],
)
def test_each_way_to_be_off_has_its_word(tmp_path, made, verdict, says):
    found = ask(write(tmp_path, **made), "calibration")
    assert found.verdict == verdict, found.sentence
    assert says in found.sentence
    assert ("usually not off beyond chance" in found.sentence) == ("base" not in made)
    assert found.png.startswith(b"\x89PNG")
    assert "`" not in found.alt


def test_the_table_runs_from_low_to_high_with_what_is_usual(tmp_path):
    found = ask(write(tmp_path, slope=0.45), "calibration")
    assert found.columns == ("said", "was", "between", "rows", "usually was")
    assert found.rows[0] == ("1.9 %", "15 %", "13 % to 17 %", "1,334", "2.2 % at 1.8 %")
    assert [row[0] for row in found.rows] == sorted((row[0] for row in found.rows), key=lambda cell: float(cell[:-2]))


def test_few_labels_are_an_answer(tmp_path):
    none = ask(write(tmp_path, count=4000, labelled=20), "calibration")
    assert none.verdict == "no labels"
    few = ask(write(tmp_path, count=400, labelled=60), "calibration")
    assert few.verdict == "too few rows"
    assert "Only 60 rows in the labelled window; 100 needed" in few.sentence


def test_scores_that_are_no_chances_are_told_so(tmp_path):
    found = ask(write(tmp_path, count=3000, score=lambda one: 1000 * one), "calibration")
    assert found.verdict == "not configured"
    assert "chances lie between 0 and 1" in found.sentence


def test_what_is_missing_is_named(tmp_path):
    config = write(tmp_path, count=2000)
    assert ask(config, "calibration", at=datetime(2026, 1, 1, tzinfo=UTC)).verdict == "no data"
    whole = config.read_text()
    for old, new, says in (
        ("      score: score\n", "", "`data.score`"),
        ("score: score", "score: skore", "`score`"),
        ("column: paid", "column: payed", "`paid`"),
    ):
        config.write_text(whole.replace(old, new))
        found = ask(config, "calibration")
        assert found.verdict == "not configured"
        assert says in found.sentence


def test_a_score_of_the_other_class_is_read_the_other_way_round(tmp_path):
    config = write(tmp_path, slope=0.45)
    other = ask(config, "calibration value=paid")
    assert other.verdict == "overconfident"
    assert any("the other way round" in note for note in other.notes)
    assert other.data["error"] == pytest.approx(ask(config, "calibration").data["error"], abs=0.003)
