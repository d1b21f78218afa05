"""Both buffers against a scripted server."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
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
    INVALID,
    OVERLOADED,
    Script,
    check,
    fail,
    items,
    prompt,
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


def test_everything_arrives_once_in_batches(script: Script, make: Callable[..., Buffer]) -> None:
    buffer = make(batch_prompts=20, linger=5.0)
    names = [str(i) for i in range(100)]
    assert all(buffer.put(prompt(name)) for name in names)
    assert flushed(buffer)
    assert sorted(script.observed) == sorted(names)
    stats = check(buffer.stats())
    assert (stats.sent, stats.pending, stats.dropped_full) == (100, 0, 0)
    assert len(script.requests(BATCH)) == 5


def test_a_prompt_alone_is_sent_after_lingering(
    script: Script, make: Callable[..., Buffer]
) -> None:
    buffer = make()
    buffer.put(prompt("a"))
    wait_for(lambda: buffer.stats().sent == 1)
    assert script.observed == ["a"]


def test_a_full_batch_does_not_linger(script: Script, make: Callable[..., Buffer]) -> None:
    buffer = make(linger=60.0, batch_prompts=2)
    for name in "abc":
        buffer.put(prompt(name))
        # Lets a sender see the first and wait for more.
        time.sleep(0.02)
    wait_for(lambda: buffer.stats().sent == 2)
    assert script.observed == ["a", "b"]


def test_one_slow_call_does_not_hold_up_the_rest(
    script: Script, make: Callable[..., Buffer], gate: Gate
) -> None:
    script.steps[BATCH] = [gate]
    buffer = make(batch_prompts=1, linger=60.0)
    for name in "abcd":
        buffer.put(prompt(name))
    wait_for(lambda: buffer.stats().sent == 3)
    gate.opened.set()
    assert flushed(buffer)


def test_flush_of_nothing(make: Callable[..., Buffer]) -> None:
    assert make().flush(0.0)


def test_prompts_get_a_time(script: Script, make: Callable[..., Buffer]) -> None:
    buffer = make()
    then = datetime(2026, 1, 1, tzinfo=UTC)
    before = datetime.now(UTC)
    buffer.put(prompt("a"))
    buffer.put(prompt("b", observed_at=then))
    assert flushed(buffer)
    times = [
        p.observed_at.ToDatetime(UTC) for request in script.requests(BATCH) for p in request.prompts
    ]
    assert before <= times[0] <= datetime.now(UTC)
    assert times[1] == then


def test_items_that_fail(script: Script, make: Callable[..., Buffer]) -> None:
    script.steps[BATCH] = [items(OVERLOADED, INVALID), items(OVERLOADED)]
    buffer = make(linger=5.0)
    for name in "abc":
        buffer.put(prompt(name))
    assert flushed(buffer)
    stats = check(buffer.stats())
    assert (stats.sent, stats.rejected) == (2, 1)
    sent = [[p.request_id for p in r.prompts] for r in script.requests(BATCH)]
    assert sent == [["a", "b", "c"], ["a"], ["a"]]


def test_calls_that_fail_for_now(script: Script, make: Callable[..., Buffer]) -> None:
    script.steps[BATCH] = [fail(DEADLINE_EXCEEDED, retry_after=0.02), fail(DEADLINE_EXCEEDED)]
    buffer = make()
    buffer.put(prompt("a"))
    assert flushed(buffer)
    assert check(buffer.stats()).sent == 1
    assert len(script.requests(BATCH)) == 3


def test_calls_that_are_refused(
    script: Script, make: Callable[..., Buffer], caplog: pytest.LogCaptureFixture
) -> None:
    script.steps[BATCH] = [fail(INTERNAL)]
    buffer = make()
    with caplog.at_level(logging.WARNING, "simsvc.client"):
        buffer.put(prompt("a", "a secret"))
        assert flushed(buffer)
    assert check(buffer.stats()).rejected == 1
    assert "INTERNAL" in caplog.text
    assert "a secret" not in caplog.text


def test_a_server_that_comes_up_late(script: Script, make: Callable[..., Buffer]) -> None:
    down = threading.Event()

    def behave(request: Any, context: grpc.ServicerContext) -> Any:
        if down.is_set():
            return taken(request, context)
        return fail(DEADLINE_EXCEEDED)(request, context)

    script.steps[BATCH] = [behave] * 10_000
    buffer = make()
    for i in range(50):
        assert buffer.put(prompt(str(i)))
    wait_for(lambda: len(script.calls) >= 3)
    assert check(buffer.stats()).pending == 50
    down.set()
    assert flushed(buffer)
    assert check(buffer.stats()).sent == 50


def test_a_full_buffer_drops_and_counts(
    make: Callable[..., Buffer], gate: Gate, script: Script
) -> None:
    buffer = make(capacity=5)
    assert [buffer.put(prompt(str(i))) for i in range(7)] == [True] * 5 + [False] * 2
    assert not buffer.put(prompt("8"), timeout=0.02)
    assert check(buffer.stats()).dropped_full == 3
    gate.opened.set()
    assert buffer.put(prompt("9"), timeout=SOON)
    assert flushed(buffer)
    stats = check(buffer.stats())
    assert (stats.accepted, stats.sent) == (6, 6)


def test_put_does_not_wait_for_the_server(make: Callable[..., Buffer], gate: Gate) -> None:
    buffer = make(capacity=500, batch_prompts=10)
    started = time.monotonic()
    for i in range(1000):
        buffer.put(prompt(str(i)))
    assert time.monotonic() - started < SOON / 2
    assert not gate.opened.is_set()
    stats = check(buffer.stats())
    assert (stats.accepted, stats.dropped_full, stats.pending) == (500, 500, 500)


def test_a_prompt_that_never_fits(make: Callable[..., Buffer]) -> None:
    buffer = make(capacity_bytes=1000)
    assert not buffer.put(prompt("a", "x" * 2000), timeout=SOON)
    assert check(buffer.stats()).dropped_full == 1
    assert buffer.put(prompt("b"))


def test_a_prompt_that_cannot_be_encoded(make: Callable[..., Buffer]) -> None:
    buffer = make()
    with pytest.raises(ValueError, match="unknown role"):
        buffer.put(ObservedPrompt("r", "a", [("human", "x")]))
    assert buffer.stats() == BufferStats(0, 0, 0, 0, 0, 0)


def test_old_prompts_are_dropped(script: Script, make: Callable[..., Buffer]) -> None:
    script.steps[BATCH] = [fail(DEADLINE_EXCEEDED)] * 10_000
    buffer = make(max_age=0.1)
    for i in range(10):
        buffer.put(prompt(str(i)))
    assert flushed(buffer)
    stats = check(buffer.stats())
    assert (stats.dropped_expired, stats.sent) == (10, 0)
    assert script.observed == []


def test_flush_gives_up(make: Callable[..., Buffer], gate: Gate) -> None:
    buffer = make()
    buffer.put(prompt())
    assert not buffer.flush(0.05)
    assert check(buffer.stats()).pending == 1
    gate.opened.set()
    assert flushed(buffer)


def test_close_sends_what_is_left(script: Script, make: Callable[..., Buffer]) -> None:
    buffer = make(linger=60.0)
    buffer.put(prompt("a"))
    assert buffer.close(SOON)
    assert script.observed == ["a"]
    assert not buffer.put(prompt("b"), timeout=SOON)
    stats = check(buffer.stats())
    assert (stats.accepted, stats.sent, stats.dropped_full) == (1, 1, 1)
    assert buffer.close(SOON)


def test_close_gives_up_and_says_what_is_left(make: Callable[..., Buffer], gate: Gate) -> None:
    buffer = make(batch_prompts=2)
    for i in range(10):
        buffer.put(prompt(str(i)))
    assert not buffer.close(0.05)
    assert check(buffer.stats()).pending == 10


def test_a_client_that_is_closed_too_early(script: Script, make: Callable[..., Any]) -> None:
    buffer = make(max_age=0.3)
    buffer.close_client()
    buffer.put(prompt())
    assert flushed(buffer)
    assert check(buffer.stats()).dropped_expired == 1


def test_a_client_that_is_closed_during_a_call(
    script: Script, make: Callable[..., Any], gate: Gate
) -> None:
    buffer = make(max_age=0.5)
    buffer.put(prompt())
    wait_for(lambda: len(script.calls) == 1)
    buffer.close_client()
    assert flushed(buffer)
    assert check(buffer.stats()).dropped_expired == 1


def test_many_threads(script: Script) -> None:
    script.steps[BATCH] = [
        items(OVERLOADED, OVERLOADED, INVALID),
        fail(DEADLINE_EXCEEDED),
        fail(INTERNAL),
    ] * 3
    options = BufferOptions(**FAST, batch_prompts=16, senders=4)
    with Client(script.connection()) as client, PromptBuffer(client, options) as buffer:

        def work(name: int) -> None:
            for i in range(200):
                assert buffer.put(prompt(f"{name}-{i}"), timeout=SOON)
                check(buffer.stats())

        threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert flushed(buffer)
        stats = check(buffer.stats())
    assert (stats.accepted, stats.pending, stats.dropped_full) == (800, 0, 0)
    assert len(script.observed) == len(set(script.observed)) == stats.sent
    assert stats.rejected >= 3


async def test_put_of_a_full_aio_buffer_does_not_yield(script: Script) -> None:
    async with AsyncClient(script.connection()) as client:
        async with AsyncPromptBuffer(client, BufferOptions(**FAST, capacity=2)) as buffer:
            ran = asyncio.Event()
            asyncio.get_running_loop().call_soon(ran.set)
            assert [await buffer.put(prompt(i)) for i in "abc"] == [True, True, False]
            assert not ran.is_set()
        assert check(buffer.stats()).sent == 2
