"""Embeddings of texts seen lately, bounded by the memory that they take."""

from __future__ import annotations

import hashlib
from collections import OrderedDict

from simsvc.ports.embedder import Embedding

# What an entry takes beside the numbers of its vector: key, array, embedding and places of both
# in the table (a test holds it against what is allocated).
_OVERHEAD = 480


class EmbeddingCache:
    """Least recently used goes first. Used from one event loop; keeps no text, only its hash."""

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes
        self.bytes = 0
        self._entries: OrderedDict[bytes, Embedding] = OrderedDict()
        self.hits = 0
        self.misses = 0

    @staticmethod
    def key(text: str) -> bytes:
        """Return what stands for a text."""
        return hashlib.blake2b(text.encode(), digest_size=16).digest()

    def __contains__(self, key: bytes) -> bool:
        """Return whether the embedding of a text is there, without counting that as its use."""
        return key in self._entries

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
        """Keep an embedding, and drop what there is no room for any more."""
        known = self._entries.pop(key, None)
        self.bytes += _size(embedding) - (_size(known) if known is not None else 0)
        self._entries[key] = embedding
        while self.bytes > self._most:
            _, dropped = self._entries.popitem(last=False)
            self.bytes -= _size(dropped)


def _size(embedding: Embedding) -> int:
    return embedding.vector.nbytes + _OVERHEAD
