"""What the service is measured against: the naive loop, and its own embedder alone."""

from __future__ import annotations

import time
from collections.abc import Sequence
from statistics import median

import faiss
from sentence_transformers import SentenceTransformer

from simsvc.assembly import make_engine
from simsvc.domain.chunks import chunks
from simsvc.embed.passes import embed_parts, embed_texts
from simsvc.embed.weights import BUNDLED, model_source
from simsvc.settings import Settings

_BATCH = 32
_K = 8
_SINGLES = 100


def naive_rate(texts: Sequence[str], batch: int = _BATCH) -> float:
    """Return prompts a second of `encode` at its defaults and IndexFlatIP add and search.

    In arrival order, `batch` at a time, in memory: no network, no disk, no detection.
    """
    model = SentenceTransformer(model_source(BUNDLED, "").location, device="cpu")
    index = faiss.IndexFlatIP(model.get_embedding_dimension() or 0)
    model.encode(list(texts[:batch]))
    started = time.perf_counter()
    for part in chunks(texts, batch):
        vectors = model.encode(list(part), normalize_embeddings=True)
        if index.ntotal:
            index.search(vectors, _K)
        index.add(vectors)
    return len(texts) / (time.perf_counter() - started)


def bare_embedder(texts: Sequence[str], batch: int, pause: float) -> tuple[float, float]:
    """Return prompts a second of the service's own engine alone, and the ms of a single text.

    Batches overlap as they do in the service.

    Single texts come with a pause (s) between them, as calls do: processors slow down meanwhile.
    """
    engine = make_engine(Settings())
    engine.use_this_thread()
    embed_texts(engine, texts[:batch])
    started = time.perf_counter()
    embed_parts(engine, chunks(texts, batch))
    rate = len(texts) / (time.perf_counter() - started)
    seconds = []
    for text in texts[:_SINGLES]:
        started = time.perf_counter()
        embed_texts(engine, [text])
        seconds.append(time.perf_counter() - started)
        time.sleep(pause)
    return rate, 1000 * median(seconds)
