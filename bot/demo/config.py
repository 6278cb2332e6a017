"""The `muster.yaml` of the demo: a file as a team would write it for these models."""

import json
from collections.abc import Mapping
from pathlib import Path

from bot.demo import arrival
from bot.demo.eta import ACTIVE, FALLBACK, NAME
from bot.demo.flights import LATE
from bot.demo.rowlog import FILES
from bot.demo.served import FEATURES
from bot.demo.traffic import BASELINE, WINDOW

TOKEN_VARIABLE = "MUSTER_DEMO_AUTHORIZATION"  # noqa: S105
SLOW_MS = 50
UNITS = {
    "dep_delay": "min",
    "distance": "miles",
    "hour": "h",
    "wind_speed": "mph",
    "visibility": "miles",
    "precipitation": "in",
}

_YAML = """\
# Written by `muster demo`. Paths are relative to this file. Windows are as short as they are because four seconds
# of the demo stand for an hour, and eleven minutes for a week.
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
      labels: {{path: 'labels/{files}', key: id, column: truth, time: known_at}}   # known when the flight has landed
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
      # What the labels say, once most flights have landed.
      - {{name: right, metric: performance, measure: accuracy, window: 30s, lateness: 20s,
         rule: {{drop: 5%, of: 4m}}, severity: SEV2, shadow: false}}
      # Without labels nobody knows: a ticket, not a page.
      - {{name: label_delay, metric: check, check: label_delay, window: 60s, every: 30s, kind: freshness,
         role: guardrail, severity: SEV3, shadow: false}}
      # These explain: they page nobody, and are the evidence inside the incident. The estimate, from scores alone, is
      # among them: the fallback is worse by design, and somebody chose it.
      - {{name: probably-right, metric: estimate, measure: accuracy, window: 30s, rule: {{drop: 5%, of: 4m}},
         role: diagnostic, shadow: false}}
      - {{name: dep-delay-range, metric: range, feature: dep_delay, {window}, shadow: false}}
      - {{name: dep-delay-nulls, metric: null_rate, feature: dep_delay, {window}, shadow: false}}
      - {{name: inputs-drift, metric: drift, {window}, shadow: false}}

  - name: {arrival}
    owner: {approver}
    tier: 2
    description: Estimates at departure by how many minutes a flight lands after its time.
    kpi: gates held for nobody
    data:
      predictions: {arrival}/predictions/{files}
      reference: {arrival}/reference.parquet
      holdout: {arrival}/holdout.parquet
      labels: {{path: '{arrival}/labels/{files}', key: id, column: arr_delay, time: known_at}}
      time: answered_at
      prediction: answer
      latency: took
      version: version
      window: 20s
      segments: [origin, carrier]
      features:
{arrival_features}
    monitors:
      # Callers wait {slow} ms and then take the timetable: slower than that is as bad as wrong.
      - {{name: slow, metric: latency, percentile: 95, window: 10s, rule: {{above: {slow}}}, severity: SEV2,
         shadow: false}}
      - {{name: minutes, metric: mean, feature: answer, role: guardrail, window: 10s, shadow: false}}
      - {{name: error, metric: performance, measure: mae, window: 30s, lateness: 20s, severity: SEV2,
         shadow: false}}
      - {{name: inputs-drift, metric: drift, window: 10s, shadow: false}}

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
    title: Roll back the deployment
    description: Deploy the sound version again of whatever was deployed last.
    models: [{model}, {arrival}]
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
    importance: Mapping[str, Mapping[str, float]] | None = None,
) -> Path:
    """Write muster.yaml into the folder that holds the rows.

    approver: Slack user id who owns the models and may switch them. importance: how much a model leans on a feature, by
    model.
    """
    path = folder / "muster.yaml"
    known = importance or {}
    path.write_text(
        _YAML.format(
            channel=f"\n    channel: {json.dumps(channel)}" if channel else "",
            approver=json.dumps(approver),
            model=NAME,
            arrival=arrival.NAME,
            url=model_url,
            token=TOKEN_VARIABLE,
            files=FILES,
            active=ACTIVE,
            fallback=FALLBACK,
            late=LATE,
            slow=SLOW_MS,
            window=f"window: {WINDOW.total_seconds():g}s",
            check_window=f"{2 * WINDOW.total_seconds():g}s",
            baseline=BASELINE,
            features=_features(FEATURES, known.get(NAME, {})),
            arrival_features=_features(arrival.READS, known.get(arrival.NAME, {})),
        ),
        encoding="utf-8",
    )
    return path


def _features(names: tuple[str, ...], importance: Mapping[str, float]) -> str:
    return "\n".join(_feature(name, importance) for name in names)


def _feature(name: str, importance: Mapping[str, float]) -> str:
    said = [f"unit: {UNITS[name]}"] if name in UNITS else []
    if name in importance:
        said.append(f"importance: {importance[name]:.3f}")
    return f"        {name}: {{{', '.join(said)}}}"
