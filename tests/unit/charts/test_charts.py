"""Charts: what is drawn whatever comes in, and what the words beside it say."""

import struct
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.charts import bars, categories, distributions, ranking, scattered, series, then_and_now
from bot.charts.canvas import MOST_ALT, Canvas, readable
from bot.charts.histogram import axis_of
from bot.charts.numbers import as_floats, clip, distinct, human, nice_ticks, percent, written_out

START = datetime(2026, 11, 23, tzinfo=UTC)
HOSTILE = "$\\frac{1}{ <!channel> \x00\u202e 漢字 🔥 $x_2^"


def size(chart):
    assert chart.png.startswith(b"\x89PNG\r\n\x1a\n")
    return struct.unpack(">II", chart.png[16:24])


def hours(count):
    return [START + timedelta(hours=hour) for hour in range(count)]


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (0, "0"),
        (38, "38"),
        (1234, "1.23k"),
        (999.96, "1k"),
        (3_800_000, "3.8 M"),
        (-0.0042, "−0.0042"),
        (2.5e9, "2.5 G"),
        (1e30, "1.0e+30"),
        (float("nan"), "unknown"),
        (float("-inf"), "−∞"),
    ],
)
def test_numbers_read_as_people_say_them(value, says):
    assert human(value) == says


@pytest.mark.parametrize(
    ("share", "says"), [(0.12, "12 %"), (0.004, "0.4 %"), (0, "0 %"), (1e-9, "< 0.01 %"), (1, "100 %")]
)
def test_shares_read_as_percent(share, says):
    assert percent(share) == says


def test_near_numbers_get_the_digits_that_tell_them_apart():
    assert distinct([1e9, 1e9 + 0.5]) == ["1,000,000,000.0", "1,000,000,000.5"]
    assert distinct([38, 3790]) == ["38", "3.79k"]


def test_what_is_no_number_is_left_out_not_drawn_as_zero():
    found = as_floats([1, None, "2", "x", float("inf"), True])
    assert np.isnan(found[[1, 3]]).all()
    assert found[[0, 2, 5]].tolist() == [1.0, 2.0, 1.0]
    masked = np.ma.masked_array([1, 2], mask=[False, True])
    assert np.isnan(as_floats(masked)[1])


@given(st.floats(-1e12, 1e12), st.floats(1e-6, 1e12), st.integers(2, 9))
def test_ticks_lie_inside_and_are_few(low, span, most):
    high = low + span
    ticks = nice_ticks(low, high, most)
    assert 1 <= len(ticks) <= most
    slack = 1e-6 * max(1.0, abs(low), abs(high))
    assert all(low - slack <= tick <= high + slack for tick in ticks)


def test_a_unit_change_is_drawn_on_a_log_axis_and_an_ordinary_shift_is_not():
    rng = np.random.default_rng(1)
    amounts = rng.lognormal(3.6, 0.9, 4000)
    assert axis_of(amounts, amounts * 100).note == ", log scale"
    assert axis_of(rng.normal(10, 2, 999), rng.normal(12, 2, 999)).note == ""
    delays = rng.normal(0, 20, 999)
    assert axis_of(delays, delays * 60).note == ", log scale outward from 0"


@pytest.mark.parametrize("scale", [1, 100, 1e6])
def test_every_axis_is_monotone_and_its_ticks_lie_on_it(scale):
    rng = np.random.default_rng(2)
    for then in (rng.normal(0, 1, 500), rng.lognormal(0, 3, 500), rng.poisson(4, 500).astype(float), np.zeros(500)):
        axis = axis_of(then, then * scale)
        assert (np.diff(axis.edges) > 0).all()
        placed = axis.place(np.array(axis.ticks))
        assert (np.diff(placed) > 0).all()
        assert placed[0] >= axis.edges[0]
        assert placed[-1] <= axis.edges[-1]


def test_the_words_beside_a_histogram_hold_its_medians():
    chart = distributions(np.full(99, 38.0), np.full(50, 3790.0), title="amount is 100 times too large", label="amount")
    assert size(chart)[0] == 1400
    assert chart.alt.startswith("amount is 100 times too large. Histograms of amount.")
    assert "reference: median 38" in chart.alt
    assert "now: median 3.79k" in chart.alt


def test_categories_beyond_the_eighth_are_added_up():
    reference = {f"m{number}": 100 - number for number in range(20)}
    chart = categories(reference, {"m0": 0.75, "m19": 0.25}, title="m0 took over")
    assert "m0 6.1 % then, 75 % now" not in chart.alt
    assert "m0 5.5 % then, 75 % now" in chart.alt
    assert "m19 4.5 % then, 25 % now" in chart.alt
    assert "other (12)" in chart.alt


def test_a_series_says_when_it_fired_and_what_lay_outside():
    values = [0.2] * 10 + [0.31, 0.33]
    chart = series(
        hours(12),
        values,
        title="eta calls 31 % of flights late",
        label="share called late",
        lower=0.18,
        upper=[0.24] * 12,
        fired_at=hours(11)[-1],
        marks=[(hours(12)[-1], "fallback on")],
        percent=True,
    )
    assert size(chart)[0] == 1400
    assert "usual 18 % to 24 %, 2 outside" in chart.alt
    assert "2026-11-23 10:00 fired 10:00; 2026-11-23 11:00 fallback on" in chart.alt


def test_times_of_any_zone_are_drawn_in_utc_and_in_order():
    naive = [moment.replace(tzinfo=None) for moment in hours(3)]
    chart = series(naive[::-1], [3, 2, 1], title="t", label="rows")
    assert "from 2026-11-23 00:00 to 2026-11-23 02:00 UTC" in chart.alt
    assert "last 3" in chart.alt


def test_bars_carry_their_intervals_and_keep_the_highlighted_ones():
    names = [f"origin={number}" for number in range(30)]
    chart = bars(names, [0.1] * 30, title="t", intervals=[(0.05, 0.2)] * 30, highlight="origin=29", percent=True)
    assert "origin=29 10 % (5 % to 20 %)" in chart.alt
    assert "origin=15" not in chart.alt


def test_a_ranking_is_sorted_and_names_its_threshold():
    chart = ranking(["age", "amount", "x"], [0.5, 4.2, float("nan")], title="t", threshold=1)
    assert "Largest first: amount 4.2; age 0.5. Threshold 1." in chart.alt


def test_what_was_and_what_is_stand_side_by_side():
    chart = then_and_now(
        ["amount", "age", *"bcdefghi", "late"],
        [0.001, 0.1, *[0.0] * 8, None],
        [0.12, 0.1, *[0.0] * 8, 0.3],
        title="t",
        intervals=[(0.1, 0.14)],
        highlight=["late"],
        shares=True,
        label="rows missing",
    )
    assert size(chart)[0] == 1400
    assert "amount usually 0.1 %, now 12 % (10 % to 14 %); age usually 10 %, now 10 %" in chart.alt
    assert "late usually –, now 30 %" in chart.alt
    assert "h usually" not in chart.alt


def test_two_numbers_that_differ_are_not_written_alike():
    alt = then_and_now(["a", "b"], [1000.2, 5416], [1000.4, 5417], title="t", reference_label="hold-out").alt
    assert "a hold-out 1,000.2, now 1,000.4; b hold-out 5,416, now 5,417" in alt


@pytest.mark.parametrize(
    "chart",
    [
        lambda: distributions([], [None], title="t", label=HOSTILE),
        lambda: then_and_now([1], [None], ["x"], title="t"),
        lambda: categories({}, {"a": 0}, title="t"),
        lambda: series([], [], title="t", label="x"),
        lambda: series(hours(2), [None, float("nan")], title="t", label="x"),
        lambda: bars([], [], title="t"),
        lambda: ranking(["a"], [None], title="t"),
    ],
)
def test_nothing_to_draw_is_said(chart):
    made = chart()
    assert size(made)[0] == 1400
    assert "t. No " in made.alt


def test_foreign_text_is_shown_not_parsed():
    long = HOSTILE + "x" * 5000
    made = [
        distributions([1, 2], [2, 3], title=long, label=long, unit=long, reference_label=long, current_label=long),
        categories({long: 1, "": 2}, {None: 1, "\n": 3}, title=long, label=long, reference_label=long),
        series(hours(3), [1, 2, 3], title=long, label=long, marks=[(START, long)] * 9, fired_at=START, lower=1.5),
        bars([long, long], [1, 2], title=long, label=long, highlight=[long]),
        then_and_now([long, long], [1, 2], [2, 1], title=long, label=long, highlight=[long], current_label=long),
        ranking([long], [1], title=long, threshold=0.5, label=long),
    ]
    assert all(size(chart)[0] == 1400 and len(chart.alt) <= MOST_ALT for chart in made)
    assert readable("漢$\x00a\n") == "□$a\n"
    assert clip("  a\n b  " + "c" * 9, 5) == "a b…"


numbers = st.lists(st.one_of(st.none(), st.floats(), st.integers(-5, 5), st.booleans()), max_size=12)


@settings(max_examples=25, deadline=None)
@given(numbers, numbers)
def test_any_numbers_can_be_drawn(one, two):
    made = [
        distributions(one, two, title="t", label="x"),
        series(
            hours(len(one)), one, title="t", label="x", lower=two[0] if two else None, upper=two[-1] if two else None
        ),
        bars(range(len(two)), two, title="t", intervals=[(0.0, 1.0)] * len(two)),
        then_and_now(range(min(len(one), len(two))), one[: len(two)], two[: len(one)], title="t"),
        ranking(range(len(one)), one, title="t", threshold=two[0] if two else None),
    ]
    assert all(size(chart)[0] == 1400 and chart.alt for chart in made)


def test_the_same_values_make_the_same_picture():
    once, again = (series(hours(5), [1, 2, 3, 2, 1], title="t", label="x", upper=2.5) for _ in range(2))
    assert once == again


def test_single_rows_are_drawn_over_their_usual_range():
    rng = np.random.default_rng(0)
    values = rng.lognormal(5, 1, 4000)
    values[[7, 9]] = 982_000, np.nan
    times = [datetime(2026, 11, 2, tzinfo=UTC) + timedelta(seconds=at) for at in range(4000)]
    chart = scattered(times, values, [7, 9], title="1 row is odd", label="amount", lower=10, upper=2000, unit="EUR")
    assert chart.png.startswith(b"\x89PNG")
    assert "usually 10 to 2k; unlike the rest: 982k" in chart.alt
    empty = scattered(times, values, [9], title="Nothing", label="amount", lower=10, upper=2000)
    assert "No value of amount to draw" in empty.alt


def test_a_limit_is_on_the_axis_also_where_no_value_reaches_it():
    rng = np.random.default_rng(0)
    took = rng.lognormal(3, 0.5, 2000)
    chart = distributions(took, took, title="t", label="took", limit=(500.0, "limit 500 ms"), log=True)
    assert chart.png != distributions(took, took, title="t", label="took", log=True).png
    axis = axis_of(took, took, include=500.0, log=True)
    assert 10 ** axis.edges[-1] == pytest.approx(500)
    assert axis.note == ", log scale"


def test_huge_ticks_stay_short():
    assert distinct([9e99, 9.01e99, 1e100]) == ["9.00e+99", "9.01e+99", "1.00e+100"]


def test_a_number_keeps_its_percent_sign_and_ticks_are_no_part_of_a_title():
    lines = Canvas(f"{'word ' * 10}97 % of `amount`", height=1.0)
    (title,) = lines.figure.texts
    assert not any(line.startswith("%") for line in title.get_text().splitlines())
    assert title.get_text().split() == [*["word"] * 10, "97", "%", "of", "amount"]
    for words in range(6, 14):
        shown = Canvas(f"{'word ' * words}97 % of rows", height=1.0).figure.texts[0].get_text()
        assert "97 %" in shown


@pytest.mark.parametrize(
    ("value", "words"), [(5416, "5,416"), (1030, "1,030"), (-20_000, "−20,000"), (999.4, "999"), (2e6, "2 M")]
)
def test_counts_are_written_out_as_in_the_sentence(value, words):
    assert written_out(value) == words
