"""A day of flights as Parquet: the last hour has its delays in seconds at one airport."""

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.parquet import writing

SEED = 0.42

DAY = """
SELECT id, at, carrier, origin,
  CASE WHEN id % 50 = 0 THEN NULL
       WHEN faulty AND at >= TIMESTAMP '2026-11-02 02:00:00' AND origin = 'EWR' THEN minutes * 60
       ELSE minutes END AS dep_delay,
  distance, score,
  CASE WHEN score > .8 OR (faulty AND at >= TIMESTAMP '2026-11-02 02:00:00' AND origin = 'EWR' AND minutes > 3)
       THEN 'late' ELSE 'on time' END AS answer,
  CASE WHEN score > .7 + .2 * noise THEN 'late' ELSE 'on time' END AS truth
FROM (
  SELECT range AS id, TIMESTAMP '2026-11-01 03:00:00' + INTERVAL (range * 6) SECOND AS at,
    ['UA', 'DL', 'AA'][1 + (hash(range) % 3)::INT] AS carrier,
    ['EWR', 'JFK', 'LGA'][1 + (hash(range + 7) % 3)::INT] AS origin,
    round(-20 * ln(1 - random()), 0) AS minutes, 200 + 2000 * random() AS distance,
    random() AS score, random() AS noise,
    {faulty} AS faulty
  FROM range({rows})
)
"""

YAML = """
models:
  - name: eta
    tier: 1
    outcome: calls {share} of flights late
    data:
      predictions: predictions.parquet
      reference: reference.parquet
      holdout: reference.parquet
      labels: {path: labels.parquet, key: id, column: truth}
      time: at
      prediction: answer
      score: score
      features: {dep_delay: {unit: min, importance: .8}, distance: {unit: miles}, carrier: {}}
      segments: [origin, carrier]
    monitors:
      - {name: late-share, metric: class_share, value: late}
"""


def write(folder, *, faulty=True):
    for name, content in _made(faulty).items():
        (folder / name).write_bytes(content)
    (folder / "muster.yaml").write_text(YAML)
    return folder / "muster.yaml"


@cache
def _made(faulty):
    with TemporaryDirectory() as folder, writing() as connection:
        connection.execute(f"SELECT setseed({SEED})")
        columns = DAY.replace("at,", '"at",').replace(" at ", ' "at" ').replace("AS at,", 'AS "at",')
        day = columns.format(faulty=str(faulty).lower(), rows=14400)
        connection.execute(f"CREATE TEMP TABLE day AS {day}")
        connection.execute(f"CREATE TEMP TABLE earlier AS {columns.format(faulty='false', rows=14400)}")
        connection.execute(f"COPY day TO '{folder}/predictions.parquet'")
        connection.execute(f"COPY earlier TO '{folder}/reference.parquet'")
        labelled = "SELECT id, truth FROM day WHERE id < 14000"
        connection.execute(f"COPY ({labelled}) TO '{folder}/labels.parquet'")
        return {path.name: path.read_bytes() for path in Path(folder).iterdir()}
