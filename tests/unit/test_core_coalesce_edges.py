"""Reads made together, where callers leave and reads fail."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

import pytest

from simsvc.core.coalesce import Coalescer


class Counted:
    """Answers with how often a key was read; holds each read until `go`."""

    def __init__(self) -> None:
        self.go = threading.Event()
        self.entered = threading.Event()
        self.calls: list[list[str]] = []
        self.errors: list[Exception] = []

    def read(self, keys: Sequence[str]) -> dict[str, int]:
        self.calls.append(list(keys))
        self.entered.set()
        assert self.go.wait(20)
        if self.errors:
            raise self.errors.pop(0)
        return {key: sum(key in call for call in self.calls) for key in keys}


@pytest.fixture
def source() -> Iterator[Counted]:
    source = Counted()
    yield source
    source.go.set()


@pytest.fixture
def coalescer(source: Counted) -> Iterator[Coalescer[str, int]]:
    with ThreadPoolExecutor(1) as pool:
        yield Coalescer(source.read, pool, 3)
        source.go.set()


async def started(source: Counted, task: asyncio.Task[dict[str, int]]) -> None:
    assert not task.done()
    assert await asyncio.to_thread(source.entered.wait, 20)


async def test_a_key_that_is_being_read_is_read_anew(
    source: Counted, coalescer: Coalescer[str, int]
) -> None:
    first = asyncio.create_task(coalescer.get(["a"]))
    await started(source, first)
    second = asyncio.create_task(coalescer.get(["a", "b", "a"]))
    await asyncio.sleep(0)
    source.go.set()
    assert (await first, await second) == ({"a": 1}, {"a": 2, "b": 1})
    assert source.calls == [["a"], ["a", "b"]]


async def test_all_may_leave(source: Counted, coalescer: Coalescer[str, int]) -> None:
    leaving = [asyncio.create_task(coalescer.get([key])) for key in "ab"]
    await started(source, leaving[0])
    for task in leaving:
        task.cancel()
    await asyncio.wait(leaving)
    source.go.set()
    assert await coalescer.get(["a"]) == {"a": 2}


async def test_one_of_three_leaves_a_failing_read(
    source: Counted, coalescer: Coalescer[str, int]
) -> None:
    source.errors = [LookupError("broken")]
    blocker = asyncio.create_task(coalescer.get(["z"]))
    await started(source, blocker)
    leaving, *staying = [asyncio.create_task(coalescer.get(["a", "b"])) for _ in range(3)]
    await asyncio.sleep(0)
    leaving.cancel()
    source.errors.append(LookupError("broken again"))
    source.go.set()
    results = await asyncio.gather(blocker, *staying, return_exceptions=True)
    assert [type(r) for r in results] == [LookupError] * 3
    assert leaving.cancelled()
    assert await coalescer.get(["a"]) == {"a": 2}


async def test_a_failed_part_spares_the_others(
    source: Counted, coalescer: Coalescer[str, int]
) -> None:
    source.errors = [LookupError("broken")]
    source.go.set()
    failing = asyncio.create_task(coalescer.get(["a", "b", "c"]))
    fine = asyncio.create_task(coalescer.get(["d", "e"]))
    both = await asyncio.gather(failing, fine, return_exceptions=True)
    assert isinstance(both[0], LookupError)
    assert both[1] == {"d": 1, "e": 1}
    assert source.calls == [["a", "b", "c"], ["d", "e"]]
