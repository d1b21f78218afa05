"""Taking prompts in: once each, and acknowledged only when they are on disk."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from simsvc.core.admission import Admission
from simsvc.core.commit import Pending, StaleEmbeddingError
from simsvc.core.embedding import Embeddings, Known, embed_for
from simsvc.core.past import Key, Past
from simsvc.core.stage import Stages
from simsvc.core.views import Dissector, Parts
from simsvc.core.writer import Writer
from simsvc.domain.errors import RequestIdReusedError, SimsvcError, UnavailableError
from simsvc.domain.prompt import Outcome, Prompt
from simsvc.domain.pseudonyms import Keyring
from simsvc.ports.clock import Clock
from simsvc.ports.embedder import Priority
from simsvc.ports.record import Answered, OwnerKey

T = TypeVar("T")
Result = Outcome | SimsvcError
_Source = asyncio.Future[Outcome] | Answered | RequestIdReusedError
_RECENT = 16_384
_FEW = 4


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
    parts: Parts
    payload_hash: bytes

    @property
    def key(self) -> Key:
        """What the record may know it by."""
        return self.prompt.request_id, self.payload_hash


@dataclass(slots=True)
class _Permits:
    """What a call has to give back. Those of prompts with the writer go back when it is done."""

    held: int


class Ingest:
    """The use case behind all three ingest calls. Used from one event loop."""

    def __init__(
        self,
        stages: Stages,
        writer: Writer,
        admission: Admission,
        past: Past,
        dissector: Dissector,
        keyring: Keyring,
        clock: Clock,
        taking: Executor,
        *,
        keep_raw_ids: bool,
    ) -> None:
        self._stages = stages
        self._past = past
        self._taking = taking
        self._writer = writer
        self._admission = admission
        self._dissector = dissector
        self._keyring = keyring
        self._clock = clock
        self._keep_raw_ids = keep_raw_ids
        self._recent: OrderedDict[str, Answered] = OrderedDict()
        self._in_flight: dict[str, tuple[bytes, asyncio.Future[Outcome]]] = {}
        self._completing: set[asyncio.Task[UnavailableError | None]] = set()
        self.counters = IngestCounters()

    async def wait_for_room(self) -> None:
        """Take the permit for one prompt as soon as there is one; `observe` gives it back."""
        await self._admission.wait(1)

    async def observe(self, prompts: Sequence[Prompt], *, admitted: bool = False) -> list[Result]:
        """Take prompts in; return an outcome or error for each, in order.

        Raises OverloadedError where there is no room, unless they are `admitted` already, and
        UnavailableError if the record cannot be written: send them again, those taken are known.
        """
        if not admitted:
            answers = [self._recent.get(p.request_id) for p in prompts]
            if all(answers):
                known = zip(await self._beside(_digests, prompts), answers, strict=True)
                return [self._repeat(digest, answer) for digest, answer in known if answer]
            self._admission.admit(len(prompts))
        permits = _Permits(len(prompts))
        try:
            return await self._admitted(await self._beside(self._taken_apart, prompts), permits)
        finally:
            self._admission.release(permits.held)

    async def _beside(
        self, work: Callable[[Sequence[Prompt]], list[T]], prompts: Sequence[Prompt]
    ) -> list[T]:
        """Do some work on prompts; on many beside the event loop, which others wait for."""
        if len(prompts) <= _FEW:
            return work(prompts)
        return await asyncio.get_running_loop().run_in_executor(self._taking, work, prompts)

    def _taken_apart(self, prompts: Sequence[Prompt]) -> list[_Arrival]:
        payload_hash = partial(self._keyring.text_hash, "payload")
        return [
            _Arrival(prompt, prompt.digest(), parts, payload_hash(parts.payload))
            for prompt, parts in zip(
                prompts, self._dissector.take_all_apart([p.messages for p in prompts]), strict=True
            )
        ]

    async def _admitted(self, arrivals: Sequence[_Arrival], permits: _Permits) -> list[Result]:
        fresh: dict[str, tuple[_Arrival, asyncio.Future[Outcome]]] = {}
        joined: list[tuple[_Arrival, _Source]] = []
        if len(arrivals) <= _FEW and any(self._past.may_hold(a.key) for a in arrivals):
            # An idle model need not wait for what the record says of them.
            payloads = [a.parts.payload for a in arrivals]
            self._stages.serving.embedder.begin(payloads, Priority.INGEST)
        known, seen_texts = await self._past.look_up([a.key for a in arrivals])
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
                self._past.note(arrival.key, arrival.prompt.observed_at)
                fresh[request_id] = (arrival, future)
                joined.append((arrival, future))
        if fresh:
            await self._take(list(fresh.values()), seen_texts, permits)
        return [await self._result(a, source) for a, source in joined]

    async def _take(
        self,
        fresh: Sequence[tuple[_Arrival, asyncio.Future[Outcome]]],
        seen_texts: dict[bytes, Known],
        permits: _Permits,
    ) -> None:
        """Embed and record; the futures resolve on the way.

        A caller who leaves stops this up to the moment when the prompts are handed to the writer,
        and not after: a request stays in flight, and keeps its permit, until it is known what
        became of it.
        """
        try:
            embeddings = await self._embed([a for a, _ in fresh], seen_texts)
            now = self._clock.now()
            writes = [
                self._writer.submit(self._pending(arrival, embeddings[arrival.payload_hash], now))
                for arrival, _ in fresh
            ]
        except BaseException:
            for arrival, future in fresh:
                self._settle(arrival, future, UnavailableError("the first attempt was abandoned"))
            raise
        permits.held -= len(fresh)
        completing = asyncio.create_task(self._complete(fresh, writes))
        self._completing.add(completing)
        completing.add_done_callback(self._completing.discard)
        error = await asyncio.shield(completing)
        if error is not None:
            raise error

    async def _embed(
        self, arrivals: Sequence[_Arrival], seen_texts: dict[bytes, Known]
    ) -> dict[bytes, Embeddings]:
        texts = {a.payload_hash: a.parts.payload for a in arrivals}
        new = sum(1 for key in texts if key not in seen_texts)
        self.counters.repeated_texts += len(arrivals) - new
        return await embed_for(self._stages, texts, seen_texts, Priority.INGEST)

    async def _complete(
        self,
        fresh: Sequence[tuple[_Arrival, asyncio.Future[Outcome]]],
        writes: Sequence[asyncio.Future[Outcome]],
    ) -> UnavailableError | None:
        """Wait for every write; return an error if one failed."""
        failed = None
        try:
            for (arrival, future), write in zip(fresh, writes, strict=True):
                try:
                    outcome = await self._written(arrival, write)
                except UnavailableError as error:
                    failed = error
                    self._settle(arrival, future, error)
                else:
                    self._remember(arrival, outcome)
                    self._settle(arrival, future, outcome)
        finally:
            self._admission.release(len(fresh))
        return failed

    async def _written(self, arrival: _Arrival, write: asyncio.Future[Outcome]) -> Outcome:
        """Wait for a write; embed again what another generation took over before."""
        while True:
            try:
                return await write
            except StaleEmbeddingError:
                made = await self._embed([arrival], {})
                embeddings = made[arrival.payload_hash]
                write = self._writer.submit(self._pending(arrival, embeddings, self._clock.now()))

    def _pending(self, arrival: _Arrival, embeddings: Embeddings, now: int) -> Pending:
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
            frame_hash=keyring.text_hash("frame", arrival.parts.frame_text),
            payload_hash=arrival.payload_hash,
            parts=arrival.parts,
            embeddings=embeddings,
        )

    async def _result(self, arrival: _Arrival, source: _Source) -> Result:
        if isinstance(source, Answered):
            return self._repeat(arrival.digest, source)
        if isinstance(source, RequestIdReusedError):
            return source
        try:
            # Of most, `_take` has waited for the end.
            return source.result() if source.done() else await asyncio.shield(source)
        except SimsvcError as error:
            return error

    def _repeat(self, digest: bytes, answer: Answered) -> Result:
        self.counters.repeated_requests += 1
        return answer.outcome if answer.digest == digest else RequestIdReusedError()

    def _remember(self, arrival: _Arrival, outcome: Outcome) -> None:
        self.counters.observed += 1
        self.counters.capped += outcome.capped
        self._recent[arrival.prompt.request_id] = Answered(arrival.digest, outcome)
        if len(self._recent) > _RECENT:
            self._recent.popitem(last=False)

    def _settle(
        self, arrival: _Arrival, future: asyncio.Future[Outcome], result: Outcome | SimsvcError
    ) -> None:
        """Tell everybody who waits for a request, which is in flight no more."""
        del self._in_flight[arrival.prompt.request_id]
        if isinstance(result, SimsvcError):
            future.set_exception(result)
            future.exception()  # It is retrieved here, in case nobody else waits for it.
        else:
            future.set_result(result)


def _digests(prompts: Sequence[Prompt]) -> list[bytes]:
    return [prompt.digest() for prompt in prompts]
