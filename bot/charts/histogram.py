"""Two distributions of one number, drawn over each other."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from bot.charts.canvas import CURRENT, HATCH, INK, REFERENCE, REFERENCE_DARK, Canvas, Chart, nothing_to_draw
from bot.charts.numbers import Floats, clip, distinct, finite, human, listed, nice_ticks, percent, written_out

TAIL = 0.002
UNDONE = (0, (3, 1.5))
BINS = 48
_MOST_INTEGERS = 40
_NEAR_END = 0.86
_LABEL_ROOM = 0.3
_WIDE = 60.0
"""Upper end over the middle half's width from which a linear axis shows only one bar."""


@dataclass(frozen=True, slots=True)
class Axis:
    """How values lie along the axis: `place` is monotone, `ticks` are values."""

    place: Callable[[Floats], Floats]
    ticks: list[float]
    edges: Floats
    note: str = ""


def distributions(
    reference: Any,  # noqa: ANN401
    current: Any,  # noqa: ANN401
    *,
    title: str,
    label: str,
    reference_label: str = "reference",
    current_label: str = "now",
    unit: str | None = None,
    reference_rows: int | None = None,
    current_rows: int | None = None,
    limit: tuple[float, str] | None = None,
    log: bool = False,
    undone: Any = None,  # noqa: ANN401
    undone_label: str = "fault undone",
) -> Chart:
    """Histograms of two columns over common bins, each in shares of its own finite rows, with both medians marked.

    Where the columns are only samples (or quantiles), `reference_rows` and `current_rows` say of how many rows.
    The axis is logarithmic where the values span decades, or with `log` (asinh where some are zero or negative).
    `limit` is a value to be kept to, and its name. `undone`: the current column without its fault, drawn as a line.
    """
    then, now = finite(reference), finite(current)
    if not then.size and not now.size:
        return nothing_to_draw(title, f"No values of {clip(label, 60)} to draw.")
    axis = axis_of(then, now, include=limit[0] if limit else None, log=log)
    canvas = Canvas(title, height=3.3, legend=True)
    tops = [_draw(canvas, axis, then, now=False), _draw(canvas, axis, now, now=True)]
    mended = finite(undone) if undone is not None else np.empty(0)
    if mended.size:
        tops.append(_draw_undone(canvas, axis, mended))
    top = max([*tops, 1e-9])
    medians = [(float(np.median(side)), side is now) for side in (then, now) if side.size]
    _mark_medians(canvas, axis, medians, top)
    canvas.axes.set_ylim(0, top * 1.32)
    canvas.axes.set_xlim(float(axis.edges[0]), float(axis.edges[-1]))
    at = [tick for tick in nice_ticks(0, top, 4) if tick > 0]
    canvas.y_ticks(at, [percent(tick) for tick in at])
    places = axis.place(np.array(axis.ticks, dtype=np.float64))
    canvas.x_ticks([float(place) for place in places], distinct(axis.ticks))
    canvas.x_label(
        listed([clip(label, 50) + (f" ({clip(unit, 20)})" if unit else ""), "height: share of rows"]) + axis.note
    )
    sizes = [
        then.size if reference_rows is None else reference_rows,
        now.size if current_rows is None else current_rows,
    ]
    names, values = [reference_label, current_label], [then, now]
    handles = [_patch(now=False), _patch(now=True)]
    written = [f"{clip(name, 20)}: {_rows(size)}" for name, size in zip(names, sizes, strict=True)]
    if limit:
        x = float(axis.place(np.array([limit[0]]))[0])
        handles += canvas.axes.plot([x, x], [0, top * 1.06], color=INK, linewidth=1.8, linestyle=":")
        written.append(clip(limit[1], 24))
    if mended.size:
        handles.append(_line())
        written.append(clip(undone_label, 24))
    canvas.legend(handles, written, columns=3)
    words = [
        f"{clip(name, 40)}: {_spread(side)}{_rows(size)}" for name, side, size in zip(names, values, sizes, strict=True)
    ]
    if mended.size:
        words.append(f"{undone_label}: {_spread(mended)}{_rows(mended.size)}")
    return canvas.finish(f"{title}. Histograms of {label}. {listed(words)}.")


def _draw(canvas: Canvas, axis: Axis, side: Floats, *, now: bool) -> float:
    if not side.size:
        return 0.0
    counts, _ = np.histogram(axis.place(side), bins=axis.edges)
    heights = counts / side.size
    if now:
        canvas.axes.stairs(
            heights, axis.edges, fill=True, facecolor="none", edgecolor=CURRENT, hatch=HATCH, alpha=0.35, linewidth=0
        )
        canvas.axes.stairs(heights, axis.edges, color=CURRENT, linewidth=2.0)
    else:
        canvas.axes.stairs(heights, axis.edges, fill=True, facecolor=REFERENCE, alpha=0.75, linewidth=0)
    return float(heights.max())


def _draw_undone(canvas: Canvas, axis: Axis, side: Floats) -> float:
    counts, _ = np.histogram(axis.place(side), bins=axis.edges)
    heights = counts / side.size
    canvas.axes.stairs(heights, axis.edges, color=INK, linewidth=1.8, linestyle=UNDONE)
    return float(heights.max())


def _mark_medians(canvas: Canvas, axis: Axis, medians: list[tuple[float, bool]], top: float) -> None:
    values = [median for median, _ in medians]
    placed = axis.place(np.array(values, dtype=np.float64))
    start, span = float(axis.edges[0]), float(axis.edges[-1] - axis.edges[0])
    apart = abs(float(placed[-1] - placed[0])) / span
    for x, word, (_, now) in zip(placed.tolist(), _words(values), medians, strict=True):
        share = (x - start) / span
        first = (x, now) == min((at, is_now) for at, (_, is_now) in zip(placed.tolist(), medians, strict=True))
        close = len(medians) > 1 and apart < _LABEL_ROOM
        cramped = close and not _NEAR_END > share > 1 - _NEAR_END
        side = "right" if share > _NEAR_END or (close and first and not cramped) else "left"
        side = side if close or not _NEAR_END > share > 1 - _NEAR_END else "center"
        raised = cramped and not now
        colour = CURRENT if now else REFERENCE_DARK
        high = top * (1.2 if raised else 1.1)
        canvas.axes.plot([x, x], [0, high], color=colour, linewidth=1.8, linestyle="-" if now else (0, (4, 2.5)))
        canvas.write(
            x + span * {"left": 0.008, "right": -0.008, "center": 0}[side],
            high + top * 0.02,
            f"median {word}",
            ha=side,
            va="bottom",
            color=colour,
            fontweight="bold" if now else "normal",
        )


def _words(values: list[float]) -> list[str]:
    words = [written_out(value) for value in values]
    return words if len(set(words)) == len(set(values)) else distinct(values)


def _patch(*, now: bool) -> Any:  # noqa: ANN401
    from matplotlib.patches import Patch  # noqa: PLC0415

    if now:
        return Patch(facecolor="white", edgecolor=CURRENT, hatch=HATCH, linewidth=1.6)
    return Patch(facecolor=REFERENCE, edgecolor="none")


def _line() -> Any:  # noqa: ANN401
    from matplotlib.lines import Line2D  # noqa: PLC0415

    return Line2D([], [], color=INK, linewidth=1.8, linestyle=UNDONE)


def _rows(size: int) -> str:
    return "no rows" if not size else f"{written_out(size)} rows" if size != 1 else "1 row"


def _spread(side: Floats) -> str:
    if not side.size:
        return ""
    low, middle, high = (human(float(value)) for value in np.quantile(side, [0.05, 0.5, 0.95]))
    return f"median {middle}, nine in ten from {low} to {high}, "


def axis_of(then: Floats, now: Floats, *, include: float | None = None, log: bool = False) -> Axis:
    """An axis for both sides, and for the value to `include`; `log`: decades wherever all values are above 0."""
    sides = [side for side in (then, now) if side.size]
    low = min(float(np.quantile(side, TAIL, method="lower")) for side in sides)
    high = max(float(np.quantile(side, 1 - TAIL, method="higher")) for side in sides)
    if include is not None:
        low, high = min(low, include), max(high, include)
    if high <= low:
        pad = abs(low) * 0.5 or 1.0
        return Axis(_as_is, [low], np.linspace(low - pad, low + pad, 22))
    whole = all(bool(np.all(side == np.round(side))) for side in sides)
    if whole and high - low <= _MOST_INTEGERS and include is None:
        return Axis(_as_is, _whole_ticks(low, high), np.arange(low - 0.5, high + 1.0, 1.0))
    widths = [float(np.subtract(*np.quantile(side, [0.75, 0.25]))) for side in sides]
    middle = min((width for width in widths if width > 0), default=high - low)
    if high - low < _WIDE * middle and not (log and low > 0):
        return Axis(_as_is, nice_ticks(low, high), np.linspace(low, high, BINS + 1))
    if low > 0:
        edges = np.linspace(math.log10(low), math.log10(high), BINS + 1)
        ticks = _spaced(_decades(low, high), np.log10, edges)
        return Axis(np.log10, ticks, edges, ", log scale")
    knee = max(middle, (high - low) * 1e-9)

    def place(values: Floats) -> Floats:
        return np.asarray(np.arcsinh(values / knee), dtype=np.float64)

    ends = place(np.array([low, high]))
    ticks = _both_sides(low, high, knee)
    edges = np.linspace(ends[0], ends[1], BINS + 1)
    return Axis(place, _spaced(ticks, place, edges), edges, ", log scale outward from 0")


def _spaced(ticks: list[float], place: Callable[[Floats], Floats], edges: Floats) -> list[float]:
    """The ticks that leave room for each other's words, from the one nearest to zero outwards."""
    least = 0.1 * float(edges[-1] - edges[0])
    at = dict(zip(ticks, place(np.array(ticks, dtype=np.float64)).tolist(), strict=True))
    middle = min(ticks, key=abs)
    kept = [middle]
    for outwards in (
        sorted(tick for tick in ticks if tick > middle),
        sorted((t for t in ticks if t < middle), reverse=True),
    ):
        last = middle
        for tick in outwards:
            if abs(at[tick] - at[last]) >= least:
                kept.append(tick)
                last = tick
    return sorted(kept)


def _as_is(values: Floats) -> Floats:
    return values


def _whole_ticks(low: float, high: float) -> list[float]:
    step = max(1, math.ceil((high - low + 1) / 9))
    return [float(value) for value in range(int(low), int(high) + 1, step)]


def _decades(low: float, high: float, most: int = 6) -> list[float]:
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    powers = range(first, last + 1)
    if len(powers) <= 2:  # noqa: PLR2004
        ticks = [base * 10.0**power for power in range(first - 1, last + 1) for base in (1, 2, 5)]
        return [tick for tick in ticks if low <= tick <= high] or [low]
    return [10.0**power for power in powers[:: math.ceil(len(powers) / most)]]


def _both_sides(low: float, high: float, knee: float) -> list[float]:
    def outwards(limit: float) -> list[float]:
        return [tick for tick in _decades(knee, limit, 3) if tick > knee] if limit > 2 * knee else []

    return (
        sorted([*(-tick for tick in outwards(-low)), 0.0, *outwards(high)])
        if low <= 0 <= high
        else nice_ticks(low, high)
    )
