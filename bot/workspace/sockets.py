"""Socket Mode: the app dials in, and requests go down its connection."""

import asyncio
import threading
from concurrent.futures import Future
from concurrent.futures import TimeoutError as WaitedTooLong
from secrets import token_urlsafe

from starlette.websockets import WebSocket, WebSocketDisconnect

from bot.workspace.dispatch import Dispatcher, NoAnswerError
from bot.workspace.state import Json

MOST_LINKS = 10


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
            asyncio.run_coroutine_threadsafe(self.connection.send_json(message), self.loop).result(seconds)
            return answer.result(seconds)
        except (WaitedTooLong, RuntimeError, WebSocketDisconnect) as error:
            raise NoAnswerError("operation_timeout") from error
        finally:
            with self._lock:
                self._waiting.pop(envelope, None)

    def acknowledged(self, message: Json) -> None:
        with self._lock:
            waiting = self._waiting.get(str(message.get("envelope_id")))
        if waiting is not None and not waiting.done():
            waiting.set_result(message.get("payload") or {})


class SocketDoor:
    """Hands out single-use addresses and keeps the connections made with them."""

    def __init__(self, dispatcher: Dispatcher) -> None:
        self.dispatcher = dispatcher
        self._tickets: set[str] = set()

    def ticket(self) -> str:
        ticket = token_urlsafe(16)
        self._tickets.add(ticket)
        return ticket

    async def serve(self, connection: WebSocket) -> None:
        ticket = connection.query_params.get("ticket", "")
        if ticket not in self._tickets or len(self.dispatcher.links) >= MOST_LINKS:
            await connection.close(code=4001)
            return
        self._tickets.discard(ticket)
        await connection.accept()
        socket = Socket(connection)
        await connection.send_json(
            {
                "type": "hello",
                "num_connections": len(self.dispatcher.links) + 1,
                "connection_info": {"app_id": "A1"},
                "debug_info": {"host": "local", "approximate_connection_time": 18060},
            }
        )
        self.dispatcher.links.append(socket)
        try:
            while True:
                socket.acknowledged(await connection.receive_json())
        except WebSocketDisconnect:
            pass
        finally:
            self.dispatcher.links.remove(socket)
