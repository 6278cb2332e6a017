"""The rules of the fleet benchmark: what it injects is what it says, and what it counts is what was said."""

import sys
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pytest

from bot.monitoring.finding import Finding, State
from tests.benchmarks.fleet import beside, faults, learner, scoring
from tests.benchmarks.fleet.models import DAY, Fitted, Spec
from tests.benchmarks.fleet.traffic import live, logged
from tests.benchmarks.fleet.watching import Answer

START = datetime(2026, 4, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def traffic():
    rng = np.random.default_rng(20261130)
    rows = 4000
    hour, amount = rng.integers(0, 24, rows).astype(float), rng.lognormal(3, 1, rows)
    city = rng.choice(np.array(["Oslo", "Bern", "Rome"], dtype=object), rows, p=[0.5, 0.3, 0.2])
    plan = rng.choice(np.array(["basic", "plus"], dtype=object), rows)
    score = 0.5 * amount + 25 * (city == "Rome") + 2 * hour + 25 * (plan == "plus")
    truth = np.where(score > 60, "yes", "no").astype(object)
    columns = {"hour": hour, "amount": amount, "city": city, "plan": plan}
    spec = Spec("made", "none", "truth", tuple(columns), ("city",), 600)
    fitted = Fitted(spec, learner.fit(columns, truth), {**columns, "truth": truth})
    return live(fitted, 20, (1, 2))


@pytest.mark.parametrize("kind", faults.KINDS)
@pytest.mark.parametrize("placed", [False, True])
def test_a_fault_moves_answers_and_stays_in_its_place(traffic, kind, placed):
    fault = faults.inject(kind, traffic, 10, 12, placed, np.random.default_rng(7))
    assert fault is not None
    usual = traffic.model.answered(traffic.rows(10, 12))
    assert faults.matters(traffic.model, usual, fault.rows)
    if kind == "mix":
        return
    changed = [name for name in traffic.model.spec.features if _differs(usual[name], fault.rows[name]).any()]
    assert changed == ([fault.feature] if fault.feature else [])
    moved = _differs(usual["prediction"], fault.rows["prediction"])
    assert moved.mean() >= faults.LEAST_CHANGED
    if placed and kind != "version":
        column, value = fault.place
        assert set(usual[column][moved]) == {value}


def test_windows_are_the_same_each_time_and_labels_come_late(traffic):
    first, again = traffic.rows(3, 5), traffic.rows(3, 5)
    assert all(np.array_equal(first[name], again[name]) for name in first)
    seen = logged(traffic.model, first, traffic.moment(5))
    there = np.array([label is not None for label in seen["label"]])
    assert 0 < there.mean() < 0.2
    assert (first["label_at"][there] <= np.datetime64(traffic.moment(5).replace(tzinfo=None))).all()


def test_only_the_right_feature_in_the_right_segment_is_named():
    fault = SimpleNamespace(kind="unit", feature="amount", place=("city", "Rome"), also=(), what="amount times 10")

    def scored(feature, segment, at=START + DAY):
        cause = Finding(State.FIRING, "it moved", feature=feature, segment=segment)
        return scoring.score("made", fault, Answer(at, "yes-share", None, cause, cause), START, DAY)

    assert scored("amount", "city=Rome").named
    assert not scored("amount", None).named
    assert not scored("hour", "city=Rome").named
    assert scored("amount", "city=Rome").in_time
    late = scoring.score(
        "made", fault, Answer(START + 3 * DAY, "performance", START + 3 * DAY), START, timedelta(days=1)
    )
    assert late.seen
    assert not late.in_time
    before_labels = scoring.score("made", fault, Answer(START + 3 * DAY, "together", None), START, DAY)
    assert before_labels.in_time
    assert not before_labels.at_once
    mix = SimpleNamespace(kind="mix", feature="amount", place=("city", "Rome"), also=("hour",), what="amount higher")
    cause = Finding(State.FIRING, "it moved", feature="hour")
    told = scoring.score("made", mix, Answer(START + DAY, "together", None, cause, cause), START, DAY)
    assert told.feature
    assert not told.named
    assert scoring.rates([scored("amount", None), late])["in time"] == 0.5


PEER = """import json, sys
print(json.dumps({"window": "quiet-0000", "alarm": False, "first": None}))
print(json.dumps({"window": "quiet-0001", "alarm": True, "first": "amount"}), flush=True)
sys.exit("ValueError: an empty column")
"""


def test_a_peer_that_fails_has_said_so_of_the_windows_it_did_not_judge(traffic, tmp_path, monkeypatch):
    fault = faults.inject("unit", traffic, 10, 12, False, np.random.default_rng(7))
    folder = tmp_path / "made"
    beside.export(traffic, 8, 2, [(fault, 10)], folder)
    program = tmp_path / "peer"
    program.write_text(f"#!{sys.executable}\n{PEER}")
    program.chmod(0o755)
    monkeypatch.setattr(beside, "python_for", lambda _name, _cache: program)
    (folder / "quiet-0008.npz").rename(folder / "quiet-0000.npz")
    (folder / "quiet-0009.npz").rename(folder / "quiet-0001.npz")
    found = beside.judged("made", folder, tmp_path)
    assert beside.errors(found) == (1, "ValueError: an empty column")
    assert found["fault-0000"] == {"failed": "ValueError: an empty column"}
    assert beside.alarms(found) == (1, 2)
    assert beside.seen(found, [(fault, 10)]) == (0, 0)


def _differs(then, now):
    if then.dtype == object:
        return np.array([one != other for one, other in zip(then, now, strict=True)])
    return (then != now) & ~(np.isnan(then) & np.isnan(now))
