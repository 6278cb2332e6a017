"""What every table shares: named constraints, JSON that both databases keep alike, text guarded by CHECK."""

from enum import StrEnum
from typing import Any

from sqlalchemy import JSON, CheckConstraint, Column, Text
from sqlmodel import Field, SQLModel

NAMING = {
    "ix": "ix_%(column_0_label)s",
    "uq": "uq_%(table_name)s_%(column_0_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
SQLModel.metadata.naming_convention = NAMING

metadata = SQLModel.metadata


def one_of(column: str, values: type[StrEnum]) -> CheckConstraint:
    listed = ", ".join(f"'{value.value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def json_field(default: type[dict[str, Any]] | type[list[Any]] = dict) -> Any:  # noqa: ANN401
    return Field(default_factory=default, sa_column=Column(JSON, nullable=False))


def text_field(default: str | None = "", *, nullable: bool = False) -> Any:  # noqa: ANN401
    return Field(default=default, sa_column=Column(Text, nullable=nullable))
