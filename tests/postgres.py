"""A real PostgreSQL for the tests: the one of TEST_POSTGRES_URL, else one started from the machine's own binaries."""

import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager
from pathlib import Path

import psycopg
from sqlalchemy.engine import make_url

from bot.core.database import Database
from bot.core.migrations import migrate

TEMPLATE = f"muster_template_{os.getpid()}"


def binaries():
    """Return the folder of initdb and pg_ctl, or None."""
    found = shutil.which("initdb")
    if found:
        return Path(found).parent
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return debian[-1].parent if debian else None


def missing():
    if not os.environ.get("TEST_POSTGRES_URL") and binaries() is None:
        return "no PostgreSQL: set TEST_POSTGRES_URL or install postgresql"
    return None


@contextmanager
def server():
    """Yield a libpq address of a server that may be written to."""
    given = os.environ.get("TEST_POSTGRES_URL")
    if given:
        yield given
        return
    folder = Path(tempfile.mkdtemp(prefix="muster-pg-"))
    root = os.geteuid() == 0
    if root:
        shutil.chown(folder, "postgres", "postgres")
    as_user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] if root else []
    bin_dir, data = binaries(), folder / "data"

    def run(*command):
        subprocess.run([*as_user, *command], check=True, capture_output=True, cwd=folder)

    run(str(bin_dir / "initdb"), "-N", "-A", "trust", "-U", "muster", "-D", str(data))
    options = f"-c listen_addresses='' -c unix_socket_directories={folder} -c fsync=off"
    run(str(bin_dir / "pg_ctl"), "-w", "-D", str(data), "-o", options, "-l", str(folder / "log"), "start")
    try:
        yield f"postgresql://muster@/postgres?host={folder}"
    finally:
        run(str(bin_dir / "pg_ctl"), "-w", "-m", "immediate", "-D", str(data), "stop")
        shutil.rmtree(folder, ignore_errors=True)


class Databases:
    """Fresh databases, copied from one that was migrated once."""

    def __init__(self, address):
        self.address = address
        self._count = 0
        self._admin(f"CREATE DATABASE {TEMPLATE}")
        template = Database(self.url(TEMPLATE))
        migrate(template)
        template.close()

    def url(self, name):
        return self.address.replace("/postgres", f"/{name}").replace("postgresql:", "postgresql+psycopg:")

    def fresh(self, template=TEMPLATE):
        """A database with the schema in it; `template="template0"`: with nothing in it."""
        self._count += 1
        name = f"muster_{os.getpid()}_{self._count}"
        self._admin(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)

    def drop(self, url):
        self._admin(f"DROP DATABASE {make_url(url).database} WITH (FORCE)")

    def _admin(self, statement):
        with psycopg.connect(self.address, autocommit=True) as connection:
            connection.execute(statement)
