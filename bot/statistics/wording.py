"""Numbers as a responder reads them at night."""

import math

THOUSAND = 1000.0
LONGEST_NAME = 40
HUGE = 1e15


def number(value: float) -> str:
    """Three significant digits, thousands separated, no exponent below 1e15: `3,790`, `38`, `0.0042`."""
    if math.isnan(value):
        return "unknown"
    if math.isinf(value):
        return "infinity" if value > 0 else "minus infinity"
    if value == 0:
        return "0"
    if abs(value) >= HUGE or abs(value) < 1 / HUGE:
        return f"{value:.3g}"
    if abs(value) >= THOUSAND:
        return f"{value:,.0f}"
    digits = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:.{digits}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def percent(share: float) -> str:
    """A share of 0 to 1 with as many digits as it deserves: `97 %`, `0.4 %`, `under 0.01 %`, `over 99.9 %`."""
    hundred = 100 * share
    if 99.95 <= hundred < 100:  # noqa: PLR2004
        return "over 99.9 %"
    if 0 < hundred < 0.01:  # noqa: PLR2004
        return "under 0.01 %"
    if hundred == 0 or abs(hundred) >= 9.95:  # noqa: PLR2004
        return f"{hundred:.0f} %" if abs(hundred) <= 99.5 or hundred == 100 else f"{hundred:.1f} %"  # noqa: PLR2004
    return f"{hundred:.1f} %" if abs(hundred) >= 0.1 else f"{hundred:.2f} %"  # noqa: PLR2004


def count_of(size: float, noun: str) -> str:
    """`1 row`, `1,204 rows`, `0 labels`."""
    shown = f"{size:,.0f}"
    return f"{shown} {noun if shown == '1' else f'{noun}s'}"


def agree(size: float, singular: str, plural: str) -> str:
    """The form that goes with `size` things, as it is written: `1 row is`, `2 rows are`."""
    return singular if f"{size:.0f}" == "1" else plural


def category(name: str) -> str:
    """A category's name within a sentence; one that would not be seen there is quoted and named."""
    shown = name if len(name) <= LONGEST_NAME else f"{name[: LONGEST_NAME - 1]}…"
    if not name:
        return "'' (empty text)"
    if not name.strip():
        return f"{shown!r} (blanks only)"
    return shown if name == name.strip() and name.isprintable() else repr(shown)


def with_note(sentence: str, note: str) -> str:
    """`note` in brackets behind the sentence; in the sentence's own brackets where it ends with some."""
    return f"{sentence[:-1]}; {note})" if sentence.endswith(")") else f"{sentence} ({note})"
