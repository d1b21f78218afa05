"""Loading, listing and deleting reference sets."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from functools import partial

from simsvc.core.access import Principal
from simsvc.core.embedding import as_stored
from simsvc.core.stage import Stage, Stages
from simsvc.core.views import Dissector
from simsvc.core.writer import Writer
from simsvc.domain.audit import AuditNote
from simsvc.domain.errors import InvalidError, NotFoundError, Violation
from simsvc.domain.pseudonyms import Keyring
from simsvc.domain.reference import ReferenceItem, ReferenceKind, ReferenceSet
from simsvc.ports.clock import Clock
from simsvc.ports.embedder import Priority

LOAD, DELETE = "load_set", "delete_set"
_Told = Mapping[str, object]
_NOTHING: _Told = {"kind": None, "texts": None}


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

    async def add(
        self, who: Principal, name: str, kind: ReferenceKind, texts: Sequence[str]
    ) -> ReferenceSet:
        """Add texts to a set; written down. InvalidError if the set is of another kind."""
        for known in await self.all():
            if known.name == name and known.kind is not kind:
                raise InvalidError([Violation("kind", "OTHER_KIND", "the set is of another kind")])
        notes = [self._note(who, LOAD, name, _NOTHING, _told(kind, len(texts)))]
        left, done = list(self._stages), set[str]()
        while left:
            items = await self._items(left[0], texts)
            there = await self._writer.call(partial(self._add, left[0], name, kind, items, notes))
            notes = []  # Said once, whatever number of generations it is kept for.
            done.add(left[0].generation)
            # A generation that came in between may have looked for sets before this one was there.
            left = [stage for stage in there if stage.generation not in done]
        return next(s for s in await self.all() if s.name == name)

    async def all(self) -> list[ReferenceSet]:
        """Return all sets by name."""
        return await asyncio.to_thread(self._stages.serving.record.reference_sets)

    async def delete(self, who: Principal, name: str) -> None:
        """Delete a set; written down. NotFoundError if there is none."""
        if not await self._writer.call(lambda: self._delete(who, name)):
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
        self,
        stage: Stage,
        name: str,
        kind: ReferenceKind,
        items: Sequence[ReferenceItem],
        notes: Sequence[AuditNote],
    ) -> list[Stage]:
        """Add items for one generation; return those that there are, as only this thread flips."""
        stage.record.append_audit(notes)
        new = stage.record.add_references(name, kind, items, self._clock.now())
        stage.detector.library.add(name, kind, new, self._dissector)
        return list(self._stages)

    def _delete(self, who: Principal, name: str) -> bool:
        record = self._stages.serving.record
        held = next((s for s in record.reference_sets() if s.name == name), None)
        if held is None:
            return False
        note = self._note(who, DELETE, name, _told(held.kind, held.items), _NOTHING)
        # First, so that no set goes without a trace.
        record.append_audit([note])
        record.delete_references(name)
        for stage in self._stages:
            stage.detector.library.drop(name)
        return True

    def _note(
        self, who: Principal, action: str, name: str, before: _Told, after: _Told
    ) -> AuditNote:
        now = self._clock.now()
        return AuditNote(
            now, who.name, action, name, before=json.dumps(before), after=json.dumps(after)
        )


def _told(kind: ReferenceKind, texts: int) -> _Told:
    return {"kind": kind.name.lower(), "texts": texts}
