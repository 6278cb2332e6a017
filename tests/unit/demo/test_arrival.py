import numpy as np
import pytest

from bot.demo import arrival
from bot.demo.line import SERVICE_SECONDS, Line


def test_it_is_a_real_model_better_than_the_delay_at_departure(shipped, minutes):
    judged = arrival.evaluate(minutes, arrival.landed(shipped.holdout))
    assert judged.rows > 5_000
    assert 11 < judged.mae < judged.naive - 0.4
    assert judged.importance["dep_delay"] > 0.8
    assert sum(judged.importance.values()) == pytest.approx(1)


def test_a_null_is_read_as_the_median(shipped, minutes):
    one = {name: column[:1] for name, column in shipped.traffic.items()}
    lost, usual = {**one, "dep_delay": np.array([np.nan])}, {**one, "dep_delay": np.array([minutes.fill["dep_delay"]])}
    assert minutes.minutes(lost) == pytest.approx(minutes.minutes(usual))


def one_by_one(arrivals, services):
    free, took = 0.0, []
    for at, service in zip(arrivals, services, strict=True):
        free = max(free, at) + service
        took.append(free - at)
    return took


def test_a_line_is_what_it_is_one_by_one():
    arrivals = np.cumsum(np.random.default_rng(1).exponential(1 / 300, 2_000))
    services = Line(np.random.default_rng(2))._services(2_000, 1.0)
    line = Line(np.random.default_rng(2))
    assert line.served(arrivals) == pytest.approx(one_by_one(arrivals, services), abs=1e-9)


def test_who_waits_at_the_end_of_a_step_waits_on_in_the_next():
    line = Line(np.random.default_rng(3))
    line.served(np.zeros(100))
    assert line.one(0.0) > 80 * SERVICE_SECONDS
    assert line.served(np.array([0.01]))[0] > 80 * SERVICE_SECONDS - 0.01
    line.emptied()
    assert line.served(np.array([0.02]))[0] < 10 * SERVICE_SECONDS


def test_an_empty_step_changes_nothing():
    line = Line(np.random.default_rng(4))
    line.served(np.zeros(100))
    before = line.one(0.0)
    assert line.served(np.empty(0)).size == 0
    assert line.one(0.0) == pytest.approx(before, abs=10 * SERVICE_SECONDS)


@pytest.mark.parametrize(("slower", "least", "most"), [(1.0, 0.004, 0.006), (2.6, 0.03, 0.5)])
def test_the_mean_is_what_queueing_theory_says(slower, least, most):
    """Pollaczek and Khinchine: service + load * service * (1 + 1/4) / (2 (1 - load)) at 120 a second."""
    arrivals = np.cumsum(np.random.default_rng(5).exponential(1 / 120, 60_000))
    service = slower * SERVICE_SECONDS
    load = 120 * service
    wanted = service + load * service * 1.25 / (2 * (1 - load))
    found = Line(np.random.default_rng(6)).served(arrivals, slower).mean()
    assert least < found < most
    assert found == pytest.approx(wanted, rel=0.25)
