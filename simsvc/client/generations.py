"""Generations and the operations that make them, in both clients."""

# ruff: noqa: ASYNC109  (a timeout here is gRPC's deadline, which the server gets to know)

from __future__ import annotations

from collections.abc import Callable, Mapping

import grpc
import grpc.aio
from google.longrunning import operations_pb2, operations_pb2_grpc

from simsvc.client import _requests as requests
from simsvc.client._calls import AsyncCalls, Calls
from simsvc.client.operations import (
    WAIT,
    Generation,
    IndexOptions,
    Operation,
    Waiting,
    generation_of,
    operation_of,
    start_request,
)
from simsvc.v1 import reindex_pb2, reindex_pb2_grpc


class GenerationCalls(Calls):
    """What `Client` calls of ReindexService and Operations.

    What begins or deletes something is not retried: after a call that failed, look first.
    """

    def __init__(self, channel: grpc.Channel) -> None:
        super().__init__(channel)
        self._reindex = reindex_pb2_grpc.ReindexServiceStub(channel)
        self._operations = operations_pb2_grpc.OperationsStub(channel)

    def generations(self, timeout: float | None = requests.READ_TIMEOUT) -> list[Generation]:
        """Return the generations, oldest first."""
        request = reindex_pb2.ListGenerationsRequest()
        answer = self._call(self._reindex.ListGenerations, request, timeout)
        return list(map(generation_of, answer.generations))

    def start_reindex(
        self,
        model: str = "",
        *,
        index: Mapping[str, int | float] | IndexOptions | None = None,
        validate_only: bool = False,
        timeout: float | None = requests.LOAD_TIMEOUT,
    ) -> Operation:
        """Plan another generation: of another model, with another index, or both.

        With `validate_only` all is checked, and the operation says what would be done.
        """
        request = start_request(model, index, validate_only=validate_only)
        return operation_of(self._call(self._reindex.StartReindex, request, timeout))

    def activate_generation(
        self, generation_id: str, timeout: float | None = requests.READ_TIMEOUT
    ) -> Operation:
        """Let a generation answer, once it has all prompts."""
        request = reindex_pb2.ActivateGenerationRequest(generation_id=generation_id)
        return operation_of(self._call(self._reindex.ActivateGeneration, request, timeout))

    def roll_back_generation(self, timeout: float | None = requests.READ_TIMEOUT) -> Operation:
        """Let the generation answer again that answered before."""
        request = reindex_pb2.RollbackGenerationRequest()
        return operation_of(self._call(self._reindex.RollbackGeneration, request, timeout))

    def delete_generation(
        self, generation_id: str, timeout: float | None = requests.LOAD_TIMEOUT
    ) -> None:
        """Delete a generation that neither answers nor is being built."""
        request = reindex_pb2.DeleteGenerationRequest(generation_id=generation_id)
        self._call(self._reindex.DeleteGeneration, request, timeout)

    def operation(self, name: str, timeout: float | None = requests.READ_TIMEOUT) -> Operation:
        """Return how far an operation is."""
        request = operations_pb2.GetOperationRequest(name=name)
        return operation_of(self._call(self._operations.GetOperation, request, timeout))

    def operations(self, timeout: float | None = requests.READ_TIMEOUT) -> list[Operation]:
        """Return all operations, newest first. The timeout is that of each page."""
        request = operations_pb2.ListOperationsRequest(name="operations")
        pages = self._pages(self._operations.ListOperations, request, timeout)
        return [operation_of(answer) for page in pages for answer in page.operations]

    def cancel_operation(self, name: str, timeout: float | None = requests.READ_TIMEOUT) -> None:
        """Ask an operation to stop. One that has ended stays as it is."""
        request = operations_pb2.CancelOperationRequest(name=name)
        self._call(self._operations.CancelOperation, request, timeout)

    def wait_for_operation(
        self,
        name: str,
        timeout: float | None = None,
        progress: Callable[[Operation], None] | None = None,
    ) -> Operation:
        """Return an operation once it is done, or as it is after `timeout`.

        `progress` is told of it every second or so. OperationError, a SimsvcRpcError, if it ended
        in an error. The operation goes on if waiting for it fails or is given up.
        """
        waiting = Waiting(name, timeout)
        while True:
            answer = self._call(
                self._operations.WaitOperation, waiting.request(), WAIT + requests.READ_TIMEOUT
            )
            operation = operation_of(answer)
            if progress is not None:
                progress(operation)
            if waiting.is_over(operation):
                return operation


class AsyncGenerationCalls(AsyncCalls):
    """What `AsyncClient` calls of ReindexService and Operations."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        super().__init__(channel)
        self._reindex = reindex_pb2_grpc.ReindexServiceStub(channel)
        self._operations = operations_pb2_grpc.OperationsStub(channel)

    async def generations(self, timeout: float | None = requests.READ_TIMEOUT) -> list[Generation]:
        """See `Client.generations`."""
        request = reindex_pb2.ListGenerationsRequest()
        answer = await self._call(self._reindex.ListGenerations, request, timeout)
        return list(map(generation_of, answer.generations))

    async def start_reindex(
        self,
        model: str = "",
        *,
        index: Mapping[str, int | float] | IndexOptions | None = None,
        validate_only: bool = False,
        timeout: float | None = requests.LOAD_TIMEOUT,
    ) -> Operation:
        """See `Client.start_reindex`."""
        request = start_request(model, index, validate_only=validate_only)
        return operation_of(await self._call(self._reindex.StartReindex, request, timeout))

    async def activate_generation(
        self, generation_id: str, timeout: float | None = requests.READ_TIMEOUT
    ) -> Operation:
        """See `Client.activate_generation`."""
        request = reindex_pb2.ActivateGenerationRequest(generation_id=generation_id)
        return operation_of(await self._call(self._reindex.ActivateGeneration, request, timeout))

    async def roll_back_generation(
        self, timeout: float | None = requests.READ_TIMEOUT
    ) -> Operation:
        """See `Client.roll_back_generation`."""
        request = reindex_pb2.RollbackGenerationRequest()
        return operation_of(await self._call(self._reindex.RollbackGeneration, request, timeout))

    async def delete_generation(
        self, generation_id: str, timeout: float | None = requests.LOAD_TIMEOUT
    ) -> None:
        """See `Client.delete_generation`."""
        request = reindex_pb2.DeleteGenerationRequest(generation_id=generation_id)
        await self._call(self._reindex.DeleteGeneration, request, timeout)

    async def operation(
        self, name: str, timeout: float | None = requests.READ_TIMEOUT
    ) -> Operation:
        """See `Client.operation`."""
        request = operations_pb2.GetOperationRequest(name=name)
        return operation_of(await self._call(self._operations.GetOperation, request, timeout))

    async def operations(self, timeout: float | None = requests.READ_TIMEOUT) -> list[Operation]:
        """See `Client.operations`."""
        request = operations_pb2.ListOperationsRequest(name="operations")
        pages = self._pages(self._operations.ListOperations, request, timeout)
        return [operation_of(answer) async for page in pages for answer in page.operations]

    async def cancel_operation(
        self, name: str, timeout: float | None = requests.READ_TIMEOUT
    ) -> None:
        """See `Client.cancel_operation`."""
        request = operations_pb2.CancelOperationRequest(name=name)
        await self._call(self._operations.CancelOperation, request, timeout)

    async def wait_for_operation(
        self,
        name: str,
        timeout: float | None = None,
        progress: Callable[[Operation], None] | None = None,
    ) -> Operation:
        """See `Client.wait_for_operation`."""
        waiting = Waiting(name, timeout)
        while True:
            answer = await self._call(
                self._operations.WaitOperation, waiting.request(), WAIT + requests.READ_TIMEOUT
            )
            operation = operation_of(answer)
            if progress is not None:
                progress(operation)
            if waiting.is_over(operation):
                return operation
