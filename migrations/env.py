"""Alembic's environment: the database comes from the caller's connection, or from DATABASE_URL."""

from alembic import context
from sqlalchemy import Connection, create_engine, pool

from bot.core.settings import Settings
from bot.tables import metadata


def _run(connection: Connection) -> None:
    on_sqlite = connection.dialect.name == "sqlite"
    if on_sqlite:
        # Batch mode drops and renames tables; with foreign keys on that deletes the children.
        connection.exec_driver_sql("PRAGMA foreign_keys=OFF")
    context.configure(
        connection=connection,
        target_metadata=metadata,
        render_as_batch=True,
        compare_type=True,
        transaction_per_migration=False,
    )
    with context.begin_transaction():
        context.run_migrations()
        if on_sqlite:
            broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
            if broken:
                raise RuntimeError(f"the migration would leave {len(broken)} rows without their parent")
    if on_sqlite:
        connection.exec_driver_sql("PRAGMA foreign_keys=ON")


def _main() -> None:
    given = context.config.attributes.get("connection")
    if given is not None:
        _run(given)
        return
    engine = create_engine(Settings().database_url, poolclass=pool.NullPool)
    with engine.connect() as connection:
        _run(connection)
        connection.commit()


_main()
