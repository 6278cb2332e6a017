"""What alerts are called: their kinds, roles, routes and severities."""

from enum import StrEnum


class AlertKind(StrEnum):
    DATA_QUALITY = "data_quality"
    DRIFT = "drift"
    PREDICTION = "prediction"
    LATENCY = "latency"
    PERFORMANCE = "performance"
    FRESHNESS = "freshness"
    INFRASTRUCTURE = "infrastructure"
    UNKNOWN = "unknown"


class AlertRole(StrEnum):
    OUTCOME = "outcome"
    GUARDRAIL = "guardrail"
    DIAGNOSTIC = "diagnostic"


class Route(StrEnum):
    PAGE = "page"
    TICKET = "ticket"
    DIGEST = "digest"
    EVIDENCE = "evidence"


class Severity(StrEnum):
    SEV1 = "SEV1"
    SEV2 = "SEV2"
    SEV3 = "SEV3"
    SEV4 = "SEV4"
