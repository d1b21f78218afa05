"""Embeddings of texts seen lately, bounded by number."""

from __future__ import annotations

import hashlib
from collections import OrderedDict

from simsvc.ports.embedder import Embedding


class EmbeddingCache:
    """Least recently used goes first. Used from one event loop; keeps no text, only its hash."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._entries: OrderedDict[bytes, Embedding] = OrderedDict()
        self.hits = 0
        self.misses = 0

    @staticmethod
    def key(text: str) -> bytes:
        """Return what stands for a text."""
        return hashlib.blake2b(text.encode(), digest_size=16).digest()

    def get(self, key: bytes) -> Embedding | None:
        """Return the embedding of a text, if it is still there."""
        found = self._entries.get(key)
        if found is None:
            self.misses += 1
            return None
        self.hits += 1
        self._entries.move_to_end(key)
        return found

    def put(self, key: bytes, embedding: Embedding) -> None:
        """Keep an embedding."""
        self._entries[key] = embedding
        self._entries.move_to_end(key)
        if len(self._entries) > self._size:
            self._entries.popitem(last=False)
