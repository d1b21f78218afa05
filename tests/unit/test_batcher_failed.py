"""Nobody is left waiting for a model thread that has ended."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator

import numpy as np
import pytest

from simsvc.domain.errors import UnavailableError
from simsvc.embed.batcher import Batcher
from simsvc.embed.cache import EmbeddingCache
from simsvc.ports.embedder import Priority
from tests.fakes.embedder import fake_vector
from tests.unit.test_batcher import ScriptedEngine, blocked


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> ScriptedEngine:
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    return ScriptedEngine()


@pytest.fixture
async def batcher(engine: ScriptedEngine) -> AsyncIterator[Batcher]:
    batcher = Batcher(engine, budget=8, max_texts=4, cache=EmbeddingCache(2**20))
    batcher.start()
    yield batcher
    engine.go.set()
    batcher.stop()


async def test_a_call_between_the_failure_and_its_report(
    batcher: Batcher, engine: ScriptedEngine
) -> None:
    busy = await blocked(batcher, engine)
    engine.error = ZeroDivisionError()
    engine.go.set()
    while any(t.name == "model" for t in threading.enumerate()):
        time.sleep(0.001)  # noqa: ASYNC251 - the loop must not hear of the failure yet
    async with asyncio.timeout(1):
        with pytest.raises(UnavailableError):
            await batcher.embed(["late"], Priority.INGEST)
    with pytest.raises(UnavailableError):
        await busy


async def test_who_left_is_not_told_of_the_failure(
    batcher: Batcher, engine: ScriptedEngine
) -> None:
    busy = await blocked(batcher, engine)
    engine.error = ZeroDivisionError()
    busy.cancel()
    engine.go.set()
    with pytest.raises(UnavailableError):
        await asyncio.wait_for(batcher.watch(), 10)
    with pytest.raises(asyncio.CancelledError):
        await busy


async def test_windows_of_many_texts_are_kept_apart(batcher: Batcher) -> None:
    texts = [" ".join(f"w{i}x{j}" for j in range(i)) for i in range(1, 12)]
    for text, got in zip(texts, await batcher.embed(texts, Priority.BULK), strict=True):
        words = text.split()
        windows = [words[i : i + 2] for i in range(0, len(words), 2)]
        mean = np.sum([len(w) * fake_vector(" ".join(w)) for w in windows], axis=0)
        assert (got.tokens, got.windows) == (len(words), len(windows))
        np.testing.assert_allclose(got.vector, mean / np.linalg.norm(mean), atol=1e-4)


async def test_stop_twice_and_a_late_joiner(batcher: Batcher, engine: ScriptedEngine) -> None:
    busy = await blocked(batcher, engine)
    stopping = asyncio.create_task(asyncio.to_thread(batcher.stop))
    await asyncio.sleep(0.01)
    joined = asyncio.create_task(batcher.embed(["busy"], Priority.INGEST))
    await asyncio.sleep(0)
    with pytest.raises(UnavailableError):
        await batcher.embed(["new"], Priority.INGEST)
    engine.go.set()
    await stopping
    assert len(await joined) == len(await busy) == 1
    await asyncio.to_thread(batcher.stop)


async def test_the_failure_reaches_a_batch_job_that_was_overtaken(
    batcher: Batcher, engine: ScriptedEngine
) -> None:
    busy = await blocked(batcher, engine)
    bulk = asyncio.create_task(batcher.embed(["x"], Priority.BULK))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    lookup = asyncio.create_task(batcher.embed(["x"], Priority.LOOKUP))
    await asyncio.sleep(0.01)
    engine.error = ZeroDivisionError()
    engine.go.set()
    _, waiting = await asyncio.wait([busy, bulk, lookup], timeout=1)
    for task in waiting:
        task.cancel()
    results = await asyncio.gather(busy, bulk, lookup, return_exceptions=True)
    assert [type(r) for r in results] == [UnavailableError] * 3
