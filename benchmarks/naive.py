"""The naive loop that the service is measured against."""

from __future__ import annotations

import time
from collections.abc import Sequence

import faiss
from sentence_transformers import SentenceTransformer

from simsvc.domain.chunks import chunks
from simsvc.embed.weights import BUNDLED, model_source

_BATCH = 32
_K = 8


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
