"""IngestService."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

from simsvc.core.ingest import Ingest, Result
from simsvc.domain.errors import InvalidError, SimsvcError, Violation
from simsvc.domain.prompt import Prompt
from simsvc.domain.validation import Limits
from simsvc.ports.clock import Clock
from simsvc.rpc.call import current_call
from simsvc.rpc.convert import outcome_message, prompt_of
from simsvc.rpc.errors import status_of
from simsvc.rpc.guard import Context
from simsvc.v1 import ingest_pb2, ingest_pb2_grpc, types_pb2

# Prompts of a stream that were read and whose acks were not: a caller may do that late or never.
_UNSENT = 1024


class IngestServicer(ingest_pb2_grpc.IngestServiceServicer):
    """See ingest.proto."""

    def __init__(self, ingest: Ingest, limits: Limits, clock: Clock) -> None:
        self._ingest = ingest
        self._limits = limits
        self._clock = clock

    async def ObservePrompt(
        self, request: ingest_pb2.ObservePromptRequest, context: Context
    ) -> ingest_pb2.ObservePromptResponse:
        """See ingest.proto."""
        [result] = await self._ingest.observe([self._prompt(request.prompt)])
        if isinstance(result, SimsvcError):
            raise result
        return ingest_pb2.ObservePromptResponse(outcome=outcome_message(result))

    async def BatchObservePrompts(
        self, request: ingest_pb2.BatchObservePromptsRequest, context: Context
    ) -> ingest_pb2.BatchObservePromptsResponse:
        """See ingest.proto."""
        self._check_size(len(request.prompts))
        read = [self._read(i, prompt) for i, prompt in enumerate(request.prompts)]
        good = [item for item in read if isinstance(item, Prompt)]
        observed = iter(await self._ingest.observe(good) if good else ())
        results: list[Result] = [
            next(observed) if isinstance(item, Prompt) else item for item in read
        ]
        return ingest_pb2.BatchObservePromptsResponse(
            results=map(_result, (p.request_id for p in request.prompts), results)
        )

    async def StreamPrompts(
        self, request_iterator: AsyncIterator[ingest_pb2.StreamPromptsRequest], context: Context
    ) -> AsyncIterator[ingest_pb2.StreamPromptsResponse]:
        """See ingest.proto."""
        acks: asyncio.Queue[ingest_pb2.ObserveResult | None] = asyncio.Queue()
        unsent = asyncio.Semaphore(_UNSENT)
        reader = asyncio.create_task(self._read_stream(request_iterator, acks, unsent))
        try:
            while (ack := await acks.get()) is not None:
                yield ingest_pb2.StreamPromptsResponse(result=ack)
                unsent.release()
            await reader
        finally:
            reader.cancel()

    async def _read_stream(
        self,
        requests: AsyncIterator[ingest_pb2.StreamPromptsRequest],
        acks: asyncio.Queue[ingest_pb2.ObserveResult | None],
        unsent: asyncio.Semaphore,
    ) -> None:
        """Read on only with a permit in hand, so that HTTP/2 pushes back on the sender.

        A permit goes back when a prompt is written, and `unsent` when its ack is.
        """
        index = 0
        try:
            async with asyncio.TaskGroup() as tasks:
                async for request in requests:
                    await unsent.acquire()
                    item = self._read(index, request.prompt)
                    index += 1
                    if isinstance(item, Prompt):
                        await self._ingest.wait_for_room()
                        tasks.create_task(self._observe_into(acks, item))
                    else:
                        acks.put_nowait(_result(request.prompt.request_id, item))
        finally:
            acks.put_nowait(None)

    async def _observe_into(
        self, acks: asyncio.Queue[ingest_pb2.ObserveResult | None], prompt: Prompt
    ) -> None:
        result: Result
        try:
            [result] = await self._ingest.observe([prompt], admitted=True)
        except SimsvcError as error:
            result = error
        acks.put_nowait(_result(prompt.request_id, result))

    def _read(self, index: int, message: types_pb2.Prompt) -> Prompt | SimsvcError:
        fault = current_call.get().faults.pop(index, None)
        if fault is not None:
            return InvalidError([fault.under("prompt")])
        try:
            return self._prompt(message)
        except InvalidError as error:
            return error

    def _prompt(self, message: types_pb2.Prompt) -> Prompt:
        return prompt_of(message, self._limits, self._clock.now())

    def _check_size(self, size: int) -> None:
        if not size:
            raise InvalidError([Violation("prompts", "REQUIRED", "must hold at least one prompt")])
        if size > self._limits.batch_prompts:
            limit = self._limits.batch_prompts
            raise InvalidError(
                [Violation("prompts", "TOO_MANY", f"holds more than {limit} prompts")]
            )


def _result(request_id: str, result: Result) -> ingest_pb2.ObserveResult:
    if isinstance(result, SimsvcError):
        return ingest_pb2.ObserveResult(request_id=request_id, error=status_of(result))
    return ingest_pb2.ObserveResult(request_id=request_id, outcome=outcome_message(result))
