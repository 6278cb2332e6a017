"""Reading `muster.yaml`, with errors that name the line."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from bot.catalog.config import Catalog
from bot.core.errors import ConfigError

MAX_BYTES = 256 * 1024


def load_catalog(path: Path | None) -> Catalog:
    """Return the configuration; an absent file is an empty one. Raises ConfigError with every problem and its line."""
    if path is None:
        return Catalog()
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}. Set MUSTER_CONFIG to a readable muster.yaml.") from error
    if len(raw) > MAX_BYTES:
        raise ConfigError(f"{path} is larger than {MAX_BYTES // 1024} KiB; is it the right file?")
    return parse_catalog(raw.decode("utf-8", "replace"), name=str(path))


def parse_catalog(text: str, *, name: str = "muster.yaml") -> Catalog:
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(text, Loader=yaml.SafeLoader)):
            raise ConfigError(f"{name}: YAML aliases (*name) are not used here; write the value out.")
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        _refuse_days_that_are_none(node, name)
        content = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise ConfigError(f"{name}:{line}: {error.problem}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{name}: {error}") from error
    if content is None:
        return Catalog()
    if not isinstance(content, dict):
        raise ConfigError(f"{name}:1: a mapping is expected, such as `models:`")
    _refuse_duplicates(node, name)
    try:
        return Catalog.model_validate(content)
    except ValidationError as error:
        problems = [f"{name}:{_line(node, item['loc'])}: {_words(item)}" for item in error.errors()]
        raise ConfigError("\n".join(problems)) from error


def _words(item: Any) -> str:  # noqa: ANN401
    where = ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        return f"`{where}`: there is no such setting"
    return f"`{where}`: {str(item['msg']).removeprefix('Value error, ')}"


def _line(node: yaml.Node | None, location: Sequence[str | int]) -> int:
    """Follow a pydantic location down the YAML tree as far as it goes."""
    line = 1
    for part in location:
        if isinstance(node, yaml.MappingNode):
            found = next(((key, value) for key, value in node.value if key.value == str(part)), None)
            if found is None:
                continue
            line, node = found[0].start_mark.line + 1, found[1]
        elif isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
            node = node.value[part]
            line = node.start_mark.line + 1
    return line


def _refuse_days_that_are_none(node: yaml.Node | None, name: str) -> None:
    """YAML reads 2026-02-30 as a date and would stop without a line."""
    if isinstance(node, yaml.ScalarNode) and node.tag == "tag:yaml.org,2002:timestamp":
        try:
            yaml.safe_load(node.value)
        except ValueError as error:
            line = node.start_mark.line + 1
            raise ConfigError(f"{name}:{line}: {node.value!r} is no date: {error}") from error
    elif isinstance(node, yaml.MappingNode | yaml.SequenceNode):
        for part in node.value:
            for one in part if isinstance(part, tuple) else [part]:
                _refuse_days_that_are_none(one, name)


def _refuse_duplicates(node: yaml.Node | None, name: str) -> None:
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            if key.value in seen:
                raise ConfigError(f"{name}:{key.start_mark.line + 1}: `{key.value}` is given twice")
            seen.add(key.value)
            _refuse_duplicates(value, name)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _refuse_duplicates(item, name)
