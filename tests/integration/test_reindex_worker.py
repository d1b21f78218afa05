"""A worker at a job's ranges: it is at the next while it writes the last."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from sqlalchemy import select

from indexer.reindexing.worker import Worked, embed_ranges
from simsvc.embed.engine import Cut, Encoded, Engine, Window
from simsvc.record import tables
from simsvc.settings import Settings
from tests.models import small_model
from tests.reindexing import Planned, a_job, same


class Told:
    """A real engine that calls `begun` before it begins with a range."""

    def __init__(self, engine: Engine, begun: Callable[[], None]) -> None:
        self.info, self.name = engine.info, engine.name
        self._engine, self._begun = engine, begun

    def use_this_thread(self) -> None:
        self._engine.use_this_thread()

    def cut(self, texts: Sequence[str]) -> list[Cut]:
        self._begun()
        return self._engine.cut(texts)

    def encode(self, windows: Sequence[Window]) -> Encoded:
        return self._engine.encode(windows)

    def start(self, windows: Sequence[Window], done: Callable[[Encoded], None]) -> None:
        self._engine.start(windows, done)

    def finish(self) -> None:
        self._engine.finish()


@pytest.fixture
def planned(tmp_path: Path) -> Planned:
    model = small_model(tmp_path / "made-up", 48)
    return a_job(Settings(data_dir=tmp_path / "data"), model, 100)


def worked(
    planned: Planned, begun: Callable[[], None], alone: Callable[[], bool] = lambda: False
) -> Worked:
    engine = planned.shop.engine(planned.shop.generation_of(planned.job), 1)
    engine.use_this_thread()
    return embed_ranges(planned.shop, planned.job, Told(engine, begun), 30.0, alone)


def test_a_range_is_begun_before_the_last_is_written(planned: Planned) -> None:
    written: list[int] = []
    assert worked(planned, lambda: written.append(planned.done)) == Worked(5, 100, 0)
    assert written == [0, 0, 1, 2, 3]
    assert same(planned.vectors, planned.expected())


def test_what_is_begun_and_not_written_is_left_to_others(planned: Planned) -> None:
    begun: list[int] = []
    left = worked(planned, lambda: begun.append(planned.done), lambda: len(begun) == 3)
    # Three were begun, and one lies unwritten as the worker finds itself alone.
    assert left == Worked(2, 40, 0)
    assert worked(planned, lambda: None) == Worked(3, 60, 0)
    assert same(planned.vectors, planned.expected())


def test_a_range_that_was_lost_is_done_again(planned: Planned) -> None:
    seen: list[int] = []
    lease = tables.ranges.c

    def begun() -> None:
        seen.append(planned.done)
        if len(seen) == 3:
            with planned.shop.database.engine.begin() as connection:
                [owner] = connection.scalars(
                    select(lease.owner).distinct().where(lease.owner != "", lease.done_at == 0)
                )
            planned.shop.database.jobs.release(planned.job.job_id, owner)

    # The one that lies unwritten, and the one that is begun.
    assert worked(planned, begun) == Worked(5, 100, 2)
    assert len(seen) == 7
    assert same(planned.vectors, planned.expected())
