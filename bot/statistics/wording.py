"""Numbers as a responder reads them at night."""

import math

THOUSAND = 1000.0
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
    """A share of 0 to 1 with as many digits as it deserves: `97 %`, `0.4 %`, `under 0.01 %`."""
    hundred = 100 * share
    if 0 < hundred < 0.01:  # noqa: PLR2004
        return "under 0.01 %"
    if hundred == 0 or abs(hundred) >= 9.95:  # noqa: PLR2004
        return f"{hundred:.0f} %" if abs(hundred) <= 99.5 or hundred == 100 else f"{hundred:.1f} %"  # noqa: PLR2004
    return f"{hundred:.1f} %" if abs(hundred) >= 0.1 else f"{hundred:.2f} %"  # noqa: PLR2004
