"""The sheet every chart is drawn on: 700 pixels wide at double density, a title that says the finding, a light grid.

Texts come from elsewhere (column names, categories, titles): they are shown as they are, never read as formulas, and
signs the font lacks become a box. No state of matplotlib's is changed, so that charts can be drawn in any thread.
"""

import re
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from io import BytesIO
from typing import TYPE_CHECKING, Any

from bot.charts.numbers import clip

if TYPE_CHECKING:
    from matplotlib.axes import Axes

REFERENCE, CURRENT = "#8fa6bd", "#d9480f"
REFERENCE_DARK = "#4f6b86"
INK, MUTED, GRID, BAND = "#1f2933", "#52606d", "#e4e9ee", "#dbe6f0"
HATCH = "////"
WIDTH, DPI = 7.0, 200
COMPRESSED = 2  # of 9: a third larger than by 6, in half of the time
TITLE, LABEL, SMALL = 14.5, 12.5, 12.0
MOST_ALT = 1000
MARGIN = 0.13
POINTS_PER_INCH = 72
_TITLE_LINES = 3
_DRAWING = threading.Lock()
_BOX = "\u25a1"
_PERCENT, _KEPT = re.compile(r"(?<=\d) (?=%)"), "\x00"


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture, and what it shows in words for those who can't see it."""

    png: bytes
    alt: str


class Canvas:
    """A figure with one plot area under its title."""

    def __init__(self, title: str, *, height: float, legend: bool = False) -> None:
        from matplotlib.backends.backend_agg import FigureCanvasAgg  # noqa: PLC0415
        from matplotlib.figure import Figure  # noqa: PLC0415

        self.figure = Figure(figsize=(WIDTH, height), dpi=DPI, facecolor="white")
        self._agg = FigureCanvasAgg(self.figure)
        lines = self._wrapped(readable(clip(title, 300)).replace("`", ""))
        head = 0.16 + 0.25 * len(lines)
        self._legend_at = 1 - (head + 0.02) / (height + head)
        room = head + (0.32 if legend else 0)
        self.figure.set_size_inches(WIDTH, height + head)
        self.figure.text(
            MARGIN / WIDTH,
            1 - 0.12 / (height + head),
            "\n".join(lines),
            ha="left",
            va="top",
            fontsize=TITLE,
            fontweight="bold",
            color=INK,
            linespacing=1.25,
            parse_math=False,
        ).set_in_layout(False)
        self.figure.set_layout_engine(
            "constrained", rect=(0, 0, 1, 1 - room / (height + head)), w_pad=MARGIN, h_pad=0.08
        )
        self.axes: Axes = self.figure.add_subplot()
        for side in ("top", "right", "left"):
            self.axes.spines[side].set_visible(False)
        self.axes.spines["bottom"].set_color(MUTED)
        self.axes.set_axisbelow(True)

    def _wrapped(self, title: str) -> list[str]:
        """The title's words in as many lines as they need, the last one cut when there are too many. A number and its
        percent sign stay together."""
        room = (WIDTH - 2 * MARGIN) * POINTS_PER_INCH

        def fits(line: str) -> bool:
            return sum(map(_title_width, line)) <= room

        lines: list[str] = []
        for word in _PERCENT.sub(_KEPT, title).split():
            rest = word.replace(_KEPT, " ")
            if lines and fits(f"{lines[-1]} {rest}"):
                lines[-1] += f" {rest}"
                continue
            while not fits(rest):
                cut = max(1, len(rest) - 1)
                while cut > 1 and not fits(rest[:cut]):
                    cut -= 1
                lines.append(rest[:cut])
                rest = rest[cut:]
            lines.append(rest)
        if len(lines) > _TITLE_LINES:
            lines = [*lines[: _TITLE_LINES - 1], lines[_TITLE_LINES - 1].rstrip(" .,;:")[:-1] + "…"]
        return lines or [" "]

    def y_ticks(self, at: Sequence[float], labels: Sequence[str], *, grid: bool = True) -> None:
        self.axes.set_yticks(list(at), [readable(label) for label in labels], parse_math=False)
        self.axes.tick_params(axis="y", length=0, labelsize=LABEL, labelcolor=INK if not grid else MUTED)
        if grid:
            self.axes.grid(axis="y", color=GRID, linewidth=0.9)

    def x_ticks(self, at: Sequence[float], labels: Sequence[str], *, grid: bool = False) -> None:
        self.axes.set_xticks(list(at), [readable(label) for label in labels], parse_math=False)
        self.axes.tick_params(axis="x", length=3, color=MUTED, labelsize=LABEL, labelcolor=MUTED)
        self.axes.xaxis.set_minor_locator(_no_ticks())
        if grid:
            self.axes.grid(axis="x", color=GRID, linewidth=0.9)

    def x_label(self, text: str) -> None:
        self.axes.set_xlabel(
            readable(clip(text, 80)), fontsize=LABEL, color=MUTED, loc="left", labelpad=5, parse_math=False
        )

    def legend(self, handles: Sequence[Any], labels: Sequence[str], *, columns: int = 2) -> None:
        drawn = self.figure.legend(
            list(handles),
            [readable(label) for label in labels],
            loc="upper left",
            bbox_to_anchor=(MARGIN / WIDTH, self._legend_at),
            ncols=columns,
            frameon=False,
            fontsize=LABEL,
            labelcolor=INK,
            handlelength=1.6,
            handleheight=1.0,
            handletextpad=0.6,
            columnspacing=1.6,
            borderpad=0.0,
            borderaxespad=0.0,
        )
        drawn.set_in_layout(False)
        for text in drawn.get_texts():
            text.set_parse_math(False)

    def write(self, x: float, y: float, text: str, **style: Any) -> Any:  # noqa: ANN401
        """Put foreign text at a point of the plot."""
        return self.axes.text(
            x, y, readable(text), **{"fontsize": SMALL, "color": INK, "parse_math": False, "clip_on": False, **style}
        )

    def finish(self, alt: str) -> Chart:
        """Draw it once. (`savefig` draws everything twice, so that formats that need it know the extent.)"""
        from matplotlib.image import imsave  # noqa: PLC0415

        body = BytesIO()
        engine: Any = self.figure.get_layout_engine()
        agg: Any = self._agg
        with _DRAWING:
            engine.execute(self.figure)  # and once more as it is drawn: what the first pass moved, the second settles
            agg.draw()
        packed, said = {"compress_level": COMPRESSED}, {"Software": "Muster"}
        imsave(body, agg.buffer_rgba(), format="png", dpi=DPI, metadata=said, pil_kwargs=packed)
        return Chart(body.getvalue(), clip(alt, MOST_ALT))


def nothing_to_draw(title: str, why: str) -> Chart:
    """A sheet that says why it is empty."""
    canvas = Canvas(title, height=1.3)
    canvas.axes.set_axis_off()
    canvas.write(0.0, 0.5, why, transform=canvas.axes.transAxes, va="center", fontsize=LABEL, color=MUTED)
    return canvas.finish(f"{title}. {why}")


def warm() -> None:
    """Load the drawing library and its fonts, a second or two, before somebody waits for a chart."""
    nothing_to_draw("Ready", "to draw")


def readable(text: str) -> str:
    """The same text with a box for every sign the chart's font has no picture of, and no control characters."""
    known = _glyphs()
    return "".join(
        sign if sign == "\n" or ord(sign) in known else _BOX for sign in text if sign == "\n" or sign.isprintable()
    )


@cache
def _glyphs() -> frozenset[int]:
    from matplotlib.font_manager import findfont, get_font  # noqa: PLC0415

    sets = [get_font(findfont(f"DejaVu Sans:{weight}")).get_charmap() for weight in ("regular", "bold")]
    return frozenset(sets[0]) & frozenset(sets[1])


@cache
def _title_width(sign: str) -> float:
    """Points to the next sign of a title. Their sum is a line's width: to measure it whole is to lay it out."""
    from matplotlib.font_manager import findfont, get_font  # noqa: PLC0415
    from matplotlib.ft2font import LoadFlags  # noqa: PLC0415

    font = get_font(findfont("DejaVu Sans:bold"))
    return font.load_char(ord(sign), flags=LoadFlags.NO_SCALE).horiAdvance / font.units_per_EM * TITLE


def _no_ticks() -> Any:  # noqa: ANN401
    from matplotlib.ticker import NullLocator  # noqa: PLC0415

    return NullLocator()
