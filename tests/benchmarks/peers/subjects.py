"""What is measured: each subject loads its libraries, may fit the reference once, and compares a current table.

`prepare` brings a table into the form the library wants and isn't timed. `fit` and `run` are. `run` returns how many
features it calls drifted, so that one sees it did the work. Nothing here is imported but by the process that measures.
"""

import warnings
from typing import Any

import numpy as np

from tests.benchmarks.peers.tables import Table, is_category


class Evidently:
    """`DataDriftPreset` as it comes. It has no fit: each report reads the reference again."""

    def load(self) -> None:
        import evidently
        import evidently.presets

        self.evidently, self.presets = evidently, evidently.presets

    def prepare(self, table: Table) -> Any:
        import pandas as pd

        return pd.DataFrame(table)

    def fit(self, reference: Any) -> Any:
        return reference

    def run(self, fitted: Any, current: Any) -> int:
        definition = self.evidently.DataDefinition(
            numerical_columns=[name for name in current if not is_category(name)],
            categorical_columns=[name for name in current if is_category(name)],
        )
        then, now = (self.evidently.Dataset.from_pandas(one, data_definition=definition) for one in (fitted, current))
        found = self.evidently.Report([self.presets.DataDriftPreset()]).run(now, then).dict()
        return next(int(one["value"]["count"]) for one in found["metrics"] if isinstance(one["value"], dict))


class NannyML:
    """Univariate drift with KS and chi-square, everything else as it comes: ten chunks, limits from the reference."""

    def load(self) -> None:
        import nannyml

        self.nannyml = nannyml

    def prepare(self, table: Table) -> Any:
        import pandas as pd

        return pd.DataFrame(table)

    def fit(self, reference: Any) -> Any:
        return self.nannyml.UnivariateDriftCalculator(
            column_names=list(reference),
            treat_as_categorical=[name for name in reference if is_category(name)],
            continuous_methods=["kolmogorov_smirnov"],
            categorical_methods=["chi2"],
        ).fit(reference)

    def run(self, fitted: Any, current: Any) -> int:
        found = fitted.calculate(current).filter(period="analysis").to_df()
        alerts = found.xs("alert", axis=1, level=2)
        return int(alerts.any().sum())


class AlibiDetect:
    """`TabularDrift` (KS and chi-square, Bonferroni). It knows no null: those get the column's median beforehand."""

    def load(self) -> None:
        import alibi_detect.cd

        self.cd = alibi_detect.cd

    def prepare(self, table: Table) -> Any:
        self.categories = [at for at, name in enumerate(table) if is_category(name)]
        rows = np.empty((next(iter(table.values())).size, len(table)), dtype=np.float64)
        for at, values in enumerate(table.values()):
            codes = np.unique(values, return_inverse=True)[1] if values.dtype.kind == "U" else values
            rows[:, at] = np.where(np.isnan(codes), np.nanmedian(codes), codes)
        return rows

    def fit(self, reference: Any) -> Any:
        kinds = dict.fromkeys(self.categories)
        return self.cd.TabularDrift(reference, p_val=0.05, categories_per_feature=kinds or None)

    def run(self, fitted: Any, current: Any) -> int:
        found = fitted.predict(current, drift_type="feature")["data"]
        return int((found["p_val"] < 0.05 / current.shape[1]).sum())


class ScipyLoop:
    """What one writes by hand: `ks_2samp` (asymptotic) and `chi2_contingency` on each column, Bonferroni."""

    def load(self) -> None:
        from scipy import stats

        self.stats = stats

    def prepare(self, table: Table) -> Table:
        return table

    def fit(self, reference: Table) -> Table:
        return reference

    def run(self, fitted: Table, current: Table) -> int:
        found = 0
        for name, then in fitted.items():
            p_value = self._categories(then, current[name]) if is_category(name) else self._numbers(then, current[name])
            found += bool(p_value < 0.05 / len(fitted))
        return found

    def _numbers(self, then: Any, now: Any) -> float:
        then, now = then[~np.isnan(then)], now[~np.isnan(now)]
        return float(self.stats.ks_2samp(then, now, method="asymp").pvalue)

    def _categories(self, then: Any, now: Any) -> float:
        names, codes = np.unique(np.concatenate([then, now]), return_inverse=True)
        sides = codes[: then.size], codes[then.size :]
        return float(self.stats.chi2_contingency([np.bincount(one, minlength=names.size) for one in sides]).pvalue)


class Muster:
    """The project's own, in one mode: profile the reference once, then profile and compare each window."""

    def __init__(self, mode: str) -> None:
        self.mode = mode

    def load(self) -> None:
        from bot.statistics import drift

        self.drift = drift

    def prepare(self, table: Table) -> Table:
        return table

    def fit(self, reference: Table) -> Any:
        return self.drift.fit_frame(reference, mode=self.mode, categorical=list(filter(is_category, reference)))

    def run(self, fitted: Any, current: Table) -> int:
        found = self.drift.compare_profiles(fitted, self.drift.profile_frame(fitted, current))
        return sum(one.adjusted < 0.05 or one.drifted for one in found)


class ReadFloor:
    """Looking at every byte of the current table once."""

    def load(self) -> None:
        """Nothing but numpy."""

    def prepare(self, table: Table) -> Table:
        return {name: values for name, values in table.items() if values.dtype.kind != "U"}

    def fit(self, reference: Table) -> Table:
        return reference

    def run(self, fitted: Table, current: Table) -> int:
        for values in current.values():
            values.view(np.int64).max()
        return 0


class SortFloor(ReadFloor):
    """Sorting every column of the current table once."""

    def run(self, fitted: Table, current: Table) -> int:
        for values in current.values():
            np.sort(values)
        return 0


SUBJECTS = {
    "evidently": Evidently,
    "nannyml": NannyML,
    "alibi-detect": AlibiDetect,
    "scipy loop": ScipyLoop,
    "muster exact": lambda: Muster("exact"),
    "muster sketch": lambda: Muster("sketch"),
    "sort floor": SortFloor,
    "read floor": ReadFloor,
}


def quiet() -> None:
    """Libraries warn of their own dependencies; that says nothing about speed."""
    warnings.simplefilter("ignore")
