"""How well predictions fit their labels, each measure with an interval, and how much it fell since a reference.

Shares of rows (accuracy, precision, recall) have Wilson's interval, means over rows (log loss, Brier, MAE) Student's t,
the area under the ROC curve DeLong's, F1, RMSE and averages over classes the delta method. No resampling: the same rows
give the same answer.
"""

from bot.statistics.performance.change import PerformanceChange, compare_performance, rows_to_see_drop
from bot.statistics.performance.classification import classification
from bot.statistics.performance.measures import LEAST_ROWS, LOWER_IS_BETTER, Measure, Performance, Scores
from bot.statistics.performance.multiclass import multiclass
from bot.statistics.performance.regression import regression

__all__ = [
    "LEAST_ROWS",
    "LOWER_IS_BETTER",
    "Measure",
    "Performance",
    "PerformanceChange",
    "Scores",
    "classification",
    "compare_performance",
    "multiclass",
    "regression",
    "rows_to_see_drop",
]
