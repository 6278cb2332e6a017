"""Which alerts near in time belong together with this one: the same model, feature, segment or labels."""

from datetime import timedelta

from bot.checks.contract import MOST_ROWS, CheckResult
from bot.checks.known import KnownAlert
from bot.checks.registry import Question
from bot.statistics.wording import count_of

USUAL = timedelta(hours=6)
WEIGHTS = {"model": 3.0, "feature": 2.0, "segment": 2.0, "kind": 0.5}
LEAST = 1.0
PLAIN_LABELS = frozenset({"severity", "alertname", "model", "kind", "role", "monitor", "job", "instance"})


def run(question: Question) -> CheckResult:
    reach = question.params.window or USUAL
    near = [one for one in question.known.alerts if abs(one.at - question.at) <= reach]
    name = question.model.name
    own = [one for one in near if one.own or one.model == name]
    others = [one for one in near if not one.own]
    scored = sorted(
        ((_score(one, own, name), one) for one in others), key=lambda pair: (-pair[0][0], abs(pair[1].at - question.at))
    )
    found = [(why, one) for (score, why), one in scored if score >= LEAST]
    span = f"within {reach / timedelta(hours=1):g} h"
    if not found:
        return CheckResult("none", f"No other alert {span} belongs to {name}.", window_end=question.at)
    open_now = sum(one.until is None for _, one in found)
    elsewhere = [one for _, one in found if one.model != name]
    first = min((one for _, one in found), key=lambda one: one.at)
    sentence = (
        f"{count_of(len(found), 'alert')} {span}, {open_now} still firing; "
        f"{'the first was' if len(found) > 1 else 'it is'} {first.name} at {first.at:%H:%M} UTC"
    )
    if elsewhere:
        sentence += f"; {elsewhere[0].model or 'no model'} is hit too ({elsewhere[0].name})"
    return CheckResult(
        "related",
        sentence + ".",
        columns=("began", "alert", "model", "state", "shares"),
        rows=tuple(
            (
                f"{one.at:%d %b %H:%M}",
                one.name[:40],
                one.model or "",
                "firing" if one.until is None else "resolved",
                why,
            )
            for why, one in found[:MOST_ROWS]
        ),
        window_start=question.at - reach,
        window_end=question.at + reach,
        data={"alerts": [{"name": one.name, "model": one.model, "at": one.at.isoformat()} for _, one in found]},
    )


def _score(one: KnownAlert, own: list[KnownAlert], model: str) -> tuple[float, str]:
    """How much it shares with the model's own alerts, and what."""
    if one.model == model:
        return WEIGHTS["model"], "model"
    shared = {
        "feature": one.feature is not None and any(one.feature == mine.feature for mine in own),
        "segment": one.segment is not None and any(one.segment == mine.segment for mine in own),
        "kind": any(one.kind == mine.kind for mine in own),
    }
    labels = {pair for mine in own for pair in mine.labels if pair[0] not in PLAIN_LABELS} & set(one.labels)
    score = sum(WEIGHTS[name] for name, hit in shared.items() if hit) + float(len(labels))
    words = [name for name, hit in shared.items() if hit] + [f"{name}={value}" for name, value in sorted(labels)[:2]]
    return score, ", ".join(words)
