"""Prompts of the record as columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from simsvc.domain.campaign import Campaign, CampaignState
from simsvc.domain.pseudonyms import pseudonym
from simsvc.ports.record import Named, RecordedPrompt, ReplayBatch

_MEMBERSHIP = pa.struct([("campaign_id", pa.string()), ("probability", pa.float64())])
_MESSAGE = pa.struct([("role", pa.string()), ("content", pa.string())])
GENERATION = "simsvc.generation"

# The open or quiet campaigns of an account, with its attribution probability.
Memberships = Mapping[int, Sequence[tuple[str, float]]]


@dataclass(frozen=True, slots=True)
class Names:
    """What accounts and organisations are called, by their references."""

    accounts: Mapping[int, Named]
    organizations: Mapping[int, Named]


def schema_of(dimension: int, generation: str, *, text: bool) -> pa.Schema:
    """Return the columns of an export; the generation of its vectors is in the metadata."""
    fields = [
        pa.field("seq", pa.int64(), nullable=False),
        pa.field("request_id", pa.string(), nullable=False),
        pa.field("account", pa.string(), nullable=False),
        pa.field("organization", pa.string()),
        pa.field("observed_at", pa.timestamp("us", tz="UTC"), nullable=False),
        pa.field("model", pa.string(), nullable=False),
        pa.field("tokens", pa.int32(), nullable=False),
        pa.field("family", pa.int64()),
        pa.field("payload_hash", pa.binary(), nullable=False),
        pa.field("campaigns", pa.list_(_MEMBERSHIP), nullable=False),
        pa.field("vector", pa.list_(pa.float32(), dimension), nullable=False),
    ]
    if text:
        fields += [
            pa.field("messages", pa.list_(_MESSAGE)),
            pa.field("attributes", pa.map_(pa.string(), pa.string()), nullable=False),
            pa.field("text_state", pa.string(), nullable=False),
        ]
    return pa.schema(fields, metadata={GENERATION: generation})


def memberships_of(campaigns: Sequence[Campaign]) -> Memberships:
    """Return in which campaigns accounts are; those that were merged live on in another."""
    found: dict[int, list[tuple[str, float]]] = {}
    for campaign in sorted(campaigns, key=lambda c: (c.first_reported_at, c.campaign_id)):
        if campaign.state is not CampaignState.MERGED:
            for member in campaign.members.values():
                found.setdefault(member.account, []).append(
                    (campaign.campaign_id, member.probability)
                )
    return found


def table_of(
    batch: ReplayBatch,
    prompts: Mapping[int, RecordedPrompt],
    names: Names,
    campaigns: Memberships,
    schema: pa.Schema,
) -> pa.Table:
    """Return the prompts of a batch as a table; those that are gone meanwhile are left out."""
    rows = batch.rows
    kept = [i for i, seq in enumerate(rows["seq"].tolist()) if seq in prompts]
    seqs = rows["seq"][kept].tolist()
    found = [prompts[seq] for seq in seqs]
    vectors = np.ascontiguousarray(batch.vectors[kept]).reshape(-1)
    columns: dict[str, object] = {
        "seq": seqs,
        "request_id": [p.request_id for p in found],
        "account": [pseudonym("acct", names.accounts[p.owner.account].hash) for p in found],
        "organization": [_organization(p, names) for p in found],
        "observed_at": [p.observed_at for p in found],
        "model": [p.model for p in found],
        "tokens": [p.tokens for p in found],
        "family": [family or None for family in rows["family"][kept].tolist()],
        "payload_hash": [batch.payload_hashes[i] for i in kept],
        "campaigns": [_campaigns(campaigns.get(p.owner.account, ())) for p in found],
        "vector": pa.FixedSizeListArray.from_arrays(
            pa.array(vectors, pa.float32()), schema.field("vector").type.list_size
        ),
        "messages": [_messages(p) for p in found],
        "attributes": [sorted(p.attributes.items()) for p in found],
        "text_state": [p.text_state for p in found],
    }
    return pa.table(
        [
            columns[f.name] if f.name == "vector" else pa.array(columns[f.name], f.type)
            for f in schema
        ],
        schema=schema,
    )


def _organization(prompt: RecordedPrompt, names: Names) -> str | None:
    reference = prompt.owner.organization
    return pseudonym("org", names.organizations[reference].hash) if reference else None


def _campaigns(memberships: Sequence[tuple[str, float]]) -> list[dict[str, object]]:
    return [{"campaign_id": name, "probability": chance} for name, chance in memberships]


def _messages(prompt: RecordedPrompt) -> list[dict[str, str]] | None:
    if prompt.messages is None:
        return None
    return [{"role": m.role.name.lower(), "content": m.content} for m in prompt.messages]
