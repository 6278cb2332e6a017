"""Links to a postmortem that a browser can open: the key in them opens this one page and nothing else."""

import hashlib
import hmac

_LENGTH = 32


class Links:
    """public_url: Muster's own address. secret: known to every process, and never part of a link."""

    def __init__(self, public_url: str, secret: str) -> None:
        self._base = public_url.rstrip("/")
        self._secret = secret.encode()

    def url(self, number: int) -> str:
        return f"{self._base}/v1/incidents/{number}/postmortem?format=html&key={self.key(number)}"

    def key(self, number: int) -> str:
        return hmac.new(self._secret, f"postmortem:{number}".encode(), hashlib.sha256).hexdigest()[:_LENGTH]

    def opens(self, number: int, key: str) -> bool:
        return hmac.compare_digest(self.key(number).encode(), key.encode("utf-8", "replace"))
