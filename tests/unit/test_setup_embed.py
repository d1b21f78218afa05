"""Batches, the cache, weights and n-grams."""

from __future__ import annotations

import hashlib
import tracemalloc
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from simsvc.embed.cache import EmbeddingCache
from simsvc.embed.lexical import blended, known_share, model_weight, ngram_vector
from simsvc.embed.packing import pack
from simsvc.embed.weights import (
    BUNDLED,
    BUNDLED_SHA256,
    ModelSource,
    WrongWeightsError,
    model_source,
    verify,
    weights_sha256,
)
from simsvc.ports.embedder import Embedding

FIXED = settings(derandomize=True, deadline=None)


@FIXED
@given(st.lists(st.integers(0, 512), max_size=80), st.integers(1, 4096))
def test_every_row_is_packed_once_within_the_budget(lengths: list[int], budget: int) -> None:
    batches = pack(lengths, budget)
    assert sorted(i for batch in batches for i in batch) == list(range(len(lengths)))
    for batch in batches:
        longest = max(lengths[i] for i in batch)
        assert len(batch) * longest <= budget or len(batch) == 1


def test_equal_rows_fill_their_batches() -> None:
    assert [len(batch) for batch in pack([10] * 25, 100)] == [10, 10, 5]
    assert pack([], 100) == []


def embedding(number: int) -> Embedding:
    return Embedding(np.full(2, number, np.float32), number, 1, False)


def entry() -> int:
    """Return the bytes that the cache counts for one of these."""
    cache = EmbeddingCache(2**20)
    cache.put(b"", embedding(0))
    return cache.bytes


ENTRY = entry()


def test_what_the_cache_counts_is_what_it_takes() -> None:
    count = 2000
    cache = EmbeddingCache(2**30)
    tracemalloc.start()
    for number in range(count):
        vector = np.full(384, number, np.float32)
        cache.put(cache.key(str(number)), Embedding(vector, 10, 1, False))
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 0.8 * cache.bytes < taken <= cache.bytes


def test_a_text_that_comes_again_is_counted_once() -> None:
    cache = EmbeddingCache(2**20)
    cache.put(b"a", embedding(1))
    cache.put(b"a", embedding(2))
    assert cache.bytes == ENTRY
    found = cache.get(b"a")
    assert found is not None
    assert found.tokens == 2


def test_a_cache_without_memory_keeps_nothing() -> None:
    cache = EmbeddingCache(0)
    cache.put(b"a", embedding(1))
    assert (cache.get(b"a"), cache.bytes) == (None, 0)


def test_the_cache_forgets_what_was_used_least_lately() -> None:
    cache = EmbeddingCache(2 * ENTRY)
    keys = [cache.key(text) for text in "abc"]
    cache.put(keys[0], embedding(0))
    cache.put(keys[1], embedding(1))
    assert cache.get(keys[0]) is not None
    cache.put(keys[2], embedding(2))
    assert [cache.get(key) is not None for key in keys] == [True, False, True]
    assert (cache.hits, cache.misses) == (3, 1)


@FIXED
@given(st.lists(st.tuples(st.booleans(), st.integers(0, 9))), st.integers(1, 5))
def test_the_cache_is_bounded_and_right(steps: list[tuple[bool, int]], size: int) -> None:
    cache = EmbeddingCache(size * ENTRY)
    for writes, number in steps:
        if writes:
            cache.put(cache.key(str(number)), embedding(number))
        elif (found := cache.get(cache.key(str(number)))) is not None:
            assert found.tokens == number
    held = [n for n in range(10) if cache.get(cache.key(str(n))) is not None]
    assert len(held) <= size
    if steps and steps[-1][0]:
        assert steps[-1][1] in held


def test_sources_of_models(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bundled = model_source(BUNDLED, "")
    assert (bundled.name, bundled.expected_sha256) == (BUNDLED, BUNDLED_SHA256)
    assert Path(bundled.location).is_dir()
    assert model_source(BUNDLED, "1" * 64).expected_sha256 == "1" * 64
    folder = tmp_path / "mine"
    folder.mkdir()
    assert model_source(str(folder), "") == ModelSource("mine", str(folder), "")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert model_source("~/mine", "x").location == str(folder)
    assert model_source("org/model", "x") == ModelSource("org/model", "org/model", "x")


def test_the_hash_of_weights(tmp_path: Path) -> None:
    with pytest.raises(WrongWeightsError, match="no weights"):
        weights_sha256(tmp_path)
    (tmp_path / "old.bin").write_bytes(b"old")
    assert weights_sha256(tmp_path) == hashlib.sha256(b"old").hexdigest()
    (tmp_path / "one.safetensors").write_bytes(b"one")
    assert weights_sha256(tmp_path) == hashlib.sha256(b"one").hexdigest()


def test_the_hash_of_several_files(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "b.safetensors").write_bytes(b"b")
    (tmp_path / "a.safetensors").write_bytes(b"a")
    lines = [
        f"{name} {hashlib.sha256(data).hexdigest()}\n"
        for name, data in (("a.safetensors", b"a"), ("sub/b.safetensors", b"b"))
    ]
    both = weights_sha256(tmp_path)
    assert both == hashlib.sha256("".join(lines).encode()).hexdigest()
    (tmp_path / "a.safetensors").rename(tmp_path / "c.safetensors")
    assert weights_sha256(tmp_path) != both


def test_wrong_weights_are_refused() -> None:
    verify(ModelSource("m", "m", ""), "anything")
    verify(ModelSource("m", "m", "1" * 64), "1" * 64)
    with pytest.raises(WrongWeightsError, match="the weights of m"):
        verify(ModelSource("m", "m", "1" * 64), "2" * 64)


@FIXED
@given(st.text(min_size=1, max_size=30), st.data())
def test_known_share_is_a_share(text: str, data: st.DataObject) -> None:
    edges = sorted(data.draw(st.sets(st.integers(0, len(text)), min_size=2)))
    offsets = list(pairwise(edges))
    ids = data.draw(st.lists(st.integers(0, 3), min_size=len(offsets), max_size=len(offsets)))
    share = known_share(text, offsets, ids, 0)
    assert 0.0 <= share <= 1.0
    if text.isascii():
        assert share == 1.0


def test_no_tokens_and_no_unknown_token() -> None:
    assert known_share("é", [], [], 0) == 1.0
    assert known_share("café", [(0, 4)], [7], None) == 1.0


@FIXED
@given(st.floats(-1, 2), st.floats(-1, 2))
def test_the_models_weight_is_bounded_and_rises(one: float, two: float) -> None:
    low, high = sorted((one, two))
    assert 0.0 <= model_weight(low) <= model_weight(high) <= 1.0


def test_the_models_weight_at_its_ends() -> None:
    assert [model_weight(x) for x in (0.3, 0.7)] == [0.0, 1.0]
    assert model_weight(0.5) == pytest.approx(0.5)


@FIXED
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=60))
def test_ngrams_are_stable_and_of_unit_length(text: str) -> None:
    one, two = ngram_vector(text, 64), ngram_vector(text, 64)
    np.testing.assert_array_equal(one, two)
    assert one.dtype == np.float32
    norm = float(np.linalg.norm(one))
    assert norm == 0.0 or norm == pytest.approx(1.0, abs=1e-5)
    if len(text) < 2:
        assert norm == 0.0


def test_a_script_without_words_is_told_apart() -> None:
    # One vector for all, as a model gives them.
    same = np.zeros(384, np.float32)
    same[0] = 1.0
    one, near, far = (
        blended(same, text, 0.0)
        for text in ("ఒక పుస్తకం చదవండి", "ఒక పుస్తకం చదవండి ఇప్పుడు", "వాతావరణం ఎలా ఉంది")
    )
    assert one @ near > 0.7
    assert one @ far < 0.4
