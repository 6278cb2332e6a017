"""Performance on real rows: a fall is seen, said in words and placed; few or late labels are an answer."""

from datetime import UTC, datetime

import numpy as np
import pytest

from tests.unit.checks import loans
from tests.unit.checks.asking import ask


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return loans.write(tmp_path_factory.mktemp("sound"))


@pytest.fixture(scope="module")
def fallen(tmp_path_factory):
    return loans.write(tmp_path_factory.mktemp("fallen"), wrong_in="CA", since=10)


def table(folder, *, answers, labels, holdout_answers, holdout_labels):
    """One day of rows, all labelled, as another model would answer them."""
    at = loans.END - np.arange(1, answers.size + 1) * np.timedelta64(10, "s")
    loans.save(folder, "predictions", {"id": np.arange(answers.size), "at": at, "answer": answers})
    loans.save(folder, "labels", {"id": np.arange(labels.size), "paid": labels})
    loans.save(folder, "holdout", {"answer": holdout_answers, "paid": holdout_labels})
    text = loans.YAML.format(time="").replace("      score: score\n", "").replace("[state, age]", "[]")
    (folder / "muster.yaml").write_text(text)
    return folder / "muster.yaml"


@pytest.mark.parametrize("against", ["holdout", "before"])
def test_a_fall_is_said_in_words_with_its_place(fallen, against):
    found = ask(fallen, f"performance window=7d against={against}")
    assert found.verdict == "fell"
    assert "71 % of the answers are right, usually 7" in found.sentence
    assert "worst where state = CA: 51 % right" in found.sentence
    assert "4,239 of 7,021 rows" in found.sentence
    assert found.rows[0][0] == "accuracy"
    assert found.rows[0][-1] == "fell"
    assert found.data["segment"] == "state = CA"
    assert found.data["affected"] == pytest.approx(0.25, abs=0.02)
    assert found.png.startswith(b"\x89PNG")


@pytest.mark.parametrize("line", ["performance", "performance against=before", "performance window=30d measure=auc"])
def test_on_sound_rows_it_holds(sound, line):
    found = ask(sound, line)
    assert found.verdict == "holds", found.sentence
    assert found.data["segment"] is None


def test_one_measure_may_be_asked_for(fallen):
    found = ask(fallen, "performance window=7d measure=auc")
    assert found.verdict == "fell"
    assert "`default` row scores above another 77 % of the time, usually 86 %" in found.sentence
    assert ask(fallen, "performance measure=mae").verdict == "not configured"


def test_labels_not_yet_come_are_no_fall(sound):
    found = ask(sound, "performance window=1h")
    assert found.verdict == "no labels"
    assert "label delay" in found.sentence


def test_without_a_window_it_takes_the_shortest_with_labels_enough(tmp_path):
    config = loans.write(tmp_path, count=3000, delay=1.0, wrong_in="CA", since=40)
    found = ask(config, "performance")
    assert found.verdict == "fell", found.sentence
    assert any("it takes that long until labels are enough" in note for note in found.notes)
    assert ask(config, "performance window=30d").notes == ()


def test_too_few_labels_say_how_many_it_takes(tmp_path):
    found = ask(loans.write(tmp_path, count=4000), "performance window=7d")
    assert found.verdict == "too few rows"
    assert "needed to see a fall of the accuracy from 7" in found.sentence
    assert found.data["have"] < found.data["need"]
    few = ask(loans.write(tmp_path, count=400), "performance window=1d")
    assert few.verdict in {"too few rows", "no labels"}


def test_earlier_windows_are_seen_as_they_were_at_the_same_age(tmp_path):
    """Good answers get their label first: against all labels the newest day would always look too good."""
    rng = np.random.default_rng(5)
    count, days = 60_000, 40
    back = np.sort(rng.random(count))[::-1] * days
    at = loans.END - (back * 86400e6).astype("timedelta64[us]") - np.timedelta64(1, "us")
    wrong = rng.random(count) < 0.2
    came = at + (np.where(wrong, 10, 0.3) * rng.random(count) * 86400e6).astype("timedelta64[us]")
    seen = came <= loans.END
    answer = np.where(rng.random(count) < 0.5, "default", "paid")
    truth = np.where(wrong, np.where(answer == "paid", "default", "paid"), answer)
    loans.save(tmp_path, "predictions", {"id": np.arange(count), "at": at, "answer": answer})
    loans.save(tmp_path, "labels", {"id": np.arange(count)[seen], "paid": truth[seen], "came": came[seen]})
    loans.save(tmp_path, "holdout", {"answer": answer[:20000], "paid": truth[:20000]})
    text = loans.YAML.format(time=", time: came").replace("      score: score\n", "").replace("[state, age]", "[]")
    (tmp_path / "muster.yaml").write_text(text)
    accuracy = ask(tmp_path / "muster.yaml", "performance against=before window=1d").data["measures"]["accuracy"]
    assert accuracy["usually"] == pytest.approx(accuracy["now"], abs=0.02)
    assert accuracy["usually"] > 0.9
    untimed = ask(tmp_path / "muster.yaml", "performance against=holdout window=1d").data["measures"]["accuracy"]
    assert untimed["now"] - untimed["usually"] > 0.1


def test_many_classes_and_numbers_are_told_apart(tmp_path):
    rng = np.random.default_rng(6)
    truth = rng.choice(["red", "green", "blue"], 4000)
    good = np.where(rng.random(4000) < 0.9, truth, "red")
    bad = np.where(rng.random(4000) < 0.9, np.where(truth == "blue", "red", truth), "red")
    (tmp_path / "a").mkdir()
    config = table(tmp_path / "a", answers=bad, labels=truth, holdout_answers=good, holdout_labels=truth)
    found = ask(config, "performance")
    assert found.verdict == "fell"
    assert {"macro_recall", "weighted_f1"} < set(found.data["measures"])
    one = ask(config, "performance value=blue measure=recall")
    assert "of the `blue` rows, 0 % are found" in one.sentence.replace("Of the", "of the")
    assert ask(config, "performance value=pink").verdict == "not configured"
    price = rng.normal(100, 20, 4000)
    (tmp_path / "b").mkdir()
    answers, usual = price + rng.normal(0, 9, 4000), price + rng.normal(0, 6, 4000)
    numbers = table(tmp_path / "b", answers=answers, labels=price, holdout_answers=usual, holdout_labels=price)
    found = ask(numbers, "performance")
    assert found.verdict == "fell"
    assert "Answers are off by 7." in found.sentence
    assert found.rows[0][-1] == "rose"


def test_flags_as_zero_and_one_are_two_classes(tmp_path):
    rng = np.random.default_rng(7)
    truth = rng.integers(0, 2, 4000)
    said = np.where(rng.random(4000) < 0.9, truth, 1 - truth)
    config = table(tmp_path, answers=said, labels=truth, holdout_answers=said, holdout_labels=truth)
    found = ask(config, "performance")
    assert found.verdict == "holds"
    assert "90 % of the answers are right" in found.sentence


def test_no_rows_no_label_no_configuration_and_a_renamed_column_each_say_what_to_do(sound, tmp_path):
    empty = ask(sound, "performance window=1h", at=datetime(2026, 1, 1, tzinfo=UTC))
    assert empty.verdict == "no data"
    config = loans.write(tmp_path, count=2000)
    whole = config.read_text()
    for old, new, says in (
        ("column: paid", "column: payd", "`paid`"),
        ("prediction: answer", "prediction: anser", "`answer`"),
        ("      holdout: holdout.parquet\n", "", "`holdout:`"),
        ("      prediction: answer\n      score: score\n", "", "data.prediction"),
        ("      labels: {path: labels.parquet, key: id, column: paid, time: came}\n", "", "labels: {path"),
    ):
        config.write_text(whole.replace(old, new))
        found = ask(config, "performance against=holdout")
        assert found.verdict == "not configured"
        assert says in found.sentence


def test_text_among_numeric_labels_is_left_out(tmp_path):
    rng = np.random.default_rng(8)
    price = rng.normal(100, 20, 4000)
    labels = np.array([f"{one:.2f}" for one in price], dtype=object)
    labels[::10] = "n/a"
    config = table(tmp_path, answers=price + 1, labels=labels, holdout_answers=price + 1, holdout_labels=price)
    found = ask(config, "performance")
    assert found.verdict == "holds", found.sentence
    assert found.rows[0][3] == "3,600"


def test_a_score_of_the_other_class_falls_as_far(fallen):
    straight = ask(fallen, "performance window=7d measure=auc value=default").data["measures"]["auc"]
    other = ask(fallen, "performance window=7d measure=auc value=paid")
    assert other.verdict == "fell"
    assert other.data["measures"]["auc"]["now"] == pytest.approx(straight["now"])
    assert any("the other way round" in note for note in other.notes)


def ranked(rng, queries, noise):
    query = np.repeat(np.arange(queries), 10)
    grade = rng.choice(4, query.size, p=[0.6, 0.2, 0.15, 0.05])
    return {"id": np.arange(query.size), "state": query, "age": grade, "paid": grade} | {
        "answer": grade,
        "score": grade + rng.normal(0, noise, query.size),
    }


def test_rankings_are_judged_by_their_order(tmp_path):
    rng = np.random.default_rng(9)
    for name, noise, verdict in (("good", 1.0, "holds"), ("bad", 2.5, "fell")):
        folder = tmp_path / name
        folder.mkdir()
        now = ranked(rng, 800, noise)
        at = loans.END - np.arange(1, 8001) * np.timedelta64(10, "s")
        loans.save(folder, "predictions", {key: one for key, one in now.items() if key != "paid"} | {"at": at})
        loans.save(folder, "labels", {"id": now["id"], "paid": now["paid"]})
        loans.save(folder, "holdout", ranked(rng, 3000, 1.0))
        (folder / "muster.yaml").write_text(loans.YAML.format(time=""))
        found = ask(folder / "muster.yaml", "performance query=state k=5")
        assert found.verdict == verdict, found.sentence
        assert found.rows[0][0] == "NDCG"
        assert 780 < int(found.rows[0][3]) <= 800  # a query without a relevant row has no order
        assert "NDCG is 0." in found.sentence
        few = ask(folder / "muster.yaml", "performance query=state window=30m")
        assert few.verdict == "too few rows"


def test_answers_that_labels_call_otherwise_are_set_beside_them(tmp_path):
    random = np.random.default_rng(5)
    truth = random.random(2000) < 0.3
    right = random.random(2000) < 0.9
    answers = np.where(truth == right, "decline", "accept")
    names = np.where(truth, "fraud", "good")
    config = table(tmp_path, answers=answers, labels=names, holdout_answers=answers, holdout_labels=names)
    apart = ask(config, "performance window=1d")
    assert apart.verdict == "not configured"
    assert "No answer (accept, decline) is named like a label (fraud, good)" in apart.sentence
    config.write_text(
        config.read_text().replace("column: paid", "column: paid, answers: {decline: fraud, accept: good}")
    )
    right = ask(config, "performance window=1d")
    assert (right.verdict, right.sentence[:30]) == ("holds", "90 % of the answers are right,"), right.sentence
    found = ask(config, "performance window=1d value=decline measure=recall")
    assert found.sentence.startswith("Of the `fraud` rows, 89 % are found; usually 89 %"), found.sentence
