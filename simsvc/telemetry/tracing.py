"""OpenTelemetry traces: the extra `otel`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class TracingExtraMissingError(Exception):
    """Traces are wanted, but the extra is not installed."""


def configure_tracing(endpoint: str, version: str) -> tuple[list[Any], Callable[[], None]]:
    """Send traces to an OTLP/gRPC endpoint; return interceptors and what to call at the end."""
    try:
        # Imported only where traces are wanted: this is an extra.
        from opentelemetry import trace  # noqa: PLC0415
        from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import (  # noqa: PLC0415
            OTLPSpanExporter,
        )
        from opentelemetry.instrumentation.grpc import aio_server_interceptor  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError as error:
        raise TracingExtraMissingError("otlp_endpoint is set: install simsvc[otel]") from error
    resource = Resource.create({"service.name": "simsvc", "service.version": version})
    provider = TracerProvider(resource=resource)
    exporter = OTLPSpanExporter(endpoint=endpoint, insecure=not endpoint.startswith("https"))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    interceptor = aio_server_interceptor(tracer_provider=provider)  # type: ignore[no-untyped-call]
    return [interceptor], provider.shutdown
