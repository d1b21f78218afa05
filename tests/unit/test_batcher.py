"""The batcher over a scripted engine."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simsvc.domain.errors import UnavailableError
from simsvc.embed.batcher import Batcher
from simsvc.embed.cache import EmbeddingCache
from simsvc.embed.engine import Cut, Encoded, Window
from simsvc.embed.packing import pack, pack_rows
from simsvc.embed.passes import embed_parts, embed_texts
from simsvc.ports.embedder import Embedding, Priority
from tests.fakes.embedder import INFO, fake_vector


class ScriptedEngine:
    """One token a word, windows of two; waits for `go` before each cut.

    Computes in a thread of its own, as OpenVINO does, and waits there for `computes`.
    """

    info = INFO

    def __init__(self) -> None:
        self.computes = threading.Event()
        self.computes.set()
        self.fault: Exception | None = None
        self._threads = ThreadPoolExecutor(1)
        self._started: list[Future[None]] = []
        self.go = threading.Event()
        self.go.set()
        self.entered = threading.Event()
        self.rounds: list[list[str]] = []
        self.error: Exception | None = None

    def cut(self, texts: Sequence[str]) -> list[Cut]:
        self.rounds.append(list(texts))
        self.entered.set()
        assert self.go.wait(20)
        if self.error is not None:
            raise self.error
        return [self._cut(text.split()) for text in texts]

    name = "scripted"

    def use_this_thread(self) -> None:
        pass

    def encode(self, windows: Sequence[Window]) -> Encoded:
        vectors = np.array([fake_vector(window.text) for window in windows], np.float32)
        batches = pack([window.tokens for window in windows], 8)
        return Encoded(vectors, len(batches), 0)

    def start(self, windows: Sequence[Window], done: Callable[[Encoded], None]) -> None:
        self._started.append(self._threads.submit(self._compute, windows, done))

    def finish(self) -> None:
        for started in self._started:
            started.result()
        self._started.clear()

    def _compute(self, windows: Sequence[Window], done: Callable[[Encoded], None]) -> None:
        assert self.computes.wait(20)
        if self.fault is not None:
            raise self.fault
        done(self.encode(windows))

    def _cut(self, words: list[str]) -> Cut:
        windows = [
            Window(" ".join(words[i : i + 2]), range(len(words[i : i + 2])))
            for i in range(0, len(words), 2)
        ]
        return Cut(tuple(windows), len(words), False)


@pytest.fixture
def engine() -> ScriptedEngine:
    return ScriptedEngine()


@pytest.fixture
async def batcher(engine: ScriptedEngine) -> AsyncIterator[Batcher]:
    batcher = Batcher(engine, budget=8, max_texts=4, cache=EmbeddingCache(2**20))
    batcher.start()
    yield batcher
    engine.go.set()
    batcher.stop()


async def blocked(batcher: Batcher, engine: ScriptedEngine) -> asyncio.Task[list[Embedding]]:
    """Keep the model thread busy with a text of its own."""
    engine.go.clear()
    task = asyncio.create_task(batcher.embed(["busy"], Priority.INGEST))
    await asyncio.to_thread(engine.entered.wait, 20)
    return task


async def test_windows_are_pooled(batcher: Batcher) -> None:
    one, two = await batcher.embed(["a b", "a b c"], Priority.INGEST)
    assert (one.windows, one.tokens, two.windows, two.tokens) == (1, 2, 2, 3)
    np.testing.assert_allclose(one.vector, fake_vector("a b"))
    mixed = 2 * fake_vector("a b") + fake_vector("c")
    np.testing.assert_allclose(two.vector, mixed / np.linalg.norm(mixed), atol=1e-6)


async def test_equal_texts_are_embedded_once(batcher: Batcher, engine: ScriptedEngine) -> None:
    busy = await blocked(batcher, engine)
    tasks = [asyncio.create_task(batcher.embed(["x", "x"], Priority.INGEST)) for _ in range(3)]
    await asyncio.sleep(0.02)
    engine.go.set()
    await asyncio.gather(busy, *tasks)
    await batcher.embed(["x"], Priority.LOOKUP)
    assert engine.rounds == [["busy"], ["x"]]
    assert batcher.cache.hits == 1


async def test_the_urgent_go_first(batcher: Batcher, engine: ScriptedEngine) -> None:
    busy = await blocked(batcher, engine)
    bulk = asyncio.create_task(batcher.embed([f"b{i}" for i in range(4)], Priority.BULK))
    await asyncio.sleep(0.02)
    lookup = asyncio.create_task(batcher.embed(["l"], Priority.LOOKUP))
    await asyncio.sleep(0.02)
    engine.go.set()
    await asyncio.gather(busy, bulk, lookup)
    assert engine.rounds[1] == ["l", "b0", "b1", "b2"]


async def test_those_who_left_are_skipped(batcher: Batcher, engine: ScriptedEngine) -> None:
    busy = await blocked(batcher, engine)
    leaving = asyncio.create_task(batcher.embed(["gone", "kept"], Priority.INGEST))
    staying = asyncio.create_task(batcher.embed(["kept"], Priority.INGEST))
    await asyncio.sleep(0.02)
    leaving.cancel()
    await asyncio.sleep(0.02)
    engine.go.set()
    await asyncio.gather(busy, staying)
    assert engine.rounds[1] == ["kept"]
    assert batcher.counters.abandoned == 1
    assert len(await batcher.embed(["gone"], Priority.INGEST)) == 1


async def test_a_failing_model_tells_everybody(engine: ScriptedEngine) -> None:
    batcher = Batcher(engine, budget=8, max_texts=4, cache=EmbeddingCache(2**20))
    threading.excepthook = lambda _: None
    batcher.start()
    busy = await blocked(batcher, engine)
    waiting = asyncio.create_task(batcher.embed(["later"], Priority.INGEST))
    await asyncio.sleep(0.02)
    engine.error = ZeroDivisionError()
    engine.go.set()
    results = await asyncio.gather(busy, waiting, batcher.watch(), return_exceptions=True)
    assert all(isinstance(r, UnavailableError) for r in results)
    with pytest.raises(UnavailableError):
        await batcher.embed(["after"], Priority.INGEST)
    threading.excepthook = threading.__excepthook__


async def test_the_next_texts_are_cut_while_others_are_computed(
    batcher: Batcher, engine: ScriptedEngine
) -> None:
    engine.computes.clear()
    first = asyncio.create_task(batcher.embed(["first"], Priority.INGEST))
    assert await asyncio.to_thread(engine.entered.wait, 20)
    engine.entered.clear()
    second = asyncio.create_task(batcher.embed(["second"], Priority.INGEST))
    assert await asyncio.to_thread(engine.entered.wait, 20)
    assert not first.done()
    # Who comes for what is being computed waits for that.
    again = asyncio.create_task(batcher.embed(["first"], Priority.LOOKUP))
    await asyncio.sleep(0)
    engine.computes.set()
    await asyncio.gather(first, second, again)
    assert engine.rounds == [["first"], ["second"]]


async def test_a_model_that_fails_later_tells_everybody(
    batcher: Batcher, engine: ScriptedEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    engine.computes.clear()
    waiting = asyncio.create_task(batcher.embed(["never"], Priority.INGEST))
    assert await asyncio.to_thread(engine.entered.wait, 20)
    engine.fault = ZeroDivisionError()
    engine.computes.set()
    results = await asyncio.gather(waiting, batcher.watch(), return_exceptions=True)
    assert all(isinstance(r, UnavailableError) for r in results)


async def test_stopping_finishes_what_is_queued(engine: ScriptedEngine) -> None:
    batcher = Batcher(engine, budget=8, max_texts=1, cache=EmbeddingCache(2**20))
    batcher.start()
    waiting = asyncio.create_task(batcher.embed([f"t{i}" for i in range(5)], Priority.BULK))
    await asyncio.sleep(0.02)
    await asyncio.to_thread(batcher.stop)
    assert len(await waiting) == 5
    with pytest.raises(UnavailableError):
        await batcher.embed(["late"], Priority.LOOKUP)


def test_parts_that_overlap_come_in_order(engine: ScriptedEngine) -> None:
    parts = [["a b c", "d"], [], ["e f"], ["g"]]
    made = [e.vector for e in embed_parts(engine, parts)]
    one_by_one = [e.vector for part in parts if part for e in embed_texts(engine, part)[0]]
    np.testing.assert_array_equal(made, one_by_one)


@given(st.lists(st.integers(0, 300), max_size=80), st.integers(1, 1000))
def test_packing(lengths: list[int], budget: int) -> None:
    batches = pack(lengths, budget)
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    for batch in batches:
        padded = len(batch) * max(lengths[i] for i in batch)
        assert padded <= budget or len(batch) == 1


@given(st.lists(st.integers(0, 256), max_size=80))
def test_packing_end_to_end(lengths: list[int]) -> None:
    rows = pack_rows(lengths, (128, 256))
    assert sorted(i for _, row in rows for i in row) == list(range(len(lengths)))
    for size, row in rows:
        assert size in {128, 256}
        assert sum(lengths[i] for i in row) <= size
    # A long row is opened for what a short one does not hold.
    assert all(max(lengths[i] for i in row) > 128 for size, row in rows if size == 256)
    # No two rows would fit into one of their size.
    short = [sum(lengths[i] for i in row) for size, row in rows if size == 128]
    assert sum(2 * filled <= 128 for filled in short) <= 1


def test_what_fits_into_no_row_is_refused() -> None:
    with pytest.raises(ValueError, match="257 tokens"):
        pack_rows([5, 257], (128, 256))


async def test_an_idle_model_begins_before_it_is_asked(
    batcher: Batcher, engine: ScriptedEngine
) -> None:
    engine.go.clear()
    batcher.begin(["early", "early"], Priority.INGEST)
    assert await asyncio.to_thread(engine.entered.wait, 20)
    asked = asyncio.create_task(batcher.embed(["early"], Priority.INGEST))
    await asyncio.sleep(0)
    batcher.begin(["it is busy"], Priority.INGEST)
    engine.go.set()
    await asked
    assert batcher.cache.hits == 0
    await batcher.embed(["early"], Priority.INGEST)
    assert batcher.cache.hits == 1
    # What nobody comes for is done, too, and kept.
    batcher.begin(["early", "for nobody"], Priority.INGEST)
    await batcher.embed(["next"], Priority.INGEST)
    await batcher.embed(["for nobody"], Priority.INGEST)
    assert list(chain(*engine.rounds)) == ["early", "for nobody", "next"]


async def test_what_was_begun_fails_quietly(batcher: Batcher, engine: ScriptedEngine) -> None:
    engine.error = RuntimeError("broken")
    batcher.begin(["for nobody"], Priority.INGEST)
    with pytest.raises(UnavailableError, match="failed"):
        await batcher.watch()
    batcher.begin(["more"], Priority.INGEST)
    assert batcher.depth == 0


async def test_what_was_begun_and_is_done_is_no_repeat(
    batcher: Batcher, engine: ScriptedEngine
) -> None:
    batcher.begin(["early"], Priority.INGEST)
    await batcher.embed(["later"], Priority.INGEST)
    [made] = await batcher.embed(["early"], Priority.INGEST)
    np.testing.assert_array_equal(made.vector, fake_vector("early"))
    assert batcher.cache.hits == 0
    assert list(chain(*engine.rounds)) == ["early", "later"]
