"""Many merchants in files, three of them bad: one alert, one incident, and who they are on its card."""

import json
from datetime import timedelta

import numpy as np
import pytest
from sqlmodel import col, select

from bot.catalog.config import Catalog
from bot.data import open_model
from bot.monitoring.jobs import Monitors
from bot.monitoring.pictures import chart_of
from bot.tables import Alert, Incident, MonitorResult, MonitorState
from tests.unit.monitoring.flights import HOUR, START
from tests.unit.monitoring.merchants import HOURS, Merchants, payments

BAD = [17, 203, 401]
DECLINES = {"name": "declines", "metric": "class_share", "value": "decline", "by": "merchant", "shadow": False}


class Shop:
    """A world with a file of payments of 500 merchants; rows of its last hour still come."""

    def __init__(self, make_world, folder, merchants, *monitors):
        merchants.write(folder / "rows.parquet")
        self.world = make_world(Catalog(models=[payments(*monitors)]))
        muster = self.world.muster
        self.monitors = Monitors(muster.database, muster.house, folder, muster.clock, open_model)

    def look(self):
        self.world.clock.at = START + (HOURS * HOUR) + timedelta(minutes=1)
        self.monitors.tick()
        self.world.deliver()

    def read(self, table):
        with self.world.muster.database.reading() as session:
            return session.exec(select(table).order_by(col(next(iter(table.__table__.primary_key))))).all()


@pytest.fixture
def merchants():
    found = Merchants(count=500, rows=60)
    found.sizes[BAD] = 240
    found.share[BAD, -2] = [0.4, 0.5, 0.3]
    return found


def test_three_bad_merchants_are_one_incident_that_names_them(make_world, tmp_path, merchants):
    shop = Shop(make_world, tmp_path, merchants, DECLINES)
    shop.look()
    (alert,) = shop.read(Alert)
    (incident,) = shop.read(Incident)
    assert alert.summary.startswith("fraud answers decline more often in 3 of ")
    assert alert.segment in {f"merchant=M{number}" for number in BAD}
    assert (alert.incident_id, alert.route, alert.severity) == (incident.id, "page", "SEV2")
    card = next(
        place.messages[0]
        for place in shop.world.slack.channels.values()
        if place.name.startswith(f"inc-{incident.id}-")
    )
    said = json.dumps(card, ensure_ascii=False)
    assert all(f"M{number} " in said for number in BAD), said
    assert incident.impact["share"] == f"{alert.evidence['affected_share']}"
    (result,) = shop.read(MonitorResult)
    assert (result.value, len(result.data["segments"]["rows"]), result.data["more"]) == (3, 3, 0)
    with shop.world.muster.database.reading() as session:
        chart = chart_of(session, alert)
    assert chart.png.startswith(b"\x89PNG")
    assert all(f"M{number} (usually " in chart.alt for number in BAD)


def test_five_hundred_in_order_wake_nobody(make_world, tmp_path):
    shop = Shop(make_world, tmp_path, Merchants(count=500), DECLINES)
    shop.look()
    (state,) = shop.read(MonitorState)
    assert state.state == "ok"
    assert state.sentence.startswith("fraud: none of ")
    assert shop.read(Alert) == []


def test_a_common_move_is_said_of_all(make_world, tmp_path):
    merchants = Merchants(count=500)
    merchants.share[:, -2] = np.clip(merchants.share[:, -2] * 4, 0, 0.9)
    shop = Shop(make_world, tmp_path, merchants, DECLINES)
    shop.look()
    (alert,) = shop.read(Alert)
    assert " together: " in alert.summary
    assert alert.segment is None
