"""What happens to a group of embedded prompts: placed, recorded, indexed, counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simsvc.core.campaigns import CampaignBook
from simsvc.core.detection import Detector
from simsvc.core.families import FamilyAssigner, Placement
from simsvc.core.sightings import Sighting
from simsvc.core.views import Dissector, Parts
from simsvc.domain.prompt import Outcome, Prompt
from simsvc.domain.trace import Trace
from simsvc.ports.embedder import Embedding
from simsvc.ports.index import ROW_DTYPE, Rows, VectorIndex
from simsvc.ports.record import NewPrompt, Owner, OwnerKey, Record


@dataclass(frozen=True, slots=True)
class Pending:
    """A prompt that is ready to be recorded."""

    prompt: Prompt
    digest: bytes
    owner: OwnerKey
    received_at: int
    frame_hash: bytes
    payload_hash: bytes
    parts: Parts
    embedding: Embedding


class Committer:
    """Runs on the writing thread. Memory changes only after the record has taken the group."""

    def __init__(
        self,
        record: Record,
        index: VectorIndex,
        assigner: FamilyAssigner,
        detector: Detector,
        book: CampaignBook,
        dissector: Dissector,
        *,
        shadow: bool,
    ) -> None:
        self._record = record
        self._index = index
        self._assigner = assigner
        self._detector = detector
        self._book = book
        self._dissector = dissector
        self._shadow = shadow

    def commit(self, group: Sequence[Pending]) -> list[Outcome]:
        """Record a group in one transaction and return what each prompt's sender is told."""
        vectors = np.stack([p.embedding.vector for p in group])
        owners = self._record.owners([p.owner for p in group])
        first = self._record.allot(len(group))
        placements = self._assigner.place(vectors, first)
        traces = [
            self._dissector.note(pending.parts, owner.actor)
            for pending, owner in zip(group, owners, strict=True)
        ]
        sightings = _sightings(group, owners, placements, traces, first)
        outcomes = self._outcomes(group, placements, sightings)
        entries = map(_entry, group, owners, placements, traces, outcomes)
        self._record.append(list(entries))
        self._index.add(_rows(owners, sightings), vectors)
        self._detector.observe(sightings)
        return outcomes

    def _outcomes(
        self,
        group: Sequence[Pending],
        placements: Sequence[Placement],
        sightings: Sequence[Sighting],
    ) -> list[Outcome]:
        sizes = self._detector.family_accounts(sightings)
        return [
            Outcome(
                seq=seen.seq,
                nearest_similarity=placement.nearest,
                family_accounts=size,
                windows=pending.embedding.windows,
                capped=pending.embedding.capped,
                campaign_id="" if self._shadow else next(iter(self._book.check(seen.account)), ""),
            )
            for pending, placement, seen, size in zip(
                group, placements, sightings, sizes, strict=True
            )
        ]


def _sightings(
    group: Sequence[Pending],
    owners: Sequence[Owner],
    placements: Sequence[Placement],
    traces: Sequence[Trace],
    first: int,
) -> list[Sighting]:
    return [
        Sighting(
            seq=first + i,
            account=owner.account,
            actor=owner.actor,
            observed_at=pending.prompt.observed_at,
            family=placement.family,
            text=pending.payload_hash,
            trace=trace,
        )
        for i, (pending, owner, placement, trace) in enumerate(
            zip(group, owners, placements, traces, strict=True)
        )
    ]


def _rows(owners: Sequence[Owner], sightings: Sequence[Sighting]) -> Rows:
    return np.array(
        [
            (seen.seq, owner.account, owner.organization, seen.observed_at, seen.family)
            for owner, seen in zip(owners, sightings, strict=True)
        ],
        dtype=ROW_DTYPE,
    )


def _entry(
    pending: Pending, owner: Owner, placement: Placement, trace: Trace, outcome: Outcome
) -> NewPrompt:
    prompt = pending.prompt
    return NewPrompt(
        request_id=prompt.request_id,
        digest=pending.digest,
        owner=owner,
        observed_at=prompt.observed_at,
        received_at=pending.received_at,
        model=prompt.model,
        messages=prompt.messages,
        attributes=prompt.attributes,
        frame_hash=pending.frame_hash,
        payload_hash=pending.payload_hash,
        trace=trace,
        embedding=pending.embedding,
        family=placement.family,
        outcome=outcome,
    )
