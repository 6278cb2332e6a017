"""Where a model's rows lie: a file, a folder or a glob of Parquet, CSV or JSON lines, here or in object storage."""

from dataclasses import dataclass
from pathlib import Path

from bot.core.errors import BotError
from bot.data.objects import ObjectsError, list_objects, scheme_of

_READERS = {
    ".parquet": "read_parquet({paths}, union_by_name=true, hive_partitioning=true)",
    ".csv": "read_csv({paths}, union_by_name=true)",
    ".tsv": "read_csv({paths}, union_by_name=true)",
    ".csv.gz": "read_csv({paths}, union_by_name=true)",
    ".jsonl": "read_json({paths}, format='newline_delimited', union_by_name=true)",
    ".ndjson": "read_json({paths}, format='newline_delimited', union_by_name=true)",
    ".jsonl.gz": "read_json({paths}, format='newline_delimited', union_by_name=true)",
}


class DataError(BotError):
    """The rows can't be read as configured; the message says what to change."""


class UnreadableError(DataError):
    """The rows are where they are said to be and can't be read: a broken file, a database that is down."""

    status = 503


class TooSlowError(DataError):
    """Reading took longer than `limits.seconds`."""

    status = 503


@dataclass(frozen=True, slots=True)
class Files:
    """`reader`: the FROM clause. `folder`: everything read lies below it. `size`: bytes of all."""

    kind: str
    folder: str
    paths: tuple[str, ...]
    size: int

    @property
    def reader(self) -> str:
        return _READERS[self.kind].format(paths=self.listed)

    @property
    def listed(self) -> str:
        return "[" + ", ".join("'" + one.replace("'", "''") + "'" for one in self.paths) + "]"

    @property
    def are_parquet(self) -> bool:
        return self.kind == ".parquet"

    @property
    def scheme(self) -> str | None:
        """Return the object storage they lie in; None: this machine."""
        return scheme_of(self.folder)


def find_files(setting: str, wanted: str, base: Path) -> Files:
    """Resolve a path of muster.yaml, relative to the folder it lies in. `setting` names it in errors."""
    if scheme_of(wanted):
        return _in_storage(setting, wanted)
    if "://" in wanted:
        known = "s3://, gs://, az://, abfss://, https:// or a path"
        raise DataError(f"`{setting}` in muster.yaml names {wanted}; Muster reads {known}.")
    path = Path(wanted)
    root = path if path.is_absolute() else base / path
    found = _listed(root)
    if not found:
        raise DataError(f"`{setting}` in muster.yaml names {wanted}, and nothing is there (looked for {root}).")
    folder = root if root.is_dir() else _fixed(root)
    kind = _one_kind(setting, wanted, [one.name for one in found])
    return Files(kind, str(folder.resolve()), tuple(map(str, found)), sum(one.stat().st_size for one in found))


def _in_storage(setting: str, wanted: str) -> Files:
    try:
        objects = list_objects(wanted, lambda name: _kind(name) is not None)
    except ObjectsError as error:
        raise UnreadableError(f"`{setting}` in muster.yaml: {error.message}") from error
    if not objects.found:
        raise DataError(f"`{setting}` in muster.yaml names {wanted}, and no file Muster can read is there.")
    paths = tuple(one.address for one in objects.found)
    kind = _one_kind(setting, wanted, [one.rpartition("/")[2] for one in paths])
    return Files(kind, objects.below, paths, sum(one.size for one in objects.found))


def _one_kind(setting: str, wanted: str, names: list[str]) -> str:
    kinds = {_kind(one) for one in names}
    kind = kinds.pop()
    if kinds or kind is None:
        known = ", ".join(_READERS)
        raise DataError(f"`{setting}` in muster.yaml names {wanted}: all files must be of one kind of {known}.")
    return kind


def _listed(root: Path) -> list[Path]:
    if root.is_file():
        return [root.resolve()]
    if root.is_dir():
        return sorted(one.resolve() for one in root.rglob("*") if one.is_file() and _kind(one.name))
    fixed = _fixed(root)
    if fixed == root or not fixed.is_dir():
        return []
    pattern = str(root.relative_to(fixed))
    return sorted(one.resolve() for one in fixed.glob(pattern) if one.is_file() and _kind(one.name))


def _fixed(root: Path) -> Path:
    """Return the part of a glob before its first wildcard."""
    for parent in [root, *root.parents]:
        if not any(mark in str(parent) for mark in "*?["):
            return parent if parent != root else root.parent
    return root


def _kind(name: str) -> str | None:
    """Return the kind by the name's end; hidden and half-written files (`.x`, `_x`, `x.tmp`) are none."""
    if name.startswith((".", "_")):
        return None
    return next((kind for kind in sorted(_READERS, key=len, reverse=True) if name.lower().endswith(kind)), None)
