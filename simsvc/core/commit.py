"""What happens to a group of embedded prompts: placed, recorded, indexed, counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from simsvc.core.campaigns import CampaignBook
from simsvc.core.embedding import Embeddings
from simsvc.core.families import Placement
from simsvc.core.sightings import Sighting
from simsvc.core.stage import Stage, Stages
from simsvc.core.views import Dissector, Parts
from simsvc.domain.errors import SimsvcError
from simsvc.domain.prompt import Outcome, Prompt
from simsvc.domain.trace import Trace
from simsvc.ports.index import ROW_DTYPE, Rows
from simsvc.ports.record import NewPrompt, Owner, OwnerKey


class StaleEmbeddingError(SimsvcError):
    """A prompt was embedded for a generation that answers no more. No caller sees this."""

    def __init__(self) -> None:
        super().__init__("another generation has taken over")


@dataclass(frozen=True, slots=True)
class Pending:
    """A prompt that is ready to be recorded, embedded for one generation or more."""

    prompt: Prompt
    digest: bytes
    owner: OwnerKey
    received_at: int
    frame_hash: bytes
    payload_hash: bytes
    parts: Parts
    embeddings: Embeddings


class Committer:
    """Runs on the writing thread. Memory changes only after the record has taken the group."""

    def __init__(
        self,
        stages: Stages,
        book: CampaignBook,
        dissector: Dissector,
        *,
        shadow: bool,
    ) -> None:
        self._stages = stages
        self._book = book
        self._dissector = dissector
        self._shadow = shadow

    def commit(self, group: Sequence[Pending]) -> list[Outcome | None]:
        """Record a group in one transaction and return what each prompt's sender is told.

        None for a prompt that is not embedded for the generation that answers: it is not recorded.
        """
        stage = self._stages.serving
        ready = [p for p in group if stage.vectors_of in p.embeddings]
        outcomes = iter(self._commit(stage, ready) if ready else ())
        return [next(outcomes) if stage.vectors_of in p.embeddings else None for p in group]

    def _commit(self, stage: Stage, group: Sequence[Pending]) -> list[Outcome]:
        embeddings = [p.embeddings[stage.vectors_of] for p in group]
        vectors = np.stack([e.vector for e in embeddings])
        owners = stage.record.owners([p.owner for p in group])
        first = stage.record.allot(len(group))
        placements = stage.assigner.place(vectors, range(first, first + len(group)))
        traces = [
            self._dissector.note(pending.parts, owner.actor)
            for pending, owner in zip(group, owners, strict=True)
        ]
        sightings = _sightings(group, owners, placements, traces, first)
        sizes = stage.detector.family_accounts(sightings)
        outcomes = [
            Outcome(
                seq=seen.seq,
                nearest_similarity=placement.nearest,
                family_accounts=size,
                windows=embedding.windows,
                capped=embedding.capped,
                campaign_id=self._campaign(seen.account),
            )
            for embedding, placement, seen, size in zip(
                embeddings, placements, sightings, sizes, strict=True
            )
        ]
        of = [stage.vectors_of] * len(group)
        entries = map(_entry, group, of, owners, placements, traces, outcomes)
        stage.record.append(list(entries))
        stage.index.add(_rows(owners, sightings), vectors)
        stage.detector.observe(sightings)
        return outcomes

    def _campaign(self, account: int) -> str:
        return "" if self._shadow else next(iter(self._book.check(account)), "")


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
    pending: Pending,
    vectors_of: str,
    owner: Owner,
    placement: Placement,
    trace: Trace,
    outcome: Outcome,
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
        cuts=pending.parts.cuts,
        embedding=pending.embeddings[vectors_of],
        others={g: e for g, e in pending.embeddings.items() if g != vectors_of},
        family=placement.family,
        outcome=outcome,
    )
