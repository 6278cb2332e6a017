"""Categories of two windows side by side."""

import math
from collections.abc import Mapping
from typing import Any

from bot.charts.canvas import CURRENT, HATCH, REFERENCE, REFERENCE_DARK, Canvas, Chart, nothing_to_draw
from bot.charts.numbers import clip, nice_ticks, percent

MOST = 8
OTHER = "other"
_THICK = 0.38


def categories(
    reference: Mapping[Any, float | None],
    current: Mapping[Any, float | None],
    *,
    title: str,
    label: str = "",
    reference_label: str = "reference",
    current_label: str = "now",
) -> Chart:
    """Shares of the categories then and now: the eight largest of either side, the rest as `other`.

    Values are shares (0 to 1) or counts; counts are divided by their sum.
    """
    then, now = _shares(reference), _shares(current)
    names = sorted({*then, *now}, key=lambda name: (-max(then.get(name, 0.0), now.get(name, 0.0)), name))
    if not names or not (sum(then.values()) or sum(now.values())):
        return nothing_to_draw(title, f"No values{f' of {clip(label, 60)}' if label else ''} to draw.")
    kept = names if len(names) <= MOST + 1 else names[:MOST]
    rows = [(name, then.get(name, 0.0), now.get(name, 0.0)) for name in kept]
    rest = names[len(kept) :]
    if rest:
        was, is_now = (math.fsum(side.get(name, 0.0) for name in rest) for side in (then, now))
        rows.append((f"{OTHER} ({len(rest)})", was, is_now))
    canvas = Canvas(title, legend=True, height=0.95 + 0.44 * len(rows))
    top = max(max(was, is_now) for _, was, is_now in rows)
    for at, (_, was, is_now) in enumerate(rows):
        _bar(canvas, at - _THICK / 2 - 0.01, was, top, facecolor=REFERENCE, edgecolor=REFERENCE)
        _bar(canvas, at + _THICK / 2 + 0.01, is_now, top, facecolor="white", edgecolor=CURRENT, hatch=HATCH, bold=True)
    canvas.axes.set_ylim(len(rows) - 0.5, -0.5)
    canvas.axes.set_xlim(0, top * 1.13)
    canvas.y_ticks(range(len(rows)), [clip(name, 24) for name, _, _ in rows], grid=False)
    ticks = nice_ticks(0, top, 4)
    canvas.x_ticks(ticks, [percent(tick) for tick in ticks], grid=True)
    canvas.x_label(f"{clip(label, 60)}, share of rows" if label else "share of rows")
    canvas.legend(_patches(), [clip(reference_label, 24), clip(current_label, 24)])
    words = "; ".join(f"{clip(name, 40)} {percent(was)} then, {percent(is_now)} now" for name, was, is_now in rows)
    return canvas.finish(f"{title}. Shares of rows: {words}.")


def _shares(counts: Mapping[Any, float | None]) -> dict[str, float]:
    found: dict[str, float] = {}
    for name, size in counts.items():
        if size is not None and math.isfinite(size) and size > 0:
            text = clip(name, 60)
            found[text] = found.get(text, 0.0) + float(size)
    total = math.fsum(found.values())
    return {name: size / total for name, size in found.items()} if total > 1 + 1e-6 else found


def _bar(canvas: Canvas, at: float, share: float, top: float, *, bold: bool = False, **style: Any) -> None:  # noqa: ANN401
    canvas.axes.barh(at, share, height=_THICK, linewidth=1.2, **style)
    canvas.write(
        share + top * 0.012,
        at,
        percent(share),
        va="center_baseline",
        fontweight="bold" if bold else "normal",
        color=CURRENT if bold else REFERENCE_DARK,
    )


def _patches() -> list[Any]:
    from matplotlib.patches import Patch  # noqa: PLC0415

    return [
        Patch(facecolor=REFERENCE, edgecolor=REFERENCE),
        Patch(facecolor="white", edgecolor=CURRENT, hatch=HATCH, linewidth=1.2),
    ]
