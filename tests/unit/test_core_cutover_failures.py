"""A cut-over that fails: its operation ends, its parts are let go of, and the server goes on."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from simsvc.core import generations
from simsvc.core.lifecycle import WriteProbe
from simsvc.core.stage import Stage
from simsvc.domain.errors import UnavailableError
from simsvc.domain.generation import JobState
from simsvc.ports.generation import Generation
from simsvc.record.backend import WriterLostError
from tests.unit.cutovers import Changing

SECRET = "what a prompt said"


@pytest.fixture
async def changing(tmp_path: Path) -> AsyncIterator[Changing]:
    made = Changing(tmp_path)
    yield made
    await made.stop()


@pytest.mark.parametrize("error", [RuntimeError(SECRET), MemoryError()])
async def test_whatever_loading_raises_ends_the_operation(
    changing: Changing, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(_: Generation) -> Stage:
        raise error

    monkeypatch.setattr(changing.generations._cutover, "_staging", _Failing(fail))
    with capture_logs() as logged:
        ended = await changing.activated()
    assert ended.state is JobState.FAILED
    assert type(error).__name__ in ended.error
    [line] = [line for line in logged if line["event"] == "activation_failed"]
    assert type(error).__name__ in line["reason"]
    assert line["at"].startswith("test_core_cutover_failures.py:")
    assert SECRET not in f"{ended} {logged}"
    # Nothing works on it any more.
    await changing.generations.delete(changing.name)


class _Failing:
    def __init__(self, make: object) -> None:
        self.make = make


async def test_a_record_that_fails_while_it_is_taken_up_leaves_no_stage(
    changing: Changing, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads: list[str] = []

    def fail(_: Generation) -> None:
        threads.append(threading.current_thread().name)
        raise UnavailableError("the record cannot be read")

    monkeypatch.setattr(changing.generations._cutover, "_vectors", fail)
    ended = await changing.activated()
    assert (ended.state, ended.error) == (JobState.FAILED, "the record cannot be read")
    assert [stage.generation for stage in changing.released] == [changing.name]
    # The event loop reads no database.
    assert threads != [threading.main_thread().name]


async def test_the_end_is_noted_once_the_record_can_be_written(
    changing: Changing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(generations, "_AGAIN", 0.01)
    end_job, failures = changing.record.jobs.end_job, iter([True, True])

    def away(*told: object) -> None:
        raise UnavailableError("the record cannot be written")

    def end(*told: object) -> bool:
        return away() if next(failures, False) else end_job(*told)

    monkeypatch.setattr(changing.record.jobs, "end_job", end)
    monkeypatch.setattr(changing.record.catalogue, "flip", away)
    ended = await changing.activated()
    assert (ended.state, ended.error) == (JobState.FAILED, "the record cannot be written")


@pytest.mark.parametrize("lost", [False, True])
async def test_after_a_flip_that_failed_the_record_is_asked(
    changing: Changing, monkeypatch: pytest.MonkeyPatch, lost: bool
) -> None:
    core, former = changing.core, changing.core.stages.serving

    def fail(*_: object) -> None:
        raise WriterLostError("another server has written to the record meanwhile")

    monkeypatch.setattr(changing.record.catalogue, "flip", fail)
    if lost:
        monkeypatch.setattr(changing.record, "check_writable", fail)
    assert (await changing.activated()).state is JobState.FAILED
    assert core.stages.serving is former
    assert not core.writer.writable
    probing = asyncio.create_task(WriteProbe(core.stages, core.writer, 0.01).run())
    if lost:
        # The server ends with it.
        with pytest.raises(WriterLostError):
            await asyncio.wait_for(probing, 20)
        return
    while not core.writer.writable:  # noqa: ASYNC110 - another's state
        await asyncio.sleep(0.01)
    probing.cancel()
