"""The certificates that calls to others are checked against, read once: reading them takes 40 ms of a processor."""

import ssl
from functools import cache


@cache
def trusted() -> ssl.SSLContext:
    """For `httpx.Client(verify=trusted())`: a client, or a single call, that is not told reads them again."""
    import httpx  # noqa: PLC0415

    return httpx.create_ssl_context()
