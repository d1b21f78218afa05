"""Look-ups: similar prompts grouped by account, single prompts, accounts."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Executor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from simsvc.core.access import Principal
from simsvc.core.admission import Admission
from simsvc.core.stage import Stage, Stages
from simsvc.core.writer import Writer
from simsvc.domain.audit import AuditNote
from simsvc.domain.errors import InvalidError, NotFoundError, Violation
from simsvc.domain.grouping import Cursor, Page, page_of
from simsvc.domain.pseudonyms import Keyring, parse_pseudonym, pseudonym
from simsvc.domain.tokens import TokenSealer
from simsvc.domain.windows import normalised
from simsvc.ports.clock import Clock
from simsvc.ports.embedder import Priority
from simsvc.ports.index import IndexFilter
from simsvc.ports.record import AccountFacts, Named, Record, RecordedPrompt

T = TypeVar("T")
# The least score of two equal texts: vectors are stored in fp16.
_EQUAL = 1 - 5e-4
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# 1970 years, in µs: as far back as dates go, and far enough ahead.
_CALENDAR = 62_000_000_000_000_000
Vector = npt.NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class SearchFilter:
    """What a match must fulfil; ids are raw or pseudonyms, "" for any. Times are µs."""

    account_id: str
    organization_id: str
    start: int | None
    end: int | None
    min_similarity: float


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """Exactly one of `text`, `seq` and `vector` is set."""

    text: str | None
    seq: int | None
    vector: tuple[float, ...] | None
    where: SearchFilter
    page_size: int
    page_token: str
    per_account: int

    def fingerprint(self) -> str:
        """Return what a page token is bound to: the query and filter, not the page."""
        w = self.where
        query = [self.text, self.seq, self.vector]
        filters = [w.account_id, w.organization_id, w.start, w.end, w.min_similarity]
        return json.dumps([query, filters])


@dataclass(frozen=True, slots=True)
class Names:
    """What the accounts and organisations of an answer are called."""

    accounts: dict[int, Named]
    organizations: dict[int, Named]


@dataclass(frozen=True, slots=True)
class SearchResult:
    """A page of groups, with the prompts that it shows."""

    page: Page
    prompts: dict[int, RecordedPrompt]
    names: Names
    next_token: str


@dataclass(frozen=True, slots=True)
class _Hydrated:
    page: Page
    prompts: dict[int, RecordedPrompt]
    names: Names


class Lookup:
    """Reads for analysts. Each look-up is written down before it is answered."""

    def __init__(
        self,
        stages: Stages,
        writer: Writer,
        keyring: Keyring,
        sealer: TokenSealer,
        clock: Clock,
        readers: Executor,
        admission: Admission,
    ) -> None:
        self._admission = admission
        self._stages = stages
        self._writer = writer
        self._keyring = keyring
        self._sealer = sealer
        self._clock = clock
        self._readers = readers

    async def search(self, who: Principal, query: SearchQuery) -> SearchResult:
        """Return a page of matches grouped by account.

        Pages hold together: they are cut from the prompts that were there for the first one.
        """
        with self._permit():
            return await self._admitted_search(who, query)

    async def _admitted_search(self, who: Principal, query: SearchQuery) -> SearchResult:
        stage = self._stages.serving
        cursor, up_to = self._position(stage, query)
        await self._audit(who, "search", self._subject(query))
        vector = await self._vector(stage, query)
        found = await self._read(lambda: self._find(stage, query, vector, cursor, up_to))
        after = found.page.next
        token = ""
        if after:
            place = [after.score, after.account, up_to, stage.generation]
            token = self._sealer.seal(query.fingerprint(), place)
        return SearchResult(found.page, found.prompts, found.names, token)

    async def prompt(self, who: Principal, seq: int) -> tuple[RecordedPrompt, Names]:
        """Return one prompt. NotFoundError if the record does not hold it."""

        def read() -> tuple[RecordedPrompt, Names]:
            prompt = self._record.prompts([seq]).get(seq)
            if prompt is None:
                raise NotFoundError("prompt")
            return prompt, self._names([prompt.owner.account], [prompt.owner.organization])

        with self._permit():
            await self._audit(who, "prompt", str(seq))
            return await self._read(read)

    async def account(self, who: Principal, account_id: str) -> tuple[AccountFacts, Names]:
        """Return what the record says of an account. NotFoundError if it has no prompt of it."""

        def read() -> tuple[AccountFacts, Names]:
            account = self._record.find_account(self._hashes("acct", "account", account_id))
            facts = self._record.account_facts(account) if account else None
            if facts is None:
                raise NotFoundError("account")
            return facts, self._names([facts.account], facts.organizations)

        with self._permit():
            await self._audit(who, "account", self._pseudonym("acct", "account", account_id))
            return await self._read(read)

    @property
    def _record(self) -> Record:
        return self._stages.serving.record

    def _position(self, stage: Stage, query: SearchQuery) -> tuple[Cursor | None, int]:
        if not query.page_token:
            return None, stage.index.stats().last_seq
        score, account, up_to, generation = self._sealer.open(
            query.fingerprint(), query.page_token, "page_token"
        )
        if generation != stage.generation:
            # Its scores are of another model: a page cut by them would repeat or lose matches.
            text = "is of a generation that answers no more: begin again without it"
            raise InvalidError([Violation("page_token", "OTHER_GENERATION", text)])
        return Cursor(score, account), up_to

    def _find(
        self, stage: Stage, query: SearchQuery, vector: Vector, cursor: Cursor | None, up_to: int
    ) -> _Hydrated:
        where = self._index_filter(query.where, up_to)
        if where is None:
            return _Hydrated(Page((), None, 0, 0, 0), {}, Names({}, {}))
        hits = stage.index.over(vector, min(query.where.min_similarity, _EQUAL), where)
        page = page_of(hits, cursor, query.page_size, query.per_account)
        prompts = stage.record.prompts([seq for group in page.groups for seq in group.seqs])
        names = self._names([g.account for g in page.groups], [g.organization for g in page.groups])
        return _Hydrated(page, prompts, names)

    def _index_filter(self, where: SearchFilter, up_to: int) -> IndexFilter | None:
        """Return the filter by references, or None if it names somebody who was never seen."""
        account = organization = None
        if where.account_id:
            hashes = self._hashes("acct", "account", where.account_id)
            account = self._record.find_account(hashes)
            if account is None:
                return None
        if where.organization_id:
            hashes = self._hashes("org", "organization", where.organization_id)
            organization = self._record.find_organization(hashes)
            if organization is None:
                return None
        return IndexFilter(account, organization, where.start, where.end, up_to)

    @contextmanager
    def _permit(self) -> Iterator[None]:
        """Hold a permit. OverloadedError if there is none."""
        self._admission.admit(1)
        try:
            yield
        finally:
            self._admission.release(1)

    def _hashes(self, kind: str, domain: str, value: str) -> list[bytes]:
        named = parse_pseudonym(kind, value)
        hashes = [h.value for h in self._keyring.all_hashes(domain, value)]
        return [named, *hashes] if named else hashes

    def _names(self, accounts: Sequence[int], organizations: Sequence[int]) -> Names:
        return Names(
            self._record.account_names(sorted(set(accounts))),
            self._record.organization_names(sorted({o for o in organizations if o})),
        )

    async def _vector(self, stage: Stage, query: SearchQuery) -> Vector:
        if query.text is not None:
            [embedding] = await stage.embedder.embed([query.text], Priority.LOOKUP)
            return embedding.vector
        if query.seq is not None:
            seq = query.seq
            stored = await self._read(lambda: stage.record.vector(seq))
            if stored is None:
                raise NotFoundError("prompt")
            return stored
        vector = np.asarray(query.vector, dtype=np.float32)
        if vector.shape != (stage.index.dimension,):
            raise _vector_error("WRONG_SIZE", f"must hold {stage.index.dimension} values")
        if not np.isfinite(vector).all():
            raise _vector_error("NOT_FINITE", "holds NaN or infinity")
        if not vector.any():
            raise _vector_error("ZERO", "has no direction")
        # Scaled first: the square of a large float overflows.
        [unit] = normalised((vector / np.abs(vector).max()).astype(np.float32)[None])
        return np.asarray(unit)

    def _subject(self, query: SearchQuery) -> str:
        """Say what was looked for, and among what: no text, no raw id."""
        where = query.where
        told = [f"prompt:{query.seq}" if query.seq is not None else "vector"]
        if query.text is not None:
            told = ["text:" + self._keyring.text_hash("payload", query.text).hex()]
        if where.account_id:
            told.append(self._pseudonym("acct", "account", where.account_id))
        if where.organization_id:
            told.append(self._pseudonym("org", "organization", where.organization_id))
        if where.start is not None:
            told.append(f"since:{_iso(where.start)}")
        if where.end is not None:
            told.append(f"until:{_iso(where.end)}")
        return " ".join(told)

    def _pseudonym(self, kind: str, domain: str, value: str) -> str:
        named = parse_pseudonym(kind, value)
        return pseudonym(kind, named or self._keyring.all_hashes(domain, value)[0].value)

    async def _audit(self, who: Principal, action: str, subject: str) -> None:
        entry = AuditNote(self._clock.now(), who.name, action, subject)
        await self._writer.call(lambda: self._record.append_audit([entry]))

    async def _read(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._readers, work)


def _iso(micros: int) -> str:
    """Return a time (µs) as ISO 8601 in UTC; the number where no calendar reaches it."""
    if abs(micros) > _CALENDAR:
        return f"{micros}us"
    return (_EPOCH + timedelta(microseconds=micros)).isoformat()


def _vector_error(reason: str, description: str) -> InvalidError:
    return InvalidError([Violation("vector.values", reason, description)])
