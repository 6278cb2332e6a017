"""`GET /v1/incidents/{number}/postmortem`: the draft in the format asked for."""

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Response

from bot.catalog.config import Catalog
from bot.core.clock import Clock
from bot.core.database import Database
from bot.postmortems.export import POLICY, parse_format
from bot.postmortems.fetch import fetch
from bot.postmortems.links import Links
from bot.postmortems.service import Pictures, no_pictures

_LARGEST = 2**31 - 1


def routes(
    database: Database,
    clock: Clock,
    catalog: Catalog,
    token: Callable[[str], None],
    *,
    links: Links,
    picture: Pictures = no_pictures,
) -> APIRouter:
    """token: checks an Authorization header, and raises. A link's own key opens its page without one."""
    router = APIRouter(prefix="/v1", tags=["incidents"])

    @router.get("/incidents/{number}/postmortem", summary="The postmortem; drafted from the record as it stands now")
    def postmortem(
        number: Annotated[int, Path(ge=1, le=_LARGEST)],
        wanted: Annotated[str, Query(alias="format", description="md, html or json")] = "md",
        key: str = "",
        authorization: Annotated[str, Header()] = "",
    ) -> Response:
        if not (key and links.opens(number, key)):
            token(authorization)
        found = fetch(database, catalog, number, parse_format(wanted), clock.now(), picture=picture)
        headers = {
            "Content-Disposition": f'inline; filename="{found.filename}"',
            "Content-Security-Policy": POLICY,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
        }
        return Response(found.content, media_type=found.media_type, headers=headers)

    return router
