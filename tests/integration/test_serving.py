"""Health and readiness while a server recovers, and when a part of it fails."""

from __future__ import annotations

import asyncio
import os
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, NoReturn

import grpc
import grpc.aio
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from structlog.testing import capture_logs

from simsvc.core.access import Access
from simsvc.core.feed import CampaignFeed
from simsvc.core.writer import Writer
from simsvc.domain.errors import UnavailableError
from simsvc.rpc.guard import Guard, Readiness
from simsvc.rpc.info import InfoServicer
from simsvc.rpc.policy import SERVICES
from simsvc.rpc.server import Health, make_server
from simsvc.serving import NotRecoveredError, Parts, serve_until_signalled
from simsvc.telemetry.metrics import Metrics
from simsvc.v1 import info_pb2, info_pb2_grpc
from tests.fakes.record import MemoryRecord

NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
SERVING = health_pb2.HealthCheckResponse.SERVING


class SlowLifecycle:
    """Recovers when it is told to."""

    replayed = 7

    def __init__(self) -> None:
        self.may_recover = threading.Event()
        self.snapshots = 0

    def recover(self) -> None:
        assert self.may_recover.wait(30)

    def tick(self) -> int:
        return 0

    async def snapshot(self) -> int:
        self.snapshots += 1
        return 0

    async def run(self) -> None:
        await asyncio.Event().wait()


class IdleGenerations:
    def __init__(self) -> None:
        self.calls: list[str] = []

    async def resume(self) -> None:
        self.calls.append("resume")

    async def stop(self) -> None:
        self.calls.append("stop")


class Stack:
    def __init__(self) -> None:
        self.pool = ThreadPoolExecutor(2)
        readiness = Readiness()
        server = make_server([Guard(Access({}), readiness, Metrics())], 1 << 20)
        status: Any = SimpleNamespace()
        info_pb2_grpc.add_InfoServiceServicer_to_server(InfoServicer(status), server)
        health = Health(server)
        self.lifecycle: Any = SlowLifecycle()
        self.model_failed = asyncio.Event()
        self.closed = False
        self.warmed = 0
        committer: Any = SimpleNamespace()
        self.generations: Any = IdleGenerations()
        idle: Any = SimpleNamespace(run=self.lifecycle.run)
        self.port = server.add_insecure_port("127.0.0.1:0")
        self.parts = Parts(
            server=server,
            health=health,
            readiness=readiness,
            writer=Writer(committer, self.pool, 8),
            lifecycle=self.lifecycle,
            probe=idle,
            feed=CampaignFeed(MemoryRecord(), self.pool),
            watch_model=self._watch_model,
            generations=self.generations,
            alerts=self.lifecycle.run,
            finish_sealing=lambda: None,
            warm=self._warm,
            close=self._close,
        )

    async def _watch_model(self) -> None:
        await self.model_failed.wait()
        raise UnavailableError("the model failed")

    def _warm(self) -> None:
        self.warmed += 1

    def _close(self) -> None:
        self.closed = True
        self.pool.shutdown(wait=False)


def away() -> NoReturn:
    raise UnavailableError("the record is away")


async def states(channel: grpc.aio.Channel) -> set[int]:
    stub = health_pb2_grpc.HealthStub(channel)
    names = ["", *SERVICES]
    answers = [await stub.Check(health_pb2.HealthCheckRequest(service=n)) for n in names]
    return {answer.status for answer in answers}


async def until_serving(channel: grpc.aio.Channel) -> None:
    for _ in range(300):
        if await states(channel) == {SERVING}:
            return
        await asyncio.sleep(0.05)
    pytest.fail("never serving")


async def test_not_serving_before_recovery_and_an_error_ends_it() -> None:
    stack = Stack()
    serving = asyncio.create_task(serve_until_signalled(stack.parts, "here", drain=1.0))
    async with grpc.aio.insecure_channel(f"127.0.0.1:{stack.port}") as channel:
        await channel.channel_ready()
        assert await states(channel) == {NOT_SERVING}
        info = info_pb2_grpc.InfoServiceStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await info.GetServerInfo(info_pb2.GetServerInfoRequest())
        assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
        assert "loading" in str(caught.value.details())
        assert not stack.warmed
        stack.lifecycle.may_recover.set()
        await until_serving(channel)
        assert stack.warmed == 1
        stack.model_failed.set()
        with pytest.raises(UnavailableError):
            await serving
    assert stack.closed
    assert stack.lifecycle.snapshots == 1
    assert stack.generations.calls == ["resume", "stop"]


async def test_a_sealing_that_failed_does_not_keep_the_last_snapshot_away() -> None:
    stack = Stack()

    def failed() -> None:
        raise RuntimeError("a segment could not be sealed")

    parts = replace(stack.parts, finish_sealing=failed)
    stack.lifecycle.may_recover.set()
    serving = asyncio.create_task(serve_until_signalled(parts, "here", drain=1.0))
    async with grpc.aio.insecure_channel(f"127.0.0.1:{stack.port}") as channel:
        await channel.channel_ready()
        await until_serving(channel)
        stack.model_failed.set()
        with pytest.raises(RuntimeError, match="could not be sealed"):
            await serving
    assert stack.lifecycle.snapshots == 1
    assert stack.closed


async def test_a_record_that_goes_away_at_the_start_ends_it_without_a_report(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stack = Stack()
    monkeypatch.setattr(stack.lifecycle, "recover", away)
    monkeypatch.setattr(stack.lifecycle, "tick", lambda: pytest.fail("half of it is reported"))
    with pytest.raises(NotRecoveredError, match="the record is away"):
        await serve_until_signalled(stack.parts, "here", drain=1.0)
    assert stack.closed
    assert stack.lifecycle.snapshots == 0


async def test_a_record_that_is_away_at_the_end_keeps_nothing_else_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stack = Stack()
    monkeypatch.setattr(stack.lifecycle, "tick", away)
    stack.lifecycle.may_recover.set()
    serving = asyncio.create_task(serve_until_signalled(stack.parts, "here", drain=1.0))
    async with grpc.aio.insecure_channel(f"127.0.0.1:{stack.port}") as channel:
        await channel.channel_ready()
        await until_serving(channel)
        with capture_logs() as logs:
            os.kill(os.getpid(), signal.SIGTERM)
            await serving
    assert stack.lifecycle.snapshots == 1
    assert "last_report_failed" in {line["event"] for line in logs}
