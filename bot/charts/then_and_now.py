"""One number for each of several columns or segments, as it was and as it is."""

import math
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

from bot.charts.canvas import CURRENT, INK, MUTED, REFERENCE_DARK, SMALL, Canvas, Chart, nothing_to_draw
from bot.charts.numbers import as_floats, clip, distinct, human, nice_ticks, percent, written_out

MOST = 8
LEAST_SHARE = 0.02
"""What an axis of shares reaches at least: noise around 0 would else fill it."""
_BESIDE = 0.34
"""The part of the plot's width kept for the two numbers of each row."""


@dataclass(frozen=True, slots=True)
class _Row:
    name: str
    then: float
    now: float
    interval: tuple[float, float] | None
    marked: bool


def then_and_now(
    labels: Sequence[Any],
    then: Any,  # noqa: ANN401
    now: Any,  # noqa: ANN401
    *,
    title: str,
    intervals: Sequence[tuple[float, float] | None] | None = None,
    highlight: Collection[str] = (),
    shares: bool = False,
    label: str = "",
    reference_label: str = "usually",
    current_label: str = "now",
) -> Chart:
    """A row each, in the order given: a ring where it was, a diamond where it is, a line between, both numbers beside.

    `intervals` are those of `now`; `highlight` names the rows that matter. At most eight are drawn, the highlighted
    ones first, then by order. A row with only one of the two numbers shows that one.
    """
    found = _rows(labels, (as_floats(then), as_floats(now)), intervals or (), {str(name) for name in highlight})
    if not found:
        return nothing_to_draw(title, "No values to draw.")
    kept = sorted(sorted(range(len(found)), key=lambda at: (not found[at].marked, at))[:MOST])
    rows = [found[at] for at in kept]
    write = percent if shares else human
    words = [_words(row, percent if shares else None) for row in rows]
    canvas = Canvas(title, height=0.75 + 0.4 * len(rows), legend=True)
    low, high = _extent(rows, shares=shares)
    right = high + (high - low) * _BESIDE / (1 - _BESIDE)
    for at, (row, said) in enumerate(zip(rows, words, strict=True)):
        _draw(canvas, at, row)
        _numbers(canvas, at, said, right, marked=row.marked)
    canvas.axes.set_ylim(len(rows) - 0.5, -0.5)
    canvas.axes.set_xlim(low - 0.03 * (high - low), right)
    canvas.y_ticks(range(len(rows)), [clip(row.name, 26) for row in rows], grid=False)
    ticks = nice_ticks(low, high, 3)
    canvas.x_ticks(ticks, [write(tick) for tick in ticks], grid=True)
    more = len(found) - len(rows)
    named = "; ".join(part for part in (label, f"{more} more not shown" if more else "") if part)
    if named:
        canvas.x_label(named)
    canvas.legend(_handles(), [clip(reference_label, 24), clip(current_label, 24)])
    said_all = "; ".join(
        f"{clip(row.name, 40)} {reference_label} {was}, {current_label} {is_now}{_between(row, write)}"
        for row, (was, is_now) in zip(rows, words, strict=True)
    )
    return canvas.finish(f"{title}. {label + ': ' if label else ''}{said_all}.")


def _rows(
    labels: Sequence[Any], sides: tuple[Any, Any], intervals: Sequence[tuple[float, float] | None], chosen: set[str]
) -> list[_Row]:
    return [
        _Row(str(name), float(was), float(is_now), _whole(intervals, at), str(name) in chosen)
        for at, (name, was, is_now) in enumerate(zip(labels, *sides, strict=True))
        if math.isfinite(was) or math.isfinite(is_now)
    ]


def _whole(intervals: Sequence[tuple[float, float] | None], at: int) -> tuple[float, float] | None:
    found = intervals[at] if at < len(intervals) else None
    return found if found and all(map(math.isfinite, found)) else None


def _words(row: _Row, write: Callable[[float], str] | None) -> tuple[str, str]:
    sides = (row.then, row.now)
    if write is not None or not all(map(math.isfinite, sides)):
        one, two = ((write or written_out)(side) if math.isfinite(side) else "–" for side in sides)
        return one, two
    plain = [written_out(side) for side in sides]
    one, two = distinct(sides) if plain[0] == plain[1] and row.then != row.now else plain
    return one, two


def _extent(rows: Sequence[_Row], *, shares: bool) -> tuple[float, float]:
    """Shares begin at 0; other numbers where the smallest lies."""
    ends = [end for row in rows for end in (row.then, row.now, *(row.interval or ())) if math.isfinite(end)]
    ends += [0.0, LEAST_SHARE] if shares else []
    low, high = min(ends), max(ends)
    return (low, high) if high > low else (low - abs(low or 1.0) / 10, high + abs(high or 1.0) / 10)


def _draw(canvas: Canvas, at: int, row: _Row) -> None:
    axes, colour = canvas.axes, CURRENT if row.marked else MUTED
    if row.interval:
        axes.plot(row.interval, [at, at], color=INK, linewidth=1.3, marker="|", markersize=8)
    if math.isfinite(row.then) and math.isfinite(row.now):
        axes.plot([row.then, row.now], [at, at], color=colour, linewidth=4.5 if row.marked else 3, alpha=0.45)
    axes.plot(
        [row.then], [at], marker="o", markersize=10, color="white", markeredgecolor=REFERENCE_DARK, markeredgewidth=2.2
    )
    axes.plot([row.now], [at], marker="D", markersize=7.5, color=CURRENT, markeredgecolor="white")


def _numbers(canvas: Canvas, at: int, words: tuple[str, str], right: float, *, marked: bool) -> None:
    """`0.1 % → 12 %` at the right edge, so that they stand below each other."""
    style: dict[str, Any] = {"va": "center_baseline", "ha": "right", "fontsize": SMALL}
    drawn = canvas.write(
        right, at, words[1], color=CURRENT if marked else INK, fontweight="bold" if marked else "normal", **style
    )
    canvas.axes.annotate(
        f"{words[0]} → ",
        xy=(0, 0.5),
        xycoords=drawn,
        ha="right",
        va="center",
        fontsize=SMALL,
        color=REFERENCE_DARK,
        annotation_clip=False,
        parse_math=False,
    )


def _handles() -> list[Any]:
    from matplotlib.lines import Line2D  # noqa: PLC0415

    ring: dict[str, Any] = {"marker": "o", "markersize": 9, "markerfacecolor": "white", "markeredgewidth": 2.2}
    return [
        Line2D([], [], linestyle="none", markeredgecolor=REFERENCE_DARK, **ring),
        Line2D([], [], linestyle="none", marker="D", markersize=7.5, color=CURRENT, markeredgecolor="white"),
    ]


def _between(row: _Row, write: Callable[[float], str]) -> str:
    return f" ({write(row.interval[0])} to {write(row.interval[1])})" if row.interval else ""
