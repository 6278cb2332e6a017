"""Control charts: valid ones keep their run length, others are refused with a reason; and rules of alarm."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.statistics.shortfall import Reason, Shortfall
from bot.statistics.stream.alarm import AlarmRule, AlarmState, judge
from bot.statistics.stream.control import ChartKind, ChartState, ControlChart, control_chart, follow, run_chart
from tests.unit.statistics.test_stream import SEED, Floats, autoregressive


def chart_of(baseline: Floats, kind: ChartKind = ChartKind.EWMA) -> ControlChart:
    found = control_chart(baseline, kind)
    assert isinstance(found, ControlChart)
    return found


def run_length(chart: ControlChart, points: Floats) -> float:
    """Points to an alarm on average; the chart begins anew after each."""
    state, alarms = ChartState(), 0
    for point in points.tolist():
        found = follow(chart, state, point)
        state = ChartState() if found.outside else found.state
        alarms += found.outside
    return points.size / max(1, alarms)


@pytest.mark.parametrize("kind", list(ChartKind))
@pytest.mark.parametrize("memory", [0.0, 0.5, 0.7, 0.9])
@pytest.mark.parametrize("heavy", [False, True])
def test_in_control_alarms_are_rare_whatever_was_asked_for(kind: ChartKind, memory: float, *, heavy: bool) -> None:
    random = np.random.default_rng(SEED)
    found = []
    for _ in range(12):
        points = autoregressive(random, 2000, memory, heavy=heavy)
        found.append(run_length(chart_of(points[:500], kind), points[500:]))
    assert 1 / np.mean(1 / np.asarray(found)) > 70  # the textbook's limits: 14 (individuals) to 33 at a memory of .7


@pytest.mark.parametrize(("kind", "soon"), [(ChartKind.EWMA, 8), (ChartKind.CUSUM, 8), (ChartKind.XMR, 16)])
def test_a_shift_of_two_sigmas_is_soon_seen(kind: ChartKind, soon: float) -> None:
    random = np.random.default_rng(SEED)
    delays = []
    for _ in range(200):
        points = random.normal(size=600)
        points[300:] += 2
        followed = run_chart(chart_of(points[:300], kind), points[300:])
        delays.append(next((at for at, one in enumerate(followed, start=1) if one.outside), 300))
    assert np.mean(delays) < soon


def test_individuals_limits_are_the_textbooks() -> None:
    points = np.random.default_rng(SEED).normal(10, 2, 200)
    chart = chart_of(points, ChartKind.XMR)
    reach = 2.66 * np.abs(np.diff(points)).mean()
    assert (chart.lower, chart.centre, chart.upper) == pytest.approx(
        (points.mean() - reach, points.mean(), points.mean() + reach)
    )
    assert chart.warning is None


@pytest.mark.parametrize(("memory", "why"), [(0.7, "Neighbouring points are alike (correlation 0."), (0.0, "far out")])
def test_where_an_individuals_chart_would_mislead_another_is_used_and_says_why(memory: float, why: str) -> None:
    random = np.random.default_rng(SEED)
    chart = chart_of(autoregressive(random, 600, memory, heavy=memory == 0), ChartKind.XMR)
    assert chart.kind is ChartKind.EWMA
    assert chart.warning is not None
    assert why in chart.warning


def test_too_little_and_constants_are_answers() -> None:
    few, constant = control_chart(np.arange(5.0)), control_chart(np.full(50, 3.0))
    assert isinstance(few, Shortfall)
    assert isinstance(constant, Shortfall)
    assert (few.reason, constant.reason) == (Reason.TOO_FEW_ROWS, Reason.NO_VARIATION)


def test_points_that_are_no_number_leave_the_chart_as_it_is() -> None:
    points = np.random.default_rng(SEED).normal(size=100)
    chart = chart_of(points)
    state = follow(chart, ChartState(), 1.0).state
    assert follow(chart, state, math.nan).state == state
    assert run_chart(chart, np.array([1.0, np.nan, np.inf]))[-1].state == state


def test_values_at_the_edge_of_float64_are_charted() -> None:
    chart = chart_of(np.random.default_rng(SEED).choice([1e308, -1e308, 0.0], 60), ChartKind.XMR)
    assert all(math.isfinite(one.followed) for one in run_chart(chart, np.array([1e308, np.inf, np.nan, -1e308])))


def run_rule(rule: AlarmRule, scores: list[float], level: float = 1.0) -> str:
    state, said = AlarmState(), ""
    for score in scores:
        state = judge(rule, state, score, level)
        said += "!" if state.firing else "."
    return said


def test_k_of_n_hysteresis_duration_and_cool_down() -> None:
    assert run_rule(AlarmRule(needed=2, out_of=3), [2, 0, 0, 2, 0, 2, 0]) == ".....!."
    assert run_rule(AlarmRule(release=0.5, clean=2), [2, 0.9, 0.9, 0.4, 0.9, 0.4, 0.4]) == "!!!!!!."
    assert run_rule(AlarmRule(lasting=2, needed=3, out_of=3), [2, 2, 2, 0]) == "..!."
    assert run_rule(AlarmRule(cool_down=2), [2, 0, 2, 2, 2]) == "!...!"
    assert run_rule(AlarmRule(), [2, math.nan, 0]) == "!!."


@given(st.lists(st.floats(0, 3), max_size=40), st.integers(1, 4), st.integers(0, 3))
def test_asking_for_more_never_alarms_sooner(scores: list[float], needed: int, more: int) -> None:
    few = run_rule(AlarmRule(needed=needed, out_of=8), scores)
    many = run_rule(AlarmRule(needed=needed + more, out_of=8), scores)
    assert (few + "!").index("!") <= (many + "!").index("!")


@pytest.mark.parametrize(
    "wrong", [{"needed": 3, "out_of": 2}, {"needed": 0}, {"release": 0}, {"release": 2}, {"clean": 0}, {"lasting": -1}]
)
def test_a_rule_that_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"evaluations|release"):
        AlarmRule(**wrong)  # type: ignore[arg-type]
