"""Every metric, in one place.

RPC metrics have the names of gRFC A66 (gRPC OpenTelemetry metrics), written the Prometheus way.
The others are read from the parts of the service when Prometheus asks, so they cost a prompt
nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

# The buckets that gRFC A66 sets.
_LATENCY = (
    0.00001, 0.00005, 0.0001, 0.0003, 0.0006, 0.0008, 0.001, 0.002, 0.003, 0.004, 0.005, 0.006,
    0.008, 0.01, 0.013, 0.016, 0.02, 0.025, 0.03, 0.04, 0.05, 0.065, 0.08, 0.1, 0.13, 0.16, 0.2,
    0.25, 0.3, 0.4, 0.5, 0.65, 0.8, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0,
)  # fmt: skip
_SIZE = (0, 1024, 2048, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864)


# What is read, with the name that dashboards rely on. `main` says where from.
READINGS = {
    "in_flight_prompts": "Prompts admitted and not yet answered",
    "embed_queue_texts": "Texts that wait for the model",
    "embed_cache_bytes": "Memory of the embeddings kept for texts that may come again",
    "write_queue_prompts": "Embedded prompts that wait for the next commit",
    "index_prompts": "Searchable prompts",
    "index_segments": "Segments of the index",
    "index_lag_prompts": "Recorded prompts that are not searchable",
    "snapshot_checkpoint": "Highest sequence number in the newest snapshot",
    "record_writable": "1 while the record can be written",
    "accounts": "Accounts seen in the retention time, organisations collapsed",
    "families": "Families of near-duplicates with two prompts or more",
    "open_campaigns": "Open campaigns",
    "unlooked_prompts": "Prompts that no look at all accounts together has taken in yet",
    "prompts_observed_total": "Prompts recorded",
    "requests_repeated_total": "Prompts whose request_id was known",
    "texts_repeated_total": "Prompts that needed no embedding of their own",
    "prompts_capped_total": "Prompts longer than the cap on windows",
    "prompts_abandoned_total": "Texts whose caller left before they were embedded",
    "commits_total": "Transactions of prompts; prompts per commit is the group size",
    "embed_batches_total": "Passes of the model; texts per batch is the batch size",
    "embed_texts_total": "Texts embedded",
    "embed_windows_total": "Windows embedded",
    "embed_tokens_total": "Tokens embedded",
    "embed_computed_tokens_total": "Tokens computed, with padding: waste is what exceeds embedded",
    "ticks_total": "Detection ticks",
    "webhooks_delivered_total": "Alerts that a webhook took",
    "webhooks_failed_total": "Attempts to deliver an alert that failed",
    "webhooks_dead_total": "Alerts given up; see `simsvc webhooks deliveries --state dead`",
}


class Metrics:
    """A registry and the RPC metrics."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._started = Counter(
            "grpc_server_call_started", "RPCs started", ["grpc_method"], registry=self.registry
        )
        self._duration = self._histogram("call_duration_seconds", "Time an RPC took", _LATENCY)
        self._received = self._histogram(
            "call_rcvd_total_compressed_message_size_bytes", "Bytes received in an RPC", _SIZE
        )
        self._sent = self._histogram(
            "call_sent_total_compressed_message_size_bytes", "Bytes sent in an RPC", _SIZE
        )
        # Finding a metric by its labels takes longer than counting with it.
        self._starts: dict[str, Counter] = {}
        self._ends: dict[tuple[str, str], tuple[Histogram, Histogram, Histogram]] = {}

    def call_started(self, method: str) -> None:
        """Count an RPC that begins."""
        counter = self._starts.get(method)
        if counter is None:
            counter = self._starts[method] = self._started.labels(method)
        counter.inc()

    def call_ended(
        self, method: str, status: str, seconds: float, received: int, sent: int
    ) -> None:
        """Count an RPC that ended, by the name of its status; sizes are in bytes."""
        found = self._ends.get((method, status))
        if found is None:
            kinds = (self._duration, self._received, self._sent)
            first, second, third = (kind.labels(method, status) for kind in kinds)
            found = self._ends[method, status] = first, second, third
        for histogram, value in zip(found, (seconds, received, sent), strict=True):
            histogram.observe(value)

    def read_from(self, sources: dict[str, Callable[[], float]]) -> None:
        """Read the numbers named in READINGS from here on."""
        if sources.keys() != READINGS.keys():
            raise ValueError(f"sources and READINGS differ: {sources.keys() ^ READINGS.keys()}")
        self.registry.register(_Readings(sources))

    def _histogram(self, name: str, text: str, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(
            f"grpc_server_{name}",
            text,
            ["grpc_method", "grpc_status"],
            buckets=buckets,
            registry=self.registry,
        )


class _Readings(Collector):
    def __init__(self, sources: dict[str, Callable[[], float]]) -> None:
        self._sources = sources

    def collect(self) -> Iterator[Metric]:
        """Read all numbers."""
        for name, read in self._sources.items():
            family = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
            yield family(f"simsvc_{name}", READINGS[name], value=float(read()))
