"""Parts embedded one behind the other: the next is begun before the last is taken."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from simsvc.embed.passes import Ahead, embed_texts
from simsvc.embed.store import EmbeddingStore
from tests.unit.test_batcher import ScriptedEngine


def test_what_is_taken_comes_in_order() -> None:
    engine = ScriptedEngine()
    ahead = Ahead(engine)
    for part in (["a b", "c"], ["d"]):
        ahead.start(part)
    assert len(ahead) == 2
    made = [*ahead.take(), *ahead.take()]
    expected, _ = embed_texts(engine, ["a b", "c", "d"])
    np.testing.assert_array_equal([e.vector for e in made], [e.vector for e in expected])
    assert len(ahead) == 0


def test_what_fails_is_raised_where_it_is_taken() -> None:
    engine = ScriptedEngine()
    ahead = Ahead(engine)
    engine.fault = RuntimeError("no memory")
    ahead.start(["a"])
    with pytest.raises(RuntimeError, match="no memory"):
        ahead.take()


def test_a_store_writes_while_the_next_group_is_computed(tmp_path: Path) -> None:
    """The last of three groups is cut when only the first is written."""
    engine = ScriptedEngine()
    store = EmbeddingStore(tmp_path, "g")
    seen: list[tuple[int, int]] = []
    texts = [f"{n}" for n in range(600)]
    found = store.embed(
        texts, lambda: engine, lambda done, _: seen.append((done, len(engine.rounds)))
    )
    assert seen == [(0, 0), (256, 2), (512, 3), (600, 3)]
    assert set(found) == set(texts)
    before = len(engine.rounds)
    assert store.embed(texts, lambda: engine, lambda *_: None).keys() == found.keys()
    assert len(engine.rounds) == before
    store.close()
