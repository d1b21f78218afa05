"""Loading, listing and deleting reference sets."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

from simsvc.core.embedding import as_stored
from simsvc.core.stage import Stage, Stages
from simsvc.core.views import Dissector
from simsvc.core.writer import Writer
from simsvc.domain.errors import InvalidError, NotFoundError, Violation
from simsvc.domain.pseudonyms import Keyring
from simsvc.domain.reference import ReferenceItem, ReferenceKind, ReferenceSet
from simsvc.ports.clock import Clock
from simsvc.ports.embedder import Priority


class ReferenceSets:
    """The use case behind ReferenceSetService. Used from the event loop."""

    def __init__(
        self,
        stages: Stages,
        dissector: Dissector,
        writer: Writer,
        keyring: Keyring,
        clock: Clock,
    ) -> None:
        self._stages = stages
        self._dissector = dissector
        self._writer = writer
        self._keyring = keyring
        self._clock = clock

    async def add(self, name: str, kind: ReferenceKind, texts: Sequence[str]) -> ReferenceSet:
        """Add texts to a set. InvalidError if the set is of another kind."""
        for known in await self.all():
            if known.name == name and known.kind is not kind:
                raise InvalidError([Violation("kind", "OTHER_KIND", "the set is of another kind")])
        left, done = list(self._stages), set[str]()
        while left:
            items = await self._items(left[0], texts)
            there = await self._writer.call(partial(self._add, left[0], name, kind, items))
            done.add(left[0].generation)
            # A generation that came in between may have looked for sets before this one was there.
            left = [stage for stage in there if stage.generation not in done]
        return next(s for s in await self.all() if s.name == name)

    async def all(self) -> list[ReferenceSet]:
        """Return all sets by name."""
        return await asyncio.to_thread(self._stages.serving.record.reference_sets)

    async def delete(self, name: str) -> None:
        """Delete a set. NotFoundError if there is none."""
        if not await self._writer.call(lambda: self._delete(name)):
            raise NotFoundError("reference set")

    async def _items(self, stage: Stage, texts: Sequence[str]) -> list[ReferenceItem]:
        embeddings = await stage.embedder.embed(texts, Priority.BULK)
        return [
            ReferenceItem(
                self._keyring.text_hash("reference", text),
                embedding.vector,
                self._dissector.shingles(text),
                text,
            )
            for text, embedding in zip(texts, as_stored(embeddings), strict=True)
        ]

    def _add(
        self, stage: Stage, name: str, kind: ReferenceKind, items: Sequence[ReferenceItem]
    ) -> list[Stage]:
        """Add items for one generation; return those that there are, as only this thread flips."""
        stage.record.add_references(name, kind, items, self._clock.now())
        stage.detector.library.load(stage.record, self._dissector)
        return list(self._stages)

    def _delete(self, name: str) -> bool:
        gone = self._stages.serving.record.delete_references(name)
        for stage in self._stages:
            stage.detector.library.load(stage.record, self._dissector)
        return gone
