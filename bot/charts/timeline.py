"""One number over time, with the band it usually keeps to."""

import math
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from bot.charts.canvas import BAND, CURRENT, INK, MUTED, REFERENCE_DARK, Canvas, Chart, nothing_to_draw
from bot.charts.numbers import Floats, as_floats, clip, distinct, human, nice_ticks
from bot.charts.numbers import percent as as_percent

_STEPS = tuple(
    timedelta(seconds=seconds)
    for seconds in (
        1,
        5,
        15,
        30,
        60,
        300,
        600,
        900,
        1800,
        3600,
        7200,
        10800,
        21600,
        43200,
        86400,
        172800,
        432000,
        604800,
        1209600,
    )
)
_MONTHS = (1, 2, 3, 6, 12, 24, 60, 120, 240, 600, 1200, 2400)
_DAY, _YEAR = timedelta(days=1), 12
_MOST_TICKS = 6
_ROWS_OF_MARKS = 4


def series(
    times: Sequence[datetime],
    values: Any,  # noqa: ANN401
    *,
    title: str,
    label: str,
    lower: float | Sequence[float | None] | None = None,
    upper: float | Sequence[float | None] | None = None,
    fired_at: datetime | None = None,
    marks: Sequence[tuple[datetime, str]] = (),
    spans: Sequence[tuple[datetime, datetime, float, str]] = (),
    percent: bool = False,
) -> Chart:
    """A line with its points, gaps where a value is missing, and the band (one limit for all, or one a point) shaded.

    Points outside the band stand out by colour and shape. `marks` are moments such as "fallback on"; `spans` are levels
    over a stretch with their words, such as an average. Times without a zone are taken as UTC, and shown in UTC.
    """
    numbers = as_floats(values)
    order = sorted(range(min(len(times), numbers.size)), key=lambda at: _utc(times[at]))
    moments = [_utc(times[at]) for at in order]
    line = numbers[order] if order else numbers[:0]
    line = np.where(np.isfinite(line), line, np.nan)
    if not np.isfinite(line).any():
        return nothing_to_draw(title, f"No values of {clip(label, 60)} to draw.")
    below, above = _limit(lower, order, numbers.size), _limit(upper, order, numbers.size)
    canvas = Canvas(title, height=3.4, legend=True)
    start = moments[0]
    x = np.array([(moment - start).total_seconds() for moment in moments])
    events = [(_utc(at), clip(name, 28)) for at, name in marks]
    fired = [(_utc(fired_at), f"fired {_utc(fired_at):%H:%M}")] if fired_at else []
    first, last = _frame(x, [(at - start).total_seconds() for at, _ in [*events, *fired]])
    levels = [
        ((_utc(begin) - start).total_seconds(), (_utc(end) - start).total_seconds(), level, clip(name, 28))
        for begin, end, level, name in spans
    ]
    low, high = _extent(line, below, above, np.array([level for _, _, level, _ in levels]))
    outside = (line < below) | (line > above)
    _band(canvas, x, below, above, (first, last, low, high))
    _line(canvas, x, line, outside)
    for span in levels:
        _span(canvas, span, (first, last, low, high))
    rows = _moments(canvas, start, events, fired, (first, last, low, high))
    canvas.axes.set_xlim(first, last)
    # A line along the very bottom would lie under the frame.
    canvas.axes.set_ylim(low - (high - low) * 0.015, high + (high - low) * 0.11 * rows)
    write = as_percent if percent else human
    at = nice_ticks(low, high, 5)
    canvas.y_ticks(at, [write(tick) for tick in at] if percent else distinct(at))
    time_ticks(canvas, start, first, last)
    band = bool(np.isfinite(below).any() or np.isfinite(above).any())
    _legend(canvas, label, band=band, outside=bool(outside.any()))
    return canvas.finish(_alt(title, label, moments, line, outside, (below, above), [*fired, *events], write, levels))


def _utc(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _limit(limit: float | Sequence[float | None] | None, order: list[int], size: int) -> Floats:
    if limit is None:
        return np.full(len(order), np.nan)
    if isinstance(limit, (int, float)):
        return np.full(len(order), float(limit) if math.isfinite(limit) else np.nan)
    found = np.full(size, np.nan)
    given = as_floats(list(limit))[:size]
    found[: given.size] = np.where(np.isfinite(given), given, np.nan)
    return found[order]


def _frame(x: Floats, others: list[float]) -> tuple[float, float]:
    first, last = min([float(x[0]), *others]), max([float(x[-1]), *others])
    pad = (last - first) * 0.025 or 1800.0
    return first - pad, last + pad


def _extent(*parts: Floats) -> tuple[float, float]:
    present = np.concatenate([part[np.isfinite(part)] for part in parts])
    low, high = float(present.min()), float(present.max())
    if 0 < low < 0.5 * high:
        low = 0.0
    pad = (high - low) * 0.08 or abs(high) * 0.1 or 1.0
    return (low if low == 0 else low - pad), high + pad


def _band(canvas: Canvas, x: Floats, below: Floats, above: Floats, frame: tuple[float, float, float, float]) -> None:
    first, last, low, high = frame
    if not (np.isfinite(below).any() or np.isfinite(above).any()):
        return
    known = np.isfinite(below) | np.isfinite(above)
    wide = np.concatenate([[first], x, [last]]) if known.all() else x
    pads = (1, 1) if known.all() else (0, 0)
    bottom = np.pad(np.where(np.isfinite(below), below, low), pads, mode="edge")
    top = np.pad(np.where(np.isfinite(above), above, high), pads, mode="edge")
    canvas.axes.fill_between(wide, bottom, top, where=np.pad(known, pads, mode="edge"), color=BAND, linewidth=0)
    for limit in (below, above):
        if np.isfinite(limit).any():
            canvas.axes.plot(
                wide, np.pad(limit, pads, mode="edge"), color=REFERENCE_DARK, linewidth=1.1, linestyle=(0, (4, 2.5))
            )


def _line(canvas: Canvas, x: Floats, line: Floats, outside: Any) -> None:  # noqa: ANN401
    few = len(x) <= 120  # noqa: PLR2004
    canvas.axes.plot(
        x,
        line,
        color=INK,
        linewidth=1.8 if few else 0.9,
        marker="o" if few else None,
        markersize=4.5,
        solid_joinstyle="round",
    )
    canvas.axes.plot(
        x[outside],
        line[outside],
        color=CURRENT,
        linestyle="none",
        marker="D",
        markersize=8 if few else 5,
        markeredgecolor="white",
    )


def _span(canvas: Canvas, span: tuple[float, float, float, str], frame: tuple[float, float, float, float]) -> None:
    """A thick line at one level, with its words beside it where there is room."""
    begin, end, level, name = span
    _, last, low, high = frame
    canvas.axes.plot([begin, end], [level, level], color=CURRENT, linewidth=3.2, alpha=0.75, solid_capstyle="butt")
    canvas.write(
        min(end, last),
        level + (high - low) * 0.02,
        name,
        color=INK,
        ha="right",
        va="bottom",
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0, "alpha": 0.8},
    )


def _moments(
    canvas: Canvas,
    start: datetime,
    events: list[tuple[datetime, str]],
    fired: list[tuple[datetime, str]],
    frame: tuple[float, float, float, float],
) -> int:
    """Vertical lines with their words above the data, each on the first row where it has room; says how many rows."""
    first, last, low, high = frame
    ends: list[float] = []
    marked = sorted([(at, name, False) for at, name in events] + [(at, name, True) for at, name in fired])
    for at, name, is_fired in marked:
        x = (at - start).total_seconds()
        width = (last - first) * 0.0155 * (len(name) + 1)
        left = x + width > last
        begin = max(first, x - width) if left else x
        row = next((row for row, end in enumerate(ends) if end <= begin), len(ends))
        if row == _ROWS_OF_MARKS:
            continue
        ends[row : row + 1] = [begin + width]
        y = high + (high - low) * (0.11 * row + 0.03)
        colour = CURRENT if is_fired else MUTED
        canvas.axes.plot(
            [x, x], [low, y + (high - low) * 0.05], color=colour, linewidth=1.6, linestyle="-" if is_fired else ":"
        )
        canvas.write(
            x + (last - first) * (-0.008 if left else 0.008),
            y,
            name,
            color=colour if is_fired else INK,
            ha="right" if left else "left",
            va="bottom",
            fontweight="bold" if is_fired else "normal",
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0},
        )
    return len(ends)


def time_ticks(canvas: Canvas, start: datetime, first: float, last: float) -> None:
    begin, end = start + timedelta(seconds=first), start + timedelta(seconds=last)
    ticks, labels = _clock_ticks(begin, end) or _calendar_ticks(begin, end)
    canvas.x_ticks([(tick - start).total_seconds() for tick in ticks], labels)
    canvas.x_label(f"UTC, {begin.year}" if begin.year == end.year else f"UTC, {begin.year} to {end.year}")


def _clock_ticks(begin: datetime, end: datetime) -> tuple[list[datetime], list[str]] | None:
    step = next((step for step in _STEPS if (end - begin) / step <= _MOST_TICKS), None)
    if step is None:
        return None
    zero = datetime(begin.year, 1, 1, tzinfo=UTC)
    numbers = range(math.ceil((begin - zero) / step), math.floor((end - zero) / step) + 1)
    ticks = [zero + step * number for number in numbers]
    labels: list[str] = []
    day = None
    for tick in ticks:
        date = f"{tick.day} {tick:%b}"
        clock = f"{tick:%H:%M:%S}" if step < timedelta(minutes=1) else f"{tick:%H:%M}"
        labels.append(date if step >= _DAY else f"{clock}\n{date}" if tick.date() != day else clock)
        day = tick.date()
    return ticks, labels


def _calendar_ticks(begin: datetime, end: datetime) -> tuple[list[datetime], list[str]]:
    first, last = begin.year * 12 + begin.month, end.year * 12 + end.month - 1
    step = next((step for step in _MONTHS if (last - first + 1) / step <= _MOST_TICKS), _MONTHS[-1])
    months = [month for month in range(first, last + 1) if month % step == 0]
    ticks = [datetime(month // 12, month % 12 + 1, 1, tzinfo=UTC) for month in months]
    return ticks, [f"{tick:%Y}" if step >= _YEAR else f"{tick:%b}\n{tick:%Y}" for tick in ticks]


def _legend(canvas: Canvas, label: str, *, band: bool, outside: bool) -> None:
    from matplotlib.lines import Line2D  # noqa: PLC0415
    from matplotlib.patches import Patch  # noqa: PLC0415

    handles: list[Any] = [Line2D([], [], color=INK, linewidth=1.8, marker="o", markersize=4.5)]
    labels = [clip(label, 44)]
    if band:
        handles.append(Patch(facecolor=BAND, edgecolor=REFERENCE_DARK, linestyle="--"))
        labels.append("usual")
    if outside:
        handles.append(
            Line2D([], [], color=CURRENT, linestyle="none", marker="D", markersize=8, markeredgecolor="white")
        )
        labels.append("outside")
    canvas.legend(handles, labels, columns=3)


def _alt(
    title: str,
    label: str,
    moments: list[datetime],
    line: Floats,
    outside: Any,  # noqa: ANN401
    limits: tuple[Floats, Floats],
    events: list[tuple[datetime, str]],
    write: Any,  # noqa: ANN401
    levels: list[tuple[float, float, float, str]],
) -> str:
    known = np.flatnonzero(np.isfinite(line))
    last = int(known[-1])
    parts = [
        f"{title}. {label} from {moments[0]:%Y-%m-%d %H:%M} to {moments[-1]:%Y-%m-%d %H:%M} UTC, {known.size} points",
        f"{write(float(np.nanmin(line)))} to {write(float(np.nanmax(line)))}, last {write(float(line[last]))}",
    ]
    usual = [write(float(limit[last])) for limit in limits if np.isfinite(limit[last])]
    parts += [f"usual {' to '.join(usual)}, {int(np.count_nonzero(outside))} outside"] if usual else []
    parts += [f"{at:%Y-%m-%d %H:%M} {name}" for at, name in events]
    parts += [name for _, _, _, name in levels]
    return "; ".join(parts) + "."
