"""The batcher where callers, priorities and failures meet."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from simsvc.domain.errors import UnavailableError
from simsvc.embed.batcher import Batcher
from simsvc.embed.cache import EmbeddingCache
from simsvc.ports.embedder import Priority
from tests.unit.test_batcher import ScriptedEngine, blocked


@pytest.fixture(autouse=True)
def quiet_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda _: None)


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine()


@pytest.fixture
async def batcher(engine: ScriptedEngine) -> AsyncIterator[Batcher]:
    batcher = Batcher(engine, budget=8, max_texts=4, cache=EmbeddingCache(2**20))
    batcher.start()
    yield batcher
    engine.go.set()
    await asyncio.to_thread(batcher.stop)


async def turn() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_who_joins_a_text_that_is_being_embedded_gets_it(
    batcher: Batcher, engine: ScriptedEngine
) -> None:
    busy = await blocked(batcher, engine)
    joined = asyncio.create_task(batcher.embed(["busy"], Priority.LOOKUP))
    await turn()
    busy.cancel()
    await turn()
    engine.go.set()
    [embedding] = await joined
    assert (embedding.tokens, engine.rounds) == (1, [["busy"]])


async def test_a_text_that_all_left_may_be_asked_for_again(
    batcher: Batcher, engine: ScriptedEngine
) -> None:
    busy = await blocked(batcher, engine)
    leaving = asyncio.create_task(batcher.embed(["x"], Priority.INGEST))
    await turn()
    leaving.cancel()
    await turn()
    again = asyncio.create_task(batcher.embed(["x"], Priority.INGEST))
    await turn()
    engine.go.set()
    assert len(await again) == 1
    await busy
    assert (engine.rounds[1:], batcher.counters.abandoned) == ([["x"]], 1)


async def test_a_round_is_bounded_by_length(engine: ScriptedEngine) -> None:
    batcher = Batcher(engine, budget=2, max_texts=50, cache=EmbeddingCache(2**20))
    batcher.start()
    busy = await blocked(batcher, engine)
    # 4 passes of 2 tokens of 4 characters: 32 characters, and the text that crosses it.
    texts = [f"{i} {'x' * 13}" for i in range(6)]
    rest = asyncio.create_task(batcher.embed(texts, Priority.BULK))
    await turn()
    engine.go.set()
    await asyncio.gather(busy, rest)
    assert [len(texts) for texts in engine.rounds] == [1, 3, 3]
    await asyncio.to_thread(batcher.stop)


async def test_counters_tell_what_was_done(batcher: Batcher) -> None:
    await batcher.embed(["a b c", "d"], Priority.INGEST)
    await batcher.embed(["d"], Priority.INGEST)
    counters = batcher.counters
    assert (counters.texts, counters.windows, counters.tokens) == (2, 3, 4)
    assert counters.abandoned == batcher.depth == 0


async def test_nothing_is_embedded_before_the_start(engine: ScriptedEngine) -> None:
    batcher = Batcher(engine, budget=8, max_texts=4, cache=EmbeddingCache(2**20))
    with pytest.raises(UnavailableError):
        await batcher.embed(["x"], Priority.INGEST)
    batcher.stop()


async def test_stopping_ends_the_thread(batcher: Batcher) -> None:
    await batcher.embed(["x"], Priority.INGEST)
    thread = next(t for t in threading.enumerate() if t.name == "model")
    await asyncio.to_thread(batcher.stop)
    assert not thread.is_alive()
    assert len(await batcher.embed(["x"], Priority.INGEST)) == 1  # from the cache


async def test_a_failure_of_one_pass_reaches_those_who_queue(engine: ScriptedEngine) -> None:
    batcher = Batcher(engine, budget=8, max_texts=1, cache=EmbeddingCache(2**20))
    batcher.start()
    busy = await blocked(batcher, engine)
    waiting = asyncio.create_task(batcher.embed([f"t{i}" for i in range(5)], Priority.INGEST))
    await turn()
    engine.error = MemoryError()
    engine.go.set()
    results = await asyncio.gather(busy, waiting, return_exceptions=True)
    assert [type(r) for r in results] == [UnavailableError] * 2
    assert engine.rounds == [["busy"]]
    with pytest.raises(UnavailableError):
        await asyncio.wait_for(batcher.watch(), 10)
    await asyncio.to_thread(batcher.stop)


async def test_a_model_thread_that_cannot_start_is_noticed(engine: ScriptedEngine) -> None:
    def broken() -> None:
        raise RuntimeError("no such number of cores")

    batcher = Batcher(engine, budget=8, max_texts=4, cache=EmbeddingCache(2**20))
    batcher.start(broken)
    thread = next((t for t in threading.enumerate() if t.name == "model"), None)
    if thread is not None:
        await asyncio.to_thread(thread.join)
    await turn()
    watching = asyncio.create_task(batcher.watch())
    await turn()
    noticed = watching.done()
    watching.cancel()
    assert noticed


async def test_an_urgent_caller_of_a_queued_text_goes_first(
    batcher: Batcher, engine: ScriptedEngine
) -> None:
    busy = await blocked(batcher, engine)
    bulk = asyncio.create_task(batcher.embed([f"b{i}" for i in range(6)], Priority.BULK))
    await turn()
    lookup = asyncio.create_task(batcher.embed(["b5"], Priority.LOOKUP))
    await turn()
    engine.go.set()
    await asyncio.gather(busy, bulk, lookup)
    assert "b5" in engine.rounds[1]
