"""What is said of a run of windows on one side, in the words of a responder. Pure."""

from datetime import timedelta
from typing import Any

from bot.catalog.monitors import MonitorMetric
from bot.monitoring.budgets.runs import Run
from bot.monitoring.finding import SCORE
from bot.monitoring.references import moment_words
from bot.monitoring.watched import Watched
from bot.statistics.columns import category_text
from bot.statistics.wording import number, percent

DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
_SHARES = frozenset({MonitorMetric.CLASS_SHARE, MonitorMetric.DEFAULT_RATE})


def lasts(one: Watched, run: Run, data: dict[str, Any]) -> str:
    """`mean amount of fraud has been above its usual 38 EUR for 6 days (now 41.2, on average 40.8 since 14 Nov)`.

    Of shares in the words of the answer: `eta calls 26 % of flights late on average since 14 Nov, for 6 days (usually
    20 %, now 25 %)`. data: what is kept with the finding.
    """
    since, length = f"since {begin_words(run)}", f"for {_length(run.end.end - run.begin.start)}"
    if one.monitor.metric in _SHARES:
        said = _answers(one, percent(run.average))
        return f"{said} on average {since}, {length} (usually {percent(run.usual)}, now {percent(run.now)})"
    if run.what is not None:
        far = f"{number(run.average)} sigmas from the windows before on average, usually {number(run.usual)}"
        return f"{one.model.name}: {since}, {length}: {run.what['said']} ({far})"
    side = "above" if run.average > run.usual else "below"
    if one.monitor.metric is MonitorMetric.ROW_COUNT:
        usual = f"{number(run.usual)} {_each(run.end.length)}"
        said = f"rows of {one.model.name} have been {side} their usual {usual}"
    else:
        unit = f" {data[SCORE]['unit']}" if data[SCORE]["unit"] else ""
        said = f"{data['label']} of {one.model.name} has been {side} its usual {number(run.usual)}{unit}"
    return f"{said} {length} (now {number(run.now)}, on average {number(run.average)} {since})"


def begin_words(run: Run) -> str:
    """`14 Nov`; with the time of day where windows are shorter than a day."""
    at = run.begin.start
    return f"{at.day} {at:%b}" if run.end.length >= DAY else moment_words(at)


def _answers(one: Watched, share: str) -> str:
    said, default = one.model.outcome, one.monitor.metric is MonitorMetric.DEFAULT_RATE
    if said and "{share}" in said and not one.monitor.feature and not default:
        return f"{one.model.name} {said.replace('{share}', share)}"
    given = one.monitor.value
    value = category_text(one.data.default_prediction if given is None and default else given)
    if one.monitor.feature:
        return f"{one.monitor.feature} of {one.model.name} is {value} in {share} of rows"
    return f"{one.model.name} answers {value} in {share} of predictions"


def _length(stretch: timedelta) -> str:
    if stretch == DAY:
        return "a day"
    for unit, word in ((DAY, "day"), (HOUR, "hour"), (MINUTE, "minute")):
        count = stretch / unit
        if count >= (2 if unit > MINUTE else 0) and count == round(count):
            return f"{count:.0f} {word}{'' if count == 1 else 's'}"
    return f"{stretch.total_seconds():.0f} seconds"


def _each(length: timedelta) -> str:
    return {DAY: "a day", HOUR: "an hour", 7 * DAY: "a week"}.get(length, "a window")
