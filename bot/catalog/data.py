"""Where a model's rows and labels lie, and what their columns are."""

from pydantic import Field

from bot.catalog.values import Duration, SecretRef, Strict, parse_duration


class Labels(Strict):
    """Where the truth about predictions arrives, later.

    path: Parquet, CSV or JSONL file, directory or glob. key: the column that joins a label to its prediction
    (the same name on both sides). column: the label. time: when the label became known, optional. answers: which label
    an answer claims, where the two are named otherwise: `{decline: fraud, accept: good}`.
    """

    path: str
    key: str
    column: str
    time: str | None = None
    answers: dict[str | int | bool, str | int | bool] = {}


class Feature(Strict):
    """What a person should know of a column: its unit, and how much the model leans on it (0..1)."""

    unit: str | None = None
    importance: float | None = Field(None, ge=0, le=1)


LEAST_IMPORTANCE = 0.01
"""What counts for a feature said to have none: of two that moved it comes last, and is still told."""


class ModelData(Strict):
    """Where a model's rows lie: files, directories or globs of Parquet, CSV or JSONL, relative to muster.yaml or in
    object storage (`s3://`, `gs://`, `az://`, `abfss://`, `https://`; credentials of the environment); with
    `database` (`{env: NAME}` of a SQLAlchemy URL), tables or views of it, as `table` or `schema.table`.

    predictions: one row a prediction (features, score, class, event time). time: event-time column, naive is UTC.
    reference: rows the current window is compared with. holdout: labelled rows the model never trained on.
    probabilities: the columns of a score a class. default_prediction: what is answered when the model can't.
    latency: how long an answer took, in milliseconds unless `features` gives the column another unit (us, s, min).
    """

    database: SecretRef | None = None
    predictions: str
    time: str
    reference: str | None = None
    holdout: str | None = None
    labels: Labels | None = None
    prediction: str | None = None
    score: str | None = None
    probabilities: list[str] = []
    default_prediction: str | float | bool | None = None
    latency: str | None = None
    version: str | None = None
    features: dict[str, Feature] = {}
    segments: list[str] = []
    window: Duration = parse_duration("1h")

    @property
    def importances(self) -> dict[str, float]:
        """How much each feature weighs, where anything is said of it; one without counts as the least that is given."""
        given = {
            name: max(one.importance, LEAST_IMPORTANCE)
            for name, one in self.features.items()
            if one.importance is not None
        }
        return {name: given.get(name, min(given.values())) for name in self.features} if given else {}
