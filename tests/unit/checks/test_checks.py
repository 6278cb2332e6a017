"""Each check answers on real files, in its own process, with the numbers that decide it."""

from datetime import UTC, datetime

import pytest

from bot.catalog.config import Limits
from bot.catalog.load import load_catalog
from bot.checks import launch
from bot.checks.contract import CheckRequest
from bot.checks.launch import WARM
from bot.checks.service import Checks
from bot.core.errors import BotError
from tests.unit.checks import flights

NOW = datetime(2026, 11, 2, 3, 0, tzinfo=UTC)


@pytest.fixture(scope="module", autouse=True)
def warm():
    assert WARM.start()
    yield
    WARM.stop()


@pytest.fixture(scope="module")
def faulty(tmp_path_factory):
    folder = tmp_path_factory.mktemp("faulty")
    return Checks(load_catalog(flights.write(folder)), folder)


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sound")
    return Checks(load_catalog(flights.write(folder, faulty=False)), folder)


def ask(checks, line, at=NOW, model="eta"):
    check, params = checks.registry.read_line(line)
    result = checks.run(CheckRequest(check.name, params, model, at))
    assert result.verdict in (*check.verdicts, "not configured", "failed", "timed out")
    assert len(result.rows) <= 8
    assert all(len(row) == len(result.columns) for row in result.rows)
    return result


def test_range_names_the_change_of_unit_and_its_remedy(faulty):
    found = ask(faulty, "range feature=dep_delay")
    assert found.verdict == "unit change"
    assert "60" in found.sentence
    assert " min" in found.sentence
    assert found.rows_read == 600
    assert found.png.startswith(b"\x89PNG")
    assert found.data["fault"]["factor"] == pytest.approx(60, rel=0.01)


def test_range_without_a_feature_looks_at_all_and_leads_with_the_worst(faulty):
    found = ask(faulty, "range")
    assert [row[0] for row in found.rows] == ["dep_delay", "distance"]
    assert found.verdict == "unit change"


def test_segments_find_where_it_sits(faulty):
    found = ask(faulty, "segments")
    assert found.verdict == "concentrated"
    assert "origin" in found.sentence
    assert "EWR" in found.sentence
    by_feature = ask(faulty, "segments feature=dep_delay")
    assert by_feature.verdict == "concentrated"
    assert "EWR" in by_feature.sentence


def test_drift_ranks_all_features(faulty):
    found = ask(faulty, "drift")
    assert found.verdict == "drifted"
    assert found.rows[0][0] == "dep_delay"
    assert found.alt


@pytest.mark.parametrize("mode", ["exact", "sketch", "auto"])
def test_drift_of_one_feature_agrees_in_every_mode(faulty, mode):
    assert ask(faulty, f"drift feature=dep_delay mode={mode}").verdict == "drifted"
    assert ask(faulty, f"drift feature=distance mode={mode}").verdict == "stable"


def test_null_rate_is_calm_when_nulls_are_usual(faulty):
    found = ask(faulty, "null_rate feature=dep_delay")
    assert "dep_delay usually " in found.alt
    assert "%, now " in found.alt
    assert found.verdict == "ok"
    assert "usually 2.0 %" in found.sentence


def test_on_sound_data_every_check_is_calm(sound):
    verdicts = {line: ask(sound, line).verdict for line in ("null_rate", "range", "drift", "segments")}
    assert verdicts == {"null_rate": "ok", "range": "ok", "drift": "stable", "segments": "no change"}


def test_holdout_tells_a_fall_from_labels_that_are_late(faulty, sound):
    assert ask(sound, "holdout window=12h").verdict == "holds"
    late = ask(sound, "holdout window=10m")
    assert late.verdict == "no labels"
    assert "label delay" in late.sentence


def test_holdout_sees_the_fall(tmp_path):
    checks = Checks(load_catalog(flights.write(tmp_path)), tmp_path)
    found = ask(checks, "holdout window=1h", at=datetime(2026, 11, 2, 2, 30, tzinfo=UTC))
    assert found.verdict == "degraded", found.sentence


def test_too_few_rows_is_an_answer_that_says_how_many_are_needed(sound):
    found = ask(sound, "drift feature=distance window=3m")
    assert found.verdict == "too few rows"
    assert "Only 30 rows" in found.sentence
    assert "window=1h" in found.sentence


def test_a_window_after_the_newest_row_moves_there_and_says_so(sound):
    found = ask(sound, "drift feature=distance", at=datetime(2026, 11, 5, tzinfo=UTC))
    assert found.verdict == "stable"
    assert "no rows are newer than 02 Nov" in found.notes[0]


def test_a_model_without_data_is_told_what_to_add(sound):
    found = ask(sound, "drift", model="other")
    assert found.verdict == "not configured"
    assert "muster.yaml" in found.sentence


def test_an_unknown_column_is_told_what_there_is(sound):
    found = ask(sound, "drift feature=dep_dealy")
    assert found.verdict == "not configured"
    assert "`dep_delay`" in found.sentence


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("drfit", "drift"),
        ("drift featur=x", "feature"),
        ("drift window=soon", "30s, 5m, 1h"),
        ("drift feature", "name=value"),
        ("drift feature='x", "quotation mark"),
        ("drift mode=fast", "Usage: drift"),
        ("", "null_rate"),
    ],
)
def test_a_wrong_line_says_what_exists(sound, line, says):
    with pytest.raises(BotError) as error:
        ask(sound, line)
    assert says in error.value.message


@pytest.mark.parametrize("cold", [False, True])
@pytest.mark.parametrize(
    ("room", "verdict", "says"),
    [
        ("hangs", "timed out", "stopped after"),
        ("eats", "failed", "MiB it may use"),
        ("crashes", "failed", "SIGSEGV"),
        ("babbles", "failed", "8 MiB"),
        ("lies", "failed", "could not be read"),
        ("raises", "failed", "ZeroDivisionError"),
        ("forks", "timed out", "stopped after"),
    ],
)
def test_whatever_a_check_does_the_answer_is_a_sentence(sound, room, verdict, says, cold, monkeypatch):
    from bot.checks.registry import Check, Params
    from bot.checks.runner import run_check

    if cold:
        monkeypatch.setattr(launch, "WARM", launch.Warm())
    check = Check(room, "", Params, (), f"tests.unit.checks.misbehaving.{room}")
    found = run_check(
        check,
        CheckRequest(room, {}, "eta", NOW),
        sound.catalog.model("eta"),
        base=sound.base,
        limits=Limits(seconds=1, memory_mib=1024),
    )
    assert (found.verdict, says in found.sentence) == (verdict, True), found.sentence


def test_a_warm_process_that_died_is_started_again(sound):
    launch.WARM._process.kill()
    launch.WARM._process.wait()
    assert ask(sound, "null_rate").verdict == "ok"
    assert launch.WARM._process.poll() is None


def test_no_secret_reaches_a_check(monkeypatch):
    monkeypatch.setenv("SLACK_BOT_TOKEN", "xoxb-canary")
    assert "xoxb-canary" not in launch.clean_environment().values()
