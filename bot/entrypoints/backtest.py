"""`muster backtest`: what the default series monitor would have said of a metric's history."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from bot.tuning.backtest import Backtest


def backtest(
    files: Annotated[list[Path], typer.Argument(help="CSV files, one series each", show_default=False)],
    time: Annotated[str, typer.Option(help="The column of times")],
    value: Annotated[str, typer.Option(help="The column of values")],
    budget: Annotated[str, typer.Option(help="False alerts an ordinary series may give")] = "1/week",
    scores: Annotated[Path | None, typer.Option(help="Write a score for every row into this folder")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="For scripts")] = False,
) -> None:
    """Run the default series monitor over CSV files as if it had been there.

    Each row is judged by those before it only, with the same constants for every series. An ordinary series gives about
    as many notifications as the budget says (unusual for its time, or a jump), and a quarter as many pages (a value or
    a mean that was never seen before).
    Exit status: 0, or 2 when a file could not be read (the others are done).
    """
    from bot.core.errors import BotError
    from bot.tuning.backtest import check_names, policy_for, read_budget, run

    policy = policy_for(read_budget(budget))
    if scores is not None:
        check_names(files)
        scores.mkdir(parents=True, exist_ok=True)
    done: list[Backtest] = []
    failed: list[dict[str, str]] = []
    for at, path in enumerate(files, start=1):
        if len(files) > 1 and sys.stderr.isatty():
            print(f"\r{at} of {len(files)} {path.name[:60]:60}", end="", file=sys.stderr, flush=True)
        try:
            found = run(path, time, value, policy, scores)
        except BotError as error:
            failed.append({"file": str(path), "error": error.message})
            print(f"muster: {error.message}", file=sys.stderr)
            continue
        done.append(found)
        if not as_json:
            _show(found)
    if len(files) > 1 and sys.stderr.isatty():
        print("\r" + " " * 80, end="\r", file=sys.stderr)
    if as_json:
        print(
            json.dumps(
                {
                    "budget_per_week": policy.notified_per_week,
                    "series": [_plain(one) for one in done],
                    "failed": failed,
                },
                indent=2,
            )
        )
    elif len(done) > 1:
        _show_all(done)
    if failed:
        raise typer.Exit(2)


def _show(found: "Backtest") -> None:
    from bot.catalog.values import format_duration

    print(f"{found.path}: {found.rows:,} rows, {found.begin} to {found.end}", end="")
    print(f", repeats every {_period(found.period, format_duration)}" if found.period else "")
    if found.numbered:
        print("  the times number the rows; a row is taken for an hour")
    if found.unordered:
        came = "row stands" if found.unordered == 1 else "rows stand"
        print(f"  {found.unordered:,} {came} below a later one; all were judged in the order of their times")
    if found.without_value:
        print(f"  {found.without_value:,} rows have no value; nothing was said of them")
    if not found.warm:
        print("  too few rows to judge any: the first 200 and the first day are for learning")
    for told in found.alerts:
        print(f"  {told.point.written}  {told.reading.tier:6}  {told.reading.score:.3f}  {told.reading.reason}")
    print(f"  {_rate(len(found.alerts), found.weeks)}")


def _period(seconds: float, words: Any) -> str:  # noqa: ANN401
    from datetime import timedelta

    return str(words(timedelta(seconds=round(seconds))))


def _rate(alerts: int, weeks: float) -> str:
    told = f"{alerts} alert{'' if alerts == 1 else 's'}"
    return f"{told} in {weeks:.1f} weeks" + (f", {alerts / weeks:.2f} a week" if weeks >= 1 else "")


def _show_all(done: list["Backtest"]) -> None:
    pages = sum(told.reading.tier == "page" for one in done for told in one.alerts)
    alerts, weeks = sum(len(one.alerts) for one in done), sum(one.weeks for one in done)
    print(f"All {len(done)} series: {pages} pages and {alerts - pages} notifications; {_rate(alerts, weeks)}")


def _plain(found: "Backtest") -> dict[str, Any]:
    return {
        "file": str(found.path),
        "rows": found.rows,
        "rows_without_value": found.without_value,
        "rows_out_of_order": found.unordered,
        "weeks": found.weeks,
        "period_seconds": found.period,
        "alerts": [
            {
                "time": told.point.written,
                "value": told.point.value,
                "score": told.reading.score,
                "tier": told.reading.tier.value,
                "reason": told.reading.reason,
            }
            for told in found.alerts
        ],
    }
