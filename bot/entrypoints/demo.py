"""`muster demo`: everything on, on this machine, around two real models and what they depend on, which breaks."""

import os
import secrets
import shutil
import threading
import time
from pathlib import Path

from bot.catalog.load import load_catalog
from bot.core import logging
from bot.core.clock import SystemClock
from bot.core.settings import Settings
from bot.demo import panel
from bot.demo.eta import ACTIVE
from bot.demo.run import Demo
from bot.demo.slackapp import Places
from bot.entrypoints.local import UNPACED, LocalHouse, move_in
from bot.entrypoints.playing import ADA, Responder
from bot.entrypoints.serve import prepare_database, start_work, web_server
from bot.entrypoints.wiring import Muster, build
from bot.workspace.apps import HttpApp, Installed

FOLDER = Path("muster-demo")
QUIET_SECONDS = 10.0
DEMO_BOT = "UFLIGHTS"


def demo(*, headless: bool, quiet: bool = False) -> int:
    """Run the demo; returns the exit status: with a responder, 0 only if every stage happened.

    quiet: nothing breaks until somebody breaks it.
    """
    logging.configure(json=False, level="ERROR")
    folder = fresh(FOLDER)
    print("Fitting two models on flights of 2013 …", flush=True)
    model = Demo(folder / "model", approver=ADA)
    model.start()
    assert model.judged is not None
    print(f"  late or not: AUC {model.evaluations[ACTIVE].auc:.3f} on flights it never saw")
    print(f"  by how many minutes: off by {model.judged.mae:.1f} on average", flush=True)
    home, muster = _house(folder, model)
    stop = threading.Event()
    server = web_server(muster)
    web = threading.Thread(target=server.run, name="web", daemon=True)
    web.start()
    work = start_work(muster, stop)
    try:
        return _story(home, muster, model, folder, headless=headless, quiet=quiet)
    except KeyboardInterrupt:
        return 0
    finally:
        print("Stopping …", flush=True)
        model.stop()
        stop.set()
        server.should_exit = True
        web.join(10)
        for thread in work:
            thread.join(10)
        home.stop()
        muster.database.close()


def fresh(folder: Path) -> Path:
    """Every run begins anew; what a postmortem said stays."""
    folder.mkdir(exist_ok=True)
    shutil.rmtree(folder / "model", ignore_errors=True)
    for old in folder.glob("muster.db*"):
        old.unlink()
    return folder


def _house(folder: Path, model: Demo) -> tuple[LocalHouse, Muster]:
    names = {"SLACK_BOT_TOKEN", "SLACK_APP_TOKEN", "SLACK_API_URL", "MUSTER_CHANNEL", "MUSTER_URL", "HOST"}
    for name in names & set(os.environ):
        del os.environ[name]
    settings = Settings().model_copy(
        update={"database_url": f"sqlite:///{folder / 'muster.db'}", "config": model.config}
    )
    prepare_database(settings)
    clock = SystemClock()
    home = move_in(settings, clock, kept=None)
    token = secrets.token_urlsafe(24)
    muster = build(
        home.settings,
        load_catalog(home.settings.config),
        bot_token=home.bot_token,
        webhook_token=token,
        api_token=token,
        clock=clock,
    )
    home.typed.muster, muster.timing = muster, UNPACED
    return home, muster


def _introduce(home: LocalHouse, muster: Muster, model: Demo) -> None:
    """Install the demo's own app in the workspace: it and Muster know each other over HTTP alone."""
    bot_token, secret = f"xoxb-demo-{secrets.token_hex(12)}", secrets.token_hex(16)
    door = HttpApp(f"{model.url}/slack/events", secret)
    home.workspace.install(Installed("A2", DEMO_BOT, bot_token, door, panel.commands()), "flights", "Flights")
    url = muster.settings.public_url
    model.report_changes(url, muster.api_token)
    model.appear(Places(home.workspace.api_url, bot_token, secret, url, muster.api_token))


def _story(home: LocalHouse, muster: Muster, model: Demo, folder: Path, *, headless: bool, quiet: bool) -> int:
    _introduce(home, muster, model)
    if headless or not quiet:
        model.inject_after(QUIET_SECONDS)
    print(f"\n  Open {home.workspace.url}\n", flush=True)
    if headless:
        return 0 if Responder(home, model, folder).play() else 1
    if quiet:
        print("Nothing breaks until you break it: the message in #general has a button for each fault.")
    else:
        print(f"In {QUIET_SECONDS:.0f} s a pipeline is deployed that delivers one airport's delays in seconds.")
    print("Muster's monitors will page you (ada) in the workspace. Acknowledge, follow the runbook, switch to the")
    print("fallback, resolve, and ask for the postmortem with /incident postmortem. The message in #general breaks")
    print("other things. Ctrl-C ends.", flush=True)
    while True:
        time.sleep(1)
