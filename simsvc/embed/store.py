"""Embeddings on disk, so that a second run over the same texts does not need the model."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import zip_longest
from pathlib import Path

import numpy as np

from simsvc.domain.chunks import chunks
from simsvc.embed.engine import Engine
from simsvc.embed.passes import Ahead
from simsvc.ports.embedder import Embedding

_AT_ONCE = 256
_VARIABLES = 500


class EmbeddingStore:
    """One SQLite file for each generation: text hash → fp16 vector. It holds no text."""

    def __init__(self, folder: Path, generation: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(folder / f"{generation}.sqlite")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS embeddings"
            " (key BLOB PRIMARY KEY, vector BLOB, tokens INT, windows INT, capped INT)"
            " WITHOUT ROWID"
        )

    def embed(
        self,
        texts: Iterable[str],
        engine: Callable[[], Engine],
        progress: Callable[[int, int], None],
    ) -> dict[str, Embedding]:
        """Return the embedding of each distinct text; `engine` is called if one is missing.

        `progress` is told how many texts are done, and of how many.
        """
        wanted = list(dict.fromkeys(texts))
        known = self._read(wanted)
        # Texts of like length go together: less padding.
        missing = sorted((t for t in wanted if t not in known), key=len)
        done = len(known)
        progress(done, len(wanted))
        for group, made in _embedded(missing, engine):
            self._write(group, made)
            done += len(group)
            progress(done, len(wanted))
        return known | self._read(missing)

    def close(self) -> None:
        """Let go of the file."""
        self._db.close()

    def _read(self, texts: Sequence[str]) -> dict[str, Embedding]:
        by_key = {_key(text): text for text in texts}
        found = {}
        for keys in chunks(list(by_key), _VARIABLES):
            # Nothing but question marks goes into the statement.
            where = f"WHERE key IN ({','.join('?' * len(keys))})"
            query = "SELECT key, vector, tokens, windows, capped FROM embeddings "
            rows = self._db.execute(query + where, keys)
            for key, vector, tokens, windows, capped in rows:
                unit = np.frombuffer(vector, np.float16).astype(np.float32)
                found[by_key[key]] = Embedding(unit, tokens, windows, bool(capped))
        return found

    def _write(self, texts: Sequence[str], made: Sequence[Embedding]) -> None:
        rows = [
            (_key(text), e.vector.astype(np.float16).tobytes(), e.tokens, e.windows, e.capped)
            for text, e in zip(texts, made, strict=True)
        ]
        with self._db:
            self._db.executemany("INSERT OR REPLACE INTO embeddings VALUES (?,?,?,?,?)", rows)


def _embedded(
    texts: Sequence[str], engine: Callable[[], Engine]
) -> Iterator[tuple[Sequence[str], list[Embedding]]]:
    """Yield groups of texts with their embeddings, the next begun before the last is written."""
    if not texts:
        return
    ahead = Ahead(engine())
    groups = list(chunks(texts, _AT_ONCE))
    ahead.start(groups[0])
    for group, following in zip_longest(groups, groups[1:]):
        if following:
            ahead.start(following)
        yield group, ahead.take()


def _key(text: str) -> bytes:
    return hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=16).digest()
