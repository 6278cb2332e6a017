"""What a window is compared with, and since when."""

from datetime import UTC, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.catalog.load import parse_catalog
from bot.catalog.monitors import Monitor, Reference
from bot.core.errors import BotError, ConfigError
from bot.data import Frame
from bot.monitoring.judges.judging import judge
from bot.monitoring.judges.novelty import NEW, with_new_categories
from bot.monitoring.judges.terms import Terms
from bot.monitoring.references import (
    Comparison,
    first_whole,
    follows_versions,
    reach,
    reference_of,
    rhythm_hint,
    since_and_across,
    weekly_rhythm,
)
from bot.monitoring.watched import Watched
from bot.monitoring.windows import ORIGIN, Window
from tests.unit.monitoring.flights import HOUR, START, Table, hours, model, naive, since

SHARE = {"name": "late", "metric": "class_share", "value": "late"}
RANGE = {"name": "delay", "metric": "range", "feature": "dep_delay"}
NULLS = {"name": "nulls", "metric": "null_rate", "feature": "distance"}
DAY = 24 * HOUR


def one(monitor=SHARE, **data):
    made = model(monitor, **data)
    return Watched(made, made.monitors[0])


def hour(number, length=HOUR):
    return Window(START + number * HOUR, START + number * HOUR + length)


def test_without_a_word_inputs_have_their_reference_and_answers_the_windows_before():
    assert reference_of(one(RANGE)) is Reference.PINNED
    assert reference_of(one(RANGE, reference=None)) is Reference.ROLLING
    assert reference_of(one(SHARE)) is Reference.ROLLING
    assert reference_of(one({"name": "defaults", "metric": "default_rate", "value": "x"})) is Reference.ROLLING
    assert reference_of(one({**SHARE, "reference": "same_weekday"})) is Reference.SAME_WEEKDAY


def test_only_monitors_of_answers_follow_versions():
    assert follows_versions(one(SHARE))
    assert not follows_versions(one(RANGE))
    assert not follows_versions(one({**SHARE, "feature": "carrier", "value": "UA"}))
    assert not follows_versions(one({**SHARE, "promotion": "keep"}))


@given(st.integers(0, 10**7), st.integers(1, 10**6))
def test_the_first_whole_window_begins_at_or_after_the_moment_and_within_a_length(seconds, length):
    moment, step = START + timedelta(seconds=seconds), timedelta(seconds=length)
    found = first_whole(moment, step)
    assert timedelta(0) <= found - moment < step
    assert (found - ORIGIN) % step == timedelta(0)


def promotions(*hours_):
    return [(START + number * HOUR, f"version {number} promoted") for number in hours_]


def test_the_newest_beginning_holds():
    person = (START + 5 * HOUR, "the world moved")
    assert since_and_across(None, [], one(), hour(50)) == Comparison()
    assert since_and_across(person, [], one(), hour(50)).since == START + 5 * HOUR
    assert since_and_across(person, promotions(3), one(), hour(50)).why == "the world moved"
    assert since_and_across(person, promotions(3, 9), one(), hour(50)).why == "version 9 promoted"


def test_promotions_that_come_faster_than_learning_are_compared_with_each_other():
    often = promotions(*range(31, 40))
    found = since_and_across(None, often, one(), hour(40))
    assert (found.since, found.across) == (None, "promoted 9 times in the last 24 h")
    assert since_and_across(None, often, one(), hour(60)).why == "version 39 promoted"
    assert since_and_across(None, promotions(20, 39), one(), hour(40)).why == "version 39 promoted"
    person = (START + 2 * HOUR, "the world moved")
    both = since_and_across(person, often, one(), hour(40))
    assert (both.since, both.across) == (person[0], "promoted 9 times in the last 24 h")
    later = (START + 39.5 * HOUR, "that is normal now")
    assert since_and_across(later, often, one(), hour(42)) == Comparison(*later)


@given(st.lists(st.integers(0, 400), max_size=40), st.integers(401, 500), st.sampled_from(["10m", "1h", "1d"]))
def test_a_monitor_is_never_left_learning_by_promotions_alone(at, number, window):
    """Either enough windows lie behind the newest promotion, or there were few of them, or versions are compared."""
    watched = one({**SHARE, "window": window})
    length = watched.monitor.window
    judged = Window(first_whole(START + number * HOUR, length), first_whole(START + number * HOUR, length) + length)
    found = since_and_across(None, promotions(*sorted(at)), watched, judged)
    learn = 10 * length
    if found.since is not None and judged.start - first_whole(found.since, length) < learn:
        stretch = max(DAY, 2 * learn)
        recent = [hours_ for hours_ in at if judged.end - stretch < START + hours_ * HOUR <= judged.end]
        assert len(recent) < max(3, -(-stretch // (2 * learn)))


def test_how_far_back_a_reference_reaches():
    assert reach(one(), hour(500), Comparison()) == 90 * HOUR
    assert reach(one({**SHARE, "reference": "same_weekday"}), hour(500), Comparison()) == 24 * 7 * DAY
    pinned = one({**SHARE, "reference": "pinned"})
    assert reach(pinned, hour(500), Comparison(START)) == 500 * HOUR


def test_a_pinned_input_keeps_to_its_accepted_span():
    columns = hours(80)
    columns["dep_delay"] = np.where(since(columns, START + 60 * HOUR), columns["dep_delay"] * 60, columns["dep_delay"])
    table = Table(columns, hours(50, seed=9))
    since_then = Terms(comparison=Comparison(START + 60 * HOUR, "seconds from now on"))
    assert judge(one(RANGE), table, hour(70), Terms()).state == "firing"
    found = judge(one(RANGE), table, hour(70), since_then)
    assert (found.state, found.reference) == (
        "ok",
        "the first 30 windows since 4 Nov 12:00 UTC (seconds from now on)",
    )
    early = judge(one(RANGE), table, hour(60), since_then)
    assert early.sentence == (
        "Learning: 0 of 200 rows to compare with seen since 4 Nov 12:00 UTC (seconds from now on)."
    )


def test_a_pinned_input_without_a_reference_says_what_to_do():
    with pytest.raises(BotError, match="Name its rows as `reference:` under `data:`, or accept a baseline"):
        judge(one({**RANGE, "reference": "pinned"}, reference=None), Table(hours(40)), hour(35), Terms())


def test_inputs_are_compared_with_the_same_weekday():
    """Nights have nulls: each night is like the nights of that weekday, and unlike the hours before it."""
    columns = hours(24 * 28, a_window=60)
    night = (columns["at"] - naive(START)) // np.timedelta64(1, "h") % 24 < 3
    columns["distance"] = np.where(night & (np.arange(night.size) % 3 == 0), np.nan, columns["distance"])
    table, at = Table(columns), hour(24 * 21 + 1)
    few = {**NULLS, "min_rows": 30}
    assert judge(one({**few, "reference": "rolling", "baseline": 12}), table, at, Terms()).state == "firing"
    found = judge(one({**few, "reference": "same_weekday"}), table, at, Terms())
    assert (found.state, found.reference) == ("ok", "the same hours of 3 weeks before")
    left = Terms(leaves_out=lambda window: window.start == at.start - 7 * DAY)
    assert judge(one({**few, "reference": "same_weekday"}), table, at, left).reference.startswith("the same hours of 2")
    anew = Terms(comparison=Comparison(at.start - HOUR, "a new feed"))
    assert judge(one({**few, "reference": "same_weekday"}), table, at, anew).state == "learning"


def weeks(rng, count, *, weekend, rows=500, length=DAY):
    found = []
    for place in range(count * 7):
        at = START + place * length
        chance = 0.2 + (weekend if place % 7 >= 5 else 0)
        found.append((at, int(rng.binomial(rows, chance)), rows))
    return found


def test_a_weekly_rhythm_is_measured_on_other_weeks():
    rng = np.random.default_rng(5)
    strong = weekly_rhythm(weeks(rng, 6, weekend=0.3), share=True)
    assert strong.weeks == 6
    assert strong.narrower < 0.25
    assert weekly_rhythm(weeks(rng, 6, weekend=0), share=True).narrower > 0.9
    assert weekly_rhythm(weeks(rng, 2, weekend=0.3), share=True) is None
    assert weekly_rhythm([], share=False) is None
    assert weekly_rhythm([(START + day * DAY, 0, 100) for day in range(28)], share=True) is None


@given(st.integers(0, 10**6))
def test_no_rhythm_is_hinted_at_in_plain_chance(seed):
    counted = weeks(np.random.default_rng(seed), 6, weekend=0)
    assert weekly_rhythm(counted, share=True).narrower > 0.6


def test_no_hint_where_it_would_not_help():
    table = Table(hours(24 * 7 * 4, a_window=20))
    assert rhythm_hint(one({**RANGE, "reference": "rolling"}), table, hour(600)) is None
    assert rhythm_hint(one({**SHARE, "window": "5h"}), table, hour(600)) is None


def frame(values, at):
    return Frame(
        {"at": np.array([naive(moment) for moment in at]), "word": np.array(values, dtype=object)}, len(values)
    )


def test_values_that_are_new_in_every_window_share_one_name():
    at = [START + number * HOUR for number in range(6) for _ in range(2)]
    then = frame([f"build-{number // 2}" if number % 2 else "fixed" for number in range(12)], at)
    now = frame(["build-6", "fixed", None], [START + 6 * HOUR] * 3)
    new_then, new_now = with_new_categories(then, now, ["word"], "at", hour(6))
    assert new_then.columns["word"].tolist() == ["fixed", NEW] * 6
    assert new_now.columns["word"].tolist() == [NEW, "fixed", None]


def test_values_that_are_rarely_new_keep_their_names():
    at = [START + number * HOUR for number in range(6) for _ in range(2)]
    then, now = frame(["a", "b"] * 6, at), frame(["c", "a"], [START + 6 * HOUR] * 2)
    assert with_new_categories(then, now, ["word"], "at", hour(6)) == (then, now)


def config(monitor):
    metric = "" if "metric" in monitor else "metric: row_count, "
    return parse_catalog(f"models:\n  - name: eta\n    monitors:\n      - {{name: m, {metric}{monitor}}}\n")


def test_a_baseline_can_be_a_stretch_of_time():
    assert config("window: 1h, baseline: 30d").models[0].monitors[0].baseline == 720
    assert config("baseline: 40").models[0].monitors[0].baseline == 40
    dumped = config("window: 1h, baseline: 30d").models[0].monitors[0].model_dump(mode="json")
    assert Monitor.model_validate(dumped).baseline == 720


@pytest.mark.parametrize(
    ("monitor", "says"),
    [
        ("baseline: 3h", "greater than or equal to 8"),
        ("baseline: a month", "is not a duration"),
        ("window: 5h, reference: same_weekday", "same_weekday needs windows that divide a week"),
        ("window: 7d, reference: same_weekday", "not 1w"),
        ("reference: sometimes", "'pinned', 'rolling' or 'same_weekday'"),
        ("metric: latency, reference: pinned", "not for latency"),
        ("promotion: maybe", "'new_baseline' or 'keep'"),
    ],
)
def test_a_reference_that_cannot_be_is_told_with_its_line(monitor, says):
    with pytest.raises(ConfigError, match=r"muster.yaml:4: ") as problem:
        config(monitor)
    assert says in problem.value.message


def test_moments_are_utc():
    assert first_whole(START, HOUR).tzinfo is UTC
