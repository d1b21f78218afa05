"""Retention goes in parts between commits, and does nothing where nothing is due."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import numpy as np
import pytest

from simsvc.core import retention as retention_module
from simsvc.domain.campaign import Campaign, CampaignEvent, CampaignState, Change, Extent
from simsvc.domain.errors import UnavailableError
from simsvc.domain.prompt import Prompt
from simsvc.ports.record import NewPrompt
from tests.fakes.prompts import HOUR, NOW
from tests.fakes.record import MemoryRecord
from tests.unit.helpers import Core, prompt

DAY = 24 * HOUR
OLD = 25


class WatchedRecord(MemoryRecord):
    """Notes what is written, can hold a purge, and fails at the purges it is told."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[str] = []
        self.failing: set[int] = set()
        self.purging, self.go_on = threading.Event(), threading.Event()
        self.go_on.set()

    @property
    def purges(self) -> int:
        return sum(1 for write in self.writes if write != "append")

    def append(self, prompts: Sequence[NewPrompt]) -> None:
        super().append(prompts)
        self.writes.append("append")

    def purge(self, before: int, most: int = 0) -> int:
        self.purging.set()
        self.go_on.wait(10)
        if self.purges in self.failing:
            self.failing.clear()
            raise UnavailableError("the disk is full")
        gone = super().purge(before, most)
        self.writes.append(f"purge {gone}")
        return gone


@pytest.fixture
async def core(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Core]:
    """Parts of ten; 25 prompts that will be due in an hour, and three that will not."""
    monkeypatch.setattr(retention_module, "PURGED", 10)
    core = Core(WatchedRecord())
    await core.ingest.observe([prompt(f"old-{i}", account=f"a{i}") for i in range(OLD)])
    await core.ingest.observe([later(f"new-{i}", NOW + 9 * HOUR) for i in range(3)])
    core.record.writes.clear()
    pass_time(core, DAY + 2 * HOUR)
    yield core
    await core.stop()


def later(name: str, at: int) -> Prompt:
    return replace(prompt(name), observed_at=at)


def change(at: int, name: str) -> CampaignEvent:
    extent = Extent(1, 2, 3, 4, 5)
    return CampaignEvent(Change.GREW, Campaign(name, CampaignState.OPEN, 1, at, (), (), extent), at)


def pass_time(core: Core, to: int) -> None:
    core.clock.now = lambda: NOW + to


def count(core: Core, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return what index and detector are told to forget, as it happens."""
    told: list[str] = []

    def noting(part: object, name: str) -> None:
        plain = getattr(part, name)
        monkeypatch.setattr(part, name, lambda before: (told.append(name), plain(before))[1])

    noting(core.index, "drop_before")
    noting(core.detector, "forget")
    return told


def indexed(core: Core) -> set[int]:
    """Return the seqs that the index finds."""
    seqs = list(range(1, 100))
    return set(np.array(seqs)[core.index.vectors(seqs).any(axis=1)].tolist())


async def test_each_part_is_a_turn_and_memory_forgets_with_the_first(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = count(core, monkeypatch)
    assert await core.lifecycle.retention.run() == OLD
    assert core.record.writes == ["purge 10", "purge 10", "purge 5"]
    assert told == ["drop_before", "forget", "drop_before", "drop_before"]
    assert indexed(core) == set(core.record._prompts)


async def test_commits_go_between(core: Core) -> None:
    core.record.purging.clear()
    core.record.go_on.clear()
    running = asyncio.create_task(core.lifecycle.retention.run())
    assert await asyncio.to_thread(core.record.purging.wait, 10)
    observing = asyncio.create_task(core.ingest.observe([later("meanwhile", NOW + 9 * HOUR)]))
    async with asyncio.timeout(10):
        # The commit waits for the thread.
        while not core.threads._work_queue.qsize():  # noqa: ASYNC110 - another's state
            await asyncio.sleep(0.001)
    core.record.go_on.set()
    await asyncio.gather(running, observing)
    assert core.record.writes == ["purge 10", "append", "purge 10", "purge 5"]


async def test_old_changes_of_a_campaign_go_but_for_its_last(core: Core) -> None:
    changes = [change(NOW + i, name) for i, name in enumerate(["a"] * 24 + ["b"])]
    core.record.save_campaigns([*changes, change(NOW + 9 * HOUR, "a")])
    await core.lifecycle.retention.run()
    kept = core.record.campaign_events(0, 100)
    assert [event.campaign.campaign_id for event in kept] == ["b", "a"]
    assert await core.lifecycle.retention.run() == 0
    assert core.record.campaign_events(0, 100) == kept


async def test_what_is_purged_is_not_found(core: Core) -> None:
    """After every turn, although an old prompt comes between two of them."""
    retention = core.lifecycle.retention
    assert await core.writer.call(lambda: retention._drop_part(NOW + HOUR)) == 10
    assert indexed(core) <= set(core.record._prompts)
    await core.ingest.observe([prompt("late", account="somebody late")])
    assert core.detector.accounts == 2
    for gone in (10, 6):
        assert await core.writer.call(lambda: retention._drop_part(NOW + HOUR)) == gone
        assert indexed(core) <= set(core.record._prompts)
    assert indexed(core) == set(core.record._prompts)
    assert core.detector.accounts == 1


async def test_where_nothing_is_due_memory_is_left_alone(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    await core.lifecycle.retention.run()
    told = count(core, monkeypatch)
    core.record.writes.clear()
    for _ in range(3):
        assert await core.lifecycle.retention.run() == 0
    assert core.record.writes == ["purge 0"] * 3
    assert told == []
    pass_time(core, DAY + 3 * HOUR)
    assert await core.lifecycle.retention.run() == 0
    assert told == ["drop_before", "forget"]


async def test_a_start_with_nothing_due_keeps_no_commit_waiting(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The detector was just made from the record, and to forget is to go through all of it."""
    pass_time(core, 0)
    told = count(core, monkeypatch)
    for _ in range(2):
        assert await core.lifecycle.retention.run() == 0
    assert told == ["drop_before"]
    pass_time(core, DAY + 2 * HOUR)
    assert await core.lifecycle.retention.run() == OLD
    assert told[1:3] == ["drop_before", "forget"]


async def test_what_came_late_goes_with_the_next_run(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    await core.lifecycle.retention.run()
    await core.ingest.observe([prompt("late", account="somebody late")])
    told = count(core, monkeypatch)
    assert await core.lifecycle.retention.run() == 1
    assert told == ["drop_before", "forget"]
    assert indexed(core) == set(core.record._prompts)
    assert core.detector.accounts == 1


async def test_a_generation_that_takes_over_forgets_with_the_next_run(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    await core.lifecycle.retention.run()
    core.stages.serving = replace(core.stages.serving, generation="next")
    told = count(core, monkeypatch)
    assert await core.lifecycle.retention.run() == 0
    assert told == ["drop_before", "forget"]


async def test_a_run_that_fails_is_gone_on_with(core: Core) -> None:
    forgotten: list[int] = []
    core.past.forget = forgotten.append
    core.record.failing = {1}
    await core.lifecycle._retain()
    assert not core.writer.writable
    assert core.record.writes == ["purge 10"]
    assert forgotten == []
    assert indexed(core) <= set(core.record._prompts)
    assert await core.lifecycle.retention.run() == OLD - 10
    assert await core.lifecycle.retention.run() == 0
    # Keys of what was purged go with the second run that came to its end.
    assert forgotten == [0, (NOW + 2 * HOUR) // HOUR * HOUR]


async def test_a_server_that_starts_drops_at_once(core: Core) -> None:
    core.lifecycle._schedule = replace(core.lifecycle._schedule, retention_check=3600.0)
    running = asyncio.create_task(core.lifecycle.run())
    async with asyncio.timeout(10):
        while core.record.writes[-1:] != ["purge 5"]:  # noqa: ASYNC110 - another's state
            await asyncio.sleep(0.001)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
