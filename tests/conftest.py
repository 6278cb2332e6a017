import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # as in `muster`, and told to numpy before anything imports it

import shutil
from contextlib import ExitStack

import pytest
from hypothesis import settings

from bot.core.database import Database
from bot.core.migrations import migrate
from bot.entrypoints.auditor import audit
from tests import postgres
from tests.world import World

settings.register_profile("muster", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("muster")


def pytest_collection_modifyitems(items):
    """The longest first: at the end they would run alone, while the other workers have nothing left."""
    items.sort(key=lambda item: "e2e" not in item.path.parts)


@pytest.fixture(scope="session")
def postgres_databases():
    reason = postgres.missing()
    if reason and os.environ.get("CI"):
        pytest.fail(reason)
    if reason:
        pytest.skip(reason)
    with postgres.server() as address:
        yield postgres.Databases(address)


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory):
    """An SQLite file with the schema in it, to be copied."""
    path = tmp_path_factory.mktemp("migrated") / "muster.db"
    database = Database(f"sqlite:///{path}")
    migrate(database)
    database.close()
    return path


@pytest.fixture
def sqlite_url(migrated_file, tmp_path):
    """For tests of what is the same on either engine: `database_url` of their file is this one."""
    return f"sqlite:///{shutil.copy(migrated_file, tmp_path)}"


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request):
    """A database with the schema in it."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_url")
        return
    databases = request.getfixturevalue("postgres_databases")
    url = databases.fresh()
    yield url
    databases.drop(url)


def holds(world):
    """Whatever a test did, what must always hold still does; rows set aside on purpose are the test's own matter."""
    with world.muster.database.reading() as session:
        broken = audit(session, world.clock.now())
    kept = {"outbox_dead", "outbox_stuck", "escalation_late"}  # a test may end while time stands still
    assert {name: count for name, count in broken.items() if count and name not in kept} == {}


@pytest.fixture
def world(database_url):
    with World(database_url) as made:
        yield made
        holds(made)


@pytest.fixture
def make_world(database_url):
    """Make a world with a configuration of its own."""
    with ExitStack() as made:
        yield lambda catalog=None, **more: made.enter_context(World(database_url, catalog, **more))
