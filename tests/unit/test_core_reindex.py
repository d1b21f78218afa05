"""What is told of a reindex that cannot be planned."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from simsvc.core.reindex import ReindexSpec
from simsvc.domain.errors import AlreadyThereError
from simsvc.domain.generation import IndexParameters
from tests.unit.cutovers import Changing

OTHER_INDEX = IndexParameters(recall=0.97)


@pytest.fixture
async def changing(tmp_path: Path) -> AsyncIterator[Changing]:
    made = Changing(tmp_path)
    yield made
    await made.stop()


async def test_a_generation_that_is_there_is_told_from_one_with_another_index(
    changing: Changing,
) -> None:
    with pytest.raises(AlreadyThereError, match=r"is that already, in the state SHADOW$"):
        changing.reindexing.plan(ReindexSpec("other", IndexParameters()))
    with pytest.raises(AlreadyThereError, match="in the state SHADOW, with another index: "):
        changing.reindexing.plan(ReindexSpec("other", OTHER_INDEX))
