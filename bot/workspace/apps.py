"""The apps of a workspace: where each takes its requests, and what it owns."""

from dataclasses import dataclass


@dataclass(slots=True)
class HttpApp:
    """An app that takes requests at one address."""

    url: str
    signing_secret: str


@dataclass(frozen=True, slots=True)
class Installed:
    """An app beside the workspace's first: its bot's user, token and door, and the slash commands it answers.

    commands: each as typed (`/weather`), its hint and its summary.
    """

    id: str
    bot: str
    token: str
    door: HttpApp
    commands: tuple[tuple[str, str, str], ...] = ()
