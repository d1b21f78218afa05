"""Recall of the index at 100,000 real embeddings, with the settings that a server starts with."""

from __future__ import annotations

import os
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from simsvc.assembly import make_index
from simsvc.demo.traffic import generated_texts
from simsvc.domain.prompt import MICROSECONDS
from simsvc.embed.passes import embed_texts
from simsvc.embed.torch_engine import TorchEngine
from simsvc.embed.weights import BUNDLED, model_source
from simsvc.index.files import ANN
from simsvc.index.flat import FlatIndex
from simsvc.index.segmented import SegmentedIndex
from simsvc.ports.index import ROW_DTYPE, Rows, Vectors
from simsvc.settings import Settings

COUNT, HELD_OUT, K = 100_000, 500, 10
# The shortest of many texts: the model's time goes by tokens.
DRAWN = 3 * (COUNT + HELD_OUT)
BATCH_TOKENS = 2048
FULL_SEGMENTS = 3


def make_texts() -> list[str]:
    """Return distinct texts in an order that chance made."""
    shortest = sorted(generated_texts(DRAWN, 11), key=len)[: COUNT + HELD_OUT]
    random.Random(11).shuffle(shortest)
    return shortest


def make_engines() -> list[TorchEngine]:
    """Return one engine a core: for batches this small that is faster than one on all cores."""
    fast = "avx512_bf16" in Path("/proc/cpuinfo").read_text()
    source = model_source(BUNDLED, "")
    return [
        TorchEngine(source, 1, "bfloat16" if fast else "float32", threads=1, budget=BATCH_TOKENS)
        for _ in range(min(4, len(os.sched_getaffinity(0))))
    ]


def embed_all(engines: list[TorchEngine], texts: list[str]) -> Vectors:
    """Return vectors as the service has them: of one window each, at the precision of fp16."""
    vectors = np.empty((len(texts), engines[0].info.dimension), np.float32)
    parts = [slice(i, None, len(engines)) for i in range(len(engines))]
    with ThreadPoolExecutor(len(engines)) as pool:
        embedded = pool.map(embed, engines, [texts[part] for part in parts])
        for part, done in zip(parts, embedded, strict=True):
            vectors[part] = done
    return vectors.astype(np.float16).astype(np.float32)


def embed(engine: TorchEngine, texts: list[str]) -> Vectors:
    engine.use_this_thread()
    return np.stack([embedding.vector for embedding in embed_texts(engine, texts)[0]])


def make_rows(settings: Settings) -> Rows:
    """Return rows that fill one segment on each of three days; the rest is of a fourth."""
    rows = np.zeros(COUNT, ROW_DTYPE)
    rows["seq"] = np.arange(1, COUNT + 1)
    rows["account"] = 1 + rows["seq"] % 1000
    full = FULL_SEGMENTS * settings.segment_prompts
    days = np.where(rows["seq"] <= full, rows["seq"] % FULL_SEGMENTS, FULL_SEGMENTS)
    rows["observed_at"] = int(settings.segment_span * MICROSECONDS) * (20_000 + days)
    return rows


def filled(index: SegmentedIndex | FlatIndex, rows: Rows, vectors: Vectors) -> None:
    for start in range(0, COUNT, 512):
        index.add(rows[start : start + 512], vectors[start : start + 512])


@pytest.mark.timeout(900)
def test_recall_at_a_hundred_thousand_vectors(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    engines, settings = make_engines(), Settings(data_dir=tmp_path)
    model = engines[0].info
    vectors = embed_all(engines, make_texts())
    queries, vectors = vectors[:HELD_OUT], vectors[HELD_OUT:]
    rows, exact = make_rows(settings), FlatIndex(model.dimension)
    filled(exact, rows, vectors)
    with ThreadPoolExecutor(1) as sealer:
        index = make_index(settings, model, sealer)
        filled(index, rows, vectors)
        index.finish_sealing()
    # Three segments are searched approximately, one is hot: else this would say nothing.
    assert len(list(tmp_path.rglob(ANN))) == FULL_SEGMENTS
    assert (index.stats().prompts, index.stats().segments) == (COUNT, FULL_SEGMENTS + 1)
    found = index.nearest(queries, K).rows["seq"].tolist()
    true = exact.nearest(queries, K).rows["seq"].tolist()
    shared = sum(len(set(f) & set(t)) for f, t in zip(found, true, strict=True))
    recall = shared / (HELD_OUT * K)
    with capsys.disabled():
        print(f"\nrecall@{K} = {recall:.4f} at {COUNT} vectors ({model.dtype})")
    assert recall >= 0.95
