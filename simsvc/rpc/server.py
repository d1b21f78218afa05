"""The gRPC server: address, TLS, channel options, services."""

from __future__ import annotations

import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
from google.longrunning import operations_pb2_grpc
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from simsvc.rpc.address import AddressTakenError
from simsvc.rpc.alerts import AlertServicer
from simsvc.rpc.campaigns import CampaignServicer
from simsvc.rpc.info import InfoServicer
from simsvc.rpc.ingest import IngestServicer
from simsvc.rpc.insight import InsightServicer
from simsvc.rpc.operations import OperationsServicer
from simsvc.rpc.policy import INGEST, SERVICES
from simsvc.rpc.references import ReferenceSetServicer
from simsvc.rpc.reindex import ReindexServicer
from simsvc.rpc.review import ReviewServicer
from simsvc.rpc.search import SearchServicer
from simsvc.rpc.share import ShareServicer
from simsvc.v1 import (
    alerts_pb2_grpc,
    campaigns_pb2_grpc,
    info_pb2_grpc,
    ingest_pb2_grpc,
    insight_pb2_grpc,
    reference_sets_pb2_grpc,
    reindex_pb2_grpc,
    review_pb2_grpc,
    search_pb2_grpc,
    share_pb2_grpc,
)

# The client's keepalive (simsvc.client) pings every 30 s, which this allows for.
_KEEPALIVE = [
    ("grpc.keepalive_time_ms", 60_000),
    ("grpc.keepalive_timeout_ms", 20_000),
    ("grpc.http2.min_ping_interval_without_data_ms", 20_000),
    ("grpc.http2.min_recv_ping_interval_without_data_ms", 20_000),
    ("grpc.keepalive_permit_without_calls", 1),
]
_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files; `client_ca` turns mutual TLS on."""

    certificate: Path
    key: Path
    client_ca: Path | None


class UnusableTlsError(Exception):
    """A certificate or key cannot be read, or they do not belong together."""


class _Unregistered:
    """A server, to generated code, with whose core no method is registered: calls go by name.

    From grpcio 1.84 on, grpc.aio awaits the next call of each registered method by a task of its
    own and goes through all of these tasks for every call (grpc/grpc#41796, #43461): 30 µs of the
    event loop with the methods of this project.
    """

    def __init__(self, server: grpc.aio.Server) -> None:
        self.add_generic_rpc_handlers = server.add_generic_rpc_handlers

    def add_registered_method_handlers(self, service_name: str, method_handlers: object) -> None:
        """Leave it at the handlers that are found by name, which are added beside."""


def _by_name(server: grpc.aio.Server) -> Any:
    return _Unregistered(server)


@dataclass(frozen=True, slots=True)
class Servicers:
    """The services of this project, and Operations."""

    ingest: IngestServicer
    search: SearchServicer
    campaigns: CampaignServicer
    reviews: ReviewServicer
    insight: InsightServicer
    share: ShareServicer
    alerts: AlertServicer
    references: ReferenceSetServicer
    reindex: ReindexServicer
    operations: OperationsServicer
    info: InfoServicer

    def add_to(self, server: grpc.aio.Server) -> None:
        """Register all of them."""
        named = _by_name(server)
        ingest_pb2_grpc.add_IngestServiceServicer_to_server(self.ingest, named)
        search_pb2_grpc.add_SearchServiceServicer_to_server(self.search, named)
        campaigns_pb2_grpc.add_CampaignServiceServicer_to_server(self.campaigns, named)
        review_pb2_grpc.add_ReviewServiceServicer_to_server(self.reviews, named)
        insight_pb2_grpc.add_InsightServiceServicer_to_server(self.insight, named)
        share_pb2_grpc.add_ShareServiceServicer_to_server(self.share, named)
        alerts_pb2_grpc.add_AlertServiceServicer_to_server(self.alerts, named)
        reference_sets_pb2_grpc.add_ReferenceSetServiceServicer_to_server(self.references, named)
        reindex_pb2_grpc.add_ReindexServiceServicer_to_server(self.reindex, named)
        operations_pb2_grpc.add_OperationsServicer_to_server(self.operations, named)
        info_pb2_grpc.add_InfoServiceServicer_to_server(self.info, named)


class Health:
    """grpc.health.v1, by service and for the whole ("")."""

    def __init__(self, server: grpc.aio.Server) -> None:
        self._servicer = health.aio.HealthServicer()
        health_pb2_grpc.add_HealthServicer_to_server(self._servicer, _by_name(server))

    async def set(self, *, ready: bool, writable: bool) -> None:
        """Tell what can be done. Look-ups need a record that can be written: they are audited."""
        state = _SERVING if ready and writable else _NOT_SERVING
        for service in ("", *SERVICES):
            reads_only = service not in ("", INGEST, SERVICES[1])
            await self._servicer.set(service, _SERVING if ready and reads_only else state)


def make_server(
    interceptors: Sequence[grpc.aio.ServerInterceptor], request_bytes: int
) -> grpc.aio.Server:
    """Return a server without services."""
    options = [
        *_KEEPALIVE,
        ("grpc.max_receive_message_length", request_bytes),
        ("grpc.so_reuseport", 0),
    ]
    return grpc.aio.server(interceptors=interceptors, options=options)


def add_reflection(server: grpc.aio.Server) -> None:
    """Let tools like grpcurl find the contract."""
    names = (*SERVICES, health.SERVICE_NAME, reflection.SERVICE_NAME)
    reflection.enable_server_reflection(names, server)


def listen(server: grpc.aio.Server, address: str, tls: TlsFiles | None) -> int:
    """Bind the address and return the port.

    AddressTakenError if that cannot be, UnusableTlsError if the files cannot be used.
    """
    try:
        return _bind(server, address, tls)
    except RuntimeError as error:
        raise AddressTakenError(f"cannot listen on {address}") from error


def _bind(server: grpc.aio.Server, address: str, tls: TlsFiles | None) -> int:
    if tls is None:
        return server.add_insecure_port(address)
    _check(tls)
    client_ca = tls.client_ca.read_bytes() if tls.client_ca else None
    credentials = grpc.ssl_server_credentials(
        [(tls.key.read_bytes(), tls.certificate.read_bytes())],
        root_certificates=client_ca,
        require_client_auth=client_ca is not None,
    )
    return server.add_secure_port(address, credentials)


def _check(tls: TlsFiles) -> None:
    """Raise UnusableTlsError with the setting that is wrong: gRPC names none of them."""
    for setting, file in (
        ("tls_certificate", tls.certificate),
        ("tls_key", tls.key),
        ("tls_client_ca", tls.client_ca),
    ):
        try:
            if file is not None:
                file.read_bytes()
        except OSError as error:
            raise UnusableTlsError(f"{setting}: cannot read {file}: {error.strerror}") from error
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # Without a password OpenSSL would ask for one on the terminal.
        context.load_cert_chain(tls.certificate, tls.key, password="")
    except (ssl.SSLError, ValueError) as error:
        text = "tls_certificate and tls_key are no PEM certificate and its key"
        raise UnusableTlsError(f"{text}: {error}") from error
    try:
        if tls.client_ca is not None:
            context.load_verify_locations(tls.client_ca)
    except ssl.SSLError as error:
        raise UnusableTlsError(f"tls_client_ca is no PEM certificate: {error}") from error
