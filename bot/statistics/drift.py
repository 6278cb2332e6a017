"""Which features of a window moved away from their reference, by enough to matter and by more than chance.

A feature has drifted when both hold: the change is at least as large as a floor (effect size), and its p-value,
corrected over everything tested, is below alpha. Significance alone would flag a shift of 0.007 standard deviations
at a million rows. Where batches of the baseline are given, their own spread widens the test (see `spread_of_batches`).
"""

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from bot.statistics.columns import Column, is_numeric
from bot.statistics.distances import (
    CategoricalDistance,
    NumericDistance,
    categorical_distance,
    effective_rows,
    ks_p_value,
    ks_statistic,
    numeric_distance,
)
from bot.statistics.multiplicity import Correction, adjust
from bot.statistics.profiles import (
    CategoricalProfile,
    ExactProfile,
    Mode,
    NumericProfile,
    Profile,
    SketchProfile,
    fit_categorical,
    fit_numeric,
    profile_like,
)
from bot.statistics.rates import ShareChange, compare_shares, normal_quantile
from bot.statistics.shortfall import Shortfall, all_null, missing_column, too_few_rows, wrong_type
from bot.statistics.wording import number, percent

KOLMOGOROV_MEAN_SQUARE = math.pi**2 / 12
"""Mean of the square of a Kolmogorov variable; its root is .907."""
NO_FLOOR = 1e-9
OVERSHOOT = 0.46
BEYOND_CELLS = 1e38
"""In widths of a sketch's scale; the outermost cell holds what is larger."""

TINY = 1e-9


@dataclass(frozen=True, slots=True)
class DriftPolicy:
    """When a change counts. `alpha` is for all features together.

    A numeric feature needs a Wasserstein distance of `least_wasserstein` reference sigmas *or* a KS statistic of
    `least_ks` (heavy tails inflate sigma, not KS); a categorical one an `effect` (equal-rows Cramer's V) of
    `least_effect`; nulls a change of `least_null_change` in their share. Below `least_rows` non-null rows on a side a
    feature isn't judged; below `least_batches` baseline batches their spread isn't used.
    """

    alpha: float = 0.05
    correction: Correction = "holm"
    least_wasserstein: float = 0.1
    least_ks: float = 0.1
    least_effect: float = 0.1
    least_null_change: float = 0.02
    least_rows: int = 50
    least_batches: int = 10


@dataclass(frozen=True, slots=True)
class BatchSpread:
    """How much batches of the baseline differ from each other: `factor` 1 is pure sampling noise."""

    factor: float
    batches: int


@dataclass(frozen=True, slots=True)
class FeatureDrift:
    """The finding for one feature. Exactly one of `numeric`, `categorical`, `shortfall` is set.

    `p_value` and `adjusted` are of the change of the values; `nulls_adjusted` of the null share. `strength` is the
    change over its floor (1 = just matters), what the findings are sorted by after `weight`.
    """

    feature: str
    state: Literal["drifted", "stable", "not_judged"]
    sentence: str
    numeric: NumericDistance | None = None
    categorical: CategoricalDistance | None = None
    shortfall: Shortfall | None = None
    nulls: ShareChange | None = None
    p_value: float = 1.0
    adjusted: float = 1.0
    nulls_adjusted: float = 1.0
    strength: float = 0.0
    weight: float = 1.0
    spread: BatchSpread | None = None

    @property
    def drifted(self) -> bool:
        return self.state == "drifted"


def compare_frames(
    reference: Mapping[str, Column],
    current: Mapping[str, Column],
    *,
    policy: DriftPolicy | None = None,
    mode: Mode = "auto",
    categorical: Collection[str] = (),
    batches: Mapping[str, Sequence[Column]] | None = None,
    weights: Mapping[str, float] | None = None,
    units: Mapping[str, str] | None = None,
) -> list[FeatureDrift]:
    """Every column of the reference against the same column now, what matters most first.

    Columns are arrays of shape (rows,); both frames may have different rows. Columns named in `categorical` are
    categories whatever they hold. `batches` are the baseline's own windows, a list of columns for each feature.
    `weights` (feature importance, default 1) multiply the strength in the order only. `units` are said in sentences.
    """
    then = fit_frame(reference, mode=mode, categorical=categorical)
    now = profile_frame(then, current)
    parts = {name: [profile_like(then[name], part) for part in some] for name, some in (batches or {}).items()}
    found = compare_profiles(then, now, policy=policy, batches=parts, weights=weights, units=units)
    return [_mark_changed_type(drift, then, current) if drift.shortfall else drift for drift in found]


def fit_frame(
    reference: Mapping[str, Column], *, mode: Mode = "auto", categorical: Collection[str] = ()
) -> dict[str, Profile]:
    """Reference profiles of every column, to be made once and kept."""
    return {
        name: fit_categorical(values)
        if name in categorical or not is_numeric(values)
        else fit_numeric(values, mode=mode)
        for name, values in reference.items()
    }


def profile_frame(reference: Mapping[str, Profile], current: Mapping[str, Column]) -> dict[str, Profile]:
    """Profiles of a window, like the reference's; columns the reference doesn't know are left out."""
    return {name: profile_like(reference[name], values) for name, values in current.items() if name in reference}


def compare_profiles(
    reference: Mapping[str, Profile],
    current: Mapping[str, Profile],
    *,
    policy: DriftPolicy | None = None,
    batches: Mapping[str, Sequence[Profile]] | None = None,
    weights: Mapping[str, float] | None = None,
    units: Mapping[str, str] | None = None,
) -> list[FeatureDrift]:
    """As `compare_frames`, from profiles made by `fit_frame` and `profile_frame`."""
    rule = policy or DriftPolicy()
    measured = [
        _measure(name, then, current.get(name), (batches or {}).get(name, ()), rule, (units or {}).get(name, ""))
        for name, then in reference.items()
    ]
    judged = _judge(measured, rule)
    if weights:
        judged = [replace(drift, weight=weights.get(drift.feature, 1.0)) for drift in judged]
    return sorted(judged, key=lambda drift: (not drift.drifted, -drift.strength * drift.weight, drift.feature))


def spread_of_batches(reference: NumericProfile, batches: Sequence[NumericProfile]) -> BatchSpread | None:
    """Over-dispersion of the batches a reference is made of, from the KS of each batch against the others.

    `reference` holds the rows of all `batches` together. With n rows in a batch and N in all, D(batch, others) =
    D(batch, all) / (1 - n / N), so nothing is merged again. factor^2 = mean(n_eff D^2) / (pi^2 / 12), at least 1.
    """
    total = reference.present
    usable = [batch for batch in batches if 0 < batch.present < total]
    if not usable:
        return None
    squares = []
    for batch in usable:
        gap = min(1.0, ks_statistic(reference, batch) / (1 - batch.present / total))
        squares.append(effective_rows(total - batch.present, batch.present) * gap**2)
    return BatchSpread(max(1.0, math.sqrt(float(np.mean(squares)) / KOLMOGOROV_MEAN_SQUARE)), len(usable))


def spread_p_value(statistic: float, rows: int, current_rows: int, spread: BatchSpread) -> float:
    """p of a KS statistic when batches differ by themselves: the larger of Kolmogorov's after division by the factor,
    and Student's t with batches - 1 degrees for a factor that is itself only estimated."""
    from scipy.special import kolmogorov, stdtr  # noqa: PLC0415

    scaled = statistic * math.sqrt(effective_rows(rows, current_rows)) / spread.factor
    student = 2 * float(stdtr(spread.batches - 1, -scaled / math.sqrt(KOLMOGOROV_MEAN_SQUARE)))
    return min(1.0, max(float(kolmogorov(scaled)), student))


def rows_to_see_shift(
    sigmas: float, *, reference_rows: int | None = None, features: int = 1, alpha: float = 0.05, power: float = 0.8
) -> int | None:
    """Rows a window needs for KS to see a shift of `sigmas` standard deviations of a normal feature.

    The shift moves the cumulative share by D = 2 Phi(sigmas / 2) - 1 at most, where its estimate has a standard error
    of at most 1 / (2 sqrt(n_eff)), and the largest gap overshoots that one by about 0.46 / sqrt(n_eff) (simulated):
    sqrt(n_eff) D = K^-1(alpha / features) + z(power) / 2 - 0.46. None when not even an endless window would do, because
    the reference is too short (or the shift is 0).
    """
    from scipy.special import kolmogi  # noqa: PLC0415

    gap = math.erf(abs(sigmas) / 2 / math.sqrt(2))
    if gap == 0:
        return None
    needed = ((float(kolmogi(alpha / features)) + normal_quantile(power) / 2 - OVERSHOOT) / gap) ** 2
    if reference_rows is None:
        return math.ceil(needed)
    return math.ceil(needed / (1 - needed / reference_rows)) if reference_rows > needed else None


def shift_seen_by_rows(
    rows: int, *, reference_rows: int | None = None, features: int = 1, alpha: float = 0.05
) -> float:
    """The smallest shift, in standard deviations of a normal feature, a window of `rows` shows four times in five."""
    low, high = 0.0, 20.0
    for _ in range(50):
        middle = (low + high) / 2
        need = rows_to_see_shift(middle, reference_rows=reference_rows, features=features, alpha=alpha)
        low, high = (middle, high) if need is None or need > rows else (low, middle)
    return high


@dataclass(frozen=True, slots=True)
class _Measured:
    finding: FeatureDrift
    strength: float = 0.0
    nulls_strength: float = 0.0
    nulls_p: float = 1.0
    tested: bool = False


def _measure(
    name: str, then: Profile, now: Profile | None, batches: Sequence[Profile], policy: DriftPolicy, unit: str
) -> _Measured:
    if now is None:
        return _unjudged(name, missing_column(name))
    nulls = compare_shares(then.nulls, then.rows, now.nulls, now.rows) if then.rows and now.rows else None
    nulls_p = nulls.p_value if nulls else 1.0
    nulls_strength = _over(abs(nulls.difference), policy.least_null_change) if nulls else 0.0
    short = _shortfall(then, now, policy.least_rows)
    if short:
        tested = nulls is not None and min(then.rows, now.rows) >= policy.least_rows
        blank = FeatureDrift(name, "not_judged", short.sentence, shortfall=short, nulls=nulls)
        return _Measured(blank, 0.0, nulls_strength, nulls_p, tested)
    if isinstance(then, CategoricalProfile) and isinstance(now, CategoricalProfile):
        category = categorical_distance(then, now)
        drift = FeatureDrift(
            name,
            "stable",
            _category_sentence(name, then, now),
            categorical=category,
            nulls=nulls,
            p_value=category.p_value,
        )
        return _Measured(drift, _over(category.effect, policy.least_effect), nulls_strength, nulls_p, tested=True)
    if isinstance(then, CategoricalProfile) or isinstance(now, CategoricalProfile):
        expected = "categorical" if isinstance(then, CategoricalProfile) else "numeric"
        return _unjudged(name, wrong_type(name, expected))
    measured = _measure_numbers(name, then, now, batches, policy, nulls, nulls_strength)
    return replace(measured, finding=replace(measured.finding, sentence=_number_sentence(name, then, now, unit)))


def _measure_numbers(
    name: str,
    then: NumericProfile,
    now: NumericProfile,
    batches: Sequence[Profile],
    policy: DriftPolicy,
    nulls: ShareChange | None,
    nulls_strength: float,
) -> _Measured:
    distance = numeric_distance(then, now)
    parts = [batch for batch in batches if isinstance(batch, (ExactProfile, SketchProfile))]
    spread = spread_of_batches(then, parts) if len(parts) >= policy.least_batches else None
    p_value = (
        spread_p_value(distance.ks, then.present, now.present, spread)
        if spread
        else ks_p_value(distance.ks, then.present, now.present)
    )
    strength = max(_over(distance.ks, policy.least_ks), _over(distance.wasserstein, policy.least_wasserstein))
    drift = FeatureDrift(name, "stable", "", numeric=distance, nulls=nulls, p_value=p_value, spread=spread)
    return _Measured(drift, strength, nulls_strength, nulls.p_value if nulls else 1.0, tested=True)


def _over(size: float | None, floor: float) -> float:
    return (size or 0.0) / max(floor, NO_FLOOR)


def _unjudged(name: str, short: Shortfall) -> _Measured:
    return _Measured(FeatureDrift(name, "not_judged", short.sentence, shortfall=short))


def _shortfall(then: Profile, now: Profile, least: int) -> Shortfall | None:
    for profile, where in ((then, "the reference"), (now, "the current window")):
        if profile.rows >= least and profile.present == 0:
            return all_null(profile.rows, where)
        if profile.present < least:
            return too_few_rows(profile.present, least, where)
    return None


def _judge(measured: Sequence[_Measured], policy: DriftPolicy) -> list[FeatureDrift]:
    """Correct over every test made: the values of each feature, and its nulls where either side has some."""
    p_values: list[float] = []
    places: list[tuple[int | None, int | None]] = []
    for one in measured:
        values_at = nulls_at = None
        if one.tested and one.finding.shortfall is None:
            values_at = len(p_values)
            p_values.append(one.finding.p_value)
        if one.tested and one.nulls_strength > 0:
            nulls_at = len(p_values)
            p_values.append(one.nulls_p)
        places.append((values_at, nulls_at))
    adjusted = adjust(np.array(p_values), policy.correction)
    return [
        _verdict(
            one,
            1.0 if values_at is None else float(adjusted[values_at]),
            1.0 if nulls_at is None else float(adjusted[nulls_at]),
            policy.alpha,
        )
        for one, (values_at, nulls_at) in zip(measured, places, strict=True)
    ]


def _verdict(one: _Measured, adjusted: float, nulls_adjusted: float, alpha: float) -> FeatureDrift:
    finding = one.finding
    moved = adjusted < alpha and one.strength >= 1
    emptied = nulls_adjusted < alpha and one.nulls_strength >= 1
    state: Literal["drifted", "stable", "not_judged"] = "drifted" if moved or emptied else finding.state
    sentence = finding.sentence
    if emptied and finding.nulls:
        was, now = percent(finding.nulls.reference.value), percent(finding.nulls.current.value)
        nulls_sentence = f"{finding.feature}: nulls {was} → {now}"
        sentence = f"{sentence}; nulls {was} → {now}" if moved else nulls_sentence
    strength = max(one.strength, one.nulls_strength if emptied else 0.0)
    return replace(
        finding, state=state, sentence=sentence, adjusted=adjusted, nulls_adjusted=nulls_adjusted, strength=strength
    )


def _snapped(value: float, ends: float) -> float:
    """A sketch tells zero by the smallest number it can hold; beside the column's own size that is zero."""
    return 0.0 if abs(value) < TINY * ends else value


def _said(side: NumericProfile, share: float, size: float) -> str:
    """A quantile in words; of values beyond what a sketch can hold, that they lie beyond it."""
    value = side.quantile(share)
    if isinstance(side, SketchProfile) and abs(value) > BEYOND_CELLS * side.scale.width:
        return f"{'over' if value > 0 else 'under'} {number(value)}"
    return number(_snapped(value, size))


def _number_sentence(name: str, then: NumericProfile, now: NumericProfile, unit: str = "") -> str:
    ends = [max(abs(side.quantile(share)) for share in (0.05, 0.95)) for side in (then, now)]
    size = min(end for end in ends if end > 0) if any(ends) else 0.0
    unit = f" {unit}" if unit else ""
    was, is_now = (_said(side, 0.5, size) for side in (then, now))
    if was != is_now:
        return f"{name}: median {was} → {is_now}{unit}"
    spans = [" to ".join(_said(side, share, size) for share in (0.05, 0.95)) for side in (then, now)]
    return f"{name}: median {was}{unit} as before, nine rows in ten {spans[0]} → {spans[1]}{unit}"


def _category_sentence(name: str, then: CategoricalProfile, now: CategoricalProfile) -> str:
    names = {*then.counts, *now.counts, *now.new}
    most = max(names, key=lambda category: (abs(now.share(category) - then.share(category)), category), default="other")
    return f"{name}: {most} {percent(then.share(most))} → {percent(now.share(most))} of rows"


def _mark_changed_type(drift: FeatureDrift, then: Mapping[str, Profile], current: Mapping[str, Column]) -> FeatureDrift:
    """A numeric column that now holds text isn't "all null": say what happened."""
    if drift.feature not in current or isinstance(then[drift.feature], CategoricalProfile):
        return drift
    values = current[drift.feature]
    if is_numeric(values) or fit_categorical(values).present == 0:
        return drift
    short = wrong_type(drift.feature, "numeric")
    return replace(drift, state="not_judged", sentence=short.sentence, shortfall=short)
