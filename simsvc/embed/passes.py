"""Texts to embeddings: cut into windows, encoded, and pooled again."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial

import numpy as np
import numpy.typing as npt

from simsvc.domain.windows import pool_windows
from simsvc.embed.engine import Cut, Encoded, Engine
from simsvc.embed.lexical import blended
from simsvc.ports.embedder import Embedding


def embed_texts(engine: Engine, texts: Sequence[str]) -> tuple[list[Embedding], Encoded]:
    """Return one embedding a text, and how their windows were encoded. The model's thread only."""
    cuts = engine.cut(texts) if texts else []
    encoded = engine.encode([window for cut in cuts for window in cut.windows])
    return _pooled(texts, cuts, encoded.vectors), encoded


def start_texts(
    engine: Engine, texts: Sequence[str], done: Callable[[list[Embedding], Encoded], None]
) -> None:
    """Do as `embed_texts` without waiting: see `Engine.start`. The model's thread only."""
    cuts = engine.cut(texts) if texts else []
    windows = [window for cut in cuts for window in cut.windows]
    engine.start(windows, lambda encoded: done(_pooled(texts, cuts, encoded.vectors), encoded))


def embed_parts(engine: Engine, parts: Iterable[Sequence[str]]) -> list[Embedding]:
    """Embed texts part by part, the next cut while the last is computed, as a server does it."""
    made: dict[int, list[Embedding]] = {}

    def done(number: int, embeddings: list[Embedding], _: Encoded) -> None:
        made[number] = embeddings

    for number, part in enumerate(parts):
        start_texts(engine, part, partial(done, number))
    engine.finish()
    return [embedding for i in range(len(made)) for embedding in made[i]]


def _pooled(
    texts: Sequence[str], cuts: Sequence[Cut], vectors: npt.NDArray[np.float32]
) -> list[Embedding]:
    """Make one embedding of each text from the vectors of all windows (n, d)."""
    embeddings = []
    start = 0
    for text, cut in zip(texts, cuts, strict=True):
        end = start + len(cut.windows)
        lengths = [window.tokens for window in cut.windows]
        vector = vectors[start] if end == start + 1 else pool_windows(vectors[start:end], lengths)
        vector = blended(vector, text, cut.known)
        embeddings.append(Embedding(vector.copy(), cut.tokens, len(lengths), cut.capped))
        start = end
    return embeddings
