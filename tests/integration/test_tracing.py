"""Traces reach an OpenTelemetry collector."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Queue

import grpc
from opentelemetry.proto.collector.trace.v1 import (
    trace_service_pb2,
    trace_service_pb2_grpc,
)

from simsvc.client import Client, Connection, ObservedPrompt
from tests.process import ServerProcess

Spans = trace_service_pb2.ExportTraceServiceRequest


class Collector(trace_service_pb2_grpc.TraceServiceServicer):
    def __init__(self) -> None:
        self.received: Queue[Spans] = Queue()

    def Export(self, request: Spans, context: object) -> object:
        self.received.put(request)
        return trace_service_pb2.ExportTraceServiceResponse()


def test_an_rpc_is_a_span(tmp_path: Path) -> None:
    collector = Collector()
    server = grpc.server(ThreadPoolExecutor(2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(collector, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    settings = {"SIMSVC_OTLP_ENDPOINT": f"http://127.0.0.1:{port}"}
    with ServerProcess(tmp_path, settings) as process:
        with Client(Connection(process.address())) as client:
            client.observe(ObservedPrompt("trace-1", "a", [("user", "trace me")]))
        assert process.terminate() == 0
    exported = collector.received.get(timeout=30)
    server.stop(None)
    spans = [s for r in exported.resource_spans for g in r.scope_spans for s in g.spans]
    assert "/simsvc.v1.IngestService/ObservePrompt" in {span.name for span in spans}
    assert b"trace me" not in exported.SerializeToString()
