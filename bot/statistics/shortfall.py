"""Why something could not be computed: a value of its own, never a NaN and never a warning."""

from dataclasses import dataclass
from enum import StrEnum

from bot.statistics.wording import count_of


class Reason(StrEnum):
    TOO_FEW_ROWS = "too_few_rows"
    TOO_FEW_WINDOWS = "too_few_windows"
    ALL_NULL = "all_null"
    NO_VARIATION = "no_variation"
    MISSING_COLUMN = "missing_column"
    WRONG_TYPE = "wrong_type"
    ONE_CLASS = "one_class"
    UNEQUAL_LENGTH = "unequal_length"
    UNEXPLAINED = "unexplained"


@dataclass(frozen=True, slots=True)
class Shortfall:
    """What was missing. `have` and `need` are counts of rows (or windows), None where a count says nothing."""

    reason: Reason
    sentence: str
    have: int | None = None
    need: int | None = None


def too_few_rows(have: int, need: int, where: str = "the current window") -> Shortfall:
    counted = f"Only {count_of(have, 'row')} in {where}" if have else f"No row of {where} has what is asked for"
    return Shortfall(Reason.TOO_FEW_ROWS, f"{counted}; {need:,} needed.", have, need)


def too_few_windows(have: int, need: int) -> Shortfall:
    return Shortfall(Reason.TOO_FEW_WINDOWS, f"Learning: {have} of {need} baseline windows seen.", have, need)


def all_null(rows: int, where: str = "the current window") -> Shortfall:
    return Shortfall(
        Reason.ALL_NULL,
        f"{'The only row' if rows == 1 else f'All {rows:,} rows'} of {where} {'is' if rows == 1 else 'are'} null.",
        0,
        1,
    )


def no_variation(where: str = "the reference") -> Shortfall:
    return Shortfall(Reason.NO_VARIATION, f"{where[:1].upper()}{where[1:]} holds one single value.")


def missing_column(column: str, where: str = "the current window") -> Shortfall:
    return Shortfall(Reason.MISSING_COLUMN, f"Column {column} is not in {where}.")


def wrong_type(column: str, expected: str) -> Shortfall:
    return Shortfall(Reason.WRONG_TYPE, f"Column {column} is no longer {expected} in the current window.")


def one_class(label: str) -> Shortfall:
    return Shortfall(Reason.ONE_CLASS, f"Every label is {label}; both outcomes are needed.")


def unequal_length(first: int, second: int) -> Shortfall:
    return Shortfall(Reason.UNEQUAL_LENGTH, f"{first:,} values against {second:,}; one of each is needed per row.")
