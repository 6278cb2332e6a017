"""Nobody acts: the next level is called, once each, also after a downtime."""

from bot.catalog.config import Catalog
from bot.escalation.jobs import tick


def pages(world):
    return [row["text"] for row in world.get("/v1/incidents/1/timeline") if row["kind"].startswith("escalation.")]


def needed(world, name):
    return [message for message in world.slack.channel(name).messages if "You are needed" in message["text"]]


def test_a_page_goes_out_at_once_and_the_next_level_after_its_time(world):
    world.slack.channel("incidents").members.update({"U1", "U2"})
    world.fire(model="m", severity="page")
    assert len(world.slack.channel("incidents").messages) == 1
    world.advance(minutes=14)
    assert len(pages(world)) == 1
    world.advance(minutes=2)
    assert pages(world)[1] == "Called level 2 of 2: members"
    assert [len(needed(world, f"dm-{user}")) for user in ("U1", "U2")] == [1, 1]


def test_whoever_is_on_it_stops_the_calls(world):
    world.slack.channel("incidents").members.update({"U1", "U2"})
    world.fire(model="m", severity="page")
    world.advance(minutes=16)
    world.click("I'm on it", user="U2", channel=world.slack.channel("dm-U2").id)
    [called_page] = world.slack.channel("dm-U1").messages
    assert "<@U2> has INC-1" in called_page["text"]
    assert [block["type"] for block in called_page["blocks"]] == ["section"]
    called = len(pages(world))
    world.advance(hours=5)
    assert len(pages(world)) == called
    assert world.get("/v1/incidents/1")["acknowledged_by"] == "U2"


def test_not_me_calls_the_next_level_now(world):
    world.slack.channel("incidents").members.add("U1")
    world.fire(model="m", severity="page")
    world.advance(minutes=16)
    world.click("Not me: next", channel=world.slack.channel("dm-U1").id)
    assert pages(world)[-1] == "Called level 1 of 2: channel"
    assert len(needed(world, "incidents")) == 1


def test_after_a_long_downtime_levels_come_one_by_one(world):
    world.slack.channel("incidents").members.add("U1")
    world.fire(model="m", severity="page")
    world.advance(hours=10)
    called = [text for text in pages(world) if text.startswith("Called")]
    assert len(called) == 2
    world.advance(seconds=30)
    assert [text for text in pages(world) if text.startswith("Called")] == called
    for _ in range(6):
        world.advance(minutes=16)
    assert pages(world)[-1] == "Every level was called and nobody acknowledged"
    assert len(pages(world)) == 5


def test_two_ticks_call_a_level_once(world):
    world.fire(model="m", severity="page")
    world.clock.at = world.clock.at.replace(minute=20)
    assert tick(world.muster.database, world.clock.now()) == 1
    assert tick(world.muster.database, world.clock.now()) == 0


def test_resolving_stops_the_calls(world):
    world.fire(model="m", severity="page")
    world.command("resolve feed rolled back")
    world.advance(hours=2)
    assert len(pages(world)) == 1


def test_escalate_by_command(world):
    world.fire(model="m", severity="page")
    assert "is being called" in world.command("escalate I need the feed's team")
    assert any("I need the feed's team" in text for text in pages(world))


def test_a_level_that_reaches_nobody_does_not_cost_its_time(world):
    world.fire(model="m", severity="page")
    world.advance(minutes=16)
    assert pages(world)[-1] == "members could not be reached (the announcement channel has no full member)"
    world.advance(seconds=61)
    assert pages(world)[-1] == "Called level 1 of 2: channel"


def expiring():
    levels = [{"notify": ["U2"], "timeout": "5m"}]
    return Catalog.model_validate(
        {
            "policies": [{"name": "oncall", "levels": levels, "repeat": 2, "acknowledge_expires": "30m"}],
            "default_policy": "oncall",
        }
    )


def test_an_acknowledgement_that_moves_nothing_expires(make_world):
    world = make_world(expiring())
    world.fire(model="m", severity="page")
    world.click("Acknowledge", user="U1", channel=world.slack.channel("inc-1-").id)
    world.advance(minutes=20)
    world.command("note INC-1 looking at the feed", user="U1")
    world.advance(minutes=20)
    assert len(needed(world, "dm-U2")) == 0
    world.advance(minutes=11)
    assert pages(world)[-2] == "Acknowledged, but nothing has moved for 30m: calling again"
    assert len(needed(world, "dm-U2")) == 1
    world.command("resolve INC-1 the feed is back", user="U1")
    world.advance(hours=4)
    assert len(world.slack.channel("dm-U2").messages) == 2


def test_a_user_group_is_called_where_all_see_it(make_world):
    policy = {"name": "oncall", "levels": [{"notify": ["S0123"], "timeout": "5m"}]}
    world = make_world(Catalog.model_validate({"policies": [policy], "default_policy": "oncall"}))
    world.fire(model="m", severity="page")
    assert "<!subteam^S0123>" in needed(world, "incidents")[0]["blocks"][0]["text"]["text"]
