"""A restart gives what was there; what could not be written is tried again."""

from __future__ import annotations

import asyncio
import copy
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from simsvc.core.campaigns import CampaignBook, CampaignRule
from simsvc.core.membership import Membership
from simsvc.domain.campaign import CampaignState, Change
from simsvc.domain.errors import UnavailableError
from simsvc.index.flat import FlatIndex
from simsvc.index.segmented import SegmentedIndex
from simsvc.ports.snapshots import Mark
from tests.contract.indexes import RULES, segmented
from tests.fakes.embedder import DIMENSION
from tests.fakes.prompts import HOUR, KEYRING, NOW
from tests.unit.helpers import FAMILIES, Core, NoSnapshots, family_detector, prompt

WORDS = "check the ledger now and again today please"


class PartSnapshot(NoSnapshots):
    """Restores the first prompts of the record."""

    def __init__(self, core: Core, up_to: int) -> None:
        super().__init__()
        self._core, self._up_to = core, up_to

    def restore(self, highest: int, mark: Mark) -> str:
        for batch in self._core.record.replay(0, self._up_to, 7, with_vectors=True):
            self._core.index.add(batch.rows, batch.vectors)
        return ""


@pytest.fixture
async def core() -> AsyncIterator[Core]:
    core = Core()
    lone = [prompt(f"o{i}", f"a{i} b{i} c{i}", f"org-{i}", f"o-{i % 9}") for i in range(60)]
    await core.ingest.observe(lone)
    await core.ingest.observe([prompt(f"g{i}", f"{WORDS} w{i}", f"bad-{i}") for i in range(12)])
    yield core
    await core.stop()


def restart(core: Core, snapshots: NoSnapshots) -> None:
    core.index, core.detector = FlatIndex(DIMENSION), family_detector(FAMILIES)
    core.book = CampaignBook(CampaignRule(0.5, 240 * HOUR), "gen")
    core.membership = Membership(core.record, core.book, KEYRING)
    if isinstance(snapshots, PartSnapshot):
        snapshots._core = core
    core.lifecycle = core.make_lifecycle(snapshots)
    core.lifecycle.recover()


def everything(core: Core) -> tuple[object, ...]:
    detector = core.detector
    leaders = range(1, core.record.last_seq() + 1)
    return (
        core.index.stats(),
        core.index.vectors(list(leaders)).tobytes(),
        (detector.accounts, detector.families, detector.history, detector.latest),
        [detector.members(seq) for seq in leaders],
        core.book.all(),
        [core.membership.check(f"bad-{i}") for i in range(15)],
        [core.membership.check(f"org-{i}") for i in range(60)],
    )


@pytest.mark.parametrize("up_to", [0, 1, 65, 72, 75])
async def test_all_is_as_before(core: Core, up_to: int) -> None:
    core.lifecycle.tick()
    await core.ingest.observe([prompt(f"h{i}", f"{WORDS} v{i}", f"bad-{i + 11}") for i in range(3)])
    core.lifecycle.tick()
    before = everything(core)
    live = core.detector
    restart(core, PartSnapshot(core, up_to))
    assert everything(core) == before
    assert core.lifecycle.replayed == 75 - up_to
    live.test_again(s for s in range(1, 76) if live.members(s))
    assert core.detector.tick(lambda _: True) == live.tick(lambda _: True)


async def test_a_restart_reports_nothing_new(core: Core) -> None:
    core.lifecycle.tick()
    restart(core, NoSnapshots("a file is damaged"))
    assert core.lifecycle.tick() == 0
    assert core.lifecycle.ticks == 1


async def test_an_empty_record() -> None:
    core = Core()
    core.lifecycle.recover()
    assert (core.index.stats().prompts, core.lifecycle.replayed, core.lifecycle.tick()) == (0, 0, 0)
    await core.stop()


def broken(*_: object) -> None:
    raise UnavailableError("the disk is full")


async def test_what_was_not_saved_is_reported_once_and_equal(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(core.record, "save_campaigns", broken)
        for _ in range(2):
            with pytest.raises(UnavailableError):
                core.lifecycle.tick()
    assert (core.book.all(), core.membership.check("bad-1")) == ([], ())
    assert core.lifecycle.tick() == 1
    assert core.lifecycle.tick() == 0
    [event] = core.record.campaign_events(0, 10)
    assert (event.change, event.campaign.revision) == (Change.OPENED, 1)
    assert event.campaign.extent.accounts == 12


async def test_a_report_that_was_saved_is_not_lost(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(core.record, "account_hashes", broken)
        with pytest.raises(UnavailableError):
            core.lifecycle.tick()
    core.lifecycle.tick()
    assert len(core.record.campaigns()) == 1
    assert [c.campaign_id for c in core.book.all()] == [
        c.campaign_id for c in core.record.campaigns()
    ]


async def test_retention_goes_by_whole_buckets(core: Core) -> None:
    day, bucket = 24 * HOUR, HOUR
    start = NOW // bucket * bucket
    core.clock.now = lambda: start + day  # type: ignore[method-assign]
    assert await core.lifecycle.retention.run() == 0
    core.clock.now = lambda: start + day + bucket - 1  # type: ignore[method-assign]
    assert await core.lifecycle.retention.run() == 0
    assert core.index.stats().prompts == 72
    core.clock.now = lambda: start + day + bucket  # type: ignore[method-assign]
    assert await core.lifecycle.retention.run() == 72
    stats = (core.index.stats().prompts, core.detector.accounts, core.detector.families)
    assert stats == (0, 0, 0)
    assert await core.lifecycle.retention.run() == 0


async def test_a_campaign_outlives_its_prompts(core: Core) -> None:
    core.lifecycle.tick()
    [before] = core.book.all()
    core.clock.now = lambda: 10**18  # type: ignore[method-assign]
    await core.lifecycle.retention.run()
    assert core.lifecycle.tick() == 0
    assert core.book.all() == [before]
    case = await core.casework.case(before.campaign_id)
    assert (case.campaign.state, case.representatives) == (CampaignState.OPEN, ())


async def test_a_snapshot_that_fails_stops_nothing(core: Core) -> None:
    class Full(NoSnapshots):
        checkpoint = 7

        def capture(self, mark: Mark) -> Callable[[], int]:
            def write() -> int:
                raise OSError("no space left")

            return write

    assert await core.lifecycle.snapshot() == 0
    assert await core.make_lifecycle(Full()).snapshot() == 7


async def test_a_snapshot_waits_for_a_record_that_can_be_read(
    core: Core, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index = start_with_index(core, tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(core.record, "mark", broken)
        assert await core.lifecycle.snapshot() == 0
    assert await core.lifecycle.snapshot() == index.checkpoint == 72


async def test_the_recurring_jobs_survive_a_full_disk(
    core: Core, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(core.record, "purge", broken)
    monkeypatch.setattr(core.record, "save_campaigns", broken)
    monkeypatch.setattr(asyncio, "sleep", _no_wait(asyncio.sleep))
    running = asyncio.create_task(core.lifecycle.run())
    async with asyncio.timeout(10):
        while core.lifecycle.ticks < 3:  # noqa: ASYNC110 - another's state
            await asyncio.sleep(0)
    assert not core.writer.writable
    assert not running.done()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


def _no_wait(sleep: Callable[[float], object]) -> Callable[[float], object]:
    return lambda seconds: sleep(min(seconds, 0.001))


async def test_replayed_vectors_are_those_that_were_indexed(core: Core) -> None:
    live = core.index.vectors([*range(1, 73)])
    restart(core, NoSnapshots())
    np.testing.assert_array_equal(core.index.vectors([*range(1, 73)]), live)


def start_with_index(core: Core, folder: Path) -> SegmentedIndex:
    """Start with an index whose snapshots are in a folder."""
    index = segmented(folder, RULES["hot"], dimension=DIMENSION)
    stage = replace(core.stages.serving, index=index, detector=family_detector(FAMILIES))
    core.stages.serving = stage
    core.lifecycle = core.make_lifecycle(index)
    core.lifecycle.recover()
    return index


async def more(core: Core, name: str) -> None:
    await core.ingest.observe([prompt(f"{name}{i}", f"{WORDS} {name}{i}") for i in range(3)])


async def test_an_index_that_is_ahead_of_its_record_is_made_again(
    core: Core, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    backup = copy.deepcopy(core.record)
    before = start_with_index(core, tmp_path)
    await more(core, "lost")
    assert before.capture(core.record.mark)() == 75
    core.stages.serving = replace(core.stages.serving, record=backup)
    capsys.readouterr()
    index = start_with_index(core, tmp_path)
    # Where lines go depends on what configured them, if anything did.
    assert "snapshot_discarded" in "".join(capsys.readouterr())
    assert (index.stats().prompts, index.stats().last_seq) == (72, 72)
    assert core.lifecycle.replayed == 72
    # The seqs of what was lost are given again: the index must hold what they mean now.
    await more(core, "new")
    assert index.capture(backup.mark)() == 75
    stored = np.stack(
        [vector for seq in range(1, 76) if (vector := backup.vector(seq)) is not None]
    )
    np.testing.assert_array_equal(index.vectors([*range(1, 76)]), stored)
    again = start_with_index(core, tmp_path)
    assert (again.stats().prompts, core.lifecycle.replayed) == (75, 0)


async def test_an_index_of_a_record_that_went_another_way_is_made_again(
    core: Core, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A backup is served with another folder, and then with that of before."""
    backup = copy.deepcopy(core.record)
    before = start_with_index(core, tmp_path / "before")
    await more(core, "lost")
    assert before.capture(core.record.mark)() == 75
    core.stages.serving = replace(core.stages.serving, record=backup)
    start_with_index(core, tmp_path / "elsewhere")
    for name in ("new", "newer"):
        await more(core, name)
    assert backup.last_seq() == 78
    capsys.readouterr()
    index = start_with_index(core, tmp_path / "before")
    assert "seq 75 was another prompt's" in "".join(capsys.readouterr())
    assert (index.stats().prompts, core.lifecycle.replayed) == (78, 78)


@pytest.mark.parametrize("purged", [60, 72])
async def test_an_index_whose_last_prompts_were_purged_is_kept(
    core: Core, tmp_path: Path, capsys: pytest.CaptureFixture[str], purged: int
) -> None:
    index = start_with_index(core, tmp_path)
    assert index.capture(core.record.mark)() == 72
    # The last that came may be the first to go, where they were observed long before.
    for seq in range(73 - purged, 73):
        core.record._prompts[seq] = replace(core.record._prompts[seq], observed_at=0)
    assert core.record.purge(1) == purged
    assert core.record.last_seq() == 72 - purged
    capsys.readouterr()
    index = start_with_index(core, tmp_path)
    assert "snapshot_discarded" not in capsys.readouterr().out
    assert (index.checkpoint, core.lifecycle.replayed) == (72, 0)
