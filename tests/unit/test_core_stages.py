"""Two generations in one process: prompts embedded for both, and for one that answers no more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from simsvc.core.stage import Stage
from simsvc.domain.errors import UnavailableError
from simsvc.domain.prompt import Outcome
from simsvc.index.flat import FlatIndex
from tests.fakes.embedder import DIMENSION, FakeEmbedder
from tests.unit.helpers import Core, prompt


@pytest.fixture
async def core() -> AsyncIterator[Core]:
    core = Core()
    yield core
    await core.stop()


def another(core: Core, vectors_of: str = "gen-b") -> Stage:
    return replace(
        core.stages.serving,
        generation="gen-b",
        vectors_of=vectors_of,
        embedder=FakeEmbedder(),
        index=FlatIndex(DIMENSION),
    )


async def test_for_the_last_stretch_prompts_are_embedded_for_both(core: Core) -> None:
    core.stages.next = another(core)
    [outcome] = await core.ingest.observe([prompt("p", "some text of it")])
    assert isinstance(outcome, Outcome)
    assert core.stages.next.embedder.texts == ["some text of it"]
    [recorded] = core.record._prompts.values()
    assert list(recorded.others) == ["gen-b"]


async def test_another_index_over_the_same_vectors_embeds_nothing(core: Core) -> None:
    core.stages.next = another(core, core.stages.serving.vectors_of)
    await core.ingest.observe([prompt("p", "some text of it")])
    assert core.stages.next.embedder.texts == []
    [recorded] = core.record._prompts.values()
    assert recorded.others == {}


async def test_a_next_model_that_fails_fails_no_prompt(core: Core) -> None:
    class Failing(FakeEmbedder):
        async def embed(self, *_: object) -> list:
            raise UnavailableError("the model failed")

    core.stages.next = replace(another(core), embedder=Failing())
    [outcome] = await core.ingest.observe([prompt("p")])
    assert isinstance(outcome, Outcome)


async def test_a_prompt_in_flight_when_another_takes_over_is_embedded_again(core: Core) -> None:
    core.embedder.gate = asyncio.Event()
    observing = asyncio.create_task(core.ingest.observe([prompt("p", "some text of it")]))
    for _ in range(1000):
        await asyncio.sleep(0.001)
        if core.ingest._in_flight:
            break
    core.stages.next = another(core)
    old = core.stages.flip()
    core.embedder.gate.set()
    [outcome] = await observing
    assert isinstance(outcome, Outcome)
    serving = core.stages.serving
    assert (serving.generation, serving.embedder.texts) == ("gen-b", ["some text of it"])
    assert (old.index.stats().prompts, serving.index.stats().prompts) == (0, 1)
    assert core.admission.in_use == 0
