"""`muster serve`: the web and worker roles in one process or in several."""

import os
import secrets
import signal
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from bot.actions.jobs import ActionWorker
from bot.catalog.load import load_catalog
from bot.charts.canvas import warm
from bot.checks.worker import CheckWorker
from bot.core import logging
from bot.core.clock import SystemClock
from bot.core.database import Database
from bot.core.errors import ConfigError, unknown
from bot.core.migrations import migrate, pending
from bot.core.settings import Settings
from bot.entrypoints.auditor import beat
from bot.entrypoints.wiring import Muster, build, revealed
from bot.slack.gateway import SlackCallError

if TYPE_CHECKING:
    from uvicorn import Server

ROLES = ("all", "web", "worker")
SENDERS = 2
TICK_SECONDS = 2
AUDIT_SECONDS = 60
log = logging.get_logger(__name__)


def serve(role: str) -> None:
    if role not in ROLES:
        raise unknown("role", role, ROLES)
    settings = Settings()
    logging.configure(json=settings.log_json, level=settings.log_level)
    prepare_database(settings)
    if settings.slack_bot_token is None:
        serve_locally(settings, role)
    else:
        run(furnished(settings, bot_token=settings.slack_bot_token.get_secret_value()), role)


def serve_locally(settings: Settings, role: str) -> None:
    """Without Slack's tokens: a workspace of our own, in this process."""
    from bot.entrypoints.local import UNPACED, move_in

    if role != "all" or not settings.on_sqlite:
        raise ConfigError(
            "SLACK_BOT_TOKEN is not set. Several processes need a real Slack: install the app of `muster manifest` "
            "first. Without Slack, `muster serve` alone runs everything on SQLite with a workspace of its own."
        )
    home = move_in(settings, SystemClock(), kept=beside(settings, "workspace.json"))
    try:
        muster = furnished(home.settings, bot_token=home.bot_token)
        home.typed.muster, muster.timing = muster, UNPACED
        print(f"No Slack is configured. Open {home.workspace.url} for a workspace on this machine.", flush=True)
        run(muster, role)
    finally:
        home.stop()


def furnished(settings: Settings, *, bot_token: str) -> Muster:
    """Build Muster with the tokens of the environment, or with those kept beside the database."""
    return build(
        settings,
        load_catalog(settings.config),
        bot_token=bot_token,
        webhook_token=revealed(settings.webhook_token) or kept_token(settings, "webhook"),
        api_token=revealed(settings.api_token) or kept_token(settings, "api"),
    )


def run(muster: Muster, role: str) -> None:
    """Work until told to stop."""
    stop = threading.Event()
    work = start_work(muster, stop) if role in {"all", "worker"} else []
    try:
        if role == "worker":
            signal.signal(signal.SIGTERM, lambda *_: stop.set())
            signal.signal(signal.SIGINT, lambda *_: stop.set())
            stop.wait()
        else:
            web_server(muster).run()
    finally:
        stop.set()
        for thread in work:
            thread.join(10)
        muster.database.close()


def prepare_database(settings: Settings) -> None:
    """SQLite is brought up to date by itself; elsewhere the operator decides when."""
    database = Database(settings.database_url)
    try:
        if pending(database):
            if not settings.on_sqlite:
                raise ConfigError("The database's schema is older than this version. Run `muster migrate` first.")
            migrate(database)
    finally:
        database.close()


def beside(settings: Settings, name: str) -> Path:
    """Return the path of a file that lives next to the SQLite database."""
    return Path(settings.database_url.removeprefix("sqlite:///")).absolute().with_suffix(f".{name}")


def kept_token(settings: Settings, name: str) -> str:
    """Return a token made once and kept beside the database, readable by us alone."""
    if not settings.on_sqlite:
        raise ConfigError(f"Set MUSTER_{name.upper()}_TOKEN: several processes need to agree on it.")
    path = beside(settings, f"{name}-token")
    if not path.exists():
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(secrets.token_urlsafe(24))
        token = path.read_text()
        where = "/webhooks/generic" if name == "webhook" else "/v1/incidents"
        print(
            f"{name} token (kept in {path.name}): curl -H 'Authorization: Bearer {token}' {settings.public_url}{where}"
        )
    return path.read_text()


def start_work(muster: Muster, stop: threading.Event) -> list[threading.Thread]:
    """Start the senders, and Socket Mode when there is an app token."""
    threads = [threading.Thread(target=_meet, args=(muster, stop), name="meet-slack", daemon=True)]
    for number in range(SENDERS):
        sender = muster.sender(muster.timing)
        threads.append(threading.Thread(target=sender.run, name=f"sender-{number}", daemon=True))
        threads.append(threading.Thread(target=_stops, args=(stop, sender.stop), daemon=True))
    threads.append(threading.Thread(target=_ticks, args=(muster, stop), name="ticks", daemon=True))
    threads.append(threading.Thread(target=muster.monitors.run, args=(stop,), name="monitors", daemon=True))
    workers: dict[str, CheckWorker | ActionWorker] = {
        "checks": CheckWorker(muster.checks, muster.database, muster.clock),
        "actions": ActionWorker(muster.actions, muster.database, muster.clock),
    }
    for name, worker in workers.items():
        threads.append(threading.Thread(target=worker.run, name=name, daemon=True))
        threads.append(threading.Thread(target=_stops, args=(stop, worker.stop), daemon=True))
    threads.append(threading.Thread(target=warm, name="charts", daemon=True))
    if app_token := revealed(muster.settings.slack_app_token):
        from slack_bolt.adapter.socket_mode import SocketModeHandler

        socket = SocketModeHandler(muster.slack.bolt, app_token)
        threads.append(threading.Thread(target=socket.connect, name="socket-mode", daemon=True))
        threads.append(threading.Thread(target=_stops, args=(stop, socket.close), daemon=True))
    for thread in threads:
        thread.start()
    return threads


def _meet(muster: Muster, stop: threading.Event) -> None:
    """Slack may be down when we start: incidents are taken in meanwhile, and said when it is back."""
    while not stop.is_set():
        try:
            muster.meet_slack()
        except SlackCallError as error:
            log.warning("slack.unreachable", code=error.code)
            stop.wait(10)
        else:
            return


def _ticks(muster: Muster, stop: threading.Event) -> None:
    """Read the timers every few seconds until told to stop."""
    from apscheduler.schedulers.background import BackgroundScheduler

    scheduler = BackgroundScheduler(timezone="UTC")
    scheduler.add_job(
        muster.tick,
        "interval",
        seconds=TICK_SECONDS,
        coalesce=True,
        max_instances=1,
        misfire_grace_time=None,
    )
    scheduler.add_job(
        lambda: beat(muster.database, muster.catalog, muster.clock.now()),
        "interval",
        seconds=AUDIT_SECONDS,
        coalesce=True,
        max_instances=1,
        misfire_grace_time=None,
    )
    scheduler.start()
    stop.wait()
    scheduler.shutdown()


def _stops(stop: threading.Event, close: object) -> None:
    stop.wait()
    if callable(close):
        close()


def web_server(muster: Muster) -> "Server":
    import uvicorn

    from bot.entrypoints.web import create_app

    settings = muster.settings
    return uvicorn.Server(
        uvicorn.Config(
            create_app(muster),
            host=settings.host,
            port=settings.port,
            log_level="warning",
            timeout_graceful_shutdown=5,
            server_header=False,
        ),
    )
