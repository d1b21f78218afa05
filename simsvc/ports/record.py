"""The durable record: what is acknowledged is in it, and all else is rebuilt from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np
import numpy.typing as npt

from simsvc.domain.audit import AuditEntry, AuditFilter, AuditNote
from simsvc.domain.campaign import Campaign, CampaignEvent, CampaignState
from simsvc.domain.prompt import Message, Outcome
from simsvc.domain.pseudonyms import KeyedHash
from simsvc.domain.reference import ReferenceItem, ReferenceKind, ReferenceSet
from simsvc.domain.trace import Trace
from simsvc.ports.activity import ReadsActivity
from simsvc.ports.embedder import Embedding
from simsvc.ports.indicators import KeepsIndicators

# Prompts that a purge deletes at once, in some 50 ms: others write meanwhile.
PURGED = 1024


@dataclass(frozen=True, slots=True)
class Owner:
    """References (> 0) of an account and of its organisation (0: none was declared)."""

    account: int
    organization: int

    @property
    def actor(self) -> int:
        """What counts as one account: the organisation, as −organisation, where there is one."""
        return -self.organization if self.organization else self.account


@dataclass(frozen=True, slots=True)
class OwnerKey:
    """How an account is looked up: its hashes under every key, the active one first.

    `raw` are the ids as sent, None where they are not to be kept.
    """

    account: tuple[KeyedHash, ...]
    organization: tuple[KeyedHash, ...]
    raw: tuple[str, str] | None


@dataclass(frozen=True, slots=True)
class NewPrompt:
    """All that the record keeps of a prompt. Times are µs, hashes 16 bytes or empty.

    `cuts` are what the frame takes of the user's turn, 4 bytes each: begin, end and so on. `others`
    are embeddings for other generations.
    """

    request_id: str
    digest: bytes
    owner: Owner
    observed_at: int
    received_at: int
    model: str
    messages: tuple[Message, ...]
    attributes: Mapping[str, str]
    frame_hash: bytes
    payload_hash: bytes
    trace: Trace
    embedding: Embedding
    family: int
    outcome: Outcome
    cuts: bytes = b""
    others: Mapping[str, Embedding] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Answered:
    """A request_id that is in the record: its content's digest and the answer it got."""

    digest: bytes
    outcome: Outcome


class PromptKeys(NamedTuple):
    """What a prompt of the record is known again by, and the time (µs) by which it is kept."""

    seq: int
    request_id: str
    payload_hash: bytes
    observed_at: int


@dataclass(frozen=True, slots=True)
class RecordedPrompt:
    """A prompt read back. `messages` is None where `text_state` is not "shown"."""

    request_id: str
    owner: Owner
    observed_at: int
    received_at: int
    model: str
    messages: tuple[Message, ...] | None
    text_state: str
    attributes: Mapping[str, str]
    tokens: int
    outcome: Outcome


@dataclass(frozen=True, slots=True)
class Named:
    """The first keyed hash of an account or organisation, and its raw id where kept ("")."""

    hash: bytes
    raw: str


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """What is known of an account. `organizations` and `recent` are references and seqs."""

    account: int
    first_observed: int
    last_observed: int
    prompts: int
    distinct_payloads: int
    organizations: tuple[int, ...]
    recent: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ReplayBatch:
    """Consecutive prompts of the record: rows (n,) of ROW_DTYPE, payload hashes, vectors (n, d).

    Without vectors, d is 0.
    """

    rows: npt.NDArray[np.void]
    payload_hashes: list[bytes]
    traces: list[Trace]
    vectors: npt.NDArray[np.float32]


class Record(ReadsActivity, KeepsIndicators, Protocol):
    """One writing thread, any number of reading ones. UnavailableError where it cannot write."""

    def owners(self, keys: Sequence[OwnerKey]) -> list[Owner]:
        """Return the references, making those that are new. Writing thread only."""
        ...

    def allot(self, count: int) -> int:
        """Return the first of `count` seqs that no prompt has had. Writing thread only."""
        ...

    def append(self, prompts: Sequence[NewPrompt]) -> None:
        """Write all or none, durably; `outcome.seq` was allotted. Writing thread only."""
        ...

    def answered(self, request_ids: Sequence[str]) -> dict[str, Answered]:
        """Return those of the ids that are in the record."""
        ...

    def embeddings(self, payload_hashes: Sequence[bytes]) -> dict[bytes, Embedding]:
        """Return embeddings of payloads that were seen before."""
        ...

    def keys(self, after: int, up_to: int, limit: int) -> list[PromptKeys]:
        """Return the first `limit` prompts with after < seq ≤ up_to, ascending."""
        ...

    def prompts(self, seqs: Sequence[int]) -> dict[int, RecordedPrompt]:
        """Read prompts; those that are not there are left out."""
        ...

    def vector(self, seq: int) -> npt.NDArray[np.float32] | None:
        """Return a prompt's stored vector."""
        ...

    def replay(
        self, after: int, up_to: int, batch: int, *, with_vectors: bool
    ) -> Iterator[ReplayBatch]:
        """Yield all prompts with after < seq ≤ up_to, ascending."""
        ...

    def last_seq(self) -> int:
        """Return the highest seq in the record, 0 if it is empty."""
        ...

    def highest_seq(self) -> int:
        """Return a seq that no prompt was ever above, purged ones included; 0 in a new record."""
        ...

    def mark(self, seq: int) -> str:
        """Return what tells the prompt that has a seq from any other; "" if none has it."""
        ...

    def find_account(self, hashes: Sequence[bytes]) -> int | None:
        """Return the reference of the account with one of these hashes."""
        ...

    def find_organization(self, hashes: Sequence[bytes]) -> int | None:
        """Return the reference of the organisation with one of these hashes."""
        ...

    def account_names(self, accounts: Sequence[int]) -> dict[int, Named]:
        """Return what accounts are called."""
        ...

    def organization_names(self, organizations: Sequence[int]) -> dict[int, Named]:
        """Return what organisations are called."""
        ...

    def account_hashes(self, accounts: Sequence[int]) -> dict[int, list[bytes]]:
        """Return the hashes of accounts under every key that they were seen with."""
        ...

    def account_facts(self, account: int) -> AccountFacts | None:
        """Return what the retained prompts say of an account; None if it has none."""
        ...

    def save_campaigns(
        self, events: Sequence[CampaignEvent], audit: Sequence[AuditNote] = ()
    ) -> list[CampaignEvent]:
        """Write changes durably, with notes of them in the audit log, all or none.

        Returns the changes with their positions. Writing thread only.
        """
        ...

    def campaigns(self, state: CampaignState | None = None) -> list[Campaign]:
        """Return all campaigns with their members, latest update first."""
        ...

    def campaign_events(self, after: int, limit: int) -> list[CampaignEvent]:
        """Return changes with a position above `after`, in order; campaigns as they were then."""
        ...

    def last_position(self) -> int:
        """Return the position of the newest change of a campaign, 0 if there is none."""
        ...

    def append_audit(self, notes: Sequence[AuditNote]) -> None:
        """Add to the audit log. Writing thread only."""
        ...

    def audit(self, before: int, limit: int, where: AuditFilter) -> list[AuditEntry]:
        """Return entries with a position below `before` (0: all), newest first."""
        ...

    def audit_from(self, after: int, limit: int) -> list[AuditEntry]:
        """Return entries with a position above `after`, in order; without `undone_by`."""
        ...

    def reference_sets(self) -> list[ReferenceSet]:
        """Return all reference sets by name."""
        ...

    def reference_items(self, name: str) -> list[ReferenceItem]:
        """Return the items of a set, in an order that stays."""
        ...

    def reference_texts(self, name: str) -> dict[bytes, str | None]:
        """Return the texts of a set's items by their hashes; None where one cannot be read."""
        ...

    def add_references(
        self, name: str, kind: ReferenceKind, items: Sequence[ReferenceItem], at: int
    ) -> list[ReferenceItem]:
        """Add items that are new, making the set at the time `at` (µs); return them.

        Writing thread only.
        """
        ...

    def delete_references(self, name: str) -> bool:
        """Delete a set; return whether there was one. Writing thread only."""
        ...

    def purge(self, before: int, most: int = PURGED) -> int:
        """Delete up to `most` prompts observed before this time (µs), the oldest first.

        Returns how many went, with all that was made of them, all or none. What is deleted in
        parts can be left at any of them: the next purge goes on. Writing thread only.
        """
        ...

    def purge_changes(self, before: int, most: int = PURGED) -> int:
        """Delete up to `most` changes of campaigns before this time (µs), but none's last one.

        Returns how many went. Writing thread only.
        """
        ...

    def check_writable(self) -> None:
        """Try a small durable write. Writing thread only."""
        ...

    def close(self) -> None:
        """Let go of files and connections."""
        ...
