"""`POST /webhooks/{source}`: a 2xx means committed."""

import asyncio
import hmac
from collections.abc import Callable, Mapping
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse
from prometheus_client import Counter

from bot.alerts.signals import Item
from bot.alerts.sources import alertmanager, generic
from bot.alerts.writer import Writer
from bot.catalog.config import Source
from bot.core.errors import BotError
from bot.core.payload import MAX_BYTES, read_json

PARSERS: Mapping[str, Callable[[Any], list[Item]]] = {"alertmanager": alertmanager.parse, "generic": generic.parse}
RECEIVED = Counter("muster_webhooks_total", "Webhook posts by source and status.", ["source", "status"])
_WAIT_SECONDS = 30
_BODY_SECONDS = 10


class Keys:
    """Which source a bearer token opens. An unknown source and a wrong token look alike."""

    def __init__(self, sources: Mapping[str, tuple[Source, str]]) -> None:
        self._sources = sources

    def open(self, name: str, authorization: str | None) -> Source | None:
        source, token = self._sources.get(name, (None, "no such source"))
        given = (authorization or "").partition(" ")
        matches = hmac.compare_digest(given[2].strip().encode("utf-8", "replace"), token.encode())
        return source if source is not None and matches and given[0].lower() == "bearer" else None


def routes(writer: Writer, keys: Keys) -> APIRouter:
    router = APIRouter(tags=["webhooks"])

    @router.post("/webhooks/{source}", summary="Take in alerts of one source")
    async def webhook(source: str, request: Request) -> JSONResponse:
        known = keys.open(source, request.headers.get("authorization"))
        if known is None:
            RECEIVED.labels("unknown", "401").inc()
            return _answer(401, {"error": "Wrong or missing token: send `Authorization: Bearer <token>`."})
        try:
            body = await asyncio.wait_for(read_body(request), _BODY_SECONDS)
            items = await asyncio.to_thread(_parse, known.kind, body)
            received = await asyncio.wait_for(
                asyncio.wrap_future(writer.submit(known, items, len(body))), _WAIT_SECONDS
            )
        except BotError as error:
            RECEIVED.labels(source, str(error.status)).inc()
            return _answer(error.status, {"error": error.message})
        except TimeoutError:
            RECEIVED.labels(source, "408").inc()
            return _answer(408, {"error": "The body did not arrive in time."})
        status = 400 if received.outcome == "quarantined" else 202
        RECEIVED.labels(source, str(status)).inc()
        content = {"delivery": received.delivery_id, "outcome": received.outcome, "items": received.items}
        return _answer(status, content)

    return router


def _parse(kind: str, body: bytes) -> list[Item]:
    return PARSERS[kind](read_json(body))


async def read_body(request: Request) -> bytes:
    """Read a body, counting as it comes; refuse it at the limit."""
    stated = request.headers.get("content-length", "0")
    if stated.isdigit() and int(stated) > MAX_BYTES:
        raise _too_large()
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_BYTES:
            raise _too_large()
        parts.append(part)
    return b"".join(parts)


def _too_large() -> BotError:
    return BotError(f"The body is larger than {MAX_BYTES // 1024 // 1024} MiB; send fewer alerts at once.", status=413)


def _answer(status: int, content: dict[str, Any]) -> JSONResponse:
    headers = {"Retry-After": "5"} if status == 503 else None  # noqa: PLR2004
    return JSONResponse(content, status_code=status, headers=headers)
