"""Is this request Slack's, and fresh? (Slack's v0 signature: HMAC-SHA256 over `v0:<time>:<body>`.)"""

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime

OLDEST_SECONDS = 300
_DIGITS = 12


def sign(secret: str, body: bytes, timestamp: str) -> str:
    base = b"v0:" + timestamp.encode() + b":" + body
    return "v0=" + hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()


def verify(secret: str, body: bytes, headers: Mapping[str, str], now: datetime) -> bool:
    """Refuse anything malformed before a library trips over it."""
    timestamp = headers.get("x-slack-request-timestamp", "")
    given = headers.get("x-slack-signature", "")
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= _DIGITS):
        return False
    if abs(now.timestamp() - int(timestamp)) > OLDEST_SECONDS:
        return False
    return hmac.compare_digest(sign(secret, body, timestamp).encode(), given.encode("utf-8", "replace"))
