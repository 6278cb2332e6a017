"""Which reports are the same thing: a fingerprint of the source and what identifies it, never of its title. Pure."""

import hashlib
import json
from collections.abc import Mapping


def fingerprint(source: str, identity: Mapping[str, str]) -> str:
    """SHA-256 over the source and the sorted identifying labels, as 32 hex digits."""
    text = json.dumps([source, sorted(identity.items())], ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def describe(source: str, identity: Mapping[str, str]) -> str:
    """Say how the fingerprint was built."""
    return source + "{" + ", ".join(f"{key}={value}" for key, value in sorted(identity.items())) + "}"
