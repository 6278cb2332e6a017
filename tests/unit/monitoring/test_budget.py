"""One number a team, split over what may page it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.catalog.load import parse_catalog
from bot.core.errors import ConfigError
from bot.monitoring.budgets.budget import alarm_rates, weekly_shares

TEAMS = """
teams: [{name: risk, budget: 1/week}]
models:
  - {name: fraud, team: risk, tier: 1, monitors: [
      {name: declines, metric: class_share, value: decline},
      {name: rows, metric: row_count, budget: 0.25/week},
      {name: drift, metric: drift}]}
  - {name: limits, team: risk, tier: 3, monitors: [{name: high, metric: class_share, value: high}]}
  - {name: eta, monitors: [{name: late, metric: class_share, value: late, window: 1d}]}
"""


def test_a_monitors_own_budget_counts_first_and_the_rest_is_split_by_tier():
    shares = weekly_shares(parse_catalog(TEAMS))
    assert shares["fraud/rows"] == 0.25
    assert shares["fraud/declines"] == pytest.approx(0.6)
    assert shares["limits/high"] == pytest.approx(0.15)
    assert shares["eta/late"] == 1.0, "the default team has one a week"


def test_the_chance_an_hour_has_follows_from_the_week():
    rates = alarm_rates(parse_catalog(TEAMS))
    assert rates["fraud/declines"] == pytest.approx(0.3 / 168), "runs of windows have the other half"
    assert rates["fraud/drift"] == pytest.approx(1 / 168), "of a drift no runs are followed"
    assert rates["eta/late"] == 0.01, "a daily window may alarm once in a hundred days at most"


def test_monitors_that_ask_for_more_than_the_team_bears_are_refused():
    with pytest.raises(ConfigError, match=r"ask for 1\.5 false pages a week, and the team's `budget` is 1/week"):
        parse_catalog(TEAMS.replace("0.25/week", "1.5/week"))


@pytest.mark.parametrize("budget", ["1", "1.5", "2/fortnight", "-1/week", "true"])
def test_what_is_no_budget_is_refused_with_its_line(budget):
    with pytest.raises(ConfigError, match=r"muster.yaml:2: .*such as 1/week, 2/day or 0\.5/month"):
        parse_catalog(TEAMS.replace("1/week", budget, 1))


@given(st.lists(st.integers(1, 3), min_size=1, max_size=12), st.floats(0.01, 50))
def test_the_shares_are_the_budget_and_a_higher_tier_has_no_less(tiers, budget):
    models = ", ".join(
        f"{{name: m{at}, tier: {tier}, monitors: [{{name: rows, metric: row_count}}]}}" for at, tier in enumerate(tiers)
    )
    catalog = parse_catalog(f"teams: [{{name: default, budget: {budget:.6f}/week}}]\nmodels: [{models}]")
    shares = weekly_shares(catalog)
    assert sum(shares.values()) == pytest.approx(budget, rel=1e-4)
    ranked = [share for _, share in sorted(zip(tiers, shares.values(), strict=True), key=lambda pair: pair[0])]
    assert ranked == sorted(ranked, reverse=True)
