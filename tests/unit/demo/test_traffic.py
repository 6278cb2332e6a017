from datetime import timedelta

import duckdb
import numpy as np
import pytest

from bot.core.errors import BotError
from bot.demo.eta import ACTIVE, FALLBACK
from bot.demo.faults import FAULTS
from bot.demo.rowlog import FILES
from bot.demo.traffic import (
    BASELINE,
    KEPT,
    LABELS_EVERY,
    LONGEST_STEP,
    RATE,
    WINDOW,
    Served,
    Shuffled,
    Traffic,
    landing_seconds,
)

FLIGHT = {
    "carrier": "UA",
    "origin": "EWR",
    "dest": "IAH",
    "dep_delay": 3.0,
    "distance": 1400.0,
    "hour": 5.0,
    "wind_speed": 10.0,
    "visibility": 10.0,
    "precipitation": 0.0,
}


def ask(folder, question, what="predictions"):
    with duckdb.connect() as connection:
        return connection.execute(question.format(rows=f"'{folder}/{what}/{FILES}'")).fetchall()


def run(traffic, clock, seconds, step=0.5):
    for _ in range(round(seconds / step)):
        clock.forward(step)
        traffic.step()


def test_history_is_whole_windows_up_to_now(traffic, clock, tmp_path):
    written = traffic.fill_history()
    seconds = WINDOW.total_seconds()
    window = f"epoch(answered_at)::BIGINT // {seconds:.0f}"
    counts = ask(tmp_path, f"SELECT {window} AS w, count(*) FROM {{rows}} GROUP BY w ORDER BY w")
    complete = counts[:-1]
    assert len(complete) >= BASELINE
    assert all(abs(count - RATE * seconds) < 6 * (RATE * seconds) ** 0.5 for _, count in complete)
    assert sum(count for _, count in counts) == written
    newest = ask(tmp_path, "SELECT max(answered_at) FROM {rows}")[0][0]
    assert newest < clock.now().replace(tzinfo=None)


def test_every_row_has_its_own_number_and_time_only_goes_on(traffic, clock, tmp_path):
    traffic.fill_history(timedelta(seconds=20))
    run(traffic, clock, 5)
    found = ask(tmp_path, "SELECT id, answered_at FROM {rows} ORDER BY id")
    assert [row[0] for row in found] == list(range(1, len(found) + 1))
    times = [row[1] for row in found]
    assert times == sorted(times)


def test_the_same_seed_gives_the_same_traffic(shipped, models, tmp_path, clock):
    def answers(folder):
        served = Served(models, ("score", "answer"), "truth")
        Traffic(shipped.traffic, served, folder, clock).fill_history(timedelta(seconds=10))
        return ask(folder, "SELECT * FROM {rows} ORDER BY id")

    assert answers(tmp_path / "a") == answers(tmp_path / "b")


def test_rows_are_of_flights_the_model_never_saw(traffic, shipped, tmp_path):
    traffic.fill_history(timedelta(seconds=5))
    drawn = ask(tmp_path, "SELECT origin, dest, carrier, dep_delay, distance, hour FROM {rows}")
    names = ("origin", "dest", "carrier", "dep_delay", "distance", "hour")
    known = set(zip(*(shipped.traffic[name].tolist() for name in names), strict=True))
    assert set(drawn) <= known


def test_labels_come_when_flights_have_landed_and_tell_the_truth(traffic, clock, tmp_path):
    traffic.fill_history(timedelta(seconds=120))
    now = clock.now().replace(tzinfo=None)
    told = ask(
        tmp_path,
        "SELECT p.answer, l.truth, p.distance, epoch(l.known_at) - epoch(p.answered_at), l.known_at FROM {rows} p"
        f" JOIN '{tmp_path}/labels/{FILES}' l USING (id)",
    )
    assert max(row[4] for row in told) <= now
    assert all(miles / 120 + 2 <= took <= miles / 120 + 6 for _, _, miles, took, _ in told)
    old = ask(tmp_path, f"SELECT count(*) FROM {{rows}} WHERE answered_at < '{now - timedelta(seconds=115)}'")[0][0]
    landed = ask(
        tmp_path,
        f"SELECT count(*) FROM {{rows}} SEMI JOIN '{tmp_path}/labels/{FILES}' USING (id)"
        f" WHERE answered_at < '{now - timedelta(seconds=115)}'",
    )[0][0]
    assert 0.98 * old <= landed <= old
    right = np.array([answer == truth for answer, truth, *_ in told])
    assert right.mean() > 0.85


def test_a_long_flight_is_known_later(shipped):
    took = landing_seconds(shipped.traffic, np.random.default_rng(0))
    far = shipped.traffic["distance"] > 2_000
    assert took[far].min() > np.median(took[~far])


def test_labels_held_come_all_at_once_when_it_is_over(traffic, clock, tmp_path):
    traffic.fill_history(timedelta(seconds=60))
    before = ask(tmp_path, "SELECT count(*) FROM {rows}", "labels")[0][0]
    traffic.deploy(FAULTS["labels-held"])
    run(traffic, clock, 20, step=1)
    assert ask(tmp_path, "SELECT count(*) FROM {rows}", "labels")[0][0] == before
    over = traffic.deploy(None)
    run(traffic, clock, LABELS_EVERY.total_seconds(), step=1)
    times = ask(tmp_path, "SELECT known_at FROM {rows} ORDER BY known_at", "labels")
    assert len(times) > before + 15 * RATE
    assert times[before][0] == over.replace(tzinfo=None)


def test_regional_flights_are_asked_about_more_often(timed, clock, tmp_path):
    timed.fill_history(timedelta(seconds=10))
    usual = ask(tmp_path, "SELECT avg(distance) FROM {rows}")[0][0]
    since = timed.deploy(FAULTS["regional-flights"]).replace(tzinfo=None)
    run(timed, clock, 10, step=1)
    shifted = ask(tmp_path, f"SELECT avg(distance) FROM {{rows}} WHERE answered_at > '{since}'")[0][0]
    assert shifted < 0.8 * usual


def test_slow_lookups_make_a_line_and_everybody_waits(timed, clock, tmp_path):
    timed.fill_history(timedelta(seconds=20))
    usual = ask(tmp_path, "SELECT quantile_cont(took, .95) FROM {rows}")[0][0]
    assert 5 < usual < 20
    assert timed.ask(FLIGHT)["took"] < 20
    since = timed.deploy(FAULTS["slow-lookups"]).replace(tzinfo=None)
    run(timed, clock, 10, step=1)
    slow = ask(tmp_path, f"SELECT quantile_cont(took, .95) FROM {{rows}} WHERE answered_at > '{since}'")[0][0]
    assert slow > 50
    since = timed.deploy(None).replace(tzinfo=None)
    run(timed, clock, 10, step=1)
    again = ask(tmp_path, f"SELECT quantile_cont(took, .95) FROM {{rows}} WHERE answered_at > '{since}'")[0][0]
    assert again < 20


def test_old_rows_go(traffic, clock, tmp_path):
    traffic.fill_history(KEPT + timedelta(minutes=5))
    run(traffic, clock, 40, step=5)
    oldest, newest = ask(tmp_path, "SELECT min(answered_at), max(answered_at) FROM {rows}")[0]
    assert KEPT - timedelta(minutes=1) < newest - oldest < KEPT + timedelta(minutes=1)
    versions = list((tmp_path / "predictions" / ".versions").rglob("*.parquet"))
    assert len(versions) < 80


def test_the_fault_raises_the_share_and_the_fallback_brings_it_back(traffic, clock):
    run(traffic, clock, 10)
    quiet = traffic.recent().share
    traffic.deploy(FAULTS["delay-in-seconds"])
    run(traffic, clock, 10)
    broken = traffic.recent(timedelta(seconds=9.5)).share
    traffic.switch(FALLBACK)
    run(traffic, clock, 10)
    mended = traffic.recent()
    assert quiet == pytest.approx(0.145, abs=0.02)
    assert broken > quiet + 0.06
    assert mended.share == pytest.approx(0.15, abs=0.02)
    assert mended.rows == pytest.approx(3_000, rel=0.1)


def test_the_log_says_which_version_answered_and_what_was_delivered(traffic, clock, tmp_path):
    run(traffic, clock, 2)
    traffic.switch(FALLBACK)
    traffic.deploy(FAULTS["delay-in-seconds"])
    run(traffic, clock, 2)
    found = ask(tmp_path, "SELECT version, max(dep_delay), min(id), max(id) FROM {rows} GROUP BY 1 ORDER BY 3")
    assert [row[0] for row in found] == [ACTIVE, FALLBACK]
    assert found[0][3] < found[1][2]
    assert found[1][1] > 3_000 > found[0][1]


def test_healed_it_is_as_before(traffic, clock):
    traffic.deploy(FAULTS["null-burst"])
    assert traffic.fault is FAULTS["null-burst"]
    traffic.deploy(None)
    run(traffic, clock, 10)
    assert traffic.recent().share == pytest.approx(0.145, abs=0.02)


def test_one_flight_is_answered_at_once_and_logged_in_order(traffic, clock, tmp_path):
    traffic.fill_history(timedelta(seconds=5))
    short, long = traffic.ask(FLIGHT), traffic.ask({**FLIGHT, "dep_delay": 240.0})
    assert (short["answer"], long["answer"]) == ("on time", "late")
    assert long["version"] == ACTIVE
    clock.forward(0.5)
    traffic.step()
    logged = ask(tmp_path, "SELECT score, answer FROM {rows} WHERE dep_delay = 240 AND dest = 'IAH' AND hour = 5")
    assert (long["score"], "late") in logged


def test_a_machine_that_slept_does_not_answer_for_the_night(traffic, clock):
    clock.forward(8 * 3600)
    assert traffic.step() < 1.2 * RATE * LONGEST_STEP.total_seconds()


def test_an_unknown_version_changes_nothing(traffic):
    with pytest.raises(BotError, match=r"no version `4\.0`"):
        traffic.switch("4.0")
    assert traffic.active == ACTIVE


def test_settling_is_refused_when_nothing_comes(traffic):
    with pytest.raises(BotError, match="too few flights came"):
        traffic.settle(timedelta(seconds=1), 0.05)


def test_shuffled_takes_each_once_a_round():
    order = Shuffled(7, np.random.default_rng(3))
    drawn = np.concatenate([order.next(count) for count in (3, 0, 10, 1)])
    assert sorted(drawn[:7]) == sorted(drawn[7:]) == list(range(7))
