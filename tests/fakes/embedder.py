"""An embedder without a model: each word has a random direction, a text their mean."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import numpy as np

from simsvc.domain.windows import normalised
from simsvc.ports.embedder import Embedding, ModelInfo, Priority

DIMENSION = 32
INFO = ModelInfo("fake", "0" * 64, DIMENSION, 64, 4, "float32")


def fake_vector(text: str) -> np.ndarray:
    """Return a unit vector: the mean of one random direction for each word."""
    words = text.split() or [""]
    seeds = (int.from_bytes(hashlib.sha256(w.encode()).digest()[:8], "big") for w in words)
    rows = [np.random.default_rng(seed).standard_normal(DIMENSION) for seed in seeds]
    vector = normalised(np.mean(rows, axis=0, dtype=np.float64).astype(np.float32)[None])[0]
    return vector.astype(np.float16).astype(np.float32)


class FakeEmbedder:
    """Counts what it embeds; can be held up with `gate`."""

    def __init__(self) -> None:
        self.info = INFO
        self.texts: list[str] = []
        self.begun: list[str] = []
        self.gate = None

    async def embed(self, texts: Sequence[str], priority: Priority) -> list[Embedding]:
        if self.gate is not None:
            await self.gate.wait()
        self.texts.extend(texts)
        return [Embedding(fake_vector(t), len(t.split()), 1, False) for t in texts]

    def begin(self, texts: Sequence[str], priority: Priority) -> None:
        self.begun.extend(texts)
