"""Few monitors for a model: one that stands close to what its users feel, and a few that explain."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from bot.catalog.config import Model
from bot.catalog.data import Feature, Labels
from bot.catalog.kinds import AlertRole
from bot.catalog.monitors import Monitor, MonitorMetric
from bot.monitoring.judges.judging import JUDGES
from bot.statistics.wording import percent
from bot.tuning.proposals import naming
from bot.tuning.proposals.facts import Facts, Kind, Look
from bot.tuning.proposals.guesses import MOST_FEATURES, Guesses, Task
from bot.tuning.proposals.pace import DAY, Pace
from bot.tuning.proposals.source import Source
from bot.tuning.proposals.weight import LEAST, Weights, follows, weigh

OUTCOME, TOGETHER = "performance", "together"
WATCHED_FEATURES = 2
RARE, HARDLY_EVER = 0.5, 0.02
LEAST_TOGETHER = 3
MEMORY, MOST_REMEMBERED = 7 * DAY, 1000


@dataclass(frozen=True, slots=True)
class Proposal:
    """why: for each monitor by name. left_out: features beyond those that are compared. weighed: how importance was
    measured.
    """

    model: Model
    why: dict[str, str]
    left_out: int = 0
    weighed: str = ""


def propose(source: Source, look: Look, guesses: Guesses, pace: Pace, name: str) -> Proposal:
    """Those that page come first. Every setting is valid for `muster.yaml`."""
    answer = look.columns.get(guesses.prediction.column or guesses.score.column or "")
    facts = {one: look.columns[one] for one in guesses.features}
    weighed = weigh(look.columns.get(guesses.score.column or "") or answer, facts)
    weights = weighed.values
    kept = list(weights)[:MOST_FEATURES]
    features = {one: Feature(importance=round(weights[one], 3)) if weights[one] >= LEAST else Feature() for one in kept}
    if guesses.latency.column and guesses.latency_unit != "ms":
        features[guesses.latency.column] = Feature(unit=guesses.latency_unit)
    labels = _labels(source, guesses)
    data = source.data(
        guesses.time.column or "",
        prediction=guesses.prediction.column,
        score=guesses.score.column,
        probabilities=guesses.probabilities,
        labels=labels,
        latency=guesses.latency.column,
        version=guesses.version.column,
        features=features,
        segments=list(guesses.segments),
        window=pace.window,
    )
    together = _together({one: facts[one] for one in kept}) if answer else None
    chosen = [
        *_paging(look, guesses, labels, together),
        *_explaining(kept, weighed, look.columns, has_answer=answer is not None),
    ]
    common = {"window": pace.window, "min_rows": pace.min_rows}
    if guesses.version.column and answer:
        chosen.append(_versions(guesses.version.column))
    monitors = [Monitor.model_validate({**settings, **_memory(settings, pace), **common}) for settings, _ in chosen]
    why = {str(settings["name"]): reason for settings, reason in chosen}
    model = Model(name=name, data=data, monitors=monitors)
    return Proposal(model, why, len(weights) - len(kept), weighed.measured)


Settings = dict[str, object]
Chosen = tuple[Settings, str]
REMEMBERED = frozenset({"class_share", "mean", "latency", "row_count", "multivariate"})


def _memory(settings: Settings, pace: Pace) -> Settings:
    """What makes a day unlike others is known from a week of days, however many windows each has."""
    days = min(MEMORY, MOST_REMEMBERED * pace.window)
    return {"baseline": days // pace.window} if pace.window < DAY and settings["metric"] in REMEMBERED else {}


def _labels(source: Source, guesses: Guesses) -> Labels | None:
    """Labels in the table itself need a key that joins a row with itself."""
    if guesses.label.column is None or guesses.key.column is None:
        return None
    return Labels(
        path=source.where,
        key=guesses.key.column,
        column=guesses.label.column,
        time=guesses.label_time.column,
        answers={**guesses.claims},
    )


def _paging(look: Look, guesses: Guesses, labels: Labels | None, together: Chosen | None) -> list[Chosen]:
    found = [_answers(look, guesses)]
    if together is not None:
        found.append(together)
    if labels is not None and guesses.task in {Task.CLASSES, Task.NUMBERS}:
        outcome: Settings = {"name": OUTCOME, "metric": "performance", "role": AlertRole.OUTCOME}
        found.append((outcome, f"how often {guesses.label.column} says it was right; known when labels come"))
    if guesses.latency.column:
        latency: Settings = {"name": "latency", "metric": "latency", "role": AlertRole.GUARDRAIL}
        found.append((latency, "slow answers are felt as well"))
    return [one for one in found if can_be_judged(str(one[0]["metric"]))]


def _answers(look: Look, guesses: Guesses) -> Chosen:
    answer = look.columns.get(guesses.prediction.column or "")
    if answer is not None and guesses.task is Task.CLASSES:
        return _class_share(answer)
    number = answer or look.columns.get(guesses.score.column or "")
    if number is None:
        rows: Settings = {"name": "rows", "metric": "row_count", "role": AlertRole.GUARDRAIL}
        return rows, "no answer is known, so only whether rows come at all"
    name = f"{naming.slug(number.name)}-mean"
    settings: Settings = {"name": name, "metric": "mean", "feature": number.name, "role": AlertRole.GUARDRAIL}
    return settings, "its answers are what users get"


def _class_share(answer: Facts) -> Chosen:
    value = watched_class(answer)
    settings: Settings = {
        "name": naming.slug(f"{value if answer.kind is Kind.TEXT else f'{answer.name} {value}'} share"),
        "metric": "class_share",
        "value": as_value(answer, value),
        "role": AlertRole.GUARDRAIL,
    }
    return settings, f"its answers are what users get; {percent(answer.share(value))} of them are {value}"


def _explaining(kept: list[str], weighed: Weights, columns: Mapping[str, Facts], *, has_answer: bool) -> list[Chosen]:
    found: list[Chosen] = []
    if kept:
        many = f"all {len(kept)} features" if len(kept) > 1 else kept[0]
        found.append(({"name": "inputs-drift", "metric": "drift"}, f"whether {many} moved"))
    numbers = [one for one in kept if columns[one].kind is Kind.NUMBER and columns[one].distinct > 2]  # noqa: PLR2004
    found += [
        ({"name": f"{naming.slug(one)}-range", "metric": "range", "feature": one}, weighed.why(one))
        for one in numbers[:WATCHED_FEATURES]
    ]
    for one in kept[:1]:
        nulls: Settings = {"name": f"{naming.slug(one)}-nulls", "metric": "null_rate", "feature": one}
        found.append((nulls, weighed.why(one)))
    if has_answer:
        rows: Settings = {"name": "rows", "metric": "row_count", "role": AlertRole.DIAGNOSTIC}
        found.append((rows, "whether as many rows come as usual"))
    return found


def _together(features: Mapping[str, Facts]) -> Chosen | None:
    """What answers hardly show at once: an input that is lost or joined wrongly, a version that answers otherwise.

    Without answers it would call people for the weather: inputs alone swing together, and harm nobody that is known.
    """
    if len(features) < LEAST_TOGETHER:
        return None
    related = follows(features)
    why = f", as {percent(related[1])} of {related[0]} follows from the others" if related else ""
    settings: Settings = {"name": TOGETHER, "metric": "multivariate", "role": AlertRole.GUARDRAIL}
    return settings, f"whether inputs and answers still belong together{why}"


def _versions(column: str) -> Chosen:
    settings: Settings = {"name": "versions", "metric": "check", "check": "compare_versions"}
    return settings, f"whether a new {column} answers otherwise than the one before"


def label_delay(look: Look, guesses: Guesses) -> timedelta | None:
    """How long half of the labels took to come; None where no column says."""
    times = [look.columns[name].times for name in (guesses.time.column, guesses.label_time.column) if name]
    if len(times) < 2 or times[0] is None or times[1] is None:  # noqa: PLR2004
        return None
    took = (times[1] - times[0])[~np.isnat(times[0]) & ~np.isnat(times[1])]
    return timedelta(microseconds=float(np.median(took / np.timedelta64(1, "us")))) if took.size else None


def watched_class(answer: Facts) -> str:
    """The rarer of two answers; of several the rarest that is not hardly ever given, else the commonest."""
    often = [one for one in answer.classes if answer.share(one) >= HARDLY_EVER]
    return often[-1] if len(often) > 1 else answer.classes[-1] if answer.distinct == 2 else answer.classes[0]  # noqa: PLR2004


def as_value(answer: Facts, value: str) -> str | int | bool:
    """A class as muster.yaml holds it."""
    if answer.kind is Kind.FLAG:
        return value == "true"
    return int(value) if answer.kind is Kind.NUMBER and value.lstrip("-").isdigit() else value


def can_be_judged(metric: str) -> bool:
    return MonitorMetric(metric) in JUDGES
