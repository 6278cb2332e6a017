"""Single rows over time, those that stand out from the usual range."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import numpy as np

from bot.charts.canvas import BAND, CURRENT, REFERENCE, REFERENCE_DARK, Canvas, Chart, nothing_to_draw
from bot.charts.histogram import axis_of
from bot.charts.numbers import as_floats, clip, distinct, human
from bot.charts.timeline import time_ticks

MOST = 3000
_NAMED = 3
_MANY = 20
_PAD = 0.06


def scattered(
    times: Sequence[datetime],
    values: Any,  # noqa: ANN401
    odd: Sequence[int],
    *,
    title: str,
    label: str,
    lower: float,
    upper: float,
    unit: str | None = None,
) -> Chart:
    """A dot a row (at most three thousand ordinary ones, evenly chosen), the rows at the places `odd` as diamonds, and
    the usual range `lower` to `upper` shaded. The axis of values is logarithmic where they span decades.
    """
    numbers = as_floats(values)
    chosen = np.zeros(numbers.size, dtype=np.bool_)
    chosen[list(odd)] = True
    plain = np.flatnonzero(np.isfinite(numbers) & ~chosen)
    plain = plain[:: max(1, -(-plain.size // MOST))]
    strange = np.array([at for at in odd if np.isfinite(numbers[at])], dtype=np.intp)
    if not strange.size:
        return nothing_to_draw(title, f"No value of {clip(label, 60)} to draw.")
    start = min(times)
    seconds = np.array([(moment - start).total_seconds() for moment in times])
    axis = axis_of(numbers[plain], numbers[strange])
    canvas = Canvas(title, height=3.4, legend=True)
    low, high = (float(edge) for edge in axis.edges[[0, -1]])
    ends = np.clip(axis.place(np.array([lower, upper], dtype=np.float64)), low, high)
    canvas.axes.axhspan(float(ends[0]), float(ends[1]), color=BAND, linewidth=0)
    canvas.axes.plot(
        seconds[plain], axis.place(numbers[plain]), linestyle="none", marker="o", markersize=3, color=REFERENCE_DARK
    )
    canvas.axes.plot(
        seconds[strange],
        axis.place(numbers[strange]),
        linestyle="none",
        marker="D",
        markersize=9 if strange.size <= _MANY else 6,
        color=CURRENT,
        markeredgecolor="white",
    )
    span = float(seconds.max() - seconds.min()) or 3600.0
    first, last = float(seconds.min()) - _PAD * span, float(seconds.max()) + _PAD * span
    _name(canvas, seconds[strange], axis.place(numbers[strange]), numbers[strange], (first, last))
    pad = _PAD * (high - low)
    canvas.axes.set_ylim(low - pad, high + 2 * pad)
    canvas.axes.set_xlim(first, last)
    places = axis.place(np.array(axis.ticks, dtype=np.float64))
    canvas.y_ticks([float(place) for place in places], distinct(axis.ticks))
    time_ticks(canvas, start, first, last)
    named = clip(label, 40) + (f" ({clip(unit, 20)})" if unit else "")
    canvas.x_label(f"{canvas.axes.get_xlabel()}; height: {named}{axis.note}")
    _legend(canvas, strange.size)
    words = ", ".join(human(value) for value in numbers[strange][:8])
    return canvas.finish(
        f"{title}. {label} over time, usually {human(lower)} to {human(upper)}; unlike the rest: {words}."
    )


def _name(canvas: Canvas, x: Any, y: Any, values: Any, frame: tuple[float, float]) -> None:  # noqa: ANN401
    """Write the values beside them where they are few, else the first."""
    first, last = frame
    for at in range(len(values) if len(values) <= _NAMED else 1):
        left = x[at] > first + 0.75 * (last - first)
        canvas.write(
            x[at] + (last - first) * (-0.02 if left else 0.02),
            y[at],
            human(float(values[at])),
            ha="right" if left else "left",
            va="center_baseline",
            color=CURRENT,
            fontweight="bold",
        )


def _legend(canvas: Canvas, odd: int) -> None:
    from matplotlib.lines import Line2D  # noqa: PLC0415
    from matplotlib.patches import Patch  # noqa: PLC0415

    canvas.legend(
        [
            Line2D([], [], linestyle="none", marker="D", markersize=8, color=CURRENT, markeredgecolor="white"),
            Line2D([], [], linestyle="none", marker="o", markersize=3, color=REFERENCE_DARK),
            Patch(facecolor=BAND, edgecolor=REFERENCE),
        ],
        [f"unlike the reference: {odd}", "other rows", "usual"],
        columns=3,
    )
