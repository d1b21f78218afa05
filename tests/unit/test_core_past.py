"""The record is asked for what it may hold, and for nothing else once its keys are read."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence

import pytest

from simsvc.core import past as past_module
from simsvc.core.novelty import Novelty
from simsvc.core.past import Past
from simsvc.domain.errors import RequestIdReusedError, UnavailableError
from simsvc.domain.prompt import Outcome
from simsvc.ports.embedder import Embedding
from simsvc.ports.record import Answered, PromptKeys
from tests.fakes.prompts import HOUR, NOW
from tests.fakes.record import MemoryRecord
from tests.unit.helpers import Core, prompt


class AskedRecord(MemoryRecord):
    """Notes what it is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.requests: list[str] = []
        self.texts: list[bytes] = []
        self.pages = 0
        self.failures = 0
        self._held = "", threading.Event(), threading.Event()

    def hold(self, name: str) -> tuple[threading.Event, threading.Event]:
        """Let the next such read wait; return what tells that it does, and what lets it go on."""
        self._held = name, threading.Event(), threading.Event()
        return self._held[1:]

    def _wait(self, name: str) -> None:
        held, self._held = self._held, ("", *self._held[1:])
        if held[0] == name:
            held[1].set()
            held[2].wait(10)
        else:
            self._held = held

    def answered(self, request_ids: Sequence[str]) -> dict[str, Answered]:
        self._wait("answered")
        self.requests += request_ids
        return super().answered(request_ids)

    def embeddings(self, payload_hashes: Sequence[bytes]) -> dict[bytes, Embedding]:
        self.texts += payload_hashes
        return super().embeddings(payload_hashes)

    def keys(self, after: int, up_to: int, limit: int) -> list[PromptKeys]:
        self._wait("keys")
        self.pages += 1
        if self.failures:
            self.failures -= 1
            raise UnavailableError("the record cannot be read")
        return super().keys(after, up_to, limit)


async def loaded(past: Past) -> None:
    await asyncio.wait_for(past.load(), 10)


@pytest.fixture
async def core(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Core]:
    """Pages of three, and seven prompts recorded before the start."""
    monkeypatch.setattr(past_module, "_PAGE", 3)
    monkeypatch.setattr(past_module, "_PAUSE", 0.01)
    earlier = Core(AskedRecord())
    await earlier.ingest.observe([prompt(f"old-{i}") for i in range(7)])
    await earlier.stop()
    core = Core(earlier.record)
    core.record.requests.clear()
    core.record.texts.clear()
    yield core
    await core.stop()


async def test_all_is_asked_for_until_the_keys_are_read(core: Core) -> None:
    await core.ingest.observe([prompt("new")])
    assert core.record.requests == ["new"]
    assert len(core.record.texts) == 1
    assert core.embedder.begun == ["text of new"]


async def test_nothing_is_asked_for_what_is_new(core: Core) -> None:
    await loaded(core.past)
    assert core.record.pages == 3
    results = await core.ingest.observe([prompt(f"new-{i}") for i in range(20)])
    assert all(isinstance(r, Outcome) for r in results)
    assert core.record.requests == []
    assert core.record.texts == []
    assert core.embedder.begun == []


async def test_what_was_recorded_before_the_start_is_known(core: Core) -> None:
    await loaded(core.past)
    [again] = await core.ingest.observe([prompt("old-6")])
    assert isinstance(again, Outcome)
    assert again.seq == 7
    [reused] = await core.ingest.observe([prompt("old-0", "another text")])
    assert isinstance(reused, RequestIdReusedError)
    core.record.requests.clear()
    [same_text] = await core.ingest.observe([prompt("of-old-3", "text of old-3")])
    # A known text says nothing of the request.
    assert core.record.requests == []
    assert isinstance(same_text, Outcome)
    assert core.embedder.texts == []
    assert core.record.last_seq() == 8


async def test_only_the_doubtful_of_many_are_asked_for(core: Core) -> None:
    await loaded(core.past)
    many = [prompt(f"new-{i}") for i in range(9)] + [prompt("old-2")]
    results = await core.ingest.observe(many)
    assert results[-1].seq == 3
    assert core.record.requests == ["old-2"]


async def until(event: threading.Event) -> None:
    assert await asyncio.to_thread(event.wait, 10)


async def test_what_comes_while_keys_are_read_is_known_later(core: Core) -> None:
    reading, go_on = core.record.hold("keys")
    loading = asyncio.create_task(core.past.load())
    await until(reading)
    [first] = await core.ingest.observe([prompt("early")])
    go_on.set()
    await loading
    core.ingest._recent.clear()
    assert await core.ingest.observe([prompt("early")]) == [first]
    assert core.record.last_seq() == 8


async def test_what_another_call_recorded_during_a_look_up_is_found(core: Core) -> None:
    await loaded(core.past)
    reading, go_on = core.record.hold("answered")
    both = asyncio.create_task(core.ingest.observe([prompt("new"), prompt("old-1")]))
    await until(reading)
    [first] = await core.ingest.observe([prompt("new")])
    core.ingest._recent.clear()
    go_on.set()
    assert [r.seq for r in await both] == [8, 2]
    assert (await both)[0] == first
    assert core.record.last_seq() == 8


async def test_keys_go_after_the_second_purge_that_succeeds(core: Core) -> None:
    core.past._novelty = Novelty(first=4)
    day = 24 * HOUR
    keys = [("gone", b"g"), ("too", b"t")]
    for key in keys:
        core.past.note(key, NOW - 3 * day)
    core.past.note(("kept", b"kept"), NOW)
    await loaded(core.past)
    purge = core.record.purge
    core.record.purge = failing
    for _ in range(3):
        await core.lifecycle._retain()
    core.record.purge = purge
    core.writer.writable = True
    await core.lifecycle._retain()
    assert all(map(core.past.may_hold, keys))
    await core.lifecycle._retain()
    assert not all(map(core.past.may_hold, keys))
    assert core.past.may_hold(("kept", b"kept"))
    assert core.past.may_hold(("old-0", b"other"))


def failing(*_: object) -> int:
    raise UnavailableError("the record cannot be written")


async def test_what_may_have_been_recorded_although_it_failed_is_asked_for(core: Core) -> None:
    await loaded(core.past)
    append = core.record.append

    def recorded_but_failed(prompts) -> None:
        append(prompts)
        raise UnavailableError("the connection was lost")

    core.record.append = recorded_but_failed
    with pytest.raises(UnavailableError):
        await core.ingest.observe([prompt("lost")])
    core.record.append = append
    [again] = await core.ingest.observe([prompt("lost")])
    assert isinstance(again, Outcome)
    assert core.record.requests == ["lost"]
    assert core.record.last_seq() == again.seq == 8


async def test_a_record_that_fails_refuses_before_the_model_works(core: Core) -> None:
    await loaded(core.past)
    core.record.append = core.record.answered = failing
    for name in ("first", "second"):
        with pytest.raises(UnavailableError):
            await core.ingest.observe([prompt(f"{name}-{i}") for i in range(9)])
    assert core.embedder.texts == [f"text of first-{i}" for i in range(9)]
    assert core.admission.in_use == 0


async def test_a_record_that_cannot_be_read_is_tried_again(core: Core) -> None:
    core.record.failures = 2
    await loaded(core.past)
    assert core.record.pages == 5
    assert core.past.may_hold(("old-0", b"other"))
    assert core.past.may_hold(("old-6", b"other"))


async def test_an_empty_record_holds_nothing() -> None:
    core = Core(AskedRecord())
    await loaded(core.past)
    await core.ingest.observe([prompt("first")])
    assert core.record.pages == 0
    assert core.record.requests == []
    await core.stop()
