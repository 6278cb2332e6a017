"""The `muster.yaml` of the demo: a file as a team would write it for this model."""

import json
from collections.abc import Mapping
from pathlib import Path

from bot.demo.eta import ACTIVE, FALLBACK, FEATURES, NAME
from bot.demo.flights import LATE
from bot.demo.rowlog import FILES
from bot.demo.traffic import BASELINE, WINDOW

TOKEN_VARIABLE = "MUSTER_DEMO_AUTHORIZATION"  # noqa: S105
UNITS = {
    "dep_delay": "min",
    "distance": "miles",
    "hour": "h",
    "wind_speed": "mph",
    "visibility": "miles",
    "precipitation": "in",
}

_YAML = """\
# Written by `muster demo`. Paths are relative to this file.
teams:
  - name: default{channel}
    policy: demo

policies:
  - name: demo
    acknowledge_expires: 10m
    levels:
      - {{notify: [{approver}], timeout: 1m}}
      - {{notify: [channel], timeout: 2m}}
      - {{notify: [members], timeout: 5m}}

models:
  - name: {model}
    owner: {approver}
    tier: 1
    description: Estimates at departure whether a flight from New York lands more than 15 minutes late.
    kpi: passengers rebooked in time
    outcome: calls {{share}} of flights late
    data:
      predictions: predictions/{files}
      reference: reference.parquet
      holdout: holdout.parquet
      labels: {{path: 'labels/{files}', key: id, column: truth, time: known_at}}
      time: answered_at
      prediction: answer
      score: score
      version: version
      window: {check_window}
      segments: [origin, carrier]
      features:
{features}
    monitors:
      # The share of one answer stands close to what passengers feel: it pages.
      - {{name: late-share, metric: class_share, value: {late}, role: guardrail, {window}, baseline: {baseline},
         shadow: false}}
      # These explain: they page nobody, and are the evidence inside the incident.
      - {{name: dep-delay-range, metric: range, feature: dep_delay, {window}, shadow: false}}
      - {{name: dep-delay-nulls, metric: null_rate, feature: dep_delay, {window}, shadow: false}}
      - {{name: inputs-drift, metric: drift, {window}, shadow: false}}

actions:
  - name: fallback
    title: Switch to fallback
    description: Answer with {fallback}, which does not use the delay at departure. Less precise, and not misled by it.
    models: [{model}]
    approvers: [{approver}]
    http:
      url: {url}/admin/active-model
      headers: {{Authorization: {{env: {token}}}}}
      json: {{version: {fallback}}}
      timeout: 15s
    verify: segments window=2s
  - name: restore
    title: Switch back to {active}
    description: Answer with the usual version again, once its inputs are sound.
    models: [{model}]
    approvers: [{approver}]
    http:
      url: {url}/admin/active-model
      headers: {{Authorization: {{env: {token}}}}}
      json: {{version: '{active}'}}
      timeout: 15s
    verify: segments window=2s
  - name: rollback
    title: Roll flights-etl back
    description: Deploy the sound version of the pipeline again.
    models: [{model}]
    approvers: [{approver}]
    http:
      url: {url}/admin/fault
      headers: {{Authorization: {{env: {token}}}}}
      json: {{name: null}}
      timeout: 15s
"""


def write_config(
    folder: Path,
    *,
    model_url: str,
    approver: str,
    channel: str | None = None,
    importance: Mapping[str, float] | None = None,
) -> Path:
    """Write muster.yaml into the folder that holds the rows.

    approver: Slack user id who owns the model and may switch it. importance: how much the model leans on a feature.
    """
    path = folder / "muster.yaml"
    window = f"window: {WINDOW.total_seconds():g}s"
    path.write_text(
        _YAML.format(
            channel=f"\n    channel: {json.dumps(channel)}" if channel else "",
            approver=json.dumps(approver),
            model=NAME,
            url=model_url,
            token=TOKEN_VARIABLE,
            files=FILES,
            active=ACTIVE,
            fallback=FALLBACK,
            late=LATE,
            window=window,
            check_window=f"{2 * WINDOW.total_seconds():g}s",
            baseline=BASELINE,
            features="\n".join(_feature(name, importance or {}) for name in FEATURES),
        ),
        encoding="utf-8",
    )
    return path


def _feature(name: str, importance: Mapping[str, float]) -> str:
    said = [f"unit: {UNITS[name]}"] if name in UNITS else []
    if name in importance:
        said.append(f"importance: {importance[name]:.3f}")
    return f"        {name}: {{{', '.join(said)}}}"
