"""Socket Mode: the app dials in, and requests go down its connection."""

import asyncio
import json
import threading
from concurrent.futures import Future
from concurrent.futures import TimeoutError as WaitedTooLong
from contextlib import suppress
from secrets import token_urlsafe
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from bot.workspace.dispatch import Dispatcher, NoAnswerError
from bot.workspace.state import APP, Json

MOST_LINKS = 10
POLICY_VIOLATION = 1008
_LIFE_SECONDS = 18_060


class Socket:
    """One connection. Requests come from threads; the connection lives in the server's loop."""

    def __init__(self, connection: WebSocket) -> None:
        self.connection = connection
        self.loop = asyncio.get_running_loop()
        self._waiting: dict[str, Future[Json]] = {}
        self._lock = threading.Lock()

    def request(self, kind: str, payload: Json, seconds: float, *, retry: int = 0) -> Json:
        envelope = token_urlsafe(16)
        answer: Future[Json] = Future()
        with self._lock:
            self._waiting[envelope] = answer
        message: Json = {
            "envelope_id": envelope,
            "type": kind,
            "payload": payload,
            "accepts_response_payload": kind != "events_api",
        }
        if kind == "events_api":
            message |= {"retry_attempt": retry, "retry_reason": "timeout" if retry else ""}
        try:
            self.send(message)
            return answer.result(seconds)
        except WaitedTooLong as error:
            raise NoAnswerError("operation_timeout", reason="timeout") from error
        finally:
            with self._lock:
                self._waiting.pop(envelope, None)

    def send(self, message: Json) -> None:
        """Send from any thread but the loop's own."""
        sending = self.connection.send_json(message)
        try:
            asyncio.run_coroutine_threadsafe(sending, self.loop).result(1)
        except (WaitedTooLong, RuntimeError, WebSocketDisconnect, OSError) as error:
            sending.close()
            raise NoAnswerError("The app's connection is gone.", reason="connection_failed") from error

    def acknowledged(self, message: Json) -> None:
        with self._lock:
            waiting = self._waiting.get(str(message.get("envelope_id")))
        if waiting is not None and not waiting.done():
            payload = message.get("payload")
            waiting.set_result(payload if isinstance(payload, dict) else {})

    def lost(self) -> None:
        """Nobody will acknowledge any more: tell all who wait."""
        with self._lock:
            waiting = list(self._waiting.values())
        for answer in waiting:
            if not answer.done():
                answer.set_exception(NoAnswerError("The app's connection is gone.", reason="connection_failed"))


class SocketDoor:
    """Hands out single-use addresses and keeps the connections made with them."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self.dispatcher = dispatcher
        self._tickets: set[str] = set()
        self._open: list[Socket] = []

    def ticket(self) -> str:
        ticket = token_urlsafe(16)
        self._tickets.add(ticket)
        return ticket

    def disconnect(self, reason: str) -> None:
        """Ask every connection to go: `refresh_requested` (come back with a new one) or `link_disabled`."""
        for socket in list(self._open):
            with suppress(NoAnswerError):
                socket.send({"type": "disconnect", "reason": reason, "debug_info": {"host": "local"}})

    async def serve(self, connection: WebSocket) -> None:
        ticket = connection.query_params.get("ticket", "")
        if ticket not in self._tickets or len(self._open) >= MOST_LINKS:
            await connection.close(code=POLICY_VIOLATION)
            return
        self._tickets.discard(ticket)
        await connection.accept()
        socket = Socket(connection)
        self._open.append(socket)
        try:
            await connection.send_json(self._hello())
            self.dispatcher.links.append(socket)
            while True:
                if isinstance(found := _read(await connection.receive_text()), dict):
                    socket.acknowledged(found)
        except WebSocketDisconnect:
            pass
        finally:
            self._open.remove(socket)
            if socket in self.dispatcher.links:
                self.dispatcher.links.remove(socket)
            socket.lost()

    def _hello(self) -> Json:
        return {
            "type": "hello",
            "num_connections": len(self._open),
            "connection_info": {"app_id": APP},
            "debug_info": {"host": "local", "approximate_connection_time": _LIFE_SECONDS},
        }


def _read(text: str) -> Any:  # noqa: ANN401
    try:
        return json.loads(text)
    except ValueError:
        return None
