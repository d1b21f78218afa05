"""Generations that are loaded into a server, and let go of again."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from simsvc import staging
from simsvc.core.stage import Stage
from simsvc.domain.errors import UnavailableError
from simsvc.domain.generation import GenerationState, IndexParameters
from simsvc.ports.embedder import Priority
from simsvc.ports.generation import Generation, rebuilt_id
from simsvc.record.open import open_database
from simsvc.record.sql import SqlRecord
from simsvc.settings import Settings
from simsvc.staging import StageFactory
from simsvc.threads import Threads
from tests.fakes.embedder import INFO
from tests.fakes.prompts import NOW
from tests.unit.test_batcher import ScriptedEngine


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path)


@pytest.fixture
def record(settings: Settings) -> Iterator[SqlRecord]:
    made = open_database(settings).claim(INFO, "")
    yield made
    made.close()


@pytest.fixture
def threads() -> Iterator[Threads]:
    made = Threads.start(1)
    yield made
    made.shutdown()


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> list[weakref.ref[ScriptedEngine]]:
    """Return the engines that were loaded."""
    made: list[weakref.ref[ScriptedEngine]] = []

    def make(_: Settings) -> ScriptedEngine:
        engine = ScriptedEngine()
        made.append(weakref.ref(engine))
        return engine

    monkeypatch.setattr(staging, "make_engine", make)
    return made


def rebuilt(record: SqlRecord) -> Generation:
    """Note another index over the vectors that the record has."""
    index = IndexParameters(recall=0.5)
    of = record.generation.vectors_of
    state = GenerationState.SHADOW
    made = Generation(rebuilt_id(of, index), of, "", INFO, index, state, NOW)
    record.catalogue.add_generation(made)
    return made


async def until(true: Callable[[], bool]) -> None:
    for _ in range(2000):
        if true():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it does not come")


def parts_of(stage: Stage) -> list[weakref.ref[object]]:
    return [weakref.ref(part) for part in (stage.embedder, stage.index, stage.detector)]


@pytest.mark.parametrize("how", ["a failed activation", "a cut-over"])
async def test_nothing_is_left_of_a_generation_that_was_let_go(
    settings: Settings,
    record: SqlRecord,
    threads: Threads,
    engines: list[weakref.ref[ScriptedEngine]],
    how: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(staging, "_GRACE", 0.01)
    factory = StageFactory(settings, record, staging.make_engine(settings), threads)
    made = await factory.make(rebuilt(record))
    assert made.embedder is not factory.serving
    await made.embedder.embed(["some text"], Priority.BULK)
    # As a server does from time to time.
    gc.freeze()
    if how == "a cut-over":
        factory.stages.next = made
        gone = factory.stages.flip()
        factory.retire(gone)
    else:
        gone = made
        factory.release(gone)
    kept = parts_of(factory.stages.serving)
    parts = [*parts_of(gone), engines[1] if gone is made else engines[0]]
    del gone, made

    def nothing_left() -> bool:
        gc.collect()
        return all(part() is None for part in parts)

    try:
        await until(nothing_left)
    finally:
        gc.unfreeze()
    assert all(part() is not None for part in kept)
    factory.close()
    factory.finish_sealing()


async def test_a_stage_that_cannot_be_made_leaves_no_model_behind(
    settings: Settings,
    record: SqlRecord,
    threads: Threads,
    engines: list[weakref.ref[ScriptedEngine]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    factory = StageFactory(settings, record, staging.make_engine(settings), threads)
    generation = rebuilt(record)

    def fail(*_: object) -> Stage:
        raise UnavailableError("the record cannot be read")

    monkeypatch.setattr(staging, "make_stage", fail)
    models = sum(t.name == "model" for t in threading.enumerate())
    with pytest.raises(UnavailableError):
        await factory.make(generation)
    await until(lambda: sum(t.name == "model" for t in threading.enumerate()) == models)
    factory.close()
