"""The real model: windows over long prompts, unknown scripts, other models, wrong weights."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import StaticEmbedding
from tokenizers import Tokenizer, models, pre_tokenizers

from simsvc.demo.traffic import generated_texts
from simsvc.embed.batcher import Batcher
from simsvc.embed.cache import EmbeddingCache
from simsvc.embed.engine import TorchEngine
from simsvc.embed.weights import BUNDLED_SHA256, ModelSource, WrongWeightsError, model_source
from simsvc.ports.embedder import Embedding, Priority

MAX_WINDOWS = 4
TELUGU = ["మురళి శర్మ నటించిన మొదటి చిత్రం పేరేంటి?", "తెలంగాణ రాష్ట్ర విస్తీర్ణం ఎంత?"]


@pytest.fixture(scope="module")
def engine() -> TorchEngine:
    source = model_source("all-MiniLM-L6-v2", "")
    return TorchEngine(source, max_windows=MAX_WINDOWS, dtype="float32", threads=2)


async def embed(engine: TorchEngine, *texts: str) -> list[Embedding]:
    batcher = Batcher(engine, budget=2048, max_texts=32, cache=EmbeddingCache(100))
    batcher.start(engine.use_this_thread)
    try:
        return await batcher.embed(texts, Priority.INGEST)
    finally:
        batcher.stop()


def cosine(first: Embedding, second: Embedding) -> float:
    return float(first.vector @ second.vector)


def test_the_bundled_model_is_the_official_one(engine: TorchEngine) -> None:
    info = engine.info
    assert (info.sha256, info.dimension, info.window_tokens) == (BUNDLED_SHA256, 384, 254)


def test_vectors_are_those_of_sentence_transformers(engine: TorchEngine) -> None:
    texts = generated_texts(20, seed=3)
    model = SentenceTransformer(model_source("all-MiniLM-L6-v2", "").location, device="cpu")
    np.testing.assert_allclose(engine.encode(texts), model.encode(texts), atol=1e-5)


async def test_a_long_prompt_is_embedded_over_its_whole_length(engine: TorchEngine) -> None:
    body = " ".join(generated_texts(40, seed=1))
    ends = [" The last words are about whales.", " The last words are about tax law."]
    short, *long = await embed(engine, "a short one", *(body + end for end in ends))
    assert (short.windows, short.capped) == (1, False)
    assert {e.windows for e in long} == {3}
    assert not any(e.capped for e in long)
    # The model alone would cut both at 256 tokens and find them equal.
    assert 0.9 < cosine(*long) < 0.9999


async def test_the_cap_is_told_and_keeps_both_ends(engine: TorchEngine) -> None:
    body = " ".join(generated_texts(400, seed=2))
    whale = "Whales sing in the deep cold sea. " * 60
    plain, first, last = await embed(engine, body, whale + body, body + whale)
    assert all(e.capped and e.windows == MAX_WINDOWS for e in (plain, first, last))
    assert plain.tokens > MAX_WINDOWS * 254
    assert cosine(plain, first) < 0.95
    assert cosine(plain, last) < 0.95


async def test_unrelated_texts_of_an_unknown_script_are_not_alike(engine: TorchEngine) -> None:
    naive = engine.encode(TELUGU)
    assert float(naive[0] @ naive[1]) > 0.85
    first, second, near = await embed(engine, *TELUGU, TELUGU[0] + " ?")
    assert cosine(first, second) < 0.3
    assert cosine(first, near) > 0.9


@pytest.mark.parametrize("text", ["\u2028", "😀😀", "a" * 50_000, "﷽", "\u202eabc", "１２３"])
async def test_odd_texts_have_a_unit_vector(engine: TorchEngine, text: str) -> None:
    [embedding] = await embed(engine, text)
    assert np.linalg.norm(embedding.vector) == pytest.approx(1.0, abs=1e-3)


def test_wrong_weights_are_refused() -> None:
    source = model_source("all-MiniLM-L6-v2", "0" * 64)
    with pytest.raises(WrongWeightsError, match=BUNDLED_SHA256):
        TorchEngine(source, max_windows=1, dtype="float32", threads=1)


async def test_another_model_from_a_folder(tmp_path: Path) -> None:
    vocabulary = {"[UNK]": 0} | {word: i + 1 for i, word in enumerate(["all", "about", "bread"])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    weights = np.random.default_rng(0).standard_normal((len(vocabulary), 16)).astype(np.float32)
    static = StaticEmbedding(tokenizer, embedding_weights=weights)
    SentenceTransformer(modules=[static], device="cpu").save(str(tmp_path / "tiny"))
    source = model_source(str(tmp_path / "tiny"), "")
    assert source == ModelSource("tiny", str(tmp_path / "tiny"), "")
    engine = TorchEngine(source, max_windows=2, dtype="float32", threads=1)
    assert engine.info.dimension == 16
    same, other = await embed(engine, "all about bread", "bread")
    assert 0 < cosine(same, other) < 1
