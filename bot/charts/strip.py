"""A stretch of past: one thin line a monitor under one another, its band, and where it would have called somebody."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from bot.charts.canvas import (
    BAND,
    CURRENT,
    GRID,
    INK,
    LABEL,
    MUTED,
    REFERENCE_DARK,
    SMALL,
    Canvas,
    Chart,
    nothing_to_draw,
)
from bot.charts.numbers import Floats, clip, human
from bot.charts.numbers import percent as as_percent
from bot.charts.timeline import time_ticks

LANE = 0.92
_LINE, _HEAD = 0.56, 0.3
_MOST_NAMED = 12
_MOST_LANES = 10
_TAIL = 0.98


@dataclass(frozen=True, slots=True)
class Lane:
    """One monitor: a value a window (None where there is none), with the limits it was judged by.

    fired: places of the windows out of the band. pages: whether they call somebody, or only explain. note: in place of
    the usual range beside the name.
    """

    name: str
    times: Sequence[datetime]
    values: Sequence[float | None]
    lower: Sequence[float | None]
    upper: Sequence[float | None]
    fired: Sequence[int] = ()
    pages: bool = True
    percent: bool = False
    note: str | None = None


@dataclass(frozen=True, slots=True)
class Stretch:
    """A would-be page, drawn through all lanes."""

    start: datetime
    end: datetime
    name: str


def strip(lanes: Sequence[Lane], stretches: Sequence[Stretch], *, title: str) -> Chart:
    """Lanes top to bottom share the time; each has a scale of its own. Points beyond it are drawn at its edge."""
    shown = [one for one in lanes[:_MOST_LANES] if any(value is not None for value in one.values)]
    if not shown:
        return nothing_to_draw(title, "No window of any monitor could be judged.")
    canvas = Canvas(title, height=0.75 + LANE * len(shown), legend=True)
    start = min(one.times[0] for one in shown)
    last = max((max(one.times) - start).total_seconds() for one in shown) or 1.0
    first, last = -0.02 * last, 1.03 * last
    top = float(len(shown))
    rows = _stretches(canvas, stretches, start, (first, last, top))
    for at, one in enumerate(shown):
        _lane(canvas, one, top - at - 1, start, (first, last))
    canvas.axes.set_xlim(first, last)
    canvas.axes.set_ylim(-0.04, top + 0.06 + 0.26 * rows)
    canvas.y_ticks([], [], grid=False)
    time_ticks(canvas, start, first, last)
    _legend(canvas, shown)
    return canvas.finish(_alt(title, shown, stretches))


def _stretches(canvas: Canvas, stretches: Sequence[Stretch], start: datetime, frame: tuple[float, float, float]) -> int:
    """Shade each through all lanes and name it above them; says how many rows the names take."""
    first, last, top = frame
    ends: list[float] = []
    for at, one in enumerate(stretches):
        begin = max(first, (one.start - start).total_seconds())
        end = min(last, max((one.end - start).total_seconds(), begin + (last - first) * 0.006))
        canvas.axes.fill_between([begin, end], 0, top, color=CURRENT, alpha=0.16, linewidth=0, zorder=1.5)
        if at >= _MOST_NAMED:
            continue
        name = clip(one.name, 16)
        width = (last - first) * 0.0165 * (len(name) + 1)
        left = max(first, min((begin + end) / 2 - width / 2, last - width))
        row = next((row for row, taken in enumerate(ends) if taken <= left), len(ends))
        ends[row : row + 1] = [left + width]
        canvas.write(
            left + width / 2, top + 0.08 + 0.26 * row, name, color=CURRENT, ha="center", va="bottom", fontweight="bold"
        )
    return len(ends)


def _lane(canvas: Canvas, one: Lane, floor: float, start: datetime, frame: tuple[float, float]) -> None:
    first, last = frame
    x = np.array([(moment - start).total_seconds() for moment in one.times])
    values, lower, upper = (_floats(part) for part in (one.values, one.lower, one.upper))
    low, high = _extent(values, lower, upper)

    def place(numbers: Floats) -> Floats:
        return floor + 0.06 + _LINE * np.clip((numbers - low) / (high - low), 0, 1)

    known = np.isfinite(lower) | np.isfinite(upper)
    if known.any():
        bottom, ceiling = (
            place(np.where(np.isfinite(lower), lower, low)),
            place(np.where(np.isfinite(upper), upper, high)),
        )
        canvas.axes.fill_between(x, bottom, ceiling, where=known, color=BAND, linewidth=0, step="mid")
    canvas.axes.plot(x, place(values), color=INK if one.pages else REFERENCE_DARK, linewidth=1.1)
    fired = np.array([at for at in one.fired if np.isfinite(values[at])], dtype=np.intp)
    canvas.axes.plot(
        x[fired],
        place(values)[fired],
        linestyle="none",
        marker="D" if one.pages else "o",
        markersize=7 if one.pages else 5.5,
        color=CURRENT if one.pages else "white",
        markeredgecolor="white" if one.pages else CURRENT,
        markeredgewidth=0.8 if one.pages else 1.5,
    )
    canvas.axes.plot([first, last], [floor, floor], color=GRID, linewidth=0.9)
    canvas.write(
        first, floor + 0.94, clip(one.name, 40), va="top", fontsize=LABEL, fontweight="bold" if one.pages else "normal"
    )
    canvas.write(last, floor + 0.94, _usual(one), va="top", ha="right", fontsize=SMALL, color=MUTED)


def _floats(values: Sequence[float | None]) -> Floats:
    return np.array([np.nan if value is None else float(value) for value in values], dtype=np.float64)


def _extent(values: Floats, lower: Floats, upper: Floats) -> tuple[float, float]:
    """The band and nearly all values; the wildest ones may lie at the edge."""
    seen = values[np.isfinite(values)]
    ends = [float(np.quantile(seen, 1 - _TAIL)), float(np.quantile(seen, _TAIL))]
    ends += [
        float(np.quantile(part[np.isfinite(part)], at))
        for part, at in ((lower, 0.05), (upper, 0.95))
        if np.isfinite(part).any()
    ]
    low, high = min(ends), max(ends)
    pad = 0.12 * (high - low) or abs(high) * 0.1 or 1.0
    return low - pad, high + pad


def _usual(one: Lane) -> str:
    if one.note is not None:
        return one.note
    write = as_percent if one.percent else human
    low, high = (_middle(_floats(part)) for part in (one.lower, one.upper))
    if low is not None and high is not None:
        return f"usually {write(low)} to {write(high)}"
    if low is not None:
        return f"usually above {write(low)}"
    return f"usually under {write(high)}" if high is not None else ""


def _middle(limits: Floats) -> float | None:
    known = limits[np.isfinite(limits)]
    return float(np.median(known)) if known.size else None


def _legend(canvas: Canvas, lanes: Sequence[Lane]) -> None:
    from matplotlib.lines import Line2D  # noqa: PLC0415
    from matplotlib.patches import Patch  # noqa: PLC0415

    marks: list[tuple[Any, str]] = [(Patch(facecolor=BAND), "usual")]
    if any(one.fired and one.pages for one in lanes):
        mark = Line2D([], [], linestyle="none", marker="D", markersize=7, color=CURRENT, markeredgecolor="white")
        marks.append((mark, "would have paged"))
    if any(one.fired and not one.pages for one in lanes):
        mark = Line2D([], [], linestyle="none", marker="o", markersize=5.5, color="white", markeredgecolor=CURRENT)
        marks.append((mark, "out of band, pages nobody"))
    canvas.legend([mark for mark, _ in marks], [name for _, name in marks], columns=3)


def _alt(title: str, lanes: Sequence[Lane], stretches: Sequence[Stretch]) -> str:
    parts = [f"{title}. {len(lanes)} monitors from {lanes[0].times[0].astimezone(UTC):%Y-%m-%d}"]
    parts += [f"page {one.start.astimezone(UTC):%Y-%m-%d %H:%M}" for one in stretches[:_MOST_NAMED]]
    parts += [
        f"{one.name} {_usual(one)}, out of band in {len(one.fired)} of {len(one.values)} windows" for one in lanes
    ]
    return "; ".join(parts) + "."
