"""google.longrunning.Operations, for what takes long."""

from __future__ import annotations

import grpc
from google.longrunning import operations_pb2, operations_pb2_grpc
from google.protobuf import empty_pb2

from simsvc.core.generations import Generations
from simsvc.core.insight.desk import Desk
from simsvc.domain.errors import InvalidError, NotFoundError, Violation
from simsvc.domain.generation import Job, JobState
from simsvc.domain.tokens import TokenSealer
from simsvc.rpc.call import current_call
from simsvc.rpc.guard import Context
from simsvc.rpc.reindex_convert import PREFIX, operation

_PAGE = 50
_MOST = 1000
_LONGEST_WAIT = 3600.0


class OperationsServicer(operations_pb2_grpc.OperationsServicer):  # type: ignore[misc]
    """See operations.proto."""

    def __init__(self, generations: Generations, desk: Desk, sealer: TokenSealer) -> None:
        self._generations = generations
        self._desk = desk
        self._sealer = sealer

    async def GetOperation(
        self, request: operations_pb2.GetOperationRequest, context: Context
    ) -> operations_pb2.Operation:
        """See operations.proto."""
        return await self._answer(await self._generations.job(_job_id(request.name)))

    async def ListOperations(
        self, request: operations_pb2.ListOperationsRequest, context: Context
    ) -> operations_pb2.ListOperationsResponse:
        """See operations.proto. No filter is known."""
        if request.filter:
            raise InvalidError([Violation("filter", "NOT_OFFERED", "must be empty")])
        if request.name not in ("", "operations"):
            raise InvalidError([Violation("name", "UNKNOWN_NAME", 'must be "operations"')])
        if request.page_size < 0:
            raise InvalidError([Violation("page_size", "NEGATIVE", "must not be negative")])
        jobs = await self._generations.jobs()
        if request.page_token:
            at = self._sealer.open(PREFIX, request.page_token, "page_token")
            jobs = [job for job in jobs if _place(job) > at]
        size = min(request.page_size or _PAGE, _MOST)
        page = jobs[:size]
        more = len(jobs) > size
        return operations_pb2.ListOperationsResponse(
            operations=[await self._answer(job) for job in page],
            next_page_token=self._sealer.seal(PREFIX, _place(page[-1])) if more else "",
        )

    async def CancelOperation(
        self, request: operations_pb2.CancelOperationRequest, context: Context
    ) -> empty_pb2.Empty:
        """See operations.proto."""
        # A name of whatever length that is none goes no further.
        job_id = (await self._generations.job(_job_id(request.name))).job_id
        # As with generations: what is asked for is written down before it is done.
        await self._desk.audit(current_call.get().principal, "cancel_operation", request.name)
        await self._generations.cancel(job_id)
        return empty_pb2.Empty()

    async def DeleteOperation(
        self, request: operations_pb2.DeleteOperationRequest, context: Context
    ) -> empty_pb2.Empty:
        """Operations are kept, as a trace of what was done: UNIMPLEMENTED."""
        await context.abort(grpc.StatusCode.UNIMPLEMENTED, "operations are kept")
        return empty_pb2.Empty()

    async def WaitOperation(
        self, request: operations_pb2.WaitOperationRequest, context: Context
    ) -> operations_pb2.Operation:
        """See operations.proto. Without a timeout, an hour."""
        seconds = _LONGEST_WAIT
        if request.HasField("timeout"):
            seconds = request.timeout.seconds + request.timeout.nanos / 1e9
            if seconds < 0:
                raise InvalidError([Violation("timeout", "NEGATIVE", "must not be negative")])
        job = await self._generations.wait(_job_id(request.name), min(seconds, _LONGEST_WAIT))
        return await self._answer(job)

    async def _answer(self, job: Job) -> operations_pb2.Operation:
        done = job.state is JobState.SUCCEEDED
        generation = await self._generations.generation(job.generation_id) if done else None
        return operation(job, generation)


def _job_id(name: str) -> str:
    if not name.startswith(PREFIX):
        raise NotFoundError("operation")
    if "\0" in name:
        # PostgreSQL takes none in a text.
        raise InvalidError([Violation("name", "NUL", "holds a NUL character")])
    return name.removeprefix(PREFIX)


def _place(job: Job) -> list[int | str]:
    return [-job.created_at, job.job_id]
