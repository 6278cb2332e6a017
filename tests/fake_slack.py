"""The workspace of the product behind a server that fails as it is told, with a ledger of every call."""

import json
import threading
from collections import deque
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, urlsplit

from bot.workspace import methods
from bot.workspace.server import read_arguments
from bot.workspace.state import Workspace

BOT, TEAM, BOT_TOKENS = "UBOT", "T1", {"xoxb-test", "xoxb-bench", "xoxb-crash"}


@dataclass
class Fault:
    """What happens to the next call of a method. `applies`: the effect happens before the failure."""

    status: int = 200
    error: str = ""
    applies: bool = False
    retry_after: int | None = None
    reset: bool = False


class FakeSlack:
    def __init__(self, clock):
        self.workspace = Workspace(clock, team_id=TEAM)
        for number, name in enumerate(("ada", "bo", "cy"), start=1):
            self.workspace.add_user(f"U{number}", name)
        self.workspace.add_user("U9", "guest", restricted=True)
        self.workspace.add_user(BOT, "muster", is_bot=True)
        self.trigger = lambda _trigger: "U1"
        self.ledger = []
        self.faults: dict[str, deque[Fault]] = {}
        self._lock = threading.RLock()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                fake._serve(self)

            do_GET = do_POST  # noqa: N815

            def log_message(self, *_args):
                return

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        self.base = f"http://127.0.0.1:{self._server.server_port}/"
        self.url = f"{self.base}api/"

    @property
    def channels(self):
        return self.workspace.channels

    @property
    def views(self):
        return [modal.view for stack in self.workspace.modals.values() for modal in stack]

    @property
    def ephemerals(self):
        return [{"user": one.user, "text": one.text, "channel": one.channel} for one in self.workspace.ephemerals]

    def stop(self):
        self._server.shutdown()
        self._server.server_close()

    def fail(self, method, **fault):
        self.faults.setdefault(method, deque()).append(Fault(**fault))

    def calls(self, method):
        return [arguments for name, arguments in self.ledger if name == method]

    def channel(self, name_part):
        found = [channel for channel in list(self.channels.values()) if name_part in channel.name]
        assert found, f"no channel like {name_part}: {[channel.name for channel in self.channels.values()]}"
        return found[0]

    def call(self, method, **arguments):
        caller = methods.Caller(self.workspace, BOT, trigger=self._trigger, socket_url=str, base_url=lambda: self.base)
        return methods.call(method, caller, arguments)

    def _trigger(self, trigger_id):
        return self.trigger(trigger_id)

    def _serve(self, request):
        path = urlsplit(request.path)
        raw = request.rfile.read(int(request.headers.get("content-length") or 0))
        if path.path.startswith("/upload/"):
            self.workspace.files[path.path.removeprefix("/upload/")].content = raw
            self._say(request, 200, {}, b"OK")
            return
        method = path.path.removeprefix("/api/")
        arguments, token = read_arguments(raw, request.headers, dict(parse_qsl(path.query)))
        with self._lock:
            waiting = self.faults.get(method)
            fault = waiting.popleft() if waiting else None
            self.ledger.append((method, arguments))
            if token not in BOT_TOKENS:
                answer = {"ok": False, "error": "invalid_auth"}
            else:
                answer = self.call(method, **arguments) if fault is None or fault.applies else {}
        self._answer(request, answer, fault)

    def _answer(self, request, answer, fault):
        status, headers = 200, {}
        if fault is not None:
            if fault.reset:
                request.close_connection = True
                request.connection.close()
                return
            status = fault.status
            answer = {"ok": False, "error": fault.error or "internal_error"}
            if fault.retry_after is not None:
                headers["Retry-After"] = str(fault.retry_after)
        self._say(request, status, {"Content-Type": "application/json", **headers}, json.dumps(answer).encode())

    def _say(self, request, status, headers, body):
        request.send_response(status)
        for name, value in {"Content-Length": len(body), **headers}.items():
            request.send_header(name, str(value))
        request.end_headers()
        request.wfile.write(body)
