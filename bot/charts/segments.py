"""One number for each of several segments or features."""

import math
from collections.abc import Collection, Sequence
from typing import Any

from bot.charts.canvas import CURRENT, HATCH, INK, MUTED, REFERENCE, Canvas, Chart, nothing_to_draw
from bot.charts.numbers import as_floats, clip, human, nice_ticks, percent, written_out

MOST = 12
_THICK = 0.62
LEAST_SHARE = 0.02
"""What an axis of shares reaches at least: the intervals of bars that are all 0 would else fill it."""


def bars(
    labels: Sequence[Any],
    values: Any,  # noqa: ANN401
    *,
    title: str,
    intervals: Sequence[tuple[float, float] | None] | None = None,
    highlight: Collection[Any] | Any | None = None,  # noqa: ANN401
    percent: bool = False,
    label: str = "",
) -> Chart:
    """A bar each, in the order given, with its interval; `highlight` names the labels that matter.

    At most twelve are drawn: the highlighted ones first, then by order.
    """
    numbers = as_floats(values)
    chosen = _chosen(highlight)
    found = [
        (str(name), float(value), (intervals or [])[at] if intervals and at < len(intervals) else None)
        for at, (name, value) in enumerate(zip(labels, numbers, strict=False))
        if math.isfinite(value)
    ]
    if not found:
        return nothing_to_draw(title, "No values to draw.")
    kept = _kept(found, chosen)
    write = _percent if percent else written_out
    canvas = Canvas(title, height=0.75 + 0.36 * len(kept))
    low, high = _extent(kept, LEAST_SHARE if percent else None)
    for at, (name, value, interval) in enumerate(kept):
        marked = name in chosen
        _bar(canvas, at, value, marked=marked)
        end = value
        if interval and all(map(math.isfinite, interval)):
            canvas.axes.plot(interval, [at, at], color=INK, linewidth=1.5, marker="|", markersize=7)
            end = max(value, *interval)
        _number(canvas, at, max(end, 0.0), write(value), high - low, marked=marked)
    _finish(canvas, [name for name, _, _ in kept], low, high, _percent if percent else human, label)
    more = len(found) - len(kept)
    if more:
        canvas.x_label(f"{label + '; ' if label else ''}{more} more not shown")
    words = "; ".join(f"{clip(name, 40)} {write(value)}{_between(span, write)}" for name, value, span in kept)
    return canvas.finish(f"{title}. {label + ': ' if label else ''}{words}.")


def ranking(
    labels: Sequence[Any],
    scores: Any,  # noqa: ANN401
    *,
    title: str,
    threshold: float | None = None,
    label: str = "",
) -> Chart:
    """The highest scores, largest first, at most twelve; those beyond the threshold stand out."""
    numbers = as_floats(scores)
    found = sorted(
        ((str(name), float(score)) for name, score in zip(labels, numbers, strict=False) if math.isfinite(score)),
        key=lambda pair: (-pair[1], pair[0]),
    )
    if not found:
        return nothing_to_draw(title, "No scores to draw.")
    kept = found[:MOST]
    canvas = Canvas(title, height=0.75 + 0.36 * len(kept))
    limit = threshold if threshold is not None and math.isfinite(threshold) else None
    low, high = _extent([(name, score, None) for name, score in kept], limit)
    for at, (_, score) in enumerate(kept):
        beyond = limit is not None and score >= limit
        _bar(canvas, at, score, marked=beyond)
        _number(canvas, at, max(score, 0.0), human(score), high - low, marked=beyond)
    if limit is not None:
        canvas.axes.axvline(limit, color=INK, linewidth=1.4, linestyle=(0, (4, 2.5)))
        canvas.write(
            limit,
            1.0,
            f" threshold {human(limit)}",
            transform=canvas.axes.get_xaxis_transform(),
            va="bottom",
            ha="left" if limit < low + 0.7 * (high - low) else "right",
            color=MUTED,
        )
    _finish(canvas, [name for name, _ in kept], low, high, human, label)
    more = len(found) - len(kept)
    if more:
        canvas.x_label(f"{label + '; ' if label else ''}{more} more below")
    words = "; ".join(f"{clip(name, 40)} {human(score)}" for name, score in kept)
    beside = f" Threshold {human(limit)}." if limit is not None else ""
    return canvas.finish(f"{title}. Largest first: {words}.{beside}")


def _chosen(highlight: Any) -> set[str]:  # noqa: ANN401
    if highlight is None:
        return set()
    if isinstance(highlight, (list, tuple, set, frozenset)):
        return {str(name) for name in highlight}
    return {str(highlight)}


def _kept(
    found: list[tuple[str, float, tuple[float, float] | None]], chosen: set[str]
) -> list[tuple[str, float, tuple[float, float] | None]]:
    if len(found) <= MOST:
        return found
    order = sorted(range(len(found)), key=lambda at: (found[at][0] not in chosen, at))[:MOST]
    return [found[at] for at in sorted(order)]


def _extent(
    rows: Sequence[tuple[str, float, tuple[float, float] | None]], limit: float | None = None
) -> tuple[float, float]:
    ends = [0.0, *(value for _, value, _ in rows)]
    ends += [end for _, _, interval in rows if interval for end in interval if math.isfinite(end)]
    ends += [limit] if limit is not None else []
    low, high = min(ends), max(ends)
    return (low, high) if high > low else (low, low + 1.0)


def _bar(canvas: Canvas, at: int, value: float, *, marked: bool) -> None:
    style: dict[str, Any] = (
        {"facecolor": "white", "edgecolor": CURRENT, "hatch": HATCH}
        if marked
        else {"facecolor": REFERENCE, "edgecolor": REFERENCE}
    )
    canvas.axes.barh(at, value, height=_THICK, linewidth=1.2, **style)


def _number(canvas: Canvas, at: int, end: float, text: str, span: float, *, marked: bool) -> None:
    canvas.write(
        end + span * 0.015,
        at,
        text,
        va="center_baseline",
        color=CURRENT if marked else INK,
        fontweight="bold" if marked else "normal",
        bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8},
    )


def _finish(canvas: Canvas, names: list[str], low: float, high: float, write: Any, label: str) -> None:  # noqa: ANN401
    canvas.axes.set_ylim(len(names) - 0.5, -0.5)
    canvas.axes.set_xlim(low if low == 0 else low - 0.02 * (high - low), high + 0.14 * (high - low))
    canvas.y_ticks(range(len(names)), [clip(name, 26) for name in names], grid=False)
    at = nice_ticks(low, high, 4)
    canvas.x_ticks(at, [write(tick) for tick in at], grid=True)
    if low < 0:
        canvas.axes.axvline(0, color=MUTED, linewidth=1.0)
    if label:
        canvas.x_label(label)


def _percent(share: float) -> str:
    return percent(share)


def _between(interval: tuple[float, float] | None, write: Any) -> str:  # noqa: ANN401
    return f" ({write(interval[0])} to {write(interval[1])})" if interval else ""
