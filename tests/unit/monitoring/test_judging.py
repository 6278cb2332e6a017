"""One window judged: what fires, what does not, and in which words."""

import json
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest

from bot.catalog.kinds import AlertKind, AlertRole, Severity
from bot.catalog.monitors import Monitor
from bot.core.errors import BotError
from bot.incidents.service import cause_weight
from bot.monitoring.budgets.budget import alarm_rate
from bot.monitoring.finding import Finding, State
from bot.monitoring.judges.judging import judge
from bot.monitoring.judges.terms import Terms, learns_from_all
from bot.monitoring.service import firing
from bot.monitoring.watched import Watched
from bot.monitoring.windows import Window
from bot.statistics.shortfall import Shortfall
from bot.statistics.volumes import count_band
from tests.unit.monitoring.flights import HOUR, START, Table, hours, model, since

SHARE = {"name": "late", "metric": "class_share", "value": "late"}
RANGE = {"name": "delay-range", "metric": "range", "feature": "dep_delay"}
NULLS = {"name": "nulls", "metric": "null_rate", "feature": "distance"}
DRIFT = {"name": "drift", "metric": "drift"}
TOGETHER = {"name": "together", "metric": "multivariate"}
RATE = 0.5 / 168
COUNT = {"name": "rows", "metric": "row_count"}
BROKE = START + timedelta(hours=38, minutes=40)


def window(hour):
    return Window(START + hour * HOUR, START + (hour + 1) * HOUR)


def found(monitor, columns, hour=38, reference=None, left_out=learns_from_all, **data):
    table = Table(columns, hours(150, seed=9) if reference is None else reference)
    made = model(monitor, **data)
    return judge(Watched(made, made.monitors[0]), table, window(hour), Terms(left_out, RATE))


@pytest.fixture
def broken():
    """From 02:40 on the delays of one airport come in seconds, and the model calls those flights late."""
    columns = hours(40)
    hit = since(columns, BROKE) & (columns["origin"] == "EWR")
    columns["dep_delay"][hit] *= 60
    columns["answer"][hit] = "late"
    return columns


def test_ordinary_windows_are_ok():
    columns = hours(45)
    for monitor in (SHARE, RANGE, NULLS, DRIFT, COUNT):
        for hour in range(35, 45):
            assert found(monitor, columns, hour).state is State.OK


def test_a_shifted_class_share_fires_with_its_band_and_onset(broken):
    finding = found(SHARE, broken)
    assert finding.state is State.FIRING
    assert finding.sentence.startswith("eta calls 32 % of flights late (usually ")
    assert finding.lower < 0.2 < finding.upper < finding.value
    assert abs(finding.onset - BROKE) < timedelta(minutes=5)
    assert finding.threshold == finding.upper
    assert finding.reference == "30 windows before"


def test_without_words_of_its_own_the_model_answers(broken):
    finding = judge(
        Watched(plain := model(SHARE).model_copy(update={"outcome": None}), plain.monitors[0]),
        Table(broken),
        window(38),
        Terms(alarm_rate=RATE),
    )
    assert finding.sentence.startswith("eta answers late in 32 % of predictions (usually ")


def test_a_share_learns_before_it_judges():
    columns = hours(12)
    finding = found(SHARE, columns, hour=6)
    assert finding.state is State.LEARNING
    assert finding.sentence == "Learning: 6 of 10 baseline windows seen, 4 to go."
    assert finding.value == pytest.approx(0.2, abs=0.06)
    assert found(SHARE, columns, hour=11).state is State.OK


def test_windows_left_out_are_not_learnt_from(broken):
    """Half a day of trouble in the baseline would hide the trouble of now."""
    rng = np.random.default_rng(3)
    trouble = (broken["at"] >= np.datetime64("2026-11-02T20:00")) & (broken["at"] < np.datetime64("2026-11-03T08:00"))
    broken["answer"] = np.where(trouble & (rng.uniform(size=trouble.size) < 0.7), "late", broken["answer"])
    spoilt = Window(START + 20 * HOUR, START + 32 * HOUR)
    assert found(SHARE, broken).state is State.OK
    finding = found(SHARE, broken, left_out=spoilt.overlaps)
    assert finding.state is State.FIRING
    assert finding.reference == "26 windows before"


def test_empty_and_small_windows_are_said_not_judged():
    columns = hours(40)
    assert found(SHARE, columns, hour=60).state is State.NO_DATA
    assert found(RANGE, columns, hour=60).state is State.NO_DATA
    few = found({**SHARE, "min_rows": 5000}, columns)
    assert few.state is State.TOO_FEW
    assert "5,000 needed" in few.sentence
    assert found({**DRIFT, "min_rows": 5000}, columns).state is State.TOO_FEW


def test_a_unit_change_of_one_segment_is_named_with_place_and_time(broken):
    finding = found(RANGE, broken)
    assert finding.state is State.FIRING
    assert finding.sentence.startswith("dep_delay looks 60 times too large at origin=EWR since ")
    assert "(median 1" in finding.sentence
    assert abs(finding.onset - BROKE) <= timedelta(minutes=2)
    assert finding.segment == "origin=EWR"
    assert finding.affected == "14 %"
    assert finding.data["remedy"] == "divided by 60"
    assert len(finding.data["numbers"]["now"]) == 200


def test_a_fault_that_only_one_segment_shows_is_named_in_it():
    columns = hours(40)
    hit = since(columns, START + 38 * HOUR) & (columns["origin"] == "LGA")
    columns["dep_delay"][hit] = np.minimum(columns["dep_delay"][hit], 2)
    columns["distance"][since(columns, START + 38 * HOUR)] += 400
    finding = found({**DRIFT, "feature": "dep_delay"}, columns)
    assert finding.state is State.FIRING
    assert finding.segment == "origin=LGA"
    assert finding.sentence.startswith("dep_delay at origin=LGA: clipped at 2")


def test_a_fault_of_every_row_has_no_segment():
    """Runs of one value move each segment by chance, and one of them most."""
    columns = hours(40, seed=4)
    columns["dep_delay"] = columns["dep_delay"][np.arange(columns["dep_delay"].size) // 200 * 200]
    finding = found({**DRIFT, "feature": "dep_delay"}, columns)
    assert finding.state is State.FIRING
    assert finding.segment is None
    assert "stale" in finding.sentence


def test_answers_that_no_longer_follow_from_the_features_fire_though_their_share_is_as_before():
    columns = hours(40)
    columns["answer"] = np.where(columns["dep_delay"] > 35, "late", "on time").astype(object)
    assert found(TOGETHER, columns).state is State.OK
    hit = np.flatnonzero(since(columns, START + 38 * HOUR))
    columns["answer"][hit] = np.random.default_rng(1).permutation(columns["answer"][hit])
    finding = found(TOGETHER, columns)
    assert finding.state is State.FIRING
    assert "no longer belong" in finding.sentence
    assert {*finding.data["broken"][0][:2]} == {"dep_delay", "answer"}


def test_a_guardrail_that_finds_what_no_longer_belongs_together_says_the_cause():
    made = model(TOGETHER)
    data = {"broken": [["distance", "dep_delay", 0.9, 0.1], ["distance", "carrier", 0.5, 0.1]]}
    broken = Finding(State.FIRING, "distance no longer belongs with dep_delay", feature="distance", data=data)
    evidence = firing(Watched(made, made.monitors[0]), window(38), broken).evidence
    assert evidence["cause"] == broken.sentence
    weights = [cause_weight("drift", one) for one in ({"cause": "moved"}, evidence, {"remedy": "divided by 60"})]
    assert weights == sorted(set(weights))
    moved = replace(broken, data={**data, "moved": ["distance"]})
    assert "cause" not in firing(Watched(made, made.monitors[0]), window(38), moved).evidence


def test_nulls_everywhere_have_no_segment_though_most_are_in_one():
    columns = hours(40)
    columns["origin"] = np.where(columns["origin"] == "LGA", "LGA", "EWR").astype(object)
    hit = since(columns, BROKE) & (np.random.default_rng(2).random(columns["at"].size) < 0.8)
    columns["distance"][hit] = np.nan
    reference = hours(150, seed=9)
    reference["origin"] = np.where(reference["origin"] == "LGA", "LGA", "EWR").astype(object)
    assert found(NULLS, columns, reference=reference).segment is None


def test_nulls_say_what_to_do_about_them():
    columns = hours(40)
    columns["distance"][since(columns, BROKE)] = np.nan
    assert found(NULLS, columns).data["remedy"] == "fill the missing values again"


def test_an_onset_in_the_window_before_is_found(broken):
    assert abs(found(RANGE, broken, hour=39).onset - BROKE) <= timedelta(minutes=2)


def test_what_was_there_all_along_is_said_so():
    columns = hours(40)
    columns["dep_delay"] *= 60
    finding = found(RANGE, columns)
    assert "since 14:00 UTC or earlier" in finding.sentence
    assert finding.onset is None


def test_values_sixty_times_too_small_fire_though_in_range():
    columns = hours(40)
    columns["dep_delay"] /= 60
    finding = found(RANGE, columns)
    assert finding.state is State.FIRING
    assert finding.sentence.startswith("dep_delay looks 60 times too small (median ")


def test_a_null_burst_fires_with_its_rate():
    columns = hours(40)
    columns["distance"][since(columns, BROKE)] = np.nan
    finding = found(NULLS, columns)
    assert finding.state is State.FIRING
    assert finding.sentence.startswith("distance is missing in 3")
    assert finding.sentence.endswith("UTC (usually 0 %)")
    assert abs(finding.onset - BROKE) <= timedelta(minutes=2)


def test_drift_names_the_strongest_feature_and_how_many_moved(broken):
    hit = since(broken, START + 38 * HOUR)
    broken["distance"][hit] += 400
    finding = found(DRIFT, broken)
    assert finding.state is State.FIRING
    assert finding.feature == "dep_delay"
    assert finding.sentence.endswith("; 2 of 3 features of eta moved")
    assert len(finding.data["moved"]) == 2


def test_values_lost_in_one_segment_are_put_there_by_drift_too():
    columns = hours(40)
    columns["distance"] += 800 * (columns["origin"] == "LGA")
    usual = hours(150, seed=9)
    usual["distance"] += 800 * (usual["origin"] == "LGA")
    columns["distance"][since(columns, BROKE) & (columns["origin"] == "LGA")] = np.nan
    finding = found(DRIFT, columns, hour=39, reference=usual)
    assert finding.state is State.FIRING
    assert (finding.feature, finding.segment) == ("distance", "origin=LGA")
    assert "all rows are null" in finding.sentence


@pytest.mark.parametrize("monitor", [{**NULLS, "feature": "carrier"}, {**DRIFT, "feature": "carrier"}])
def test_categories_lost_in_one_segment_are_no_swap_and_not_put_where_they_are_null(monitor):
    lots = {"EWR": [0.9, 0.05, 0.05], "JFK": [0.1, 0.8, 0.1], "LGA": [0.2, 0.4, 0.4]}

    def by_origin(columns):
        rng = np.random.default_rng(4)
        names = np.array(["UA", "DL", "AA"], dtype=object)
        for origin, chances in lots.items():
            there = columns["origin"] == origin
            columns["carrier"][there] = rng.choice(names, int(there.sum()), p=chances)
        return columns

    columns = by_origin(hours(40))
    columns["carrier"][since(columns, START + 38 * HOUR) & (columns["origin"] == "EWR")] = None
    finding = found(monitor, columns, reference=by_origin(hours(150, seed=9)), segments=["carrier", "origin"])
    assert finding.state is State.FIRING
    assert (finding.feature, finding.segment) == ("carrier", "origin=EWR")
    assert "null" in finding.sentence or "missing" in finding.sentence


def test_drift_of_categories_and_without_a_named_fault():
    columns = hours(40)
    rng = np.random.default_rng(2)
    columns["distance"] = rng.normal(1000, 500, columns["distance"].size)
    finding = found({**DRIFT, "feature": "distance"}, columns)
    assert finding.state is State.FIRING
    assert finding.sentence.startswith("distance")
    columns["carrier"] = rng.choice(np.array(["UA", "DL", "AA"], dtype=object), columns["carrier"].size)
    finding = found({**DRIFT, "feature": "carrier"}, columns)
    assert finding.state is State.FIRING
    assert set(finding.data["shares"]["now"]) == {"UA", "DL", "AA"}


def test_without_a_reference_the_windows_before_are_it(broken):
    spoilt = Window(START + 10 * HOUR, START + 37 * HOUR)
    made = model({**RANGE, "baseline": 30}, reference=None)
    one = Watched(made, made.monitors[0])
    for left_out in (learns_from_all, spoilt.overlaps):
        finding = judge(one, Table(broken), window(38), Terms(left_out, RATE))
        assert finding.reference == "up to 30 windows before"
        assert finding.sentence.startswith("dep_delay looks 60 times too large at origin=EWR")


def test_missing_rows_fire():
    columns = hours(40)
    kept = ~((columns["at"] >= np.datetime64("2026-11-03T14:10")) & (columns["at"] < np.datetime64("2026-11-03T15:00")))
    finding = found(COUNT, {name: values[kept] for name, values in columns.items()})
    assert finding.state is State.FIRING
    assert "from 2026-11-03 14:00 to 15:00 UTC (usually 5" in finding.sentence
    gone = found(COUNT, columns, hour=45)
    assert gone.sentence.startswith("eta got no rows at all")


@pytest.mark.parametrize(
    ("monitor", "data", "says"),
    [
        (SHARE, {"prediction": None}, "prediction:"),
        (DRIFT, {"features": {}, "prediction": "answer"}, ""),
    ],
)
def test_what_is_not_configured_is_said_or_guessed(monitor, data, says):
    columns = hours(40)
    if says:
        with pytest.raises(BotError, match=says):
            found(monitor, columns, **data)
    else:
        ranked = {name for name, _ in found(monitor, columns, **data).data["ranking"]}
        assert ranked == {"dep_delay", "distance", "carrier", "origin"}


def test_text_where_numbers_were_has_to_be_mended_not_answered():
    columns = hours(40)
    columns["distance"] = np.array(["far"] * columns["distance"].size, dtype=object)
    with pytest.raises(BotError, match="numeric"):
        found({**DRIFT, "feature": "distance"}, columns)


def test_defaults_of_each_metric():
    one = {
        monitor["metric"]: Watched(made := model(monitor), made.monitors[0]) for monitor in (SHARE, RANGE, DRIFT, COUNT)
    }
    assert (one["class_share"].role, one["class_share"].kind) == (AlertRole.GUARDRAIL, AlertKind.PREDICTION)
    assert one["class_share"].severity is Severity.SEV2
    assert (one["range"].role, one["range"].kind) == (AlertRole.DIAGNOSTIC, AlertKind.DATA_QUALITY)
    assert one["range"].severity is None
    assert one["drift"].kind is AlertKind.DRIFT
    assert one["row_count"].pages


@pytest.mark.parametrize(("length", "rate"), [("1h", 0.25 / 168), ("1d", 0.01), ("5m", 0.25 / 2016)])
def test_the_alarm_rate_follows_from_the_false_pages_a_week(length, rate):
    made = model({**SHARE, "window": length})
    assert alarm_rate(0.5, Watched(made, made.monitors[0])) == pytest.approx(rate)


def test_what_leaves_the_band_is_rarer_than_the_alarm_rate():
    """A finding's surprise and its limits say the same thing."""
    columns = hours(45)
    for monitor in (SHARE, COUNT):
        for hour in range(35, 45):
            calm = found(monitor, columns, hour)
            assert 0 <= calm.surprise < -np.log10(RATE)
    columns = hours(45, late=0.2)
    columns["answer"] = np.where(since(columns, START + 38 * HOUR), "late", columns["answer"])
    assert found(SHARE, columns).surprise > 6


def test_a_band_of_counts_keeps_its_promise():
    rng = np.random.default_rng(4)
    out = 0
    for _ in range(2000):
        counts = rng.poisson(rng.gamma(50, 12, 31))
        band = count_band(counts[:30].tolist(), false_alarm_rate=0.01)
        out += not band.lower <= counts[30] <= band.upper
    assert 5 <= out <= 45
    assert isinstance(count_band([3] * 9, false_alarm_rate=0.01), Shortfall)
    assert Monitor.model_validate(COUNT).min_rows == 200


def test_hostile_values_make_a_finding_that_can_be_kept(broken):
    evil = "\x00<!channel>\ud800" + "x" * 5000
    broken["origin"][broken["origin"] == "EWR"] = evil
    reference = hours(150, seed=9)
    reference["origin"][reference["origin"] == "EWR"] = evil
    broken["dep_delay"][since(broken, BROKE)] = np.inf
    finding = found(RANGE, broken, reference=reference)
    assert finding.state is State.FIRING
    assert len(finding.sentence) <= 600
    json.dumps([finding.data, finding.value, finding.upper], allow_nan=False)
    assert "\x00" not in f"{finding.sentence}{finding.segment}"
    f"{finding.sentence}{finding.segment}".encode()
    broken["carrier"][since(broken, START + 38 * HOUR)] = evil
    shares = found({**DRIFT, "feature": "carrier"}, broken, reference=reference)
    assert shares.state is State.FIRING
    json.dumps(shares.data, allow_nan=False).encode()
