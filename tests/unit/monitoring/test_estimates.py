"""Answers judged before their labels come: harder rows are seen, what the method can't see is said."""

import numpy as np
import pytest

from bot.catalog.kinds import AlertKind, AlertRole
from bot.core.errors import BotError
from bot.monitoring.finding import State
from bot.monitoring.judges.judging import judge
from bot.monitoring.judges.terms import Terms, learns_from_all
from bot.monitoring.watched import Watched
from bot.monitoring.windows import Window
from tests.unit.monitoring.flights import START
from tests.unit.monitoring.late import DAY, LateTable, days, model

ESTIMATE = {"name": "probably", "metric": "estimate", "window": "1d"}
BROKE = np.datetime64("2026-12-17")


def day(number):
    return Window(START + number * DAY, START + (number + 1) * DAY)


def found(columns, number, monitor=ESTIMATE, now=None, left_out=learns_from_all, **data):
    made = model(monitor, **{"score": "score", **data})
    one = Watched(made, made.monitors[0])
    moment = START + (number + 1 if now is None else now) * DAY
    return judge(one, LateTable(columns, one.data, moment), day(number), Terms(left_out, 0.0027, moment))


@pytest.fixture
def harder():
    """From 17 Dec on scores hug the middle: every answer is less sure."""
    columns = days(50)
    hit = columns["at"] >= BROKE
    columns["score"][hit] = 0.5 + (columns["score"][hit] - 0.5) * 0.4
    return columns


def test_ordinary_days_are_ok():
    columns = days(50)
    fired = [found(columns, number).state for number in range(30, 48)]
    assert set(fired) == {State.OK}


def test_harder_rows_fire_before_any_label(harder):
    finding = found(harder, 45)
    assert finding.state is State.FIRING
    assert finding.value < finding.lower < finding.data["usual"]
    assert "scores above another an estimated" in finding.sentence
    assert finding.sentence.endswith(
        "from the scores of 400 rows of 17 Dec, before their labels, valid under covariate shift only"
    )
    assert finding.surprise > 5
    assert finding.reference == "30 windows before, scores as in the 30 days before"
    assert found(harder, 44).state is State.OK


def test_rules_of_an_estimate(harder):
    assert found(harder, 45, {**ESTIMATE, "rule": {"below": 0.8}}).state is State.FIRING
    assert found(harder, 44, {**ESTIMATE, "rule": {"below": 0.8}}).state is State.OK
    assert found(harder, 45, {**ESTIMATE, "rule": {"drop": "5%"}}).state is State.FIRING
    assert found(harder, 45, {**ESTIMATE, "measure": "accuracy"}).data["measure"] == "accuracy"


def test_scores_nobody_ever_saw_are_said(harder):
    harder["score"][harder["at"] >= BROKE] += 3
    assert "score beyond any that was ever labelled: there it is a guess" in found(harder, 45).sentence


def test_what_is_missing_is_said(harder):
    assert found(harder, 5).state is State.LEARNING
    assert found(harder, 60).state is State.NO_DATA
    assert found(harder, 45, {**ESTIMATE, "min_rows": 500}).state is State.TOO_FEW
    harder["known_at"][:] = np.datetime64("2027-06-01")
    assert "labelled reference" in found(harder, 45).sentence
    with pytest.raises(BotError, match=r"data\.score"):
        found(harder, 45, score=None)


def test_days_of_trouble_are_not_learnt_from(harder):
    trouble = Window(day(45).start, day(47).end)
    assert found(harder, 48, left_out=trouble.overlaps).lower > found(harder, 48).lower


def test_what_an_estimate_monitor_is():
    made = model(ESTIMATE)
    one = Watched(made, made.monitors[0])
    assert (one.role, one.kind, one.pages) == (AlertRole.GUARDRAIL, AlertKind.PERFORMANCE, True)
