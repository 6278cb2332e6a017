"""Everything Muster reads from its environment."""

from pathlib import Path

from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from bot.core.shipped import shipped

SLACK_API = "https://slack.com/api/"


def _env(name: str) -> AliasChoices:
    return AliasChoices(name, name.lower())


class Settings(BaseSettings):
    """One frozen object, built at the entry point and passed on. The README documents each field."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", populate_by_name=True, env_ignore_empty=True)

    database_url: str = Field("sqlite:///muster.db", validation_alias=_env("DATABASE_URL"))
    host: str = Field("127.0.0.1", validation_alias=_env("HOST"))
    port: int = Field(8000, ge=0, le=65535, validation_alias=_env("PORT"))
    slack_bot_token: SecretStr | None = Field(None, validation_alias=_env("SLACK_BOT_TOKEN"))
    slack_signing_secret: SecretStr | None = Field(None, validation_alias=_env("SLACK_SIGNING_SECRET"))
    slack_app_token: SecretStr | None = Field(None, validation_alias=_env("SLACK_APP_TOKEN"))
    slack_api_url: str = Field(SLACK_API, validation_alias=_env("SLACK_API_URL"))
    config: Path | None = Field(None, validation_alias=_env("MUSTER_CONFIG"))
    runbooks: Path = Field(default_factory=lambda: shipped("runbooks"), validation_alias=_env("MUSTER_RUNBOOKS"))
    channel: str | None = Field(None, validation_alias=_env("MUSTER_CHANNEL"))
    url: str | None = Field(None, validation_alias=_env("MUSTER_URL"))
    webhook_token: SecretStr | None = Field(None, validation_alias=_env("MUSTER_WEBHOOK_TOKEN"))
    api_token: SecretStr | None = Field(None, validation_alias=_env("MUSTER_API_TOKEN"))
    log_level: str = Field("INFO", validation_alias=_env("MUSTER_LOG_LEVEL"))
    log_json: bool = Field(default=False, validation_alias=_env("MUSTER_LOG_JSON"))

    @field_validator("database_url")
    @classmethod
    def _with_driver(cls, url: str) -> str:
        """Hosts hand out `postgres://`; SQLAlchemy wants the driver named."""
        for prefix in ("postgres://", "postgresql://"):
            if url.startswith(prefix):
                return "postgresql+psycopg://" + url.removeprefix(prefix)
        return url

    @field_validator("slack_api_url")
    @classmethod
    def _with_slash(cls, url: str) -> str:
        return url if url.endswith("/") else url + "/"

    @property
    def on_sqlite(self) -> bool:
        return self.database_url.startswith("sqlite")

    @property
    def public_url(self) -> str:
        return (self.url or f"http://{self.host}:{self.port}").rstrip("/")
