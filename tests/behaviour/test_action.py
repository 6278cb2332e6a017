"""Changing a system from the channel: who may, what is shown, one call, what is said of it."""

import json
import threading
import time
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from sqlmodel import select

from bot.actions import calls, jobs
from bot.actions.deliveries import ActionDeliveries
from bot.actions.handlers import ActionHandlers
from bot.actions.service import Actions
from bot.catalog.config import Catalog
from bot.checks.messages import is_calm
from bot.core.errors import BotError
from bot.tables import ActionRun, CheckRun, Incident

SECRET = "s3cr3t-of-the-gateway"


class Target:
    """The system that is changed: keeps each request, and answers as it is told."""

    def __init__(self):
        self.requests = []
        self.status, self.body, self.headers, self.wait = 200, b'{"ok": true}', {}, 0
        target = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                target.requests.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                time.sleep(target.wait)
                self.send_response(target.status)
                for name, value in {"Content-Length": str(len(target.body)), **target.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(target.body)

            def log_message(self, *_args):
                return

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/routes/fraud"

    def stop(self):
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def target(monkeypatch):
    monkeypatch.setenv("GATEWAY_TOKEN", f"Bearer {SECRET}")
    made = Target()
    yield made
    made.stop()


class Scene:
    """A world with one action, the room connected, and an open incident."""

    def __init__(self, make_world, target, **action):
        settings = {
            "name": "fallback",
            "title": "Switch to fallback",
            "http": {
                "url": f"{target.url}?api_key=abc&mode=rules",
                "headers": {"Authorization": {"env": "GATEWAY_TOKEN"}},
                "json": {"variant": "rules-v1"},
                "timeout": "1s",
            },
            "approvers": ["U1", "U2"],
            **action,
        }
        settings["http"] = {**settings["http"], **action.get("http", {})}
        self.world = make_world(Catalog.model_validate({"actions": [settings]}))
        self.target = target
        muster = self.world.muster
        self.asked = []
        self.mitigated = []
        self.actions = Actions(muster.catalog, is_calm, ask=self.ask, mitigated=self.mitigate)
        muster.listeners.actions = {
            name: run for name, run in muster.listeners.actions.items() if not name.startswith("action.")
        }
        muster.listeners.subcommands.pop("action", None)
        muster.kinds.by_name = {
            name: kind for name, kind in muster.kinds.by_name.items() if not name.startswith("action.")
        }
        ActionHandlers(self.actions, muster.listeners).register()
        muster.kinds.add(*ActionDeliveries(self.actions).kinds())
        self.worker = jobs.ActionWorker(self.actions, muster.database, muster.clock)
        for user in ("U1", "U2", "U3"):
            self.world.command("list", user=user)
        self.world.fire(model="m", severity="page")
        self.channel = self.world.slack.channel("inc-1-")
        self.pause(10)

    def pause(self, seconds=4):
        """Let the channel's pace of a message a second catch up."""
        for _ in range(seconds):
            self.world.clock.at += timedelta(seconds=1)
            self.world.deliver()

    def ask(self, session, now, incident, line):
        self.asked.append(line)
        if line == "nonsense":
            raise BotError("There is no check `nonsense`.")
        check = CheckRun(incident_id=incident.id, name=line.split()[0], requested_at=now, state="done")
        session.add(check)
        session.flush()
        return check

    def mitigate(self, session, incident, now):
        self.mitigated.append(now)
        incident.mitigated_at = now

    def press(self, label="Switch to fallback", user="U1"):
        self.pause(1)
        said = self.world.click(label, user=user, channel=self.channel.id)
        self.pause()
        return said

    def work(self):
        worked = self.worker.run_next()
        self.pause()
        return worked

    def tick(self, **length):
        self.world.clock.at += timedelta(**length)
        ended = jobs.tick(self.world.muster.database, self.actions, self.world.clock.now())
        self.world.deliver()
        return ended

    def run(self):
        with self.world.muster.database.reading() as session:
            return session.exec(select(ActionRun).order_by(ActionRun.id.desc())).first()

    def card(self):
        return next(
            json.dumps(message, ensure_ascii=False)
            for message in reversed(self.channel.messages)
            if "Switch to fallback" in message["text"]
        )

    def told(self):
        return self.world.slack.ephemerals[-1]["text"]

    def kinds(self):
        rows = self.world.get("/v1/incidents/1/timeline")
        return [row["kind"] for row in rows if row["kind"].startswith("action.")]


@pytest.fixture
def scene(make_world, target):
    return lambda **action: Scene(make_world, target, **action)


def test_one_approver_sees_exactly_what_will_be_called_and_it_is_called_once(scene):
    at = scene(verify="class_share window=15m")
    at.press()
    modal = json.dumps(at.world.slack.views[-1], ensure_ascii=False)
    assert "POST http://127.0.0.1" in modal
    assert "api_key=***" in modal
    assert "mode=rules" in modal
    assert "rules-v1" in modal
    assert "(from $GATEWAY_TOKEN)" in modal
    assert SECRET not in modal
    assert at.target.requests == []
    at.world.submit(user="U1", reason="declines are wrong")
    assert at.run().state == "approved"
    assert at.work()
    assert not at.work()
    [(path, headers, body)] = at.target.requests
    assert path == "/routes/fraud?api_key=abc&mode=rules"
    assert headers["authorization"] == f"Bearer {SECRET}"
    assert headers["idempotency-key"] == f"muster-action-{at.run().id}"
    assert json.loads(body) == {"variant": "rules-v1"}
    assert at.run().state == "done"
    assert "answered 200" in at.card()
    assert "declines are wrong" in at.card()
    assert at.mitigated == [at.run().finished_at]
    assert at.asked == ["class_share window=15m"]
    assert at.kinds() == ["action.approved", "action.called", "action.done"]


def test_the_check_after_it_says_whether_it_is_better(scene):
    at = scene(verify="class_share window=15m")
    at.press()
    at.world.submit(user="U1")
    at.work()
    assert "Verifying by" in at.card()
    with at.world.muster.database.transaction() as session:
        check = session.get_one(CheckRun, at.run().data["verify"]["check"])
        check.verdict, check.sentence = "ok", "declines are 4 % again."
        at.actions.check_finished(session, check, at.world.clock.now())
        at.actions.check_finished(session, check, at.world.clock.now())
    at.world.deliver()
    assert "Verified: declines are 4 % again." in at.card()
    assert at.kinds().count("action.verified") == 1


def test_a_check_that_does_not_exist_costs_no_outcome(scene):
    at = scene(verify="nonsense")
    at.press()
    at.world.submit(user="U1")
    at.work()
    assert at.run().state == "done"
    assert "could not be verified" in at.card()


def test_two_people_are_needed_where_two_are_asked_for(scene):
    at = scene(two_person=True)
    at.press(user="U1")
    assert "<@U2> can approve it" in at.told()
    assert "rules-v1" in at.card()
    at.press("Approve", user="U1")
    assert "You asked for `fallback` yourself" in at.told()
    at.press("Approve", user="U3")
    assert "Only <@U1> or <@U2> may approve" in at.told()
    assert not at.work()
    at.press("Approve", user="U2")
    assert at.work()
    assert len(at.target.requests) == 1
    run = at.run()
    assert (run.requested_by, run.approved_by, run.state) == ("U1", "U2", "done")
    assert at.kinds() == [
        "action.requested",
        "action.denied",
        "action.denied",
        "action.approved",
        "action.called",
        "action.done",
    ]


def test_a_member_may_ask_and_an_approver_decides(scene):
    at = scene(two_person=True)
    at.press(user="U3")
    at.press("Refuse", user="U2")
    assert at.run().state == "refused"
    assert "refused; nothing was called" in at.card()
    assert "Approve" not in at.card()
    at.press(user="U3")
    at.press("Refuse", user="U3")
    assert at.run().result.startswith("withdrawn")
    assert not at.work()
    assert at.target.requests == []


def test_the_only_approver_can_not_be_two_people(scene):
    at = scene(two_person=True, approvers=["U1"])
    at.press(user="U1")
    assert "needs two people" in at.told()
    assert at.run() is None


def test_who_is_no_approver_is_refused_politely_and_kept_on_the_timeline(scene):
    at = scene()
    at.press(user="U3")
    assert "only <@U1> or <@U2> may start it" in at.told()
    assert at.world.slack.views == []
    assert at.kinds() == ["action.denied"]


def test_guests_and_people_slack_has_not_named_change_nothing(scene):
    at = scene(approvers=["U1", "U9", "U3"])
    at.press(user="U9")
    assert "has not heard from Slack yet" in at.told()
    at.press(user="U9")
    assert "Only full members" in at.told()
    at.world.clock.at += timedelta(days=2)  # what Slack said of them is old by now
    at.world.slack.fail("users.info", error="user_not_found")
    at.press(user="U3")
    assert "has not heard from Slack yet" in at.told()
    assert at.world.slack.views == []
    assert at.run() is None


def test_an_action_without_approvers_is_off_and_says_how_to_switch_it_on(scene):
    at = scene(approvers=[])
    assert "Switch to fallback" not in json.dumps(at.channel.messages)
    said = at.world.command("action fallback", channel=at.channel.id)
    assert "`fallback` is off" in said
    assert "`approvers:` in muster.yaml" in said
    assert "off:" in at.world.command("action", channel=at.channel.id)


def test_the_command_lists_and_starts_what_exists(scene):
    at = scene(models=["m"])
    assert "`/incident action fallback` Switch to fallback" in at.world.command("action", channel=at.channel.id)
    assert "Did you mean `fallback`" in at.world.command("action falback", channel=at.channel.id)
    at.world.command("action fallback", channel=at.channel.id)
    assert len(at.world.slack.views) == 1
    at.world.fire(model="other", severity="page", id="o")
    assert "is for m" in at.world.command("action INC-2 fallback")


def test_pressing_twice_asks_once(scene):
    at = scene(two_person=True)
    at.press(user="U1")
    at.press(user="U3")
    assert "@ada asked for `fallback` already" in at.told()
    at.press("Approve", user="U2")
    with at.world.muster.database.transaction() as session, pytest.raises(BotError, match="decided already by @bo"):
        at.actions.approve(session, at.run().id, "U1", at.world.clock.now())


def test_a_request_nobody_decides_ends(scene):
    at = scene(two_person=True)
    at.press(user="U1")
    assert at.tick(minutes=9) == 0
    assert at.tick(minutes=2) == 1
    assert "not decided within 10 min" in at.card()
    at.press(user="U1")
    assert at.run().state == "requested"


@pytest.mark.parametrize(
    ("answer", "state", "says"),
    [
        ({"status": 404, "body": b"no such route"}, "no", "no such route"),
        ({"status": 503}, "unknown", "may have happened in part"),
        ({"status": 302, "headers": {"Location": "http://127.0.0.1:1/elsewhere"}}, "no", "points elsewhere"),
        ({"wait": 1.6}, "unknown", "unknown whether it happened"),
    ],
)
def test_what_goes_wrong_says_what_to_do(scene, target, answer, state, says):
    at = scene()
    for name, value in answer.items():
        setattr(target, name, value)
    at.press()
    at.world.submit(user="U1")
    at.work()
    run = at.run()
    assert (run.state, run.data["happened"]) == ("failed", state)
    assert says in run.result
    assert "ask again" in run.result or "trying again" in run.result or "muster.yaml" in run.result
    assert says in at.card()
    assert len(target.requests) == 1
    assert at.mitigated == []


def test_an_address_nobody_listens_at_changed_nothing(scene, target):
    at = scene()
    target.stop()
    at.press()
    at.world.submit(user="U1")
    at.work()
    assert at.run().data["happened"] == "no"
    assert "nothing was changed" in at.card()


def test_a_secret_in_the_answer_is_not_told(scene, target):
    at = scene()
    target.body = f"welcome {SECRET}, your Bearer abc.def is fine".encode()
    at.press()
    at.world.submit(user="U1")
    at.work()
    assert SECRET not in at.card()
    assert "abc.def" not in at.card()
    assert "welcome ***" in at.card()


def test_a_huge_answer_is_cut(scene, target):
    at = scene()
    target.body = b"x" * 5_000_000
    at.press()
    at.world.submit(user="U1")
    at.work()
    assert at.run().state == "done"
    assert len(at.run().result) < 500


def test_a_crash_while_calling_leaves_it_unknown_and_never_repeats_it(scene, target):
    at = scene()
    at.press()
    at.world.submit(user="U1")
    with at.world.muster.database.transaction() as session:
        claimed = at.actions.claim(session, at.world.clock.now())
    number, action = claimed
    assert not at.work()  # a second worker finds nothing to do
    assert at.tick(seconds=20) == 0
    assert at.tick(seconds=20) == 1
    assert at.run().state == "failed"
    assert "unknown whether it happened" in at.card()
    assert not at.work()
    assert target.requests == []
    with at.world.muster.database.transaction() as session:  # the first worker was only slow
        at.actions.finish(session, number, calls.make(action.http, "k"), at.world.clock.now())
    assert at.run().state == "failed"
    assert "Later: POST" in at.run().result
    assert at.kinds()[-1] == "action.answered_late"


def test_what_was_approved_is_not_called_once_the_incident_is_over(scene, target):
    at = scene()
    at.press()
    at.world.submit(user="U1")
    at.world.command("resolve INC-1 it went away")
    at.work()
    assert at.run().state == "failed"
    assert "was resolved meanwhile" in at.run().result
    assert target.requests == []


def test_a_missing_secret_is_named(scene, target, monkeypatch):
    at = scene()
    monkeypatch.delenv("GATEWAY_TOKEN")
    at.press()
    at.world.submit(user="U1")
    at.work()
    assert "GATEWAY_TOKEN is not set" in at.card()
    assert target.requests == []


def test_a_configuration_changed_after_approval_is_not_called(scene, target):
    at = scene()
    at.press()
    at.world.submit(user="U1")
    action = at.actions.catalog.actions[0]
    other = action.model_copy(update={"http": action.http.model_copy(update={"url": target.url + "/all"})})
    at.actions.catalog = at.actions.catalog.model_copy(update={"actions": [other]})
    at.work()
    assert "was changed in muster.yaml" in at.run().result
    assert target.requests == []


def test_rooms_above_hear_how_it_ended(scene):
    at = scene()
    ended = []
    at.actions.finished.append(lambda _session, run, _now: ended.append((run.step_run_id, run.state)))
    with at.world.muster.database.transaction() as session:
        incident, action = session.get_one(Incident, 1), at.actions.catalog.actions[0]
        at.actions.confirm(session, incident, action, "U1", at.world.clock.now())
    at.work()
    assert ended == [(None, "done")]
