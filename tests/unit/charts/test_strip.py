"""The strip of a past: lanes of monitors over the same time."""

from datetime import UTC, datetime, timedelta

import pytest

from bot.charts.strip import Lane, Stretch, strip

START = datetime(2026, 7, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def lane(name="declines", values=None, **more):
    values = values if values is not None else [0.1 + 0.001 * (at % 7) for at in range(90)]
    settings = {"lower": [0.08] * len(values), "upper": [0.13] * len(values), "percent": True, **more}
    return Lane(name, [START + at * DAY for at in range(len(values))], values, **settings)


def size(chart):
    return [int.from_bytes(chart.png[at : at + 4]) for at in (16, 20)]


def test_the_words_say_what_the_picture_shows():
    spiky = lane(values=[0.1] * 40 + [0.5] * 3 + [0.1] * 47, fired=[40, 41, 42])
    chart = strip([spiky], [Stretch(START + 40 * DAY, START + 43 * DAY, "10 Aug")], title="1 page in 90 days")
    assert chart.png.startswith(b"\x89PNG")
    assert "1 page in 90 days. 1 monitors" in chart.alt
    assert "page 2026-08-10" in chart.alt
    assert "declines usually 8 % to 13 %, out of band in 3 of 90 windows" in chart.alt


def test_every_lane_makes_the_sheet_taller_and_none_wider():
    one, six = (strip([lane(f"m{at}") for at in range(count)], [], title="calm") for count in (1, 6))
    assert size(one)[0] == size(six)[0]
    assert size(six)[1] > size(one)[1]


@pytest.mark.parametrize("values", [[None] * 10, []])
def test_nothing_judged_is_said(values):
    assert "No window of any monitor could be judged." in strip([lane(values=values)], [], title="learning").alt


@pytest.mark.parametrize(
    "values",
    [[5.0], [5.0] * 30, [None, 1.0, None, 2.0], [0.0, 1e300, -1e300, 4.0], [float("nan"), 1.0, float("inf"), 2.0]],
)
def test_odd_values_are_drawn(values):
    chart = strip([lane(values=values, fired=[0])], [Stretch(START, START, "1 Jul")], title="odd $x_1$ 中")
    assert chart.png.startswith(b"\x89PNG")


def test_many_pages_and_lanes_stay_one_sheet():
    pages = [Stretch(START + at * DAY, START + (at + 1) * DAY, f"{at + 1} Jul") for at in range(0, 90, 2)]
    chart = strip([lane(f"monitor {at}") for at in range(30)], pages, title="45 pages in 90 days")
    assert size(chart)[1] < 3000
