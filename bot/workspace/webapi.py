"""The app's side of the workspace over HTTP: the Web API, uploads and response addresses."""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qs

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from bot.workspace.apps import Installed
from bot.workspace.faults import Fault, Faults
from bot.workspace.state import APP, Json, SlackError, Workspace

LARGEST_FILE = 32 * 1024 * 1024
FOR_SOCKETS = "apps.connections.open"


class WebApi:
    """Reads requests, checks their token, answers; with faults, as badly as these say.

    call: runs one method, as the app of an id. others: further apps, by id. cut: breaks a request's connection.
    respond: takes what is sent to a response address; False: it is used up.
    """

    def __init__(
        self,
        workspace: Workspace,
        *,
        bot_token: str,
        app_token: str,
        call: Callable[[str, Mapping[str, Any], str], Json],
        others: Mapping[str, Installed],
        respond: Callable[[str, Json], bool],
        cut: Callable[[Request], None],
        faults: Faults | None = None,
    ) -> None:
        self.workspace = workspace
        self.bot_token = bot_token
        self.app_token = app_token
        self.call = call
        self.others = others
        self.respond = respond
        self.cut = cut
        self.faults = faults

    def routes(self) -> list[BaseRoute]:
        return [
            Route("/api/{method}", self._api, methods=["GET", "POST"]),
            Route("/upload/{ticket}", self._upload, methods=["POST", "PUT"]),
            Route("/respond/{token}", self._respond, methods=["POST"]),
        ]

    async def _api(self, request: Request) -> Response:
        method = request.path_params["method"]
        try:
            arguments, token = read_arguments(await request.body(), request.headers, dict(request.query_params))
        except SlackError as error:
            return JSONResponse({"ok": False, "error": error.code})
        fault = self.faults.meet(method, arguments) if self.faults else None
        app = next((one.id for one in self.others.values() if one.token == token), APP)
        if app == APP and (problem := self._refused(method, token)):
            return JSONResponse({"ok": False, "error": problem})
        if fault is not None:
            return await self._faulty(request, fault, method, arguments, app)
        answer = await run_in_threadpool(self.call, method, arguments, app)
        return JSONResponse(_with_warnings(answer, request))

    def _refused(self, method: str, token: str) -> str | None:
        if token not in {self.bot_token, self.app_token}:
            return "invalid_auth" if token else "not_authed"
        if (token == self.app_token) != (method == FOR_SOCKETS):
            return "not_allowed_token_type"
        return None

    async def _faulty(self, request: Request, fault: Fault, method: str, arguments: Json, app: str) -> Response:
        await asyncio.sleep(fault.late)
        answer = await run_in_threadpool(self.call, method, arguments, app) if fault.takes_effect else {}
        await asyncio.sleep(fault.slow)
        if fault.reset:
            self.cut(request)
        if fault.refuses:
            answer = {"ok": False, "error": fault.error or "internal_error"}
        headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
        return JSONResponse(answer, fault.status, headers)

    async def _upload(self, request: Request) -> Response:
        body = await request.body()
        with self.workspace.lock:
            stored = self.workspace.awaited(request.path_params["ticket"])
            if stored is None or not body or len(body) > LARGEST_FILE:
                return PlainTextResponse("The file is unknown, here already, empty or too large.", status_code=400)
            stored.content = body
        return PlainTextResponse(f"OK - {len(body)}")

    async def _respond(self, request: Request) -> Response:
        try:
            body = json.loads(await request.body())
            taken = await run_in_threadpool(self.respond, request.path_params["token"], body)
        except SlackError as error:
            return JSONResponse({"ok": False, "error": error.code, **error.more}, 400)
        except ValueError:
            return JSONResponse({"ok": False, "error": "invalid_payload"}, 400)
        return JSONResponse({"ok": True} if taken else {"ok": False, "error": "used_url"}, 200 if taken else 404)


def read_arguments(body: bytes, headers: Mapping[str, str], query: Mapping[str, str]) -> tuple[Json, str]:
    """Read a call's arguments from JSON, form or query, and its bearer token."""
    given: Json = dict(query)
    if "json" in headers.get("content-type", ""):
        try:
            found = json.loads(body or b"{}")
        except ValueError:
            raise SlackError("invalid_json") from None
        if not isinstance(found, dict):
            raise SlackError("json_not_object")
        given |= found
    else:
        form = parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
        given |= {name: values[-1] for name, values in form.items()}
    kind, _, token = headers.get("authorization", "").partition(" ")
    return given, token.strip() if kind.lower() == "bearer" else str(given.pop("token", ""))


def _with_warnings(answer: Json, request: Request) -> Json:
    kind = request.headers.get("content-type", "")
    if "json" not in kind or "charset" in kind:
        return answer
    more = {**answer.get("response_metadata", {}), "warnings": ["missing_charset"]}
    return {**answer, "warning": "missing_charset", "response_metadata": more}
