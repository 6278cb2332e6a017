"""The workspace's page for people: channels, messages, threads, modals; what it shows is fetched in parts."""

from collections.abc import Callable, Sequence
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from bot.workspace.actors import Actors
from bot.workspace.state import Workspace

Commands = Callable[[], Sequence[tuple[str, str, str]]]
_HERE = Path(__file__).resolve().parent


def routes(workspace: Workspace, actors: Actors, *, commands: Commands = tuple) -> list[BaseRoute]:
    """Build the page's routes. `commands`: name as typed, hint and summary of each, for completion."""
    pages = Pages(workspace, actors, commands)
    return [
        Route("/", pages.start),
        Route("/as/{user}", pages.page),
        Route("/as/{user}/c/{channel}", pages.page),
        Mount("/static", StaticFiles(directory=_HERE / "static")),
    ]


class Pages:
    def __init__(self, workspace: Workspace, actors: Actors, commands: Commands) -> None:
        self.workspace = workspace
        self.actors = actors
        self.commands = commands
        self._templates = Environment(
            loader=FileSystemLoader(_HERE / "templates"), autoescape=True, undefined=StrictUndefined
        )

    def start(self, _request: Request) -> Response:
        person = next(user for user in self.workspace.users.values() if not user.is_bot)
        return RedirectResponse(f"/as/{person.id}")

    def page(self, request: Request) -> Response:
        user = self.workspace.user(request.path_params["user"])
        with self.workspace.lock:
            html = self._templates.get_template("page.html").render(
                workspace=self.workspace, user=user, channels=self.workspace.seen_by(user.id)
            )
        return HTMLResponse(html)
