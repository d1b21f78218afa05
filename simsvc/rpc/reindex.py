"""ReindexService."""

from __future__ import annotations

from google.longrunning import operations_pb2

from simsvc.core.generations import Generations
from simsvc.core.insight.desk import Desk
from simsvc.core.reindex import ReindexSpec
from simsvc.domain.errors import InvalidError, Violation
from simsvc.domain.validation import Limits, id_violations
from simsvc.rpc.call import current_call
from simsvc.rpc.guard import Context
from simsvc.rpc.reindex_convert import message, operation, parameters, planned
from simsvc.v1 import reindex_pb2, reindex_pb2_grpc

_LEAST = {"segment_prompts": 16, "segment_merge": 0, "segment_largest": 16, "ann_prompts": 16}
_MODEL_BYTES = 4096


class ReindexServicer(reindex_pb2_grpc.ReindexServiceServicer):
    """See reindex.proto."""

    def __init__(self, generations: Generations, desk: Desk, limits: Limits) -> None:
        self._generations = generations
        self._desk = desk
        self._limits = limits

    async def StartReindex(
        self, request: reindex_pb2.StartReindexRequest, context: Context
    ) -> operations_pb2.Operation:
        """See reindex.proto."""
        wrong = [*_model_violations(request.model), *_index_violations(request.index)]
        if wrong:
            raise InvalidError(wrong)
        spec = ReindexSpec(request.model, parameters(request.index))
        if not request.validate_only:
            # Which generation that makes is known when it is planned; "" is the model of now.
            await self._note("start_reindex", request.model)
        plan = await self._generations.start(spec, validate_only=request.validate_only)
        if request.validate_only:
            return planned(plan, message(plan.generation))
        return operation(plan.job, None)

    async def ListGenerations(
        self, request: reindex_pb2.ListGenerationsRequest, context: Context
    ) -> reindex_pb2.ListGenerationsResponse:
        """See reindex.proto."""
        found = await self._generations.all()
        return reindex_pb2.ListGenerationsResponse(generations=map(message, found))

    async def ActivateGeneration(
        self, request: reindex_pb2.ActivateGenerationRequest, context: Context
    ) -> operations_pb2.Operation:
        """See reindex.proto."""
        self._check(request.generation_id)
        await self._note("activate", request.generation_id)
        return operation(await self._generations.activate(request.generation_id), None)

    async def RollbackGeneration(
        self, request: reindex_pb2.RollbackGenerationRequest, context: Context
    ) -> operations_pb2.Operation:
        """See reindex.proto."""
        await self._note("roll_back", "")
        return operation(await self._generations.roll_back(), None)

    async def DeleteGeneration(
        self, request: reindex_pb2.DeleteGenerationRequest, context: Context
    ) -> reindex_pb2.DeleteGenerationResponse:
        """See reindex.proto."""
        self._check(request.generation_id)
        await self._note("delete_generation", request.generation_id)
        await self._generations.delete(request.generation_id)
        return reindex_pb2.DeleteGenerationResponse()

    async def _note(self, action: str, subject: str) -> None:
        """Write down what is asked for, before it is done."""
        await self._desk.audit(current_call.get().principal, action, subject)

    def _check(self, generation_id: str) -> None:
        wrong = id_violations("generation_id", generation_id, self._limits)
        if wrong:
            raise InvalidError(wrong)


def _model_violations(model: str) -> list[Violation]:
    if len(model.encode()) > _MODEL_BYTES:
        return [Violation("model", "TOO_LONG", f"is longer than {_MODEL_BYTES} bytes")]
    if "\0" in model:
        return [Violation("model", "HOLDS_NUL", "holds a NUL character")]
    return []


def _index_violations(index: reindex_pb2.IndexParameters) -> list[Violation]:
    wrong = [
        Violation(f"index.{name}", "TOO_SMALL", f"must be at least {least}")
        for name, least in _LEAST.items()
        if index.HasField(name) and getattr(index, name) < least  # type: ignore[arg-type]
    ]
    if index.HasField("recall") and not 0 < index.recall <= 1:
        wrong.append(Violation("index.recall", "OUT_OF_RANGE", "must be above 0 and at most 1"))
    return wrong
