"""The HTTP call of an action: what people are shown of it, and the making of it, once."""

import hashlib
import json
import re
import time
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import httpx

from bot.catalog.config import HttpCall
from bot.catalog.values import SecretRef
from bot.core.logging import redact
from bot.core.trust import trusted
from bot.slack.text import clip, plain

MOST_BYTES = 64 * 1024
_HIDDEN = "***"
_SECRET_NAME = re.compile(
    r"token|secret|passw|apikey|api_key|api-key|signature|credential|authorization", re.IGNORECASE
)
_EXCERPT = 160
_LOOK = "Look at the system itself before trying again."
_NEVER_SENT = (
    httpx.ConnectError,
    httpx.ConnectTimeout,
    httpx.PoolTimeout,
    httpx.ProxyError,
    httpx.UnsupportedProtocol,
    httpx.LocalProtocolError,
)


class Happened(StrEnum):
    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a call. `sentence` says it, and where it went wrong also what to do."""

    happened: Happened
    sentence: str
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """A call without its secrets, as people read it before they agree. `calls` is the whole of it in one text."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: str

    @property
    def line(self) -> str:
        return f"{self.method} {self.url}"

    @property
    def calls(self) -> str:
        lines = [self.line, *(f"{name}: {value}" for name, value in self.headers)]
        return "\n".join([*lines, "", self.body] if self.body else lines)


def shown(http: HttpCall) -> Shown:
    """Show a call: secrets by the name of their variable, what looks like one hidden."""
    headers = [
        (name, f"(from {value})" if isinstance(value, SecretRef) else _value(name, value))
        for name, value in sorted(http.headers.items())
    ]
    body = json.dumps(_masked(http.json_body), indent=2, ensure_ascii=False, default=str) if http.json_body else ""
    return Shown(http.method, _url(http.url), tuple(headers), redact(body))


def digest(http: HttpCall) -> str:
    """Identify a call as configured, so that what runs is what was agreed to."""
    return hashlib.sha256(http.model_dump_json().encode()).hexdigest()[:16]


def missing(http: HttpCall) -> list[str]:
    """Return the variables that should hold a secret and don't."""
    refs = [value for value in http.headers.values() if isinstance(value, SecretRef)]
    return sorted({ref.env for ref in refs if not ref.read()})


def _value(name: str, value: str) -> str:
    return _HIDDEN if _SECRET_NAME.search(name) else redact(value)


def _url(url: str) -> str:
    try:
        parts = urlsplit(url)
        login, _, host = parts.netloc.rpartition("@")
        given = parse_qsl(parts.query, keep_blank_values=True)
    except ValueError:
        return redact(url)
    query = urlencode([(name, _HIDDEN if _SECRET_NAME.search(name) else value) for name, value in given], safe="*")
    return redact(urlunsplit(parts._replace(netloc=f"{_HIDDEN}@{host}" if login else host, query=query)))


def _masked(value: object) -> object:
    if isinstance(value, dict):
        return {key: _HIDDEN if _SECRET_NAME.search(str(key)) else _masked(one) for key, one in value.items()}
    return [_masked(one) for one in value] if isinstance(value, list) else value


def make(http: HttpCall, key: str) -> Outcome:
    """Make the call once. It follows no redirect, reads at most 64 KiB, and ends about when its timeout does.

    key: sent as `Idempotency-Key`, so that a system that knows this header acts at most once.
    """
    secrets = {name: value.read() or "" for name, value in http.headers.items() if isinstance(value, SecretRef)}
    headers = {name: value for name, value in http.headers.items() if isinstance(value, str)} | secrets
    headers |= {"Idempotency-Key": key, "Accept-Encoding": "identity", "User-Agent": "muster"}
    limit = http.timeout.total_seconds()
    began = time.monotonic()
    try:
        with httpx.Client(timeout=limit, follow_redirects=False, verify=trusted()) as client:
            content = json.dumps(http.json_body, default=str).encode() if http.json_body is not None else None
            if content is not None:
                headers.setdefault("Content-Type", "application/json")
            request = client.build_request(http.method, http.url, headers=headers, content=content)
            response = client.send(request, stream=True)
            with_body = _read(response, began + limit)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, TypeError) as error:
        return _no_answer(http, error, limit)
    return _answered(http, response, with_body, time.monotonic() - began, secrets.values())


def _read(response: httpx.Response, deadline: float) -> bytes:
    """Read the beginning of the answer; its status has come, so a body that breaks off changes nothing."""
    found = b""
    try:
        for chunk in response.iter_raw():
            found += chunk
            if len(found) >= MOST_BYTES or time.monotonic() > deadline:
                break
    except httpx.HTTPError:
        return found[:MOST_BYTES]
    finally:
        response.close()
    return found[:MOST_BYTES]


def _no_answer(http: HttpCall, error: Exception, limit: float) -> Outcome:
    line, kind = shown(http).line, type(error).__name__
    if isinstance(error, _NEVER_SENT) or not isinstance(error, httpx.HTTPError):
        todo = "See that the address is right and up, then ask again."
        return Outcome(Happened.NO, f"{line} could not be reached ({kind}): nothing was changed. {todo}")
    waited = f"within {limit:g} s" if isinstance(error, httpx.TimeoutException) else f"({kind})"
    return Outcome(Happened.UNKNOWN, f"{line} gave no answer {waited}: unknown whether it happened. {_LOOK}")


def _answered(http: HttpCall, response: httpx.Response, body: bytes, seconds: float, secrets: Iterable[str]) -> Outcome:
    status = response.status_code
    said = f"{shown(http).line} answered {status} in {seconds:.1f} s{_excerpt(body, secrets)}"
    if response.is_success:
        return Outcome(Happened.YES, f"{said}.", status)
    if response.is_redirect:
        text = f"{said}: it points elsewhere, and Muster does not follow. Put the final address into muster.yaml."
        return Outcome(Happened.NO, text, status)
    if response.is_server_error:
        text = f"{said}: it may have happened in part. {_LOOK}"
        return Outcome(Happened.UNKNOWN, text, status)
    todo = "Mend the address, the body or the credential, then ask again."
    text = f"{said}: it was refused, nothing was changed. {todo}"
    return Outcome(Happened.NO, text, status)


def _excerpt(body: bytes, secrets: Iterable[str]) -> str:
    text = " ".join(plain(body[:4096].decode("utf-8", "replace")).split())
    for secret in secrets:
        for part in (secret, secret.rpartition(" ")[2]):
            if part:
                text = text.replace(part, _HIDDEN)
    return f" (“{clip(redact(text), _EXCERPT)}”)" if text else ""
