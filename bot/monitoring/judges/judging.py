"""One monitor, one window, one finding."""

from collections.abc import Callable, Mapping

from bot.catalog.monitors import MonitorMetric
from bot.data import ModelRows
from bot.monitoring.budgets.lasting import with_what_lasts
from bot.monitoring.finding import Finding
from bot.monitoring.judges import checked, features, levels, relations, segments, shares
from bot.monitoring.judges.terms import Terms
from bot.monitoring.truth import estimates, performance
from bot.monitoring.watched import Watched
from bot.monitoring.windows import Window

JUDGES: Mapping[MonitorMetric, Callable[[Watched, ModelRows, Window, Terms], Finding]] = {
    MonitorMetric.CLASS_SHARE: shares.class_share,
    MonitorMetric.ROW_COUNT: shares.row_count,
    MonitorMetric.NULL_RATE: features.null_rate,
    MonitorMetric.RANGE: features.value_range,
    MonitorMetric.DRIFT: features.drift,
    MonitorMetric.MULTIVARIATE: relations.multivariate,
    MonitorMetric.DEFAULT_RATE: levels.default_rate,
    **dict.fromkeys(levels.LEVELS, levels.level),
    **dict.fromkeys([*checked.NAMED, MonitorMetric.CHECK], checked.checked),
    MonitorMetric.PERFORMANCE: performance.performance,
    MonitorMetric.ESTIMATE: estimates.estimate,
}


def judge(one: Watched, rows: ModelRows, window: Window, terms: Terms) -> Finding:
    """Judge a complete window. Raises BotError for what a person has to mend, such as a column that isn't there."""
    if one.monitor.by is not None:
        return segments.every_segment(one, rows, window, terms).fit_to_keep()
    found = JUDGES[one.monitor.metric](one, rows, window, terms)
    return with_what_lasts(one, found, window, terms).fit_to_keep()
