"""A process that has everything loaded, and forks one child a check: it saves each the seconds of starting.

On standard input come lines of JSON, each naming the files of one check; on standard output go `pid N` when its child
runs and `code N` when it has ended. The child is a session of its own and sets its limits itself; nothing is shared
but what was loaded. The process has no threads, so that forking it is sound.
"""

import json
import os
import sys
from importlib import import_module

from bot.checks.catalogue import CHECKS

PRELOADED = (
    "duckdb",
    "scipy.special",
    "scipy.stats",
    "matplotlib.figure",
    "matplotlib.backends.backend_agg",
    "bot.catalog.config",
    "bot.checks.process",
    "bot.data.tables",
)


def main() -> int:
    rooms = [check.room for check in CHECKS.by_name.values() if check.needs_rows]
    for name in (*PRELOADED, *rooms):
        import_module(name)
    _say("ready 0")
    for line in sys.stdin:
        asked = json.loads(line)
        pid = os.fork()
        if pid == 0:
            _child(asked)
        _say(f"pid {pid}")
        _, status = os.waitpid(pid, 0)
        _say(f"code {os.waitstatus_to_exitcode(status)}")
    return 0


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _child(asked: dict[str, str]) -> None:
    """Become the process of one check; never returns."""
    os.setsid()
    for number, name, flags in (
        (0, asked["question"], os.O_RDONLY),
        (1, asked["answer"], os.O_WRONLY),
        (2, asked["complaint"], os.O_WRONLY),
    ):
        opened = os.open(name, flags)
        os.dup2(opened, number)
        os.close(opened)
    sys.stdin = os.fdopen(0, closefd=False)
    sys.stdout = os.fdopen(1, "w", closefd=False)
    sys.stderr = os.fdopen(2, "w", closefd=False)
    code = 1
    try:
        from bot.checks.process import main as answer  # noqa: PLC0415

        code = answer()
    except BaseException as error:  # noqa: BLE001  # the process ends here: what it was is told by its last line
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    sys.exit(main())
