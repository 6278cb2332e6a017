"""`muster monitor explain|coverage|accept|hide|shadow` on real files and a real database."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from typer.testing import CliRunner

from bot.catalog.config import Catalog
from bot.core.database import Database
from bot.core.errors import BotError
from bot.entrypoints.monitor_looks import monitor_app
from bot.monitoring.comparison import changed, side_by_side
from bot.monitoring.coverage import Cover, Level, coverage
from bot.monitoring.explain import find
from bot.monitoring.rehearsal import Episode
from bot.tables import MonitorState
from tests.behaviour.test_monitor_files import configured, folder  # noqa: F401
from tests.behaviour.test_monitoring import COUNT, RANGE, SHARE, Stream, faulty
from tests.unit.monitoring.flights import HOUR, START, model

pytestmark = pytest.mark.usefixtures("new")


@pytest.fixture
def new(configured):  # noqa: F811
    """The same monitors, where muster.yaml leaves it to people whether they tell."""
    file = configured / "muster.yaml"
    file.write_text(file.read_text().replace("shadow: false", "shadow: null"))


def asked(*words):
    answer = CliRunner().invoke(monitor_app, list(words), catch_exceptions=True)
    return answer.output if answer.exit_code == 0 else answer.exception


def judged(folder):  # noqa: F811
    """Let a worker judge the newest window."""
    from bot.catalog.load import load_catalog
    from bot.monitoring.due import introduce

    database = Database(f"sqlite:///{folder}/muster.db")
    with database.transaction() as session:
        for key in ("eta/late", "eta/delay-range"):
            introduce(session, key, START, shadow=True)
    database.close()
    return load_catalog(folder / "muster.yaml")


def test_one_monitor_is_explained_in_words(configured):  # noqa: F811
    said = asked("explain", "late")
    assert "watches        late (guardrail): share of late, every 1h" in said
    assert "may page (severity SEV2)" in said
    assert "1 false page a week, of team default's 1 a week" in said
    assert "waiting for its first look; is `muster serve` running?" in said
    judged(configured)
    assert "Accept: muster monitor accept eta/late" in asked("explain", "eta/late")
    assert "pages nobody" in asked("explain", "delay-range")
    assert json.loads(asked("explain", "late", "--json"))["monitor"] == "eta/late"
    assert "Did you mean `eta/late`" in asked("explain", "eta/lat").message


def test_monitors_are_accepted_and_hidden_from_the_command_line(configured):  # noqa: F811
    judged(configured)
    assert "late: no window judged yet." in asked("shadow")
    assert asked("accept", "late") == "eta/late tells what it finds from its next window on.\n"
    assert "was accepted by" in asked("accept", "late").message
    assert asked("accept", "--all").startswith("eta/delay-range tells")
    assert asked("shadow") == "No monitor is in shadow.\n"
    assert asked("hide", "late") == "eta/late is in shadow: it records, and tells nobody.\n"
    assert "in shadow already" in asked("hide", "late").message
    assert "--all" in asked("accept").message


def test_two_settings_are_tried_side_by_side_on_the_past():
    found = json.loads(asked("shadow", "late", "--set", "window=2h", "--weeks", "1", "--json"))
    assert [one["setting"] for one in found] == ["as in muster.yaml", "window=2h"]
    hourly, two_hourly = found
    assert hourly["judged"] + hourly["learning"] in {38, 39, 40}
    assert two_hourly["judged"] < hourly["judged"]
    (alert,) = hourly["alerts"]
    assert alert["sentence"].startswith("eta calls ")
    assert alert["start"].startswith("2026-11-03T14:")
    shown = asked("shadow", "late", "--set", "min_rows=400")
    assert "eta/late, the last " in shown
    assert "x x  2026-11-03 14:" in shown


@pytest.mark.parametrize(
    ("setting", "says"),
    [
        ("windwo=2h", "Did you mean `window`"),
        ("window", "write it as name=value"),
        ("window=soon", "is not a duration"),
        ("name=other", "no setting `name`"),
        ("min_rows=-1", "greater than or equal to 1"),
    ],
)
def test_settings_that_are_none_are_refused(setting, says):
    assert says in asked("shadow", "late", "--set", setting).message


def test_coverage_shows_what_nobody_watches():
    grid = json.loads(asked("coverage", "--json"))
    (row,) = grid
    assert row["levels"]["prediction"] == {"cover": "learning", "watched_by": ["late"]}
    assert row["levels"]["performance"]["cover"] == "nobody"
    assert "nobody" in asked("coverage")


def test_coverage_knows_states_roles_and_other_senders(make_world):
    told = Stream(make_world, SHARE, RANGE, {**COUNT, "shadow": None}, columns=faulty())
    told.at(hours=30, minutes=1)
    told.world.fire(title="eta is slow", model="eta", kind="latency", severity="SEV4")
    with told.world.muster.database.reading() as session:
        (row,) = coverage(session, told.catalog, told.world.clock.now())
        gone = coverage(session, told.catalog, told.world.clock.now() + timedelta(days=31))
    assert row.cells[Level.PREDICTION].cover is Cover.PAGES
    assert row.cells[Level.DATA_QUALITY].cover is Cover.EXPLAINS
    assert row.cells[Level.DATA_QUALITY].watched_by == ("rows", "delay-range")
    assert row.cells[Level.LATENCY].watched_by == ("generic",)
    assert row.missing == [Level.DRIFT, Level.PERFORMANCE]
    assert Level.LATENCY in gone[0].missing
    with told.world.muster.database.transaction() as session:
        for key in ("eta/late", "eta/delay-range"):
            session.get_one(MonitorState, key).shadow = True
    with told.world.muster.database.reading() as session:
        (hidden,) = coverage(session, told.catalog, told.world.clock.now())
    assert hidden.cells[Level.PREDICTION].cover is Cover.SHADOW


def episode(first, last):
    finding = None
    return Episode(START + first * HOUR, START + (first + 1) * HOUR, START + last * HOUR, "it moved", finding)


def test_alerts_that_overlap_are_about_the_same_trouble():
    class Run:
        def __init__(self, *alerts):
            self.alerts = alerts

    met = side_by_side([Run(episode(1, 3), episode(10, 12)), Run(episode(2, 5), episode(20, 22))])
    assert [(one.start - START) // HOUR for one in met] == [1, 10, 20]
    assert [[alert is not None for alert in one.alerts] for one in met] == [[True, True], [True, False], [False, True]]


def test_a_changed_monitor_keeps_its_name_and_its_other_settings():
    made = model({**SHARE, "budget": "0.5/week", "min_rows": 50})
    one = find(Catalog(models=[made]), "late")
    other = changed(one, {"window": "1d"})
    assert (other.key, other.monitor.window) == (one.key, timedelta(days=1))
    assert (other.monitor.budget, other.monitor.min_rows, other.monitor.value) == (0.5, 50, "late")
    with pytest.raises(BotError, match="`feature`"):
        changed(one, {"metric": "mean"})
    assert datetime(2026, 11, 2, tzinfo=UTC) == START
