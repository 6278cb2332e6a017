"""What columns are taken for, what is proposed, what it would have said, and what muster.yaml says of it."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from bot.catalog.kinds import AlertRole
from bot.catalog.load import parse_catalog
from bot.catalog.monitors import MonitorMetric
from bot.core.errors import BotError
from bot.monitoring.finding import Finding, State
from bot.monitoring.rehearsal import Episode
from bot.tuning.proposals import telling
from bot.tuning.proposals.facts import Kind, look_at
from bot.tuning.proposals.guesses import Given, Task, guess
from bot.tuning.proposals.monitors import label_delay, propose
from bot.tuning.proposals.naming import slug, words_of
from bot.tuning.proposals.pace import choose
from bot.tuning.proposals.reading import read_look, read_stretch
from bot.tuning.proposals.source import VARIABLE, find_source
from bot.tuning.proposals.trial import Page, pages_of, try_out
from bot.tuning.proposals.weight import explained, follows, weigh
from bot.tuning.proposals.writing import as_yaml, flow, scalar, write
from tests.unit.tuning.own_tables import DAY, START, as_frame, payments, stamps, write_csv

NOW = datetime(2026, 11, 23, tzinfo=UTC)
NOTHING = Given()


def looked(**columns):
    return look_at(as_frame(columns), len(next(iter(columns.values()))))


def without(columns, *names):
    return {name: values for name, values in columns.items() if name not in names}


def table(rows=400, **columns):
    """A time beside the columns given."""
    return looked(at=stamps(np.linspace(0, 40, rows)), **columns)


# what columns are taken for


def test_a_table_of_payments_is_understood_with_a_reason_for_each_column():
    found = guess(looked(**payments()), NOTHING, NOW)
    assert (found.time.column, found.prediction.column, found.score.column) == ("scored_at", "answer", "score")
    assert (found.label.column, found.label_time.column, found.key.column) == ("label", "label_known_at", "id")
    assert found.version.column == "model_version"
    assert list(found.segments) == ["country"]
    assert found.task is Task.CLASSES
    assert sorted(found.features) == ["age", "amount", "country"]
    assert found.time.sure
    assert found.prediction.sure
    assert found.label.sure
    assert "the same as answer's" in found.label.reason
    assert "half of them more than 10 days after scored_at" in found.label_time.reason


def test_of_two_columns_named_like_labels_the_one_with_the_answers_is_it():
    columns = payments()
    found = guess(looked(**{"y": columns["amount"] * 2, **columns}), NOTHING, NOW)
    assert found.label.column == "label"
    assert "y" in found.features


def test_what_the_person_says_counts():
    columns = payments()
    found = guess(looked(**columns), Given(prediction="country", label="none", segments=("age",)), NOW)
    assert found.prediction.column == "country"
    assert found.label.column is None
    assert list(found.segments) == ["age"]
    assert found.prediction.reason == found.label.reason == "as you said"


def test_a_column_that_is_not_there_is_named_with_what_is():
    with pytest.raises(BotError, match="Did you mean `answer`"):
        guess(looked(**payments()), Given(prediction="anwser"), NOW)
    with pytest.raises(BotError, match="`amount` holds no times"):
        guess(looked(**payments()), Given(time="amount"), NOW)


def test_nothing_like_a_time_is_not_guessed():
    found = guess(looked(answer=np.array(["a", "b"] * 200, dtype=object), size=np.arange(400.0)), NOTHING, NOW)
    assert found.time.column is None
    assert not found.time.sure


@pytest.mark.parametrize(("factor", "written"), [(1, "seconds since 1970"), (1000, "milliseconds since 1970")])
def test_numbers_named_like_a_time_may_be_one(factor, written):
    seconds = START.timestamp() + np.arange(400.0) * 3600
    found = guess(looked(ts=seconds * factor, pred=np.tile([0.0, 1.0], 200)), NOTHING, NOW)
    assert found.time.column == "ts"
    assert written in found.time.reason


def test_text_that_reads_as_times_is_one():
    texts = np.array([(START + one * DAY).isoformat() for one in range(400)], dtype=object)
    assert looked(when=texts).columns["when"].kind is Kind.TIME


def test_the_time_of_the_event_is_chosen_and_not_the_label_s():
    rows = np.linspace(0, 40, 400)
    both = looked(label_time=stamps(rows + 9), created_at=stamps(rows), updated_at=stamps(rows + 1))
    found = guess(both, NOTHING, NOW).time
    assert found.column == "created_at"
    assert found.sure


def test_two_times_alike_are_asked_about():
    rows = np.linspace(0, 40, 400)
    found = guess(looked(sent_at=stamps(rows), received_at=stamps(rows + 1)), NOTHING, NOW).time
    assert not found.sure
    assert found.others == ("received_at",)


def test_a_time_in_the_future_is_asked_about():
    found = guess(looked(scored_at=stamps(np.linspace(9000, 9040, 400))), NOTHING, NOW).time
    assert not found.sure
    assert "100 % of them in the future" in found.reason


def test_a_number_that_decides_the_answer_is_its_score_whatever_it_is_called():
    columns = payments()
    renamed = {("risk" if name == "score" else name): values for name, values in columns.items()}
    found = guess(looked(**renamed), NOTHING, NOW)
    assert found.score.column == "risk"
    assert found.score.reason == "numbers from 0 to 1, answer is decline above 0.1"
    assert "risk" not in found.features
    noisy = {**renamed, "risk": np.random.default_rng(1).permutation(renamed["risk"])}
    assert guess(looked(**noisy), NOTHING, NOW).score.column is None


def test_labels_in_other_words_than_the_answers_are_told_apart_by_what_they_go_with():
    columns = payments()
    named = {"decline": "fraud", "approve": "good"}
    columns["label"] = np.array([named.get(one) for one in columns["label"].tolist()], dtype=object)
    found = guess(looked(**columns), NOTHING, NOW)
    assert found.label.column == "label"
    assert found.claims == named
    assert "approve goes with good and decline goes with fraud" in found.label.reason
    columns["label"] = np.random.default_rng(2).permutation(columns["label"])
    assert guess(looked(**columns), NOTHING, NOW).label.column is None


@pytest.mark.parametrize("what", ["month", "weekday", "counter", "partition"])
def test_what_the_date_decides_is_no_feature(what):
    columns = payments()
    days = columns["scored_at"].astype("datetime64[D]").astype(np.int64)
    columns[what] = {
        "month": columns["scored_at"].astype("datetime64[M]").astype(np.int64) % 12 + 1.0,
        "weekday": np.array([str(one % 7) for one in days], dtype=object),
        "counter": np.arange(days.size) * 3.0 + 11,
        "partition": np.array([f"2026-{one}" for one in days // 9], dtype=object),
    }[what]
    found = guess(looked(**columns), NOTHING, NOW)
    assert what not in found.features
    assert found.apart[what] in {"grows with time", "the same in all rows of a day, another the next"}
    columns[what] = np.random.default_rng(3).permutation(columns[what])
    assert what in guess(looked(**columns), NOTHING, NOW).features


def test_columns_of_another_tool_s_names():
    random = np.random.default_rng(3)
    found = guess(
        table(
            identifier=np.arange(400.0),
            y_pred_proba=random.random(400),
            y_pred=random.integers(0, 2, 400).astype(np.float64),
            work_home_actual=random.integers(0, 2, 400).astype(np.float64),
        ),
        NOTHING,
        NOW,
    )
    assert (found.score.column, found.prediction.column, found.label.column) == (
        "y_pred_proba",
        "y_pred",
        "work_home_actual",
    )
    assert found.key.column == "identifier"


def test_a_score_a_class_is_recognised_by_its_sum():
    random = np.random.default_rng(3)
    parts = random.dirichlet([1, 2, 3], 400)
    named = {f"proba_{name}": parts[:, at] for at, name in enumerate("abc")}
    found = guess(table(prediction=np.array(list("abca") * 100, dtype=object), **named), NOTHING, NOW)
    assert found.probabilities == list(named)
    assert not set(named) & set(found.features)


def test_a_column_whose_time_of_knowing_is_there_is_a_label_and_no_feature():
    columns = payments()
    label = columns.pop("label") if "label" in columns else columns.pop("truth")
    known = next(name for name in columns if "known" in name or name.startswith("label"))
    columns |= {"fraud": label, "fraud_known_at": columns.pop(known)}
    found = guess(looked(**columns), NOTHING, NOW)
    assert (found.label.column, found.label_time.column) == ("fraud", "fraud_known_at")
    assert "fraud_known_at says when it became known" in found.label.reason
    assert "fraud" not in found.features


def test_a_label_with_other_values_than_the_answer_is_none():
    answers, others = (
        np.array(["yes", "no"] * 200, dtype=object),
        np.array(["cat", "cat", "dog", "dog"] * 100, dtype=object),
    )
    found = guess(table(prediction=answers, outcome=others), NOTHING, NOW)
    assert found.label.column is None
    assert "other values than prediction" in found.label.reason


def test_numbers_as_answers_are_a_regression():
    random = np.random.default_rng(3)
    found = guess(table(predicted_price=random.random(400) * 100, actual_price=random.random(400) * 90), NOTHING, NOW)
    assert found.task is Task.NUMBERS
    assert found.label.column == "actual_price"


def test_places_within_a_query_are_a_ranking():
    random = np.random.default_rng(3)
    found = guess(
        table(query_id=np.repeat(np.arange(40.0), 10), position=np.tile(np.arange(10.0), 40), score=random.random(400)),
        Given(prediction="none"),
        NOW,
    )
    assert found.task is Task.RANKING


def test_what_can_not_be_compared_is_left_out_with_the_reason():
    found = guess(
        table(
            prediction=np.array(["a", "b"] * 200, dtype=object),
            note=np.array([f"note {one}" for one in range(400)], dtype=object),
            always=np.ones(400),
            never=np.full(400, np.nan),
            tags=np.array([["x"]] * 400 + [None], dtype=object)[:400],
            born=stamps(np.linspace(0, 1, 400)),
        ),
        NOTHING,
        NOW,
    )
    assert found.features == []
    assert found.apart == {
        "note": "free text or an id",
        "always": "the same in every row",
        "never": "holds nothing",
        "tags": "holds lists or structures",
        "born": "a time",
    }


def test_the_unit_of_a_latency_is_read_from_its_name():
    found = guess(
        table(prediction=np.array(["a", "b"] * 200, dtype=object), duration_s=np.linspace(0, 2, 400)), NOTHING, NOW
    )
    assert (found.latency.column, found.latency_unit) == ("duration_s", "s")


@given(st.text(max_size=60))
def test_any_name_has_words_and_a_slug(name):
    assert all(word == word.lower() for word in words_of(name))
    assert parse_catalog(f"models: [{{name: m, monitors: [{{name: {slug(name)}x, metric: row_count}}]}}]").models


# how much a column matters


@given(st.integers(0, 2**31), st.floats(0, 3))
def test_what_is_explained_is_a_share_and_noise_explains_next_to_nothing(seed, strength):
    random = np.random.default_rng(seed)
    cause = random.normal(size=2000)
    answer = strength * cause + random.normal(size=2000)
    found = explained(
        looked(answer=answer).columns["answer"], looked(cause=cause, noise=random.normal(size=2000)).columns
    )
    assert all(0 <= share <= 1 for share in found.values())
    assert found["noise"] < 0.03
    assert found["cause"] == pytest.approx(strength**2 / (1 + strength**2), abs=0.12)


def test_a_category_that_decides_comes_first():
    random = np.random.default_rng(1)
    colour = random.choice(["red", "blue"], 2000).astype(object)
    answers = np.where((colour == "red") | (random.random(2000) < 0.1), "yes", "no").astype(object)
    found = explained(looked(a=answers).columns["a"], looked(noise=random.random(2000), colour=colour).columns)
    assert list(found) == ["colour", "noise"]
    assert found["colour"] > 0.5


def test_a_column_that_only_follows_the_one_that_counts_weighs_nothing():
    """By itself it explains as much as the other; shuffled it costs nothing."""
    random = np.random.default_rng(3)
    amount = random.normal(size=4000)
    columns = looked(amount=amount, shadow=amount + random.normal(size=4000), age=random.normal(size=4000)).columns
    score = looked(score=np.tanh(amount) + random.normal(0, 0.1, 4000)).columns["score"]
    found = weigh(score, columns)
    assert next(iter(found.values)) == "amount"
    assert found.values["shadow"] < 0.01 < 0.2 < explained(score, columns)["shadow"]
    assert found.measured.startswith("what shuffling a column costs, by a fit that explains 9")
    noise = weigh(looked(score=random.normal(size=4000)).columns["score"], columns)
    assert noise.measured.startswith("how much of the answers a column explains by itself")


def test_features_that_hang_together_get_a_monitor_that_says_so(tmp_path):
    random = np.random.default_rng(3)
    amount = random.lognormal(3, 0.5, 1000)
    columns = looked(
        amount=amount, fee=amount * 0.02 + random.normal(0, 0.05, 1000), age=random.normal(size=1000)
    ).columns
    name, share = follows(columns)
    assert name in {"amount", "fee"}
    assert share > 0.8
    assert follows(without(columns, "fee")) is None
    written = write_csv(tmp_path / "pay.csv", {**payments(30), "fee": payments(30)["amount"] * 0.02})
    source = find_source(str(written), table=None, database=None, base=tmp_path)
    look = read_look(source)
    found = guess(look, NOTHING, NOW)
    stretch = read_stretch(source.open(source.data(found.time.column)), source)
    pace = choose(look.columns[found.time.column].times, look.rows, stretch.first, stretch.last)
    made = propose(source, look, found, pace, "pay")
    (line,) = [
        one for one in as_yaml(made, budget=1, said=[], notes={}, given="pay.csv").splitlines() if "multiv" in one
    ]
    assert line.strip().startswith("- {name: together, metric: multivariate, role: guardrail, window: 1d")
    assert "still belong together, as " in line
    assert line.endswith(" follows from the others")


# how long a window is


def paced(days, a_day, wanted=None, start=START):
    times = stamps(np.sort(np.random.default_rng(2).uniform(0, days, int(days * a_day))))
    return choose(times, times.size, start, start + days * DAY, wanted)


@pytest.mark.parametrize(
    ("days", "a_day", "hours"),
    [(120, 800, 24), (400, 60, 168), (10, 24_000, 1), (2, 200_000, 1), (0.2, 200_000, 1 / 12)],
)
def test_windows_hold_enough_rows_and_leave_a_past(days, a_day, hours):
    found = paced(days, a_day)
    assert found.window == timedelta(hours=hours)
    assert found.typical >= 150
    assert len(found.windows) >= 10
    assert found.min_rows <= found.typical


def test_ninety_days_are_judged_after_those_learnt_from():
    assert len(paced(300, 300).windows) == 120


def test_a_sample_stands_for_all_rows():
    times = stamps(np.sort(np.random.default_rng(2).uniform(0, 90, 9000)))
    assert choose(times, 9_000_000, START, START + 90 * DAY).typical == pytest.approx(100_000, rel=0.05)


def test_a_date_without_a_clock_has_no_shorter_window_than_a_day():
    times = stamps(np.repeat(np.arange(60), 50_000 // 60))
    assert choose(times, times.size, START, START + 59 * DAY).window == DAY


def test_one_moment_is_no_stretch_of_time():
    times = np.repeat(stamps([1.0]), 500)
    with pytest.raises(BotError, match="right time column"):
        choose(times, 500, START, START)
    with pytest.raises(BotError, match="less than one window of a week"):
        paced(3, 400, wanted=7 * DAY)


# what is proposed and tried


@pytest.fixture(scope="module")
def tried(tmp_path_factory):
    folder = tmp_path_factory.mktemp("own")
    write_csv(folder / "fraud.csv", payments())
    source = find_source(str(folder / "fraud.csv"), table=None, database=None, base=folder)
    look = read_look(source)
    found = guess(look, NOTHING, NOW)
    stretch = read_stretch(source.open(source.data("scored_at")), source)
    pace = choose(look.columns["scored_at"].times, look.rows, stretch.first, stretch.last)
    proposal = propose(source, look, found, pace, source.name)
    told = []
    trial = try_out(
        proposal.model,
        source.open(proposal.model.data),
        pace.windows,
        budget=1.0,
        delay=label_delay(look, found),
        progress=lambda *one: told.append(one),
    )
    return source, found, pace, proposal, trial, told


def test_one_that_stands_close_to_users_comes_first_and_few_explain(tried):
    model = tried[3].model
    assert (model.name, model.monitors[0].metric, model.monitors[0].value) == (
        "fraud",
        MonitorMetric.CLASS_SHARE,
        "decline",
    )
    assert model.monitors[0].role is AlertRole.GUARDRAIL
    paging = [one.metric for one in model.monitors if one.role in {AlertRole.GUARDRAIL, AlertRole.OUTCOME}]
    assert MonitorMetric.PERFORMANCE in paging
    assert MonitorMetric.MULTIVARIATE in paging
    assert len(model.monitors) <= 10
    assert [one.name for one in model.monitors if one.check == "compare_versions"] == ["versions"]
    assert {one.feature for one in model.monitors if one.metric is MonitorMetric.NULL_RATE} == {"amount"}
    assert model.data.labels.path == model.data.predictions == "fraud.csv"


def test_the_past_is_judged_with_the_cause_and_what_labels_said_later(tried):
    trial = tried[4]
    (page,) = trial.pages
    assert START + 40 * DAY <= page.start < START + 41 * DAY
    assert "decline in" in page.sentence
    assert "amount looks 100 times too large at country=DE" in page.evidence[0]
    assert page.labels.startswith("seen 9 days before the labels: ")
    assert telling.headline(trial) == "1 page in 48 days"


def test_the_progress_of_each_monitor_is_told_to_its_end(tried):
    trial, told = tried[4], tried[5]
    assert {name for name, at, of in told if at == of} == {one.name for one in trial.tried}


def test_the_file_reads_back_as_the_same_model(tried):
    source, found, pace, proposal, trial, _ = tried
    said = telling.comments(trial, pace, 1.0)
    text = as_yaml(proposal, budget=1.0, said=said, notes={"time": found.time.reason}, given=source.shown)
    catalog = parse_catalog(text)
    assert catalog.models[0].model_dump() == proposal.model.model_dump()
    assert catalog.team_named("default").budget == 1.0
    assert "1 page in 48 days" in text
    assert all(len(line) < 200 for line in text.splitlines())


def test_the_picture_says_the_finding(tried):
    chart = telling.picture(tried[4], "fraud")
    assert chart.png.startswith(b"\x89PNG")
    assert "1 page in 48 days" in chart.alt
    assert "decline-share" in chart.alt


def test_labels_without_a_key_are_not_proposed(tmp_path):
    write_csv(tmp_path / "own.csv", without(payments(30, 100), "id"))
    source = find_source(str(tmp_path / "own.csv"), table=None, database=None, base=tmp_path)
    look = read_look(source)
    found = guess(look, NOTHING, NOW)
    pace = choose(look.columns["scored_at"].times, look.rows, START, START + 30 * DAY)
    model = propose(source, look, found, pace, "own").model
    assert model.data.labels is None
    assert MonitorMetric.PERFORMANCE not in {one.metric for one in model.monitors}


def test_too_short_a_past_says_until_when_it_learns(tmp_path):
    write_csv(tmp_path / "own.csv", payments(7, 300, fault=(90, 91)))
    source = find_source(str(tmp_path / "own.csv"), table=None, database=None, base=tmp_path)
    look = read_look(source)
    pace = choose(look.columns["scored_at"].times, look.rows, START, START + 7 * DAY, DAY)
    proposal = propose(source, look, guess(look, NOTHING, NOW), pace, "own")
    trial = try_out(proposal.model, source.open(proposal.model.data), pace.windows, budget=1.0)
    assert telling.headline(trial) == "7 windows of history: still learning until 12 Jul"
    assert telling.picture(trial, "own").png


# what would have been one incident


def alert(start, end, seen=None, sentence="it moved"):
    return Episode(
        START + start * DAY, START + (seen or end) * DAY, START + end * DAY, sentence, Finding(State.FIRING, "")
    )


def test_alerts_that_overlap_are_one_page_told_by_who_saw_it_first():
    found = pages_of([("slow", alert(1, 4, seen=9, sentence="late")), ("fast", alert(2, 3, seen=3, sentence="soon"))])
    assert found == [
        Page(START + DAY, START + 2 * DAY, START + 3 * DAY, START + 4 * DAY, "soon", ("fast", "slow")),
    ]


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, 10)), max_size=12))
def test_pages_never_overlap_and_none_is_lost(spans):
    pages = pages_of([("one", alert(start, start + length)) for start, length in spans])
    assert all(before.end <= after.begin for before, after in pairwise(pages))
    assert all(any(page.begin <= START + start * DAY < page.end for page in pages) for start, _ in spans)


# where rows lie


def test_an_address_of_a_database_is_kept_out_of_everything(monkeypatch, tmp_path):
    monkeypatch.delenv(VARIABLE, raising=False)
    source = find_source("postgresql://ada:secret@host/x", table="scores.predictions", database=None, base=tmp_path)
    assert source.name == "predictions"
    assert source.shown == "table scores.predictions"
    assert "secret" not in source.data("at").model_dump_json()


@pytest.mark.parametrize(
    ("given_words", "options", "said"),
    [
        ("nowhere.csv", {}, "There is no nowhere.csv here"),
        ("model.pkl", {}, "no table Muster reads"),
        ("empty.csv", {}, "is empty"),
        ("folder", {}, "holds no rows Muster reads"),
        ("postgresql://host/x", {}, "Which table of it"),
        ("rows.csv", {"table": "x"}, "goes with the address of a database"),
        ("x", {"database": "NO_SUCH_VARIABLE"}, "NO_SUCH_VARIABLE is not set"),
    ],
)
def test_what_can_not_be_rows_is_told(given_words, options, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model.pkl").write_bytes(b"x")
    (tmp_path / "empty.csv").touch()
    (tmp_path / "rows.csv").write_text("a,b\n1,2\n")
    (tmp_path / "folder").mkdir()
    with pytest.raises(BotError, match=said):
        find_source(given_words, **{"table": None, "database": None, **options}, base=tmp_path)


@pytest.mark.parametrize(
    ("content", "said"),
    [("a,b\n1,2\n" * 5, "at least 100 are needed"), ("a\n" + "1\n" * 200, "one column, `a`"), ("a,b\n", "no rows")],
)
def test_hardly_a_table_is_told(content, said, tmp_path):
    (tmp_path / "rows.csv").write_text(content)
    source = find_source(str(tmp_path / "rows.csv"), table=None, database=None, base=tmp_path)
    with pytest.raises(BotError, match=said):
        read_look(source)


def test_a_broken_file_is_told_without_words_of_a_configuration_that_is_not_there(tmp_path):
    (tmp_path / "rows.parquet").write_bytes(b"PAR1 and no more")
    source = find_source(str(tmp_path / "rows.parquet"), table=None, database=None, base=tmp_path)
    with pytest.raises(BotError) as failed:
        read_look(source)
    assert "muster.yaml" not in failed.value.message
    assert "data.predictions" not in failed.value.message


# what is written


@given(st.one_of(st.text(max_size=40), st.booleans(), st.integers(-(10**9), 10**9)))
def test_a_value_is_read_back_as_it_was(value):
    assert yaml.safe_load(f"x: {flow({'a': value})}  # why") == {"x": {"a": value}}
    assert "\n" not in scalar(value)


def test_a_file_that_can_not_be_written_is_told(tmp_path):
    with pytest.raises(BotError, match="can't be written"):
        write(tmp_path / "nowhere" / "muster.yaml", "x")
