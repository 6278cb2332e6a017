"""Labels that stop are late, labels that are slow as ever are not; who never gets one is said."""

from datetime import UTC, datetime

import numpy as np
import pytest

from bot.checks.label_delay import length
from tests.unit.checks import loans
from tests.unit.checks.asking import ask

DAY = np.timedelta64(1, "D")


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    return loans.write(tmp_path_factory.mktemp("sound"), delay=9)


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    return loans.write(tmp_path_factory.mktemp("stopped"), delay=9, until=loans.END - 3 * DAY)


@pytest.mark.parametrize("window", ["", " window=7d", " window=1d", " window=14d"])
def test_slow_labels_that_are_slow_as_ever_are_on_time(sound, window):
    found = ask(sound, f"label_delay{window}")
    assert found.verdict == "on time", found.sentence
    assert found.data["came"] == pytest.approx(found.data["due"], rel=0.06)
    assert found.data["half_seconds"] / 86400 == pytest.approx(9 * np.log(2), rel=0.06)


def test_labels_that_stopped_are_late_with_the_moment_and_the_habit(stopped):
    found = ask(stopped, "label_delay")
    assert found.verdict == "late"
    assert "3,969 labels came in the last 7 days, 6,927 were due, the newest 29 Oct 23:59 UTC" in found.sentence
    assert "they usually take up to 20 days (half up to 6 days)" in found.sentence
    assert "11 % of the window's rows have one, usually 30 % by now" in found.sentence
    assert found.rows[-1] == ("1 Nov", "1,030", "0 %", "5.5 %")
    assert found.png.startswith(b"\x89PNG")


def test_a_stop_is_seen_within_hours_though_labels_take_days(tmp_path):
    config = loans.write(tmp_path, delay=9, until=loans.END - np.timedelta64(6, "h"))
    assert ask(config, "label_delay window=6h").verdict == "late"


def test_what_came_after_the_moment_asked_about_does_not_count(sound, stopped):
    then = datetime(2026, 10, 30, tzinfo=UTC)
    assert ask(sound, "label_delay", at=then).sentence == ask(stopped, "label_delay", at=then).sentence


def test_no_label_at_all_points_at_the_job_and_the_key(tmp_path):
    found = ask(loans.write(tmp_path, count=3000, until=loans.END - 90 * DAY), "label_delay")
    assert found.verdict == "no labels"
    assert "Not one label has come for 3,000 rows" in found.sentence
    assert "key" in found.sentence


def test_an_answer_that_never_gets_a_label_is_said(tmp_path):
    rng = np.random.default_rng(3)
    made = loans.rows(rng, 20_000, 60)
    loans.save(tmp_path, "predictions", {name: one for name, one in made.items() if name != "paid"})
    kept = (made["answer"] == "paid") & (made["at"] < loans.END - 2 * DAY)
    came = made["at"][kept] + 2 * DAY
    loans.save(tmp_path, "labels", {"id": made["id"][kept], "paid": made["paid"][kept], "came": came})
    (tmp_path / "muster.yaml").write_text(loans.YAML.format(time=", time: came"))
    found = ask(tmp_path / "muster.yaml", "label_delay")
    assert found.verdict == "on time", found.sentence
    assert any("rows answered `default` never get a label (0 of " in note for note in found.notes)
    assert not any("`paid`" in note for note in found.notes)
    assert "they usually take up to 2 days" in found.sentence


def test_without_times_of_labels_it_says_what_to_add(tmp_path):
    found = ask(loans.write(tmp_path, count=5000, timed=False), "label_delay")
    assert found.verdict == "can't tell"
    assert "add `time:` under `data.labels`" in found.sentence


def test_no_history_too_few_and_an_empty_window_are_answers(tmp_path, sound):
    (tmp_path / "new").mkdir()
    new = loans.write(tmp_path / "new", days=5.0, count=5000)
    assert ask(new, "label_delay").verdict == "can't tell"
    (tmp_path / "few").mkdir()
    few = ask(loans.write(tmp_path / "few", count=300), "label_delay window=1d")
    assert few.verdict == "too few rows"
    assert "Try a longer window" in few.sentence
    assert ask(sound, "label_delay", at=datetime(2026, 1, 1, tzinfo=UTC)).verdict == "no data"


def test_a_key_or_time_that_is_not_there_says_so(tmp_path):
    config = loans.write(tmp_path, count=2000)
    whole = config.read_text()
    for old, new, says in (
        ("key: id", "key: loan", "`loan`"),
        ("time: came", "time: cane", "`came`"),
        ("time: came", "time: paid", "holds no times"),
        ("labels.parquet", "lables.parquet", "nothing is there"),
    ):
        config.write_text(whole.replace(old, new))
        found = ask(config, "label_delay")
        assert found.verdict == "not configured"
        assert says in found.sentence


def test_times_as_seconds_and_keys_as_text_are_read_too(tmp_path):
    rng = np.random.default_rng(4)
    made = loans.rows(rng, 20_000, 60)
    keys = np.array([f"loan-{one}" for one in made["id"]], dtype=object)
    rows = {name: one for name, one in made.items() if name != "paid"}
    loans.save(tmp_path, "predictions", rows | {"id": keys})
    came = made["at"] + (rng.exponential(3, keys.size) * 86400e6).astype("timedelta64[us]")
    seen = came < loans.END
    seconds = came.astype(np.int64) / 1e6
    labels = {"id": keys[seen], "paid": made["paid"][seen], "came": seconds[seen]}
    loans.save(tmp_path, "labels", labels)
    (tmp_path / "muster.yaml").write_text(loans.YAML.format(time=", time: came"))
    found = ask(tmp_path / "muster.yaml", "label_delay")
    assert found.verdict == "on time"
    assert found.data["half_seconds"] / 86400 == pytest.approx(3 * np.log(2), rel=0.08)


@pytest.mark.parametrize(
    ("seconds", "says"),
    [
        (86400, "1 day"),
        (9.4 * 86400, "9 days"),
        (1.5 * 86400, "1.5 days"),
        (7200, "2 hours"),
        (60, "1 minute"),
        (3, "under a minute"),
    ],
)
def test_durations_read_as_people_say_them(seconds, says):
    assert length(seconds) == says
