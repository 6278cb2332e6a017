"""Numbers over time from a Prometheus server, through its HTTP API: bounded in time, points and bytes; read-only."""

import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import NDArray

from bot.core.trust import trusted
from bot.data.files import DataError

if TYPE_CHECKING:
    import httpx

MOST_BYTES = 16 * 1024 * 1024
MOST_POINTS = 200_000
POINTS_A_SERIES = 11_000  # Prometheus itself refuses more
EDGE_LABEL = "le"

Floats = NDArray[np.float64]


class PrometheusError(DataError):
    """The server gave no numbers; the message says why, in its own words where it had any."""


@dataclass(frozen=True, slots=True, eq=False)
class MetricSeries:
    """One series of an answer: its `labels`, `times` in seconds since 1970 (ascending) and `values`, shape (points,).

    Values may be NaN or infinite where the expression is; a moment without a sample (stale or not scraped) is absent.
    """

    labels: Mapping[str, str]
    times: Floats
    values: Floats

    @property
    def name(self) -> str:
        """`metric{a="b"}` as people write it; `value` for an expression without labels."""
        inside = ", ".join(f'{key}="{value}"' for key, value in sorted(self.labels.items()) if key != "__name__")
        metric = self.labels.get("__name__", "")
        return f"{metric}{{{inside}}}" if inside else metric or "value"


@dataclass(frozen=True, slots=True, eq=False)
class BucketSeries:
    """A histogram over time: `edges` (buckets,) ascending upper ends, the last infinite; `counts` (times, buckets)
    cumulative, as `le` buckets are. Moments at which a bucket is missing are left out."""

    labels: Mapping[str, str]
    times: Floats
    edges: Floats
    counts: Floats


class Prometheus:
    """A client of one server. `seconds` bounds a whole answer, not only the wait for its first byte."""

    def __init__(
        self, url: str, token: str | None = None, *, seconds: float = 10, transport: "httpx.BaseTransport | None" = None
    ) -> None:
        import httpx  # noqa: PLC0415

        self.url = url.rstrip("/")
        self.seconds = seconds
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.Client(
            timeout=seconds, headers=headers, transport=transport, trust_env=False, verify=trusted()
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._http.close()

    def query_range(self, query: str, start: datetime, end: datetime, step: timedelta) -> list[MetricSeries]:
        """Evaluate a PromQL expression at start, start + step, … up to end (both included).

        No series is an empty list: an unknown metric is not told apart from one without samples. Raises
        PrometheusError when the server can't be reached in time, refuses the query, or would answer too much.
        """
        points = int((end - start) / step) + 1
        if points > POINTS_A_SERIES:
            raise PrometheusError(
                f"{points:,} points a series are too many (at most {POINTS_A_SERIES:,}); ask for a longer step or a "
                "shorter window."
            )
        form = {
            "query": query,
            "start": f"{start.timestamp():.3f}",
            "end": f"{end.timestamp():.3f}",
            "step": f"{step.total_seconds():g}",
            "timeout": f"{self.seconds:g}s",
        }
        return _series(self._ask("/api/v1/query_range", form), query)

    def _ask(self, path: str, form: Mapping[str, str]) -> Any:  # noqa: ANN401
        import httpx  # noqa: PLC0415

        deadline = time.monotonic() + self.seconds
        body = bytearray()
        try:
            with self._http.stream("POST", f"{self.url}{path}", data=dict(form)) as answer:
                for part in answer.iter_bytes():
                    body += part
                    if len(body) > MOST_BYTES:
                        raise PrometheusError(
                            f"Prometheus answers more than {MOST_BYTES // 2**20} MiB; aggregate: `sum by (…) (…)`."
                        )
                    if time.monotonic() > deadline:
                        raise PrometheusError(self._too_slow())
        except httpx.TimeoutException:
            raise PrometheusError(self._too_slow()) from None
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise PrometheusError(
                f"Prometheus at {self.url} can't be reached ({error}); look at `prometheus.url` in muster.yaml."
            ) from None
        return self._content(answer.status_code, bytes(body))

    def _too_slow(self) -> str:
        return f"Prometheus at {self.url} did not answer within {self.seconds:g} s; ask for less, or look at its load."

    def _content(self, status: int, body: bytes) -> Any:  # noqa: ANN401
        try:
            said = json.loads(body)
        except ValueError:
            said = None
        if not isinstance(said, dict) or "status" not in said:
            raise PrometheusError(self._no_prometheus(status))
        if said["status"] != "success":
            raise PrometheusError(f"Prometheus refuses the query: {said.get('error', f'status {status}')}")
        return said.get("data")

    def _no_prometheus(self, status: int) -> str:
        if status in {401, 403}:
            return f"Prometheus at {self.url} wants other credentials (status {status}); look at `prometheus.token`."
        return f"{self.url} does not answer like Prometheus (status {status}); look at `prometheus.url` in muster.yaml."


def _series(data: Any, query: str) -> list[MetricSeries]:  # noqa: ANN401
    if not isinstance(data, dict) or data.get("resultType") != "matrix":
        raise PrometheusError(f"`{query}` answers no series over time.")
    try:
        found = data["result"]
        total = sum(len(one.get("values", ())) for one in found)
        if total > MOST_POINTS:
            raise PrometheusError(
                f"`{query}` answers {len(found):,} series with {total:,} points (at most {MOST_POINTS:,}); "
                "aggregate, as in `sum by (…) (…)`."
            )
        return [
            MetricSeries(
                {str(key): str(value) for key, value in one["metric"].items()},
                np.array([float(at) for at, _ in one["values"]], dtype=np.float64),
                np.array([float(value) for _, value in one["values"]], dtype=np.float64),
            )
            for one in found
            if one.get("values")
        ]
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise PrometheusError(f"The answer to `{query}` can't be read: {error!r}") from None


def histograms(series: Sequence[MetricSeries]) -> list[BucketSeries]:
    """Put the `le` buckets of each histogram together (of `rate(x_bucket[5m])` or `sum by (le) (…)`).

    Series without a readable `le` are passed over; so is a histogram without its infinite bucket, which tells no total.
    """
    groups: dict[tuple[tuple[str, str], ...], dict[float, MetricSeries]] = {}
    for one in series:
        edge = _edge(one.labels.get(EDGE_LABEL))
        if edge is not None:
            rest = tuple(sorted((key, value) for key, value in one.labels.items() if key != EDGE_LABEL))
            groups.setdefault(rest, {})[edge] = one
    found = []
    for rest, buckets in groups.items():
        edges = sorted(buckets)
        if edges[-1] != math.inf:
            continue
        times = buckets[math.inf].times
        for edge in edges:
            times = np.intersect1d(times, buckets[edge].times)
        columns = [buckets[edge].values[np.isin(buckets[edge].times, times)] for edge in edges]
        found.append(BucketSeries(dict(rest), times, np.array(edges), np.stack(columns, axis=1)))
    return found


def _edge(text: str | None) -> float | None:
    try:
        edge = float(text or "")
    except ValueError:
        return None
    return None if math.isnan(edge) else edge
