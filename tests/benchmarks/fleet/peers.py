"""Evidently and NannyML as they come, on the same windows: their own decision for each, counted the same way.

Run by the interpreter of a peer (`tests.benchmarks.peers.environments`) as
`python -m tests.benchmarks.fleet.peers NAME FOLDER`; prints a JSON object a line for each window judged. Nothing of the
project is imported but this file, and numpy.
"""

import json
import sys
import warnings
from pathlib import Path

import numpy as np

APART = {"scored_at", "request_id", "version", "label", "label_at", "latency_ms"}
MOST_REFERENCE = 20_000


def frames(folder):
    """The reference, and each window by name, as pandas frames of features and answers."""
    import pandas as pd

    for path in sorted(folder.glob("*.npz")):
        with np.load(path, allow_pickle=True) as file:
            yield path.stem, pd.DataFrame({name: file[name] for name in file.files})


class Evidently:
    """`DataDriftPreset`: a window alarms when half of the columns drifted; the first named drifted furthest."""

    def __init__(self, reference):
        import evidently
        import evidently.presets

        self.evidently, self.preset = evidently, evidently.presets.DataDriftPreset
        self.columns = [name for name in reference if name not in APART]
        self.reference = reference[self.columns].iloc[:: max(1, len(reference) // MOST_REFERENCE)]

    def judge(self, window):
        words = [name for name in self.columns if self.reference[name].dtype == object]
        numbers = [name for name in self.columns if name not in words]
        definition = self.evidently.DataDefinition(numerical_columns=numbers, categorical_columns=words)
        then, now = (
            self.evidently.Dataset.from_pandas(one, data_definition=definition)
            for one in (self.reference, window[self.columns])
        )
        found = self.evidently.Report([self.preset()]).run(now, then).dict()["metrics"]
        share = next(one["value"]["share"] for one in found if isinstance(one["value"], dict))
        scores = {_column(one): one["value"] for one in found if not isinstance(one["value"], dict)}
        return {"alarm": share >= 0.5, "first": max(scores, key=scores.get) if scores else None}


def _column(metric):
    return metric.get("config", {}).get("column") or metric["metric_name"].split("column=")[-1].split(",")[0].rstrip(
        ")"
    )


class NannyML:
    """Univariate drift with the methods it comes with, limits from the reference's days; and CBPE for two classes."""

    def __init__(self, reference):
        import nannyml

        self.words = [name for name in reference if name not in APART and reference[name].dtype == object]
        self.columns = [name for name in reference if name not in APART]
        period = "D" if (reference["scored_at"].max() - reference["scored_at"].min()).days > 20 else "h"
        self.drift = nannyml.UnivariateDriftCalculator(
            column_names=self.columns,
            treat_as_categorical=self.words,
            timestamp_column_name="scored_at",
            chunk_period=period,
        ).fit(reference)
        self.estimate = self._estimator(nannyml, reference, period) if {"score", "label"} <= {*reference} else None

    def _estimator(self, nannyml, reference, period):
        known = reference[reference["label"].notna()].copy()
        if known.empty:
            return None
        rarer = known["prediction"].value_counts().index[-1]
        self.rarer = rarer
        return nannyml.CBPE(
            y_pred_proba="score", y_pred="answer", y_true="truth", timestamp_column_name="scored_at",
            problem_type="classification_binary", metrics=["roc_auc", "accuracy"], chunk_period=period,
        ).fit(self._coded(known))  # fmt: skip

    def _coded(self, rows):
        rows = rows.copy()
        rows["answer"] = (rows["prediction"] == self.rarer).astype(int)
        rows["truth"] = (rows["label"] == self.rarer).astype(int)
        return rows

    def judge(self, window):
        found = self.drift.calculate(window).filter(period="analysis").to_df()
        alerts, values = found.xs("alert", axis=1, level=2), found.xs("value", axis=1, level=2)
        fired = [name[0] for name in alerts if bool(alerts[name].any())]
        first = max(fired, key=lambda name: float(values[name].max().max()), default=None)
        said = {"alarm": bool(fired), "first": first, "columns": len(fired)}
        if self.estimate is not None:
            seen = self.estimate.estimate(self._coded(window)).filter(period="analysis").to_df()
            said["estimate"] = bool(seen.xs("alert", axis=1, level=1).any().any())
        return said


PEERS = {"evidently": Evidently, "nannyml": NannyML}


def main():
    warnings.simplefilter("ignore")
    name, folder = sys.argv[1], Path(sys.argv[2])
    every = dict(frames(folder))
    peer = PEERS[name](every.pop("reference"))
    for window, rows in every.items():
        try:
            said = peer.judge(rows)
        except Exception as error:
            said = {"alarm": False, "first": None, "failed": f"{type(error).__name__}: {error}"[:200]}
        print(json.dumps({"window": window, **said}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
