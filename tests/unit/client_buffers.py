"""Fixtures of the buffer tests: each buffer, sync and aio, against a scripted server."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, Protocol, cast

import grpc
import pytest

from simsvc.client import (
    AsyncClient,
    AsyncPromptBuffer,
    BufferOptions,
    BufferStats,
    Client,
    ObservedPrompt,
    PromptBuffer,
)
from tests.unit.test_client_support import (
    Script,
    serving,
    taken,
)

FAST: dict[str, Any] = {"linger": 0.01, "backoff_initial": 0.01, "backoff_max": 0.05}
SOON = 10.0
BATCH = "BatchObservePrompts"
INTERNAL = grpc.StatusCode.INTERNAL
DEADLINE_EXCEEDED = grpc.StatusCode.DEADLINE_EXCEEDED


class Buffer(Protocol):
    def put(self, prompt: ObservedPrompt, timeout: float = 0.0) -> bool: ...
    def flush(self, timeout: float | None = None) -> bool: ...
    def close(self, timeout: float | None = 10.0) -> bool: ...
    def stats(self) -> BufferStats: ...


class AioBuffer:
    """An AsyncPromptBuffer in a loop of its own, used like a PromptBuffer."""

    def __init__(self, script: Script, options: BufferOptions) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._client, self._buffer = self._run(self._open(script, options))

    async def _open(self, script: Script, options: BufferOptions) -> Any:
        client = AsyncClient(script.connection())
        return client, AsyncPromptBuffer(client, options)

    def _run(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(30)

    def put(self, prompt: ObservedPrompt, timeout: float = 0.0) -> bool:
        return bool(self._run(self._buffer.put(prompt, timeout)))

    def flush(self, timeout: float | None = None) -> bool:
        return bool(self._run(self._buffer.flush(timeout)))

    def close(self, timeout: float | None = 10.0) -> bool:
        return bool(self._run(self._buffer.close(timeout)))

    def stats(self) -> BufferStats:
        return cast(BufferStats, self._buffer.stats())

    def end(self) -> None:
        self.close(0.0)
        self.close_client()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def close_client(self) -> None:
        self._run(self._client.close())


class SyncBuffer(PromptBuffer):
    def __init__(self, script: Script, options: BufferOptions) -> None:
        self.client = Client(script.connection())
        super().__init__(self.client, options)

    def end(self) -> None:
        self.close(0.0)
        self.close_client()
        for thread in self._threads:
            thread.join(SOON)
            assert not thread.is_alive()

    def close_client(self) -> None:
        self.client.close()


@pytest.fixture
def script() -> Iterator[Script]:
    with serving() as script:
        yield script


@pytest.fixture(params=[SyncBuffer, AioBuffer], ids=["sync", "aio"])
def make(request: pytest.FixtureRequest, script: Script) -> Iterator[Callable[..., Any]]:
    with ExitStack() as stack:

        def make(**options: Any) -> Any:
            buffer = request.param(script, BufferOptions(**{**FAST, **options}))
            stack.callback(buffer.end)
            return buffer

        yield make


def wait_for(ready: Callable[[], bool]) -> None:
    deadline = time.monotonic() + SOON
    while not ready():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def flushed(buffer: Buffer) -> bool:
    """Flush, and see that it ended because all was settled and not because time was up."""
    started = time.monotonic()
    return buffer.flush(2 * SOON) and time.monotonic() - started < SOON


class Gate:
    """Holds batches back until it opens."""

    def __init__(self) -> None:
        self.opened = threading.Event()

    def __call__(self, request: Any, context: grpc.ServicerContext) -> Any:
        self.opened.wait(SOON)
        return taken(request, context)


@pytest.fixture
def gate(script: Script) -> Iterator[Gate]:
    gate = Gate()
    script.steps[BATCH] = [gate] * 10
    yield gate
    gate.opened.set()
