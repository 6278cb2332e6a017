"""`muster budget`: the false pages a team was promised, and those it got."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from bot.entrypoints.monitors import opened

if TYPE_CHECKING:
    from datetime import datetime

    from bot.monitoring.budgets.limits import PoolState, TeamState


def budget(as_json: Annotated[bool, typer.Option("--json", help="For scripts")] = False) -> None:
    """What each team was promised, what its monitors page at, and what came of it."""
    from bot.core.clock import SystemClock
    from bot.monitoring.budgets.limits import teams

    _, catalog, database = opened()
    now = SystemClock().now()
    try:
        with database.reading() as session:
            found = teams(session, catalog, now)
    finally:
        database.close()
    if as_json:
        print(json.dumps([_as_data(team, now) for team in found], indent=2))
        return
    for team in found:
        _print(team, now)


def _print(team: "TeamState", now: "datetime") -> None:
    from rich.console import Console
    from rich.table import Table

    print(f"Team {team.team}: at most {_pages(team.budget)} a week.")
    kept = team.realised
    pages = f"{team.pages} page{'' if team.pages == 1 else 's'}"
    judged = f"{kept.pages} of them false, {team.unjudged} without a verdict" if team.pages else "none false"
    bounds = f"{kept.per_week:.2g} a week, between {kept.lower:.2g} and {kept.upper:.2g}"
    if kept.weeks:
        print(f"In the last {kept.weeks:.1f} weeks: {pages}, {judged}: {bounds} ({kept.kept}).")
    else:
        print("No monitor of theirs tells anybody yet.")
    if team.pools:
        table = Table("monitors", "share a week", "pages at a chance below", "standing")
        for pool in team.pools:
            named = pool.keys[0] if len(pool.keys) == 1 else f"{len(pool.keys)} of {pool.name}"
            named += ", what lasts" if pool.lasting else ""
            table.add_row(named, f"{pool.limit.budget:.2g}", f"1 in {1 / pool.alarm_rate:,.0f}", standing(pool, now))
        Console().print(table)


def _pages(budget: float) -> str:
    return f"{budget:.3g} false page{'' if budget == 1 else 's'}"


def standing(pool: "PoolState", now: "datetime") -> str:
    """`certified from 12 Dec, on 7 weeks`, or what stands in its place until then."""
    limit, at = pool.limit, pool.certified_at(now)
    if limit.certified:
        return f"certified from {at:%d %b}, on {limit.weeks:.0f} weeks"
    so_far = f"{limit.weeks:.1f} of {limit.wanted:.1f} weeks"
    if not limit.weeks:
        return f"learning: by each monitor's own model; {so_far} of past"
    return f"learning until about {at:%d %b} ({so_far}): its own model, corrected by what was seen"


def _as_data(team: "TeamState", now: "datetime") -> dict[str, object]:
    return {
        "team": team.team,
        "budget": team.budget,
        "pages": team.pages,
        "false": team.realised.pages,
        "unjudged": team.unjudged,
        "weeks": round(team.realised.weeks, 2),
        "per_week": team.realised.per_week,
        "lower": team.realised.lower,
        "upper": team.realised.upper if team.realised.weeks else None,
        "kept": team.realised.kept.value,
        "pools": [
            {
                "name": pool.name,
                "lasting": pool.lasting,
                "monitors": list(pool.keys),
                "budget": pool.limit.budget,
                "alarm_rate": pool.alarm_rate,
                "certified": pool.limit.certified,
                "certified_at": pool.certified_at(now).isoformat(),
                "weeks": pool.limit.weeks,
                "wanted": pool.limit.wanted,
            }
            for pool in team.pools
        ],
    }
