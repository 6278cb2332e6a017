"""A model's rows as Parquet from plain columns: the window's, thirty windows before, and a reference."""

import numpy as np

from tests.unit.checks import loans

HOUR = np.timedelta64(1, "h")

YAML = """
models:
  - name: eta
    data:
      predictions: predictions.parquet
      time: at
{rest}
"""


def times(count, *, hours=1.0, before=0.0, end=loans.END):
    """Evenly spread over `hours`, the last `before` hours ahead of the end."""
    length = (np.arange(count) + 0.5) / count * hours * 3600e6
    return end - ((before + hours) * 3600e6 * np.timedelta64(1, "us")) + length.astype("timedelta64[us]")


def write(folder, now, then=None, *, hours=1.0, earlier=None, data="", model=""):
    """`now`: columns of the window of `hours`; `earlier`: of the 30 windows before it; `then`: of the reference."""
    count = len(next(iter(now.values())))
    parts = [now | {"at": times(count, hours=hours)}]
    if earlier:
        size = len(next(iter(earlier.values())))
        parts.insert(0, earlier | {"at": times(size, hours=30 * hours, before=hours)})
    joined = {name: np.concatenate([np.asarray(one[name]) for one in parts]) for name in parts[0]}
    loans.save(folder, "predictions", joined)
    rest = "".join(f"      {line}\n" for line in data.strip().splitlines() if line.strip())
    if then is not None:
        loans.save(folder, "reference", then)
        rest += "      reference: reference.parquet\n"
    (folder / "muster.yaml").write_text(YAML.format(rest=rest) + model)
    return folder / "muster.yaml"
