"""Reference sets that are loaded or deleted while another generation is about to take over."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from simsvc.core.access import ALL_ROLES, Principal
from simsvc.core.stage import Stage
from simsvc.domain.generation import JobState
from simsvc.domain.reference import ReferenceKind
from tests.unit.cutovers import Changing, HeldEmbedder

WHO = Principal("rita", ALL_ROLES)
KIND = ReferenceKind.DATA_SET
MANY = 600


@pytest.fixture
async def changing(tmp_path: Path) -> AsyncIterator[Changing]:
    made = Changing(tmp_path, MANY)
    yield made
    await made.stop()


def sets_of(stage: Stage) -> dict[str, int]:
    """Return how many items each set has that a stage compares with."""
    held = {s.name: s.items for s in stage.record.reference_sets()}
    assert {s.name: s.count for s in stage.detector.library._held.sets} == held
    return held


async def test_sets_that_change_while_it_catches_up(changing: Changing) -> None:
    for name in ("kept", "gone"):
        await changing.references.add(WHO, name, KIND, [f"an item of {name}"])
    # More than is left for the last stretch: new prompts are embedded for the former one alone.
    changing.embedder.at = "text number 0"
    activating = asyncio.create_task(changing.activated())
    await asyncio.wait_for(changing.embedder.reached.wait(), 20)
    assert changing.core.stages.next is None
    await changing.references.add(WHO, "kept", KIND, ["another item of kept"])
    await changing.references.add(WHO, "new", KIND, ["an item of new"])
    await changing.references.delete(WHO, "gone")
    changing.embedder.go.set()
    assert (await activating).state is JobState.SUCCEEDED
    serving = changing.core.stages.serving
    assert serving.generation == changing.name
    assert sets_of(serving) == {"kept": 2, "new": 1}


async def test_a_set_that_is_deleted_while_it_is_embedded_does_not_come_back(
    changing: Changing,
) -> None:
    await changing.references.add(WHO, "gone", KIND, ["an item of gone"])
    changing.embedder.at = "an item of gone"
    activating = asyncio.create_task(changing.activated())
    await asyncio.wait_for(changing.embedder.reached.wait(), 20)
    await changing.references.delete(WHO, "gone")
    changing.embedder.go.set()
    assert (await activating).state is JobState.SUCCEEDED
    assert sets_of(changing.core.stages.serving) == {}


async def test_a_set_that_was_begun_before_and_is_loaded_after(changing: Changing) -> None:
    held = HeldEmbedder("an item")
    former = changing.core.stages.serving
    changing.core.embedder.embed = held.embed
    adding = asyncio.create_task(changing.references.add(WHO, "new", KIND, ["an item"]))
    await asyncio.wait_for(held.reached.wait(), 20)
    assert (await changing.activated()).state is JobState.SUCCEEDED
    held.go.set()
    assert (await adding).items == 1
    assert sets_of(changing.core.stages.serving) == {"new": 1}
    assert {s.name: s.items for s in former.record.reference_sets()} == {"new": 1}
