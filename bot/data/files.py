"""Where a model's rows lie: a file, a folder or a glob of Parquet, CSV or JSON lines."""

from dataclasses import dataclass, replace
from pathlib import Path

from bot.core.errors import BotError

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
    """`reader`: the FROM clause. `folder`: everything read lies below it."""

    reader: str
    folder: Path
    paths: tuple[Path, ...]

    @property
    def listed(self) -> str:
        return "[" + ", ".join("'" + str(one).replace("'", "''") + "'" for one in self.paths) + "]"

    @property
    def are_parquet(self) -> bool:
        return _kind(self.paths[0]) == ".parquet"


def find_files(setting: str, wanted: str, base: Path) -> Files:
    """Resolve a path of muster.yaml, relative to the folder it lies in. `setting` names it in errors."""
    path = Path(wanted)
    root = path if path.is_absolute() else base / path
    found = _listed(root)
    if not found:
        raise DataError(f"`{setting}` in muster.yaml names {wanted}, and nothing is there (looked for {root}).")
    kinds = {_kind(one) for one in found}
    if len(kinds) > 1 or None in kinds:
        known = ", ".join(_READERS)
        raise DataError(f"`{setting}` in muster.yaml names {wanted}: all files must be of one kind of {known}.")
    kind = kinds.pop() or ""
    folder = root if root.is_dir() else _fixed(root)
    files = Files("", folder.resolve(), tuple(found))
    return replace(files, reader=_READERS[kind].format(paths=files.listed))


def _listed(root: Path) -> list[Path]:
    if root.is_file():
        return [root.resolve()]
    if root.is_dir():
        return sorted(one.resolve() for one in root.rglob("*") if one.is_file() and _kind(one))
    fixed = _fixed(root)
    if fixed == root or not fixed.is_dir():
        return []
    pattern = str(root.relative_to(fixed))
    return sorted(one.resolve() for one in fixed.glob(pattern) if one.is_file() and _kind(one))


def _fixed(root: Path) -> Path:
    """Return the part of a glob before its first wildcard."""
    for parent in [root, *root.parents]:
        if not any(mark in str(parent) for mark in "*?["):
            return parent if parent != root else root.parent
    return root


def _kind(path: Path) -> str | None:
    """Return the kind by the name's end; hidden and half-written files (`.x`, `_x`, `x.tmp`) are none."""
    if path.name.startswith((".", "_")):
        return None
    return next((kind for kind in sorted(_READERS, key=len, reverse=True) if path.name.lower().endswith(kind)), None)
