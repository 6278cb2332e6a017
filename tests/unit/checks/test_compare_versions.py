"""Two versions on real rows: what differs at equal traffic is named, what the mix alone makes is not."""

from datetime import UTC, datetime

import numpy as np
import pytest

from tests.unit.checks import answers, loans
from tests.unit.checks.asking import ask

DATA = """
prediction: answer
score: score
version: version
latency: took
segments: [origin]
features: {distance: {unit: km}, origin: {}}
"""
LABELS = DATA + "labels: {path: labels.parquet, key: id, column: truth}\n"


def rows(seed, count, name, *, late=0.0, mix=0.3, times=1.0, wrong=0.1, shift=0.0, missing=0.0):
    """At JFK three times as many are late as elsewhere; `late` is added, whatever the origin."""
    rng = np.random.default_rng(seed)
    origin = rng.choice(["EWR", "JFK"], count, p=[1 - mix, mix]).astype(object)
    answer = np.where(rng.random(count) < np.where(origin == "JFK", 0.45, 0.15) + late, "late", "on time").astype(
        object
    )
    truth = np.where(rng.random(count) < wrong, np.where(answer == "late", "on time", "late"), answer)
    answer[rng.random(count) < missing] = None
    return {
        "id": seed * 1_000_000 + np.arange(count),
        "version": np.full(count, name, dtype=object),
        "origin": origin,
        "distance": rng.gamma(3, 300, count),
        "score": 1 / (1 + np.exp(-rng.normal(-1 + shift, 1, count))),
        "took": rng.lognormal(np.log(40), 0.4, count) * times,
        "answer": answer,
        "truth": truth.astype(object),
    }


def beside(old, new, seed=0):
    """Both versions' rows in turn."""
    both = {name: np.concatenate([old[name], new[name]]) for name in old}
    order = np.random.default_rng(seed).permutation(len(both["id"]))
    return {name: column[order] for name, column in both.items()}


def write(folder, table, *, data=DATA, labels=0):
    truth = {"id": table["id"][:labels], "truth": table["truth"][:labels]} if labels else None
    shown = {name: column for name, column in table.items() if name != "truth"}
    config = answers.write(folder, shown, data=data)
    if truth:
        loans.save(folder, "labels", truth)
    return config


def asked(folder, line="compare_versions", *, data=DATA, labels=0, old=None, **faults):
    made = beside(rows(1, 4000, "3.0", **(old or {})), rows(2, 4000, "3.1", **faults))
    return ask(write(folder, made, data=data, labels=labels), line)


@pytest.mark.parametrize(
    ("faults", "says"),
    [
        ({"late": 0.2}, "`late` 23 % → 44 % (+21 points at equal traffic)"),
        ({"shift": 0.5}, "mean score 0.301 → 0.399"),
        ({"times": 1.8}, "mean latency 43.2 ms → 77.5 ms"),
        ({"missing": 0.1}, "no answer 0 % → 10 %"),
    ],
)
def test_what_a_version_does_otherwise_is_named(tmp_path, faults, says):
    found = asked(tmp_path, **faults)
    assert found.verdict == "differ"
    assert found.sentence.startswith("Version 3.1 differs from 3.0: ")
    assert says in found.sentence
    assert found.columns == ("measure", "3.0", "3.1", "at equal traffic", "finding")
    assert found.png.startswith(b"\x89PNG")
    assert "`" not in found.alt


def test_versions_that_answer_alike_are_the_same(tmp_path):
    verdicts = []
    for seed in range(12):
        made = beside(rows(seed * 2 + 10, 700, "3.0"), rows(seed * 2 + 11, 400, "3.1"))
        verdicts.append(ask(write(tmp_path, made), "compare_versions").verdict)
    assert verdicts == ["same"] * 12
    assert "Versions 3.0 and 3.1 answer alike: `late` 23 %" in asked(tmp_path).sentence


def test_traffic_alone_makes_no_difference_and_is_told(tmp_path):
    found = asked(tmp_path, mix=0.8)
    assert found.verdict == "same", found.sentence
    assert "The traffic differs (origin: " in found.sentence
    assert found.data["traffic"] == ["origin"]
    late = found.data["measures"]["late"]
    assert late["new"] - late["old"] > 0.1
    assert abs(late["difference"]) < 0.03


def test_a_difference_that_traffic_hides_is_found(tmp_path):
    found = asked(tmp_path, old={"mix": 0.8}, mix=0.3, late=0.15)
    late = found.data["measures"]["late"]
    assert abs(late["new"] - late["old"]) < 0.03
    assert late["difference"] == pytest.approx(0.15, abs=0.04)
    assert found.verdict == "differ"


def test_wrong_answers_lead_where_labels_have_come(tmp_path):
    found = asked(tmp_path, data=LABELS, labels=6000, wrong=0.2)
    assert found.verdict == "differ"
    assert "differs from 3.0: wrong answers 9.6 % → 20 %" in found.sentence
    few = asked(tmp_path, data=LABELS, labels=150, wrong=0.2)
    assert any("have labels, so how right they are is not compared yet" in note for note in few.notes)


def test_one_version_says_so_and_looks_further_back_for_another(tmp_path):
    found = ask(write(tmp_path, rows(1, 3000, "3.0")), "compare_versions")
    assert (found.verdict, "answered by version 3.0" in found.sentence) == ("one version", True)
    earlier = {name: one for name, one in rows(2, 9000, "2.9").items() if name != "truth"}
    now = {name: one for name, one in rows(1, 3000, "3.0", late=0.2).items() if name != "truth"}
    config = answers.write(tmp_path, now, earlier=earlier, data=DATA)
    assert ask(config, "compare_versions window=1h").verdict == "one version"
    wider = ask(config, "compare_versions")
    assert wider.verdict == "differ"
    assert "3.0 came after 2.9, not beside it" in wider.sentence


def test_rows_of_the_time_both_answered_in_are_compared(tmp_path):
    old = rows(1, 6000, "3.0")
    old["answer"][:3000] = "late"
    new = rows(2, 1500, "3.1")
    table = {name: np.concatenate([old[name][:3000], beside(old, new)[name]]) for name in old}
    start = {name: column[:3000] for name, column in old.items()}
    rest = beside({name: column[3000:] for name, column in old.items()}, new)
    table = {name: np.concatenate([start[name], rest[name]]) for name in old}
    found = ask(write(tmp_path, table), "compare_versions")
    assert found.verdict == "same", found.sentence
    assert found.data["rows"]["3.0"] < 3100


def test_versions_can_be_named_and_wrong_ones_are_told(tmp_path):
    found = asked(tmp_path, "compare_versions old=3.1 new=3.0", late=0.2)
    assert found.sentence.startswith("Version 3.0 differs from 3.1: `late` 44 % → 23 %")
    assert "`3.1`" in asked(tmp_path, "compare_versions new=3.2").sentence
    assert "No version answers `lat`" in asked(tmp_path, "compare_versions value=lat").sentence
    assert "`on time`" in asked(tmp_path, "compare_versions value='on time'").sentence


def test_what_is_missing_is_named(tmp_path):
    assert "`data.version`" in asked(tmp_path, data="prediction: answer").sentence
    assert "`data.prediction`" in asked(tmp_path, data="version: version").sentence
    assert "`version`" in asked(tmp_path, data="prediction: answer\nversion: versoin").sentence
    empty = rows(1, 300, "x") | {"version": np.full(300, None, dtype=object)}
    found = ask(write(tmp_path, empty), "compare_versions window=1h")
    assert (found.verdict, "`version` is empty" in found.sentence) == ("one version", True)
    few = ask(write(tmp_path, beside(rows(1, 300, "3.0"), rows(2, 20, "3.1"))), "compare_versions window=1h")
    assert "too few of others to compare: 3.1 20; 50 needed" in few.sentence
    config = write(tmp_path, rows(1, 300, "3.0"))
    assert ask(config, "compare_versions", at=datetime(2026, 1, 1, tzinfo=UTC)).verdict == "no data"


def test_numbers_and_text_where_a_number_was(tmp_path):
    made = beside(rows(1, 2000, "3.0"), rows(2, 2000, "3.1"))
    made["answer"] = np.where(made["version"] == "3.1", 1.3, 1.0) * made["distance"]
    found = ask(write(tmp_path, made), "compare_versions")
    assert "mean answer 9" in found.sentence
    assert found.data["measures"]["mean answer"]["differs"]
    made["took"] = np.array(["slow"] * 4000, dtype=object)
    assert "`took` holds text" in ask(write(tmp_path, made), "compare_versions").sentence


def test_a_version_that_lost_a_feature_is_named_though_it_answers_alike_on_average(tmp_path):
    """Its mean stays: only what its answers hang on is gone."""
    tables = []
    for seed, name, lost in ((1, "3.0", False), (2, "3.1", True)):
        table = rows(seed, 4000, name)
        seen = np.random.default_rng(seed).permutation(table["distance"]) if lost else table["distance"]
        table["score"] = 1 / (1 + np.exp(1 - seen / 600 + (table["origin"] == "JFK")))
        tables.append(table)
    found = ask(write(tmp_path, beside(*tables)), "compare_versions")
    assert found.verdict == "differ"
    assert found.sentence.startswith("Version 3.1 differs from 3.0: it no longer heeds distance")
    assert abs(found.data["heeds"]["distance"]) < 0.1
    assert found.png
    tables[1] = {
        **tables[1],
        "score": 1 / (1 + np.exp(1 - tables[1]["distance"] / 600 + (tables[1]["origin"] == "JFK"))),
    }
    assert ask(write(tmp_path, beside(*tables)), "compare_versions").verdict == "same"
