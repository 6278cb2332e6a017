"""Bringing the schema to this version, one process at a time."""

from typing import TYPE_CHECKING

from bot.core.database import Database
from bot.core.errors import ConfigError
from bot.core.shipped import shipped

if TYPE_CHECKING:
    from alembic.config import Config

_LOCK = 0x4D555354


def migrate(database: Database, revision: str = "head") -> None:
    """Apply the migrations. On PostgreSQL an advisory lock makes a second starter wait."""
    from alembic import command  # noqa: PLC0415

    config = _config()
    with database.engine.connect() as connection:
        if not database.on_sqlite:
            connection.exec_driver_sql(f"SELECT pg_advisory_lock({_LOCK})")
        try:
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
            connection.commit()
        finally:
            if not database.on_sqlite:
                connection.exec_driver_sql(f"SELECT pg_advisory_unlock({_LOCK})")
                connection.commit()


def pending(database: Database) -> bool:
    """Tell whether the database is older than this version. Raises ConfigError when it is newer."""
    from alembic.runtime.migration import MigrationContext  # noqa: PLC0415
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    scripts = ScriptDirectory.from_config(_config())
    with database.engine.connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    known = {script.revision for script in scripts.walk_revisions()}
    if current is not None and current not in known:
        raise ConfigError(
            f"The database is of a newer Muster (schema {current}). Install that version, or restore a backup."
        )
    return current != scripts.get_current_head()


def _config() -> "Config":
    from alembic.config import Config  # noqa: PLC0415

    config = Config()
    config.set_main_option("script_location", str(shipped("migrations")))
    return config
