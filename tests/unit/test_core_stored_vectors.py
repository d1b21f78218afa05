"""Vectors are stored as fp16: what that does to the index and to similarities."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace

import numpy as np
import pytest

from simsvc.core.access import ALL_ROLES, Principal
from simsvc.core.lookup import SearchFilter, SearchQuery
from simsvc.domain.windows import normalised
from simsvc.ports.embedder import Embedding, Priority
from simsvc.ports.index import IndexFilter
from tests.fakes.embedder import FakeEmbedder, fake_vector
from tests.unit.helpers import Core, prompt

WHO = Principal("ana", ALL_ROLES)
TEXTS = [f"some words {i} of {i % 5}" for i in range(40)]
EVERYTHING = SearchFilter("", "", None, None, -1.0)


class Unrounded(FakeEmbedder):
    """Gives unit vectors with all digits of a float32, as a model does."""

    async def embed(self, texts: Sequence[str], priority: Priority) -> list[Embedding]:
        made = await super().embed(texts, priority)
        return [replace(e, vector=normalised(e.vector[None])[0]) for e in made]


@pytest.fixture
async def core() -> AsyncIterator[Core]:
    core = Core()
    core.ingest._embedder = Unrounded()
    core.lookup._embedder = Unrounded()
    await core.ingest.observe([prompt(f"p{i}", text, f"a{i}") for i, text in enumerate(TEXTS)])
    yield core
    await core.stop()


async def test_the_index_holds_what_a_replay_would_give(core: Core) -> None:
    seqs = list(range(1, len(TEXTS) + 1))
    held = core.index.vectors(seqs)
    np.testing.assert_array_equal(held, held.astype(np.float16).astype(np.float32))
    replayed = [core.record.vector(seq) for seq in seqs]
    np.testing.assert_array_equal(held, np.stack(replayed))  # type: ignore[arg-type]
    unrounded = normalised(np.stack([fake_vector(text) for text in TEXTS]))
    assert not np.array_equal(held, unrounded)
    np.testing.assert_allclose(held, unrounded, atol=1e-3)


async def test_a_repeated_text_has_the_same_vector(core: Core) -> None:
    await core.ingest.observe([prompt("again", TEXTS[3])])
    first, again = core.index.vectors([4, len(TEXTS) + 1])
    np.testing.assert_array_equal(first, again)


async def test_every_prompt_is_over_the_least_threshold(core: Core) -> None:
    hits = core.index.over(fake_vector("unrelated"), -1.0, IndexFilter())
    assert len(hits) == len(TEXTS)


async def test_no_outcome_is_more_similar_than_equal(core: Core) -> None:
    told = await core.ingest.observe([prompt(f"q{i}", text) for i, text in enumerate(TEXTS)])
    assert max(o.nearest_similarity for o in told) <= 1.0  # type: ignore[union-attr]


async def test_no_match_is_more_similar_than_equal(core: Core) -> None:
    best = []
    for text in TEXTS:
        query = SearchQuery(text, None, None, EVERYTHING, 1, "", 1)
        best.append((await core.lookup.search(WHO, query)).page.groups[0].best)
    assert max(best) <= 1.0


async def test_a_search_for_equals_finds_each(core: Core) -> None:
    where = replace(EVERYTHING, min_similarity=1.0)
    found = []
    for text in TEXTS:
        result = await core.lookup.search(WHO, SearchQuery(text, None, None, where, 1, "", 1))
        found.append(result.page.prompts)
    assert found == [1] * len(TEXTS)


async def test_no_match_that_is_shown_is_more_similar_than_equal(core: Core) -> None:
    shown: list[float] = []
    for text in TEXTS:
        query = SearchQuery(text, None, None, EVERYTHING, 1, "", 1)
        shown += (await core.lookup.search(WHO, query)).page.groups[0].scores
    assert max(shown) <= 1.0


@pytest.mark.parametrize("above", [1e-4, 4e-4])
async def test_no_match_is_below_the_threshold(core: Core, above: float) -> None:
    everything = SearchQuery(TEXTS[0], None, None, EVERYTHING, 50, "", 1)
    scores = [g.best for g in (await core.lookup.search(WHO, everything)).page.groups]
    middle = scores[len(scores) // 2]
    where = replace(EVERYTHING, min_similarity=middle + above)
    found = await core.lookup.search(WHO, replace(everything, where=where))
    assert all(g.best >= where.min_similarity - 1e-5 for g in found.page.groups)
    assert len(found.page.groups) == sum(score >= middle + above for score in scores)
