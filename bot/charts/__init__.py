"""Pictures for people who look at a phone at night: values in, one PNG and the same in words out."""

from bot.charts.canvas import Chart, warm
from bot.charts.histogram import distributions
from bot.charts.reliability import reliability
from bot.charts.rows import scattered
from bot.charts.segments import bars, ranking
from bot.charts.shares import categories
from bot.charts.then_and_now import then_and_now
from bot.charts.timeline import series

__all__ = [
    "Chart",
    "bars",
    "categories",
    "distributions",
    "ranking",
    "reliability",
    "scattered",
    "series",
    "then_and_now",
    "warm",
]
