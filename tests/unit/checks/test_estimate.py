"""The estimate without labels on real rows: harder rows are seen, and where it is blind it says so or is caught."""

from datetime import UTC, datetime

import numpy as np
import pytest

from tests.unit.checks import loans
from tests.unit.checks.asking import ask


def squeeze(rng, made, strength):
    """The same rows with scores nearer to one half, and the truth that such scores have."""
    score = 1 / (1 + np.exp(-np.log(made["score"] / (1 - made["score"])) * strength))
    paid = np.where(rng.random(score.size) < score, "default", "paid")
    return made | {"score": score, "answer": np.where(score >= 0.5, "default", "paid"), "paid": paid}


def write(folder, rows, holdout, labelled=0):
    loans.save(folder, "predictions", {name: one for name, one in rows.items() if name != "paid"})
    loans.save(folder, "holdout", holdout)
    loans.save(folder, "labels", {"id": rows["id"][:labelled], "paid": rows["paid"][:labelled]})
    (folder / "muster.yaml").write_text(loans.YAML.format(time=""))
    return folder / "muster.yaml"


@pytest.fixture
def rng():
    return np.random.default_rng(1)


def test_on_sound_rows_it_holds_and_says_what_it_cannot_see(tmp_path, rng):
    found = ask(write(tmp_path, loans.rows(rng, 8000, 1), loans.rows(rng, 20_000, 10)), "estimate")
    assert found.verdict == "holds"
    assert "An estimated 78 % of the answers are right (" in found.sentence
    assert "usually 78 %, from the scores of 8,000 rows" in found.sentence
    assert "valid under covariate shift only" in found.sentence
    assert "only labels show that" in found.sentence
    assert found.data["assumption"] == "valid under covariate shift only"


def test_rows_that_became_harder_are_seen_before_any_label(tmp_path, rng):
    hard = squeeze(rng, loans.rows(rng, 8000, 1), 0.3)
    found = ask(write(tmp_path, hard, loans.rows(rng, 20_000, 10)), "estimate")
    assert found.verdict == "fell"
    accuracy = found.data["measures"]["accuracy"]
    real = np.mean(hard["answer"] == hard["paid"])
    assert accuracy["estimate"] == pytest.approx(real, abs=0.02)
    assert accuracy["interval"][0] <= real <= accuracy["interval"][1]
    assert found.png.startswith(b"\x89PNG")
    assert "covariate shift only" in found.alt


def test_concept_drift_stays_unseen_until_labels_contradict_it(tmp_path, rng):
    rows = loans.rows(rng, 8000, 1, wrong_in="CA", since=5)
    blind = ask(write(tmp_path, rows, loans.rows(rng, 20_000, 10)), "estimate")
    assert blind.verdict == "holds"
    assert "it sees rows that became harder, not a score that came to mean something else" in blind.sentence
    caught = ask(write(tmp_path, rows, loans.rows(rng, 20_000, 10), labelled=4000), "estimate")
    assert caught.verdict == "can't tell"
    assert "the 4,000 labels that came say 71 % where 78 % was expected (accuracy)" in caught.sentence
    assert "does not hold" in caught.alt
    assert caught.data["measures"]["accuracy"]["measured"] == pytest.approx(0.71, abs=0.01)


def test_few_rows_leave_it_open(tmp_path, rng):
    config = write(tmp_path, loans.rows(rng, 8000, 30), loans.rows(rng, 400, 10))
    found = ask(config, "estimate window=1d")
    assert found.verdict == "can't tell"
    assert "is as possible as none. Try a longer window" in found.sentence
    few = ask(config, "estimate window=1h")
    assert few.verdict == "too few rows"
    assert "30 needed" in few.sentence


def test_scores_beyond_those_ever_labelled_are_a_guess(tmp_path, rng):
    holdout = loans.rows(rng, 20_000, 10)
    kept = holdout["score"] < 0.8
    config = write(tmp_path, loans.rows(rng, 8000, 1), {name: one[kept] for name, one in holdout.items()})
    found = ask(config, "estimate")
    assert found.verdict == "can't tell"
    assert "score beyond any that was ever labelled" in found.sentence


def test_a_score_that_falls_is_read_the_other_way_round(tmp_path, rng):
    rows, holdout = loans.rows(rng, 8000, 1), loans.rows(rng, 20_000, 10)
    straight = ask(write(tmp_path, rows, holdout), "estimate value=default").data["measures"]
    turned = [one | {"score": 1 - one["score"]} for one in (rows, holdout)]
    found = ask(write(tmp_path, *turned), "estimate value=default")
    assert found.verdict == "holds"
    assert any("the other way round" in note for note in found.notes)
    for measure in straight:
        assert found.data["measures"][measure]["estimate"] == pytest.approx(straight[measure]["estimate"], abs=0.005)


def test_of_many_classes_the_score_is_how_sure_the_model_is(tmp_path, rng):
    def draw(count, low):
        truth = rng.choice(["red", "green", "blue"], count)
        score = low + (1 - low) * rng.random(count)
        wrong = np.where(truth == "red", "green", "red")
        at = loans.END - np.arange(1, count + 1) * np.timedelta64(8, "s")
        answer = np.where(rng.random(count) < score, truth, wrong)
        return {"id": np.arange(count), "at": at, "state": truth, "age": score, "score": score} | {
            "answer": answer,
            "paid": truth,
        }

    rows = draw(8000, 0.4)
    rows["score"] = np.minimum(rows["score"], rng.uniform(0.4, 1, 8000))
    rows["answer"] = np.where(rng.random(8000) < rows["score"], rows["paid"], "none of them")
    found = ask(write(tmp_path, rows, draw(20_000, 0.4)), "estimate")
    assert found.verdict == "fell"
    real = np.mean(rows["answer"] == rows["paid"])
    assert found.data["measures"]["accuracy"]["estimate"] == pytest.approx(real, abs=0.02)
    assert list(found.data["measures"]) == ["accuracy"]


def test_what_is_missing_is_named(tmp_path, rng):
    config = write(tmp_path, loans.rows(rng, 2000, 1), loans.rows(rng, 2000, 10))
    assert ask(config, "estimate", at=datetime(2026, 1, 1, tzinfo=UTC)).verdict == "no data"
    whole = config.read_text()
    for old, new, says in (
        ("      score: score\n", "", "`data.score`"),
        ("score: score", "score: skore", "`score`"),
        ("      labels: {path: labels.parquet, key: id, column: paid}\n", "", "labels: {path"),
    ):
        config.write_text(whole.replace(old, new))
        found = ask(config, "estimate")
        assert found.verdict == "not configured"
        assert says in found.sentence


def test_text_in_the_score_counts_as_no_score(tmp_path, rng):
    rows = loans.rows(rng, 8000, 1)
    text = np.array([f"{one:.4f}" for one in rows["score"]], dtype=object)
    text[::4] = "n/a"
    found = ask(write(tmp_path, rows | {"score": text}, loans.rows(rng, 20_000, 10)), "estimate")
    assert found.verdict == "holds"
    assert "from the scores of 6,000 rows" in found.sentence
