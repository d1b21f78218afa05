"""Taking prompts in: once each, and acknowledged only when they are on disk."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace

import numpy as np

from simsvc.core.admission import Admission
from simsvc.core.coalesce import Coalescer
from simsvc.core.commit import Pending
from simsvc.core.writer import Writer
from simsvc.domain.errors import RequestIdReusedError, SimsvcError, UnavailableError
from simsvc.domain.prompt import Outcome, Prompt, Views, prefix_text, views_of
from simsvc.domain.pseudonyms import Keyring
from simsvc.ports.clock import Clock
from simsvc.ports.embedder import Embedder, Embedding, Priority
from simsvc.ports.record import Answered, OwnerKey, Record

Result = Outcome | SimsvcError
_Source = asyncio.Future[Outcome] | Answered | RequestIdReusedError
_RECENT = 16_384
_READ = 512


@dataclass(slots=True)
class IngestCounters:
    """What happened so far."""

    observed: int = 0
    repeated_requests: int = 0
    repeated_texts: int = 0
    capped: int = 0


@dataclass(frozen=True, slots=True)
class _Arrival:
    prompt: Prompt
    digest: bytes
    views: Views
    payload_hash: bytes


class Ingest:
    """The use case behind all three ingest calls. Used from one event loop."""

    def __init__(
        self,
        record: Record,
        embedder: Embedder,
        writer: Writer,
        admission: Admission,
        keyring: Keyring,
        clock: Clock,
        readers: Executor,
        *,
        keep_raw_ids: bool,
    ) -> None:
        self._answered = Coalescer(record.answered, readers, _READ)
        self._embedded = Coalescer(record.embeddings, readers, _READ)
        self._embedder = embedder
        self._writer = writer
        self._admission = admission
        self._keyring = keyring
        self._clock = clock
        self._keep_raw_ids = keep_raw_ids
        self._recent: OrderedDict[str, Answered] = OrderedDict()
        self._in_flight: dict[str, tuple[bytes, asyncio.Future[Outcome]]] = {}
        self.counters = IngestCounters()

    async def wait_for_room(self) -> None:
        """Take the permit for one prompt as soon as there is one; `observe` gives it back."""
        await self._admission.wait(1)

    async def observe(self, prompts: Sequence[Prompt], *, admitted: bool = False) -> list[Result]:
        """Take prompts in; return an outcome or error for each, in order.

        Raises OverloadedError where there is no room, unless they are `admitted` already, and
        UnavailableError if the record cannot be written: none of the new ones is then taken.
        """
        arrivals = [self._arrival(p) for p in prompts]
        if not admitted:
            if all(a.prompt.request_id in self._recent for a in arrivals):
                return [self._repeat(a, self._recent[a.prompt.request_id]) for a in arrivals]
            self._admission.admit(len(arrivals))
        try:
            return await self._admitted(arrivals)
        finally:
            self._admission.release(len(arrivals))

    def _arrival(self, prompt: Prompt) -> _Arrival:
        views = views_of(prompt.messages)
        return _Arrival(
            prompt, prompt.digest(), views, self._keyring.text_hash("payload", views.payload)
        )

    async def _admitted(self, arrivals: Sequence[_Arrival]) -> list[Result]:
        fresh: dict[str, tuple[_Arrival, asyncio.Future[Outcome]]] = {}
        joined: list[tuple[_Arrival, _Source]] = []
        known, seen_texts = await self._look_up(arrivals)
        loop = asyncio.get_running_loop()
        for arrival in arrivals:
            request_id = arrival.prompt.request_id
            if request_id in self._in_flight:
                digest, future = self._in_flight[request_id]
                same = digest == arrival.digest
                joined.append((arrival, future if same else RequestIdReusedError()))
            elif answer := known.get(request_id) or self._recent.get(request_id):
                joined.append((arrival, answer))
            else:
                future = loop.create_future()
                self._in_flight[request_id] = (arrival.digest, future)
                fresh[request_id] = (arrival, future)
                joined.append((arrival, future))
        try:
            if fresh:
                await self._take(list(fresh.values()), seen_texts)
            return [await self._result(a, source) for a, source in joined]
        finally:
            self._settle(fresh)

    async def _look_up(
        self, arrivals: Sequence[_Arrival]
    ) -> tuple[dict[str, Answered], dict[bytes, Embedding]]:
        ids = [a.prompt.request_id for a in arrivals]
        hashes = [a.payload_hash for a in arrivals]
        return await asyncio.gather(self._answered.get(ids), self._embedded.get(hashes))

    async def _take(
        self,
        fresh: Sequence[tuple[_Arrival, asyncio.Future[Outcome]]],
        seen_texts: dict[bytes, Embedding],
    ) -> None:
        """Embed and record; the futures resolve on the way."""
        missing = {a.payload_hash: a.views.payload for a, _ in fresh}
        missing = {h: text for h, text in missing.items() if h not in seen_texts}
        self.counters.repeated_texts += len(fresh) - len(missing)
        made = await self._embedder.embed(list(missing.values()), Priority.INGEST)
        embeddings = seen_texts | {h: _as_stored(e) for h, e in zip(missing, made, strict=True)}
        now = self._clock.now()
        writes = [
            self._writer.submit(self._pending(arrival, embeddings[arrival.payload_hash], now))
            for arrival, _ in fresh
        ]
        outcomes = await asyncio.gather(*writes)
        for (arrival, future), outcome in zip(fresh, outcomes, strict=True):
            self._remember(arrival, outcome)
            future.set_result(outcome)

    def _pending(self, arrival: _Arrival, embedding: Embedding, now: int) -> Pending:
        prompt, keyring = arrival.prompt, self._keyring
        org = prompt.organization_id
        raw = (prompt.account_id, org) if self._keep_raw_ids else None
        owner = OwnerKey(
            tuple(keyring.all_hashes("account", prompt.account_id)),
            tuple(keyring.all_hashes("organization", org)) if org else (),
            raw,
        )
        return Pending(
            prompt=prompt,
            digest=arrival.digest,
            owner=owner,
            received_at=now,
            frame_hash=keyring.text_hash("frame", arrival.views.frame),
            payload_hash=arrival.payload_hash,
            prefix_hash=keyring.text_hash("prefix", prefix_text(arrival.views.prefix)),
            embedding=embedding,
        )

    async def _result(self, arrival: _Arrival, source: _Source) -> Result:
        if isinstance(source, Answered):
            return self._repeat(arrival, source)
        if isinstance(source, RequestIdReusedError):
            return source
        try:
            return await asyncio.shield(source)
        except SimsvcError as error:
            return error

    def _repeat(self, arrival: _Arrival, answer: Answered) -> Result:
        self.counters.repeated_requests += 1
        return answer.outcome if answer.digest == arrival.digest else RequestIdReusedError()

    def _remember(self, arrival: _Arrival, outcome: Outcome) -> None:
        self.counters.observed += 1
        self.counters.capped += outcome.capped
        self._recent[arrival.prompt.request_id] = Answered(arrival.digest, outcome)
        if len(self._recent) > _RECENT:
            self._recent.popitem(last=False)

    def _settle(self, fresh: dict[str, tuple[_Arrival, asyncio.Future[Outcome]]]) -> None:
        """Leave no request in flight, whatever became of it."""
        for request_id, (_, future) in fresh.items():
            del self._in_flight[request_id]
            if not future.done():
                future.set_exception(UnavailableError("the first attempt was abandoned"))
                future.exception()  # It is retrieved here, in case nobody else waits for it.


def _as_stored(embedding: Embedding) -> Embedding:
    """Round to the record's fp16, so that a replay works with the very same numbers."""
    rounded = embedding.vector.astype(np.float16).astype(np.float32)
    return replace(embedding, vector=rounded)
