"""Domain values to rows and back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import Row

from simsvc.domain.campaign import (
    Campaign,
    CampaignEvent,
    CampaignState,
    Change,
    Evidence,
    Extent,
    Member,
)
from simsvc.domain.prompt import Outcome
from simsvc.domain.review import DismissalReason, Review, Verdict
from simsvc.domain.signals.coverage import Coverage
from simsvc.domain.trace import Trace
from simsvc.domain.verdict import Confidence
from simsvc.ports.embedder import Embedding
from simsvc.ports.record import NewPrompt, Owner, RecordedPrompt
from simsvc.record.text import StoredText, TextCodec

Values = dict[str, Any]


def prompt_values(new: NewPrompt, codec: TextCodec) -> Values:
    """Return a row of `prompts`."""
    text = codec.encode(new.outcome.seq, new.messages)
    return {
        "seq": new.outcome.seq,
        "request_id": new.request_id,
        "digest": new.digest,
        "account": new.owner.account,
        "organization": new.owner.organization,
        "observed_at": new.observed_at,
        "received_at": new.received_at,
        "model": new.model,
        "text_key_id": text.key_id,
        "text": text.data,
        "attributes": json.dumps(dict(new.attributes), ensure_ascii=False),
        "frame_hash": new.frame_hash,
        "payload_hash": new.payload_hash,
        "prefix_hash": new.trace.prefix,
        "state_hash": new.trace.state,
        "frame": new.trace.frame,
        "origin": new.trace.origin,
        "shingles": new.trace.shingles,
        "framed": new.trace.framed,
        "cuts": new.cuts,
        "family": new.family,
        "nearest_similarity": new.outcome.nearest_similarity,
        "family_accounts": new.outcome.family_accounts,
        "campaign_id": new.outcome.campaign_id,
    }


def embedding_values(seq: int, embedding: Embedding, generation_id: str) -> Values:
    """Return a row of `vectors`."""
    return {
        "generation_id": generation_id,
        "seq": seq,
        "vector": embedding.vector.astype("<f2").tobytes(),
        "tokens": embedding.tokens,
        "windows": embedding.windows,
        "capped": embedding.capped,
    }


def traces_of(
    frames: Sequence[int], origins: Sequence[int], *hashes: Sequence[bytes]
) -> list[Trace]:
    """Return what rows of `prompts` keep for the detector, from their columns.

    `hashes` are shingles, framed, prefix_hash and state_hash.
    """
    blobs = (map(bytes, column) for column in hashes)
    return [Trace(*values) for values in zip(frames, origins, *blobs, strict=True)]


def member_values(campaign_id: str, member: Member) -> Values:
    """Return a row of `campaign_members`."""
    values = asdict(member) | {"reasons": json.dumps(member.reasons, ensure_ascii=False)}
    return values | {"campaign_id": campaign_id}


def member_of(row: Row[Any]) -> Member:
    """Return an account's part from a row of `campaign_members`."""
    return Member(
        row.account, row.actor, row.first_seen, row.last_seen, row.prompts, row.probability,
        tuple(json.loads(row.reasons)),
    )  # fmt: skip


def vector_of(data: bytes) -> npt.NDArray[np.float32]:
    """Return a stored fp16 vector (d,) as fp32."""
    return np.frombuffer(data, dtype="<f2").astype(np.float32)


def embedding_of(row: Row[Any]) -> Embedding:
    """Return the embedding in a row of `vectors`."""
    return Embedding(vector_of(row.vector), row.tokens, row.windows, row.capped)


def outcome_of(row: Row[Any], embedded: Row[Any]) -> Outcome:
    """Return what the sender of a prompt was told, from its rows of `prompts` and `vectors`."""
    return Outcome(
        seq=row.seq,
        nearest_similarity=row.nearest_similarity,
        family_accounts=row.family_accounts,
        windows=embedded.windows,
        capped=embedded.capped,
        campaign_id=row.campaign_id,
    )


def recorded_of(row: Row[Any], codec: TextCodec) -> RecordedPrompt:
    """Return a prompt from a row of `prompts` joined with `vectors`."""
    messages, state = codec.decode(row.seq, StoredText(row.text_key_id, row.text))
    return RecordedPrompt(
        request_id=row.request_id,
        owner=Owner(row.account, row.organization),
        observed_at=row.observed_at,
        received_at=row.received_at,
        model=row.model,
        messages=messages,
        text_state=state,
        attributes=json.loads(row.attributes),
        tokens=row.tokens,
        outcome=outcome_of(row, row),
    )


def campaign_body(campaign: Campaign) -> str:
    """Return a campaign without its members as JSON."""
    return json.dumps(
        {
            "campaign_id": campaign.campaign_id,
            "state": campaign.state,
            "first_reported_at": campaign.first_reported_at,
            "updated_at": campaign.updated_at,
            "families": campaign.families,
            "evidence": [asdict(e) for e in campaign.evidence],
            "extent": asdict(campaign.extent),
            "merged_into": campaign.merged_into,
            "revision": campaign.revision,
            "confidence": campaign.confidence,
            "tactics": campaign.tactics,
            "coverage": asdict(campaign.coverage) if campaign.coverage else None,
            "next_steps": campaign.next_steps,
            "representatives": campaign.representatives,
            "split_from": campaign.split_from,
            "review": _review_values(campaign.review),
        }
    )


def campaign_of(body: str, members: dict[int, Member]) -> Campaign:
    """Return the campaign that `campaign_body` wrote, with these members."""
    values = json.loads(body)
    coverage = values.pop("coverage", None)
    # What was recorded before there was a confidence was a family's report.
    confidence = Confidence(values.pop("confidence", Confidence.MEDIUM))
    evidence = (e | {"seqs": tuple(e["seqs"])} for e in values.pop("evidence"))
    return Campaign(
        state=CampaignState(values.pop("state")),
        families=tuple(values.pop("families")),
        evidence=tuple(Evidence(**e) for e in evidence),
        extent=Extent(**values.pop("extent")),
        members=members,
        confidence=confidence,
        coverage=Coverage(**coverage) if coverage else None,
        tactics=tuple(values.pop("tactics", ())),
        next_steps=tuple(values.pop("next_steps", ())),
        representatives=tuple(values.pop("representatives", ())),
        review=_review_of(values.pop("review", {})),
        **values,
    )


def event_of(row: Row[Any]) -> CampaignEvent:
    """Return a change as it was recorded, without members."""
    return CampaignEvent(Change(row.change), campaign_of(row.body, {}), row.at, row.position)


def _review_values(review: Review) -> Values:
    values = asdict(review)
    return values | {name: sorted(values[name]) for name in ("excluded", "apart")}


def _review_of(values: Values) -> Review:
    if not values:  # Recorded before there were reviews.
        return Review()
    reason = values["reason"]
    return Review(
        **values
        | {
            "verdict": Verdict(values["verdict"]),
            "reason": None if reason is None else DismissalReason(reason),
            "excluded": frozenset(values["excluded"]),
            "apart": frozenset(values["apart"]),
            "news": tuple(values["news"]),
        }
    )
