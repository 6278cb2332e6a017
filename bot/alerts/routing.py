"""Which alerts deserve a person: role, severity and tier against a small table. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from bot.catalog.config import RouteRule
from bot.catalog.kinds import AlertRole, Route, Severity

_IMPACT = {1: Severity.SEV2, 2: Severity.SEV3, 3: Severity.SEV4}


@dataclass(frozen=True, slots=True)
class Decision:
    route: Route
    severity: Severity
    severity_source: str
    reason: str


def decide(
    rules: Sequence[RouteRule],
    *,
    role: AlertRole,
    stated: Severity | None,
    runbook: Severity | None,
    tier: int,
    model: str | None,
) -> Decision:
    """Choose route and severity. The sender's own severity comes before the runbook's, that before the impact rule.

    The first rule that fits decides. An alert whose sender stated a severity is judged by that: "a diagnostic never
    pages alone" binds those that bring none.
    """
    if stated is not None:
        severity, source = stated, "sender"
    elif runbook is not None and role is not AlertRole.DIAGNOSTIC:
        severity, source = runbook, "runbook"
    else:
        severity, source = _IMPACT[tier], "rule"
    seen_role = None if stated is not None and role is AlertRole.DIAGNOSTIC else role
    for number, rule in enumerate(rules, start=1):
        if _fits(rule, seen_role, severity, tier, model):
            return Decision(rule.route, severity, source, f"rule {number}: {explain(rule)}")
    return Decision(Route.DIGEST, severity, source, "no rule fits")


def _fits(rule: RouteRule, role: AlertRole | None, severity: Severity, tier: int, model: str | None) -> bool:
    return (
        (rule.role is None or rule.role is role)
        and (not rule.severity or severity in rule.severity)
        and (not rule.tier or tier in rule.tier)
        and (rule.model is None or rule.model == model)
    )


def explain(rule: RouteRule) -> str:
    parts = [str(rule.role)] if rule.role else []
    parts += ["/".join(rule.severity)] if rule.severity else []
    parts += ["tier " + "/".join(map(str, rule.tier))] if rule.tier else []
    parts += [f"model {rule.model}"] if rule.model else []
    return f"{' '.join(parts) or 'anything else'} -> {rule.route}"
