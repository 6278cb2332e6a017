"""Files in object storage, or at an address: listed here, and read by DuckDB through the same client.

Credentials are those of the environment, under the names each cloud's own tools use; muster.yaml holds none.
"""

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from bot.core.errors import BotError

if TYPE_CHECKING:
    from obstore.fsspec import FsspecStore

_WEB = ("https", "http")
_AWS = "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_REGION, or give this machine a role that may read it"
_CLOUDS = {
    "s3": ("AWS_", f"{_AWS} (for a public bucket AWS_SKIP_SIGNATURE=true)"),
    "gs": ("GOOGLE_", "GOOGLE_APPLICATION_CREDENTIALS to the file of a service account that may read it"),
    "az": ("AZURE_", "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY, or AZURE_STORAGE_SAS_TOKEN"),
    "abfss": ("AZURE_", "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY, or AZURE_STORAGE_SAS_TOKEN"),
}
_ON_THE_WAY = ("HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "https_proxy", "http_proxy", "no_proxy", "SSL_CERT_FILE")
_WILD = "*?["
# Without credentials a client asks the machine it runs on for some, and fails there.
_ASKED_FOR_CREDENTIALS = ("169.254.169.254", "/latest/meta-data", "/latest/api/token", "metadata.google", "redential")
_STATUS = re.compile(r"status code: (\d{3})\b")
_RETRIES: Any = {"max_retries": 2, "retry_timeout": timedelta(seconds=10)}
_PATIENCE: dict[str, Any] = {"connect_timeout": timedelta(seconds=5), "timeout": timedelta(seconds=60)}


class ObjectsError(BotError):
    """The storage can't be reached, or will not show what is asked."""

    status = 503


@dataclass(frozen=True, slots=True)
class Object:
    address: str
    size: int


@dataclass(frozen=True, slots=True)
class Objects:
    """below: the address everything found lies under."""

    below: str
    found: tuple[Object, ...]


def scheme_of(path: str) -> str | None:
    """Return `s3`, `gs`, `az`, `abfss`, `https` or `http` of an address; None for a path of this machine."""
    scheme = path.partition("://")[0] if "://" in path else ""
    return scheme if scheme in (*_CLOUDS, *_WEB) else None


def secrets_for(path: str) -> dict[str, str]:
    """Return the part of the environment that reading an address takes, and no more."""
    scheme = scheme_of(path)
    if scheme is None:
        return {}
    prefix = _CLOUDS[scheme][0] if scheme in _CLOUDS else None
    return {
        name: value
        for name, value in os.environ.items()
        if name in _ON_THE_WAY or (prefix is not None and name.startswith(prefix))
    }


def list_objects(address: str, is_kind: Callable[[str], bool]) -> Objects:
    """Find a file, all files of a kind below a folder, or those a glob names. Raises ObjectsError."""
    root, path = _parts(address)
    fixed = _fixed(path)
    named = path == fixed and is_kind(path.rpartition("/")[2])
    single = _single(root, path, address) if named or scheme_of(address) in _WEB else None
    if single:
        return Objects(single.address.rpartition("/")[0] + "/", (single,))
    below = fixed.strip("/")
    found = [one for one in _below(root, below, address) if is_kind(one.address.rpartition("/")[2])]
    if path != fixed:
        wanted = re.compile(re.escape(root) + "/" + _pattern(path))
        found = [one for one in found if wanted.fullmatch(one.address)]
    return Objects(f"{root}/{below}/" if below else f"{root}/", tuple(sorted(found, key=lambda one: one.address)))


def reader_of(scheme: str) -> "FsspecStore":
    """Return the file system DuckDB reads addresses of this scheme through."""
    from obstore import fsspec  # noqa: PLC0415

    opened: Any = fsspec.FsspecStore
    files: FsspecStore = opened(scheme, retry_config=_RETRIES, client_options=_patience(scheme))
    return files


def _below(root: str, folder: str, address: str) -> list[Object]:
    import obstore  # noqa: PLC0415
    from obstore.exceptions import BaseError  # noqa: PLC0415

    try:
        pages = obstore.list(_store(root), prefix=folder or None, chunk_size=1000)
        return [Object(f"{root}/{one['path']}", int(one["size"])) for page in pages for one in page]
    except (BaseError, OSError) as error:
        raise _said(address, error) from error


def _single(root: str, path: str, address: str) -> Object | None:
    """Look for one file; None: there is none, and it may be a folder (`rows.parquet/` of a writer in parts)."""
    import obstore  # noqa: PLC0415
    from obstore.exceptions import BaseError  # noqa: PLC0415

    try:
        return Object(address, int(obstore.head(_store(root), path)["size"]))
    except FileNotFoundError as error:
        if scheme_of(address) in _WEB:
            raise _said(address, error) from error
        return None
    except (BaseError, OSError) as error:
        raise _said(address, error) from error


def _store(root: str) -> Any:  # noqa: ANN401
    from obstore import store  # noqa: PLC0415

    opened: Any = store.from_url  # its type differs for each cloud
    return opened(root, retry_config=_RETRIES, client_options=_patience(scheme_of(root)))


def _patience(scheme: str | None) -> dict[str, Any]:
    plain = scheme == "http" or os.environ.get("AWS_ENDPOINT_URL", "").startswith("http://")
    return {**_PATIENCE, "allow_http": plain}


def _said(address: str, error: Exception) -> ObjectsError:
    from obstore.exceptions import NotFoundError, PermissionDeniedError, UnauthenticatedError  # noqa: PLC0415

    said, scheme = str(error), scheme_of(address) or ""
    needed = _CLOUDS[scheme][1] if scheme in _CLOUDS else "what it asks for"
    if any(mark in said for mark in _ASKED_FOR_CREDENTIALS):
        return ObjectsError(f"{address} needs credentials, and Muster has none; set {needed}.")
    answered = _STATUS.search(said)
    status = answered[1] if answered else None
    if isinstance(error, PermissionDeniedError | UnauthenticatedError) or status in {"401", "403"}:
        return ObjectsError(f"{address} may not be read with the credentials Muster has; set {needed}.")
    if isinstance(error, FileNotFoundError | NotFoundError) or status == "404":
        return ObjectsError(f"{address} does not exist; look at the bucket's name and the path.")
    return ObjectsError(f"{address} could not be reached: {said.splitlines()[0][:200]}")


def _parts(address: str) -> tuple[str, str]:
    scheme, _, rest = address.partition("://")
    host, _, path = rest.partition("/")
    return f"{scheme}://{host}", path.lstrip("/")


def _fixed(path: str) -> str:
    """Return what a glob begins with, up to the last slash before its first wildcard; else the whole path."""
    wild = min((path.index(mark) for mark in _WILD if mark in path), default=None)
    return path if wild is None else path[: path.rfind("/", 0, wild) + 1]


def _pattern(path: str) -> str:
    """Write a glob as a regular expression, as folders of this machine read it: only `**` crosses a slash."""
    means = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    tokens = re.split(r"(\*\*/|\*\*|\*|\?|\[[^\]]+\])", path)
    return "".join(means.get(one) or (one if at % 2 else re.escape(one)) for at, one in enumerate(tokens))
