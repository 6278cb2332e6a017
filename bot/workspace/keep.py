"""The workspace between two starts: one JSON file, written whole."""

import base64
import json
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bot.core.logging import get_logger
from bot.workspace.state import Channel, Json, StoredFile, User, Workspace

FORM = 1
EVERY_SECONDS = 2.0
log = get_logger(__name__)


def dump(workspace: Workspace) -> Json:
    """Return everything but what only lives while a page is open (modals, notices for one person)."""
    with workspace.lock:
        return {
            "form": FORM,
            "name": workspace.name,
            "team_id": workspace.team_id,
            "users": [asdict(user) for user in workspace.users.values()],
            "channels": [
                {**asdict(channel), "members": sorted(channel.members)} for channel in workspace.channels.values()
            ],
            "files": [
                {
                    **{name: value for name, value in asdict(file).items() if name not in {"content", "channels"}},
                    "channels": sorted(file.channels),
                    "content": base64.b64encode(file.content).decode(),
                }
                for file in workspace.files.values()
            ],
            "homes": workspace.homes,
            "count": workspace.count,
            "last_ts": workspace.last_ts,
        }


def restore(workspace: Workspace, kept: Json) -> None:
    """Fill an empty workspace with what `dump` returned."""
    with workspace.lock:
        workspace.users = {one["id"]: User(**one) for one in kept["users"]}
        workspace.channels = {one["id"]: Channel(**{**one, "members": set(one["members"])}) for one in kept["channels"]}
        workspace.files = {
            one["id"]: StoredFile(
                **{**one, "channels": set(one["channels"]), "content": base64.b64decode(one["content"])}
            )
            for one in kept["files"]
        }
        workspace.homes = kept["homes"]
        workspace.count, workspace.last_ts = kept["count"], kept["last_ts"]


class Keeper:
    """Keeps a workspace in a file: read at the start, written a moment after a change."""

    def __init__(self, workspace: Workspace, path: Path) -> None:
        self.workspace = workspace
        self.path = path
        self._saved = -1
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="workspace-keeper", daemon=True)

    def load(self) -> bool:
        """Fill the workspace from the file; False: there is none that can be read."""
        if not self.path.exists():
            return False
        try:
            kept: Any = json.loads(self.path.read_text("utf-8"))
            if kept["form"] != FORM:
                return False
            restore(self.workspace, kept)
        except (ValueError, KeyError, TypeError) as error:
            log.warning("workspace.unreadable", file=self.path.name, problem=str(error))
            self.path.rename(self.path.with_suffix(".broken"))
            return False
        return True

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._thread.join(5)
        self.save()

    def save(self) -> None:
        if self._saved == self.workspace.changes:
            return
        self._saved = self.workspace.changes
        whole = json.dumps(dump(self.workspace))
        beside = self.path.with_suffix(".tmp")
        beside.write_text(whole, "utf-8")
        beside.chmod(0o600)
        beside.replace(self.path)

    def _run(self) -> None:
        while not self._stop.wait(EVERY_SECONDS):
            self.save()
