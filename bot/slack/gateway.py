"""The only place that talks to Slack's Web API."""

from typing import Any
from urllib.error import URLError

import httpx
from slack_sdk import WebClient
from slack_sdk.errors import SlackApiError, SlackClientError

from bot.core.trust import trusted

CALL_SECONDS = 5
_UNCERTAIN = {"fatal_error", "internal_error", "service_unavailable", "request_timeout"}
_TOKEN_GONE = {"invalid_auth", "not_authed", "token_revoked", "token_expired", "account_inactive"}


class SlackCallError(Exception):
    """A call that did not succeed.

    retry_after: seconds Slack asks this method to pause. uncertain: the call may have taken effect all the same.
    """

    def __init__(
        self, method: str, code: str, *, retry_after: float | None = None, uncertain: bool = False, detail: str = ""
    ) -> None:
        super().__init__(f"{method}: {code}{': ' + detail if detail else ''}")
        self.method = method
        self.code = code
        self.retry_after = retry_after
        self.uncertain = uncertain
        self.detail = detail

    @property
    def token_gone(self) -> bool:
        return self.code in _TOKEN_GONE


class SlackGateway:
    """Calls of one workspace, with definite errors told apart from uncertain ones. Nothing is retried here."""

    def __init__(self, token: str, *, base_url: str, timeout: int = CALL_SECONDS) -> None:
        self.client = WebClient(token=token, base_url=base_url, timeout=timeout, retry_handlers=[])
        self._timeout = timeout

    def call(self, method: str, **arguments: Any) -> dict[str, Any]:  # noqa: ANN401
        body = {name: value for name, value in arguments.items() if value is not None}
        try:
            answer = self.client.api_call(method, json=body)
        except SlackApiError as error:
            raise _refused(method, error) from error
        except (SlackClientError, URLError, OSError, ValueError) as error:
            raise SlackCallError(method, "no_answer", uncertain=True, detail=type(error).__name__) from error
        data = answer.data
        return data if isinstance(data, dict) else {}

    def upload(self, url: str, content: bytes) -> None:
        try:
            httpx.post(url, content=content, timeout=self._timeout, verify=trusted()).raise_for_status()
        except httpx.HTTPError as error:
            raise SlackCallError("upload", "no_answer", detail=type(error).__name__) from error


def _refused(method: str, error: SlackApiError) -> SlackCallError:
    response = error.response
    status = getattr(response, "status_code", 200)
    data = response.data if isinstance(getattr(response, "data", None), dict) else {}
    code = str(data.get("error") or f"http_{status}")
    if status == httpx.codes.TOO_MANY_REQUESTS or code == "ratelimited":
        wait = float(response.headers.get("Retry-After", 1))
        return SlackCallError(method, "ratelimited", retry_after=wait)
    messages = (data.get("response_metadata") or {}).get("messages") or []
    uncertain = status >= httpx.codes.INTERNAL_SERVER_ERROR or code in _UNCERTAIN
    return SlackCallError(method, code, uncertain=uncertain, detail="; ".join(messages)[:300])
