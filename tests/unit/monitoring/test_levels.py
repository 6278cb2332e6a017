"""One number a window: what fires, what does not, and in which words; and checks that watch."""

from datetime import timedelta

import numpy as np
import pytest

from bot.catalog.config import Model
from bot.catalog.kinds import AlertKind, AlertRole
from bot.catalog.load import parse_catalog
from bot.core.errors import BotError, ConfigError
from bot.data import open_model
from bot.monitoring.finding import State
from bot.monitoring.judges.judging import judge
from bot.monitoring.judges.terms import Terms
from bot.monitoring.watched import Watched
from bot.monitoring.windows import Window
from tests.parquet import writing
from tests.unit.monitoring.flights import HOUR, START

RATE = 0.25 / 168
HOURS, A_WINDOW = 42, 400


def payments(seed=1, day=0.0):
    """A stream with an amount, a score, a latency and a default answer; windows differ by more than chance."""
    rng = np.random.default_rng(seed)
    rows = HOURS * A_WINDOW
    seconds = np.sort(rng.uniform(0, HOURS * 3600, rows))
    mood = np.repeat(rng.normal(0, 0.03, HOURS), A_WINDOW) + day * np.sin(seconds / 86400 * 2 * np.pi)
    score = 1 / (1 + np.exp(-(rng.normal(-2, 1, rows) + mood)))
    return {
        "at": np.datetime64(START.replace(tzinfo=None), "us") + (seconds * 1e6).astype("timedelta64[us]"),
        "amount": np.exp(rng.normal(3.5, 0.8, rows) + mood),
        "score": score,
        "took": rng.gamma(3, 30, rows) * np.exp(mood),
        "answer": np.where(rng.uniform(size=rows) < 0.01, "fallback", np.where(score > 0.5, "yes", "no")).astype(
            object
        ),
        "id": np.arange(rows).astype(float),
    }


def broken(columns, hour=40):
    return columns["at"] >= np.datetime64((START + hour * HOUR).replace(tzinfo=None), "us")


def write(path, columns):
    with writing() as connection:
        shown = ", ".join(f"columns.{name} AS {name}" for name in columns)
        plain = {name: cells.astype(str) if cells.dtype == object else cells for name, cells in columns.items()}
        connection.register("columns", plain)
        connection.execute(f"COPY (SELECT {shown} FROM columns) TO '{path}' (FORMAT parquet)")


@pytest.fixture
def found(tmp_path):
    def one(monitor, columns, hour=40, **data):
        write(tmp_path / "rows.parquet", columns)
        settings = {"predictions": "rows.parquet", "time": "at", "prediction": "answer", "score": "score"}
        settings |= {"latency": "took", "default_prediction": "fallback", "features": {"amount": {"unit": "EUR"}}}
        model = Model.model_validate(
            {"name": "fraud", "data": {**settings, **data}, "monitors": [{"name": "m", **monitor}]}
        )
        rows = open_model(model, tmp_path)
        window = Window(START + hour * HOUR, START + (hour + 1) * HOUR)
        return judge(Watched(model, model.monitors[0]), rows, window, Terms(alarm_rate=RATE))

    return one


def every_eighth(cells, value):
    return np.where(np.arange(cells.size) % 8 == 0, value, cells)


MEAN = {"metric": "mean", "feature": "amount"}
FAULTS = {
    "mean": (MEAN, "amount", lambda cells: cells * 1.4),
    "score": ({"metric": "score"}, "score", lambda cells: np.clip(cells + 0.1, 0, 1)),
    "confidence": ({"metric": "confidence"}, "score", lambda cells: 0.5 + (cells - 0.5) * 0.5),
    "latency": ({"metric": "latency"}, "took", lambda cells: cells * 2),
    "default_rate": ({"metric": "default_rate"}, "answer", lambda cells: every_eighth(cells, "fallback")),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_change_that_matters_fires_and_the_hour_before_does_not(found, name):
    monitor, column, change = FAULTS[name]
    columns = payments()
    hit = broken(columns)
    columns[column] = np.where(hit, change(columns[column]), columns[column])
    assert found(monitor, columns, hour=39).state is State.OK
    fired = found(monitor, columns)
    assert fired.state is State.FIRING
    assert fired.surprise > -np.log10(RATE)
    assert fired.data["before"]


def test_the_words_are_in_the_features_own_units(found):
    columns = payments()
    columns["amount"] = np.where(broken(columns), columns["amount"] * 100, columns["amount"])
    columns["took"] = np.where(broken(columns), columns["took"] * 3, columns["took"])
    said = found(MEAN, columns).sentence
    assert said.startswith("mean amount of fraud is 4,")
    assert "EUR (usually 3" in said
    assert "p95 latency of fraud is " in found({"metric": "latency"}, columns).sentence
    assert "p99 latency of fraud is " in found({"metric": "latency", "percentile": 99}, columns).sentence
    assert " ms (usually up to " in found({"metric": "latency"}, columns).sentence


def test_faster_answers_page_nobody(found):
    columns = payments()
    columns["took"] = np.where(broken(columns), columns["took"] / 5, columns["took"])
    assert found({"metric": "latency"}, columns).state is State.OK


def test_a_rule_takes_the_place_of_the_band_and_wants_more_than_chance(found):
    columns = payments()
    usual = found({"metric": "latency"}, columns).value
    near = {"metric": "latency", "rule": {"above": usual * 0.99}}
    assert found(near, columns).state is State.OK, "the interval of the percentile reaches below the limit"
    over = found({"metric": "latency", "rule": {"above": usual / 2}}, columns)
    assert over.state is State.FIRING
    assert over.sentence.endswith(" ms)")
    assert "(at most " in over.sentence
    assert found({**MEAN, "rule": {"below": 1}}, columns).state is State.OK
    with pytest.raises(BotError, match="belongs to performance monitors"):
        found({**MEAN, "rule": {"drop": "5%"}}, columns)


@pytest.mark.parametrize("seed", range(6))
def test_ordinary_hours_stay_calm(found, seed):
    columns = payments(seed=seed + 10)
    for monitor in (MEAN, {"metric": "score"}, {"metric": "latency"}, {"metric": "confidence"}):
        for hour in (36, 41):
            assert found(monitor, columns, hour=hour).state is State.OK


def test_states_of_their_own(found):
    columns = payments()
    assert found(MEAN, columns, hour=60).state is State.NO_DATA
    assert found({**MEAN, "min_rows": 5000}, columns).state is State.TOO_FEW
    learning = found(MEAN, columns, hour=4)
    assert learning.state is State.LEARNING
    assert learning.sentence == "Learning: 4 of 10 baseline windows seen, 6 to go."
    empty = payments()
    empty["amount"] = np.where(broken(empty), np.nan, empty["amount"])
    assert "0 rows with mean amount" in found(MEAN, empty).sentence
    with pytest.raises(BotError, match="holds text, not numbers"):
        found({"metric": "mean", "feature": "answer"}, columns)
    with pytest.raises(BotError, match="no probabilities"):
        found({"metric": "confidence"}, columns, score="amount")
    with pytest.raises(BotError, match="`default_prediction:`"):
        found({"metric": "default_rate"}, columns, default_prediction=None)


def test_a_constant_that_changes_is_seen_and_one_that_stays_is_not(found):
    columns = payments()
    columns["amount"] = np.full(columns["amount"].size, 5.0)
    assert found(MEAN, columns).state is State.OK
    columns["amount"] = np.where(broken(columns), 6.0, 5.0)
    assert found(MEAN, columns).state is State.FIRING


def test_a_check_watches_as_a_monitor(found):
    columns = payments()
    twice = found({"metric": "duplicates"}, columns)
    assert (twice.state, twice.data["check"]) == (State.OK, "duplicates")
    columns["id"] = np.where(broken(columns) & (np.arange(columns["id"].size) % 2 == 0), 7.0, columns["id"])
    assert found({"metric": "freshness"}, columns, hour=41).state is State.OK
    late = found({"metric": "freshness"}, columns, hour=60)
    assert late.state is State.FIRING
    assert "old" in late.sentence
    same = found({"metric": "check", "check": "row_count"}, columns)
    assert same.data["verdict"] in {"ok", "too few windows"}


def test_a_version_that_answers_otherwise_is_named_with_the_way_back(found):
    versions = {"metric": "check", "check": "compare_versions"}
    columns = payments()
    columns["version"] = np.full(columns["id"].size, "v1", dtype=object)
    assert found(versions, columns, version="version").state is State.OK
    new = broken(columns)
    columns["version"][new] = "v2"
    columns["answer"][new] = every_eighth(np.full(new.sum(), "yes", dtype=object), "no")
    finding = found(versions, columns, version="version")
    assert finding.state is State.FIRING
    assert finding.segment == "version=v2"
    assert "Version v2 differs from v1" in finding.sentence
    assert finding.data["remedy"] == "send the traffic back to v1"


@pytest.mark.parametrize(
    ("monitor", "says"),
    [
        ("{name: m, metric: mean}", "a mean monitor needs `feature`"),
        ("{name: m, metric: check}", "`check` names a diagnostic check"),
        ("{name: m, metric: score, check: drift}", "goes with metric: check"),
        ("{name: m, metric: score, percentile: 99}", "`percentile` belongs to latency monitors"),
        ("{name: m, metric: latency, percentile: 100}", "less than 100"),
    ],
)
def test_settings_that_do_not_fit_are_refused_with_their_line(monitor, says):
    with pytest.raises(ConfigError, match=f"muster.yaml:3: .*{says}"):
        parse_catalog(f"models:\n  - name: fraud\n    monitors: [{monitor}]\n")


def test_roles_and_kinds_of_the_new_metrics():
    model = Model.model_validate(
        {"name": "f", "monitors": [{"name": metric, "metric": metric} for metric in ("latency", "schema", "freshness")]}
    )
    one = {monitor.name: Watched(model, monitor) for monitor in model.monitors}
    assert (one["latency"].role, one["latency"].kind) == (AlertRole.GUARDRAIL, AlertKind.LATENCY)
    assert (one["schema"].role, one["schema"].kind) == (AlertRole.DIAGNOSTIC, AlertKind.DATA_QUALITY)
    assert one["freshness"].kind is AlertKind.FRESHNESS
    assert timedelta(hours=1) == one["schema"].monitor.window
