"""Callers who leave or fail while their prompts are being written, and who come back."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import AsyncIterator, Callable, Sequence

import pytest

from simsvc.domain.errors import OverloadedError, UnavailableError
from simsvc.domain.prompt import Outcome
from simsvc.ports.record import NewPrompt
from tests.fakes.record import MemoryRecord
from tests.unit.helpers import Core, prompt

RETRIED = "ingest.py: what is still being written is forgotten, and a retry writes it twice"


class SlowRecord(MemoryRecord):
    """Waits for `go` in each append; raises the next of `errors`, if there is one."""

    def __init__(self) -> None:
        super().__init__()
        self.go, self.entered = threading.Event(), threading.Event()
        self.go.set()
        self.errors: list[Exception] = []
        self.sizes: list[int] = []
        self.stuck_after_an_error = False

    def append(self, prompts: Sequence[NewPrompt]) -> None:
        self.entered.set()
        assert self.go.wait(20)
        if self.errors:
            if self.stuck_after_an_error:
                self.go.clear()
            raise self.errors.pop(0)
        super().append(prompts)
        self.sizes.append(len(prompts))


@pytest.fixture
def record() -> SlowRecord:
    return SlowRecord()


@pytest.fixture
async def core(record: SlowRecord) -> AsyncIterator[Core]:
    core = Core(record, permits=1000)
    yield core
    record.go.set()
    core.writer.close()
    await asyncio.gather(core.running, return_exceptions=True)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110 - another's state
            await asyncio.sleep(0.001)


async def leave_during_commit(core: Core, record: SlowRecord, *ids: str) -> None:
    record.go.clear()
    record.entered.clear()
    leaving = asyncio.create_task(core.ingest.observe([prompt(i) for i in ids]))
    await until(record.entered.is_set)
    leaving.cancel()
    with pytest.raises(asyncio.CancelledError):
        await leaving


async def test_leaving_during_the_commit_leaves_the_row(core: Core, record: SlowRecord) -> None:
    await leave_during_commit(core, record, "a", "b")
    assert core.admission.in_use == 2  # they still wait to be written
    record.go.set()
    await until(lambda: core.writer.committed == 2)
    await until(lambda: core.admission.in_use == 0)
    retried = await core.ingest.observe([prompt("a"), prompt("b")])
    assert retried == [answer.outcome for answer in record.answered(["a", "b"]).values()]
    assert record.last_seq() == core.index.stats().prompts == 2


async def test_a_retry_during_the_commit_of_one_who_left(core: Core, record: SlowRecord) -> None:
    await leave_during_commit(core, record, "a")
    retry = asyncio.create_task(core.ingest.observe([prompt("a")]))
    await asyncio.sleep(0.05)  # long enough to ask the record, which has no answer yet
    record.go.set()
    [result] = await asyncio.wait_for(retry, 5)
    assert isinstance(result, Outcome | UnavailableError)
    assert not core.running.done()
    assert record.last_seq() == 1


async def test_a_joiner_of_one_who_left_may_retry(core: Core, record: SlowRecord) -> None:
    record.go.clear()
    leaving = asyncio.create_task(core.ingest.observe([prompt("a")]))
    await until(record.entered.is_set)
    joined = asyncio.create_task(core.ingest.observe([prompt("a")]))
    await asyncio.sleep(0.05)
    leaving.cancel()
    await asyncio.sleep(0)
    record.go.set()
    [result] = await asyncio.wait_for(joined, 5)
    assert isinstance(result, Outcome | UnavailableError)
    await until(lambda: core.writer.committed == 1)
    [retried] = await core.ingest.observe([prompt("a")])
    assert isinstance(retried, Outcome)


async def test_a_failed_group_fails_those_that_wait_with_it(core: Core, record: SlowRecord) -> None:
    record.errors = [UnavailableError("the disk is full")]
    record.go.clear()
    calls = [asyncio.create_task(core.ingest.observe([prompt(f"p{i}")])) for i in range(3)]
    await until(record.entered.is_set)
    record.go.set()
    results = await asyncio.gather(*calls, return_exceptions=True)
    failed = [r for r in results if isinstance(r, UnavailableError)]
    assert failed
    again = [r for [r] in [await core.ingest.observe([prompt(f"p{i}")]) for i in range(3)]]
    assert all(isinstance(r, Outcome) for r in again)
    assert core.writer.writable
    assert core.admission.in_use == 0
    assert record.last_seq() >= core.index.stats().prompts == 3


async def test_a_batch_of_which_the_first_group_fails(core: Core, record: SlowRecord) -> None:
    record.errors = [UnavailableError("busy")]
    batch = [prompt(f"p{i}") for i in range(100)]  # groups of 64 and 36
    with pytest.raises(UnavailableError):
        await core.ingest.observe(batch)
    await until(lambda: core.writer.depth == 0)
    results = await asyncio.wait_for(core.ingest.observe(batch), 5)
    assert all(isinstance(r, Outcome) for r in results)
    assert core.index.stats().prompts == 100


async def test_a_retry_while_the_second_group_is_written(core: Core, record: SlowRecord) -> None:
    record.errors, record.stuck_after_an_error = [UnavailableError("busy")], True
    batch = [prompt(f"p{i}") for i in range(100)]  # groups of 64 and 36
    first = asyncio.create_task(core.ingest.observe(batch))
    await until(lambda: not core.writer.writable)
    retry = asyncio.create_task(core.ingest.observe(batch))
    await asyncio.sleep(0.05)  # long enough to ask the record, which has no answer yet
    record.go.set()
    await asyncio.wait([first, retry], timeout=10)
    assert isinstance(first.exception(), UnavailableError)
    assert not core.running.done()
    results = await core.ingest.observe(batch)
    assert {type(r) for r in results} == {Outcome}
    assert core.index.stats().prompts == 100
    await asyncio.gather(retry, return_exceptions=True)


async def test_groups_are_bounded(core: Core, record: SlowRecord) -> None:
    await core.ingest.observe([prompt(f"p{i}") for i in range(150)])
    assert record.sizes == [64, 64, 22]
    assert (core.writer.commits, core.writer.committed, core.writer.last_recorded) == (3, 150, 150)


async def test_an_unexpected_error_fails_those_who_queue_behind(
    core: Core, record: SlowRecord
) -> None:
    record.errors = [ZeroDivisionError()]
    record.go.clear()
    first = asyncio.create_task(core.ingest.observe([prompt("a")]))
    await until(record.entered.is_set)
    behind = asyncio.create_task(core.ingest.observe([prompt("b")]))
    await until(lambda: core.writer.depth == 1)
    record.go.set()
    with pytest.raises(UnavailableError):
        await first
    with pytest.raises(ZeroDivisionError):
        await core.running
    with pytest.raises(UnavailableError):
        await asyncio.wait_for(behind, 0.5)


async def test_the_permits_bound_what_waits_for_the_writer(record: SlowRecord) -> None:
    core = Core(record, permits=10)
    record.go.clear()
    for number in range(6):
        with contextlib.suppress(OverloadedError, TimeoutError):
            async with asyncio.timeout(0.1):
                await core.ingest.observe([prompt(f"p{number}-{i}") for i in range(5)])
    depth = core.writer.depth
    record.go.set()
    await core.stop()
    assert depth <= 10
