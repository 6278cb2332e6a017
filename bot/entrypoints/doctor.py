"""`muster doctor`: each thing Muster needs, whether it is there, and what to do when it is not."""

from dataclasses import dataclass

from sqlalchemy.exc import SQLAlchemyError

from bot.catalog.load import load_catalog
from bot.core.database import Database
from bot.core.errors import BotError
from bot.core.migrations import pending
from bot.core.settings import Settings
from bot.entrypoints.manifest import BOT_SCOPES
from bot.entrypoints.wiring import revealed
from bot.slack.gateway import SlackCallError, SlackGateway


@dataclass(frozen=True)
class Finding:
    what: str
    ok: bool
    says: str


def examine(settings: Settings | None = None) -> list[Finding]:
    settings = settings or Settings()
    return [_configuration(settings), _database(settings), *_slack(settings)]


def _configuration(settings: Settings) -> Finding:
    try:
        catalog = load_catalog(settings.config)
    except BotError as error:
        return Finding("configuration", ok=False, says=error.message)
    missing = [source.token.env for source in catalog.sources if not source.token.read()]
    if missing:
        return Finding("configuration", ok=False, says=f"set the variable {missing[0]}, a source needs it")
    where = settings.config or "defaults; MUSTER_CONFIG names a muster.yaml"
    return Finding("configuration", ok=True, says=f"{len(catalog.models)} models ({where})")


def _database(settings: Settings) -> Finding:
    database = Database(settings.database_url)
    try:
        if pending(database):
            return Finding("database", ok=settings.on_sqlite, says="the schema is older: run `muster migrate`")
    except SQLAlchemyError as error:
        says = f"can't be reached ({type(error).__name__}); check DATABASE_URL"
        return Finding("database", ok=False, says=says)
    except BotError as error:
        return Finding("database", ok=False, says=error.message)
    finally:
        database.close()
    return Finding("database", ok=True, says="reached, schema up to date")


def _slack(settings: Settings) -> list[Finding]:
    token = revealed(settings.slack_bot_token)
    if token is None:
        return [Finding("slack", ok=False, says="SLACK_BOT_TOKEN is not set: install the app of `muster manifest`")]
    gateway = SlackGateway(token, base_url=settings.slack_api_url)
    try:
        answer = gateway.client.auth_test()
    except (SlackCallError, OSError) as error:
        return [Finding("slack", ok=False, says=f"no answer: {error}")]
    except Exception as error:  # noqa: BLE001 - slack_sdk's own error classes, whatever they are
        return [Finding("slack", ok=False, says=f"the bot token is refused: {error}")]
    granted = {scope for scope in str(answer.headers.get("x-oauth-scopes", "")).split(",") if scope}
    missing = sorted(set(BOT_SCOPES) - granted) if granted else []
    found = [Finding("slack", ok=True, says=f"signed in to {answer.get('team')} as {answer.get('user')}")]
    if missing:
        says = f"scopes {', '.join(missing)} are missing: reinstall with the manifest"
        found.append(Finding("scopes", ok=False, says=says))
    if settings.slack_app_token is None and settings.slack_signing_secret is None:
        says = "set SLACK_APP_TOKEN (Socket Mode) or SLACK_SIGNING_SECRET (HTTP); buttons do nothing without"
        found.append(Finding("interactivity", ok=False, says=says))
    return found
