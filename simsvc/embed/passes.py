"""Texts to embeddings: cut into windows, encoded, and pooled again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence

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
    ahead = Ahead(engine)
    for part in parts:
        ahead.start(part)
    return [embedding for _ in range(len(ahead)) for embedding in ahead.take()]


class Ahead:
    """Embeds part after part: the engine is at the next while what the last came to is taken."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._made: deque[list[list[Embedding]]] = deque()

    def __len__(self) -> int:
        """Return how many parts were started and not taken."""
        return len(self._made)

    def start(self, texts: Sequence[str]) -> None:
        """Begin with a part. Raises what an earlier one has failed with."""
        made: list[list[Embedding]] = []
        self._made.append(made)
        start_texts(self._engine, texts, lambda embeddings, _: made.append(embeddings))

    def take(self) -> list[Embedding]:
        """Return the embeddings of the first part that was not taken, as soon as they are there."""
        made = self._made.popleft()
        if not made:
            self._engine.finish()
        return made[0]


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
