"""Limits from the pooled past of like monitors: laws, and the budget kept on series that are not what they seem."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.statistics.bands import share_band
from bot.statistics.budget import (
    Group,
    Kept,
    Pool,
    episode_peaks,
    episodes,
    lasting_surprises,
    normal_scores,
    pool_limit,
    rate_interval,
    realised,
    run_begin,
    split,
)
from bot.statistics.budget.split import LEAST_SHARE
from tests.benchmarks.budgets import (
    BASELINE,
    MONITORS,
    delays,
    draw,
    fired,
    limits_of,
    pages,
    rows_of,
    scored,
    shifted,
    smoothed,
)

SURPRISES = st.lists(st.one_of(st.floats(0, 20), st.just(math.nan)), max_size=120).map(np.array)
POOLS = st.lists(SURPRISES, min_size=1, max_size=6)
BUDGETS = st.floats(0.01, 50)
GROUPS = st.lists(st.lists(st.integers(1, 4), max_size=12), max_size=8).map(
    lambda found: [Group(f"g{at}", tuple(tiers)) for at, tiers in enumerate(found)]
)


def pool(past, budget=1.0, per_week=7.0):
    return Pool(tuple(np.asarray(one, dtype=np.float64) for one in past), (per_week,) * len(past), budget)


# limits


@given(st.integers(1, 80), BUDGETS)
def test_without_a_past_the_monitors_own_model_decides(monitors, budget):
    found = pool_limit(pool([[]] * monitors, budget))
    if 7 * monitors / budget > 2.1:
        assert found.surprise == pytest.approx(math.log10(7 * monitors / budget), abs=0.02)
    assert (found.certified, found.weeks, found.beyond) == (False, 0.0, 0)
    assert found.weeks_to_go == found.wanted == pytest.approx(3 / budget)
    assert found.upper == math.inf


@pytest.mark.parametrize(("weeks", "lax"), [(3, False), (6, False), (60, True)])
def test_a_few_calm_weeks_make_no_limit_of_single_windows_laxer_than_an_exact_one(weeks, lax):
    past = tuple(np.full(7 * weeks, 0.5) for _ in range(4))
    alone, runs = (pool_limit(Pool(past, (7.0,) * 4, 0.1, singly=singly)) for singly in (True, False))
    assert runs.surprise < alone.exact
    assert (alone.surprise < alone.exact, alone.certified) == (lax, lax)
    assert lax or alone.surprise == alone.exact


@settings(max_examples=60, deadline=None)
@given(POOLS, BUDGETS, st.randoms(use_true_random=False))
def test_the_order_of_monitors_does_not_matter(past, budget, random):
    shuffled = list(past)
    random.shuffle(shuffled)
    assert pool_limit(pool(past, budget)).surprise == pytest.approx(pool_limit(pool(shuffled, budget)).surprise)


@settings(max_examples=60, deadline=None)
@given(POOLS, BUDGETS)
def test_windows_that_say_nothing_change_nothing(past, budget):
    silent = [np.concatenate([[math.nan], one, [math.nan, math.inf]]) for one in past]
    assert pool_limit(pool(past, budget)) == pool_limit(pool(silent, budget))


@settings(max_examples=150, deadline=None)
@given(POOLS, BUDGETS, BUDGETS)
def test_a_larger_budget_never_makes_the_limit_stricter(past, one, other):
    small, large = sorted((one, other))
    strict, lax = (pool_limit(pool(past, budget)).surprise for budget in (small, large))
    assert strict >= lax - 1e-9
    assert lax >= 0


@settings(max_examples=60, deadline=None)
@given(POOLS, BUDGETS, st.integers(2, 5))
def test_the_unit_of_time_does_not_matter(past, budget, times):
    """As many windows in a shorter week, with as much less of the budget in it, are the same."""
    one = pool_limit(pool(past, budget, per_week=7.0))
    other = pool_limit(pool(past, budget * times, per_week=7.0 * times))
    assert one.surprise == pytest.approx(other.surprise)
    assert one.certified == other.certified
    assert one.weeks == pytest.approx(other.weeks * times)


@settings(max_examples=60, deadline=None)
@given(st.integers(5, 20), st.integers(20, 90), st.integers(0, 99))
def test_more_surprising_pasts_never_give_a_lower_limit(monitors, windows, seed):
    past = np.random.default_rng(seed).exponential(1 / math.log(10), (monitors, windows))
    limits = [pool_limit(pool(list(past * times))).surprise for times in (1.0, 1.5, 2.5)]
    assert limits == sorted(limits)


@settings(max_examples=80, deadline=None)
@given(POOLS, BUDGETS, st.integers(1, 200))
def test_quiet_weeks_never_cost_the_certificate(past, budget, windows):
    before = pool_limit(pool(past, budget))
    longer = [np.concatenate([one, np.zeros(windows)]) for one in past]
    after = pool_limit(pool(longer, budget))
    assert after.weeks > before.weeks
    if after.beyond <= before.beyond:
        assert after.wanted <= before.wanted
        assert after.certified or not before.certified


def test_a_certificate_wants_a_long_past_in_which_the_limit_gave_few_pages():
    quiet = pool_limit(pool([np.full(21, 0.5)] * 50))
    assert (quiet.weeks, quiet.wanted, quiet.certified) == (3.0, 3.0, True)
    short = pool_limit(pool([np.full(14, 0.5)] * 50))
    assert (short.certified, short.weeks_to_go) == (False, 1.0)
    past = np.random.default_rng(5).exponential(1 / math.log(10), (50, 90))
    usual = pool_limit(pool(list(past)))
    assert usual.certified
    assert usual.beyond == sum(episodes(one, usual.surprise) for one in past)
    assert usual.upper == rate_interval(usual.beyond, usual.weeks)[1]
    assert usual.expected < usual.upper < 2.5


def test_a_pool_of_surprises_that_are_what_they_say_has_the_exact_limit():
    rng = np.random.default_rng(3)
    found = [pool_limit(pool(list(rng.exponential(1 / math.log(10), (50, 90))))).surprise for _ in range(20)]
    assert np.mean(found) == pytest.approx(math.log10(350), abs=0.15)


@pytest.mark.parametrize(("past", "budget"), [([], 1.0), ([[1.0]], 0.0), ([[1.0]], -1.0), ([[1.0]], math.inf)])
def test_a_pool_of_nothing_is_refused(past, budget):
    with pytest.raises(ValueError, match="budget above 0"):
        pool_limit(pool(past, budget))


@pytest.mark.parametrize("budget", [1.0, 0.2])
@pytest.mark.parametrize(("kind", "points"), [("normal", 60), ("t3", 90), ("AR .5", 60), ("batches", 60)])
def test_a_fleet_keeps_its_budget_and_still_sees(kind, points, budget):
    rng = np.random.default_rng(4)
    kept, late = [], []
    for _ in range(10):
        values = draw(rng, kind, (MONITORS, points + 84))
        found = scored(values, kind)
        limits, _, _ = limits_of(found[:, :, :points], "both", budget)
        kept.append(pages(fired(found, "both", limits, points)))
        late.append(delays(fired(shifted(values, kind, points), "both", limits, points)))
    assert 0.3 * budget <= np.mean(kept) <= 1.5 * budget
    slow = {("AR .5", 1.0): 16, ("AR .5", 0.2): 43}
    assert np.median(np.concatenate(late)) <= slow.get((kind, budget), 8)


def test_the_benchmark_judges_shares_as_the_monitors_do():
    angles = draw(np.random.default_rng(6), "batches", (1, 60))
    rows = rows_of(60)
    counts = np.round((rows + 0.75) * np.sin(angles[0]) ** 2 - 0.375).astype(int)
    found = scored(angles, "batches")[0, 0]
    for at in (45, 52, 59):
        before = list(zip(counts[at - BASELINE : at].tolist(), rows[at - BASELINE : at].tolist(), strict=True))
        band = share_band(before, int(rows[at]))
        assert found[at] == pytest.approx(-math.log10(band.p_value(counts[at] / rows[at])), abs=0.02)


# episodes


@given(SURPRISES, st.floats(0.1, 10))
def test_peaks_are_above_the_level_and_no_more_than_the_windows_above_it(surprises_, level):
    peaks = episode_peaks(surprises_, level)
    above = surprises_[surprises_ >= level] if surprises_.size else surprises_
    assert all(peak >= level for peak in peaks)
    assert len(peaks) == episodes(surprises_, level) <= above.size
    assert bool(peaks) == bool(above.size)
    if above.size:
        assert max(peaks) == above.max()


@given(SURPRISES, st.floats(0.1, 10), st.integers(1, 5))
def test_a_longer_quiet_never_makes_more_stretches(surprises_, level, quiet):
    assert episodes(surprises_, level, quiet + 1) <= episodes(surprises_, level, quiet)


def test_one_stretch_has_one_peak_and_silence_does_not_end_it():
    assert episode_peaks([5, 1, 7, math.nan, math.nan, 1, 6, 0, 0, 9], 4) == [7, 9]
    assert episode_peaks([], 1) == []


# what lasts


def test_a_small_shift_that_lasts_is_seen_and_one_wild_window_is_no_trend():
    calm = np.full(60, 0.3)
    sides = np.tile([1.0, -1.0], 30)
    usual = normal_scores(10.0**-calm, sides)
    assert lasting_surprises(usual).max() < 1
    assert lasting_surprises(np.append(usual, np.full(8, 1.9)))[-1] > 3
    assert lasting_surprises(np.append(usual, 30.0))[-1] < 1.5


SCORES = st.lists(st.floats(-9, 9), min_size=1, max_size=60).map(np.array)


@given(SCORES)
def test_silence_leaves_the_smoothed_score_as_it_is_and_sides_are_alike(scores):
    found = lasting_surprises(scores)
    assert np.all(np.isfinite(found))
    assert np.all(found >= 0)
    assert lasting_surprises(-scores) == pytest.approx(found)
    silent = lasting_surprises(np.insert(scores, 0, math.nan))
    assert math.isnan(silent[0])
    assert silent[1:] == pytest.approx(found)


@given(SCORES)
def test_of_one_side_only_that_side_counts_and_no_less_than_of_both(scores):
    found = lasting_surprises(scores, one_sided=True)
    assert not lasting_surprises(-np.abs(scores), one_sided=True).any()
    assert np.all((found == 0) | (found >= lasting_surprises(scores)))


def test_a_window_that_is_back_ends_the_run():
    found = lasting_surprises(np.array([2.0, 2.0, 2.0, 2.0, -0.1, 2.0]))
    assert found[3] > 3
    assert found[4] == 0
    assert found[5] > 3


@given(SCORES, st.integers(0, 20))
def test_a_run_begins_where_its_windows_rise(scores, quiet):
    begin = run_begin(np.concatenate([np.zeros(20), np.full(quiet, math.nan), np.full(6, 1.5)]))
    assert begin == 20 + quiet
    assert 0 <= run_begin(scores) < scores.size
    with pytest.raises(ValueError, match="no window"):
        run_begin(np.full(3, math.nan))


def test_what_lasts_is_no_more_often_surprising_than_it_says():
    found = smoothed(scored(draw(np.random.default_rng(7), "normal", (400, 120)))[1])[:, 40:]
    for level in (1.0, 2.0):
        assert np.mean(found >= level) <= 1.1 * 10**-level


def test_of_a_fixed_baseline_its_own_error_is_counted():
    rng = np.random.default_rng(8)
    centre = rng.normal(size=(3000, 1)) / math.sqrt(15)
    scores = (rng.normal(size=(3000, 60)) - centre) / math.sqrt(1 + 1 / 15)
    last = np.array([(lasting_surprises(one)[-1], lasting_surprises(one, common=1 / 16)[-1]) for one in scores])
    plain, counted = np.mean(last >= 2.0, axis=0)
    assert plain > 0.015
    assert counted <= 0.013


# what happened


def test_bounds_of_a_rate_are_the_exact_ones():
    lower, upper = rate_interval(3, 2.0, 0.95)
    assert (lower, upper) == pytest.approx((0.8177 / 2, 7.7537 / 2), rel=1e-3)
    assert rate_interval(0, 4.0)[0] == 0.0
    assert rate_interval(0, 0.0) == (0.0, math.inf)


@pytest.mark.parametrize(
    ("false_pages", "weeks", "kept"),
    [(0, 0.0, Kept.EARLY), (0, 8, Kept.WITHIN), (8, 8, Kept.WITHIN), (20, 8, Kept.ABOVE), (1, 1, Kept.EARLY)],
)
def test_a_promise_is_held_against_what_happened(false_pages, weeks, kept):
    assert realised(false_pages, weeks, 1.0).kept is kept


@given(st.integers(0, 60), st.floats(0.1, 60), st.floats(0.05, 5))
def test_more_weeks_without_a_page_never_speak_against_the_budget(false_pages, weeks, budget):
    before, after = realised(false_pages, weeks, budget), realised(false_pages, 2 * weeks, budget)
    assert before.lower <= before.per_week <= before.upper
    assert after.upper < before.upper
    assert not (before.kept is Kept.WITHIN and after.kept is not Kept.WITHIN)


# shares


@given(BUDGETS, GROUPS)
def test_shares_sum_to_the_budget_and_hold_each_group_once(budget, groups):
    shares = split(budget, groups)
    named = [group for group in groups if group.tiers]
    assert sorted(name for share in shares for name in share.names) == sorted(group.name for group in named)
    if named:
        assert sum(share.budget for share in shares) == pytest.approx(budget)
    assert all(len(share.names) == 1 or share is shares[-1] for share in shares)
    assert all(share.budget >= LEAST_SHARE for share in shares[:-1])


@given(BUDGETS, GROUPS.filter(lambda groups: any(group.tiers for group in groups)), st.data())
def test_a_higher_tier_never_has_less(budget, groups, data):
    chosen = data.draw(st.sampled_from([group for group in groups if group.tiers]))
    raised = Group(chosen.name, (max(1, chosen.tiers[0] - 1), *chosen.tiers[1:]))
    instead = [raised if group is chosen else group for group in groups]

    def part(of):
        return next(share.budget for share in split(budget, of, least=0.0) if chosen.name in share.names)

    assert part(instead) >= part(groups) - 1e-12


def test_small_shares_are_one():
    shares = split(1.0, [Group("share", (1,) * 9), Group("rows", (3,)), Group("latency", (3, 3)), Group("none", ())])
    assert [share.names for share in shares] == [("share",), ("rows", "latency")]
    assert shares[1].budget == pytest.approx(3 / 39)


@pytest.mark.parametrize(("budget", "groups"), [(0.0, []), (1.0, [Group("a", (1,)), Group("a", (2,))])])
def test_a_budget_of_nothing_and_two_of_a_name_are_refused(budget, groups):
    with pytest.raises(ValueError, match=r"above 0|name of its own"):
        split(budget, groups)
