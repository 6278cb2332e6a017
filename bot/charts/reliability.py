"""What probabilities said beside what happened."""

import math
from collections.abc import Sequence
from typing import Any

from bot.charts.canvas import CURRENT, GRID, MUTED, REFERENCE, REFERENCE_DARK, Canvas, Chart, nothing_to_draw
from bot.charts.numbers import clip, nice_ticks, percent, written_out

Point = tuple[float, float, float, float, int]
"""Mean probability said, share that happened, the lower and upper end of its interval, rows."""
_LEAST_SPAN = 0.1


def reliability(
    current: Sequence[Point],
    reference: Sequence[Point] = (),
    *,
    title: str,
    label: str,
    current_label: str = "now",
    reference_label: str = "hold-out",
) -> Chart:
    """Points on the diagonal mean what they say: below it the model is too sure of `label`, above it not sure enough.

    Each point is a bin of rows with its interval, larger where it has more rows. Axes end where the points do.
    """
    now, then = _finite(current), _finite(reference)
    if not now and not then:
        return nothing_to_draw(title, f"No probabilities of {clip(label, 60)} to draw.")
    low, high = _extent([*now, *then])
    canvas = Canvas(title, height=4.3, legend=True)
    axes = canvas.axes
    axes.plot([low, high], [low, high], color=MUTED, linewidth=1.4, linestyle=(0, (4, 2.5)), zorder=1)
    axes.fill_between([low, high], [low, high], low, color=GRID, alpha=0.45, linewidth=0, zorder=0)
    handles = []
    for side, colour, dark, marker, name in (
        (then, REFERENCE, REFERENCE_DARK, "o", reference_label),
        (now, CURRENT, CURRENT, "D", current_label),
    ):
        if side:
            _draw(canvas, side, colour, dark, marker)
            handles.append(
                (_handle(colour, marker), f"{clip(name, 20)}: {written_out(sum(one[4] for one in side))} rows")
            )
    span = high - low
    canvas.write(low + 0.97 * span, low + 0.04 * span, "says too much", ha="right", va="bottom", color=MUTED)
    canvas.write(low + 0.03 * span, low + 0.96 * span, "says too little", ha="left", va="top", color=MUTED)
    axes.set_xlim(low, high)
    axes.set_ylim(low, high)
    at = nice_ticks(low, high, 5)
    canvas.y_ticks(at, [percent(tick) for tick in at])
    canvas.x_ticks(at, [percent(tick) for tick in at], grid=True)
    canvas.x_label(f"chance of {clip(label, 30)} as said; height: how often it was so")
    canvas.legend([one for one, _ in handles], [words for _, words in handles])
    sides = [(name, side) for name, side in ((reference_label, then), (current_label, now)) if side]
    words = "; ".join(f"{clip(name, 30)}: {_words(side)}" for name, side in sides)
    return canvas.finish(f"{title}. Chance of {label} as said, and how often it was so. {words}.")


def _finite(points: Sequence[Point]) -> list[Point]:
    return [one for one in points if all(math.isfinite(part) for part in one)]


def _extent(points: list[Point]) -> tuple[float, float]:
    """The whole square, or its used corner where a class is rare or nearly certain."""
    low = min(min(one[:3]) for one in points)
    high = max(max(one[0], one[1], one[3]) for one in points)
    pad = max(0.04 * (high - low), (_LEAST_SPAN - (high - low)) / 2)
    low, high = max(0.0, low - pad), min(1.0, high + pad)
    return (0.0 if low < 0.15 * high else low), (1.0 if high > 0.8 else high)  # noqa: PLR2004


def _draw(canvas: Canvas, points: list[Point], colour: str, dark: str, marker: str) -> None:
    ordered = sorted(points)
    most = max(one[4] for one in ordered)
    x, y = [one[0] for one in ordered], [one[1] for one in ordered]
    canvas.axes.plot(x, y, color=colour, linewidth=1.6, zorder=2)
    for said, share, lower, upper, rows in ordered:
        canvas.axes.plot([said, said], [lower, upper], color=dark, linewidth=1.3, zorder=2)
        size = 4.0 + 4.0 * math.sqrt(rows / most)
        canvas.axes.plot(
            [said], [share], marker=marker, markersize=size, color=colour, markeredgecolor="white", zorder=3
        )


def _handle(colour: str, marker: str) -> Any:  # noqa: ANN401
    from matplotlib.lines import Line2D  # noqa: PLC0415

    return Line2D([], [], color=colour, linewidth=1.6, marker=marker, markersize=8, markeredgecolor="white")


def _words(points: list[Point]) -> str:
    return ", ".join(f"said {percent(one[0])} was {percent(one[1])}" for one in sorted(points))
