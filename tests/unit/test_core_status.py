"""What the service says of itself."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from simsvc.core.status import Status
from simsvc.domain.validation import Limits
from simsvc.index.flat import FlatIndex
from tests.fakes.embedder import DIMENSION
from tests.unit.helpers import Core, prompt


@pytest.fixture
async def core() -> AsyncIterator[Core]:
    core = Core()
    yield core
    await core.stop()


def status(core: Core, recorded: int = 0) -> Status:
    return Status(
        "1.2", Limits(), core.stages, core.writer, core.book, recorded, shadow=True,
    )  # fmt: skip


async def test_sizes_and_lag(core: Core) -> None:
    before = status(core)
    assert (before.index_lag(), before.index().prompts, before.snapshot_checkpoint()) == (0, 0, 0)
    await core.ingest.observe([prompt(f"p{i}") for i in range(70)])
    assert (before.index_lag(), before.index().prompts) == (0, 70)
    core.writer.last_recorded = 75
    assert before.index_lag() == 5
    core.index.drop_before(10**18)
    assert before.index_lag() == 5


async def test_a_restart_lags_until_it_has_replayed(core: Core) -> None:
    await core.ingest.observe([prompt(f"p{i}") for i in range(10)])
    filled = core.index
    core.index = FlatIndex(DIMENSION)
    core.writer.last_recorded = 0
    assert status(core, recorded=10).index_lag() == 10
    core.index = filled
    assert status(core, recorded=10).index_lag() == 0
    assert status(core, recorded=0).index_lag() == 0


async def test_what_the_detector_has_seen(core: Core) -> None:
    group = [
        prompt(f"g{i}", f"check the ledger now and again today please w{i}", f"a{i}")
        for i in range(5)
    ]
    await core.ingest.observe(group)
    seen = status(core).detection()
    assert (seen.accounts, seen.families, seen.open_campaigns) == (5, 1, 0)
    assert (seen.history, seen.history_sufficient) == (0, False)
    assert status(core).generation.startswith("gen-")
