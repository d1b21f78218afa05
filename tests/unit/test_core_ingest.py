"""Ingest: once each, acknowledged when recorded, nothing left in flight."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence

import pytest

from simsvc.domain.errors import OverloadedError, RequestIdReusedError, UnavailableError
from simsvc.domain.prompt import Outcome, Prompt
from simsvc.ports.record import Answered, NewPrompt
from tests.fakes.record import MemoryRecord
from tests.unit.helpers import Core, prompt


class FailingRecord(MemoryRecord):
    def __init__(self) -> None:
        super().__init__()
        self.error: Exception | None = None

    def append(self, prompts: Sequence[NewPrompt]) -> None:
        if self.error is not None:
            raise self.error
        super().append(prompts)


@pytest.fixture
async def core() -> AsyncIterator[Core]:
    core = Core(FailingRecord())
    yield core
    if not core.running.done():
        await core.stop()


async def test_an_outcome_for_each(core: Core) -> None:
    first = await core.ingest.observe([prompt("a", "one two three"), prompt("b", "four five")])
    assert [r.seq for r in first if isinstance(r, Outcome)] == [1, 2]
    [near] = await core.ingest.observe([prompt("c", "one two three", account="other")])
    assert isinstance(near, Outcome)
    assert near.nearest_similarity == pytest.approx(1.0, abs=1e-3)
    assert near.family_accounts == 2
    assert core.index.stats().prompts == core.record.last_seq() == 3


async def test_the_model_begins_on_a_few(core: Core) -> None:
    await core.ingest.observe([prompt("a", "one two")])
    await core.ingest.observe([prompt(f"many-{i}", f"text {i}") for i in range(9)])
    assert core.embedder.begun == ["one two"]


async def test_what_there_is_no_room_for_is_refused_before_anything_is_done(core: Core) -> None:
    """However busy the threads are that take prompts apart: nothing waits for them unpermitted."""
    core.admission.admit(95)
    busy = threading.Event()
    for _ in range(2):
        core.readers.submit(busy.wait)
    many = [prompt(f"many-{i}", f"text {i}") for i in range(9)]
    try:
        with pytest.raises(OverloadedError):
            await asyncio.wait_for(core.ingest.observe(many), 5)
    finally:
        busy.set()
    core.admission.release(95)


async def test_a_large_batch_that_is_sent_again_does_not_hold_the_loop(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = [prompt(f"many-{i}", f"text {i}") for i in range(9)]
    first = await core.ingest.observe(many)
    digest, threads = Prompt.digest, set[threading.Thread]()

    def noted(self: Prompt) -> bytes:
        threads.add(threading.current_thread())
        return digest(self)

    monkeypatch.setattr(Prompt, "digest", noted)
    assert await core.ingest.observe(many) == first
    assert threads
    assert threading.current_thread() not in threads


async def test_one_request_one_row(core: Core) -> None:
    same = prompt("same")
    twice = await core.ingest.observe([same, same])
    together = await asyncio.gather(*(core.ingest.observe([prompt("z")]) for _ in range(5)))
    later = await core.ingest.observe([same])
    assert twice[0] == twice[1] == later[0]
    assert all(r == together[0] for r in together)
    assert core.record.last_seq() == 2


async def test_the_record_knows_what_memory_forgot(core: Core) -> None:
    [first] = await core.ingest.observe([prompt("old")])
    again = Core(core.record)
    again.index.add(*_all_rows(core))
    assert await again.ingest.observe([prompt("old")]) == [first]
    [reused] = await again.ingest.observe([prompt("old", "other text")])
    assert isinstance(reused, RequestIdReusedError)
    await again.ingest.observe([prompt("new", "text of old")])
    assert again.embedder.texts == []
    await again.stop()


def _all_rows(core: Core):  # type: ignore[no-untyped-def]
    [batch] = core.record.replay(0, 10**9, 100, with_vectors=True)
    return batch.rows, batch.vectors


async def test_a_reused_id_is_refused_in_every_way(core: Core) -> None:
    in_batch = await core.ingest.observe([prompt("r"), prompt("r", "other")])
    assert isinstance(in_batch[1], RequestIdReusedError)
    core.embedder.gate = asyncio.Event()
    first = asyncio.create_task(core.ingest.observe([prompt("s")]))
    await asyncio.sleep(0.02)
    second = asyncio.create_task(core.ingest.observe([prompt("s", "other")]))
    await asyncio.sleep(0.02)
    core.embedder.gate.set()
    assert isinstance((await second)[0], RequestIdReusedError)
    assert isinstance((await first)[0], Outcome)
    assert core.record.last_seq() == 2


async def test_repeated_texts_are_embedded_once(core: Core) -> None:
    await core.ingest.observe([prompt(f"p{i}", "the same words") for i in range(5)])
    await core.ingest.observe([prompt("q", "the same words", account="b")])
    assert core.embedder.texts == ["the same words"]


async def test_leaving_before_the_commit_writes_nothing(core: Core) -> None:
    core.embedder.gate = asyncio.Event()
    leaving = asyncio.create_task(core.ingest.observe([prompt("gone"), prompt("too")]))
    await asyncio.sleep(0.02)
    joined = asyncio.create_task(core.ingest.observe([prompt("gone")]))
    await asyncio.sleep(0.02)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving
    [result] = await joined
    assert isinstance(result, UnavailableError)
    assert (core.admission.in_use, core.record.last_seq()) == (0, 0)
    core.embedder.gate.set()
    [retried] = await core.ingest.observe([prompt("gone")])
    assert isinstance(retried, Outcome)


async def test_a_record_that_cannot_be_written(core: Core) -> None:
    assert isinstance(core.record, FailingRecord)
    core.record.error = UnavailableError("the disk is full")
    with pytest.raises(UnavailableError):
        await core.ingest.observe([prompt("a"), prompt("b")])
    assert not core.writer.writable
    assert (core.index.stats().prompts, core.detector.accounts) == (0, 0)
    assert core.admission.in_use == 0
    core.record.error = None
    [outcome] = await core.ingest.observe([prompt("a")])
    assert isinstance(outcome, Outcome)
    assert core.writer.writable


async def test_a_record_that_cannot_be_read(core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    def answered(_: Sequence[str]) -> dict[str, Answered]:
        raise UnavailableError("the database is gone")

    with monkeypatch.context() as gone:
        gone.setattr(core.record, "answered", answered)
        with pytest.raises(UnavailableError):
            await core.ingest.observe([prompt("a")])
    # The probe only looks at a record that is thought not to be writable.
    assert not core.writer.writable
    assert core.admission.in_use == 0
    [outcome] = await core.ingest.observe([prompt("a")])
    assert isinstance(outcome, Outcome)
    assert core.writer.writable


async def test_an_unexpected_error_ends_the_writer(core: Core) -> None:
    assert isinstance(core.record, FailingRecord)
    core.record.error = ZeroDivisionError()
    with pytest.raises(UnavailableError):
        await core.ingest.observe([prompt("a")])
    with pytest.raises(ZeroDivisionError):
        await core.running


async def test_overload(core: Core) -> None:
    core.embedder.gate = asyncio.Event()
    busy = asyncio.create_task(core.ingest.observe([prompt(f"p{i}") for i in range(100)]))
    await asyncio.sleep(0.02)
    with pytest.raises(OverloadedError):
        await core.ingest.observe([prompt("one more")])
    waiting = asyncio.create_task(core.ingest.wait_for_room())
    await asyncio.sleep(0.02)
    assert not waiting.done()
    core.embedder.gate.set()
    assert len(await busy) == 100
    await waiting
    [outcome] = await core.ingest.observe([prompt("one more")], admitted=True)
    assert isinstance(outcome, Outcome)
    assert core.admission.in_use == 0


async def test_a_closed_writer_takes_no_more_but_finishes(core: Core) -> None:
    taken = asyncio.create_task(core.ingest.observe([prompt(f"p{i}") for i in range(80)]))
    while not core.writer.depth and not core.writer.committed:  # noqa: ASYNC110 - another's state
        await asyncio.sleep(0)
    core.writer.close()
    assert len(await taken) == 80
    await core.running
    with pytest.raises(UnavailableError):
        await core.ingest.observe([prompt("late")])
