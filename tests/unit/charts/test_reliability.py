"""The picture of what was said beside what was."""

import struct

import pytest

from bot.charts import reliability

POINTS = [(0.1, 0.2, 0.15, 0.26, 400), (0.5, 0.52, 0.4, 0.6, 300), (0.9, 0.7, 0.64, 0.77, 500)]


def test_it_is_a_picture_with_the_same_in_words():
    chart = reliability(POINTS, POINTS[:1], title="84 % said, 66 % are", label="default")
    assert chart.png.startswith(b"\x89PNG")
    assert struct.unpack(">I", chart.png[16:20])[0] == 1400
    assert "said 10 % was 20 %, said 50 % was 52 %, said 90 % was 70 %" in chart.alt
    assert chart.alt.startswith("84 % said, 66 % are.")


@pytest.mark.parametrize(
    "points",
    [
        [],
        [(float("nan"), 0.1, 0.0, 0.2, 30)],
        [(0.0, 0.0, 0.0, 0.0, 1)],
        [(1.0, 1.0, 1.0, 1.0, 10**9)],
        [(1e-9, 1e-9, 0.0, 1e-6, 5)],
        [(0.995, 0.99, 0.98, 1.0, 100), (0.999, 0.999, 0.99, 1.0, 100)],
    ],
)
def test_whatever_comes_in_something_is_drawn(points):
    for chart in (reliability(points, title="$x_2^", label="\\frac"), reliability([], points, title="t", label="l")):
        assert chart.png.startswith(b"\x89PNG")
