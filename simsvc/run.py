"""With `service` the composition root: only these two know all parts of a server."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable
from typing import Any

import prometheus_client
import structlog
import uvloop

from simsvc import __version__
from simsvc.companion import ConsoleProcess
from simsvc.core.access import Access, Principal
from simsvc.core.clock import SystemClock
from simsvc.core.indicators import Indicators
from simsvc.core.insight.accounts import AccountInsight
from simsvc.core.insight.campaigns import CampaignInsight
from simsvc.core.lifecycle import WriteProbe
from simsvc.core.sharing import ShareRule, Sharing
from simsvc.embed.weights import ModelNotFoundError, WrongWeightsError
from simsvc.later import load_libraries
from simsvc.misspelt import misspelt
from simsvc.record.backend import RecordNotOpenedError
from simsvc.record.sql import OtherGenerationError
from simsvc.rpc.address import AddressTakenError
from simsvc.rpc.alerts import AlertServicer
from simsvc.rpc.campaigns import CampaignServicer
from simsvc.rpc.guard import Guard, Readiness
from simsvc.rpc.info import InfoServicer
from simsvc.rpc.ingest import IngestServicer
from simsvc.rpc.insight import InsightServicer
from simsvc.rpc.operations import OperationsServicer
from simsvc.rpc.references import ReferenceSetServicer
from simsvc.rpc.reindex import ReindexServicer
from simsvc.rpc.review import ReviewServicer
from simsvc.rpc.search import SearchServicer
from simsvc.rpc.server import (
    Health,
    Servicers,
    TlsFiles,
    UnusableTlsError,
    add_reflection,
    listen,
    make_server,
)
from simsvc.rpc.share import ShareServicer
from simsvc.service import Service, build_service, readings
from simsvc.serving import NotRecoveredError, Parts, serve_until_signalled
from simsvc.settings import ENV_PREFIX, Settings, decode_key
from simsvc.share.alert import test_alert
from simsvc.share.export import Exporter
from simsvc.telemetry.logs import configure_logs
from simsvc.telemetry.metrics import Metrics
from simsvc.telemetry.tracing import TracingExtraMissingError, configure_tracing

_PROBE_EVERY = 1.0
_SWITCH_SECONDS = 0.0005
_START_ERRORS = (
    AddressTakenError,
    ModelNotFoundError,
    NotRecoveredError,
    OtherGenerationError,
    RecordNotOpenedError,
    TracingExtraMissingError,
    UnusableTlsError,
    WrongWeightsError,
)
_log = structlog.get_logger()


class StartError(Exception):
    """The settings or the machine do not let the server start."""


def run(settings: Settings) -> None:
    """Run a server until SIGTERM or SIGINT. StartError with what to do if it cannot start."""
    configure_logs(settings.log_level, settings.log_format)
    for variable, meant in misspelt(os.environ, ENV_PREFIX, Settings.model_fields).items():
        _log.warning("setting_misspelt", variable=variable, meant=meant)
    # A thread that computes in Python would keep the event loop waiting for 5 ms each time.
    sys.setswitchinterval(_SWITCH_SECONDS)
    try:
        # gRPC wakes the loop for every message, and asyncio's own takes longer for each turn.
        uvloop.run(_serve(settings))
    except _START_ERRORS as error:
        raise StartError(str(error)) from error


async def _serve(settings: Settings) -> None:
    metrics, readiness = Metrics(), Readiness()
    access = Access({t.sha256: Principal(t.name, t.roles) for t in settings.tokens})
    tracers, end_tracing = _tracing(settings)
    server = make_server(
        [*tracers, Guard(access, readiness, metrics)], settings.limit_request_bytes
    )
    service = build_service(settings)
    _servicers(settings, service).add_to(server)
    health = Health(server)
    if settings.reflection:
        add_reflection(server)
    port = listen(server, settings.listen, _tls(settings))
    metrics.read_from(readings(service))
    _serve_metrics(settings, metrics)
    parts = Parts(
        server=server,
        health=health,
        readiness=readiness,
        writer=service.writer,
        lifecycle=service.lifecycle,
        probe=WriteProbe(service.stages, service.writer, _PROBE_EVERY),
        feed=service.feed,
        watch_model=service.staging.watch,
        generations=service.generations,
        alerts=service.alerts.run,
        finish_sealing=service.staging.finish_sealing,
        warm=lambda: service.threads.looking.submit(load_libraries),
        close=service.close,
    )
    address = f"{settings.listen.rpartition(':')[0]}:{port}"
    beside = ConsoleProcess(settings, address)
    if settings.console_listen:
        beside.start()
    try:
        await serve_until_signalled(parts, address, settings.drain)
    finally:
        await asyncio.to_thread(beside.stop)
        end_tracing()


def _servicers(settings: Settings, service: Service) -> Servicers:
    return Servicers(
        IngestServicer(service.ingest, settings.limits, SystemClock()),
        SearchServicer(
            service.lookup, service.casework, service.status, settings.search_similarity
        ),
        CampaignServicer(service.casework, settings.limits, shadow=settings.shadow),
        ReviewServicer(service.reviews, service.audit, service.casework, settings.limits),
        InsightServicer(
            CampaignInsight(service.desk), AccountInsight(service.desk), settings.limits
        ),
        _sharing(settings, service),
        AlertServicer(service.alerts, service.sealer, settings.limits, _test_body),
        ReferenceSetServicer(service.references, settings.limits),
        ReindexServicer(service.generations, service.desk, settings.limits),
        OperationsServicer(service.generations, service.desk, service.sealer),
        InfoServicer(service.status),
    )


def _sharing(settings: Settings, service: Service) -> ShareServicer:
    keys = {key_id: decode_key(key) for key_id, key in settings.sharing_keys.items()}
    rule = ShareRule(keys, settings.sharing_key_id, settings.sharing_k)
    return ShareServicer(
        Sharing(service.desk, rule),
        Indicators(service.desk, keys, settings.sharing_prompts),
        Exporter(settings.sharing_producer, round(settings.sharing_valid / 86400)),
        SystemClock(),
        settings.limits,
    )


def _test_body(alert_id: str) -> str:
    return test_alert(alert_id, SystemClock().now())


def _tls(settings: Settings) -> TlsFiles | None:
    if settings.tls_certificate is None or settings.tls_key is None:
        return None
    return TlsFiles(settings.tls_certificate, settings.tls_key, settings.tls_client_ca)


def _tracing(settings: Settings) -> tuple[list[Any], Callable[[], None]]:
    if not settings.otlp_endpoint:
        return [], lambda: None
    return configure_tracing(settings.otlp_endpoint, __version__)


def _serve_metrics(settings: Settings, metrics: Metrics) -> None:
    if settings.metrics_listen:
        host, _, port = settings.metrics_listen.rpartition(":")
        try:
            prometheus_client.start_http_server(int(port), host, registry=metrics.registry)
        except OSError as error:
            address = settings.metrics_listen
            raise AddressTakenError(f"cannot serve metrics on {address}") from error
