"""A scripted server for the tests of simsvc.client. Real sockets, no simsvc behind them."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import grpc
from google.longrunning import operations_pb2, operations_pb2_grpc
from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from simsvc.client import BufferStats, Connection, ObservedPrompt
from simsvc.v1 import (
    campaigns_pb2,
    campaigns_pb2_grpc,
    info_pb2,
    info_pb2_grpc,
    ingest_pb2,
    ingest_pb2_grpc,
    reindex_pb2,
    reindex_pb2_grpc,
    search_pb2,
    search_pb2_grpc,
    types_pb2,
)

Behaviour = Callable[[Any, grpc.ServicerContext], Any]
_SERVICES = [
    (ingest_pb2, ingest_pb2_grpc, "IngestService"),
    (search_pb2, search_pb2_grpc, "SearchService"),
    (campaigns_pb2, campaigns_pb2_grpc, "CampaignService"),
    (info_pb2, info_pb2_grpc, "InfoService"),
    (reindex_pb2, reindex_pb2_grpc, "ReindexService"),
    (operations_pb2, operations_pb2_grpc, "Operations"),
]


@dataclass
class Script:
    """What the server does in its next calls of a method, and what it was sent."""

    address: str = ""
    steps: dict[str, list[Behaviour]] = field(default_factory=lambda: defaultdict(list))
    calls: list[tuple[str, Any, dict[str, str | bytes]]] = field(default_factory=list)
    observed: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def requests(self, method: str) -> list[Any]:
        with self.lock:
            return [request for name, request, _ in self.calls if name == method]

    def connection(self, **options: Any) -> Connection:
        return Connection(self.address, **options)

    def handle(self, method: str, request: Any, context: grpc.ServicerContext) -> Any:
        with self.lock:
            self.calls.append((method, request, dict(context.invocation_metadata())))
            step = self.steps[method].pop(0) if self.steps[method] else DEFAULTS.get(method)
        response = step(request, context) if step else None
        if isinstance(response, ingest_pb2.BatchObservePromptsResponse):
            with self.lock:
                self.observed += [r.request_id for r in response.results if r.HasField("outcome")]
        return response


def taken(request: Any, context: grpc.ServicerContext) -> Any:
    return ingest_pb2.BatchObservePromptsResponse(
        results=[
            ingest_pb2.ObserveResult(
                request_id=p.request_id, outcome=types_pb2.Outcome(prompt_id=f"id-{p.request_id}")
            )
            for p in request.prompts
        ]
    )


def acked(requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
    for request in requests:
        p = request.prompt
        result = ingest_pb2.ObserveResult(
            request_id=p.request_id, outcome=types_pb2.Outcome(prompt_id=f"id-{p.request_id}")
        )
        yield ingest_pb2.StreamPromptsResponse(result=result)


DEFAULTS: dict[str, Behaviour] = {
    "ObservePrompt": lambda request, context: ingest_pb2.ObservePromptResponse(
        outcome=types_pb2.Outcome(prompt_id=f"id-{request.prompt.request_id}")
    ),
    "BatchObservePrompts": taken,
    "StreamPrompts": acked,
    "SearchPrompts": lambda request, context: search_pb2.SearchPromptsResponse(total_prompts=7),
    "GetPrompt": lambda request, context: search_pb2.StoredPrompt(prompt_id=request.prompt_id),
    "GetAccount": lambda request, context: search_pb2.Account(account="acct"),
    "ListCampaigns": lambda request, context: campaigns_pb2.ListCampaignsResponse(),
    "GetCampaign": lambda request, context: campaigns_pb2.Campaign(campaign_id=request.campaign_id),
    "WatchCampaigns": lambda request, context: iter(
        [campaigns_pb2.WatchCampaignsResponse(resume_token=t) for t in ("t1", "t2")]
    ),
    "CheckAccounts": lambda request, context: campaigns_pb2.CheckAccountsResponse(
        results=[
            campaigns_pb2.AccountCheck(in_open_campaign=i == "bad") for i in request.account_ids
        ]
    ),
    "GetServerInfo": lambda request, context: info_pb2.GetServerInfoResponse(version="1.2.3"),
}


def status(
    code: int, message: str = "no", *, reason: str = "", field: str = "", retry_after: float = 0.0
) -> status_pb2.Status:
    result = status_pb2.Status(code=code, message=message)
    details: list[Message] = []
    if field:
        bad = error_details_pb2.BadRequest()
        bad.field_violations.add(field=field, description="is wrong", reason=reason)
        bad.field_violations.add(field="other", description="is wrong as well", reason="OTHER")
        details.append(bad)
    if retry_after:
        delay = duration_pb2.Duration()
        delay.FromMilliseconds(int(retry_after * 1000))
        details.append(error_details_pb2.RetryInfo(retry_delay=delay))
    metadata = {"field": field} if field else {}
    details.append(error_details_pb2.ErrorInfo(reason=reason, domain="simsvc", metadata=metadata))
    for detail in details:
        packed = any_pb2.Any()
        packed.Pack(detail)
        result.details.append(packed)
    return result


def fail(code: grpc.StatusCode, message: str = "no", **details: Any) -> Behaviour:
    """A call that fails, with details if any are given."""

    def behave(request: Any, context: grpc.ServicerContext) -> Any:
        if details:
            packed = status(code.value[0], message, **details).SerializeToString()
            context.set_trailing_metadata((("grpc-status-details-bin", packed),))
        context.abort(code, message)

    return behave


def items(*errors: status_pb2.Status | None) -> Behaviour:
    """A batch whose first items have these errors, None for an outcome."""

    def behave(request: Any, context: grpc.ServicerContext) -> Any:
        response = taken(request, context)
        for result, error in zip(response.results, errors, strict=False):
            if error is not None:
                result.error.CopyFrom(error)
        return response

    return behave


OVERLOADED = status(code_pb2.RESOURCE_EXHAUSTED, reason="OVERLOADED", retry_after=0.01)
INVALID = status(code_pb2.INVALID_ARGUMENT, reason="NUL", field="prompt.messages[0].content")


def prompt(request_id: str = "r1", text: str = "hello", **fields: Any) -> ObservedPrompt:
    return ObservedPrompt(request_id, "account", [("user", text)], **fields)


def check(stats: BufferStats) -> BufferStats:
    """Assert that nothing is lost."""
    settled = stats.sent + stats.dropped_expired + stats.rejected
    assert stats.accepted == settled + stats.pending
    return stats


def _servicer(script: Script, base: type, methods: list[str]) -> Any:
    def method(name: str) -> Callable[..., Any]:
        return lambda self, request, context: script.handle(name, request, context)

    return type("Scripted", (base,), {name: method(name) for name in methods})()


@contextmanager
def serving(credentials: grpc.ServerCredentials | None = None) -> Iterator[Script]:
    """Serve a script on a free port of 127.0.0.1."""
    script = Script()
    server = grpc.server(ThreadPoolExecutor(16))
    for module, stubs, name in _SERVICES:
        methods = [m.name for m in module.DESCRIPTOR.services_by_name[name].methods]
        servicer = _servicer(script, getattr(stubs, f"{name}Servicer"), methods)
        getattr(stubs, f"add_{name}Servicer_to_server")(servicer, server)
    up = health.HealthServicer()
    up.set("simsvc.v1.IngestService", health_pb2.HealthCheckResponse.NOT_SERVING)
    health_pb2_grpc.add_HealthServicer_to_server(up, server)
    address = "127.0.0.1:0"
    port = (
        server.add_secure_port(address, credentials)
        if credentials
        else server.add_insecure_port(address)
    )
    script.address = f"127.0.0.1:{port}"
    server.start()
    try:
        yield script
    finally:
        server.stop(None).wait()
