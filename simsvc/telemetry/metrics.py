"""Every metric, in one place.

RPC metrics have the names of gRFC A66 (gRPC OpenTelemetry metrics), written the Prometheus way.
The others are read from the parts of the service when Prometheus asks, so they cost a prompt
nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from simsvc.telemetry.calls import Calls

# What is read, with the name that dashboards rely on. `service` says where from.
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
    """A registry, and in it the RPC metrics."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self.calls = Calls()
        self.registry.register(self.calls)

    def read_from(self, sources: dict[str, Callable[[], float]]) -> None:
        """Read the numbers named in READINGS from here on."""
        if sources.keys() != READINGS.keys():
            raise ValueError(f"sources and READINGS differ: {sources.keys() ^ READINGS.keys()}")
        self.registry.register(_Readings(sources))


class _Readings(Collector):
    def __init__(self, sources: dict[str, Callable[[], float]]) -> None:
        self._sources = sources

    def collect(self) -> Iterator[Metric]:
        """Read all numbers."""
        for name, read in self._sources.items():
            family = CounterMetricFamily if name.endswith("_total") else GaugeMetricFamily
            yield family(f"simsvc_{name}", READINGS[name], value=float(read()))
