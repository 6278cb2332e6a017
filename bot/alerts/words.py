"""Kind, role and severity read from labels, and from the words of an alert's name when no label says. Pure."""

import re
from collections.abc import Mapping

from bot.catalog.kinds import AlertKind, AlertRole, Severity

_KIND_WORDS: tuple[tuple[AlertKind, str], ...] = (
    (AlertKind.DATA_QUALITY, r"null|missing|schema|quality|duplicate|range|invalid|unexpected"),
    (AlertKind.FRESHNESS, r"fresh|stale|late|delay|lag|overdue"),
    (AlertKind.DRIFT, r"drift|psi|divergence|wasserstein|distribution|skew"),
    (AlertKind.LATENCY, r"latency|slow|p9[059]|duration|timeout|response.?time"),
    (AlertKind.PERFORMANCE, r"accuracy|auc|f1|precision|recall|rmse|mae|logloss|brier|ndcg|performance|degrad"),
    (AlertKind.PREDICTION, r"predict|score|confidence|class.?share|output|decline|approval|anomal"),
    (AlertKind.INFRASTRUCTURE, r"down|cpu|memory|disk|pod|oom|crash|error.?rate|5xx|unavailable"),
)
_ROLES = {
    AlertKind.PERFORMANCE: AlertRole.OUTCOME,
    AlertKind.PREDICTION: AlertRole.GUARDRAIL,
    AlertKind.LATENCY: AlertRole.GUARDRAIL,
    AlertKind.INFRASTRUCTURE: AlertRole.GUARDRAIL,
}
_SEVERITIES = {
    "sev1": Severity.SEV1,
    "p1": Severity.SEV1,
    "emergency": Severity.SEV1,
    "fatal": Severity.SEV1,
    "sev2": Severity.SEV2,
    "p2": Severity.SEV2,
    "page": Severity.SEV2,
    "critical": Severity.SEV2,
    "high": Severity.SEV2,
    "sev3": Severity.SEV3,
    "p3": Severity.SEV3,
    "error": Severity.SEV3,
    "warn": Severity.SEV3,
    "warning": Severity.SEV3,
    "ticket": Severity.SEV3,
    "medium": Severity.SEV3,
    "sev4": Severity.SEV4,
    "p4": Severity.SEV4,
    "p5": Severity.SEV4,
    "info": Severity.SEV4,
    "none": Severity.SEV4,
    "low": Severity.SEV4,
}


def kind_of(labels: Mapping[str, str], name: str, default: AlertKind | None = None) -> AlertKind:
    """Label `kind`, else the source's mapping, else a word of the name."""
    given = labels.get("kind", "").lower().replace("-", "_")
    if given in {kind.value for kind in AlertKind}:
        return AlertKind(given)
    if default is not None:
        return default
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()
    return next((kind for kind, words in _KIND_WORDS if re.search(words, spaced)), AlertKind.UNKNOWN)


def role_of(labels: Mapping[str, str], kind: AlertKind, default: AlertRole | None = None) -> AlertRole:
    given = labels.get("role", "").lower()
    if given in {role.value for role in AlertRole}:
        return AlertRole(given)
    return default or _ROLES.get(kind, AlertRole.DIAGNOSTIC)


def severity_of(labels: Mapping[str, str]) -> Severity | None:
    for label in ("severity", "priority"):
        found = _SEVERITIES.get(labels.get(label, "").strip().lower())
        if found is not None:
            return found
    return None
