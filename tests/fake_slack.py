"""A small stateful Slack on loopback: keeps channels and messages and a ledger, and fails as it is told."""

import json
import threading
from collections import deque
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

BOT, TEAM = "UBOT", "T1"


@dataclass
class Channel:
    id: str
    name: str
    creator: str
    created: float
    topic: str = ""
    archived: bool = False
    members: set[str] = field(default_factory=set)
    messages: list[dict[str, Any]] = field(default_factory=list)
    pins: set[str] = field(default_factory=set)


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
        self.clock = clock
        self.channels: dict[str, Channel] = {}
        self.users = {"U1": "ada", "U2": "bo", "U3": "cy", "U9": "guest"}
        self.ledger: list[tuple[str, dict[str, Any]]] = []
        self.faults: dict[str, deque[Fault]] = {}
        self.views: list[dict[str, Any]] = []
        self.ephemerals: list[dict[str, Any]] = []
        self._count = 0
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
        self.url = f"http://127.0.0.1:{self._server.server_port}/api/"

    def stop(self):
        self._server.shutdown()
        self._server.server_close()

    def fail(self, method, **fault):
        self.faults.setdefault(method, deque()).append(Fault(**fault))

    def calls(self, method):
        return [arguments for name, arguments in self.ledger if name == method]

    def channel(self, name_part):
        found = [channel for channel in self.channels.values() if name_part in channel.name]
        assert found, f"no channel like {name_part}: {[channel.name for channel in self.channels.values()]}"
        return found[0]

    def _serve(self, request):
        length = int(request.headers.get("content-length") or 0)
        raw = request.rfile.read(length)
        method = request.path.partition("/api/")[2].partition("?")[0]
        if "json" in (request.headers.get("content-type") or ""):
            arguments = json.loads(raw or b"{}")
        else:
            arguments = {key: values[0] for key, values in parse_qs(raw.decode()).items()}
        with self._lock:
            waiting = self.faults.get(method)
            fault = waiting.popleft() if waiting else None
            self.ledger.append((method, arguments))
            answer = self._do(method, arguments) if fault is None or fault.applies else {}
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
        body = json.dumps(answer).encode()
        request.send_response(status)
        for name, value in {"Content-Type": "application/json", "Content-Length": len(body), **headers}.items():
            request.send_header(name, str(value))
        request.end_headers()
        request.wfile.write(body)

    def _do(self, method, arguments):
        do = getattr(self, "_" + method.replace(".", "_"), None)
        if do is None:
            return {"ok": False, "error": "unknown_method"}
        try:
            return {"ok": True, **(do(**arguments) or {})}
        except LookupError as error:
            return {"ok": False, "error": str(error.args[0])}

    def _ts(self):
        self._count += 1
        return f"{int(self.clock.now().timestamp())}.{self._count:06d}"

    def _known(self, channel):
        if channel not in self.channels:
            raise LookupError("channel_not_found")
        if self.channels[channel].archived:
            raise LookupError("is_archived")
        return self.channels[channel]

    def _auth_test(self, **_):
        return {"user_id": BOT, "team_id": TEAM}

    def _conversations_create(self, name, **_):
        if any(channel.name == name for channel in self.channels.values()):
            raise LookupError("name_taken")
        self._count += 1
        made = Channel(f"C{self._count:04d}", name, BOT, self.clock.now().timestamp(), members={BOT})
        self.channels[made.id] = made
        return {"channel": self._shown(made)}

    def _shown(self, channel):
        return {"id": channel.id, "name": channel.name, "creator": channel.creator, "created": channel.created}

    def _conversations_list(self, **_):
        return {"channels": [self._shown(channel) for channel in self.channels.values()]}

    def _conversations_join(self, channel, **_):
        self._known(channel).members.add(BOT)

    def _conversations_members(self, channel, **_):
        return {"members": sorted(self._known(channel).members)}

    def _conversations_open(self, users, **_):
        if users not in self.users:
            raise LookupError("user_not_found")
        name = f"dm-{users}"
        found = [channel for channel in self.channels.values() if channel.name == name]
        if found:
            return {"channel": {"id": found[0].id}}
        return self._conversations_create(name)

    def _conversations_setTopic(self, channel, topic, **_):  # noqa: N802
        if len(topic) > 250:
            raise LookupError("too_long")
        self._known(channel).topic = topic

    def _conversations_invite(self, channel, users, **_):
        self._known(channel).members.update(users.split(","))

    def _conversations_history(self, channel, **_):
        return {"messages": [m for m in reversed(self._known(channel).messages) if not m.get("thread_ts")]}

    def _conversations_replies(self, channel, ts, **_):
        return {"messages": [m for m in self._known(channel).messages if ts in (m["ts"], m.get("thread_ts"))]}

    def _chat_postMessage(self, channel, text="", **more):  # noqa: N802
        message = {"ts": self._ts(), "text": text, **{key: value for key, value in more.items() if value}}
        self._known(channel).messages.append(message)
        return {"ts": message["ts"], "channel": channel}

    def _chat_update(self, channel, ts, **more):
        for message in self._known(channel).messages:
            if message["ts"] == ts:
                message.update(more)
                return {"ts": ts}
        raise LookupError("message_not_found")

    def _chat_postEphemeral(self, **arguments):  # noqa: N802
        self.ephemerals.append(arguments)

    def _pins_add(self, channel, timestamp, **_):
        self._known(channel).pins.add(timestamp)

    def _users_info(self, user, **_):
        if user not in self.users:
            raise LookupError("user_not_found")
        name = self.users[user]
        return {"user": {"id": user, "team_id": TEAM, "name": name, "is_restricted": name == "guest"}}

    def _views_open(self, trigger_id, view, **_):
        assert trigger_id
        self.views.append(view)
        return {"view": {"id": f"V{len(self.views)}"}}
