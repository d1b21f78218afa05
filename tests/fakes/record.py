"""The record port in plain dicts: the SQL record is held against it by one contract suite."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from simsvc.domain.pseudonyms import KeyedHash
from simsvc.domain.reference import ReferenceItem, ReferenceKind, ReferenceSet
from simsvc.domain.sharing import Indicator
from simsvc.ports.activity import ACTIVITY_DTYPE, Activity, CutPrompt
from simsvc.ports.embedder import Embedding
from simsvc.ports.index import ROW_DTYPE
from simsvc.ports.record import (
    PURGED,
    AccountFacts,
    Answered,
    Named,
    NewPrompt,
    Owner,
    OwnerKey,
    PromptKeys,
    RecordedPrompt,
    ReplayBatch,
)
from simsvc.record.activity import thinned
from tests.fakes.casebook import MemoryCasebook


class _Names:
    def __init__(self) -> None:
        self.by_hash: dict[bytes, int] = {}
        self.named: dict[int, Named] = {}

    def reference(self, key: tuple[KeyedHash, ...], raw: str) -> int:
        known = next((self.by_hash[h.value] for h in key if h.value in self.by_hash), None)
        reference = known or len(self.named) + 1
        if known is None:
            self.named[reference] = Named(key[0].value, raw)
        self.by_hash[key[0].value] = reference
        return reference

    def find(self, hashes: Sequence[bytes]) -> int | None:
        return next((self.by_hash[h] for h in hashes if h in self.by_hash), None)


class MemoryRecord(MemoryCasebook):
    """Keeps everything until the process ends."""

    def __init__(self) -> None:
        super().__init__()
        self._accounts, self._organizations = _Names(), _Names()
        self._prompts: dict[int, NewPrompt] = {}
        self._next = 1
        self._references: dict[str, tuple[ReferenceKind, int, dict[bytes, ReferenceItem]]] = {}
        self._indicators: dict[str, Indicator] = {}

    def owners(self, keys: Sequence[OwnerKey]) -> list[Owner]:
        found = []
        for key in keys:
            account, organization = key.raw or ("", "")
            org = self._organizations
            found.append(
                Owner(
                    self._accounts.reference(key.account, account),
                    org.reference(key.organization, organization) if key.organization else 0,
                )
            )
        return found

    def allot(self, count: int) -> int:
        first, self._next = self._next, self._next + count
        return first

    def append(self, prompts: Sequence[NewPrompt]) -> None:
        ids = {p.request_id for p in self._prompts.values()}
        counts = Counter(p.request_id for p in prompts)
        if ids & counts.keys() or max(counts.values()) > 1:
            raise ValueError("a request_id is there already")
        self._prompts.update((p.outcome.seq, p) for p in prompts)

    def answered(self, request_ids: Sequence[str]) -> dict[str, Answered]:
        return {
            p.request_id: Answered(p.digest, p.outcome)
            for p in self._prompts.values()
            if p.request_id in request_ids
        }

    def embeddings(self, payload_hashes: Sequence[bytes]) -> dict[bytes, Embedding]:
        return {
            p.payload_hash: p.embedding
            for p in self._prompts.values()
            if p.payload_hash in payload_hashes
        }

    def keys(self, after: int, up_to: int, limit: int) -> list[PromptKeys]:
        held = [self._prompts[s] for s in sorted(self._prompts) if after < s <= up_to]
        return [
            PromptKeys(p.outcome.seq, p.request_id, p.payload_hash, p.observed_at)
            for p in held[:limit]
        ]

    def prompts(self, seqs: Sequence[int]) -> dict[int, RecordedPrompt]:
        return {seq: _recorded(self._prompts[seq]) for seq in seqs if seq in self._prompts}

    def vector(self, seq: int) -> npt.NDArray[np.float32] | None:
        prompt = self._prompts.get(seq)
        return prompt.embedding.vector if prompt else None

    def replay(
        self, after: int, up_to: int, batch: int, *, with_vectors: bool
    ) -> Iterator[ReplayBatch]:
        seqs = sorted(s for s in self._prompts if after < s <= up_to)
        for start in range(0, len(seqs), batch):
            part = [self._prompts[s] for s in seqs[start : start + batch]]
            rows = [
                (p.outcome.seq, p.owner.account, p.owner.organization, p.observed_at, p.family)
                for p in part
            ]
            vectors = np.stack([p.embedding.vector for p in part])
            yield ReplayBatch(
                np.array(rows, dtype=ROW_DTYPE),
                [p.payload_hash for p in part],
                [p.trace for p in part],
                vectors if with_vectors else vectors[:, :0],
            )

    def reference_sets(self) -> list[ReferenceSet]:
        return [
            ReferenceSet(name, kind, len(items), at)
            for name, (kind, at, items) in sorted(self._references.items())
        ]

    def reference_items(self, name: str) -> list[ReferenceItem]:
        _, _, items = self._references.get(name, (None, 0, {}))
        return [items[key] for key in sorted(items)]

    def reference_texts(self, name: str) -> dict[bytes, str | None]:
        return {item.hash: item.text for item in self.reference_items(name)}

    def add_references(
        self, name: str, kind: ReferenceKind, items: Sequence[ReferenceItem], at: int
    ) -> list[ReferenceItem]:
        _, _, held = self._references.setdefault(name, (kind, at, {}))
        new = {item.hash: item for item in items if item.hash not in held}
        held.update(new)
        return list(new.values())

    def delete_references(self, name: str) -> bool:
        return self._references.pop(name, None) is not None

    def last_seq(self) -> int:
        return max(self._prompts, default=0)

    def highest_seq(self) -> int:
        return self._next - 1

    def mark(self, seq: int) -> str:
        prompt = self._prompts.get(seq)
        return f"{prompt.digest.hex()}-{prompt.received_at}" if prompt else ""

    def find_account(self, hashes: Sequence[bytes]) -> int | None:
        return self._accounts.find(hashes)

    def find_organization(self, hashes: Sequence[bytes]) -> int | None:
        return self._organizations.find(hashes)

    def account_names(self, accounts: Sequence[int]) -> dict[int, Named]:
        return {a: self._accounts.named[a] for a in accounts if a in self._accounts.named}

    def organization_names(self, organizations: Sequence[int]) -> dict[int, Named]:
        named = self._organizations.named
        return {o: named[o] for o in organizations if o in named}

    def account_hashes(self, accounts: Sequence[int]) -> dict[int, list[bytes]]:
        found: dict[int, list[bytes]] = {}
        for value, account in self._accounts.by_hash.items():
            if account in accounts:
                found.setdefault(account, []).append(value)
        return found

    def account_facts(self, account: int) -> AccountFacts | None:
        mine = [p for p in self._prompts.values() if p.owner.account == account]
        if not mine:
            return None
        newest = sorted(mine, key=lambda p: (-p.observed_at, -p.outcome.seq))
        return AccountFacts(
            account,
            newest[-1].observed_at,
            newest[0].observed_at,
            len(mine),
            len({p.payload_hash for p in mine}),
            tuple(sorted({p.owner.organization for p in mine} - {0})),
            tuple(p.outcome.seq for p in newest[:20]),
        )

    def activity(self, accounts: Sequence[int], limit: int) -> Activity:
        mine = [p for p in self._prompts.values() if p.owner.account in accounts]
        rows = [
            (
                p.outcome.seq, p.owner.account, p.observed_at, p.family, p.trace.frame,
                p.family or p.outcome.seq,
            )
            for p in sorted(mine, key=lambda p: (p.observed_at, p.outcome.seq))
        ]  # fmt: skip
        return Activity(thinned(np.array(rows, ACTIVITY_DTYPE), limit), len(mine))

    def cut_prompts(self, seqs: Sequence[int]) -> dict[int, CutPrompt]:
        there = (self._prompts[s] for s in seqs if s in self._prompts)
        return {p.outcome.seq: CutPrompt(p.messages, p.cuts) for p in there}

    def save_indicators(self, indicators: Sequence[Indicator]) -> None:
        self._indicators.update({i.indicator_id: i for i in indicators})

    def indicators(self) -> list[Indicator]:
        found = self._indicators.values()
        return sorted(found, key=lambda i: (-i.imported_at, i.indicator_id))

    def delete_indicator(self, indicator_id: str) -> bool:
        return self._indicators.pop(indicator_id, None) is not None

    def purge(self, before: int, most: int = PURGED) -> int:
        due = [(p.observed_at, seq) for seq, p in self._prompts.items() if p.observed_at < before]
        old = sorted(due)[:most]
        for _, seq in old:
            del self._prompts[seq]
        return len(old)

    def check_writable(self) -> None:
        pass

    def close(self) -> None:
        pass


def _recorded(prompt: NewPrompt) -> RecordedPrompt:
    return RecordedPrompt(
        request_id=prompt.request_id,
        owner=prompt.owner,
        observed_at=prompt.observed_at,
        received_at=prompt.received_at,
        model=prompt.model,
        messages=prompt.messages,
        text_state="shown",
        attributes=prompt.attributes,
        tokens=prompt.embedding.tokens,
        outcome=prompt.outcome,
    )
