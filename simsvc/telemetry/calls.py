"""The RPC metrics of gRFC A66, counted on the event loop.

prometheus_client's own counters take a lock for each number and look for its bucket one by one,
beside which an account check is short. Here they only write down what was counted.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import accumulate

from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

# The buckets that gRFC A66 sets.
_LATENCY = (
    0.00001, 0.00005, 0.0001, 0.0003, 0.0006, 0.0008, 0.001, 0.002, 0.003, 0.004, 0.005, 0.006,
    0.008, 0.01, 0.013, 0.016, 0.02, 0.025, 0.03, 0.04, 0.05, 0.065, 0.08, 0.1, 0.13, 0.16, 0.2,
    0.25, 0.3, 0.4, 0.5, 0.65, 0.8, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0,
)  # fmt: skip
_SIZE = (0, 1024, 2048, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864)
_HISTOGRAMS = (
    ("call_duration_seconds", "Time an RPC took", _LATENCY),
    ("call_rcvd_total_compressed_message_size_bytes", "Bytes received in an RPC", _SIZE),
    ("call_sent_total_compressed_message_size_bytes", "Bytes sent in an RPC", _SIZE),
)
_LABELS = ("grpc_method", "grpc_status")


class _Distribution:
    """How often a number was in each bucket, and the sum."""

    __slots__ = ("bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def buckets(self) -> list[tuple[str, float]]:
        names = (*map(floatToGoString, self.bounds), "+Inf")
        return list(zip(names, map(float, accumulate(self.counts)), strict=True))


class MethodCalls:
    """The calls of one method. Only the event loop counts; any thread may read.

    `started` is for the caller to count.
    """

    __slots__ = ("ended", "started")

    def __init__(self) -> None:
        self.started = 0
        self.ended: dict[str, tuple[_Distribution, ...]] = {}

    def end(self, status: str, seconds: float, received: int, sent: int) -> None:
        """Count a call that ended, by the name of its status; sizes are in bytes."""
        found = self.ended.get(status)
        if found is None:
            found = self.ended[status] = tuple(_Distribution(b) for _, _, b in _HISTOGRAMS)
        for kind, value in zip(found, (seconds, received, sent), strict=True):
            kind.counts[bisect_left(kind.bounds, value)] += 1
            kind.total += value


class Calls(Collector):
    """The calls of all methods."""

    def __init__(self) -> None:
        self._methods: dict[str, MethodCalls] = {}

    def of(self, method: str) -> MethodCalls:
        """Return the counts of a method, named like "simsvc.v1.IngestService/ObservePrompt"."""
        return self._methods.setdefault(method, MethodCalls())

    def collect(self) -> Iterator[Metric]:
        """Return all that was counted."""
        methods = list(self._methods.items())
        started = CounterMetricFamily(
            "grpc_server_call_started", "RPCs started", labels=_LABELS[:1]
        )
        for method, calls in methods:
            started.add_metric([method], calls.started)
        yield started
        for number, (name, text, _) in enumerate(_HISTOGRAMS):
            family = HistogramMetricFamily(f"grpc_server_{name}", text, labels=_LABELS)
            for method, calls in methods:
                for status, found in list(calls.ended.items()):
                    kind = found[number]
                    family.add_metric([method, status], kind.buckets(), kind.total)
            yield family
