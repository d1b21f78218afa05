"""The real model: windows over long prompts, unknown scripts, other models, wrong weights."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling, StaticEmbedding
from structlog.testing import capture_logs
from tokenizers import Tokenizer, models, pre_tokenizers

from simsvc.demo.traffic import generated_texts
from simsvc.embed import fidelity
from simsvc.embed.batcher import Batcher
from simsvc.embed.cache import EmbeddingCache
from simsvc.embed.choice import Wanted, floating, make
from simsvc.embed.converted import ConversionError
from simsvc.embed.engine import Encoded, Engine
from simsvc.embed.torch_engine import Processor, TorchEngine
from simsvc.embed.weights import BUNDLED_SHA256, ModelSource, WrongWeightsError, model_source
from simsvc.niceness import COMPUTE
from simsvc.ports.embedder import Embedding, Priority
from simsvc.processor import flags
from tests.engines import MAX_WINDOWS, cached, openvino, rule

TELUGU = ["మురళి శర్మ నటించిన మొదటి చిత్రం పేరేంటి?", "తెలంగాణ రాష్ట్ర విస్తీర్ణం ఎంత?"]


@pytest.fixture(scope="module", params=["torch", "floating", "int8"])
def engine(request: pytest.FixtureRequest) -> Engine:
    if request.param == "torch":
        return make(model_source("all-MiniLM-L6-v2", ""), rule("torch", cached()))
    return openvino("int8" if request.param == "int8" else floating(flags()))


def vectors(engine: Engine, texts: Sequence[str]) -> np.ndarray:
    return engine.encode([cut.windows[0] for cut in engine.cut(texts)]).vectors


async def embed(engine: Engine, *texts: str) -> list[Embedding]:
    batcher = Batcher(engine, budget=2048, max_texts=32, cache=EmbeddingCache(2**20))
    batcher.start(engine.use_this_thread)
    try:
        return await batcher.embed(texts, Priority.INGEST)
    finally:
        batcher.stop()


def cosine(first: Embedding, second: Embedding) -> float:
    return float(first.vector @ second.vector)


def test_the_bundled_model_is_the_official_one(engine: Engine) -> None:
    info = engine.info
    assert (info.sha256, info.dimension, info.window_tokens) == (BUNDLED_SHA256, 384, 254)


def test_vectors_are_those_of_sentence_transformers(engine: Engine) -> None:
    texts = generated_texts(20, seed=3)
    model = SentenceTransformer(model_source("all-MiniLM-L6-v2", "").location, device="cpu")
    expected = model.encode(texts)
    cosines = (vectors(engine, texts) * expected).sum(axis=1)
    assert cosines.mean() > 0.998
    if "int8" not in engine.name:
        np.testing.assert_allclose(cosines, 1.0, atol=1e-3)
    if engine.name == "torch float32":
        np.testing.assert_allclose(vectors(engine, texts), expected, atol=1e-5)


async def test_a_long_prompt_is_embedded_over_its_whole_length(engine: Engine) -> None:
    body = " ".join(generated_texts(40, seed=1))
    ends = [" The last words are about whales.", " The last words are about tax law."]
    short, *long = await embed(engine, "a short one", *(body + end for end in ends))
    assert (short.windows, short.capped) == (1, False)
    assert {e.windows for e in long} == {3}
    assert not any(e.capped for e in long)
    # The model alone would cut both at 256 tokens and find them equal.
    assert 0.9 < cosine(*long) < 0.9999


async def test_the_cap_is_told_and_keeps_both_ends(engine: Engine) -> None:
    body = " ".join(generated_texts(400, seed=2))
    whale = "Whales sing in the deep cold sea. " * 60
    plain, first, last = await embed(engine, body, whale + body, body + whale)
    assert all(e.capped and e.windows == MAX_WINDOWS for e in (plain, first, last))
    assert plain.tokens > MAX_WINDOWS * 254
    assert cosine(plain, first) < 0.95
    assert cosine(plain, last) < 0.95


async def test_unrelated_texts_of_an_unknown_script_are_not_alike(engine: Engine) -> None:
    naive = vectors(engine, TELUGU)
    assert float(naive[0] @ naive[1]) > 0.85
    first, second, near = await embed(engine, *TELUGU, TELUGU[0] + " ?")
    assert cosine(first, second) < 0.3
    assert cosine(first, near) > 0.9


@pytest.mark.parametrize("kind", ["torch", "openvino"])
async def test_where_one_window_is_allowed_a_long_prompt_is_its_beginning(kind: Wanted) -> None:
    source = model_source("all-MiniLM-L6-v2", "")
    engine = make(source, rule(kind, cached(), max_windows=1))
    long = " ".join(generated_texts(60, seed=4))
    embedded, short = await embed(engine, long, "a short one")
    assert (embedded.windows, embedded.capped) == (1, True)
    assert (short.windows, short.capped) == (1, False)
    # What sentence-transformers makes of it, which cuts it too.
    expected = SentenceTransformer(source.location, device="cpu").encode(long)
    assert float(embedded.vector @ expected) > 0.995


@pytest.mark.parametrize("text", ["\u2028", "😀😀", "a" * 50_000, "﷽", "\u202eabc", "１２３"])
async def test_odd_texts_have_a_unit_vector(engine: Engine, text: str) -> None:
    [embedding] = await embed(engine, text)
    assert np.linalg.norm(embedding.vector) == pytest.approx(1.0, abs=1e-3)


def test_wrong_weights_are_refused() -> None:
    source = model_source("all-MiniLM-L6-v2", "0" * 64)
    with pytest.raises(WrongWeightsError, match=BUNDLED_SHA256):
        TorchEngine(source, max_windows=1, dtype="float32", threads=1)


@pytest.fixture(scope="module", params=["floating", "int8"])
def packed(request: pytest.FixtureRequest) -> Engine:
    return openvino("int8" if request.param == "int8" else floating(flags()))


def test_a_prompt_has_the_same_vector_whatever_lies_beside_it(packed: Engine) -> None:
    texts = [t for n in (1, 3, 9) for t in (" ".join(generated_texts(n, seed=n)),) * 2]
    others = generated_texts(50, seed=8)
    windows = [cut.windows[0] for cut in packed.cut(texts)]
    crowd = [cut.windows[0] for cut in packed.cut(others)]
    alone = np.concatenate([packed.encode([w]).vectors for w in windows])
    among = packed.encode([*crowd[:25], *windows, *crowd[25:]]).vectors[25 : 25 + len(windows)]
    assert (alone * among).sum(axis=1).min() > 0.999


def test_rows_are_nearly_full(packed: Engine) -> None:
    cuts = packed.cut(generated_texts(400, seed=4))
    encoded = packed.encode([cut.windows[0] for cut in cuts])
    needed = sum(cut.tokens + 2 for cut in cuts)
    assert needed <= encoded.computed <= 1.05 * needed
    assert encoded.passes < len(cuts) / 2


@pytest.mark.skipif(sys.platform != "linux", reason="only there has a thread a niceness")
def test_what_computes_yields_to_what_answers(packed: Engine) -> None:
    before = spent()
    vectors(packed, generated_texts(200, seed=6))
    added = {thread: now - before.get(thread, 0) for thread, now in spent().items()}
    nice = {t for t in added if os.getpriority(os.PRIO_PROCESS, int(t.name)) >= COMPUTE}
    assert sum(added[t] for t in nice) > 0.8 * sum(added.values())


@pytest.mark.skipif(sys.platform != "linux", reason="only there has a thread a niceness")
def test_what_computes_runs_no_python(packed: Engine) -> None:
    """It would wait for a core with the interpreter's lock in its hands."""
    here = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    held: list[int] = []
    windows = [cut.windows[0] for cut in packed.cut(generated_texts(50, seed=7))]
    for some in (windows, windows[:1]):
        packed.start(
            some,
            lambda _: held.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id())),
        )
    packed.finish()
    assert held == [here, here]


def spent() -> dict[Path, int]:
    """Return the ticks that each thread of the process has computed for."""
    threads = Path("/proc/self/task").iterdir()
    return {t: int((t / "stat").read_text().rpartition(")")[2].split()[11]) for t in threads}


def test_nothing_to_encode_is_nothing_encoded(packed: Engine) -> None:
    assert packed.encode([]).vectors.shape == (0, 384)


def test_what_fails_as_a_pass_ends_is_told(packed: Engine) -> None:
    alone = openvino("int8" if "int8" in packed.name else floating(flags()))
    windows = [cut.windows[0] for cut in alone.cut(generated_texts(50, seed=3))]

    def fail(encoded: Encoded) -> None:
        raise ZeroDivisionError

    alone.start(windows, fail)
    with pytest.raises(ZeroDivisionError):
        alone.finish()
    with pytest.raises(ZeroDivisionError):
        alone.start(windows, fail)


def test_rounds_that_overlap_are_kept_apart(packed: Engine) -> None:
    windows = [cut.windows[0] for cut in packed.cut(generated_texts(90, seed=5))]
    parts = [windows[i::3] for i in range(3)]
    made: dict[int, Encoded] = {}
    for i, part in enumerate(parts):
        packed.start(part, partial(made.__setitem__, i))
    packed.finish()
    for i, part in enumerate(parts):
        assert (made[i].vectors * packed.encode(part).vectors).sum(axis=1).min() > 0.999


def test_a_single_text_does_not_take_the_cores_from_those_before(packed: Engine) -> None:
    windows = [cut.windows[0] for cut in packed.cut(generated_texts(300, seed=6))]
    ended: list[int] = []
    packed.start(windows, lambda encoded: ended.append(len(encoded.vectors)))
    packed.start(windows[:1], lambda encoded: ended.append(len(encoded.vectors)))
    assert ended == [300, 1]


def test_an_unfaithful_engine_is_refused(packed: Engine) -> None:
    right = vectors(packed, fidelity.TEXTS)
    assert fidelity.check(packed, right) > 0.9995
    wrong = right.copy()
    wrong[3] = wrong[4]
    with pytest.raises(fidelity.UnfaithfulEngineError, match="at least"):
        fidelity.check(packed, wrong)


def test_a_conversion_tells_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """OpenVINO keeps a client's id for its telemetry in the home folder, unless it is off."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("CI", raising=False)
    (tmp_path / "home").mkdir()
    make(model_source("all-MiniLM-L6-v2", ""), rule("openvino", tmp_path / "cache"))
    assert list((tmp_path / "home").rglob("*intel*")) == []
    assert list((tmp_path / "home").rglob("*openvino*")) == []


def test_what_cannot_be_converted_is_named(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "model.safetensors").write_bytes(b"no weights")
    with pytest.raises(ConversionError, match="broken"):
        make(model_source(str(broken), ""), rule("openvino", tmp_path / "cache"))
    assert list((tmp_path / "cache").iterdir()) == []


async def test_a_model_that_cannot_be_packed_is_converted_whole(tmp_path: Path) -> None:
    """Pooling by the maximum is of the sequence, not of packed tokens."""
    source = model_source("all-MiniLM-L6-v2", "")
    model = SentenceTransformer(source.location, device="cpu")
    pooling = Pooling(384, pooling_mode="max")
    SentenceTransformer(modules=[model[0], pooling], device="cpu").save(str(tmp_path / "max"))
    other = model_source(str(tmp_path / "max"), "")
    engine = make(other, rule("openvino", tmp_path / "cache"))
    assert "packed" not in engine.name
    texts = generated_texts(30, seed=6)
    expected = vectors(make(other, rule("torch", tmp_path)), texts)
    assert (vectors(engine, texts) * expected).sum(axis=1).min() > 0.99


async def test_another_model_from_a_folder(tmp_path: Path) -> None:
    vocabulary = {"[UNK]": 0} | {word: i + 1 for i, word in enumerate(["all", "about", "bread"])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    weights = np.random.default_rng(0).standard_normal((len(vocabulary), 16)).astype(np.float32)
    static = StaticEmbedding(tokenizer, embedding_weights=weights)
    SentenceTransformer(modules=[static], device="cpu").save(str(tmp_path / "tiny"))
    source = model_source(str(tmp_path / "tiny"), "")
    assert source == ModelSource("tiny", str(tmp_path / "tiny"), "")
    # It has no network to convert: "auto" says so and takes PyTorch.
    with capture_logs() as logs:
        engine = make(source, rule("auto", tmp_path / "cache", max_windows=2))
    assert [e["event"] for e in logs] == ["model_converting", "model_not_converted"]
    assert (engine.name, engine.info.dimension) == ("torch float32", 16)
    same, other = await embed(engine, "all about bread", "bread")
    assert 0 < cosine(same, other) < 1


def test_half_precision_in_pytorch_is_held_to_single_precision() -> None:
    source = model_source("all-MiniLM-L6-v2", "")
    half = TorchEngine(source, MAX_WINDOWS, "float32", 2, 1024, Processor("cpu", torch.bfloat16))
    whole = TorchEngine(source, MAX_WINDOWS, "float32", 2, 1024)
    assert half.name == "torch bfloat16"
    # It may be compared with what single precision made.
    assert half.info == whole.info
    assert 0.995 <= half.agreement < 1.0
    texts = [*TELUGU, "Why is the sky blue?", "word " * 200]
    assert not np.array_equal(vectors(half, texts), vectors(whole, texts))
    assert (vectors(half, texts) * vectors(whole, texts)).sum(axis=1).min() > 0.99
