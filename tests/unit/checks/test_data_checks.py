"""What came, when, in which columns, and how often: on sound rows calm, on faulty ones named with the numbers."""

from datetime import UTC, timedelta

import numpy as np
import pytest

from bot.catalog.config import Limits
from bot.catalog.load import load_catalog
from bot.checks.contract import CheckRequest
from bot.checks.freshness import newest_until
from bot.checks.known import Known, KnownAlert, KnownTrouble
from bot.checks.service import Checks
from bot.data import open_model
from tests.unit.checks import answers, loans

SEED = 20261123
NOW = loans.END.astype("datetime64[us]").item().replace(tzinfo=UTC)
HOUR = timedelta(hours=1)


def columns(count, seed=SEED):
    random = np.random.default_rng(seed)
    return {
        "id": np.arange(count) + seed * 1_000_000,
        "amount": random.lognormal(3.6, 0.5, count),
        "country": random.choice(["DE", "FR", "US"], count, p=[0.5, 0.3, 0.2]),
        "answer": random.choice(["late", "on time"], count, p=[0.2, 0.8]),
    }


def ask(folder, line, at=NOW, now=None):
    checks = Checks(load_catalog(folder / "muster.yaml"), folder, isolated=False)
    check, params = checks.registry.read_line(line)
    result = checks.run(CheckRequest(check.name, params, "eta", at, now))
    assert result.verdict in {*check.verdicts, "not configured"}, result
    assert result.sentence.endswith(".")
    assert len(result.rows) <= 8
    return result


@pytest.fixture
def write(tmp_path):
    def written(now, then=None, data="prediction: answer", **options):
        answers.write(tmp_path, now, then, data=data, **options)
        return tmp_path

    return written


def test_as_many_rows_as_ever_are_calm(write):
    folder = write(columns(1000), earlier=columns(30_000, 2))
    found = ask(folder, "row_count")
    assert found.verdict == "ok"
    assert "1,000 rows" in found.sentence
    assert found.png


def test_rows_that_stopped_coming_are_counted_and_dated(write):
    folder = write(columns(1000), earlier=columns(30_000, 2))
    found = ask(folder, "row_count", at=NOW + timedelta(minutes=30))
    assert found.verdict == "low"
    assert "500 rows" in found.sentence
    assert "instead of" in found.sentence
    assert "nothing since" in found.sentence


def test_twice_the_rows_are_high(write):
    found = ask(write(columns(2000), earlier=columns(30_000, 2)), "row_count")
    assert found.verdict == "high"
    assert found.data["rows"] == 2000


def test_the_same_hour_of_other_days_is_what_counts(write):
    """Nights bring a tenth of the rows: midnight is no loss."""
    folder = write(columns(1000))
    random = np.random.default_rng(SEED)
    hours = np.arange(24 * 12)
    sizes = np.where((hours % 24) < 6, 100, 1000)[::-1]
    stamps = np.concatenate(
        [
            loans.END - np.timedelta64(int(hour), "h") - random.integers(1, 3600, size) * np.timedelta64(1, "s")
            for hour, size in enumerate(sizes)
        ]
    )
    loans.save(folder, "predictions", columns(stamps.size) | {"at": stamps})
    found = ask(folder, "row_count")
    assert "the same hours of" in found.reference
    assert found.verdict == "ok"


def test_too_little_history_is_an_answer(write):
    found = ask(write(columns(100)), "row_count")
    assert found.verdict == "too few windows"
    assert "6 needed" in found.sentence


def hourly(folder, sizes):
    """Rows of each hour, the newest hour first."""
    random = np.random.default_rng(SEED)
    stamps = np.concatenate(
        [
            loans.END - np.timedelta64(hour, "h") - random.integers(1, 3600, size) * np.timedelta64(1, "s")
            for hour, size in enumerate(sizes)
        ]
    )
    loans.save(folder, "predictions", columns(stamps.size) | {"at": stamps})


def test_an_outage_in_the_past_does_not_hide_the_next_one(write):
    folder = write(columns(100))
    hourly(folder, [500, *[1000] * 12, 3, *[1000] * 12])
    found = ask(folder, "row_count")
    assert found.verdict == "low"
    assert found.notes == ("1 earlier windows that were far from the others are left out",)


def test_with_weeks_of_history_the_same_weekday_counts(write):
    """Sundays bring a tenth; the window ends on a Sunday's midnight."""
    folder = write(columns(100))
    hourly(folder, [(40 if (hour // 24) % 7 == 0 else 400) for hour in range(24 * 50)])
    found = ask(folder, "row_count")
    assert found.reference == "the same hours of the same weekday in 7 weeks before"
    assert found.verdict == "ok", found.sentence


def test_fresh_rows_and_stale_ones(write):
    folder = write(columns(1000), earlier=columns(30_000, 2))
    assert ask(folder, "freshness").verdict == "fresh"
    found = ask(folder, "freshness", at=NOW + 3 * HOUR)
    assert found.verdict == "stale"
    assert found.sentence.startswith("The newest row of eta is 3 h old")


def test_rows_dated_in_the_future_are_a_fault_of_a_clock(write):
    folder = write(columns(1000), earlier=columns(30_000, 2))
    future = ask(folder, "freshness", at=NOW - 3 * HOUR)
    assert future.verdict == "stale"
    assert future.sentence.startswith("The newest row of eta is dated 3 h in the future; look at the clock")
    assert future.sentence.endswith("(without such, the newest is 2 s old).")


def test_of_a_moment_that_is_past_only_the_rows_up_to_it_count(write):
    folder = write(columns(1000), earlier=columns(30_000, 2))
    found = ask(folder, "freshness", at=NOW - 3 * HOUR, now=NOW + 90 * HOUR)
    assert found.verdict == "fresh"
    assert "future" not in found.sentence
    assert found.notes[-1] == "only rows up to 1 Nov 21:00:00 UTC count; there are later ones"
    assert not ask(folder, "freshness", at=NOW + 3 * HOUR, now=NOW + 90 * HOUR).notes


def test_an_outage_of_the_past_is_seen_from_within_it(write):
    folder = write(columns(100))
    hourly(folder, [20] * 60 + [0] * 20 + [20] * 100)
    began = NOW - 80 * HOUR
    assert ask(folder, "freshness", at=began + 10 * HOUR, now=NOW).verdict == "stale"
    assert "is 10 h old" in ask(folder, "freshness", at=began + 10 * HOUR, now=NOW).sentence
    assert ask(folder, "freshness", at=began - HOUR, now=NOW).verdict == "fresh"


def test_a_clock_ahead_shows_in_the_past_as_well(write):
    folder = write(columns(1000), earlier=columns(30_000, 2))
    found = ask(folder, "freshness", at=NOW - 10 * HOUR, now=NOW - 5 * HOUR)
    assert found.verdict == "stale"
    assert "dated 5 h in the future" in found.sentence


def test_before_the_first_row_there_is_nothing(write):
    folder = write(columns(1000), earlier=columns(30_000, 2))
    found = ask(folder, "freshness", at=NOW - 100 * HOUR, now=NOW)
    assert found.verdict == "no data"
    assert "no rows up to 28 Oct 20:00:00 UTC" in found.sentence


@pytest.mark.parametrize("most", [7, 300])
def test_the_newest_row_of_very_many_is_searched_for(write, most):
    folder = write(columns(1000), earlier=columns(30_000, 2))
    rows = open_model(load_catalog(folder / "muster.yaml").models[0], folder, Limits())
    rows.limits = Limits.model_construct(rows=most, seconds=30, memory_mib=2048, scan_gib=20)
    times = rows.data.time
    for at in (NOW - 3 * HOUR, NOW - timedelta(minutes=7), NOW - 20 * HOUR):
        frame = open_model(load_catalog(folder / "muster.yaml").models[0], folder, Limits()).window(
            "predictions", None, at + timedelta(microseconds=1), [times]
        )
        newest = frame.columns[times].max().astype("datetime64[us]").item().replace(tzinfo=UTC)
        assert newest_until(rows, at) == newest


def test_batches_once_a_day_are_fresh_for_a_day(write):
    folder = write(columns(100))
    stamps = np.repeat(loans.END - np.arange(20) * np.timedelta64(24, "h"), 50)
    loans.save(folder, "predictions", columns(1000) | {"at": stamps})
    assert ask(folder, "freshness", at=NOW + 20 * HOUR).verdict == "fresh"
    assert ask(folder, "freshness", at=NOW + 40 * HOUR).verdict == "stale"


def test_one_outage_last_week_does_not_make_a_pause_usual(write):
    folder = write(columns(100))
    hourly(folder, [20] * 60 + [0] * 20 + [20] * 100)
    assert ask(folder, "freshness", at=NOW + timedelta(minutes=10)).verdict == "fresh"
    assert ask(folder, "freshness", at=NOW + 6 * HOUR).verdict == "stale"


def test_nights_without_rows_are_usual(write):
    folder = write(columns(100))
    hourly(folder, [0 if hour % 24 < 8 else 20 for hour in range(24 * 10)])
    assert ask(folder, "freshness", at=NOW).verdict == "fresh"
    assert ask(folder, "freshness", at=NOW + 8 * HOUR).verdict == "stale"


def test_labels_that_stopped_coming_are_stale_though_rows_are_fresh(write):
    data = "prediction: answer\nlabels: {path: labels.parquet, key: id, column: truth, time: came}"
    now = columns(4000)
    folder = write(now, columns(5000, 2), data=data, hours=96.0)
    truth = {"id": now["id"], "truth": now["answer"]}
    loans.save(folder, "labels", truth | {"came": answers.times(4000, hours=96.0)})
    fresh = ask(folder, "freshness")
    assert fresh.verdict == "fresh"
    assert [row[0] for row in fresh.rows] == ["row", "label"]
    loans.save(folder, "labels", truth | {"came": answers.times(4000, hours=96.0, before=12.0)})
    found = ask(folder, "freshness")
    assert found.verdict == "stale"
    assert found.sentence.startswith("The newest label of eta is 12 h old")
    (folder / "labels.parquet").unlink()
    assert "nothing is there" in ask(folder, "freshness").notes[0]


def test_the_same_schema_is_calm(write):
    found = ask(write(columns(1000), columns(5000, 2)), "schema")
    assert found.verdict == "same"
    assert "4 columns" in found.sentence


def test_a_renamed_column_is_named_with_its_new_name(write):
    now = columns(1000)
    now["amount_eur"] = now.pop("amount")
    found = ask(write(now, columns(5000, 2)), "schema")
    assert found.verdict == "changed"
    assert "amount → amount_eur" in found.sentence


def test_types_and_categories_that_changed_are_listed(write):
    now = columns(1000)
    now["amount"] = now["amount"].astype(str)
    now["country"] = np.where(now["country"] == "FR", "France", now["country"])
    found = ask(write(now, columns(5000, 2)), "schema")
    told = {" ".join(row[:2]) for row in found.rows}
    assert "amount was a number, is text" in told
    assert "country has the new category 'France'" in told
    assert "country has no 'FR' any more" in told


def test_a_rare_category_seen_once_is_no_change(write):
    now = columns(60)
    now["country"][7] = "AT"
    assert ask(write(now, columns(5000, 2)), "schema").verdict == "same"


def test_without_a_reference_a_column_without_values_is_gone(write):
    now, before = columns(1000), columns(30_000, 2)
    now["amount"] = np.full(1000, np.nan)
    found = ask(write(now, earlier=before), "schema")
    assert found.sentence.startswith("amount is gone")


def test_a_batch_delivered_twice_is_found_with_its_minute(write):
    now = columns(1000)
    folder = write(now, columns(5000, 2))
    assert ask(folder, "duplicates").verdict == "none"
    stamps = answers.times(1000)
    again = slice(500, 560)
    whole = {name: np.concatenate([column, column[again]]) for name, column in (now | {"at": stamps}).items()}
    loans.save(folder, "predictions", whole)
    found = ask(folder, "duplicates")
    assert found.verdict == "duplicated"
    assert found.sentence.startswith("60 of 1,060 rows (5.7 %) repeat an earlier row in every column")
    by_key = ask(folder, "duplicates key=id")
    assert by_key.data["repeated"] == 60


def test_rows_in_one_minute_that_repeat_are_said_to_have_come_twice(write):
    now = columns(1000)
    folder = write(now, columns(1000, 2))
    stamps = answers.times(1000)
    stamps[500:560] = stamps[500]
    whole = {name: np.concatenate([column, column[500:560]]) for name, column in (now | {"at": stamps}).items()}
    loans.save(folder, "predictions", whole)
    assert "delivered twice?" in ask(folder, "duplicates key=id").sentence


@pytest.mark.parametrize("line", ["schema", "duplicates"])
def test_an_empty_window_is_said(write, line):
    folder = write(columns(100), columns(100, 2))
    found = ask(folder, line, at=NOW - 5 * timedelta(days=1))
    assert found.verdict == "no data"


def test_a_key_that_is_no_column_says_what_there_is(write):
    found = ask(write(columns(200), columns(200, 2)), "duplicates key=idd")
    assert found.verdict == "not configured"
    assert "`id`" in found.sentence


def test_keys_too_large_to_tell_apart_are_not_called_duplicates(write):
    now = columns(1000)
    now["id"] = np.arange(1000) + 2**60
    found = ask(write(now, columns(5000, 2)), "duplicates key=id")
    assert found.verdict == "can't tell"
    assert "as text" in found.sentence
    assert ask(write(now, columns(5000, 2)), "duplicates").verdict == "none"


def test_a_change_of_the_answers_is_dated(write):
    now = columns(7200)
    now["answer"][-600:] = "late"
    folder = write(now, hours=12.0)
    found = ask(folder, "since_when")
    assert found.verdict == "since"
    assert "share of late: 20 % → 100 % since 23:00 UTC" in found.sentence
    assert found.data["since"].startswith("2026-11-01T23:00")
    assert ask(folder, "since_when feature=amount").verdict == "no change"


def test_rows_of_a_short_history_are_enough_to_date_a_change(write):
    now = columns(3600)
    now["amount"][-900:] += 40
    folder = write(now, hours=1.0, data="prediction: answer\nfeatures: {amount: {unit: EUR}}\nwindow: 7d")
    found = ask(folder, "since_when feature=amount")
    assert found.verdict == "since"
    assert "EUR since 23:45 UTC (between 23:4" in found.sentence


def test_a_daily_rhythm_is_no_change(write):
    folder = write(columns(100))
    random = np.random.default_rng(SEED)
    count = 60 * 24 * 8
    back = np.arange(count)[::-1]
    stamps = loans.END - back * np.timedelta64(60, "s") - np.timedelta64(1, "s")
    rows = columns(count)
    rows["amount"] = 100 + 40 * np.sin(2 * np.pi * back / 1440) + random.normal(0, 5, count)
    loans.save(folder, "predictions", rows | {"at": stamps})
    found = ask(folder, "since_when feature=amount")
    assert found.verdict == "no change"
    assert found.reference == "the same hours of the days before"
    rows["amount"][-120:] += 30
    loans.save(folder, "predictions", rows | {"at": stamps})
    assert ask(folder, "since_when feature=amount").verdict == "since"


def test_rows_enough_and_too_few(write):
    folder = write(columns(1000), columns(5000, 2), data="prediction: answer\nsegments: [country]")
    enough = ask(folder, "sample_size")
    assert enough.verdict == "enough"
    assert {row[0] for row in enough.rows} == {"all rows", "country = DE", "country = FR", "country = US"}
    few = ask(folder, "sample_size shift=0.1")
    assert few.verdict == "too few rows"
    assert "rows needed to see a shift of 0.1 sigma" in few.sentence
    assert "share of late, now 20 %, must move by" in enough.sentence
    assert all(row[3].endswith(" points") for row in enough.rows)
    assert 0.03 < enough.data["share_seen"] < 0.05


def test_what_shifted_most_comes_first_by_importance(write):
    now = columns(2000, 7)
    now["amount"] = now["amount"] * 1.6
    now["country"] = np.where(np.random.default_rng(1).random(2000) < 0.3, "DE", now["country"])
    data = "prediction: answer\nfeatures: {amount: {importance: .9}, country: {importance: .1}}"
    found = ask(write(now, columns(5000, 2), data=data), "top_shifted")
    assert found.verdict == "shifted"
    assert found.rows[0][0] == "amount"
    assert found.sentence.startswith("2 of 2 features shifted, most of all amount: median 3")
    assert ask(write(columns(2000, 7), columns(5000, 2), data=data), "top_shifted").verdict == "stable"


def scored(count, seed, **moves):
    """The score follows the amount, and says nothing of the age."""
    rows = columns(count, seed)
    random = np.random.default_rng(seed + 1)
    rows["age"] = random.normal(40, 10, count)
    for name, move in moves.items():
        rows[name] = rows[name] + move
    return {**rows, "score": np.log(rows["amount"]) / 8 + random.normal(0, 0.02, count)}


@pytest.mark.parametrize("line", ["drift", "top_shifted"])
def test_what_does_nothing_to_the_scores_is_told_so_and_comes_last(write, line):
    data = "score: score\nfeatures: {age: {}, amount: {}}"
    folder = write(scored(2000, 7, age=5, amount=10), scored(5000, 2), data=data)
    found = ask(folder, line)
    assert [row[0] for row in found.rows] == ["amount", "age"]
    assert "; the scores it leads to moved 0.0" in found.sentence
    assert "sigma): harm expected" in found.sentence
    alone = ask(write(scored(2000, 7, age=5), scored(5000, 2), data=data), line)
    assert alone.verdict in {"drifted", "shifted"}
    assert ": no harm expected" in alone.sentence
    if line == "top_shifted":
        assert [row[3] for row in found.rows] == ["expected", "none"]


def test_a_feature_that_is_gone_does_not_hide_the_others(write):
    now = columns(2000, 7)
    now.pop("country")
    data = "prediction: answer\nfeatures: {amount: {}, country: {}}"
    found = ask(write(now, columns(5000, 2), data=data), "top_shifted")
    assert found.verdict == "stable"
    assert "country is gone, ask `schema`" in found.sentence


def alert(minutes, **known):
    at = NOW - timedelta(minutes=minutes)
    named = {"name": "drift", "kind": "drift", "model": "eta", "until": None, **known}
    return KnownAlert(at=at, **named)


def related(folder, *alerts):
    checks = Checks(load_catalog(folder / "muster.yaml"), folder, isolated=False)
    return checks.run(CheckRequest("related_alerts", {}, "eta", NOW), Known(alerts=alerts))


def test_alerts_that_share_something_belong_together(write):
    folder = write(columns(100))
    own = alert(10, name="late share", feature="amount", labels=(("pipeline", "etl"),))
    upstream = alert(25, name="etl slow", model="other", kind="freshness", labels=(("pipeline", "etl"),))
    same = alert(60, name="fraud drift", model="fraud", feature="amount", until=NOW)
    stranger = alert(5, name="unrelated", model="x", kind="latency")
    old = alert(60 * 30, name="yesterday")
    found = related(folder, own, upstream, same, stranger, old)
    assert found.verdict == "related"
    assert [row[1] for row in found.rows] == ["late share", "fraud drift", "etl slow"]
    assert "3 alerts within 6 h, 2 still firing; the first was fraud drift" in found.sentence
    assert related(folder, stranger).verdict == "none"


def test_what_belongs_to_the_incident_already_is_no_news(write):
    folder = write(columns(100))
    own = alert(10, name="late share", feature="amount", own=True)
    assert related(folder, own).verdict == "none"
    found = related(folder, own, alert(15, name="fraud drift", model="fraud", feature="amount"))
    assert found.sentence.startswith("1 alert within 6 h, 1 still firing; it is fraud drift at 23:45 UTC")


LABELLED = """
prediction: answer
labels: {path: labels.parquet, key: id, column: truth}
features: {amount: {}, country: {}}
segments: [country]
window: 30d
"""


def trainable(write, *, wrong=None):
    now = columns(6000, 7)
    if wrong is not None:
        now["amount"][wrong] *= 100
    folder = write(now, columns(5000, 2), data=LABELLED, hours=24.0 * 20)
    loans.save(folder, "labels", {"id": now["id"], "truth": now["answer"]})
    return folder


def fit(folder, *troubles):
    checks = Checks(load_catalog(folder / "muster.yaml"), folder, isolated=False)
    return checks.run(CheckRequest("fit_to_train", {}, "eta", NOW), Known(troubles=troubles))


def test_sound_labelled_rows_are_fit_to_train_on(write):
    found = fit(trainable(write))
    assert found.verdict == "fit", found.sentence
    assert "6,000 rows are fit to train on" in found.sentence
    assert all(row[1] == "holds" for row in found.rows)


def test_rows_of_an_incident_are_left_out_and_counted(write):
    folder = trainable(write, wrong=slice(4000, 5000))
    dirty = fit(folder)
    assert dirty.verdict == "not fit"
    assert "faults: amount" in dirty.sentence
    trouble = KnownTrouble("INC-7", NOW - timedelta(hours=24 * 20 / 6 * 2 + 1), NOW - timedelta(hours=24 * 20 / 6 - 1))
    clean = fit(folder, trouble)
    assert clean.verdict == "fit", clean.sentence
    assert "rows are left out as they lie in INC-7" in clean.sentence
    assert 1000 <= clean.data["excluded"] <= 1050


def test_rows_without_labels_are_not_fit(write):
    folder = trainable(write)
    few = columns(6000, 7)
    loans.save(folder, "labels", {"id": few["id"][:1000], "truth": few["answer"][:1000]})
    found = fit(folder)
    assert found.verdict == "not fit"
    assert "17 % of rows have their label; 80 % needed" in found.sentence


def test_rows_too_young_for_a_label_are_not_held_against_the_rest(write):
    folder = trainable(write)
    came = columns(6000, 7)
    loans.save(folder, "labels", {"id": came["id"][:4500], "truth": came["answer"][:4500]})
    found = fit(folder)
    assert found.verdict == "fit", found.sentence
    [says] = [row[2] for row in found.rows if row[0] == "labels"]
    assert says.startswith("100 % of rows over 5 d old have their label; leave out 1,")


def test_a_column_that_is_gone_is_not_fit(write):
    folder = trainable(write)
    now = columns(6000, 7)
    now.pop("amount")
    loans.save(folder, "predictions", now | {"at": answers.times(6000, hours=24.0 * 20)})
    found = fit(folder)
    assert found.verdict == "not fit"
    assert "columns: amount gone or empty" in found.sentence


def test_nothing_to_compare_with_is_not_called_fit(write):
    folder = trainable(write)
    loans.save(folder, "reference", {name: column[:0] for name, column in columns(5, 2).items()})
    found = fit(folder)
    assert found.verdict == "not fit"
    assert "no earlier rows to compare with" in found.sentence


def test_when_every_row_lies_in_an_incident_none_is_left(write):
    found = fit(trainable(write), KnownTrouble("INC-9", NOW - timedelta(days=60), None))
    assert found.verdict == "not fit"
    assert "0 rows; 1,000 needed" in found.sentence
    assert "6,000 of 6,000 rows are left out as they lie in INC-9" in found.sentence
