"""What an SRE relies on: health, metrics, logs, reflection, drain, overload, a full disk."""

from __future__ import annotations

import socket
import sqlite3
import threading
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from grpc_status import rpc_status

from simsvc.rpc.policy import SERVICES
from simsvc.v1 import ingest_pb2, ingest_pb2_grpc, search_pb2, search_pb2_grpc, types_pb2
from tests.process import ServerProcess
from tests.until import until

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


def prompt(n: int, text: str = "", account: str = "") -> types_pb2.Prompt:
    return types_pb2.Prompt(
        request_id=f"ops-{n}",
        account_id=account or f"ops-account-{n % 7}",
        messages=[types_pb2.Message(role=types_pb2.ROLE_USER, content=text or f"operation {n}")],
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def health(channel: grpc.Channel, service: str = "") -> int:
    request = health_pb2.HealthCheckRequest(service=service)
    return int(health_pb2_grpc.HealthStub(channel).Check(request).status)


def test_metrics_logs_reflection_and_drain(tmp_path: Path) -> None:
    port = free_port()
    settings = {"SIMSVC_METRICS_LISTEN": f"127.0.0.1:{port}", "SIMSVC_REFLECTION": "true"}
    secret, account = "the quick zebra signs a secret treaty", "raw-account-4711"
    with ServerProcess(tmp_path, settings | {"SIMSVC_LOG_LEVEL": "debug"}) as server:
        with grpc.insecure_channel(server.address()) as channel:
            request = ingest_pb2.ObservePromptRequest(prompt=prompt(1, secret, account))
            ingest_pb2_grpc.IngestServiceStub(channel).ObservePrompt(request)
            search = search_pb2.SearchPromptsRequest(text=secret)
            search_pb2_grpc.SearchServiceStub(channel).SearchPrompts(search)
            assert {health(channel, s) for s in ("", *SERVICES)} == {SERVING}
            assert set(SERVICES) <= reflected(channel)
            metrics = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()
        method = 'grpc_method="simsvc.v1.IngestService/ObservePrompt"'
        assert f"grpc_server_call_started_total{{{method}}} 1.0" in metrics
        duration = f'grpc_server_call_duration_seconds_count{{{method},grpc_status="OK"}} 1.0'
        assert duration in metrics
        for line in ("prompts_observed_total 1.0", "index_prompts 1.0", "index_lag_prompts 0.0"):
            assert f"simsvc_{line}" in metrics
        assert server.terminate() == 0
        server.wait_for_end()
        # Nobody else may read prompts.
        assert (tmp_path / "record.db").stat().st_mode & 0o077 == 0
        assert (tmp_path / "index").stat().st_mode & 0o077 == 0
        assert [e["event"] for e in server.log][-2:] == ["draining", "stopped"]
        assert secret not in server.raw_log
        assert account not in server.raw_log
    assert list((tmp_path / "index").glob("*/manifest.json"))


def reflected(channel: grpc.Channel) -> set[str]:
    request = reflection_pb2.ServerReflectionRequest(list_services="")
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    [answer] = stub.ServerReflectionInfo(iter([request]))
    return {s.name for s in answer.list_services_response.service}


def test_drain_answers_what_was_taken(tmp_path: Path) -> None:
    with ServerProcess(tmp_path) as server:
        address = server.address()
        with grpc.insecure_channel(address) as channel:
            stub = ingest_pb2_grpc.IngestServiceStub(channel)
            batches = [
                ingest_pb2.BatchObservePromptsRequest(
                    prompts=[prompt(n, f"drain {n} " * 12) for n in range(start, start + 64)]
                )
                for start in range(0, 256, 64)
            ]
            calls = [stub.BatchObservePrompts.future(b) for b in batches]
            calls[0].result()
            assert server.terminate() == 0
            answered = 0
            for call in calls:
                if call.exception() is None:
                    answered += sum(r.HasField("outcome") for r in call.result().results)
        with sqlite3.connect(tmp_path / "record.db") as record:
            [(stored,)] = record.execute("select count(*) from prompts")
        assert answered == stored >= 64


def test_overload_is_shed_with_a_time_to_retry(tmp_path: Path) -> None:
    settings = {"SIMSVC_IN_FLIGHT_PROMPTS": "64", "SIMSVC_LIMIT_BATCH_PROMPTS": "64"}
    with ServerProcess(tmp_path, settings) as server, grpc.insecure_channel(server.address()) as ch:
        stub = ingest_pb2_grpc.IngestServiceStub(ch)

        def send(worker: int) -> grpc.RpcError | None:
            texts = [prompt(worker * 64 + i, f"overload {worker} {i} " * 40) for i in range(64)]
            try:
                stub.BatchObservePrompts(ingest_pb2.BatchObservePromptsRequest(prompts=texts))
            except grpc.RpcError as error:
                return error
            return None

        with ThreadPoolExecutor(8) as pool:
            errors = [e for e in pool.map(send, range(16)) if e is not None]
        assert 0 < len(errors) < 16
        for error in errors:
            assert error.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
            status = rpc_status.from_call(error)
            assert any(d.Is(error_details_pb2.RetryInfo.DESCRIPTOR) for d in status.details)


def test_an_abandoned_call_leaves_nothing_in_flight(tmp_path: Path) -> None:
    port = free_port()
    settings = {"SIMSVC_METRICS_LISTEN": f"127.0.0.1:{port}"}
    with ServerProcess(tmp_path, settings) as server, grpc.insecure_channel(server.address()) as ch:
        stub = ingest_pb2_grpc.IngestServiceStub(ch)
        texts = [prompt(n, f"abandoned {n} " * 100) for n in range(512)]
        request = ingest_pb2.BatchObservePromptsRequest(prompts=texts)
        call = stub.BatchObservePrompts.future(request)
        # By then they wait for the model, however busy the machine is.
        until(lambda: reading(port, "embed_queue_texts") > 0)
        call.cancel()
        until(lambda: not reading(port, "in_flight_prompts") + reading(port, "embed_queue_texts"))
        assert reading(port, "prompts_abandoned_total") > 0
        stub.ObservePrompt(ingest_pb2.ObservePromptRequest(prompt=prompt(9999)))


def reading(port: int, name: str) -> float:
    """Return a number of the server's metrics."""
    page = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics").read().decode()
    return float(page.split(f"\nsimsvc_{name} ")[1].split()[0])


def test_warns_that_accounts_will_not_be_known_again(tmp_path: Path) -> None:
    first = tmp_path / "first"
    with ServerProcess(first) as server:
        with grpc.insecure_channel(server.address()) as channel:
            request = ingest_pb2.ObservePromptRequest(prompt=prompt(1))
            ingest_pb2_grpc.IngestServiceStub(channel).ObservePrompt(request)
        assert server.terminate() == 0
        assert "new_pseudonym_key" not in server.raw_log
    moved = {"SIMSVC_RECORD_URL": f"sqlite:///{first / 'record.db'}"}
    with ServerProcess(tmp_path / "second", moved) as server:
        server.wait_for("new_pseudonym_key")


def test_health_follows_the_record(tmp_path: Path) -> None:
    """While another process holds the database's write lock, nothing can be acknowledged."""
    settings = {"SIMSVC_RECORD_BUSY": "0.2"}
    with ServerProcess(tmp_path, settings) as server, grpc.insecure_channel(server.address()) as ch:
        stub = ingest_pb2_grpc.IngestServiceStub(ch)
        stub.ObservePrompt(ingest_pb2.ObservePromptRequest(prompt=prompt(1)))
        lock = sqlite3.connect(tmp_path / "record.db", isolation_level=None)
        lock.execute("BEGIN IMMEDIATE")
        with pytest.raises(grpc.RpcError) as caught:
            stub.ObservePrompt(ingest_pb2.ObservePromptRequest(prompt=prompt(2)))
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert wait_for_health(ch, SERVICES[0], NOT_SERVING)
        server.wait_for("record_not_writable")
        lock.execute("ROLLBACK")
        lock.close()
        assert wait_for_health(ch, SERVICES[0], SERVING)
        server.wait_for("record_writable")
        stub.ObservePrompt(ingest_pb2.ObservePromptRequest(prompt=prompt(2)))


def wait_for_health(channel: grpc.Channel, service: str, wanted: int) -> bool:
    seen = threading.Event()
    request = health_pb2.HealthCheckRequest(service=service)
    watch = health_pb2_grpc.HealthStub(channel).Watch(request, timeout=60)
    try:
        for answer in watch:
            if answer.status == wanted:
                seen.set()
                break
    finally:
        watch.cancel()
    return seen.is_set()
