"""Loading, listing and deleting reference sets."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import numpy as np

from simsvc.core.library import ReferenceLibrary
from simsvc.core.views import Dissector
from simsvc.core.writer import Writer
from simsvc.domain.errors import InvalidError, NotFoundError, Violation
from simsvc.domain.pseudonyms import Keyring
from simsvc.domain.reference import ReferenceItem, ReferenceKind, ReferenceSet
from simsvc.ports.clock import Clock
from simsvc.ports.embedder import Embedder, Priority
from simsvc.ports.record import Record


class ReferenceSets:
    """The use case behind ReferenceSetService. Used from the event loop."""

    def __init__(
        self,
        record: Record,
        library: ReferenceLibrary,
        dissector: Dissector,
        embedder: Embedder,
        writer: Writer,
        keyring: Keyring,
        clock: Clock,
    ) -> None:
        self._record = record
        self._library = library
        self._dissector = dissector
        self._embedder = embedder
        self._writer = writer
        self._keyring = keyring
        self._clock = clock

    async def add(self, name: str, kind: ReferenceKind, texts: Sequence[str]) -> ReferenceSet:
        """Add texts to a set. InvalidError if the set is of another kind."""
        for known in await self.all():
            if known.name == name and known.kind is not kind:
                raise InvalidError([Violation("kind", "OTHER_KIND", "the set is of another kind")])
        embeddings = await self._embedder.embed(texts, Priority.BULK)
        items = [
            ReferenceItem(
                self._keyring.text_hash("reference", text),
                embedding.vector.astype(np.float16).astype(np.float32),
                self._dissector.shingles(text),
            )
            for text, embedding in zip(texts, embeddings, strict=True)
        ]
        await self._writer.call(lambda: self._add(name, kind, items))
        return next(s for s in await self.all() if s.name == name)

    async def all(self) -> list[ReferenceSet]:
        """Return all sets by name."""
        return await asyncio.to_thread(self._record.reference_sets)

    async def delete(self, name: str) -> None:
        """Delete a set. NotFoundError if there is none."""
        if not await self._writer.call(lambda: self._delete(name)):
            raise NotFoundError("reference set")

    def _add(self, name: str, kind: ReferenceKind, items: Sequence[ReferenceItem]) -> None:
        self._record.add_references(name, kind, items, self._clock.now())
        self._library.load(self._record, self._dissector)

    def _delete(self, name: str) -> bool:
        gone = self._record.delete_references(name)
        self._library.load(self._record, self._dissector)
        return gone
