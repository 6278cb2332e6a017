"""Every check there is, by name. A new one is a file beside these and a line here.

Parameters of its own are named as text (`"DriftParams"`, a class in the check's file) and loaded when they are needed:
`muster check list` must not wait for numpy.
"""

from bot.checks.registry import Check, FeatureParams, Params, Registry

ANY = ("no data", "too few rows")

CHECKS = Registry()
for _check in (
    Check(
        "null_rate",
        "Share of missing values against the reference",
        FeatureParams,
        ("ok", "high", *ANY),
        "bot.checks.null_rate",
    ),
    Check(
        "range",
        "Values outside their usual range; names a change of unit",
        FeatureParams,
        ("ok", "outside", "unit change", *ANY),
        "bot.checks.value_range",
    ),
    Check(
        "row_count",
        "How many rows came, against the same hours before",
        Params,
        ("ok", "low", "high", "too few windows", "no data"),
        "bot.checks.row_count",
    ),
    Check(
        "freshness",
        "How old the newest row is, against the usual pause between rows",
        Params,
        ("fresh", "stale", *ANY),
        "bot.checks.freshness",
    ),
    Check(
        "schema",
        "Columns and categories that came, went, changed type or name",
        Params,
        ("same", "changed", *ANY),
        "bot.checks.schema",
    ),
    Check(
        "duplicates",
        "Rows that came more than once",
        "DuplicatesParams",
        ("none", "duplicated", "too many rows", *ANY),
        "bot.checks.duplicates",
    ),
    Check(
        "drift",
        "Whether a feature, or which of all, moved",
        "DriftParams",
        ("stable", "drifted", *ANY),
        "bot.checks.drift",
    ),
    Check(
        "cause",
        "Which known fault explains what changed: unit, fill, swap, time zone, and where it sits",
        FeatureParams,
        ("none", "fault found", "changed, no known fault", *ANY),
        "bot.checks.cause",
    ),
    Check(
        "top_shifted",
        "Which features moved most, weighted by importance",
        Params,
        ("stable", "shifted", *ANY),
        "bot.checks.top_shifted",
    ),
    Check(
        "sample_size",
        "Whether there are rows enough to see a change",
        "SampleSizeParams",
        ("enough", *ANY),
        "bot.checks.sample_size",
    ),
    Check(
        "related_alerts",
        "Which other alerts near in time belong together",
        Params,
        ("none", "related"),
        "bot.checks.related_alerts",
        needs_rows=False,
    ),
    Check(
        "since_when",
        "When a change began, of the answers or of a feature",
        "SinceParams",
        ("no change", "since", *ANY),
        "bot.checks.since_when",
    ),
    Check(
        "fit_to_train",
        "Whether new rows are good enough to retrain on, without those of incidents",
        Params,
        ("fit", "not fit", "no data"),
        "bot.checks.fit_to_train",
        asks_database=True,
    ),
    Check(
        "segments",
        "Which segment explains the change",
        "SegmentParams",
        ("no change", "spread", "concentrated", *ANY),
        "bot.checks.segments",
    ),
    Check(
        "holdout",
        "Performance on labelled rows against the hold-out set",
        "HoldoutParams",
        ("holds", "degraded", "no labels", *ANY),
        "bot.checks.holdout",
    ),
    Check(
        "performance",
        "How good the answers are where labels have come, and where they fell",
        "PerformanceParams",
        ("holds", "fell", "no labels", *ANY),
        "bot.checks.performance",
    ),
    Check(
        "label_delay",
        "Whether labels come as late as they usually do, and who never gets one",
        "LabelDelayParams",
        ("on time", "late", "no labels", "can't tell", *ANY),
        "bot.checks.label_delay",
    ),
    Check(
        "estimate",
        "How good the answers probably are before labels come",
        "EstimateParams",
        ("holds", "fell", "can't tell", *ANY),
        "bot.checks.estimate",
    ),
    Check(
        "calibration",
        "Whether scores mean what they say",
        "CalibrationParams",
        (
            "calibrated",
            "overconfident",
            "underconfident",
            "says too much",
            "says too little",
            "can't tell",
            "no labels",
            *ANY,
        ),
        "bot.checks.calibration",
    ),
    Check(
        "predictions",
        "Whether the model answers as usual: classes, scores, default answer",
        "PredictionsParams",
        ("usual", "moved", *ANY),
        "bot.checks.predictions",
    ),
    Check(
        "confidence",
        "How sure the model says it is of its answers",
        "ConfidenceParams",
        ("usual", "less sure", "surer", *ANY),
        "bot.checks.confidence",
    ),
    Check(
        "outliers",
        "Single rows that are unlike all others, and what is unusual in them",
        "OutlierParams",
        ("none", "some", "many", *ANY),
        "bot.checks.outliers",
    ),
    Check(
        "latency",
        "How long answers take, against an objective and against the reference",
        "LatencyParams",
        ("ok", "slow", "breached", *ANY),
        "bot.checks.latency",
    ),
    Check(
        "metric",
        "A Prometheus metric against the same hours of the days before",
        "MetricParams",
        ("as usual", "changed", "no data", "too few days"),
        "bot.checks.metric",
        needs_rows=False,
        asks_prometheus=True,
    ),
    Check(
        "changes",
        "What was deployed or changed near the onset",
        Params,
        ("none", "recent changes"),
        "bot.checks.changes",
        needs_rows=False,
    ),
):
    CHECKS.add(_check)
