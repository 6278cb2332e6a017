"""The web process: webhooks, Slack over HTTP, the API, health."""

import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import FastAPI, Header, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from slack_bolt import BoltRequest
from sqlalchemy.exc import SQLAlchemyError
from starlette.concurrency import run_in_threadpool

from bot.alerts import api as alerts_api
from bot.alerts import webhooks
from bot.changes import api as changes_api
from bot.checks import api as checks_api
from bot.core.errors import BotError
from bot.entrypoints.wiring import Muster, ping, revealed
from bot.incidents import api as incidents_api
from bot.monitoring import api as monitoring_api
from bot.monitoring import batches
from bot.postmortems import api as postmortems_api
from bot.runbooks import api as runbooks_api
from bot.slack.signature import verify


def create_app(muster: Muster, *, signing_secret: str | None = None) -> FastAPI:
    secret = signing_secret or revealed(muster.settings.slack_signing_secret)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        muster.writer.start()
        yield
        muster.writer.stop()

    app = FastAPI(title="Muster", version="0.1.0", lifespan=lifespan)

    def token(authorization: Annotated[str, Header()] = "") -> None:
        kind, _, given = authorization.partition(" ")
        right = hmac.compare_digest(given.strip().encode(), muster.api_token.encode())
        if kind.lower() != "bearer" or not right:
            raise BotError("Wrong or missing token: send `Authorization: Bearer $MUSTER_API_TOKEN`.", status=401)

    app.include_router(webhooks.routes(muster.writer, muster.keys))
    app.include_router(incidents_api.routes(muster.database, token))
    app.include_router(changes_api.routes(muster.database, muster.clock, token))
    app.include_router(alerts_api.routes(muster.database, token))
    app.include_router(checks_api.routes(muster.database, muster.clock, muster.checks, token))
    app.include_router(monitoring_api.routes(muster.database, muster.catalog, muster.clock, token))
    app.include_router(batches.routes(muster.catalog, muster.spool, token))
    app.include_router(
        postmortems_api.routes(
            muster.database,
            muster.clock,
            muster.catalog,
            token,
            links=muster.links,
            picture=muster.house.picture,
        )
    )
    app.include_router(runbooks_api.routes(muster.runbooks.library))
    _slack(app, muster, secret)
    _health(app, muster)

    @app.exception_handler(BotError)
    async def _said(_request: Request, error: BotError) -> JSONResponse:
        return JSONResponse({"error": error.message}, status_code=error.status)

    return app


def _slack(app: FastAPI, muster: Muster, secret: str | None) -> None:
    @app.post("/slack/events", summary="Slack's events, buttons and commands", tags=["slack"])
    async def slack(request: Request) -> Response:
        body = await webhooks.read_body(request)
        if secret is None or not verify(secret, body, request.headers, muster.clock.now()):
            return JSONResponse({"error": "The signature or its time is wrong."}, status_code=401)
        text = body.decode("utf-8", "replace")
        answer = await run_in_threadpool(
            muster.slack.bolt.dispatch, BoltRequest(body=text, headers=dict(request.headers))
        )
        return Response(answer.body, status_code=answer.status, headers=dict(answer.first_headers()))


def _health(app: FastAPI, muster: Muster) -> None:
    @app.get("/healthz", tags=["health"])
    def alive() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/readyz", tags=["health"])
    def ready() -> JSONResponse:
        try:
            with muster.database.reading() as session:
                ping(session)
        except SQLAlchemyError as error:
            problem = type(error).__name__
            return JSONResponse({"status": "unavailable", "database": problem}, status_code=503)
        return JSONResponse({"status": "ok"})

    @app.get("/metrics", tags=["health"])
    def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)
