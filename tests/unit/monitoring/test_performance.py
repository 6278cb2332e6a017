"""Answers judged by late labels: at equal age, beyond chance, and never by what has not come yet."""

from datetime import timedelta

import numpy as np
import pytest

from bot.catalog.kinds import AlertKind, AlertRole
from bot.core.errors import BotError
from bot.monitoring.finding import State
from bot.monitoring.judges.judging import judge
from bot.monitoring.judges.terms import Terms, learns_from_all
from bot.monitoring.truth.cohorts import due_cohorts, span
from bot.monitoring.watched import Watched
from bot.monitoring.windows import Window
from tests.unit.monitoring.flights import START
from tests.unit.monitoring.late import DAY, LateTable, days, model

PERFORMANCE = {"name": "right", "metric": "performance", "window": "1d"}
DROP = {**PERFORMANCE, "rule": {"drop": "5%", "of": "30d"}}


def day(number):
    return Window(START + number * DAY, START + (number + 1) * DAY)


def found(columns, number, now, monitor=PERFORMANCE, left_out=learns_from_all, **data):
    """Judge one day as seen after `now` days."""
    made = model(monitor, **data)
    one = Watched(made, made.monitors[0])
    moment = START + now * DAY
    return judge(one, LateTable(columns, one.data, moment), day(number), Terms(left_out, 0.0027, moment))


@pytest.fixture
def calm():
    return days(50)


@pytest.fixture
def fallen():
    """From day 45 on only 78 of 100 answers are right."""
    return days(50, right=[0.9] * 45 + [0.78] * 5)


def test_an_ordinary_day_is_ok_at_every_age(calm):
    for now in (46.2, 47, 50):
        finding = found(calm, 45, now)
        assert finding.state is State.OK
        assert finding.lower < finding.value
        assert finding.surprise < 2
    assert finding.sentence.startswith("eta: 88 % of the answers are right, usually 90 %; 400 labels of 17 Dec")


def test_a_fall_is_seen_before_all_labels_are_in(fallen):
    finding = found(fallen, 45, 46.2)
    assert finding.state is State.FIRING
    assert finding.value < finding.lower < 0.9
    assert "usually 90 %; 291 labels of 17 Dec, 73 % of those that come" in finding.sentence
    assert finding.surprise > 3
    assert finding.onset == day(45).start
    assert finding.data["mark"] == 0.5
    assert finding.reference == "30 windows before, at equal age"
    later = found(fallen, 45, 49)
    assert (later.state, later.data["mark"]) == (State.FIRING, 0.95)
    assert later.surprise > finding.surprise


def test_positives_that_mature_later_are_no_fall():
    """For days only the misses-free half of the labels is there; older days looked the same when they were young."""
    columns = days(60, took=0.2, positives_took=6.0)
    hit = columns["late"] == "late"
    rng = np.random.default_rng(3)
    columns["answer"][hit & (rng.uniform(size=hit.size) < 0.5)] = "on time"  # half of what is late is missed
    young, old = (found(columns, 45, now) for now in (46.2, 60))
    assert young.value > old.value + 0.05  # what comes early looks better than what comes in the end
    assert (young.state, old.state) == (State.OK, State.OK)
    assert abs(young.value - young.data["usual"]) < 0.05
    assert "labels `late` come later than the rest, so it is compared at equal age" in young.sentence
    fired = 0
    for number in range(40, 58):
        fired += found(columns, number, number + 1.2).state is State.FIRING
    assert fired == 0


def test_a_label_that_is_revised_counts_as_it_was_known():
    """Every flight is first said to be on time; the late ones are corrected after five days."""
    columns = days(50, took=0.1)
    late = columns["late"] == "late"
    first = {name: values.copy() for name, values in columns.items()}
    first["late"] = np.full(late.size, "on time", dtype=object)
    second = {name: values[late] for name, values in columns.items()}
    second["known_at"] = second["known_at"] + np.timedelta64(5, "D")
    made = model(PERFORMANCE)
    one = Watched(made, made.monitors[0])
    table = LateTable(columns, one.data)
    table.labels = {name: np.concatenate([first[name], second[name]]) for name in table.labels}
    young = judge(one, table, day(40), Terms(now=START + 42 * DAY))
    assert young.state is State.OK
    assert young.value < 0.75  # what is called late counts as wrong for now
    assert young.data["usual"] == pytest.approx(young.value, abs=0.05)
    assert judge(one, table, day(40), Terms(now=START + 48 * DAY)).value > 0.85


def test_five_per_cent_below_the_month_before(calm, fallen):
    finding = found(fallen, 45, 48, DROP)
    assert finding.state is State.FIRING
    assert "usually 90 %, 1" in finding.sentence
    assert "% below the mean of the 30d before" in finding.sentence
    assert finding.data["z"] > 3.09
    quiet = found(calm, 45, 48, DROP)
    assert quiet.state is State.OK
    assert "(a 5.0 % drop needs 439 labels a window to be told from chance)" in quiet.sentence
    assert 380 < quiet.data["need"] < 500
    assert found(days(20), 8, 11, DROP).state is State.LEARNING


def test_a_fixed_limit_waits_for_nearly_all_labels(fallen):
    below = {**PERFORMANCE, "rule": {"below": 0.85}}
    assert found(fallen, 45, 46.2, below).state is State.WAITING
    finding = found(fallen, 45, 48, below)
    assert finding.state is State.FIRING
    assert finding.sentence.startswith("eta: accuracy 76 %, below the limit of 85 %")
    assert (finding.lower, finding.upper, finding.surprise) == (0.85, None, None)
    assert found(fallen, 44, 48, below).state is State.OK
    above = {**PERFORMANCE, "measure": "log_loss", "rule": {"above": 0.3}}
    assert found(fallen, 44, 48, above, score="score").state is State.FIRING


def test_a_slow_decay_that_no_single_day_shows():
    columns = days(80, right=[0.9] * 40 + list(0.9 - 0.0015 * np.arange(40)))
    fired = next(n for n in range(45, 76) if found(columns, n, n + 4).state is State.FIRING)
    finding = found(columns, fired, fired + 4)
    assert 50 < fired < 70
    assert finding.lower < finding.value  # alone it would pass
    assert finding.sentence.startswith("eta: slipping: 8")
    assert finding.onset < day(fired).start
    assert len(finding.data["decay"]["path"]) > 20


def test_labels_still_coming_are_waited_for(calm):
    finding = found(calm, 45, 46.0)
    assert finding.state is State.OK
    slow = found(days(50, took=3), 45, 46.1)
    assert slow.state is State.WAITING
    assert slow.data["mark"] == 0
    assert slow.sentence.startswith("Waiting for labels of 17 Dec: ")
    assert "half come within 2 days, 95 % within 9 days" in slow.sentence


def test_labels_that_stop_coming_are_a_state_of_their_own():
    columns = days(50)
    stopped = columns["known_at"] > np.datetime64("2026-12-13")
    columns["known_at"][stopped] = np.datetime64("2027-06-01")
    finding = found(columns, 45, 50)
    assert finding.state is State.NO_LABELS
    assert finding.sentence.startswith("No labels for 9 days; the newest is of 12 Dec 23:5")
    assert "Look at the job that writes `labels.csv`, and at their key `id`" in finding.sentence
    columns["known_at"][:] = np.datetime64("2027-06-01")
    never = found(columns, 45, 50)
    assert never.state is State.NO_LABELS
    assert never.sentence.startswith("No label of eta has come for ")
    assert found(columns, 60, 61).state is State.NO_DATA


def test_labels_noted_once_a_day_are_not_missing_before_two_batches_are():
    columns = days(50, took=1)
    columns["known_at"] = columns["known_at"].astype("datetime64[D]").astype("datetime64[us]") + np.timedelta64(1, "D")
    last = np.datetime64("2026-12-18")
    assert found(columns, 45, 46.9).state is State.WAITING
    columns["known_at"][columns["known_at"] > last] = np.datetime64("2027-06-01")
    assert found(columns, 45, 47.9).state is State.WAITING
    missing = found(columns, 45, 48.5)
    assert missing.state is State.NO_LABELS
    assert missing.sentence.startswith("No labels for 2.5 days; the newest is of 18 Dec 00:00 UTC")


def test_labels_of_one_answer_only_are_said():
    """Of flights called late nobody ever hears."""
    columns = days(50)
    columns["known_at"][columns["answer"] == "late"] = np.datetime64("2027-06-01")
    finding = found(columns, 45, 48)
    assert "rows answered `late` never get a label (0 of " in finding.sentence
    assert finding.data["part"] > 0.95


def test_without_a_time_of_labels_only_full_windows_are_judged(fallen):
    assert found(fallen, 45, 46.2, timed=False).state is State.WAITING
    assert "add `time:` under `data.labels`" in found(fallen, 45, 46.2, timed=False).sentence
    assert found(fallen, 45, 49, timed=False).state is State.FIRING
    assert found(fallen, 40, 49, timed=False).state is State.OK


def test_too_few_labels_and_what_is_not_configured(calm):
    few = found(calm, 45, 49, {**PERFORMANCE, "min_rows": 500})
    assert (few.state, few.sentence) == (State.TOO_FEW, "Only 399 labels of 17 Dec; 500 needed.")
    assert found(calm, 5, 9).sentence.startswith("Learning: 5 of 10 cohorts with labels seen; accuracy 9")
    with pytest.raises(BotError, match="labels:"):
        found(calm, 45, 49, labels=None)
    with pytest.raises(BotError, match="prediction"):
        found(calm, 45, 49, prediction=None)
    with pytest.raises(BotError, match="no auc"):
        found(calm, 45, 49, {**PERFORMANCE, "measure": "auc"})


def test_the_measure_follows_the_answers(calm):
    assert found(calm, 45, 49, score="score").data["measure"] == "auc"
    assert found(calm, 45, 49).data["measure"] == "accuracy"
    rng = np.random.default_rng(5)
    columns = days(50)
    truth = rng.gamma(2, 10, columns["at"].size)
    columns["late"] = truth
    off = np.where(columns["at"] >= np.datetime64(day(45).start.replace(tzinfo=None)), 8, 4)
    columns["answer"] = truth + rng.normal(0, off)
    finding = found(columns, 45, 49)
    assert (finding.data["measure"], finding.state) == ("mae", State.FIRING)
    assert finding.upper < finding.value
    assert finding.lower is None
    assert found(columns, 44, 49).state is State.OK


@pytest.mark.parametrize(("grown", "state"), [(1.03, State.OK), (1.12, State.FIRING)])
def test_an_error_that_grows_a_little_calls_nobody(grown, state):
    """Of so many rows three in a hundred are told apart from chance, and are no reason to wake somebody."""
    rng = np.random.default_rng(6)
    columns = days(70, a_day=2000)
    truth = rng.gamma(2, 10, columns["at"].size)
    late = columns["at"] >= np.datetime64(day(50).start.replace(tzinfo=None))
    columns["late"] = truth
    columns["answer"] = truth + rng.normal(0, np.where(late, 4 * grown, 4))
    assert found(columns, 64, 69).state is state


def test_days_of_trouble_are_not_learnt_from():
    columns = days(50, right=[0.9] * 25 + [0.6] * 12 + [0.9] * 8 + [0.8] * 5)
    trouble = Window(day(25).start, day(36).end)
    learnt, left = found(columns, 45, 49), found(columns, 45, 49, left_out=trouble.overlaps)
    assert learnt.lower < learnt.value  # half a month of trouble would hide the trouble of now
    assert left.value < left.lower
    assert left.data["usual"] == pytest.approx(0.9, abs=0.01)


def test_trouble_that_is_over_is_forgotten():
    columns = days(60, right=[0.9] * 30 + [0.5] * 3 + [0.9] * 27)
    assert found(columns, 32, 36).state is State.FIRING
    assert found(columns, 40, 44).state is State.OK


def test_windows_are_judged_again_when_they_pass_a_mark(calm):
    made = model(PERFORMANCE)
    one = Watched(made, made.monitors[0])

    def due(judged, now):
        moment = START + now * DAY
        return due_cohorts(one, LateTable(calm, one.data, moment), judged, moment)

    assert due({}, 46) == []
    judged = {day(45): 0.0, day(44): 0.8, day(43): 0.95}
    assert due(judged, 46.1) == [day(45)]
    assert due(judged, 46.6) == [day(44), day(45)]
    assert due({**judged, day(45): 0.5, day(44): 0.95}, 46.1) == []
    assert due({**judged, day(45): 0.5, day(44): 0.95}, 49) == [day(45)]


def test_what_a_performance_monitor_is():
    made = model(PERFORMANCE)
    one = Watched(made, made.monitors[0])
    assert (one.role, one.kind, one.pages) == (AlertRole.OUTCOME, AlertKind.PERFORMANCE, True)


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ({}, "exactly one of `above`, `below` and `drop`; this one has none"),
        ({"above": 1, "below": 2}, "this one has above and below"),
        ({"above": 1, "of": "30d"}, "goes with no other rule"),
        ({"drop": "5"}, "'5' is no part of a whole; write 5% or 0.05"),
        ({"drop": "5%", "of": "0s"}, "longer than nothing"),
        ({"below": float("nan")}, "finite"),
    ],
)
def test_rules_that_say_nothing_are_refused(rule, says):
    with pytest.raises(ValueError, match=says):
        model({**PERFORMANCE, "rule": rule})


@pytest.mark.parametrize(
    ("monitor", "says"),
    [
        ({"metric": "row_count", "measure": "auc"}, "`measure` belongs to performance and estimate monitors"),
        ({"metric": "estimate", "measure": "mae"}, "can't be estimated without labels"),
        ({"metric": "performance", "measure": "ndcg"}, "ndcg needs `feature`"),
    ],
)
def test_measures_that_do_not_fit_are_refused(monitor, says):
    with pytest.raises(ValueError, match=says):
        model({**PERFORMANCE, **monitor})


def test_windows_are_said_in_days():
    assert span(day(0)) == "2 Nov"
    assert span(Window(day(0).start, day(6).end)) == "2 to 8 Nov"
    assert span(Window(day(-5).start, day(1).end)) == "28 Oct to 3 Nov"
    assert span(Window(START, START + timedelta(hours=1))) == "2026-11-02 00:00 to 01:00 UTC"
